//! The cursor over dates, its configuration evaluated: what remains to be read, which records are new, and the state
//! once a slice is done. Dates stand in slices, states and records in the formats of the manifest.

use serde_json::{Map, Value};

use super::clamp::Clamp;
use super::progress::{Progress, Span};
use super::slices::{Cut, Slices};
use super::wrong_state;
use crate::error::ReadError;
use crate::record::Record;
use crate::request::text::python_text;
use crate::slice::Slice;
use crate::time::{self, DateTime, Period};

/// The names of a slice's bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Of its start: `start_time`.
    pub start: String,
    /// Of its end: `end_time`.
    pub end: String,
}

/// The dates of records that are new.
#[derive(Debug, Clone, Copy)]
pub struct NewRecords {
    from: DateTime,
    until: DateTime,
}

impl NewRecords {
    /// Whether a record with this date is one. One without a date is.
    pub fn have(&self, date: Option<DateTime>) -> bool {
        date.is_none_or(|date| self.from <= date && date <= self.until)
    }
}

/// A cursor over dates.
#[derive(Debug, Clone)]
pub struct DatetimeCursor {
    pub(super) field: String,
    pub(super) format: String,
    pub(super) inputs: Vec<String>,
    pub(super) bounds: Bounds,
    pub(super) start: DateTime,
    pub(super) end: Option<DateTime>,
    pub(super) lookback: Option<Period>,
    pub(super) step: Option<Period>,
    pub(super) granularity: Option<Period>,
    pub(super) clamp: Clamp,
    pub(super) strict: bool,
}

const MILLISECOND: i64 = 1000;

impl DatetimeCursor {
    /// The member of a record that the cursor reads.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The date that a value is, in the first format that fits.
    pub fn parse(&self, value: &Value) -> Option<DateTime> {
        self.read(&python_text(value))
    }

    fn read(&self, text: &str) -> Option<DateTime> {
        self.inputs.iter().find_map(|format| time::parse(text, format).ok())
    }

    /// A date as slices and states have it: with the clock of its zone, unless that would be read as a later date, because
    /// the format has no offset; then with that of UTC.
    pub fn format(&self, date: DateTime) -> String {
        let text = time::format(&date, &self.format);
        if date.offset().unwrap_or(0) <= 0 || self.format.contains("%z") || self.read(&text) <= Some(date) {
            return text;
        }
        date.at_offset(0).map_or(text, |date| time::format(&date, &self.format))
    }

    /// How far a stream was read, from its state. `lookback` is by how much the state is not trusted.
    ///
    /// # Errors
    /// When a date in it is none.
    pub fn resume(
        &self,
        state: &Map<String, Value>,
        lookback: Option<Period>,
    ) -> Result<Progress, ReadError> {
        if matches!(state.get("state_type").and_then(Value::as_str), Some("date-range" | "integer")) {
            return self.resume_spans(state);
        }
        let mut floor = self.start;
        if let Some(value) = state.get(&self.field) {
            let known = self.parse(value).ok_or_else(|| self.no_date())?;
            let earlier = lookback.and_then(|lookback| known.minus(lookback).ok());
            // Through text and back: a state is no finer than its format.
            let earlier = earlier.and_then(|earlier| self.parse(&Value::String(self.format(earlier))));
            floor = floor.max(earlier.unwrap_or(known));
        }
        let span = Span { start: self.start, end: floor, newest: Some(floor) };
        Ok(Progress { spans: vec![span], floor, legacy: state.clone() })
    }

    /// How far a stream was read, from a state that lists spans.
    fn resume_spans(&self, state: &Map<String, Value>) -> Result<Progress, ReadError> {
        let date = |span: &Value, name: &str| match span.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.parse(value).map(Some).ok_or_else(|| self.no_date()),
        };
        let mut spans = Vec::new();
        for span in state.get("slices").and_then(Value::as_array).into_iter().flatten() {
            let (Some(start), Some(end)) = (date(span, "start")?, date(span, "end")?) else {
                return Err(wrong_state("a slice in it has no `start` or no `end`"));
            };
            spans.push(Span { start, end, newest: date(span, "most_recent_cursor_value")? });
        }
        let Some(first) = spans.first() else { return Err(wrong_state("it has no slice")) };
        let floor = first.newest.unwrap_or(first.end);
        let legacy = state.get("legacy").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Progress { spans, floor, legacy })
    }

    fn no_date(&self) -> ReadError {
        wrong_state(&format!("a date of `{}` is in none of the cursor's formats", self.field))
    }

    /// The first unit after a span.
    fn next_unit(&self, date: DateTime) -> DateTime {
        let unit = self.granularity.unwrap_or_else(|| Period::from_micros(MILLISECOND));
        date.plus(unit).unwrap_or(date)
    }

    /// Where a reading ends: at the end of the manifest, or now.
    pub fn end(&self, now: DateTime) -> DateTime {
        let end = self.end.unwrap_or(now);
        if self.clamp == Clamp::Not {
            return end;
        }
        let end = self.clamp.down(end);
        end.minus(self.granularity.unwrap_or_else(|| self.clamp.unit())).unwrap_or(end)
    }

    /// The slices that remain.
    pub fn slices(&self, progress: &Progress, now: DateTime) -> Slices {
        let mut progress = progress.clone();
        progress.merge(|date| self.next_unit(date));
        let mut slices = Slices::new(Cut {
            start: self.start,
            step: self.step,
            granularity: self.granularity,
            clamp: self.clamp,
            strict: self.strict,
        });
        if let Some(first) = progress.spans.first()
            && self.start < first.start
        {
            slices.add(self.start, first.start, false);
        }
        for (done, next) in progress.spans.iter().zip(progress.spans.iter().skip(1)) {
            let lower = self.granularity.and_then(|unit| done.end.plus(unit).ok()).unwrap_or(done.end);
            slices.add(lower, next.start, false);
        }
        if let Some(last) = progress.spans.last() {
            let lower = self.lookback.and_then(|lookback| last.end.minus(lookback).ok()).unwrap_or(last.end);
            slices.add(lower, self.end(now), true);
        }
        slices
    }

    /// The bounds of a slice as its members.
    pub fn members(&self, (start, end): (DateTime, DateTime)) -> Map<String, Value> {
        let member = |name: &str, date| (name.to_owned(), Value::String(self.format(date)));
        [member(&self.bounds.start, start), member(&self.bounds.end, end)].into_iter().collect()
    }

    /// The bounds that a slice has.
    fn bounds_of(&self, slice: &Slice) -> Option<(DateTime, DateTime)> {
        let date = |name: &str| slice.get(name).and_then(|value| self.parse(value));
        Some((date(&self.bounds.start)?, date(&self.bounds.end)?))
    }

    /// The date of a record; none where it has none that can be read.
    pub fn date_of(&self, record: &Record) -> Option<DateTime> {
        record.member(&self.field).and_then(|value| self.parse(&value))
    }

    /// The dates of records that are new: a client-side filter keeps them, and a feed goes on after them.
    pub fn new_records(&self, progress: &Progress, now: DateTime) -> NewRecords {
        NewRecords { from: self.lowest(progress), until: self.end(now) }
    }

    fn lowest(&self, progress: &Progress) -> DateTime {
        let floor = progress.floor;
        match self
            .lookback
            .filter(|lookback| !lookback.is_zero())
            .and_then(|lookback| floor.minus(lookback).ok())
        {
            None => floor,
            Some(lower) => lower.max(floor.min(self.start)),
        }
    }

    /// A slice is done; `newest` is the date of the newest record in it. Up to which date it is read is given back.
    ///
    /// A record may be newer than the slice, where the service does not know its end: it changed while pages were read. What
    /// changed before it, on pages that had been read, is not known then; so the state goes no further than the slice.
    ///
    /// # Errors
    /// When the slice has no bounds of this cursor.
    pub fn close(
        &self,
        progress: &mut Progress,
        slice: &Slice,
        newest: Option<DateTime>,
    ) -> Result<Option<DateTime>, ReadError> {
        let span = self.read_of(slice, newest)?;
        progress.add(span, |date| self.next_unit(date));
        Ok(span.newest)
    }

    /// What is read once a slice is done.
    pub(super) fn read_of(&self, slice: &Slice, newest: Option<DateTime>) -> Result<Span, ReadError> {
        let (start, end) = self.bounds_of(slice).ok_or_else(|| wrong_state("a slice has no bounds"))?;
        Ok(Span { start, end, newest: newest.map(|newest| newest.min(end)) })
    }

    /// The state: up to which date everything is read.
    pub fn state(&self, progress: &Progress) -> Map<String, Value> {
        let mut state = progress.legacy.clone();
        if let Some(first) = progress.spans.first() {
            let until = first.newest.unwrap_or(first.start);
            state.insert(self.field.clone(), Value::String(self.format(until)));
        }
        state
    }

    /// A slice that begins at its newest record, its members otherwise the same.
    #[must_use]
    pub fn shortened(&self, slice: &Slice, newest: Option<DateTime>) -> Slice {
        let mut slice = slice.clone();
        if let Some(newest) = newest {
            slice.cursor.insert(self.bounds.start.clone(), Value::String(self.format(newest)));
        }
        slice
    }

    /// A slice in two halves; none where it is not longer than a unit, or than `least`.
    pub fn halves(&self, slice: &Slice, least: Option<Period>) -> Option<[Slice; 2]> {
        let unit = self.granularity?.micros().filter(|unit| *unit > 0)?;
        let (start, end) = self.bounds_of(slice)?;
        let length = end.micros() - start.micros();
        if length <= 0 || least.and_then(|least| least.micros()).is_some_and(|least| length <= least) {
            return None;
        }
        let half = (length / unit + 1) / 2;
        let second = start.plus_micros(half.checked_mul(unit)?).ok()?;
        let first = second.plus_micros(-unit).ok()?;
        if first < start || second > end {
            return None;
        }
        let part = |bounds| Slice { cursor: self.members(bounds), ..slice.clone() };
        Some([part((start, first)), part((second, end))])
    }
}
