//! What the field of `deletes: {field: …}` says: that the record is deleted, or that it is not. A value that says
//! neither is told, for a deletion cannot be undone.
//!
//! The table in `docs/guides/deletes.md` is this module in words.

use jiff::civil::Date;
use jiff::fmt::rfc2822;
use raccord_model::value::Moment;

use crate::scalar::Scalar;

/// Texts that say that the record is there, in lower case. Databases export an empty value as some of them.
const FALSE: &[&str] =
    &["false", "f", "no", "n", "off", "non", "faux", "null", "none", "nil", "\\n", "0000-00-00"];

/// Texts that say that it is deleted, in lower case.
const TRUE: &[&str] = &["true", "t", "yes", "y", "on", "oui", "vrai", "x", "deleted", "removed"];

/// The beginnings of dates that stand for no date: of `MySQL`, of .NET and Go, of Unix, and the end of time.
const NO_DATE: &[&str] = &["0000-00-00", "0001-01-01", "1970-01-01", "9999-12-31"];

/// The first year in which a date can be that of a deletion.
const FIRST_YEAR: i16 = 1970;

/// From here on a number is Unix time, in whatever unit: 3 March 1973 in seconds.
const FIRST_UNIX_TIME: u64 = 100_000_000;

/// What a mark takes, for messages.
pub(super) const LIST: &str = "false, 0, no, n, f, off, null, 0000-00-00 or nothing where it is not; true, 1, yes, y, t, \
     on, x, deleted, a date or Unix time where it is";

/// Whether a value says that its record is deleted; none when it says neither.
pub(super) fn is_deleted(value: &Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Empty => Some(false),
        Scalar::Boolean(value) => Some(*value),
        Scalar::Text(text) => of_text(text.trim()),
        Scalar::Number(text) => of_number(text),
        Scalar::List(_) | Scalar::Array(_) | Scalar::Object(_) | Scalar::Broken(_) => None,
    }
}

fn of_text(text: &str) -> Option<bool> {
    if text.is_empty() {
        return Some(false);
    }
    let is_one_of = |list: &[&str]| list.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(FALSE) || NO_DATE.iter().any(|date| text.starts_with(date)) {
        return Some(false);
    }
    if is_one_of(TRUE) {
        return Some(true);
    }
    of_number(text).or_else(|| is_date(text).then_some(true))
}

/// Zero in any spelling, one, a day as digits, or Unix time.
fn of_number(text: &str) -> Option<bool> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let has_fraction = fraction.bytes().any(|byte| byte != b'0');
    let number: u64 = whole.parse().ok()?;
    match number {
        0 if !has_fraction => Some(false),
        1 if !has_fraction => Some(true),
        _ if number >= FIRST_UNIX_TIME => Some(true),
        _ if !has_fraction && whole.len() == 8 => is_date(text).then_some(true),
        _ => None,
    }
}

/// Whether a text is a day or an instant that there is, and that can be one of a deletion.
fn is_date(text: &str) -> bool {
    let year = match Moment::parse(text) {
        Ok(Moment::Day(date)) => Some(date.year()),
        Ok(Moment::Local(shown)) => Some(shown.year()),
        Ok(Moment::Instant(instant)) => return instant.seconds > 0,
        Err(_) => {
            by_slashes(text).map(Date::year).or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.year()))
        }
    };
    year.is_some_and(|year| year >= FIRST_YEAR)
}

/// A day as `31/01/2024`, `1.31.2024` or `2024/01/31` have it, a time after it: whether the day or the month comes
/// first makes no difference to whether there is such a day.
fn by_slashes(text: &str) -> Option<Date> {
    let day = text.split([' ', 'T']).next().unwrap_or_default();
    let mut parts = day.splitn(3, ['/', '.', '-']).map(|part| part.parse::<i16>().ok());
    let (first, second, third) = (parts.next()??, parts.next()??, parts.next()??);
    let date =
        |year, month: i16, day: i16| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
    if first >= 1_000 {
        date(first, second, third)
    } else {
        date(third, second, first).or_else(|| date(third, first, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Raw JSON, as a record has it.
    fn check(values: &[&str], expected: Option<bool>) {
        for value in values {
            assert_eq!(is_deleted(&Scalar::from_json(value)), expected, "{value}");
        }
    }

    #[test]
    fn what_each_value_says() {
        check(&["null", "\"\"", "\"  \"", "false", "0", "0.0", "0.000", "00"], Some(false));
        check(
            &[r#""false""#, r#""FALSE""#, r#""false ""#, r#""f""#, r#""F""#, r#""N""#, r#""n""#, r#""no""#],
            Some(false),
        );
        check(
            &[r#""off""#, r#""0""#, r#""0.0""#, r#""NULL""#, r#""None""#, r#""nil""#, r#""\\N""#, r#""Non""#],
            Some(false),
        );
        check(&[r#""0000-00-00""#, r#""0000-00-00 00:00:00""#, r#""0000-00-00T00:00:00Z""#], Some(false));
        check(&[r#""0001-01-01T00:00:00Z""#, r#""1970-01-01T00:00:00Z""#, r#""9999-12-31""#], Some(false));
        check(&[r#""9999-12-31 23:59:59""#, r#""1970-01-01 00:00:00""#], Some(false));
        check(
            &["true", "1", "1.0", r#""1""#, r#""true""#, r#""T""#, r#""Y""#, r#""yes""#, r#""On""#, r#""x""#],
            Some(true),
        );
        check(&[r#""deleted""#, r#""Removed""#, r#""OUI""#, r#""vrai""#], Some(true));
        check(
            &[r#""2025-03-01T10:00:00Z""#, r#""2025-03-01""#, r#""2025-03-01 10:00:00""#, r#""20250301""#],
            Some(true),
        );
        check(
            &[r#""2025-03-01T10:00:00.123456+02:00""#, r#""31/01/2024""#, r#""1/31/2024 9:30""#],
            Some(true),
        );
        check(&[r#""2024/01/31""#, r#""31.01.2024""#, r#""Mon, 06 Jan 2025 10:00:00 +0000""#], Some(true));
        check(&["1700000000", "1700000000.5", "1700000000123", r#""1700000000""#, "20250301"], Some(true));
        check(&["[]", "{}", "[1]", r#"{"at": 1}"#, "2", "-1", "0.5", "1.5", "1e9", "99999999"], None);
        check(
            &[r#""maybe""#, r#""2025-02-30""#, r#""active""#, r#""1.5""#, r#""32/01/2024""#, r#""-""#],
            None,
        );
        check(&[r#""1900-01-01""#, r#""19000101""#, r#""soon""#, r#""[]""#, r#""{}""#, r#""\ud800""#], None);
    }

    #[test]
    fn the_list_speaks_the_truth() {
        let (lives, gone) = LIST.split_once(';').unwrap();
        for word in
            lives.split(", ").flat_map(|part| part.split(" or ")).filter(|word| !word.contains("nothing"))
        {
            assert_eq!(of_text(word.trim()), Some(false), "{word}");
        }
        for word in gone.split(", ").map(str::trim).filter(|word| !word.contains("date")) {
            assert_eq!(of_text(word), Some(true), "{word}");
        }
    }
}
