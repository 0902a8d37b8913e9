//! How the parts of the engine's answer become the one JSON document that a route answers.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use raccord_model::diagnostic::Diagnostic;
use raccord_model::fact::{AuditEntry, Generation, Run};
use raccord_plan::Plan;
use schemars::JsonSchema;
use serde::Serialize;

use super::problem::Refusal;
use super::route::Answer;
use crate::request::{
    Alerted, ColumnView, DeliveryView, EntityView, Flow, PageToken, RejectGroup, RejectView, Reply, Row,
};

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

/// What `GET /v1/problems` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problems {
    /// What is wrong, in the order of files and lines.
    pub(super) problems: Vec<Diagnostic>,
}

/// What `GET /v1/flows` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flows {
    /// One for each transfer, by their names.
    pub(super) flows: Vec<Flow>,
}

/// What `GET /v1/entities` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entities {
    /// Entities, by project and name.
    pub(super) entities: Vec<EntityView>,
    /// How many there are, shown or not.
    pub(super) total: u64,
}

/// What `GET /v1/records/{entity}` answers.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the document names its members, not the type")]
pub(super) struct Records {
    /// The fields, the key first.
    pub(super) columns: Vec<ColumnView>,
    /// The records of the page.
    pub(super) records: Vec<Row>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<PageToken>,
}

/// What `GET /v1/rejects/groups` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RejectGroups {
    /// Groups, the largest first.
    pub(super) groups: Vec<RejectGroup>,
    /// How many there are, shown or not.
    pub(super) total: u64,
}

/// What `POST /v1/integrations/{name}/alerts/test` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alerts {
    /// To whom the test was sent, and what became of it.
    pub(super) alerts: Vec<Alerted>,
}

/// Picks the parts of one sort.
macro_rules! part {
    ($sort:ident) => {
        |reply| if let Reply::$sort(part) = reply { Some(part) } else { None }
    };
}

/// The answer of a route, from the parts of the engine's answer.
pub(super) fn answer_of(answer: Answer, parts: Vec<Reply>) -> Result<Response, Refusal> {
    match answer {
        Answer::Status => one(parts, part!(Status)),
        Answer::Plan => one::<Box<Plan>>(parts, part!(Plan)),
        Answer::Applied => one(parts, |reply| match reply {
            Reply::Applied(generation) => Some(Applied { generation }),
            _ => None,
        }),
        Answer::Done => {
            one(parts, |reply| if let Reply::Done(done) = reply { Some(Done { done }) } else { None })
        }
        Answer::Problems => json(&Problems { problems: all(parts, part!(Problem)) }),
        Answer::Resource => one(parts, part!(Resource)),
        Answer::Flows => json(&Flows { flows: all(parts, part!(Flow)) }),
        Answer::Difference => one(parts, part!(Difference)),
        Answer::Entities => json(&Entities { total: total(&parts), entities: all(parts, part!(Entity)) }),
        Answer::Records => json(&records(parts)),
        Answer::Explanation => one(parts, part!(Explanation)),
        Answer::RejectGroups => {
            json(&RejectGroups { total: total(&parts), groups: all(parts, part!(RejectGroup)) })
        }
        Answer::Reject => one(parts, part!(Reject)),
        Answer::Report => one(parts, part!(Report)),
        Answer::Alerts => json(&Alerts { alerts: all(parts, part!(Alerted)) }),
        Answer::Generations => {
            let all = all(parts, part!(Generation));
            json(&Generations { generations: all })
        }
        Answer::Runs => json(&Runs { runs: all(parts, part!(Run)) }),
        Answer::Rejects => {
            let all = all(parts, part!(Reject));
            json(&Rejects { rejects: all })
        }
        Answer::Deliveries => json(&Deliveries { deliveries: all(parts, part!(Delivery)) }),
        Answer::Audit => {
            let all = all(parts, part!(Audit));
            json(&Audit { entries: all })
        }
    }
}

fn records(parts: Vec<Reply>) -> Records {
    let mut page = Records::default();
    for part in parts {
        match part {
            Reply::Columns(columns) => page.columns = columns,
            Reply::Record(record) => page.records.push(record),
            Reply::Next(next) => page.next = Some(next),
            _ => {}
        }
    }
    page
}

/// How many there are in all.
fn total(parts: &[Reply]) -> u64 {
    let told = parts.iter().find_map(|part| if let Reply::Total(all) = part { Some(*all) } else { None });
    told.unwrap_or_default()
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
