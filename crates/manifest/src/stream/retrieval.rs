//! What getting the pages of a slice needs: a manifest's `SimpleRetriever`.

use std::sync::Arc;

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
        let (decoder, schema) = (retriever.child("decoder"), schema(stream));
        let parts = select::Parts {
            selector: &selector,
            decoder: decoder.as_ref(),
            transformations: &transformations,
            schema: schema.as_ref(),
            client_side: cursor.as_ref().is_some_and(|cursor| is_set(cursor, "is_client_side_incremental")),
        };
        let requester = child("requester")?;
        Ok(Self {
            selector: builder.parts.selector(parts)?,
            requester: builder
                .parts
                .requester(&child("requester")?, stream.str("name").unwrap_or_default())?,
            paginator: Paginator::build(retriever.child("paginator").as_ref(), &builder.config)?,
            rules: Rules { known: KnownRecords::of(cursor.as_ref()), ..Rules::build(retriever)? },
            properties: Properties::of(&requester, builder)?,
        })
    }
}

/// The schema that stands in a stream.
pub(super) fn schema(stream: &Component) -> Option<crate::Json> {
    let schema = stream.child("schema_loader")?.get("schema")?.clone();
    Some(Arc::new(schema))
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
