//! Routes that have something done to what runs: run now, read again, replay, try out an alert.

use raccord_model::fact::Role;

use super::super::parameter::{Kind, Parameter};
use super::handler::Operate;
use super::{Body, Guard, Handler, Method, Operation, Route, path, query};

const INTEGRATION: Parameter = path("name", Kind::Name, "The integration.");
const TRANSFER: Parameter = path("name", Kind::Name, "The transfer.");

/// They are part of [`super::ROUTES`].
pub(super) const ROUTES: &[Route] = &[
    Route {
        id: "run",
        method: Method::Post,
        path: "/v1/integrations/{name}/run",
        guard: Guard::Role(Role::Operate),
        summary: "Run an integration now",
        description: "Answers when its runs have ended; they go on when the caller leaves.",
        parameters: &[INTEGRATION],
        body: Body::None,
        handler: Handler::Operation(Operation::Operate(Operate::Run)),
        failures: &[404],
    },
    Route {
        id: "testAlert",
        method: Method::Post,
        path: "/v1/integrations/{name}/alerts/test",
        guard: Guard::Role(Role::Operate),
        summary: "Tell everybody whom an integration alerts that this is a test",
        description: "Says of each whether the message was taken. 400 when the integration has no recipients.",
        parameters: &[INTEGRATION],
        body: Body::None,
        handler: Handler::Operation(Operation::Operate(Operate::TestAlert)),
        failures: &[404],
    },
    Route {
        id: "resync",
        method: Method::Post,
        path: "/v1/transfers/{name}/resync",
        guard: Guard::Role(Role::Operate),
        summary: "Read everything of a transfer again",
        description: "On its next run. With `since`, from that point on.",
        parameters: &[
            TRANSFER,
            query("since", Kind::Text(200), "From where, in the format of the source's incremental field."),
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::Operate(Operate::Resync)),
        failures: &[404],
    },
    Route {
        id: "replay",
        method: Method::Post,
        path: "/v1/transfers/{name}/rejects/replay",
        guard: Guard::Role(Role::Operate),
        summary: "Map rejected records of a transfer again and store those that pass",
        description: "All of them; one with `id`, those of a group with `group`. What else was rejected of the same \
            record later is replayed with it.",
        parameters: &[
            TRANSFER,
            query("id", Kind::RejectId, "This one alone."),
            query("group", Kind::Digest, "Those of this group alone."),
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::Operate(Operate::Replay)),
        failures: &[404],
    },
];
