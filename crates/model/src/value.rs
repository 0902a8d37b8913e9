//! Typed values of project fields, and the exact conversions from text.
//!
//! Nothing is inferred that loses information: a text stays a text, a decimal is exact, an instant without
//! a zone is refused unless a zone is named.

use std::borrow::Cow;
use std::fmt;

use jiff::civil;
use jiff::tz::TimeZone;

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

impl Instant {
    /// As the time library's type; `None` outside its years -9999 to 9999.
    pub fn timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::new(self.seconds, self.nanoseconds).ok()
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp() {
            Some(timestamp) => timestamp.fmt(f),
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
    /// choices, in the order given, without repetition.
    Choices(Vec<Cow<'a, str>>),
    /// json: compact JSON text.
    Json(Cow<'a, str>),
}

impl Value<'_> {
    /// As JSON, for people and tools. Decimals and integers become numbers, instants RFC 3339 text.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Text(text) => Json::String(text.to_string()),
            Self::Integer(number) => Json::from(*number),
            // A decimal that a 64-bit float cannot hold stays exact as text.
            Self::Decimal(decimal) => match decimal.as_str().parse::<f64>() {
                Ok(float) if format!("{float}") == decimal.as_str() => Json::from(float),
                _ => Json::String(decimal.to_string()),
            },
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

fn date_text(days: i32) -> String {
    match jiff::Span::new().try_days(days).and_then(|span| EPOCH.checked_add(span)) {
        Ok(date) => date.to_string(),
        Err(_) => format!("{days}d"),
    }
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
    /// Not an instant.
    #[error("is not a date and time such as 2024-01-31T09:30:00Z")]
    Datetime,
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

/// Reads a day; a date and time is cut to its day as written.
pub fn parse_date(text: &str) -> Result<i32, ValueError> {
    let date: civil::Date = text.parse().map_err(|_| ValueError::Date)?;
    Ok(days_since_epoch(date))
}

/// Reads an instant: RFC 3339, or without a zone when one is named.
pub fn parse_datetime(text: &str, zone: Option<&TimeZone>) -> Result<Instant, ValueError> {
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Ok(timestamp.into());
    }
    let Ok(civil) = text.parse::<civil::DateTime>() else {
        return Err(ValueError::Datetime);
    };
    let zone = zone.ok_or(ValueError::NoZone)?;
    zone.to_timestamp(civil).map(Instant::from).map_err(|_| ValueError::Datetime)
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
        let before = parse_datetime("1969-12-31T23:59:59.5Z", None).unwrap();
        assert_eq!((before.seconds, before.nanoseconds), (-1, 500_000_000));
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
