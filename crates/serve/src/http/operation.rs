//! What each route under `/v1` asks the engine.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use raccord_model::Key;
use raccord_model::fact::RunId;
use raccord_model::schema::Instant;
use raccord_plan::Options;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, Media};
use super::parameter::Values;
use super::problem::Refusal;
use super::route::{Applied, Data, Operate, Operation};
use super::upload;
use crate::request::{
    ApplyOptions, EntityQuery, PageOf, PartOf, Reason, RejectsOf, Request, Since, StatusQuery, SummaryQuery,
    Text, Who,
};
use crate::transport::Caller;

/// Until when and why an integration pauses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Pause {
    /// Until when; without it, until it is resumed.
    #[schemars(with = "Option<Instant>")]
    pub(super) until: Option<Until>,
    /// Why.
    pub(super) reason: Option<Reason>,
}

/// The time at which a pause ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Until(Timestamp);

impl TryFrom<String> for Until {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            "`until` wants the time at which the pause ends, such as 2025-02-01T00:00:00Z; a length of time such as 2h is not taken here"
                .to_owned()
        })
    }
}

/// What a route asks the engine.
pub(super) fn request_of(
    operation: Operation,
    values: &Values,
    body: Option<(Bytes, Media)>,
    from: From<'_>,
) -> Result<Request, Refusal> {
    let request = match operation {
        Operation::Status => status(values)?,
        Operation::Pending => Request::Pending,
        Operation::History => {
            Request::History { limit: values.limit()?, before: values.maybe_number("before")? }
        }
        Operation::Runs => Request::Runs { transfer: values.get("transfer")?, limit: values.limit()? },
        Operation::Rejects => {
            let transfer = values.get("transfer")?;
            Request::Rejects {
                transfer,
                id: None,
                group: values.maybe_digest("group")?,
                limit: values.limit()?,
                total: false,
            }
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
        Operation::Applied(operation) => of_applied(operation, values, from)?,
        Operation::Data(operation) => of_data(operation, values)?,
        Operation::Operate(operation) => of_operate(operation, values)?,
        Operation::AcceptPending => Request::AcceptPending {
            options: options(values)?,
            serial: values.number("serial")?,
            configuration: values.digest("configuration")?,
            by: by(from.caller),
        },
    };
    Ok(request)
}

/// How everything stands, or a part of it.
fn status(values: &Values) -> Result<Request, Refusal> {
    let (integration, transfer) = (values.get("integration")?, values.get("transfer")?);
    let (held, limit) = (values.flag("held")?, values.maybe_count("limit")?);
    let is_whole = integration.is_none() && transfer.is_none() && !held;
    if is_whole && limit.is_none() {
        return Ok(Request::Status);
    }
    let limit = limit.unwrap_or(StatusQuery::LIMIT);
    Ok(Request::StatusOf(StatusQuery { integration, transfer, held, limit }))
}

/// What a route about what is applied asks.
fn of_applied(operation: Applied, values: &Values, from: From<'_>) -> Result<Request, Refusal> {
    Ok(match operation {
        Applied::Problems => Request::Problems,
        Applied::Resource => Request::Resource(Key::new(values.resource_kind("kind")?, values.need("name")?)),
        Applied::Flows => Request::Flows,
        Applied::Difference => {
            Request::Difference { generation: values.number("number")?, limit: values.maybe_count("limit")? }
        }
        Applied::PlanRollback => {
            Request::PlanRollback { generation: values.number("number")?, options: options(values)? }
        }
        Applied::Rollback => Request::Rollback {
            generation: values.number("number")?,
            options: options(values)?,
            serial: values.number("serial")?,
            by: by(from.caller),
        },
    })
}

/// What a route about records and rejects asks.
fn of_data(operation: Data, values: &Values) -> Result<Request, Refusal> {
    Ok(match operation {
        Data::Entities => Request::EntitiesOf(EntityQuery {
            entity: None,
            text: values.search("text")?,
            skip: values.count("skip")?,
            limit: values.limit()?,
        }),
        Data::Records => Request::Records {
            entity: values.need("entity")?,
            filter: values.conditions("where")?,
            limit: values.limit()?,
            total: false,
            columns: true,
            page: Some(PageOf { after: values.get("after")? }),
            held: values.id("held")?.map(RunId),
        },
        Data::Explain => Request::Explain { entity: values.need("entity")?, key: values.values_of("key")? },
        Data::RejectGroups => {
            let (text, skip, limit) = (values.search("text")?, values.count("skip")?, values.limit()?);
            let part = Some(PartOf { text, skip, limit });
            Request::RejectSummary(SummaryQuery { transfer: values.get("transfer")?, part })
        }
        Data::Reject => {
            let id = Some(values.need("id")?);
            Request::Rejects { transfer: None, id, group: None, limit: 1, total: false }
        }
    })
}

/// What a route asks that has something done to what runs.
fn of_operate(operation: Operate, values: &Values) -> Result<Request, Refusal> {
    Ok(match operation {
        Operate::Run => Request::Run { integrations: vec![values.need("name")?] },
        Operate::TestAlert => Request::TestAlert { integration: values.need("name")? },
        Operate::Resync => {
            Request::Resync { transfer: values.need("name")?, since: values.get::<Since>("since")? }
        }
        Operate::Replay => Request::ReplayRejects { transfer: values.need("name")?, only: only(values)? },
    })
}

/// What stands around a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    /// Who asks.
    pub(super) caller: &'a Caller,
    /// What data paths are relative to.
    pub(super) root: &'a str,
}

fn only(values: &Values) -> Result<Option<RejectsOf>, Refusal> {
    match (values.get("id")?, values.maybe_digest("group")?) {
        (Some(_), Some(_)) => Err(Refusal::invalid("`id` and `group` exclude each other")),
        (Some(id), None) => Ok(Some(RejectsOf::Id(id))),
        (None, group) => Ok(group.map(RejectsOf::Group)),
    }
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
    let until = until.map(|Until(until)| until);
    Ok(Request::Pause { integration: values.need("name")?, until, reason })
}

fn no_body() -> Refusal {
    Refusal::invalid("something is missing that the route needs")
}
