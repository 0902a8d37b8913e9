//! Typed values of project fields, and the exact conversions from text.
//!
//! Nothing is inferred that loses information: a text stays a text, a decimal is exact, an instant without
//! a zone is refused unless a zone is named.

use std::borrow::Cow;
use std::fmt;

use jiff::civil;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::decimal::Decimal;

/// An instant in UTC: seconds since 1970 and nanoseconds of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: i32,
}

impl From<jiff::Timestamp> for Instant {
    fn from(timestamp: jiff::Timestamp) -> Self {
        let (seconds, nanoseconds) = (timestamp.as_second(), timestamp.subsec_nanosecond());
        if nanoseconds < 0 {
            Self { seconds: seconds - 1, nanoseconds: nanoseconds + 1_000_000_000 }
        } else {
            Self { seconds, nanoseconds }
        }
    }
}

/// The seconds of a day.
const DAY: i64 = 86_400;

impl Instant {
    /// The instant at which clocks with an offset show a date and time; `None` when it is outside of the years -9999
    /// to 9999 in UTC.
    pub fn at(shown: civil::DateTime, offset: Offset) -> Option<Self> {
        let time = shown.time();
        let minutes = i64::from(time.hour()) * 60 + i64::from(time.minute());
        let seconds =
            i64::from(days_since_epoch(shown.date())) * DAY + minutes * 60 + i64::from(time.second());
        let instant =
            Self { seconds: seconds - i64::from(offset.seconds()), nanoseconds: time.subsec_nanosecond() };
        instant.civil().map(|_| instant)
    }

    /// The date and time in UTC; `None` outside the years -9999 to 9999.
    pub fn civil(self) -> Option<civil::DateTime> {
        let date = date_of(i32::try_from(self.seconds.div_euclid(DAY)).ok()?)?;
        let second = self.seconds.rem_euclid(DAY);
        let part = |number: i64| i8::try_from(number).ok();
        let (hour, minute, second) = (part(second / 3_600)?, part(second / 60 % 60)?, part(second % 60)?);
        let time = civil::Time::new(hour, minute, second, self.nanoseconds).ok()?;
        Some(date.to_datetime(time))
    }

    /// As the time library's type, whose last one is 9999-12-30T22:00:00.999999999Z; `None` beyond.
    pub fn timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::new(self.seconds, self.nanoseconds).ok()
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.civil() {
            Some(shown) => write!(f, "{shown}Z"),
            None => write!(f, "{}.{:09}s", self.seconds, self.nanoseconds),
        }
    }
}

/// One value of a field. Absence is not a value: it is `Option`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// text, email, phone, url, choice.
    Text(Cow<'a, str>),
    /// integer.
    Integer(i64),
    /// decimal.
    Decimal(Decimal),
    /// boolean.
    Boolean(bool),
    /// date, in days since 1970-01-01.
    Date(i32),
    /// datetime.
    Datetime(Instant),
    /// choices, in ascending order, without repetition.
    Choices(Vec<Cow<'a, str>>),
    /// json: its canonical text, which equal values have in common.
    Json(Cow<'a, str>),
}

impl Value<'_> {
    /// As JSON, for people and tools. Integers become numbers, instants RFC 3339 text. A decimal is always a text: readers
    /// that know 64-bit floats alone would lose some of its digits.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Text(text) => Json::String(text.to_string()),
            Self::Integer(number) => Json::from(*number),
            Self::Decimal(decimal) => Json::from(decimal.as_str()),
            Self::Boolean(value) => Json::Bool(*value),
            Self::Date(days) => Json::String(date_text(*days)),
            Self::Datetime(instant) => Json::String(instant.to_string()),
            Self::Choices(choices) => choices.iter().map(ToString::to_string).collect(),
            // What no tree can hold, such as a number beyond all floats, is shown as its text.
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_ref())),
        }
    }

    /// As plain text, for tables and CSV.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) | Self::Json(text) => text.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(decimal) => decimal.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::Date(days) => date_text(*days),
            Self::Datetime(instant) => instant.to_string(),
            Self::Choices(choices) => choices.join(", "),
        }
    }
}

/// The first day of the epoch.
const EPOCH: civil::Date = civil::date(1970, 1, 1);

fn date_of(days: i32) -> Option<civil::Date> {
    jiff::Span::new().try_days(days).and_then(|span| EPOCH.checked_add(span)).ok()
}

fn date_text(days: i32) -> String {
    date_of(days).map_or_else(|| format!("{days}d"), |date| date.to_string())
}

/// Days since 1970-01-01.
pub fn days_since_epoch(date: civil::Date) -> i32 {
    EPOCH.until(date).map_or(0, |span| span.get_days())
}

/// Why a text does not become a value; completes the sentence "the value …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not a whole number of 64 bits.
    #[error("is not a whole number between -9223372036854775808 and 9223372036854775807")]
    Integer,
    /// Not a decimal number.
    #[error(transparent)]
    Decimal(#[from] crate::decimal::DecimalError),
    /// Not a boolean.
    #[error("is not true or false")]
    Boolean,
    /// Not a date.
    #[error("is not a date such as 2024-01-31")]
    Date,
    /// A date in the order of some country.
    #[error("is not written as 2024-01-31; `transform: [{{parseDate: \"{0}\"}}]` reads what is written so")]
    DayOrder(String),
    /// A date and time where a day is wanted: which day it is would depend on where one is.
    #[error(
        "has a time or a zone, and a date has none; take the day as it is written with `transform: [{{truncate: 10}}]`, \
         or make the field a datetime"
    )]
    NotADay,
    /// Not an instant.
    #[error("is not a date and time such as 2024-01-31T09:30:00Z")]
    Datetime,
    /// An instant that cannot be written with a year of four digits.
    #[error(
        "is outside of the years -9999 to 9999 in UTC; the last instant is 9999-12-31T23:59:59.999999999Z"
    )]
    OutOfYears,
    /// A minute of which a 60th second is written.
    #[error("is in the second 60 of a minute, which no field of type datetime holds; those are 0 to 59")]
    LeapSecond,
    /// A date and time that could be anywhere on earth.
    #[error("has no time zone; name one with `timezone` in the mapping")]
    NoZone,
    /// Not an address.
    #[error("is not an e-mail address")]
    Email,
    /// Not a number to call.
    #[error("is not a telephone number")]
    Phone,
    /// Not a URL.
    #[error("is not an absolute URL")]
    Url,
    /// Not among the options.
    #[error("is not one of the options")]
    Choice,
    /// A list of options that is written as JSON.
    #[error("is a list that is written as JSON; `transform: [parseJson]` reads it")]
    ChoicesAsJson,
    /// JSON that could not be read again.
    #[error("is JSON that is nested too deeply or has half a character (an unpaired surrogate) in it")]
    Json,
    /// Longer than `maxLength`.
    #[error("is longer than {0} characters")]
    TooLong(u32),
    /// Something of another shape, such as an object where a text is wanted.
    #[error("is {found}, not {wanted}")]
    Shape {
        /// What came.
        found: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
}

/// Whether a text is an e-mail address with a domain of at least two labels.
pub fn is_email(text: &str) -> bool {
    // A domain is required to have a dot: addresses of local machines are mistakes in business data.
    text.len() <= 254
        && text.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.'))
        && email_address::EmailAddress::parse_with_options(text, email_options()).is_ok()
}

fn email_options() -> email_address::Options {
    email_address::Options::default().without_display_text().without_domain_literal()
}

/// Whether a text is a telephone number: 3 to 20 digits, with `+`, spaces and the usual punctuation.
pub fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (3..=20).contains(&digits)
        && text.chars().enumerate().all(|(at, c)| match c {
            '+' => at == 0,
            c => c.is_ascii_digit() || " ().-/".contains(c),
        })
}

/// Whether a text is an absolute URL with a host.
pub fn is_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.has_host())
}

/// Reads a boolean as services write it.
pub fn parse_boolean(text: &str) -> Result<bool, ValueError> {
    match text {
        "true" | "True" | "TRUE" | "1" | "yes" | "Yes" | "YES" | "t" | "y" => Ok(true),
        "false" | "False" | "FALSE" | "0" | "no" | "No" | "NO" | "f" | "n" => Ok(false),
        _ => Err(ValueError::Boolean),
    }
}

/// Reads a whole number; `12.0` and `1e3` are whole, `12.5` is not.
pub fn parse_integer(text: &str) -> Result<i64, ValueError> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let decimal: Decimal = text.parse().map_err(|_| ValueError::Integer)?;
    decimal.as_str().parse().map_err(|_| ValueError::Integer)
}

/// A text in ISO 8601, as far as it says when something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A day, without time and zone.
    Day(civil::Date),
    /// A date and time that could be anywhere on earth.
    Local(civil::DateTime),
    /// A date, or a date and time, with an offset or a time zone.
    Instant(Instant),
}

impl Moment {
    /// Reads RFC 3339, RFC 9557 (`2024-06-30T10:00:00[Europe/Paris]`) and their relatives of ISO 8601.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::Instant(timestamp.into()));
        }
        // The types of the library that have no zone would drop the one that is written.
        let pieces = Pieces::parse(text).map_err(|_| ValueError::Datetime)?;
        let shown = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        if let Some(offset) = pieces.to_numeric_offset() {
            return Instant::at(shown, offset).map(Self::Instant).ok_or(ValueError::OutOfYears);
        }
        if let Some(zone) = pieces.to_time_zone().map_err(|_| ValueError::Datetime)? {
            return in_zone(shown, &zone).map(Self::Instant);
        }
        Ok(if pieces.time().is_some() { Self::Local(shown) } else { Self::Day(pieces.date()) })
    }
}

/// The instant at which clocks of a zone show a date and time. One that they show twice is the first of them, one
/// that they leave out is as much later.
fn in_zone(shown: civil::DateTime, zone: &TimeZone) -> Result<Instant, ValueError> {
    let (AmbiguousOffset::Unambiguous { offset }
    | AmbiguousOffset::Gap { before: offset, .. }
    | AmbiguousOffset::Fold { before: offset, .. }) = zone.to_ambiguous_timestamp(shown).offset();
    Instant::at(shown, offset).ok_or(ValueError::OutOfYears)
}

/// Reads a day. What has a time or a zone is none.
pub fn parse_date(text: &str) -> Result<i32, ValueError> {
    match Moment::parse(text) {
        Ok(Moment::Day(date)) => Ok(days_since_epoch(date)),
        Ok(Moment::Local(_) | Moment::Instant(_)) | Err(ValueError::OutOfYears) => Err(ValueError::NotADay),
        Err(_) => Err(ValueError::Date),
    }
}

/// Reads the day that is written in a date, or in a date and time, whatever its zone.
pub fn parse_written_day(text: &str) -> Result<i32, ValueError> {
    Pieces::parse(text).map(|pieces| days_since_epoch(pieces.date())).map_err(|_| ValueError::Date)
}

/// Whether a time is written with the second 60, which the library would read as 59.
fn is_in_second_60(text: &str) -> bool {
    let Some((_, time)) = text.split_once(['T', 't', ' ']) else { return false };
    let digits = time.trim_start().bytes().filter(|byte| *byte != b':').take_while(u8::is_ascii_digit);
    digits.skip(4).take(2).eq(*b"60")
}

/// Reads an instant: RFC 3339, or without a zone when one is named. A zone in the text goes before the one that is
/// named.
pub fn parse_datetime(text: &str, zone: Option<&TimeZone>) -> Result<Instant, ValueError> {
    if is_in_second_60(text) {
        return Err(ValueError::LeapSecond);
    }
    let shown = match Moment::parse(text)? {
        Moment::Instant(instant) => return Ok(instant),
        Moment::Local(shown) => shown,
        Moment::Day(date) => date.to_datetime(civil::Time::midnight()),
    };
    in_zone(shown, zone.ok_or(ValueError::NoZone)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_exact_or_refused() {
        assert_eq!(parse_integer("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(parse_integer("9223372036854775808"), Err(ValueError::Integer));
        assert_eq!(parse_integer("1e3"), Ok(1000));
        assert_eq!(parse_integer("12.5"), Err(ValueError::Integer));
        assert_eq!(parse_date("1970-01-02"), Ok(1));
        assert_eq!(parse_date("2024-02-30"), Err(ValueError::Date));
        assert_eq!(parse_datetime("2024-01-31T09:30:00", None), Err(ValueError::NoZone));
        let montreal = TimeZone::get("America/Montreal").unwrap();
        let instant = parse_datetime("2024-01-31T09:30:00", Some(&montreal)).unwrap();
        assert_eq!(instant.to_string(), "2024-01-31T14:30:00Z");
        let precise = parse_datetime("2024-01-31T09:30:00.123456789+02:00", None).unwrap();
        assert_eq!(precise.to_string(), "2024-01-31T07:30:00.123456789Z");
        for leap in ["2016-12-31T23:59:60Z", "2024-06-30 12:30:60.5+02:00", "20240630T123060Z"] {
            assert_eq!(parse_datetime(leap, None), Err(ValueError::LeapSecond), "{leap}");
        }
        assert!(parse_datetime("2024-06-30T12:60:00Z", None).is_err());
        assert!(parse_datetime("2024-06-30T12:30:06Z", None).is_ok());
        let before = parse_datetime("1969-12-31T23:59:59.5Z", None).unwrap();
        assert_eq!((before.seconds, before.nanoseconds), (-1, 500_000_000));
    }

    #[test]
    fn a_zone_that_is_written_is_never_dropped() {
        use ValueError::{Datetime, NoZone, OutOfYears};
        // (text, in Montreal, without a zone)
        let cases = [
            ("2024-06-30T10:00:00[Europe/Paris]", Ok("2024-06-30T08:00:00Z"), Ok(())),
            ("2024-06-30T10:00:00+02:00[Europe/Paris]", Ok("2024-06-30T08:00:00Z"), Ok(())),
            ("2024-06-30T10:00:00Z[Europe/Paris]", Ok("2024-06-30T10:00:00Z"), Ok(())),
            ("2024-06-30[Europe/Paris]", Ok("2024-06-29T22:00:00Z"), Ok(())),
            ("2024-06-30T10:00:00[Mars/Base]", Err(Datetime), Err(Datetime)),
            ("2024-06-30T10:00:00", Ok("2024-06-30T14:00:00Z"), Err(NoZone)),
            ("2024-06-30 10:00", Ok("2024-06-30T14:00:00Z"), Err(NoZone)),
            ("2024-06-30", Ok("2024-06-30T04:00:00Z"), Err(NoZone)),
            // Clocks leave out 02:30 in spring, and show 01:30 twice in autumn.
            ("2024-03-10T02:30:00", Ok("2024-03-10T07:30:00Z"), Err(NoZone)),
            ("2024-11-03T01:30:00", Ok("2024-11-03T05:30:00Z"), Err(NoZone)),
            // The open end, beyond the last instant of the time library.
            ("9999-12-30T23:00:00Z", Ok("9999-12-30T23:00:00Z"), Ok(())),
            ("9999-12-31T00:00:00Z", Ok("9999-12-31T00:00:00Z"), Ok(())),
            ("9999-12-31T23:59:59.999999999Z", Ok("9999-12-31T23:59:59.999999999Z"), Ok(())),
            ("9999-12-31T23:59:59.5+02:00", Ok("9999-12-31T21:59:59.5Z"), Ok(())),
            ("9999-12-31", Ok("9999-12-31T05:00:00Z"), Err(NoZone)),
            ("9999-12-31T23:59:59", Err(OutOfYears), Err(NoZone)),
            ("9999-12-31T23:59:59-05:00", Err(OutOfYears), Err(OutOfYears)),
            ("-009999-01-01T00:00:00Z", Ok("-009999-01-01T00:00:00Z"), Ok(())),
            ("-009999-01-01T00:00:00+01:00", Err(OutOfYears), Err(OutOfYears)),
            ("0001-01-01T00:00:00Z", Ok("0001-01-01T00:00:00Z"), Ok(())),
            ("10:00:00", Err(Datetime), Err(Datetime)),
            ("soon", Err(Datetime), Err(Datetime)),
        ];
        let montreal = TimeZone::get("America/Montreal").unwrap();
        for (text, in_montreal, without) in cases {
            let read = parse_datetime(text, Some(&montreal)).map(|instant| instant.to_string());
            assert_eq!(read, in_montreal.map(str::to_owned), "{text}");
            assert_eq!(parse_datetime(text, None).map(|_| ()), without, "{text}");
            if let Ok(shown) = read {
                assert_eq!(parse_datetime(&shown, None).unwrap().to_string(), shown, "read back");
            }
        }
    }

    #[test]
    fn a_day_has_no_time() {
        use ValueError::{Date, NotADay};
        // (text, as a date, the day that is written in it)
        let cases = [
            ("2024-01-31", Ok("2024-01-31"), Ok("2024-01-31")),
            ("9999-12-31", Ok("9999-12-31"), Ok("9999-12-31")),
            ("-009999-01-01", Ok("-009999-01-01"), Ok("-009999-01-01")),
            ("2024-01-31T23:30:00-05:00", Err(NotADay), Ok("2024-01-31")),
            ("2024-01-31T10:00:00Z", Err(NotADay), Ok("2024-01-31")),
            ("2024-01-31T00:00:00", Err(NotADay), Ok("2024-01-31")),
            ("2024-01-31 10:00", Err(NotADay), Ok("2024-01-31")),
            ("2024-01-31[Europe/Paris]", Err(NotADay), Ok("2024-01-31")),
            ("9999-12-31T23:59:59-05:00", Err(NotADay), Ok("9999-12-31")),
            ("2024-02-30", Err(Date), Err(Date)),
            ("31/01/2024", Err(Date), Err(Date)),
        ];
        for (text, day, written) in cases {
            let shown = |read: Result<i32, _>| read.map(date_text);
            assert_eq!(shown(parse_date(text)), day.map(str::to_owned), "{text}");
            assert_eq!(shown(parse_written_day(text)), written.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn decimals_are_texts_in_json_and_read_back_exactly() {
        let large = format!("1{}", "0".repeat(99));
        let cases = [
            ("3.0", "3"),
            ("-0.50", "-0.5"),
            ("19.99", "19.99"),
            ("0.0000001", "0.0000001"),
            ("9007199254740993", "9007199254740993"),
            ("0.1000000000000000055", "0.1000000000000000055"),
            ("1e99", &large),
        ];
        for (text, expected) in cases {
            let decimal: Decimal = text.parse().unwrap();
            let json = Value::Decimal(decimal.clone()).to_json();
            assert_eq!(json, serde_json::Value::from(expected), "{text}");
            assert_eq!(json.as_str().unwrap().parse(), Ok(decimal), "{text}");
        }
    }

    #[test]
    fn formats_of_text_are_checked() {
        for good in ["a@b.ca", "élodie@exemple.fr", "first.last+tag@mail.example.org"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "a@b", "a@@b.ca", "a b@c.ca", "Bob <a@b.ca>", "@b.ca"] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(
            is_phone("+351 912 345 678")
                && is_phone("(514) 555-0199")
                && !is_phone("call me")
                && !is_phone("12")
        );
        assert!(is_url("https://a.example/x?y=1") && !is_url("www.example.com") && !is_url("mailto:a@b.ca"));
    }
}
