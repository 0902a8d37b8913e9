//! What a scalar without quotes is: nothing, a boolean, a number or a text (YAML 1.2, core schema).
//!
//! A number is only taken for one when nothing is lost: `01234` and a number of 17 digits stay texts.

use raccord_model::decimal::Decimal;

/// The whole numbers that a 64-bit float holds exactly go so far, and the canonical form writes every number as one.
const LARGEST: u128 = 1 << 53;

/// A scalar without quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Another number.
    Float(f64),
    /// Anything else.
    Text,
}

impl Plain {
    /// What a text without quotes means.
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" => return Self::Bool(true),
            "false" | "False" | "FALSE" => return Self::Bool(false),
            _ => {}
        }
        if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
            return Self::Text;
        }
        if let Some(number) = integer(text) {
            let is_exact = is_canonical(text) && number.unsigned_abs() <= LARGEST;
            return if is_exact { Self::Integer(number) } else { Self::Text };
        }
        exact_float(text).map_or(Self::Text, Self::Float)
    }
}

/// A whole number in any of the notations: `12`, `-3`, `+7`, `0x1F`, `0o17`.
pub(crate) fn integer(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    if digits.starts_with(['-', '+']) { None } else { i128::from_str_radix(digits, radix).ok() }
}

/// A floating-point number that says exactly what was written, apart from zeros at its end.
fn exact_float(text: &str) -> Option<f64> {
    let decimal: Decimal = text.parse().ok()?;
    let float: f64 = text.parse().ok()?;
    let written: Decimal = float.to_string().parse().ok()?;
    (float.is_finite() && written == decimal).then_some(float)
}

/// Whether the text is how the number is usually written: neither a leading zero nor a plus sign.
fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0" && digits == text
        || !digits.starts_with(['0', '+'])
        || text.starts_with("0x")
        || text.starts_with("0o")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_inferred_that_loses_information() {
        let cases = [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("null", Plain::Null),
            ("nil", Plain::Text),
            ("True", Plain::Bool(true)),
            ("yes", Plain::Text),
            ("0", Plain::Integer(0)),
            ("-0", Plain::Text),
            ("12", Plain::Integer(12)),
            ("-12", Plain::Integer(-12)),
            ("9007199254740992", Plain::Integer(9_007_199_254_740_992)),
            ("9007199254740993", Plain::Text),
            ("-9007199254740993", Plain::Text),
            ("0x1F", Plain::Integer(31)),
            ("0o17", Plain::Integer(15)),
            ("01234", Plain::Text),
            ("+351912345678", Plain::Text),
            ("1.5", Plain::Float(1.5)),
            ("1.50", Plain::Float(1.5)),
            ("1e3", Plain::Float(1000.0)),
            ("0.1", Plain::Float(0.1)),
            ("9007199254740993.1", Plain::Text),
            (".inf", Plain::Text),
            ("1.2.3", Plain::Text),
            ("2024-01-31", Plain::Text),
            ("-", Plain::Text),
            ("1_000", Plain::Text),
            ("15m", Plain::Text),
        ];
        for (text, expected) in cases {
            assert_eq!(Plain::of(text), expected, "{text}");
        }
    }
}
