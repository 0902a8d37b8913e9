//! What each route under `/v1` asks the engine, and how the answer becomes JSON.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::Timestamp;
use raccord_model::fact::{AuditEntry, Generation, Run, RunId};
use raccord_model::schema::Instant;
use raccord_plan::{Options, Plan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::body::{self, Media};
use super::parameter::Values;
use super::problem::Refusal;
use super::route::{Answer, Operation};
use super::upload;
use crate::request::{ApplyOptions, DeliveryView, Reason, RejectView, Reply, Request, Text, Who};
use crate::transport::Caller;

/// What `POST /v1/apply` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Applied {
    /// The generation that is in force now.
    pub(super) generation: u64,
}

/// What `GET /v1/history` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Generations {
    /// Generations, newest first.
    pub(super) generations: Vec<Generation>,
}

/// What `GET /v1/runs` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Runs {
    /// Runs, newest first.
    pub(super) runs: Vec<Run>,
}

/// What `GET /v1/rejects` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rejects {
    /// Rejected records, newest first.
    pub(super) rejects: Vec<RejectView>,
}

/// What `GET /v1/deliveries` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deliveries {
    /// Deliveries that wait, in the order in which they came.
    pub(super) deliveries: Vec<DeliveryView>,
}

/// What `GET /v1/audit` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Audit {
    /// Entries, newest first.
    pub(super) entries: Vec<AuditEntry>,
}

/// What is answered when something was done.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    /// What there is to say of it.
    pub(super) done: String,
}

/// Until when and why an integration pauses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Pause {
    /// Until when; without it, until it is resumed.
    #[schemars(with = "Option<Instant>")]
    pub(super) until: Option<Timestamp>,
    /// Why.
    pub(super) reason: Option<Reason>,
}

/// What a route asks the engine.
pub(super) fn request_of(
    operation: Operation,
    values: &Values,
    body: Option<(Bytes, Media)>,
    from: From<'_>,
) -> Result<Request, Refusal> {
    let request = match operation {
        Operation::Status => Request::Status,
        Operation::Pending => Request::Pending,
        Operation::History => Request::History { limit: values.limit()? },
        Operation::Runs => Request::Runs { transfer: values.get("transfer")?, limit: values.limit()? },
        Operation::Rejects => {
            let transfer = values.get("transfer")?;
            Request::Rejects { transfer, id: None, limit: values.limit()?, total: false }
        }
        Operation::Deliveries => {
            let (transfer, limit) = (values.get("transfer")?, values.limit()?);
            Request::Deliveries { transfer, sequence: None, limit }
        }
        Operation::Audit => Request::Audit { limit: values.limit()? },
        Operation::Approve => Request::Approve { run: values.id("id")?.map(RunId).ok_or_else(no_body)? },
        Operation::Resume => Request::Resume { integration: values.need("name")?, by: None },
        Operation::Pause => pause(values, body)?,
        Operation::Plan => {
            // What can be refused without the body is refused before that is looked at.
            let options = options(values)?;
            Request::Plan(configuration(body, from.root)?, options)
        }
        Operation::Apply => {
            let options = ApplyOptions {
                plan: options(values)?,
                serial: values.number("serial")?,
                by: by(from.caller),
                rollback_to: None,
                commit: values.word("commit", 64)?.map(|commit| Text::cut(&commit)),
            };
            Request::Apply(configuration(body, from.root)?, options)
        }
        Operation::AcceptPending => Request::AcceptPending {
            options: options(values)?,
            serial: values.number("serial")?,
            configuration: values.digest("configuration")?,
            by: by(from.caller),
        },
    };
    Ok(request)
}

/// What stands around a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    /// Who asks.
    pub(super) caller: &'a Caller,
    /// What data paths are relative to.
    pub(super) root: &'a str,
}

fn by(caller: &Caller) -> Who {
    Text::cut(caller.name.as_deref().unwrap_or_default())
}

fn options(values: &Values) -> Result<Options, Refusal> {
    Ok(Options {
        // Where nothing can be targeted, nothing is.
        targets: values.keys("target")?,
        allow_delete: values.flag("allowDelete")?,
        allow_rekey: values.flag("allowRekey")?,
        brief: false,
    })
}

fn configuration(body: Option<(Bytes, Media)>, root: &str) -> Result<Arc<raccord_model::Desired>, Refusal> {
    let (bytes, media) = body.ok_or_else(no_body)?;
    upload::load(&bytes, media, root).map(Arc::new)
}

fn pause(values: &Values, body: Option<(Bytes, Media)>) -> Result<Request, Refusal> {
    let Pause { until, reason } = match body {
        Some((bytes, _)) => body::object(&bytes)?,
        None => Pause::default(),
    };
    Ok(Request::Pause { integration: values.need("name")?, until, reason })
}

fn no_body() -> Refusal {
    Refusal::invalid("something is missing that the route needs")
}

/// The answer of a route, from the parts of the engine's answer.
pub(super) fn answer_of(answer: Answer, parts: Vec<Reply>) -> Result<Response, Refusal> {
    match answer {
        Answer::Status => {
            one(parts, |reply| if let Reply::Status(status) = reply { Some(status) } else { None })
        }
        Answer::Plan => {
            one::<Box<Plan>>(parts, |reply| if let Reply::Plan(plan) = reply { Some(plan) } else { None })
        }
        Answer::Applied => one(parts, |reply| match reply {
            Reply::Applied(generation) => Some(Applied { generation }),
            _ => None,
        }),
        Answer::Done => {
            one(parts, |reply| if let Reply::Done(done) = reply { Some(Done { done }) } else { None })
        }
        Answer::Generations => {
            let all = all(parts, |reply| if let Reply::Generation(one) = reply { Some(one) } else { None });
            json(&Generations { generations: all })
        }
        Answer::Runs => json(&Runs {
            runs: all(parts, |reply| if let Reply::Run(run) = reply { Some(run) } else { None }),
        }),
        Answer::Rejects => {
            let all = all(parts, |reply| if let Reply::Reject(reject) = reply { Some(reject) } else { None });
            json(&Rejects { rejects: all })
        }
        Answer::Deliveries => json(&Deliveries {
            deliveries: all(parts, |reply| if let Reply::Delivery(one) = reply { Some(one) } else { None }),
        }),
        Answer::Audit => {
            let all = all(parts, |reply| if let Reply::Audit(entry) = reply { Some(entry) } else { None });
            json(&Audit { entries: all })
        }
    }
}

fn all<T>(parts: Vec<Reply>, pick: impl Fn(Reply) -> Option<T>) -> Vec<T> {
    parts.into_iter().filter_map(pick).collect()
}

fn one<T: Serialize>(parts: Vec<Reply>, pick: impl Fn(Reply) -> Option<T>) -> Result<Response, Refusal> {
    match all(parts, pick).pop() {
        Some(answer) => json(&answer),
        None => Err(Refusal::unavailable("there was no answer")),
    }
}

/// An answer as JSON, which no cache keeps.
pub(super) fn json<T: Serialize>(answer: &T) -> Result<Response, Refusal> {
    let body = serde_json::to_vec(answer).map_err(|error| Refusal::unavailable(error.to_string()))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}
