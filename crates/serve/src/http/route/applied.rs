//! Routes that show what is applied, what each generation changed, and that go back to an earlier one.

use raccord_model::fact::Role;

use super::super::parameter::{Kind, Parameter};
use super::handler::Applied;
use super::{
    ALLOW_DELETE, ALLOW_REKEY, Body, GREATEST, Guard, Handler, Method, Operation, Route, SERIAL, TARGET,
    path, query,
};

const NUMBER: Parameter = path("number", Kind::Number(GREATEST, None), "The generation.");

/// They are part of [`super::ROUTES`].
pub(super) const ROUTES: &[Route] = &[
    Route {
        id: "problems",
        method: Method::Get,
        path: "/v1/problems",
        guard: Guard::Role(Role::Read),
        summary: "What is wrong with the configuration that was read last",
        description: "With file, line and column. Empty when it is good, and when the daemon applies what it is sent.",
        parameters: &[],
        body: Body::None,
        handler: Handler::Operation(Operation::Applied(Applied::Problems)),
        failures: &[],
    },
    Route {
        id: "resource",
        method: Method::Get,
        path: "/v1/resources/{kind}/{name}",
        guard: Guard::Role(Role::Read),
        summary: "What a resource of the generation in force says",
        description: "References to secrets stand there as they were written.",
        parameters: &[path("kind", Kind::ResourceKind, "The kind."), path("name", Kind::Name, "The name.")],
        body: Body::None,
        handler: Handler::Operation(Operation::Applied(Applied::Resource)),
        failures: &[404],
    },
    Route {
        id: "flows",
        method: Method::Get,
        path: "/v1/flows",
        guard: Guard::Role(Role::Read),
        summary: "What flows where",
        description: "For each transfer its source, its integrations, its entity, the store of that, and how it stands.",
        parameters: &[],
        body: Body::None,
        handler: Handler::Operation(Operation::Applied(Applied::Flows)),
        failures: &[],
    },
    Route {
        id: "difference",
        method: Method::Get,
        path: "/v1/history/{number}",
        guard: Guard::Role(Role::Read),
        summary: "What a generation changed, field by field",
        description: "The last hundred generations are kept.",
        parameters: &[
            NUMBER,
            query("limit", Kind::Number(10_000, None), "Of so many resources at most; of all without it."),
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::Applied(Applied::Difference)),
        failures: &[404],
    },
    Route {
        id: "planRollback",
        method: Method::Get,
        path: "/v1/history/{number}/plan",
        guard: Guard::Role(Role::Plan),
        summary: "What going back to a generation would change",
        description: "Changes nothing. Checkpoints, records and trips never go back.",
        parameters: &[NUMBER, TARGET, ALLOW_DELETE, ALLOW_REKEY],
        body: Body::None,
        handler: Handler::Operation(Operation::Applied(Applied::PlanRollback)),
        failures: &[404, 422],
    },
    Route {
        id: "rollback",
        method: Method::Post,
        path: "/v1/history/{number}/rollback",
        guard: Guard::Role(Role::Apply),
        summary: "Go back to the configuration of a generation",
        description: "Makes a new generation. Only when the state still has the serial that was planned on: otherwise \
            409. 400 when the daemon reads its configuration from files or a repository: change it there.",
        parameters: &[NUMBER, SERIAL, TARGET, ALLOW_DELETE, ALLOW_REKEY],
        body: Body::None,
        handler: Handler::Operation(Operation::Applied(Applied::Rollback)),
        failures: &[404, 409, 422],
    },
];
