//! The connector `counter`: a data type has the records `{n: 1}`, `{n: 2}` and so on up to a number. All of it is here.
//!
//! With `follow` each reading counts on from where the one before has ended: how far that was is a state of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::{Component, Lower, unknown_data_type};
use raccord_connect::{Open, Opening};
use raccord_model::DataTypeName;
use raccord_model::checkpoint::{PageToken, SourceState};
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::{Connector, ConnectorInfo, Settings};
use raccord_model::port::Async;
use raccord_model::port::records::{Page, Records};
use raccord_model::port::source::{Pages, Read, Source, SourceError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most that is counted to.
const MOST: u64 = 1_000;

/// How many records a page has.
const PAGE: u64 = 2;

/// The settings of a Source with `connector: counter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CounterSettings {
    /// The data types, by name.
    data_types: BTreeMap<DataTypeName, Count>,
}

/// One data type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Count {
    /// The last number.
    to: u64,
    /// Whether each reading counts so many further than the one before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    follow: bool,
}

impl Connector for CounterSettings {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "counter",
        title: "Numbers from one on",
        needs_authorization: false,
        has_webhooks: false,
        features: &["resume"],
    };
}

impl Settings for CounterSettings {
    fn data_types(&self) -> Vec<&DataTypeName> {
        self.data_types.keys().collect()
    }

    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self.data_types.get(data_type))
    }

    fn make_canonical(&mut self, _rebase: &dyn Fn(&str) -> String) {}
}

/// A counter that is ready to count.
#[derive(Debug)]
pub(crate) struct CounterStream(Count);

impl Component for CounterStream {
    fn keeps_state(&self) -> bool {
        self.0.follow
    }

    fn describe(state: &SourceState) -> Option<String> {
        Some(format!("counted up to {}", through(state).ok()?))
    }
}

/// The number up to which a reading has counted.
fn through(state: &SourceState) -> Result<u64, SourceError> {
    let read = state.as_str().strip_prefix("v1:").and_then(|number| number.parse().ok());
    read.ok_or_else(|| SourceError::Answer {
        place: "state".to_owned(),
        message: "it is no number".to_owned(),
    })
}

impl Lower for CounterSettings {
    type Stream = CounterStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<CounterStream>, Vec<Finding>) {
        match self.data_types.get(data_type) {
            None => (None, vec![unknown_data_type(data_type)]),
            Some(Count { to, .. }) if *to > MOST => {
                let path = ["dataTypes", data_type.as_str(), "to"];
                let message = format!("a counter counts up to {MOST}");
                (None, vec![Finding::error(&path, Code::InvalidValue, message)])
            }
            Some(count) => (Some(CounterStream(count.clone())), Vec::new()),
        }
    }
}

impl Open for CounterSettings {
    fn open(stream: Arc<CounterStream>, _opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(Counter { count: stream.0.clone(), to: stream.0.to, next: Some(1) }))
    }
}

/// A counter, and the number that comes next.
#[derive(Debug, Clone)]
struct Counter {
    count: Count,
    to: u64,
    next: Option<u64>,
}

impl Source for Counter {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(std::future::ready(Ok(format!("it counts up to {}", self.to))))
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        Box::pin(std::future::ready(self.begin(&read)))
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl Counter {
    fn begin(&self, read: &Read) -> Result<Box<dyn Pages>, SourceError> {
        let before = read.state.as_ref().map_or(Ok(0), through)?;
        let refused = |_| SourceError::PageRefused { message: "it is no number".to_owned() };
        let from = read.page.as_ref().map_or(Ok(before + 1), |page| page.0.parse().map_err(refused))?;
        Ok(Box::new(Self { to: before + self.count.to, next: Some(from), ..self.clone() }))
    }
}

impl Pages for Counter {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        let page = self.next.map(|from| {
            let last = self.to.min(from + PAGE - 1);
            self.next = (last < self.to).then_some(last + 1);
            let (mut body, mut spans) = (String::new(), Vec::new());
            for n in from..=last {
                let start = body.len();
                body.push_str(&format!(r#"{{"n":"{n}"}}"#));
                spans.push(start..body.len());
            }
            let next = self.next.map(|next| PageToken(next.to_string()));
            let state = self.count.follow.then(|| SourceState::new(format!("v1:{last}")));
            Page { records: Records::Json { body: body.into(), spans }, next, state, ..Page::empty() }
        });
        Box::pin(std::future::ready(Ok(page)))
    }
}
