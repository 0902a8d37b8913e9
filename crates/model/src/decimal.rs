//! Exact decimal numbers in one canonical text form: `-12.34`, `0`, `1000`; and as bytes that compare like
//! the numbers do.
//!
//! No binary floating point is involved: what a third party wrote is what is kept.

mod arithmetic;

use std::fmt;
use std::str::FromStr;

pub use arithmetic::{QUOTIENT_DIGITS, Rounding};

/// The most digits a number may have once its exponent is written out, but for a lone zero before the point.
pub const MAX_DIGITS: usize = 100;

/// A decimal number: no exponent, no leading or trailing zeros, no negative zero.
///
/// ```
/// use raccord_model::decimal::Decimal;
///
/// for (written, canonical) in [("12.340", "12.34"), ("-0", "0"), ("1e3", "1000")] {
///     assert_eq!(written.parse::<Decimal>()?.as_str(), canonical);
/// }
/// assert!("1,5".parse::<Decimal>().is_err());
/// # Ok::<(), raccord_model::decimal::DecimalError>(())
/// ```
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
    /// Nothing can be divided by zero.
    #[error("is divided by zero")]
    ByZero,
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
        let parts = Parts::of(text)?;
        let is_short = parts.exponent == 0 && parts.whole.len() + parts.fraction.len() <= MAX_DIGITS;
        if !is_short {
            match parts.written_digits() {
                None => return Ok(Self("0".to_owned())),
                Some(digits) if digits > MAX_DIGITS => return Err(DecimalError::TooLong),
                Some(_) => {}
            }
        }
        let Parts { negative, whole, fraction, exponent } = parts;
        Ok(Self(canonical(negative, whole, fraction, exponent)))
    }
}

/// What a number is written as, before anything is reckoned.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, DecimalError> {
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
        Ok(Self { negative, whole, fraction, exponent })
    }

    /// The number as 0.D × 10^E: where D begins and ends among the digits of both parts, and E. None is zero.
    fn significant(&self) -> Option<(std::ops::Range<usize>, i64)> {
        let digits = || self.whole.bytes().chain(self.fraction.bytes());
        let first = digits().position(|digit| digit != b'0')?;
        let zeros = digits().rev().position(|digit| digit != b'0')?;
        let end = self.whole.len() + self.fraction.len() - zeros;
        let place = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
        Some((first..end, place(self.whole.len()) - place(first) + i64::from(self.exponent)))
    }
}

impl Parts<'_> {
    /// How many digits the number has in its canonical text, but for a lone zero before the point. None is zero.
    fn written_digits(&self) -> Option<usize> {
        let (digits, exponent) = self.significant()?;
        let shift = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
        Some(if exponent > 0 { digits.len().max(shift) } else { digits.len().saturating_add(shift) })
    }
}

/// The first of the bytes of a negative number.
const NEGATIVE: u8 = 0;
/// The one byte of zero.
const ZERO: u8 = 1;
/// The first of the bytes of a positive number.
const POSITIVE: u8 = 2;

/// Adds bytes that compare like numbers do; equal numbers have the same, however they are written. There may be
/// any number of digits. Nothing is added when the text is no number.
///
/// They are the sign, then of 0.D × 10^E first E and then D, two digits a byte; of a negative number all turned
/// over.
pub fn push_ordered(out: &mut Vec<u8>, text: &str) -> Result<(), DecimalError> {
    let parts = Parts::of(text)?;
    let Some((digits, exponent)) = parts.significant() else {
        out.push(ZERO);
        return Ok(());
    };
    let exponent = i32::try_from(exponent).map_err(|_| DecimalError::TooLong)?;
    out.push(if parts.negative { NEGATIVE } else { POSITIVE });
    let start = out.len();
    // With the sign bit turned over, big-endian bytes compare like signed numbers.
    out.extend_from_slice(&(exponent ^ i32::MIN).to_be_bytes());
    let mut digits = parts.whole.bytes().chain(parts.fraction.bytes()).skip(digits.start).take(digits.len());
    while let Some(tens) = digits.next() {
        let ones = digits.next().unwrap_or(b'0');
        // One more than the pair, so that the terminator is smaller than anything that may follow.
        out.push((tens - b'0') * 10 + (ones - b'0') + 1);
    }
    out.push(0);
    if parts.negative {
        out.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
    Ok(())
}

/// Moves the point by the exponent and trims the zeros that say nothing.
fn canonical(negative: bool, whole: &str, fraction: &str, exponent: i32) -> String {
    if exponent == 0 {
        return trimmed(negative, whole, fraction);
    }
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
    trimmed(negative, whole, fraction)
}

fn trimmed(negative: bool, whole: &str, fraction: &str) -> String {
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let mut text = String::with_capacity(whole.len() + fraction.len() + 3);
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
    use proptest::prelude::*;
    use std::cmp::Ordering;

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
    }

    /// Stores keep the canonical text: what is taken once must be read again.
    #[test]
    fn a_canonical_text_is_a_number_again() {
        let (nines, zeros) = ("9".repeat(MAX_DIGITS), "0".repeat(MAX_DIGITS));
        for (text, is_taken) in [
            ("1e99".to_owned(), true),
            ("1e100".to_owned(), false),
            ("1e101".to_owned(), false),
            ("10e98".to_owned(), true),
            ("0.01e101".to_owned(), true),
            ("1e-100".to_owned(), true),
            ("1e-101".to_owned(), false),
            ("-12e-100".to_owned(), true),
            ("1e2147483647".to_owned(), false),
            ("1e-2147483648".to_owned(), false),
            ("0e2147483647".to_owned(), true),
            (nines.clone(), true),
            (format!("{nines}9"), false),
            (format!("0.{nines}"), true),
            (format!("0.{nines}1"), false),
            (format!("1.{nines}"), false),
            (format!("{nines}.{zeros}"), true),
            (format!("{zeros}{nines}e0"), true),
            (format!("{nines}e1"), false),
            (format!("{nines}e-50"), true),
            (format!("1{zeros}e-100"), true),
        ] {
            match text.parse::<Decimal>() {
                Ok(number) => {
                    assert!(is_taken, "{text}");
                    assert_eq!(number.as_str().parse(), Ok(number.clone()), "{text}");
                }
                Err(error) => assert_eq!((is_taken, error), (false, DecimalError::TooLong), "{text}"),
            }
        }
    }

    fn ordered(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        push_ordered(&mut out, text).unwrap();
        out
    }

    #[test]
    fn bytes_compare_like_numbers() {
        let ascending = [
            "-1e400",
            "-100000000000000000000",
            "-99999999999999999999",
            "-10.5",
            "-9.5",
            "-1.23",
            "-1.2",
            "-0.001",
            "0",
            "1e-400",
            "0.001",
            "0.0012",
            "1",
            "1.0000000000000000000000000000000000001",
            "1.1",
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
            "1e400",
        ];
        for pair in ascending.windows(2) {
            assert!(ordered(pair[0]) < ordered(pair[1]), "{pair:?}");
        }
        for same in
            [["1", "1.0"], ["1", "1e0"], ["1.10", "+1.1"], ["0", "-0.00"], ["100", "1e2"], ["00.5", ".5"]]
        {
            assert_eq!(ordered(same[0]), ordered(same[1]), "{same:?}");
        }
        for bad in ["", "v1.10", "1.2.3", "2024-12-31", "NaN", "1e2147483647", "1e-99999999999"] {
            let mut out = Vec::new();
            assert!(push_ordered(&mut out, bad).is_err() && out.is_empty(), "{bad}");
        }
    }

    /// A number as it may be written, and in units of 10^-12.
    fn number() -> impl Strategy<Value = (String, i128)> {
        let written = (any::<bool>(), "0{0,2}[0-9]{1,6}", "[0-9]{0,8}", -4..=4i32);
        written.prop_map(|(negative, whole, fraction, exponent)| {
            let sign = if negative { "-" } else { "" };
            let units: i128 = format!("{sign}{whole}{fraction}").parse().unwrap();
            let scale = 12 + exponent - i32::try_from(fraction.len()).unwrap();
            let text = format!("{sign}{whole}.{fraction}e{exponent}");
            (text, units * 10_i128.pow(u32::try_from(scale).unwrap()))
        })
    }

    proptest! {
        #[test]
        fn the_order_of_bytes_is_the_order_of_numbers((a, a_units) in number(), (b, b_units) in number()) {
            let order = ordered(&a).cmp(&ordered(&b));
            prop_assert_eq!(order, a_units.cmp(&b_units), "{} {}", a, b);
            let canonical: Decimal = a.parse().unwrap();
            prop_assert_eq!(ordered(canonical.as_str()).cmp(&ordered(&a)), Ordering::Equal);
        }
    }
}
