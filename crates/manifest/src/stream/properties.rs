//! Properties that a request has to name: which there are, and how they are asked for in parts, several requests a page,
//! whose records go together again. It asks nothing itself.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::retrieval::{Rules, SliceOn};
use super::{Builder, PageRetrieval};
use crate::component::{Component, Problem};
use crate::paginate::{Paginator, is_true};
use crate::request::text::python_text;
use crate::select;
use crate::template::Template;

/// A manifest's `QueryProperties`.
pub(crate) struct Properties {
    /// Where they come from.
    pub(crate) source: Source,
    always: Vec<String>,
    parts: Option<PartsRule>,
}

/// Where properties come from.
pub(crate) enum Source {
    /// The manifest names them.
    Given(Vec<String>),
    /// The service is asked.
    Endpoint(Box<Endpoint>),
}

/// What asking the service for properties needs.
pub(crate) struct Endpoint {
    /// How its pages are got.
    pub(crate) pages: PageRetrieval,
    /// Where the name stands in a record.
    pub(crate) path: Vec<Template>,
    known: Mutex<Option<Arc<Vec<String>>>>,
}

/// How properties are asked for in parts.
struct PartsRule {
    limit: Option<usize>,
    by_length: bool,
    keys: Vec<String>,
}

/// What stands between two properties in a request, encoded.
const SEPARATOR: usize = 3;

impl Properties {
    /// The properties of a requester, if it has some.
    pub(super) fn of(requester: &Component, builder: &Builder<'_>) -> Result<Option<Self>, Problem> {
        let parameters = requester.child("request_parameters");
        let is_one = |value: &Value| value.get("type").and_then(Value::as_str) == Some("QueryProperties");
        let name = parameters.as_ref().and_then(|parameters| {
            parameters.members().iter().find(|(_, value)| is_one(value)).map(|(name, _)| name.clone())
        });
        let in_parameters = name.and_then(|name| parameters.as_ref()?.child(&name));
        if let Some(component) = in_parameters.or_else(|| requester.child("query_properties")) {
            return Self::build(&component, builder).map(Some);
        }
        let Some(endpoint) = requester.child("fetch_properties_from_endpoint") else { return Ok(None) };
        let source = Source::Endpoint(Box::new(Endpoint::build(&endpoint, builder)?));
        Ok(Some(Self { source, always: Vec::new(), parts: None }))
    }

    fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        let source = match component.child("property_list") {
            Some(endpoint) => Source::Endpoint(Box::new(Endpoint::build(&endpoint, builder)?)),
            None => Source::Given(texts(component.get("property_list"))),
        };
        // Which properties are wanted is the caller's to say, as in the reference without a catalogue.
        if let Some(selector) = component.child("property_selector")
            && selector.kind() != "JsonSchemaPropertySelector"
        {
            return Err(selector.unsupported());
        }
        let parts = component.child("property_chunking").map(|rule| PartsRule::build(&rule)).transpose()?;
        Ok(Self { source, always: texts(component.get("always_include_properties")), parts })
    }

    /// The properties of each request.
    pub(crate) fn requests(&self, all: &[String]) -> Vec<Vec<String>> {
        let Some(parts) = &self.parts else {
            return vec![self.always.iter().chain(all).cloned().collect()];
        };
        let Some(limit) = parts.limit else {
            return vec![all.iter().chain(&self.always).cloned().collect()];
        };
        let mut requests = Vec::new();
        let (mut current, mut length) = (self.always.clone(), 0);
        for property in all {
            let own = if parts.by_length { property.chars().count() + SEPARATOR } else { 1 };
            if length + own > limit {
                requests.push(std::mem::replace(&mut current, self.always.clone()));
                length = 0;
            }
            current.push(property.clone());
            length += own;
        }
        requests.push(current);
        requests
    }

    /// By what the records of the requests of a page go together; none where this one stays alone.
    pub(crate) fn key(&self, record: &Value) -> Option<String> {
        let keys = &self.parts.as_ref()?.keys;
        let values = keys.iter().map(|key| record.get(key).filter(|value| is_true(value)).map(python_text));
        values.collect::<Option<Vec<_>>>().map(|values| values.join(","))
    }
}

impl PartsRule {
    fn build(component: &Component) -> Result<Self, Problem> {
        let limit = component
            .get("property_limit")
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok());
        let by_length = match component.str("property_limit_type") {
            Some("characters") => true,
            None | Some("property_count") => false,
            Some(_) => return Err(component.invalid("property_limit_type", "it is not known")),
        };
        let keys = match component.child("record_merge_strategy") {
            None => vec!["id".to_owned()],
            Some(strategy) if strategy.kind() == "GroupByKeyMergeStrategy" => texts(strategy.get("key")),
            Some(strategy) => return Err(strategy.unsupported()),
        };
        Ok(Self { limit: limit.filter(|limit| *limit > 0), by_length, keys })
    }
}

impl Endpoint {
    fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        let retriever = component.required("retriever", component.child("retriever"))?;
        if retriever.kind() != "SimpleRetriever" {
            return Err(retriever.unsupported());
        }
        let child = |name| retriever.required(name, retriever.child(name));
        let (selector, decoder) = (child("record_selector")?, retriever.child("decoder"));
        let parts = select::Parts {
            selector: &selector,
            decoder: decoder.as_ref(),
            transformations: &[],
            schema: None,
            client_side: false,
        };
        let pages = PageRetrieval {
            selector: builder.parts.selector(parts)?,
            requester: builder.parts.requester(&child("requester")?, builder.within("dynamic_properties"))?,
            paginator: Paginator::build(retriever.child("paginator").as_ref(), &builder.config)?,
            rules: Rules { slice_on: SliceOn::None, ..Rules::default() },
            properties: None,
        };
        let path = texts(component.get("property_field_path"));
        let path = path.iter().map(|part| component.template_of("property_field_path", part));
        Ok(Self { pages, path: path.collect::<Result<_, _>>()?, known: Mutex::default() })
    }

    /// What the service answered, if it was asked.
    pub(crate) fn known(&self) -> Option<Arc<Vec<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what the service answered.
    pub(crate) fn keep(&self, names: Vec<String>) -> Arc<Vec<String>> {
        let names = Arc::new(names);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(names.clone());
        names
    }
}

/// The texts that a member is: one, or a list.
fn texts(member: Option<&Value>) -> Vec<String> {
    match member {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().map(python_text).collect(),
        _ => Vec::new(),
    }
}

/// Adds the members of a record to those of another, objects within each other.
pub(crate) fn merge(target: &mut Map<String, Value>, source: Map<String, Value>) {
    for (name, value) in source {
        match (target.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            (_, value) => {
                target.insert(name, value);
            }
        }
    }
}

/// The member of a slice that names the properties of a request.
pub(crate) fn member(names: &[String]) -> (String, Value) {
    ("query_properties".to_owned(), json!(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_asked_for_in_parts() {
        let check = |parts: Option<(Option<usize>, bool)>, expected: &[&[&str]]| {
            let keys = || vec!["id".to_owned()];
            let parts = parts.map(|(limit, by_length)| PartsRule { limit, by_length, keys: keys() });
            let properties =
                Properties { source: Source::Given(Vec::new()), always: texts(Some(&json!("id"))), parts };
            assert_eq!(properties.requests(&texts(Some(&json!(["a", "bb", "c"])))), expected);
        };
        check(None, &[&["id", "a", "bb", "c"]]);
        check(Some((None, false)), &[&["a", "bb", "c", "id"]]);
        check(Some((Some(2), false)), &[&["id", "a", "bb"], &["id", "c"]]);
        check(Some((Some(9), true)), &[&["id", "a", "bb"], &["id", "c"]]);
        check(Some((Some(8), true)), &[&["id", "a"], &["id", "bb"], &["id", "c"]]);
    }
}
