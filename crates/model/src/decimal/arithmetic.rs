//! Exact arithmetic with decimals. Nothing is rounded but a quotient that does not end, and what is asked to be.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_bigint::Sign;

use super::{Decimal, DecimalError, MAX_DIGITS, canonical};

/// How many digits a quotient keeps that does not end before; those of a decimal of 128 bits (IEEE 754).
pub const QUOTIENT_DIGITS: usize = 34;

/// How a number is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest one; from the middle away from zero.
    Nearest,
    /// To the next smaller one.
    Down,
    /// To the next greater one.
    Up,
}

/// A number as `digits` × 10^-`scale`.
struct Scaled {
    digits: BigInt,
    scale: usize,
}

fn ten_to(power: usize) -> BigInt {
    BigInt::from(10).pow(u32::try_from(power).unwrap_or(u32::MAX))
}

/// How many digits a number is written with.
fn length(number: &BigInt) -> usize {
    number.magnitude().to_string().len()
}

impl Scaled {
    fn of(number: &Decimal) -> Self {
        let (whole, fraction) = number.0.split_once('.').unwrap_or((&number.0, ""));
        // The canonical text has digits, and a sign before them, alone.
        let digits = format!("{whole}{fraction}").parse().unwrap_or_default();
        Self { digits, scale: fraction.len() }
    }

    /// The digits of both at the larger scale.
    fn aligned(a: &Decimal, b: &Decimal) -> (BigInt, BigInt, usize) {
        let (a, b) = (Self::of(a), Self::of(b));
        let scale = a.scale.max(b.scale);
        (a.digits * ten_to(scale - a.scale), b.digits * ten_to(scale - b.scale), scale)
    }
}

/// `digits` × 10^-`scale` as a decimal.
fn decimal(digits: &BigInt, scale: i64) -> Result<Decimal, DecimalError> {
    let limit = i64::try_from(2 * MAX_DIGITS).unwrap_or(i64::MAX);
    if scale.abs() > limit && digits.sign() != Sign::NoSign {
        return Err(DecimalError::TooLong);
    }
    let exponent = i32::try_from(-scale).map_err(|_| DecimalError::TooLong)?;
    let text = canonical(digits.sign() == Sign::Minus, &digits.magnitude().to_string(), "", exponent);
    let length = text.bytes().filter(u8::is_ascii_digit).count();
    if length > MAX_DIGITS { Err(DecimalError::TooLong) } else { Ok(Decimal(text)) }
}

fn scale(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The quotient, rounded down, and the remainder.
fn divided_down(number: &BigInt, by: &BigInt) -> (BigInt, BigInt) {
    let (quotient, remainder) = (number / by, number % by);
    if remainder.sign() != Sign::NoSign && remainder.sign() != by.sign() {
        (quotient - 1, remainder + by)
    } else {
        (quotient, remainder)
    }
}

/// A number without its last digits, rounded.
fn without_last(number: &BigInt, digits: usize, rounding: Rounding) -> BigInt {
    let unit = ten_to(digits);
    let (below, rest) = divided_down(number, &unit);
    let twice: BigInt = &rest * 2;
    let goes_up = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest.sign() != Sign::NoSign,
        Rounding::Nearest => match twice.cmp(&unit) {
            Ordering::Equal => number.sign() == Sign::Plus,
            other => other == Ordering::Greater,
        },
    };
    if goes_up { below + 1 } else { below }
}

impl Decimal {
    /// A whole number.
    pub fn from_integer(number: i128) -> Self {
        Self(number.to_string())
    }

    /// The sum.
    pub fn plus(&self, other: &Self) -> Result<Self, DecimalError> {
        let (a, b, places) = Scaled::aligned(self, other);
        decimal(&(a + b), scale(places))
    }

    /// The difference.
    pub fn minus(&self, other: &Self) -> Result<Self, DecimalError> {
        let (a, b, places) = Scaled::aligned(self, other);
        decimal(&(a - b), scale(places))
    }

    /// The product.
    pub fn times(&self, other: &Self) -> Result<Self, DecimalError> {
        let (a, b) = (Scaled::of(self), Scaled::of(other));
        decimal(&(a.digits * b.digits), scale(a.scale + b.scale))
    }

    /// The quotient: exact when it ends within [`QUOTIENT_DIGITS`], else rounded to as many.
    pub fn over(&self, other: &Self) -> Result<Self, DecimalError> {
        let (a, b, _) = Scaled::aligned(self, other);
        if b.sign() == Sign::NoSign {
            return Err(DecimalError::ByZero);
        }
        let shift = (QUOTIENT_DIGITS + 2 + length(&b)).saturating_sub(length(&a));
        let a = a * ten_to(shift);
        let (quotient, rest) = (&a / &b, &a % &b);
        if rest.sign() == Sign::NoSign {
            return decimal(&quotient, scale(shift));
        }
        let surplus = length(&quotient).saturating_sub(QUOTIENT_DIGITS);
        // The rest is beyond the last digit, so that no quotient lies in the middle.
        let quotient = quotient * 10 + if a.sign() == b.sign() { 1 } else { -1 };
        let rounded = without_last(&quotient, surplus + 1, Rounding::Nearest);
        decimal(&rounded, scale(shift) - scale(surplus))
    }

    /// The quotient, rounded down to a whole number, and the remainder, which has the sign of the divisor.
    pub fn divided_down(&self, other: &Self) -> Result<(Self, Self), DecimalError> {
        let (a, b, places) = Scaled::aligned(self, other);
        if b.sign() == Sign::NoSign {
            return Err(DecimalError::ByZero);
        }
        let (quotient, remainder) = divided_down(&a, &b);
        Ok((decimal(&quotient, 0)?, decimal(&remainder, scale(places))?))
    }

    /// The same number with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        match self.0.strip_prefix('-') {
            Some(positive) => Self(positive.to_owned()),
            None if self.0 == "0" => self.clone(),
            None => Self(format!("-{}", self.0)),
        }
    }

    /// The number with so many digits after the point; before it, when they are less than none.
    pub fn rounded(&self, places: i32, rounding: Rounding) -> Result<Self, DecimalError> {
        let number = Scaled::of(self);
        let surplus = scale(number.scale) - i64::from(places);
        match usize::try_from(surplus) {
            Ok(surplus) if surplus <= 2 * MAX_DIGITS => {
                decimal(&without_last(&number.digits, surplus, rounding), i64::from(places))
            }
            Ok(_) => Ok(Self("0".to_owned())),
            Err(_) => Ok(self.clone()),
        }
    }

    /// The part before the point.
    #[must_use]
    pub fn whole(&self) -> Self {
        let whole = self.0.split('.').next().unwrap_or_default();
        Self(if whole == "-0" { "0".to_owned() } else { whole.to_owned() })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b, _) = Scaled::aligned(self, other);
        a.cmp(&b)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn check(result: &Result<Decimal, DecimalError>, expected: &str) {
        assert_eq!(result, &Ok(of(expected)), "{expected}");
    }

    #[test]
    fn nothing_is_rounded_but_a_quotient_that_does_not_end() {
        check(&of("0.1").plus(&of("0.2")), "0.3");
        check(&of("100").minus(&of("100.05")), "-0.05");
        check(&of("12345678901234567890.5").times(&of("-2")), "-24691357802469135781");
        check(&of("1").over(&of("8")), "0.125");
        check(&of("10").over(&of("5")), "2");
        check(&of("1").over(&of("3")), &format!("0.{}", "3".repeat(34)));
        check(&of("-2").over(&of("3")), &format!("-0.{}7", "6".repeat(33)));
        check(&of("2").over(&of("0.0003")), &format!("{}.{}7", "6".repeat(4), "6".repeat(29)));
        check(&of("1e90").over(&of("1e-5")), "1e95");
        assert_eq!(of("1").over(&of("0")), Err(DecimalError::ByZero));
        assert_eq!(of("1e90").times(&of("1e90")), Err(DecimalError::TooLong));
        for (a, b, quotient, remainder) in [
            ("7", "2", "3", "1"),
            ("-7", "2", "-4", "1"),
            ("7", "-2", "-4", "-1"),
            ("1.5", "0.4", "3", "0.3"),
        ] {
            assert_eq!(of(a).divided_down(&of(b)), Ok((of(quotient), of(remainder))), "{a} {b}");
        }
        assert_eq!(
            (of("1.5").negated(), of("-1.5").negated(), of("0").negated()),
            (of("-1.5"), of("1.5"), of("0"))
        );
        assert_eq!((of("-0.5").whole(), of("-12.9").whole(), of("3").whole()), (of("0"), of("-12"), of("3")));
    }

    #[test]
    fn numbers_are_rounded_as_asked() {
        let cases = [
            ("2.345", 2, "2.35", "2.34", "2.35"),
            ("-2.345", 2, "-2.35", "-2.35", "-2.34"),
            ("2.5", 0, "3", "2", "3"),
            ("-2.5", 0, "-3", "-3", "-2"),
            ("2.5", 3, "2.5", "2.5", "2.5"),
            ("149", -2, "100", "100", "200"),
            ("150", -2, "200", "100", "200"),
            ("0.001", -250, "0", "0", "0"),
        ];
        for (number, places, nearest, down, up) in cases {
            let of_number = |rounding| of(number).rounded(places, rounding);
            check(&of_number(Rounding::Nearest), nearest);
            check(&of_number(Rounding::Down), down);
            if places > -250 {
                check(&of_number(Rounding::Up), up);
            }
        }
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_whole_numbers(a in -10_000_000_i64..10_000_000, b in -10_000_000_i64..10_000_000) {
            // In thousandths.
            let scaled = |number: i64| decimal(&BigInt::from(number), 3).unwrap();
            prop_assert_eq!(scaled(a).plus(&scaled(b)).unwrap(), scaled(a + b));
            prop_assert_eq!(scaled(a).minus(&scaled(b)).unwrap(), scaled(a - b));
            prop_assert_eq!(scaled(a).times(&scaled(b)).unwrap(), decimal(&BigInt::from(a * b), 6).unwrap());
            prop_assert_eq!(scaled(a).cmp(&scaled(b)), a.cmp(&b));
            if b != 0 {
                let (quotient, remainder) = scaled(a).divided_down(&scaled(b)).unwrap();
                prop_assert_eq!(quotient.times(&scaled(b)).unwrap().plus(&remainder).unwrap(), scaled(a));
                let product = scaled(a).over(&scaled(b)).unwrap().times(&scaled(b)).unwrap();
                let off = product.minus(&scaled(a)).unwrap().rounded(20, Rounding::Nearest).unwrap();
                prop_assert_eq!(off.as_str(), "0");
            }
        }
    }
}
