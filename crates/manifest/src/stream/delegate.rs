//! A stream that is two: one for the first reading, and one that goes on from a state (`StateDelegatingStream`). A state
//! that is older than what the service keeps counts as none.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Builder, CursorRule, Stream};
use crate::component::{Component, Problem};
use crate::cursor::{NO_CURSOR, state_members};
use crate::error::ReadError;
use crate::template::Template;
use crate::time::{DateTime, Period};

/// What a stream that goes on from a state knows of the one for the first reading.
pub(super) struct Delegation {
    full: Arc<Stream>,
    retention: Option<Template>,
}

pub(super) fn build(component: &Component, builder: &Builder<'_>) -> Result<Stream, Problem> {
    let child = |name| component.required(name, component.child(name));
    let full = builder.stream(&child("full_refresh_stream")?)?;
    let retention = component.template("api_retention_period")?;
    let incremental = Stream::build(&child("incremental_stream")?, builder)?;
    Ok(Stream { delegation: Some(Delegation { full, retention }), ..incremental })
}

impl Delegation {
    pub(super) fn full(&self) -> &Arc<Stream> {
        &self.full
    }

    /// Whether a reading begins from the start, because there is no state or none that is young enough.
    pub(super) fn applies(&self, incremental: &Stream, state: Option<&Value>) -> Result<bool, ReadError> {
        let state = state_members(state)?;
        if state.is_empty() {
            return Ok(true);
        }
        let Some(retention) = &self.retention else { return Ok(false) };
        let text = retention.text(&incremental.context())?;
        if text.is_empty() {
            return Ok(false);
        }
        let fail = |error| ReadError::Settings(format!("the template `{}`: {error}", retention.source()));
        let oldest = DateTime::from_timestamp(incremental.now()).minus(Period::parse(&text).map_err(fail)?);
        let oldest = oldest.map_err(fail)?;
        let known = match date(&self.full, &state)? {
            Some(date) => Some(date),
            None => date(incremental, &state)?,
        };
        Ok(known.is_none_or(|date| date < oldest))
    }
}

/// Up to which date a state says that a stream was read.
fn date(stream: &Stream, state: &Map<String, Value>) -> Result<Option<DateTime>, ReadError> {
    let rule = match stream.cursor() {
        CursorRule::None => {
            let is_read = state.get(NO_CURSOR).is_some_and(crate::paginate::is_true);
            return Ok(is_read.then(|| DateTime::from_timestamp(stream.now())));
        }
        CursorRule::Count(_) => return Ok(None),
        CursorRule::Dates(rule) => rule,
    };
    let cursor = rule.evaluate(&stream.context())?;
    let state =
        if stream.router().is_some() { state.get("state").and_then(Value::as_object) } else { Some(state) };
    let Some(state) = state else { return Ok(None) };
    let first = state.get("slices").and_then(|slices| slices.get(0));
    let value = match first {
        Some(first) => first.get("most_recent_cursor_value").or_else(|| first.get("end")),
        None => state.get(cursor.field()),
    };
    Ok(value.and_then(|value| cursor.parse(value)))
}
