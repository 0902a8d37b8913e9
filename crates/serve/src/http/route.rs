//! The table of what is served: every path with its method, who may ask, what it takes and what it answers.
//!
//! The router and the OpenAPI document are made from it, and the tests go through it, so that no route can be
//! documented otherwise than it works, or forgotten.

use raccord_model::fact::Role;

use super::parameter::{Kind, Parameter, Place};

mod applied;
mod data;
mod handler;
mod operate;

pub use handler::{Answer, Applied, Data, Handler, Operate, Operation};

/// One thing that is served.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// What tools that are made from the document call it.
    pub id: &'static str,
    /// How it is asked.
    pub method: Method,
    /// Where; a part in braces is a parameter.
    pub path: &'static str,
    /// Who may ask.
    pub guard: Guard,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What else there is to know.
    pub description: &'static str,
    /// What it takes beside the body.
    pub parameters: &'static [Parameter],
    /// What the body is.
    pub body: Body,
    /// What answers it.
    pub handler: Handler,
    /// How it may fail beyond what follows from the rest.
    pub failures: &'static [u16],
}

/// How a route is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Looks only.
    Get,
    /// Does something, or takes a body.
    Post,
    /// Takes something away.
    Delete,
}

impl Method {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Everybody who reaches the address.
    Open,
    /// Every client that reaches the address; one with a token that includes the role read sees more.
    Details,
    /// A sender that proves itself in a way that the source is configured for.
    Signature,
    /// A caller with a token that includes the role.
    Role(Role),
    /// A caller with a token that includes the role metrics, or every client when the daemon was told so.
    Metrics,
    /// A caller with a token that includes the role of what is asked.
    PerRequest,
}

/// What the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// A configuration: documents as JSON or YAML.
    Configuration,
    /// Any request of the engine.
    Request,
    /// Until when and why an integration pauses; may be left out.
    Pause,
    /// Whatever another service sends.
    Push,
}

const fn path(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Path, kind, is_required: true, description }
}

const fn query(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, kind, is_required: false, description }
}

const fn needed(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, kind, is_required: true, description }
}

const fn header(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Header, kind, is_required: false, description }
}

/// The greatest number that every reader of JSON holds exactly.
const GREATEST: u64 = (1 << 53) - 1;

/// The longest event that another service may name in a URL, in characters.
pub const MAX_EVENT: usize = 128;

const STACK: Parameter = path("stack", Kind::Name, "The stack.");
const SOURCE: Parameter = path("source", Kind::Name, "The source.");
const TARGET: Parameter =
    query("target", Kind::Keys, "Only this resource and what it depends on; can be repeated.");
const ALLOW_DELETE: Parameter = query(
    "allowDelete",
    Kind::Flag,
    "Allow resources, entities, fields, and rows that nothing reads again to be deleted.",
);
const ALLOW_REKEY: Parameter =
    query("allowRekey", Kind::Flag, "Allow rows to be dropped and read again under other keys.");
const SERIAL: Parameter =
    needed("serial", Kind::Number(GREATEST, None), "The serial of the plan that was looked at.");
const TRANSFER: Parameter = query("transfer", Kind::Name, "Only of this transfer.");
const LIMIT: Parameter = query("limit", Kind::Number(10_000, Some(100)), "At most so many.");
const PROTOCOL: Parameter =
    header(super::PROTOCOL_HEADER, Kind::Protocol, "The version of the protocol that the caller speaks.");
const REQUEST: Parameter = header(
    super::REQUEST_HEADER,
    Kind::Id,
    "How the caller calls this request, to ask for an early end of it.",
);

/// Everything that is served.
pub const ROUTES: &[Route] = &joined::<
    { GENERAL.len() + applied::ROUTES.len() + data::ROUTES.len() + operate::ROUTES.len() },
>(&[GENERAL, applied::ROUTES, data::ROUTES, operate::ROUTES]);

/// The routes of several tables in one.
const fn joined<const ALL: usize>(tables: &[&[Route]]) -> [Route; ALL] {
    let mut routes = [tables[0][0]; ALL];
    let (mut at, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            routes[at] = tables[table][row];
            (at, row) = (at + 1, row + 1);
        }
        table += 1;
    }
    routes
}

const GENERAL: &[Route] = &[
    Route {
        id: "health",
        method: Method::Get,
        path: "/healthz",
        guard: Guard::Open,
        summary: "Whether the process answers",
        description: "Says nothing of the configuration or of what runs.",
        parameters: &[],
        body: Body::None,
        handler: Handler::Health,
        failures: &[],
    },
    Route {
        id: "readiness",
        method: Method::Get,
        path: "/readyz",
        guard: Guard::Details,
        summary: "Whether the daemon runs what is due",
        description: "503 when it does not. With `strict`, also when the last configuration is bad or an \
            integration is disabled. What is not as it should be is only told to callers who have a token with the role read.",
        parameters: &[query("strict", Kind::Flag, "Whether every problem makes it not ready.")],
        body: Body::None,
        handler: Handler::Readiness,
        failures: &[],
    },
    Route {
        id: "metrics",
        method: Method::Get,
        path: "/metrics",
        guard: Guard::Metrics,
        summary: "Metrics, as Prometheus reads them",
        description: "Needs a token with the role metrics, unless the daemon was started with `--open-metrics`.",
        parameters: &[],
        body: Body::None,
        handler: Handler::Metrics,
        failures: &[],
    },
    Route {
        id: "receive",
        method: Method::Post,
        path: "/hooks/{stack}/{source}",
        guard: Guard::Signature,
        summary: "Take a webhook delivery",
        description: "The event stands in a header or in the body, as the source's webhook says. Answered with \
            204 when the delivery is durable; a stranger learns nothing but the status.",
        parameters: &[STACK, SOURCE],
        body: Body::Push,
        handler: Handler::Delivery,
        failures: &[],
    },
    Route {
        id: "receiveEvent",
        method: Method::Post,
        path: "/hooks/{stack}/{source}/{dataType}/{event}",
        guard: Guard::Signature,
        summary: "Take a webhook delivery of one event",
        description: "Answered with 204 when the delivery is durable; a stranger learns nothing but the status.",
        parameters: &[
            STACK,
            SOURCE,
            path("dataType", Kind::DataType, "The data type."),
            path("event", Kind::Word(MAX_EVENT), "The event, as the source's webhook names it."),
        ],
        body: Body::Push,
        handler: Handler::Delivery,
        failures: &[],
    },
    Route {
        id: "document",
        method: Method::Get,
        path: "/v1/openapi.json",
        guard: Guard::Open,
        summary: "This document",
        description: "It is the same for every daemon of a version, and says nothing of this one.",
        parameters: &[],
        body: Body::None,
        handler: Handler::Document,
        failures: &[],
    },
    Route {
        id: "status",
        method: Method::Get,
        path: "/v1/status",
        guard: Guard::Role(Role::Read),
        summary: "How everything stands",
        description: "What `raccord status` shows. With a parameter, how a part of it stands, which is answered sooner where \
            there is much; `leftOut` says how many transfers there are beyond the limit.",
        parameters: &[
            query("integration", Kind::Name, "Only of this integration and of the transfers that it wants."),
            query("transfer", Kind::Name, "Only of this transfer and of the integrations that want it."),
            query("held", Kind::Flag, "Only of transfers of which a run waits for a person."),
            query(
                "limit",
                Kind::Number(10_000, None),
                "Of so many transfers at most: 100 with another parameter, or all.",
            ),
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::Status),
        failures: &[404],
    },
    Route {
        id: "plan",
        method: Method::Post,
        path: "/v1/plan",
        guard: Guard::Role(Role::Plan),
        summary: "What applying a configuration would change",
        description: "Changes nothing and reads no secret. 422 with diagnostics when the configuration has mistakes.",
        parameters: &[TARGET, ALLOW_DELETE, ALLOW_REKEY],
        body: Body::Configuration,
        handler: Handler::Operation(Operation::Plan),
        failures: &[404, 422],
    },
    Route {
        id: "apply",
        method: Method::Post,
        path: "/v1/apply",
        guard: Guard::Role(Role::Apply),
        summary: "Apply a configuration",
        description: "One transaction, made only when the state still has the serial that was planned on: otherwise \
            409. 422 when the configuration has mistakes, or holds what was not allowed.",
        parameters: &[
            SERIAL,
            TARGET,
            ALLOW_DELETE,
            ALLOW_REKEY,
            query("commit", Kind::Word(64), "The commit that the configuration was read from."),
        ],
        body: Body::Configuration,
        handler: Handler::Operation(Operation::Apply),
        failures: &[404, 409, 422],
    },
    Route {
        id: "pending",
        method: Method::Get,
        path: "/v1/pending",
        guard: Guard::Role(Role::Read),
        summary: "The plan that waits for a person",
        description: "What the daemon loaded and its policy does not apply by itself. 404 when nothing waits.",
        parameters: &[],
        body: Body::None,
        handler: Handler::Operation(Operation::Pending),
        failures: &[404],
    },
    Route {
        id: "acceptPending",
        method: Method::Post,
        path: "/v1/pending/apply",
        guard: Guard::Role(Role::Apply),
        summary: "Apply the plan that waits",
        description: "Refused with 409 when another plan waits by now than the one that was looked at.",
        parameters: &[
            SERIAL,
            needed("configuration", Kind::Digest, "The digest of the configuration that the plan names."),
            ALLOW_DELETE,
            ALLOW_REKEY,
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::AcceptPending),
        failures: &[404, 409, 422],
    },
    Route {
        id: "history",
        method: Method::Get,
        path: "/v1/history",
        guard: Guard::Role(Role::Read),
        summary: "What was applied, newest first",
        description: "The last hundred generations are kept.",
        parameters: &[
            LIMIT,
            query("before", Kind::Number(GREATEST, None), "Only generations with a smaller number."),
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::History),
        failures: &[],
    },
    Route {
        id: "runs",
        method: Method::Get,
        path: "/v1/runs",
        guard: Guard::Role(Role::Read),
        summary: "Runs, newest first",
        description: "What `raccord runs` shows.",
        parameters: &[TRANSFER, LIMIT],
        body: Body::None,
        handler: Handler::Operation(Operation::Runs),
        failures: &[404],
    },
    Route {
        id: "approve",
        method: Method::Post,
        path: "/v1/runs/{id}/approve",
        guard: Guard::Role(Role::Operate),
        summary: "Let a held run do what it is held for: delete, empty fields, or go on",
        description: "400 when the run is not held, or a later one has replaced it.",
        parameters: &[path("id", Kind::Id, "The run.")],
        body: Body::None,
        handler: Handler::Operation(Operation::Approve),
        failures: &[404],
    },
    Route {
        id: "rejects",
        method: Method::Get,
        path: "/v1/rejects",
        guard: Guard::Role(Role::Read),
        summary: "Rejected records, newest first",
        description: "With the record as it came, unless the transfer does not keep it.",
        parameters: &[TRANSFER, query("group", Kind::Digest, "Only those of this group."), LIMIT],
        body: Body::None,
        handler: Handler::Operation(Operation::Rejects),
        failures: &[404],
    },
    Route {
        id: "deliveries",
        method: Method::Get,
        path: "/v1/deliveries",
        guard: Guard::Role(Role::Read),
        summary: "Deliveries of webhooks that wait, in the order in which they came",
        description: "What `raccord deliveries list` shows.",
        parameters: &[TRANSFER, LIMIT],
        body: Body::None,
        handler: Handler::Operation(Operation::Deliveries),
        failures: &[404],
    },
    Route {
        id: "pause",
        method: Method::Post,
        path: "/v1/integrations/{name}/pause",
        guard: Guard::Role(Role::Operate),
        summary: "Let an integration stand still",
        description: "No apply starts it again.",
        parameters: &[path("name", Kind::Name, "The integration.")],
        body: Body::Pause,
        handler: Handler::Operation(Operation::Pause),
        failures: &[404],
    },
    Route {
        id: "resume",
        method: Method::Post,
        path: "/v1/integrations/{name}/resume",
        guard: Guard::Role(Role::Operate),
        summary: "Start an integration again",
        description: "After a pause, or after the breaker disabled it.",
        parameters: &[path("name", Kind::Name, "The integration.")],
        body: Body::None,
        handler: Handler::Operation(Operation::Resume),
        failures: &[404],
    },
    Route {
        id: "audit",
        method: Method::Get,
        path: "/v1/audit",
        guard: Guard::Role(Role::Read),
        summary: "Who changed something, newest first",
        description: "What `raccord audit` shows.",
        parameters: &[LIMIT],
        body: Body::None,
        handler: Handler::Operation(Operation::Audit),
        failures: &[],
    },
    Route {
        id: "ask",
        method: Method::Post,
        path: "/v1/requests",
        guard: Guard::PerRequest,
        summary: "Ask what the command line asks",
        description: "Every verb of `raccord --server` is one such request; which role it needs depends on it. The \
            answer is one JSON value a line, as it comes, until `done` or `failed`; an empty line says only that \
            the server is still there. What fails before anything was answered has a status of its own.",
        parameters: &[PROTOCOL, REQUEST],
        body: Body::Request,
        handler: Handler::Conversation,
        failures: &[404, 409, 422],
    },
    Route {
        id: "stop",
        method: Method::Delete,
        path: "/v1/requests/{id}",
        guard: Guard::Role(Role::Read),
        summary: "Ask for an early end of a request of one's own",
        description: "What is under way ends after the page in hand, and the answer of the request says how. 404 \
            when the token has no such request under way.",
        parameters: &[path("id", Kind::Id, "The request, as its `raccord-request` header called it.")],
        body: Body::None,
        handler: Handler::Stop,
        failures: &[404],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_has_a_name_and_a_place_of_its_own() {
        let ids: BTreeSet<_> = ROUTES.iter().map(|route| route.id).collect();
        let places: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.as_str(), route.path)).collect();
        assert_eq!((ids.len(), places.len()), (ROUTES.len(), ROUTES.len()));
    }

    #[test]
    fn every_part_of_a_path_is_a_parameter() {
        for route in ROUTES {
            let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            let declared = route.parameters.iter().filter(|parameter| parameter.place == Place::Path);
            assert!(parts.eq(declared.map(|parameter| parameter.name)), "{}", route.path);
        }
    }

    #[test]
    fn what_is_under_the_versioned_path_needs_a_token() {
        for route in ROUTES.iter().filter(|route| route.path.starts_with("/v1/")) {
            let is_guarded = matches!(route.guard, Guard::Role(_) | Guard::PerRequest);
            assert!(is_guarded || route.handler == Handler::Document, "{}", route.path);
        }
    }
}
