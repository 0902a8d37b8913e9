//! A page that takes several requests, because each may name only some of the properties: its records are put together
//! again.

use std::sync::Arc;

use serde_json::Value;

use super::pages::{Pages, Way};
use super::part::{Fetched, Part};
use super::track::Track;
use crate::error::ReadError;
use crate::exchange::Selected;
use crate::partition::value_at;
use crate::record::Record;
use crate::request::text::python_text;
use crate::slice::Slice;
use crate::stream::{Endpoint, Properties, Source, merge_members, properties_member};
use crate::transport::Async;

/// Gets a page by as many requests as its properties need.
pub(super) fn fetch<'a>(
    part: &'a mut Part,
    properties: &'a Properties,
    way: Way<'a>,
) -> Async<'a, Result<Fetched, ReadError>> {
    Box::pin(async move {
        let all = match &properties.source {
            Source::Given(names) => Arc::new(names.clone()),
            Source::Endpoint(endpoint) => names(endpoint, way).await?,
        };
        let mut page = Merged::default();
        let mut last = None;
        for names in properties.requests(&all) {
            match part.request(Some(properties_member(&names)), way).await? {
                Fetched::Page(answer, selected) => {
                    page.extracted = selected.extracted;
                    selected.records.into_iter().for_each(|record| page.add(record, properties));
                    last = Some(answer);
                }
                Fetched::Nothing => last = None,
                other => return Ok(other),
            }
        }
        Ok(last.map_or(Fetched::Nothing, |answer| Fetched::Page(answer, page.selected())))
    })
}

/// The records of a page so far: those that stay alone, and those that go together.
#[derive(Default)]
struct Merged {
    alone: Vec<Record>,
    together: indexmap::IndexMap<String, Value>,
    extracted: usize,
}

impl Merged {
    fn add(&mut self, record: Record, properties: &Properties) {
        let value = record.value();
        let Some(key) = properties.key(&value) else {
            self.alone.push(record);
            return;
        };
        match (self.together.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(value)) => merge_members(known, value),
            (_, value) => {
                self.together.insert(key, value);
            }
        }
    }

    fn selected(self) -> Selected {
        let together = self.together.into_values().map(Record::Value);
        let records = self.alone.into_iter().chain(together).collect();
        Selected { records, extracted: self.extracted, ..Selected::default() }
    }
}

/// The names of the properties, which the service is asked for once.
async fn names(endpoint: &Endpoint, way: Way<'_>) -> Result<Arc<Vec<String>>, ReadError> {
    if let Some(known) = endpoint.known() {
        return Ok(known);
    }
    let context = way.stream.context();
    let path = endpoint.path.iter().map(|part| part.text(&context)).collect::<Result<Vec<_>, _>>()?;
    let way = Way { stream: way.stream, pages: &endpoint.pages };
    let mut pages = Pages::begin(Slice::default(), way, false);
    let mut track = Track::nothing();
    let mut names = Vec::new();
    while !pages.is_done() {
        for record in pages.next(way, &mut track).await? {
            let value = record.value();
            let name = value_at(&value, path.iter().map(String::as_str));
            names.push(name.map_or_else(|| "[]".to_owned(), python_text));
        }
    }
    Ok(endpoint.keep(names))
}
