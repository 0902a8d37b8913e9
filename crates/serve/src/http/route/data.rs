//! Routes that show stored records, where each comes from, and what was rejected.

use raccord_model::fact::Role;

use super::super::parameter::{Kind, Parameter};
use super::handler::Data;
use super::{Body, GREATEST, Guard, Handler, LIMIT, Method, Operation, Route, TRANSFER, path, query};

const ENTITY: Parameter = path("entity", Kind::Entity, "The entity, as project.entity.");

const TEXT: Parameter = query("text", Kind::Text(200), "Only what has this text in what is told of it.");
const SKIP: Parameter = query("skip", Kind::Number(GREATEST, Some(0)), "How many are passed over.");
const MOST: Parameter = query("limit", Kind::Number(10_000, Some(10_000)), "At most so many.");

/// They are part of [`super::ROUTES`].
pub(super) const ROUTES: &[Route] = &[
    Route {
        id: "entities",
        method: Method::Get,
        path: "/v1/entities",
        guard: Guard::Role(Role::Read),
        summary: "The entities, with their fields and how many records each has",
        description: "Those of the generation in force, by project and name. `total` says how many there are.",
        parameters: &[TEXT, SKIP, MOST],
        body: Body::None,
        handler: Handler::Operation(Operation::Data(Data::Entities)),
        failures: &[],
    },
    Route {
        id: "records",
        method: Method::Get,
        path: "/v1/records/{entity}",
        guard: Guard::Role(Role::Read),
        summary: "Stored records, in the order of their keys, page by page",
        description: "`next` says where the next page begins; it is the last one without it. A page of a search that \
            finds little may hold few records, or none, and have a next one all the same.",
        parameters: &[
            ENTITY,
            query(
                "where",
                Kind::Conditions,
                "Only records whose field has this value, as field=value; can be repeated.",
            ),
            query("after", Kind::Page, "Where the page begins, as `next` of the page before said."),
            query("held", Kind::Id, "Only records that go when this held run is approved."),
            LIMIT,
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::Data(Data::Records)),
        failures: &[404],
    },
    Route {
        id: "explain",
        method: Method::Get,
        path: "/v1/records/{entity}/explain",
        guard: Guard::Role(Role::Read),
        summary: "Where a record comes from, and what was rejected under its key",
        description: "What `raccord explain` shows.",
        parameters: &[
            ENTITY,
            query("key", Kind::Texts, "The value of a key field; repeated for each of them, in their order."),
        ],
        body: Body::None,
        handler: Handler::Operation(Operation::Data(Data::Explain)),
        failures: &[404],
    },
    Route {
        id: "rejectGroups",
        method: Method::Get,
        path: "/v1/rejects/groups",
        guard: Guard::Role(Role::Read),
        summary: "Rejected records by transfer, field and reason, the most frequent first",
        description: "What `raccord rejects summary` shows. `total` says how many groups there are.",
        parameters: &[TRANSFER, TEXT, SKIP, MOST],
        body: Body::None,
        handler: Handler::Operation(Operation::Data(Data::RejectGroups)),
        failures: &[404],
    },
    Route {
        id: "reject",
        method: Method::Get,
        path: "/v1/rejects/{id}",
        guard: Guard::Role(Role::Read),
        summary: "One rejected record",
        description: "With the record as it came, unless the transfer does not keep it.",
        parameters: &[path("id", Kind::RejectId, "The reject.")],
        body: Body::None,
        handler: Handler::Operation(Operation::Data(Data::Reject)),
        failures: &[404],
    },
];
