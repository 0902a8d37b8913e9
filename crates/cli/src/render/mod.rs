//! From answers to text. Pure: nothing here writes or asks.

pub(crate) mod diagnostic;
pub(crate) mod difference;
pub(crate) mod graph;
pub(crate) mod markdown;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod sample;
pub(crate) mod table;
pub(crate) mod tables;

use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;

/// Indented JSON.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, CommandError> {
    serde_json::to_string_pretty(value).map_err(|error| CommandError::of(&error))
}

/// `1 error`, `2 errors`.
pub(crate) fn errors(count: usize) -> String {
    self::count(count, "error")
}

/// `1 thing`, `2 things`.
pub(crate) fn count(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(count)) }
}

/// The same of a number that is as large as a state can hold.
pub(crate) fn many(number: u64, what: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), what)
}

/// `100 of 2,324 records`, when fewer are shown than there are.
pub(crate) fn part(shown: usize, all: u64, what: &str) -> Option<String> {
    let is_part = u64::try_from(shown).is_ok_and(|shown| shown < all);
    is_part.then(|| format!("{} of {} {what}s", grouped(shown), grouped(all)))
}

/// An instant for people, to the second; the JSON forms tell the whole of it.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// A number with its thousands apart.
pub(crate) fn grouped<N: ToString + Copy>(number: N) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
