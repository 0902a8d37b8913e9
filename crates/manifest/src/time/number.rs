//! Numbers as Python reads them from text, and seconds as floating point. It knows nothing of calendars.

use num_traits::ToPrimitive;

/// What Python's `int(text)` gives, as far as it fits.
pub(super) fn int(text: &str) -> Option<i64> {
    digits(text)?.parse().ok()
}

/// What Python's `float(text)` gives, of finite numbers.
pub(super) fn float(text: &str) -> Option<f64> {
    let text = digits(text)?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The text without blanks around it and without underscores between digits.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('_') {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        if !digit(at.checked_sub(1)) || !digit(at.checked_add(1)) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// Microseconds as seconds.
pub(crate) fn float_of_micros(micros: i64) -> f64 {
    micros.to_f64().unwrap_or_default() / 1e6
}

/// Seconds as microseconds, rounded half to even as Python does.
pub(crate) fn micros_of_float(seconds: f64) -> Option<i64> {
    let whole = seconds.trunc();
    let fraction = ((seconds - whole) * 1e6).round_ties_even();
    whole.to_i64()?.checked_mul(1_000_000)?.checked_add(fraction.to_i64()?)
}

/// What Python's `int()` makes of a float.
pub(crate) fn truncate(number: f64) -> i64 {
    number.trunc().to_i64().unwrap_or_default()
}
