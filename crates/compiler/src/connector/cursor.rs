//! The arithmetic of incremental cursors: what a record says, what the parameter is sent.
//!
//! Instants are compared as instants, whatever they look like; a value that cannot be read says nothing. Tokens that the
//! service gives are not compared at all.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use raccord_model::checkpoint::Cursor;
use raccord_model::decimal::Decimal;
use raccord_model::duration::Seconds;
use raccord_model::field_path::FieldPath;
use raccord_model::foreign;
use raccord_model::language::connector::http::CursorFormat;
use raccord_model::value::{Instant, ValueError, parse_datetime, parse_integer, parse_written_day};

use super::template::Target;
use super::token::TokenCursor;

/// How only what has changed is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncrementalCursor {
    /// What says how far a reading came.
    pub mark: Mark,
    /// What takes the value from which on records are wanted, unless a template does.
    pub param: Option<Target>,
    /// What the very first run asks for.
    pub initial: Option<Cursor>,
}

/// What says how far a reading came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The records.
    Field(FieldCursor),
    /// The service.
    Token(TokenCursor),
}

/// A field of the records that says how far a reading came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldCursor {
    /// The fields of a record that say when it changed; the first that is there counts.
    pub fields: Vec<FieldPath>,
    /// How the value is written.
    pub format: CursorFormat,
    /// The time zone of values that name none.
    pub zone: Option<TimeZone>,
    /// How far before the last value the next run begins.
    pub lookback: Option<Seconds>,
    /// Whether the service answers in ascending order of the field.
    pub ordered: bool,
}

/// The seconds of a day.
const DAY: i64 = 86_400;

/// By how many seconds the clocks of a place may be before those of UTC.
const FURTHEST_ZONE: i64 = 14 * 3_600;

/// By how many seconds a clock may be before ours without a word.
const CLOCKS: i64 = 60;

/// How many characters of a value that cannot be read are shown.
const SHOWN: usize = 40;

impl IncrementalCursor {
    /// The field that says how far a reading came, when it is one.
    pub const fn field(&self) -> Option<&FieldCursor> {
        match &self.mark {
            Mark::Field(field) => Some(field),
            Mark::Token(_) => None,
        }
    }

    /// Where the token is that says so, when it is one.
    pub const fn token(&self) -> Option<&TokenCursor> {
        match &self.mark {
            Mark::Field(_) => None,
            Mark::Token(token) => Some(token),
        }
    }

    /// The value as the parameter is sent it.
    pub fn format(&self, cursor: &Cursor) -> String {
        self.field().map_or_else(|| cursor.to_string(), |field| field.format(cursor))
    }

    /// Whether the value is a number where JSON is sent.
    pub const fn is_number(&self, cursor: &Cursor) -> bool {
        match (&self.mark, cursor) {
            (Mark::Field(field), _) => field.is_number(),
            (Mark::Token(_), Cursor::Token(token)) => token.is_number(),
            (Mark::Token(_), _) => false,
        }
    }

    /// The value from which a run begins that has seen up to `cursor`.
    pub fn with_lookback(&self, cursor: &Cursor) -> Cursor {
        self.field().map_or_else(|| cursor.clone(), |field| field.with_lookback(cursor))
    }

    /// The value from which the very first run begins.
    pub fn initial(&self) -> Option<Cursor> {
        self.initial.clone()
    }

    /// The value from which a reading begins again when the service no longer knows the one that it began from: where the very
    /// first run began, and else everything.
    pub fn earlier(&self, from: &Cursor) -> Option<Cursor> {
        self.initial().filter(|initial| initial != from)
    }

    /// A value as a person writes it who wants a reading to begin there.
    pub fn point(&self, text: &str) -> Option<Cursor> {
        match &self.mark {
            Mark::Field(field) => {
                field.read(text).or_else(|| field.read(&serde_json::Value::from(text).to_string()))
            }
            Mark::Token(token) => token.point(text),
        }
    }

    /// What a person writes who wants a reading to begin there, in words.
    pub const fn expects(&self) -> &'static str {
        match &self.mark {
            Mark::Field(_) => "a value of the incremental field",
            Mark::Token(token) if token.is_url() => "a URL that the service has given",
            Mark::Token(_) => "a token of the service",
        }
    }
}

impl FieldCursor {
    /// Reads the raw JSON of the field; `None` when it holds no value of the format.
    pub fn read(&self, raw: &str) -> Option<Cursor> {
        let raw = raw.trim();
        let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if is_number {
            return match self.format {
                CursorFormat::Unix | CursorFormat::UnixMillis | CursorFormat::Integer => {
                    parse(self.format, raw, None)
                }
                CursorFormat::Rfc3339 | CursorFormat::Date | CursorFormat::Text => None,
            };
        }
        parse(self.format, &json_text(raw)?, self.zone.as_ref())
    }

    /// Reads a value as the parameter was sent it.
    pub fn parse(&self, text: &str) -> Option<Cursor> {
        parse(self.format, text, self.zone.as_ref())
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
            CursorFormat::Rfc3339 => self.in_zone(seconds, nanoseconds).unwrap_or_else(|| cursor.to_string()),
            CursorFormat::Integer | CursorFormat::Text => cursor.to_string(),
        }
    }

    /// Whether the value is a number where JSON is sent.
    pub const fn is_number(&self) -> bool {
        match self.format {
            CursorFormat::Unix | CursorFormat::UnixMillis | CursorFormat::Integer => true,
            CursorFormat::Rfc3339 | CursorFormat::Date | CursorFormat::Text => false,
        }
    }

    /// An instant as the clocks of the zone show it, with the offset: a service that reads none finds its own time.
    fn in_zone(&self, seconds: i64, nanoseconds: i32) -> Option<String> {
        let zone = self.zone.clone()?;
        let shown = jiff::Timestamp::new(seconds, nanoseconds).ok()?.to_zoned_datetime(zone);
        Some(shown.timestamp().display_with_offset(shown.offset()).to_string())
    }

    /// Whether a text says a time that is still to come: then it is no value to go on from, for nothing before it
    /// would be asked for again. Which zone it means is not known, so half a day more than the present is allowed.
    pub fn is_future(&self, cursor: &Cursor, now: jiff::Timestamp) -> bool {
        let Cursor::Text(text) = cursor else {
            return false;
        };
        let at = match parse_datetime(text, Some(&TimeZone::UTC)) {
            Ok(instant) => instant.seconds,
            Err(_) => match parse_written_day(text) {
                Ok(days) => i64::from(days).saturating_mul(DAY),
                Err(_) => return false,
            },
        };
        at > now.as_second().saturating_add(FURTHEST_ZONE)
    }

    /// Whether a value is later than the present, beyond what a clock may be before another.
    pub fn is_ahead(&self, cursor: &Cursor, now: jiff::Timestamp) -> bool {
        match cursor {
            Cursor::Instant(seconds, _) => *seconds > now.as_second().saturating_add(CLOCKS),
            Cursor::Text(_) => self.is_future(cursor, now),
            Cursor::Integer(_) | Cursor::Token(_) => false,
        }
    }

    /// What to tell of so many records that are dated in the future; the latest of them.
    pub fn ahead(&self, records: u64, latest: &Cursor) -> String {
        let are = if records == 1 { "1 record is".to_owned() } else { format!("{records} records are") };
        let cure = self.cure_of_ahead();
        format!(
            "{are} dated in the future by `{}`, at the latest {latest}: the next run begins where this one began, and never finds what \
             is written after it with an earlier date, by a clock that is behind or in another time zone; {cure}",
            self.names()
        )
    }

    /// What keeps a date in the future from hiding others.
    fn cure_of_ahead(&self) -> &'static str {
        match (self.format, &self.lookback) {
            (CursorFormat::Rfc3339, None) => {
                "`incremental: {timezone: NAME}` names the zone in which values without one are written, and `lookback` is longer \
                 than a clock is behind"
            }
            (CursorFormat::Rfc3339, Some(_)) => {
                "`incremental: {timezone: NAME}` names the zone in which values without one are written"
            }
            (_, None) => "a `lookback` longer than a clock is behind finds it",
            (_, Some(_)) => "the `lookback` finds it where it is longer than a clock is behind",
        }
    }

    /// The fields in words.
    pub fn names(&self) -> String {
        let names: Vec<String> = self.fields.iter().map(ToString::to_string).collect();
        names.join("` or `")
    }

    /// What to tell of values that could not be read: so many of so many records, and the first of them as raw JSON,
    /// `None` where it was missing.
    pub fn trouble(&self, unread: u64, records: u64, example: Option<&str>) -> String {
        let so = if unread == records {
            "so the next run begins where this one began"
        } else {
            "so these do not count for where the next run begins"
        };
        format!(
            "`{}` cannot be read in {unread} of {records} records, {so}: {}",
            self.names(),
            self.cure(example)
        )
    }

    /// What is wrong with a value, and what to do about it.
    fn cure(&self, example: Option<&str>) -> String {
        let Some(raw) = example.filter(|raw| *raw != "null") else {
            return "it is not there; `incremental: {field: …}` names the field, or a list of fields"
                .to_owned();
        };
        let short: String = foreign::line(raw).chars().take(SHOWN).collect();
        let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let text = json_text(raw);
        let has_no_zone = self.format == CursorFormat::Rfc3339
            && text.is_some_and(|text| matches!(parse_datetime(&text, None), Err(ValueError::NoZone)));
        let (what, how) = match self.format {
            _ if has_no_zone => (
                "has no time zone",
                "`incremental: {timezone: NAME}` names the one in which it is written, UTC for `datetime('now')`; with a wrong one changes are missed",
            ),
            CursorFormat::Rfc3339 | CursorFormat::Date if is_number => {
                ("is a number", "`incremental: {format: unix}`, `unixMillis` or `integer` reads it")
            }
            CursorFormat::Rfc3339 => ("is no instant", "`incremental: {format: …}` says how it is written"),
            CursorFormat::Date => ("is no day", "`incremental: {format: …}` says how it is written"),
            CursorFormat::Unix | CursorFormat::UnixMillis | CursorFormat::Integer => {
                ("is no number", "`incremental: {format: …}` says how it is written")
            }
            CursorFormat::Text => ("is no text", "`incremental: {format: …}` says how it is written"),
        };
        format!("`{short}` {what}; {how}")
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
}

/// Whether values of a format are instants, which time can be taken from.
pub(super) const fn is_instant(format: CursorFormat) -> bool {
    match format {
        CursorFormat::Rfc3339 | CursorFormat::Date | CursorFormat::Unix | CursorFormat::UnixMillis => true,
        CursorFormat::Integer | CursorFormat::Text => false,
    }
}

/// Reads a value as it is written in the format.
pub(super) fn parse(format: CursorFormat, text: &str, zone: Option<&TimeZone>) -> Option<Cursor> {
    match format {
        CursorFormat::Rfc3339 => parse_datetime(text, zone).ok().map(Cursor::from),
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

    fn cursor(format: CursorFormat) -> FieldCursor {
        FieldCursor {
            fields: vec![FieldPath::member("at")],
            format,
            zone: None,
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
        assert_eq!(parse(CursorFormat::Unix, "1.123456789", None), Some(Cursor::Instant(1, 123_456_789)));
        assert_eq!(parse(CursorFormat::UnixMillis, "1500.25", None), Some(Cursor::Instant(1, 500_250_000)));
        assert_eq!(parse(CursorFormat::UnixMillis, "-1", None), Some(Cursor::Instant(-1, 999_000_000)));
    }

    #[test]
    fn values_without_a_zone_are_read_in_the_one_that_is_named() {
        let mut cursor = cursor(CursorFormat::Rfc3339);
        cursor.zone = TimeZone::get("Europe/Paris").ok();
        for (raw, expected) in [
            ("\"2025-01-01T09:00:00\"", "2025-01-01T09:00:00+01:00"),
            ("\"2025-07-01 09:00:00.5\"", "2025-07-01T09:00:00.5+02:00"),
            ("\"2025-07-01T09:00:00Z\"", "2025-07-01T11:00:00+02:00"),
        ] {
            let read = cursor.read(raw).unwrap();
            assert_eq!(cursor.format(&read), expected, "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_cure() {
        use CursorFormat::{Rfc3339, Text, Unix};
        for (format, example, expected) in [
            (Rfc3339, Some("\"2025-01-01T00:00:00\""), "timezone"),
            (Rfc3339, Some("1706686200"), "format: unix"),
            (Rfc3339, Some("\"soon\""), "`\"soon\"` is no instant"),
            (Rfc3339, None, "field: …"),
            (Unix, Some("\"soon\""), "is no number"),
            (Text, Some("17"), "is no text"),
        ] {
            let all = cursor(format).trouble(40, 40, example);
            assert!(all.contains(expected) && all.contains("begins where this one began"), "{all}");
            assert!(cursor(format).trouble(3, 40, example).contains("3 of 40"), "{all}");
        }
    }

    #[test]
    fn a_text_that_says_a_time_to_come_is_no_value_to_go_on_from() {
        let now = "2025-01-31T12:00:00Z".parse().unwrap();
        let is_future =
            |text: &str| cursor(CursorFormat::Text).is_future(&Cursor::Text(text.to_owned()), now);
        for text in ["9999-12-31", "2025-02-02 00:00:00", "2025-02-01T12:00:00Z", "2099-01-01T00:00:00"] {
            assert!(is_future(text), "{text}");
        }
        for text in ["2025-01-31 23:00:00", "2025-01-31", "zzz", "99999", ""] {
            assert!(!is_future(text), "{text}");
        }
    }
}
