//! Dates on their way through transforms: read and written in strftime formats, or read as a number since 1970.
//!
//! What a format cannot do is told when the mapping is compiled: each is tried on one instant, both ways where it
//! is to be read. No zone is ever assumed, and no fraction of a second is dropped.

use jiff::civil;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use raccord_model::decimal::Decimal;
use raccord_model::value::{Instant, Moment};

use super::transform::Wrong;

/// How many digits after the point a number of milliseconds may have: nanoseconds are the finest.
const MILLISECOND_DIGITS: usize = 6;

/// The nanoseconds of a second.
const SECOND: i128 = 1_000_000_000;

/// What other notations write for a part of a date, the longest first, and what strftime does.
const NOTATIONS: [(&str, &str); 26] = [
    (".SSSSSSSSS", "%.f"),
    (".SSSSSS", "%.f"),
    (".SSS", "%.f"),
    (".fff", "%.f"),
    ("yyyy", "%Y"),
    ("YYYY", "%Y"),
    ("uuuu", "%Y"),
    ("MMMM", "%B"),
    ("EEEE", "%A"),
    ("'T'", "T"),
    ("MMM", "%b"),
    ("EEE", "%a"),
    ("XXX", "%:z"),
    ("xxx", "%:z"),
    ("yy", "%y"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("dd", "%d"),
    ("DD", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("ss", "%S"),
    ("tt", "%p"),
    ("ZZ", "%z"),
    ("a", "%p"),
    ("Z", "%z"),
];

/// A format that dates are read in: it is tried on a date that it writes itself.
pub(super) fn format_to_read(format: &str) -> Result<String, Wrong> {
    let sample = written(format)?;
    if let Err(error) = strtime::parse(format, &sample) {
        return Err(format!("dates can be written in the format `{format}`, but not read: {error}").into());
    }
    if parse(format, &sample).is_err() {
        let message = format!("no date can be read in the format `{format}`: it lacks a part of the date");
        return Err(Wrong {
            message,
            help: Some("a year, a month and a day are needed, or `%s`".to_owned()),
        });
    }
    Ok(format.to_owned())
}

/// A format that dates are written in.
pub(super) fn format_to_write(format: &str) -> Result<String, Wrong> {
    written(format).map(|_| format.to_owned())
}

/// An instant that has everything, as the format writes it.
fn written(format: &str) -> Result<String, Wrong> {
    if !format.contains('%') {
        let message = format!("`{format}` is not a strftime format: nothing in it begins with `%`");
        let help = match strftime_of(format) {
            Some(suggestion) => format!("write `{suggestion}`"),
            None => "for example `%d/%m/%Y` or `%Y-%m-%d %H:%M:%S`".to_owned(),
        };
        return Err(Wrong { message, help: Some(help) });
    }
    let sample = civil::date(2001, 2, 3).at(16, 5, 6, 789_000_000).to_zoned_datetime(TimeZone::UTC);
    sample
        .and_then(|sample| strtime::format(format, &sample))
        .map_err(|error| format!("the format `{format}` is not understood: {error}").into())
}

/// What a format of another notation, such as `dd/MM/yyyy`, is in strftime's; `None` when that is none either.
fn strftime_of(format: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = format;
    // Many write months in small letters, which are minutes only after an hour or beside a month.
    let small_months = !format.contains("MM");
    while let Some(first) = rest.chars().next() {
        let known = NOTATIONS.iter().find(|(other, _)| rest.starts_with(other));
        if let Some((other, directive)) = known {
            out.push_str(directive);
            rest = &rest[other.len()..];
        } else if let Some(after) = rest.strip_prefix("mm") {
            let is_month = small_months && !out.contains("%H") && !out.contains("%I");
            out.push_str(if is_month { "%m" } else { "%M" });
            rest = after;
        } else if first.is_alphabetic() && first != 'T' {
            return None;
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    format_to_read(&out).ok()
}

/// Reads a date in a format and writes it in ISO 8601: an instant when it has an offset or a zone, else a civil one.
/// The error completes "the value …".
pub(super) fn parse(format: &str, text: &str) -> Result<String, String> {
    let parsed: BrokenDownTime =
        strtime::parse(format, text).map_err(|_| format!("does not have the format `{format}`"))?;
    // An offset or a zone is never dropped, also where the time library has no instant for it.
    let no_instant = || format!("is not an instant in the format `{format}`");
    if let Some(seconds) = parsed.timestamp() {
        let instant = with_fraction(seconds, parsed.subsec_nanosecond(), text);
        return instant.map(|instant| instant.to_string()).ok_or_else(no_instant);
    }
    if let Ok(timestamp) = parsed.to_timestamp() {
        return Ok(timestamp.to_string());
    }
    if let Some(offset) = parsed.offset() {
        let instant = parsed.to_datetime().ok().and_then(|shown| Instant::at(shown, offset));
        return instant.map(|instant| instant.to_string()).ok_or_else(no_instant);
    }
    if parsed.iana_time_zone().is_some() {
        return parsed
            .to_zoned_datetime()
            .map(|zoned| zoned.timestamp().to_string())
            .map_err(|_| no_instant());
    }
    if let Ok(datetime) = parsed.to_datetime()
        && parsed.hour().is_some()
    {
        return Ok(datetime.to_string());
    }
    parsed
        .to_date()
        .map(|date| date.to_string())
        .map_err(|_| format!("is not a date in the format `{format}`"))
}

/// Seconds since 1970 and the fraction that was written after them, which goes away from 1970.
fn with_fraction(seconds: Timestamp, fraction: Option<i32>, text: &str) -> Option<Timestamp> {
    let fraction = SignedDuration::from_nanos(i64::from(fraction.unwrap_or(0)));
    let is_before =
        seconds < Timestamp::UNIX_EPOCH || (seconds == Timestamp::UNIX_EPOCH && text.contains("-0"));
    if is_before { seconds.checked_sub(fraction) } else { seconds.checked_add(fraction) }.ok()
}

/// Reads milliseconds since 1970, exactly. The error completes "the value …".
pub(super) fn unix_millis(text: &str) -> Result<String, String> {
    let wrong = || "is not a number of milliseconds since 1970".to_owned();
    let number: Decimal = text.trim().parse().map_err(|_| wrong())?;
    let (whole, fraction) = number.as_str().split_once('.').unwrap_or((number.as_str(), ""));
    if fraction.len() > MILLISECOND_DIGITS {
        return Err("has a fraction finer than a nanosecond".to_owned());
    }
    let nanoseconds = format!("{whole}{fraction:0<MILLISECOND_DIGITS$}").parse().map_err(|_| wrong())?;
    let instant = since_epoch(nanoseconds).map(|instant| instant.to_string());
    instant.ok_or_else(|| "is outside of the years -9999 to 9999".to_owned())
}

/// The instant so many nanoseconds after 1970. The time library's own ends before the last day of 9999.
fn since_epoch(nanoseconds: i128) -> Option<Instant> {
    let seconds = i64::try_from(nanoseconds.div_euclid(SECOND)).ok()?;
    let rest = i32::try_from(nanoseconds.rem_euclid(SECOND)).ok()?;
    let start = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    Instant::at(start.checked_add(SignedDuration::new(seconds, rest)).ok()?, Offset::UTC)
}

/// Writes a date or an instant in a format. The error completes "the value …".
pub(super) fn format(format: &str, text: &str) -> Result<String, String> {
    let not_a_date = || "is not a date or instant in ISO 8601".to_owned();
    let instant = match Moment::parse(text).map_err(|_| not_a_date())? {
        Moment::Day(date) => {
            let midnight = date.to_datetime(civil::Time::midnight());
            return strtime::format(format, midnight).map_err(|_| not_a_date());
        }
        Moment::Local(shown) => return strtime::format(format, shown).map_err(|_| not_a_date()),
        Moment::Instant(instant) => instant,
    };
    // Of the last day of all the time library knows the clock alone, not the zone.
    let written = match (instant.timestamp(), instant.civil()) {
        (Some(timestamp), _) => strtime::format(format, &timestamp.to_zoned_datetime(TimeZone::UTC)),
        (None, Some(shown)) => strtime::format(format, shown),
        (None, None) => return Err(not_a_date()),
    };
    written.map_err(|_| not_a_date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_read(read: &str, text: &str, expected: Result<&str, &str>) {
        let read = parse(read, text);
        assert_eq!(read.as_deref(), expected.map_err(str::to_owned).as_ref().copied(), "{text}");
    }

    #[test]
    fn fractions_and_zones_are_kept() {
        check_read("%s%.f", "1700000000.25", Ok("2023-11-14T22:13:20.25Z"));
        check_read("%s%.f", "1700000000", Ok("2023-11-14T22:13:20Z"));
        check_read("%s%.f", "1700000000.123456789", Ok("2023-11-14T22:13:20.123456789Z"));
        check_read("%s%.f", "-1.5", Ok("1969-12-31T23:59:58.5Z"));
        check_read("%s%.f", "-0.5", Ok("1969-12-31T23:59:59.5Z"));
        check_read("%s%.f", "0.5", Ok("1970-01-01T00:00:00.5Z"));
        check_read("%Y-%m-%d %H:%M:%S%.f", "2024-01-31 09:30:00.125", Ok("2024-01-31T09:30:00.125"));
        check_read("%Y-%m-%d %H:%M:%S%.f%z", "2024-01-31 09:30:00.125+0100", Ok("2024-01-31T08:30:00.125Z"));
        check_read("%s", "1700000000.25", Err("does not have the format `%s`"));
    }

    #[test]
    fn milliseconds_are_exact() {
        let cases = [
            ("1700000000123", Ok("2023-11-14T22:13:20.123Z")),
            ("1700000000123.456789", Ok("2023-11-14T22:13:20.123456789Z")),
            ("1.7e12", Ok("2023-11-14T22:13:20Z")),
            ("0", Ok("1970-01-01T00:00:00Z")),
            ("-1", Ok("1969-12-31T23:59:59.999Z")),
            ("-0.5", Ok("1969-12-31T23:59:59.9995Z")),
            ("1.0000001", Err("has a fraction finer than a nanosecond")),
            ("2023-11-14", Err("is not a number of milliseconds since 1970")),
            ("253402300799999", Ok("9999-12-31T23:59:59.999Z")),
            ("253402214400000", Ok("9999-12-31T00:00:00Z")),
            ("253402300800000", Err("is outside of the years -9999 to 9999")),
            ("1e30", Err("is outside of the years -9999 to 9999")),
        ];
        for (text, expected) in cases {
            assert_eq!(unix_millis(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    /// The help for a format in which dates cannot be read, or the message without one; nothing for a good one.
    fn fault(format: &str) -> String {
        match format_to_read(format) {
            Ok(_) => String::new(),
            Err(Wrong { message, help }) => help.unwrap_or(message),
        }
    }

    #[test]
    fn a_format_that_reads_no_date_is_told_with_the_one_that_does() {
        let good = [
            "%d/%m/%Y",
            "%s",
            "%s%.f",
            "%Y-%m-%dT%H:%M:%S%.f%:z",
            "%b %d, %Y",
            "%d.%m.%y %I:%M %p",
            "%Y%m%d",
            "%Q %F",
            "%e/%-m/%Y",
        ];
        for format in good {
            assert_eq!(fault(format), "", "{format}");
        }
        let cases = [
            ("dd/MM/yyyy", "write `%d/%m/%Y`"),
            ("yyyy-MM-dd HH:mm:ss", "write `%Y-%m-%d %H:%M:%S`"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "write `%Y-%m-%dT%H:%M:%S%.f%:z`"),
            ("DD.MM.YYYY", "write `%d.%m.%Y`"),
            ("dd/mm/yyyy hh:mm tt", "write `%d/%m/%Y %I:%M %p`"),
            ("MMM dd, yyyy", "write `%b %d, %Y`"),
            ("yyyyMMdd", "write `%Y%m%d`"),
            ("iso8601", "for example `%d/%m/%Y` or `%Y-%m-%d %H:%M:%S`"),
            ("%d.%m.", "a year, a month and a day are needed, or `%s`"),
            ("%H:%M", "a year, a month and a day are needed, or `%s`"),
        ];
        for (format, expected) in cases {
            assert_eq!(fault(format), expected, "{format}");
        }
        for format in ["%J", "%c", "%d/%m/%Y %Z"] {
            assert!(fault(format).contains(&format!("the format `{format}`")), "{format}: {}", fault(format));
        }
    }
}
