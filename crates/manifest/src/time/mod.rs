//! Dates and times as Python's `datetime` has them, to the microsecond: reading and writing them by format, ISO 8601,
//! durations and their sums. There is no clock here: a caller that needs the time gives it as an argument.
//!
//! - [`parse`] and [`format`](fn@format) are what cursors use: the reference's `DatetimeParser`.
//! - [`Period`] is an ISO 8601 duration (`P1M`, `PT1S`); add it to a [`DateTime`] or take it away.
//! - [`MinMaxDatetime`] is the component of this name.

mod calendar;
mod iso;
mod min_max;
mod number;
mod period;
mod print;
mod scan;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

pub use calendar::Fields;
pub use iso::parse_iso;
pub use min_max::MinMaxDatetime;
pub use period::Period;
pub(crate) use print::offset_text;
pub use print::strftime;
pub use scan::strptime;

use calendar::{DAY, SECOND};
pub(crate) use number::{float_of_micros, micros_of_float, truncate};

/// A date and time, with the offset from UTC where it is known. Two compare by the instant that they are; without an
/// offset it is taken for UTC.
#[derive(Debug, Clone, Copy)]
pub struct DateTime {
    /// Microseconds since the start of 1970, by the clock where it is.
    local: i64,
    /// Seconds east of UTC.
    offset: Option<i32>,
}

/// Why a date, a duration or a format cannot be used. It never holds the text that was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text is none of this format.
    #[error("the text is no date of the format `{0}`")]
    Mismatch(String),
    /// The format has a directive that cannot be read.
    #[error("the format `{0}` has a directive that cannot be read")]
    Format(String),
    /// It is no ISO 8601 date.
    #[error("the text is no ISO 8601 date")]
    Iso,
    /// It is no ISO 8601 duration.
    #[error("`{0}` is no ISO 8601 duration")]
    Duration(String),
    /// Fractions of a month have no length.
    #[error("a date cannot be moved by a fraction of a month or of a year")]
    Fraction,
    /// The years from 1 to 9999 do not hold it.
    #[error("a date is outside of the years 1 to 9999")]
    Range,
}

const FIRST: i64 = -719_162 * DAY;
const END: i64 = 2_932_897 * DAY;

impl DateTime {
    /// The date and time that a calendar and a clock show.
    pub fn new(fields: Fields, offset: Option<i32>) -> Result<Self, TimeError> {
        if !fields.valid() {
            return Err(TimeError::Range);
        }
        Ok(Self { local: fields.micros(), offset })
    }

    /// An instant, in UTC.
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        Self { local: micros, offset: Some(0) }.checked()
    }

    /// An instant of the clock, in UTC; what is finer than a microsecond is cut.
    pub fn from_timestamp(timestamp: jiff::Timestamp) -> Self {
        Self { local: timestamp.as_microsecond().clamp(FIRST, END - 1), offset: Some(0) }
    }

    fn checked(self) -> Result<Self, TimeError> {
        if (FIRST..END).contains(&self.local) { Ok(self) } else { Err(TimeError::Range) }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn micros(&self) -> i64 {
        self.local - i64::from(self.offset.unwrap_or(0)) * SECOND
    }

    /// What a calendar and a clock show.
    pub fn fields(&self) -> Fields {
        Fields::of(self.local)
    }

    /// Seconds east of UTC; none where it isn't known.
    pub fn offset(&self) -> Option<i32> {
        self.offset
    }

    /// The same fields with another offset.
    #[must_use]
    pub fn with_offset(self, offset: Option<i32>) -> Self {
        Self { local: self.local, offset }
    }

    /// The same instant at another offset.
    pub fn at_offset(self, offset: i32) -> Result<Self, TimeError> {
        Self { local: self.micros() + i64::from(offset) * SECOND, offset: Some(offset) }.checked()
    }

    /// It, and UTC where it has no offset.
    #[must_use]
    pub fn or_utc(self) -> Self {
        self.with_offset(self.offset.or(Some(0)))
    }

    /// Moved on by a number of microseconds, by the clock where it is.
    pub fn plus_micros(self, micros: i64) -> Result<Self, TimeError> {
        let local = self.local.checked_add(micros).ok_or(TimeError::Range)?;
        Self { local, offset: self.offset }.checked()
    }

    /// Seconds since 1970 as Python's `timestamp()` gives them.
    pub fn timestamp(&self) -> f64 {
        float_of_micros(self.micros())
    }
}

impl PartialEq for DateTime {
    fn eq(&self, other: &Self) -> bool {
        self.micros() == other.micros()
    }
}

impl Eq for DateTime {}

impl PartialOrd for DateTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DateTime {
    fn cmp(&self, other: &Self) -> Ordering {
        self.micros().cmp(&other.micros())
    }
}

/// Reads a date by a manifest's format: `strptime`'s directives, and `%s`, `%s_as_float`, `%ms`,
/// `%epoch_microseconds` for the whole text and `%_ms` within it. Without an offset it is UTC.
///
/// # Errors
/// When the text is none of that format, or the format is none.
pub fn parse(text: &str, format: &str) -> Result<DateTime, TimeError> {
    let mismatch = || TimeError::Mismatch(format.to_owned());
    let whole = || number::int(text).ok_or_else(mismatch);
    match format {
        "%s" => DateTime::from_micros(whole()?.checked_mul(SECOND).ok_or(TimeError::Range)?),
        "%ms" => DateTime::from_micros(whole()?.checked_mul(1000).ok_or(TimeError::Range)?),
        "%epoch_microseconds" => DateTime::from_micros(whole()?),
        "%s_as_float" => {
            let seconds = number::float(text).ok_or_else(mismatch)?;
            DateTime::from_micros(micros_of_float(seconds).ok_or(TimeError::Range)?)
        }
        format => Ok(strptime(text, &format.replace("%_ms", "%f"))?.or_utc()),
    }
}

/// Writes a date by a manifest's format; see [`parse`].
pub fn format(date: &DateTime, format: &str) -> String {
    match format {
        "%s" => truncate(date.timestamp()).to_string(),
        "%s_as_float" => crate::template::float_text(date.timestamp()),
        "%epoch_microseconds" => truncate(date.timestamp() * 1_000_000.0).to_string(),
        "%ms" => truncate(date.timestamp() * 1000.0).to_string(),
        format if format.contains("%_ms") => {
            let millis = date.fields().microsecond / 1000;
            let text = strftime(date, &format.replace("%_ms", "%f"));
            // As in the reference: wherever the six digits stand.
            text.replace(&strftime(date, "%f"), &format!("{millis:03}"))
        }
        format => strftime(date, format),
    }
}
