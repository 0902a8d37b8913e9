//! What getting the pages of a slice needs: a manifest's `SimpleRetriever`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Builder, Properties};
use crate::component::{Component, Problem};
use crate::exchange::{Requester, Selector};
use crate::paginate::{PageSizeReduction, PaginationReset, Paginator};
use crate::select;
use crate::time::Period;

/// What getting the pages of a slice needs.
pub(crate) struct PageRetrieval {
    pub(crate) requester: Arc<dyn Requester>,
    pub(crate) selector: Arc<dyn Selector>,
    pub(crate) paginator: Paginator,
    pub(crate) rules: Rules,
    pub(crate) properties: Option<Properties>,
}

/// What a retriever says beside its parts.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Which pages are asked with what the slice adds to a request.
    pub(crate) slice_on: SliceOn,
    /// What becomes of records that are known.
    pub(crate) known: KnownRecords,
    /// How pages become smaller.
    pub(crate) reduction: Option<PageSizeReduction>,
    /// When and how pages begin again.
    pub(crate) reset: Option<PaginationReset>,
    /// How slices become smaller.
    pub(crate) splitting: Option<Splitting>,
}

/// Which pages are asked with what the slice adds to a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SliceOn {
    /// All.
    #[default]
    Every,
    /// The first alone: `ignore_stream_slicer_parameters_on_paginated_requests`.
    First,
    /// None: the downloads of a job.
    None,
}

/// What becomes of records that are older than the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum KnownRecords {
    /// They are taken as they come: the service leaves them out.
    #[default]
    Taken,
    /// They are left out before the paginator counts: `is_client_side_incremental`.
    LeftOut,
    /// The pages end with the first one: `is_data_feed`.
    EndPages,
}

/// How slices become smaller: a manifest's `RequestWindowSplitting`.
#[derive(Debug)]
pub(crate) struct Splitting {
    /// Slices are not made shorter than this.
    pub(crate) least: Option<Period>,
    /// What is said when that is not enough.
    pub(crate) failure_message: Option<String>,
}

impl PageRetrieval {
    pub(super) fn build(
        retriever: &Component,
        stream: &Component,
        builder: &Builder<'_>,
    ) -> Result<Self, Problem> {
        let child = |name| retriever.required(name, retriever.child(name));
        let transformations = stream.children("transformations");
        let cursor = stream.child("incremental_sync");
        let selector = child("record_selector")?;
        let (decoder, schema) = (retriever.child("decoder"), schema(stream, &selector)?);
        let parts = select::Parts {
            selector: &selector,
            decoder: decoder.as_ref(),
            transformations: &transformations,
            schema: schema.as_ref(),
            client_side: cursor.as_ref().is_some_and(|cursor| is_set(cursor, "is_client_side_incremental")),
        };
        let requester = child("requester")?;
        let rules = Rules::build(retriever)?;
        if rules.reset.is_some_and(|reset| reset.limit.is_some()) && selector.get("record_filter").is_some() {
            // Records that are filtered out would not be counted.
            return Err(
                retriever.invalid("pagination_reset", "limits and a `record_filter` exclude each other")
            );
        }
        Ok(Self {
            selector: builder.parts.selector(parts)?,
            requester: builder
                .parts
                .requester(&requester, builder.within(stream.str("name").unwrap_or_default()))?,
            paginator: Paginator::build(retriever.child("paginator").as_ref(), &builder.config)?,
            rules: Rules { known: KnownRecords::of(cursor.as_ref()), ..rules },
            properties: Properties::of(&requester, builder)?,
        })
    }
}

/// The schema by which the values of a stream's records are normalized; none where they are not.
pub(super) fn schema(stream: &Component, selector: &Component) -> Result<Option<crate::Json>, Problem> {
    if selector.str("schema_normalization") != Some("Default") {
        return Ok(None);
    }
    let loaders = stream.children("schema_loader");
    let mut properties = Map::new();
    for loader in &loaders {
        let schema = match (loader.kind(), loader.get("schema")) {
            ("InlineSchemaLoader", schema) => schema.cloned().unwrap_or_default(),
            // Its schema is not known before the service is asked.
            _ => return Err(loader.unsupported()),
        };
        if loaders.len() == 1 {
            return Ok(Some(Arc::new(schema)));
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            // Of two loaders that know a property the first one counts.
            properties.entry(name.clone()).or_insert_with(|| property.clone());
        }
    }
    let schema = || json!({"type": "object", "properties": properties});
    Ok((!loaders.is_empty()).then(|| Arc::new(schema())))
}

fn is_set(component: &Component, name: &str) -> bool {
    component.bool(name).unwrap_or(false)
}

impl KnownRecords {
    fn of(cursor: Option<&Component>) -> Self {
        let Some(cursor) = cursor.filter(|cursor| cursor.kind() == "DatetimeBasedCursor") else {
            return Self::Taken;
        };
        match (is_set(cursor, "is_data_feed"), is_set(cursor, "is_client_side_incremental")) {
            (true, _) => Self::EndPages,
            (false, true) => Self::LeftOut,
            (false, false) => Self::Taken,
        }
    }
}

impl Rules {
    fn build(retriever: &Component) -> Result<Self, Problem> {
        let ignores = retriever.bool("ignore_stream_slicer_parameters_on_paginated_requests");
        let reduction = retriever.child("page_size_reduction");
        let reset = retriever.child("pagination_reset");
        let splitting = retriever.child("request_window_splitting");
        Ok(Self {
            slice_on: if ignores.unwrap_or(false) { SliceOn::First } else { SliceOn::Every },
            known: KnownRecords::Taken,
            reduction: reduction.map(|reduction| PageSizeReduction::build(&reduction)).transpose()?,
            reset: reset.map(|reset| PaginationReset::build(&reset)).transpose()?,
            splitting: splitting.map(|splitting| Splitting::build(&splitting)).transpose()?,
        })
    }
}

impl Splitting {
    fn build(component: &Component) -> Result<Self, Problem> {
        let least = component.str("min_split_window").map(Period::parse).transpose();
        Ok(Self {
            least: least.map_err(|error| component.invalid("min_split_window", error))?,
            failure_message: component.str("failure_message").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_normalized_by_the_schema_that_stands_there() {
        let check = |selector: Value, loader: Value, expected: Result<Value, &str>| {
            let component =
                |value: Value| Component::new(value.as_object().cloned().unwrap_or_default(), "stream");
            let found = schema(&component(json!({"schema_loader": loader})), &component(selector));
            let found = found.map(|schema| schema.map_or(Value::Null, |schema| schema.as_ref().clone()));
            assert_eq!(found.map_err(|problem| problem.path), expected.map_err(str::to_owned));
        };
        let normalizes = || json!({"schema_normalization": "Default"});
        let inline = |name: &str, kind: &str| json!({"type": "InlineSchemaLoader", "schema": {"properties": {name: {"type": kind}}}});
        let a = json!({"properties": {"a": {"type": "string"}}});
        check(normalizes(), inline("a", "string"), Ok(a));
        check(json!({}), inline("a", "string"), Ok(Value::Null));
        check(normalizes(), Value::Null, Ok(Value::Null));
        let both =
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}});
        let loaders = json!([inline("a", "string"), inline("b", "number"), inline("a", "number")]);
        check(normalizes(), loaders, Ok(both));
        check(normalizes(), json!({"type": "DynamicSchemaLoader"}), Err("stream.schema_loader"));
        check(json!({}), json!({"type": "DynamicSchemaLoader"}), Ok(Value::Null));
    }
}
