//! The version of a record as bytes that compare: which of two states of a record is the newer one.
//!
//! A service writes versions as numbers, as dates or as texts, and sometimes as one after the other: each kind
//! compares by value, and the kinds have an order of their own. What a version means is not decided here.

use jiff::tz::TimeZone;

use crate::decimal;
use crate::row::MAX_KEY;
use crate::value::parse_datetime;

/// The first byte tells the kind: a text is older than every number, a number older than every instant. All of them
/// are greater than what Raccord wrote here before numbers were compared exactly (1, 2 and 7), so that a version kept
/// by an earlier release is replaced by the next that comes.
mod tag {
    pub(super) const TEXT: u8 = 16;
    pub(super) const NUMBER: u8 = 17;
    pub(super) const INSTANT: u8 = 18;
}

/// Adds the bytes of a version: what is wholly a number compares as a number, a date or a date and time as an instant,
/// anything else as text. A version that would be longer than [`MAX_KEY`] is none: nothing is added.
pub fn push(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    out.push(tag::NUMBER);
    // A run of digits is a number, also when it could be read as a day: 20241232 must follow 20241231.
    if decimal::push_ordered(out, text).is_err() {
        out.truncate(start);
        push_instant_or_text(out, text);
    }
    if out.len() - start > MAX_KEY {
        out.truncate(start);
    }
}

fn push_instant_or_text(out: &mut Vec<u8>, text: &str) {
    if let Ok(instant) = parse_datetime(text, Some(&TimeZone::UTC)) {
        out.push(tag::INSTANT);
        // With the sign bit turned over, big-endian bytes compare like signed numbers.
        out.extend_from_slice(&(instant.seconds ^ i64::MIN).to_be_bytes());
        out.extend_from_slice(&instant.nanoseconds.to_be_bytes());
    } else {
        out.push(tag::TEXT);
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::push_key;
    use crate::value::{Instant, Value};

    fn version(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        push(&mut out, text);
        out
    }

    #[test]
    fn newer_is_greater() {
        let ascending = [
            "",
            "etag-a",
            "v1.10",
            "v1.9",
            "-1",
            "1.10",
            "1.9",
            "9.5",
            "10.5",
            "20241231",
            "20241232",
            "1700000000.0",
            "1700000001.5",
            "9223372036854775807",
            "9223372036854775808",
            "99999999999999999999",
            "100000000000000000000",
            "1969-12-31T23:59:59.5Z",
            "2024-01-01",
            "2024-01-01T00:00:00.000000001",
            "2024-01-01T02:00:00+01:00",
            "2024-06-30T10:00:00[Europe/Paris]",
            "2024-06-30T08:00:01",
            "9999-12-31T00:00:00Z",
        ];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("1"), version("1.0"));
        assert_eq!(version("2024-01-01T02:00:00+02:00"), version("2024-01-01"));
        assert!(version(&"9".repeat(3_000)).is_empty() && version(&"x".repeat(MAX_KEY)).is_empty());
    }

    /// Versions were once the bytes of a key.
    #[test]
    fn what_was_kept_before_is_older() {
        let far = Instant { seconds: i64::MAX, nanoseconds: 0 };
        for before in [Value::Text("z".into()), Value::Integer(i64::MAX), Value::Datetime(far)] {
            let mut kept = Vec::new();
            push_key(&mut kept, &before).unwrap();
            for text in ["a", "-5", "2024-01-01"] {
                assert!(kept < version(text), "{before:?} {text}");
            }
        }
    }
}
