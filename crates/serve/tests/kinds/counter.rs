//! The connector `counter`: a data type has the records `{n: 1}`, `{n: 2}` and so on up to a number. All of it is here.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::{Component, Lower, unknown_data_type};
use raccord_connect::{Open, Opening};
use raccord_model::DataTypeName;
use raccord_model::checkpoint::PageToken;
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
pub(crate) struct CounterStream(u64);

impl Component for CounterStream {}

impl Lower for CounterSettings {
    type Stream = CounterStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<CounterStream>, Vec<Finding>) {
        match self.data_types.get(data_type) {
            None => (None, vec![unknown_data_type(data_type)]),
            Some(Count { to }) if *to > MOST => {
                let path = ["dataTypes", data_type.as_str(), "to"];
                let message = format!("a counter counts up to {MOST}");
                (None, vec![Finding::error(&path, Code::InvalidValue, message)])
            }
            Some(Count { to }) => (Some(CounterStream(*to)), Vec::new()),
        }
    }
}

impl Open for CounterSettings {
    fn open(stream: Arc<CounterStream>, _opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(Counter { to: stream.0, next: Some(1) }))
    }
}

/// A counter, and the number that comes next.
#[derive(Debug, Clone)]
struct Counter {
    to: u64,
    next: Option<u64>,
}

impl Source for Counter {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(std::future::ready(Ok(format!("it counts up to {}", self.to))))
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        let from = read.page.map_or(Ok(1), |page| page.0.parse::<u64>());
        let refused = |_| SourceError::PageRefused { message: "it is no number".to_owned() };
        let opened = from.map_err(refused).map(|from| {
            let pages: Box<dyn Pages> = Box::new(Self { next: Some(from), ..self.clone() });
            pages
        });
        Box::pin(std::future::ready(opened))
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        Box::pin(std::future::ready(Ok(None)))
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
            Page { records: Records::Json { body: body.into(), spans }, next, ..Page::empty() }
        });
        Box::pin(std::future::ready(Ok(page)))
    }
}
