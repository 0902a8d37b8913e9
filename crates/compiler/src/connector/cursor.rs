//! The arithmetic of incremental cursors: what a record says, what the parameter is sent.
//!
//! Instants are compared as instants, whatever they look like; a value that cannot be read says nothing.

use std::borrow::Cow;

use raccord_model::checkpoint::Cursor;
use raccord_model::decimal::Decimal;
use raccord_model::duration::Seconds;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::http::CursorFormat;
use raccord_model::value::{Instant, parse_datetime, parse_integer, parse_written_day};

use super::component::Target;

/// How only what has changed is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncrementalCursor {
    /// The field of a record that says when it changed.
    pub field: FieldPath,
    /// What takes the value from which on records are wanted.
    pub param: Target,
    /// How the value is written.
    pub format: CursorFormat,
    /// What the very first run asks for.
    pub initial: Option<Cursor>,
    /// How far before the last value the next run begins.
    pub lookback: Option<Seconds>,
    /// Whether the service answers in ascending order of the field.
    pub ordered: bool,
}

/// The seconds of a day.
const DAY: i64 = 86_400;

impl IncrementalCursor {
    /// Reads the raw JSON of the field; `None` when it holds no value of the format.
    pub fn read(&self, raw: &str) -> Option<Cursor> {
        let raw = raw.trim();
        let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if is_number {
            return match self.format {
                CursorFormat::Unix | CursorFormat::UnixMillis | CursorFormat::Integer => {
                    parse(self.format, raw)
                }
                CursorFormat::Rfc3339 | CursorFormat::Date | CursorFormat::Text => None,
            };
        }
        parse(self.format, &json_text(raw)?)
    }

    /// Reads a value as the parameter was sent it.
    pub fn parse(&self, text: &str) -> Option<Cursor> {
        parse(self.format, text)
    }

    /// The value as the parameter is sent it.
    pub fn format(&self, cursor: &Cursor) -> String {
        let Cursor::Instant(seconds, nanoseconds) = *cursor else {
            return cursor.to_string();
        };
        match self.format {
            // Rounded down, for the comparison of the service is inclusive and a record may come twice but not never.
            CursorFormat::Unix => seconds.to_string(),
            CursorFormat::UnixMillis => {
                seconds.saturating_mul(1_000).saturating_add(i64::from(nanoseconds / 1_000_000)).to_string()
            }
            CursorFormat::Date => match (Instant { seconds, nanoseconds }).civil() {
                Some(shown) => shown.date().to_string(),
                None => cursor.to_string(),
            },
            CursorFormat::Rfc3339 | CursorFormat::Integer | CursorFormat::Text => cursor.to_string(),
        }
    }

    /// The value from which a run begins that has seen up to `cursor`.
    pub fn with_lookback(&self, cursor: &Cursor) -> Cursor {
        match (cursor, self.lookback) {
            (Cursor::Instant(seconds, nanoseconds), Some(lookback)) => {
                Cursor::Instant(seconds.saturating_sub(lookback.signed()), *nanoseconds)
            }
            _ => cursor.clone(),
        }
    }

    /// The value from which the very first run begins.
    pub fn initial(&self) -> Option<Cursor> {
        self.initial.clone()
    }
}

/// Whether values of a format are instants, which time can be taken from.
pub(super) const fn is_instant(format: CursorFormat) -> bool {
    match format {
        CursorFormat::Rfc3339 | CursorFormat::Date | CursorFormat::Unix | CursorFormat::UnixMillis => true,
        CursorFormat::Integer | CursorFormat::Text => false,
    }
}

/// Reads a value as it is written in the format.
pub(super) fn parse(format: CursorFormat, text: &str) -> Option<Cursor> {
    match format {
        CursorFormat::Rfc3339 => parse_datetime(text, None).ok().map(Cursor::from),
        CursorFormat::Date => {
            parse_written_day(text).ok().map(|days| Cursor::Instant(i64::from(days).saturating_mul(DAY), 0))
        }
        CursorFormat::Unix => instant_of(text, 0),
        CursorFormat::UnixMillis => instant_of(text, 3),
        CursorFormat::Integer => parse_integer(text).ok().map(Cursor::Integer),
        CursorFormat::Text => (!text.is_empty()).then(|| Cursor::Text(text.to_owned())),
    }
}

/// Reads a number of seconds (`scale` 0) or of thousandths of them (`scale` 3), exact to the nanosecond.
fn instant_of(text: &str, scale: usize) -> Option<Cursor> {
    if let (Ok(seconds), 0) = (text.parse(), scale) {
        return Some(Cursor::Instant(seconds, 0));
    }
    let decimal: Decimal = text.parse().ok()?;
    let (sign, digits) = match decimal.as_str().strip_prefix('-') {
        Some(digits) => (-1_i128, digits),
        None => (1, decimal.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let nanoseconds: String = fraction.chars().chain(std::iter::repeat('0')).take(9 - scale).collect();
    let total = sign * format!("{whole}{nanoseconds}").parse::<i128>().ok()?;
    let seconds = i64::try_from(total.div_euclid(1_000_000_000)).ok()?;
    let nanoseconds = i32::try_from(total.rem_euclid(1_000_000_000)).ok()?;
    Some(Cursor::Instant(seconds, nanoseconds))
}

/// The text of a JSON string; borrowed when nothing in it is escaped.
fn json_text(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(format: CursorFormat) -> IncrementalCursor {
        IncrementalCursor {
            field: FieldPath::member("at"),
            param: Target::Query("since".to_owned()),
            format,
            initial: None,
            lookback: "5m".parse().ok(),
            ordered: false,
        }
    }

    /// What is read from raw JSON, as the parameter is sent it, then with the lookback.
    #[test]
    fn what_is_read_is_sent_back_in_the_same_format() {
        use CursorFormat::{Date, Integer, Rfc3339, Text, Unix, UnixMillis};
        type Case = (CursorFormat, &'static str, Option<(&'static str, &'static str)>);
        let cases: &[Case] = &[
            (
                Rfc3339,
                "\"2024-01-31T09:30:00+02:00\"",
                Some(("2024-01-31T07:30:00Z", "2024-01-31T07:25:00Z")),
            ),
            (
                Rfc3339,
                r#""2024-01-31T07:30:00.5\u005a""#,
                Some(("2024-01-31T07:30:00.5Z", "2024-01-31T07:25:00.5Z")),
            ),
            (Rfc3339, "\"2024-01-31T07:30:00\"", None),
            (Rfc3339, "1706686200", None),
            (Rfc3339, "null", None),
            (Date, "\"2024-03-01\"", Some(("2024-03-01", "2024-02-29"))),
            (Date, "\"2024-03-01T09:30:00Z\"", Some(("2024-03-01", "2024-02-29"))),
            (Date, "\"2024-03-01T09:30:00-05:00\"", Some(("2024-03-01", "2024-02-29"))),
            (Rfc3339, "\"9999-12-31T00:04:00Z\"", Some(("9999-12-31T00:04:00Z", "9999-12-30T23:59:00Z"))),
            (Unix, "1706686200", Some(("1706686200", "1706685900"))),
            (Unix, "\"1706686200.75\"", Some(("1706686200", "1706685900"))),
            (Unix, "-1.5", Some(("-2", "-302"))),
            (UnixMillis, "1706686200123", Some(("1706686200123", "1706685900123"))),
            (Integer, "9007199254740993", Some(("9007199254740993", "9007199254740993"))),
            (Text, "\"a\\\"b\"", Some(("a\"b", "a\"b"))),
            (Text, "17", None),
            (Text, "\"\"", None),
            (Integer, "{}", None),
        ];
        for (format, raw, expected) in cases {
            let cursor = cursor(*format);
            let read = cursor.read(raw);
            let written = read.as_ref().map(|read| cursor.format(read));
            let earlier = read.as_ref().map(|read| cursor.format(&cursor.with_lookback(read)));
            let (expected, expected_earlier) = expected.unzip();
            assert_eq!(written.as_deref(), expected, "{format:?} {raw}");
            assert_eq!(earlier.as_deref(), expected_earlier, "{format:?} {raw}");
        }
    }

    #[test]
    fn instants_are_exact_to_the_nanosecond() {
        assert_eq!(parse(CursorFormat::Unix, "1.123456789"), Some(Cursor::Instant(1, 123_456_789)));
        assert_eq!(parse(CursorFormat::UnixMillis, "1500.25"), Some(Cursor::Instant(1, 500_250_000)));
        assert_eq!(parse(CursorFormat::UnixMillis, "-1"), Some(Cursor::Instant(-1, 999_000_000)));
    }
}
