//! The OpenAPI document, made from the table of routes and from the types that travel.

use std::collections::BTreeSet;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use raccord_plan::Plan;
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::answer::{
    Alerts, Applied, Audit, Deliveries, Done, Entities, Flows, Generations, Problems, Records, RejectGroups,
    Rejects, Runs,
};
use super::operation::Pause;
use super::parameter::{Kind, Parameter, Place};
use super::problem::{PROBLEM, Problem};
use super::route::{Answer, Body, Guard, Handler, ROUTES, Route};
use super::upload::Configuration;
use super::{NDJSON, Readiness};
use crate::request::{Difference, Explanation, RejectView, Request, ResourceView, RunReport, Status};
use crate::transport::Part;

/// The document as it stands in `schemas/openapi.json`.
pub fn text() -> String {
    // A document of texts and numbers always has a JSON form.
    serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n"
}

/// The answer that shows it.
pub(super) fn response(text: &Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text.clone()).into_response()
}

/// The document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route, &mut schemas);
    }
    let problems = problems(&mut schemas);
    let mut definitions = Value::Object(schemas.take_definitions(true));
    settle(&mut definitions);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Raccord",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What `raccord watch --listen` serves: health and metrics, webhooks, and the API with which \
                CI plans and applies. Errors are problem documents (RFC 9457). The version in the path changes only \
                when something would break; members may be added.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": problems,
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token that `raccord token create` has made, with the role that the operation names. \
                    The role apply includes plan, plan and operate include read, and every role includes metrics.",
            } },
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "description": route.description,
        "parameters": route.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "responses": responses(route, schemas),
    });
    if let Some(body) = body(route.body, schemas) {
        operation["requestBody"] = body;
    }
    operation["security"] = match route.guard {
        Guard::Open | Guard::Signature => json!([]),
        Guard::Details => json!([{}, { "token": ["read"] }]),
        Guard::Metrics => json!([{ "token": ["metrics"] }]),
        Guard::Role(role) => json!([{ "token": [role.as_str()] }]),
        Guard::PerRequest => json!([{ "token": [] }]),
    };
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut described = json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": parameter.kind.schema(),
    });
    if parameter.kind == Kind::Flag {
        described["allowEmptyValue"] = true.into();
    }
    described
}

fn schema<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().into()
}

fn body(body: Body, schemas: &mut SchemaGenerator) -> Option<Value> {
    let json_of = |schema: Value| json!({ "application/json": { "schema": schema } });
    let (required, content) = match body {
        Body::None => return None,
        Body::Pause => (false, json_of(schema::<Pause>(schemas))),
        Body::Configuration => {
            let documents = example();
            let yaml = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
            (
                true,
                json!({
                    "application/json": {
                        "schema": schema::<Configuration>(schemas),
                        "examples": { "shop": { "value": { "documents": documents } } },
                    },
                    "application/yaml": {
                        "schema": { "type": "string", "description": "Documents as files hold them." },
                        "examples": { "shop": { "value": yaml } },
                    },
                }),
            )
        }
        Body::Request => {
            let examples = json!({
                "status": { "value": "status" },
                "runs": { "value": { "runs": { "limit": 10 } } },
            });
            let schema = schema::<Request>(schemas);
            (true, json!({ "application/json": { "schema": schema, "examples": examples } }))
        }
        Body::Push => (false, json!({ "*/*": { "schema": {} } })),
    };
    Some(json!({ "required": required, "content": content }))
}

/// A small configuration.
fn example() -> Vec<Value> {
    let document = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "raccord/v1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    vec![
        document(
            "Project",
            "shop",
            json!({ "entities": { "customer": { "key": "id", "fields": { "id": "text", "email": "email" } } } }),
        ),
        document(
            "Source",
            "boutique",
            json!({
                "connector": "http",
                "authorization": { "type": "bearer", "token": "${env:BOUTIQUE_TOKEN}" },
                "config": { "baseUrl": "https://boutique.example/api", "dataTypes": { "customers": { "records": "data" } } },
            }),
        ),
        document(
            "Transfer",
            "customers",
            json!({
                "source": "boutique",
                "to": "shop.customer",
                "mapping": { "primaryKey": { "id": "id" }, "fields": { "email": "email" } },
            }),
        ),
    ]
}

fn responses(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let (status, description, content) = success(route.handler, schemas);
    let mut answer = json!({ "description": description });
    if let Some(content) = content {
        answer["content"] = content;
    }
    responses.insert(status.to_owned(), answer);
    for status in failures(route) {
        let is_plain =
            route.guard != Guard::Signature && !(status == 503 && route.handler == Handler::Readiness);
        let answer = if is_plain {
            // Said once: there are many routes.
            json!({ "$ref": format!("#/components/responses/Problem{status}") })
        } else {
            let mut answer = failure(status, (route.guard != Guard::Signature).then_some(&mut *schemas));
            if route.handler == Handler::Readiness {
                answer["content"]["application/json"] = json!({ "schema": schema::<Readiness>(schemas) });
            }
            answer
        };
        responses.insert(status.to_string(), answer);
    }
    Value::Object(responses)
}

/// What a failure answers: its meaning, and a problem document where there is one.
fn failure(status: u16, problem: Option<&mut SchemaGenerator>) -> Value {
    let (meaning, header) = meaning(status);
    let mut answer = json!({ "description": meaning });
    if let Some(header) = header {
        answer["headers"] = json!({ header: { "schema": { "type": "string" } } });
    }
    if let Some(schemas) = problem {
        answer["content"] = json!({ PROBLEM: { "schema": schema::<Problem>(schemas) } });
    }
    answer
}

/// The failures that routes have in common, by name.
fn problems(schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let statuses: BTreeSet<u16> = ROUTES.iter().flat_map(failures).collect();
    statuses
        .into_iter()
        .map(|status| (format!("Problem{status}"), failure(status, Some(&mut *schemas))))
        .collect()
}

/// How a route may fail: what it says itself, and what follows from what it takes.
fn failures(route: &Route) -> Vec<u16> {
    let mut statuses = route.failures.to_vec();
    statuses.push(503);
    if !route.parameters.is_empty() || route.body != Body::None {
        statuses.push(400);
    }
    if route.body != Body::None {
        statuses.extend([408, 413]);
    }
    match route.guard {
        Guard::Open => {}
        Guard::Details => statuses.extend([401, 429, 500]),
        Guard::Signature => statuses.extend([403, 429]),
        Guard::Metrics | Guard::Role(_) | Guard::PerRequest => {
            statuses.extend([401, 403, 429, 500]);
            if route.body != Body::None {
                statuses.push(415);
            }
        }
    }
    if route.body == Body::Request {
        statuses.push(409);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn meaning(status: u16) -> (&'static str, Option<&'static str>) {
    match status {
        400 => ("The request cannot be understood, or contradicts what it is about.", None),
        401 => ("There is no token, or none that is right.", Some("WWW-Authenticate")),
        403 => ("It is not allowed.", None),
        404 => ("There is nothing of that name.", None),
        408 => ("The body took too long.", None),
        409 => ("The state has moved since it was looked at.", None),
        413 => ("The body is too large.", None),
        415 => ("The body is of another media type.", None),
        422 => ("The configuration has mistakes, or holds what was not allowed.", None),
        429 => ("Too many in too short a time.", Some("Retry-After")),
        503 => ("Not now; later may help.", Some("Retry-After")),
        _ => ("Something is wrong with the daemon or its state.", None),
    }
}

fn success(handler: Handler, schemas: &mut SchemaGenerator) -> (&'static str, &'static str, Option<Value>) {
    let of = |description: &'static str, schema: Value| {
        ("200", description, Some(json!({ "application/json": { "schema": schema } })))
    };
    let text = |media: &str| Some(json!({ media: { "schema": { "type": "string" } } }));
    match handler {
        Handler::Health => ("200", "It answers.", text("text/plain")),
        Handler::Metrics => {
            let text = json!({ "schema": { "type": "string" } });
            let forms = json!({ "application/openmetrics-text": text, "text/plain": text });
            ("200", "The metrics, as OpenMetrics to clients that accept it.", Some(forms))
        }
        Handler::Readiness => of("It is ready.", schema::<Readiness>(schemas)),
        Handler::Document => of("The document.", json!({ "type": "object" })),
        Handler::Operation(operation) => match operation.answer() {
            Answer::Status => of("How everything stands.", schema::<Status>(schemas)),
            Answer::Plan => of("The plan.", schema::<Plan>(schemas)),
            Answer::Applied => of("It is in force.", schema::<Applied>(schemas)),
            Answer::Generations => of("The generations.", schema::<Generations>(schemas)),
            Answer::Runs => of("The runs.", schema::<Runs>(schemas)),
            Answer::Rejects => of("The rejects.", schema::<Rejects>(schemas)),
            Answer::Deliveries => of("The deliveries.", schema::<Deliveries>(schemas)),
            Answer::Audit => of("The entries.", schema::<Audit>(schemas)),
            Answer::Problems => of("The problems.", schema::<Problems>(schemas)),
            Answer::Resource => of("The resource.", schema::<ResourceView>(schemas)),
            Answer::Flows => of("The flows.", schema::<Flows>(schemas)),
            Answer::Difference => of("The difference.", schema::<Difference>(schemas)),
            Answer::Entities => of("The entities.", schema::<Entities>(schemas)),
            Answer::Records => of("The records.", schema::<Records>(schemas)),
            Answer::Explanation => of("Where it comes from.", schema::<Explanation>(schemas)),
            Answer::RejectGroups => of("The groups.", schema::<RejectGroups>(schemas)),
            Answer::Reject => of("The reject.", schema::<RejectView>(schemas)),
            Answer::Report => of("How the runs ended.", schema::<RunReport>(schemas)),
            Answer::Alerts => of("What became of each.", schema::<Alerts>(schemas)),
            Answer::Done => of("It is done.", schema::<Done>(schemas)),
        },
        Handler::Conversation => {
            let lines = json!({ NDJSON: { "schema": schema::<Part>(schemas) } });
            ("200", "The parts of the answer, one a line.", Some(lines))
        }
        Handler::Delivery | Handler::Stop => ("204", "It is done.", None),
    }
}

/// Says of every number how great it may be: JSON does not, and what is greater is refused. And leads references that
/// the types write by hand to where definitions stand here.
fn settle(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let most = match members.get("format").and_then(Value::as_str) {
                Some("uint8") => Some(u64::from(u8::MAX)),
                Some("uint16") => Some(u64::from(u16::MAX)),
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint64" | "uint") => Some(u64::MAX),
                _ => None,
            };
            if let Some(most) = most {
                members.entry("maximum").or_insert_with(|| most.into());
            }
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/components/schemas/{name}");
            }
            members.values_mut().for_each(settle);
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_to_a_schema() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        found.push(reference.clone());
                    }
                    members.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_example_loads() {
        let documents = example().iter().map(|document| document.as_object().unwrap().clone()).collect();
        let body = Configuration { documents, variables: std::collections::BTreeMap::new() };
        let bytes = Bytes::from(serde_json::to_vec(&body).unwrap());
        let desired = super::super::upload::load(&bytes, super::super::body::Media::Json, "/srv");
        assert_eq!(desired.unwrap().resources.len(), 4);
    }
}
