//! Values as JSON and as plain text, written at the end of a buffer. Nothing is allocated for the usual ones.

use std::io::Write as _;

use raccord_model::value::{Instant, Value};

/// Writes a value as JSON. A decimal is a text: readers that know 64-bit floats alone would lose some of its digits.
pub(super) fn json(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => json_string(text, out),
        Value::Integer(_) | Value::Boolean(_) => plain(value, out),
        // Neither has a character that JSON escapes.
        Value::Decimal(_) | Value::Date(_) | Value::Datetime(_) => {
            out.push(b'"');
            plain(value, out);
            out.push(b'"');
        }
        Value::Choices(choices) => {
            out.push(b'[');
            for (number, choice) in choices.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                json_string(choice, out);
            }
            out.push(b']');
        }
        Value::Json(text) => out.extend_from_slice(text.as_bytes()),
    }
}

/// Writes a value as plain text; a list of options as JSON.
pub(super) fn plain(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) | Value::Json(text) => out.extend_from_slice(text.as_bytes()),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Decimal(number) => out.extend_from_slice(number.as_str().as_bytes()),
        Value::Integer(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Value::Datetime(instant) => datetime(*instant, out),
        Value::Date(days) => match date(i64::from(*days)) {
            Some(date) => out.extend_from_slice(&date),
            None => out.extend_from_slice(value.to_text().as_bytes()),
        },
        Value::Choices(_) => json(value, out),
    }
}

/// The digits of a number below a hundred.
fn digits(number: i64) -> [u8; 2] {
    let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or(0);
    [digit(number / 10), digit(number)]
}

/// The day so many days after 1970-01-01, in the years 0 to 9999: `2025-01-31`.
fn date(days: i64) -> Option<[u8; 10]> {
    // Counted from 1 March of the year 0, in eras of 400 years: leap days are at the end then.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9_999).contains(&year) {
        return None;
    }
    let mut text = *b"0000-00-00";
    for (at, number) in [(0, year / 100), (2, year % 100), (5, month), (8, day)] {
        put(&mut text, at, number);
    }
    Some(text)
}

/// Writes the two digits of a number at a place.
fn put(text: &mut [u8], at: usize, number: i64) {
    if let Some(place) = text.get_mut(at..at + 2) {
        place.copy_from_slice(&digits(number));
    }
}

/// Writes an instant in UTC, with as many digits of its second as it has.
fn datetime(instant: Instant, out: &mut Vec<u8>) {
    let Some(date) = date(instant.seconds.div_euclid(86_400)) else {
        // A vector takes all that is written.
        drop(write!(out, "{instant}"));
        return;
    };
    let second = instant.seconds.rem_euclid(86_400);
    let mut time = *b"T00:00:00";
    for (at, number) in [(1, second / 3_600), (4, second / 60 % 60), (7, second % 60)] {
        put(&mut time, at, number);
    }
    out.extend_from_slice(&date);
    out.extend_from_slice(&time);
    if instant.nanoseconds > 0 {
        drop(write!(out, ".{:09}", instant.nanoseconds));
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.push(b'Z');
}

/// Writes a text as a string of JSON.
pub(super) fn json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escaped: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x00..=0x1F => &[],
            _ => continue,
        };
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        if escaped.is_empty() {
            drop(write!(out, "\\u{byte:04x}"));
        } else {
            out.extend_from_slice(escaped);
        }
        from = at + 1;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_instants_are_written_as_everywhere_else() {
        let written = |value: &Value<'_>| {
            let mut out = Vec::new();
            plain(value, &mut out);
            String::from_utf8(out).unwrap()
        };
        for days in (-800_000..3_000_000).step_by(37).chain([-719_528, -719_529, 2_932_896, 2_932_897]) {
            assert_eq!(written(&Value::Date(days)), Value::Date(days).to_text(), "{days}");
        }
        for seconds in [i64::from(i32::MIN), -62_167_219_201, -62_167_219_200, -1, 0, 1, 253_402_300_799] {
            for nanoseconds in [0, 1, 500_000_000, 120, 999_999_999] {
                let value = Value::Datetime(Instant { seconds, nanoseconds });
                assert_eq!(written(&value), value.to_text());
            }
        }
    }
}
