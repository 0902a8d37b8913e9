//! Exact decimal numbers in one canonical text form: `-12.34`, `0`, `1000`.
//!
//! No binary floating point is involved: what a third party wrote is what is kept.

use std::fmt;
use std::str::FromStr;

/// The most digits a number may have once its exponent is written out.
pub const MAX_DIGITS: usize = 100;

/// A decimal number: no exponent, no leading or trailing zeros, no negative zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal(String);

/// A text that is not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Something else than a sign, digits, a point and an exponent.
    #[error("is not a decimal number")]
    Syntax,
    /// More than [`MAX_DIGITS`] digits.
    #[error("has more than {MAX_DIGITS} digits")]
    TooLong,
}

impl Decimal {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Wraps a text that [`Decimal`] itself wrote before.
    pub const fn from_canonical(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i32>().map_err(|_| DecimalError::Syntax)?)
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !digits_only(whole) || !digits_only(fraction) {
            return Err(DecimalError::Syntax);
        }
        let limit = i32::try_from(MAX_DIGITS).unwrap_or(i32::MAX);
        if whole.len() + fraction.len() > MAX_DIGITS || exponent.abs() > limit {
            return Err(DecimalError::TooLong);
        }
        Ok(Self(canonical(negative, whole, fraction, exponent)))
    }
}

/// Moves the point by the exponent and trims the zeros that say nothing.
fn canonical(negative: bool, whole: &str, fraction: &str, exponent: i32) -> String {
    let mut digits = format!("{whole}{fraction}");
    let mut point = i64::try_from(whole.len()).unwrap_or(0) + i64::from(exponent);
    if point < 0 {
        digits.insert_str(0, &"0".repeat(usize::try_from(-point).unwrap_or(0)));
        point = 0;
    }
    let point = usize::try_from(point).unwrap_or(0);
    if point > digits.len() {
        digits.push_str(&"0".repeat(point - digits.len()));
    }
    let (whole, fraction) = digits.split_at(point);
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let mut text = String::with_capacity(digits.len() + 3);
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        text.push('-');
    }
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_for_one_number() {
        let cases = [
            ("1", "1"),
            ("01.50", "1.5"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1e3", "1000"),
            ("1.5E-3", "0.0015"),
            ("+7", "7"),
            (".5", "0.5"),
            ("5.", "5"),
            ("9007199254740993.1", "9007199254740993.1"),
            ("12e-1", "1.2"),
            ("0.1e1", "1"),
            ("100", "100"),
            ("1.0e2", "100"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Decimal>().unwrap().as_str(), expected, "{text}");
        }
        for bad in ["", ".", "-", "1,5", "1e", "NaN", "0x1", "1.2.3", "1e9999999999"] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
        assert_eq!("1e101".parse::<Decimal>(), Err(DecimalError::TooLong));
    }
}
