//! `numeric` in its binary form: digits in base 10,000, with the place of the first. Exact both ways.

use bytes::{BufMut, BytesMut};
use raccord_model::decimal::Decimal;
use raccord_model::row::NotARow;

use crate::table::Digits;

/// The sign of a negative number, and of a positive one.
const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0;

/// How many decimal digits one of base 10,000 has.
const GROUP: usize = 4;

/// More digits than a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Writes a canonical decimal number.
pub(super) fn encode(text: &str, most: Option<Digits>, out: &mut BytesMut) -> Result<(), TooLong> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((POSITIVE, text), |rest| (NEGATIVE, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let whole = whole.trim_start_matches('0');
    let is_longer = |digits: &str, most: u32| usize::try_from(most).is_ok_and(|most| digits.len() > most);
    if most.is_some_and(|most| is_longer(whole, most.whole) || is_longer(fraction, most.fraction)) {
        return Err(TooLong);
    }
    let lead = whole.len().next_multiple_of(GROUP) - whole.len();
    let trail = fraction.len().next_multiple_of(GROUP) - fraction.len();
    let zeros = "0000";
    let digits =
        [zeros.get(..lead).unwrap_or_default(), whole, fraction, zeros.get(..trail).unwrap_or_default()]
            .concat();
    let groups: Vec<i16> = digits.as_bytes().chunks(GROUP).map(group).collect();
    let before_point = whole.len().div_ceil(GROUP);
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let kept = groups.get(leading..).unwrap_or_default();
    let kept = kept
        .get(..kept.len() - kept.iter().rev().take_while(|group| **group == 0).count())
        .unwrap_or_default();
    let short = |number: usize| i16::try_from(number).map_err(|_| TooLong);
    let weight = if kept.is_empty() { 0 } else { short(before_point)? - short(leading)? - 1 };
    out.put_i16(short(kept.len())?);
    out.put_i16(weight);
    out.put_u16(if kept.is_empty() { POSITIVE } else { sign });
    out.put_i16(short(fraction.len())?);
    for group in kept {
        out.put_i16(*group);
    }
    Ok(())
}

fn group(digits: &[u8]) -> i16 {
    digits.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit.saturating_sub(b'0')))
}

/// Reads a number; nothing where there is none or it is infinite.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Decimal>, NotARow> {
    let (halves, []) = bytes.as_chunks::<2>() else { return Err(NotARow) };
    let [count, weight, sign, _, groups @ ..] = halves else { return Err(NotARow) };
    let (sign, weight) = (u16::from_be_bytes(*sign), i32::from(i16::from_be_bytes(*weight)));
    if usize::from(u16::from_be_bytes(*count)) != groups.len() {
        return Err(NotARow);
    }
    if sign != POSITIVE && sign != NEGATIVE {
        return Ok(None);
    }
    let mut whole = String::new();
    let mut fraction = String::new();
    let last = i32::try_from(groups.len()).map_err(|_| NotARow)? - 1;
    for place in (weight.min(-1) - last..=weight.max(0)).rev() {
        // Groups stand at places from `weight` down; between them and the point there are zeros.
        let group = usize::try_from(weight - place).ok().and_then(|at| groups.get(at));
        let digits = format!("{:04}", group.map_or(0, |group| u16::from_be_bytes(*group)));
        if place >= 0 { whole.push_str(&digits) } else { fraction.push_str(&digits) }
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let mut text = String::new();
    if sign == NEGATIVE && !(whole.is_empty() && fraction.is_empty()) {
        text.push('-');
    }
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    Ok(Some(Decimal::from_canonical(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(text: &str) -> String {
        let mut out = BytesMut::new();
        encode(text, None, &mut out).unwrap();
        decode(&out).unwrap().unwrap().to_string()
    }

    #[test]
    fn numbers_come_back_as_they_went() {
        for text in
            ["0", "1", "-1", "9999", "10000", "100000000", "0.1", "0.0001", "0.00001", "-12.34", "10000.0001"]
        {
            assert_eq!(there_and_back(text), text);
        }
        // (number, digits before and after the point)
        let encoded =
            |text, whole, fraction| encode(text, Some(Digits { whole, fraction }), &mut BytesMut::new());
        assert_eq!(encoded("12.34", 2, 2), Ok(()));
        assert_eq!(encoded("12.345", 2, 2), Err(TooLong));
        assert_eq!(encoded("123", 2, 2), Err(TooLong));
        assert_eq!(encoded("0.5", 0, 1), Ok(()));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{0,40}[1-9])?") {
            let canonical: Decimal = text.parse().unwrap();
            prop_assert_eq!(there_and_back(canonical.as_str()), canonical.as_str());
        }
    }
}
