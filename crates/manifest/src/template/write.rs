//! Values as Python's `str` and `repr` write them. It never reads text back.

use std::fmt::Write as _;

use num_traits::ToPrimitive;

use super::escape::repr;
use super::value::Value;
use crate::time::{DateTime, Fields};

/// How deep a value is written; deeper is `...`, as Python writes a list that holds itself.
const DEPTH: usize = 100;

/// A float as Python writes it: `1.0`, `1e+16`, `0.1`.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A date and time as Python's `isoformat` writes it.
pub(crate) fn iso_text(date: &DateTime, between: char) -> String {
    let Fields { hour, minute, second, microsecond, .. } = date.fields();
    let mut text = format!("{}{between}{hour:02}:{minute:02}:{second:02}", day_text(date));
    if microsecond != 0 {
        text.push_str(&format!(".{microsecond:06}"));
    }
    text + &date.offset().map(|offset| crate::time::offset_text(offset, ":")).unwrap_or_default()
}

/// A day as Python's `isoformat` writes it.
pub(super) fn day_text(date: &DateTime) -> String {
    let Fields { year, month, day, .. } = date.fields();
    format!("{year:04}-{month:02}-{day:02}")
}

impl Value<'_> {
    /// Writes it as `str` does.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Undefined(_) => {}
            Self::Text(text) => out.push_str(text),
            Self::DateTime(date) => out.push_str(&iso_text(date, ' ')),
            Self::Date(date) => out.push_str(&day_text(date)),
            Self::Period(period) => out.push_str(&period.to_string()),
            other => other.repr(out, DEPTH),
        }
    }

    /// It as `str` writes it.
    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn repr(&self, out: &mut String, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            out.push_str("...");
            return;
        };
        match self {
            Self::Undefined(_) => out.push_str("Undefined"),
            Self::None => out.push_str("None"),
            Self::Bool(truth) => out.push_str(if *truth { "True" } else { "False" }),
            // Writing to a text does not fail.
            Self::Int(number) => drop(write!(out, "{number}")),
            Self::Big(number) => out.push_str(&number.to_string()),
            Self::Float(number) => out.push_str(&float_text(*number)),
            Self::Text(text) => out.push_str(&repr(text)),
            Self::Array(items) => sequence(out, ('[', ']'), items.iter().map(Value::from), depth),
            Self::List(items) => sequence(out, ('[', ']'), items.borrow().iter().cloned(), depth),
            Self::Tuple(items) => {
                sequence(out, ('(', ')'), items.iter().cloned(), depth);
                if items.len() == 1 {
                    out.insert(out.len() - 1, ',');
                }
            }
            Self::DateTime(date) => out.push_str(&date_repr(date)),
            Self::Date(date) => {
                let Fields { year, month, day, .. } = date.fields();
                out.push_str(&format!("datetime.date({year}, {month}, {day})"));
            }
            Self::Period(period) => {
                let days = period.rest().div_euclid(86_400_000_000).to_i64().unwrap_or_default();
                out.push_str(&format!("datetime.timedelta(days={days})"));
            }
            Self::Method(_, name) => out.push_str(&format!("<built-in method {name}>")),
            Self::Function(name) => out.push_str(&format!("<function {name}>")),
            Self::Object(_) | Self::Members(_) | Self::Slice(_) | Self::Dict(_) => {
                out.push('{');
                for (at, (key, value)) in self.members().unwrap_or_default().iter().enumerate() {
                    if at > 0 {
                        out.push_str(", ");
                    }
                    key.repr(out, depth);
                    out.push_str(": ");
                    value.repr(out, depth);
                }
                out.push('}');
            }
        }
    }
}

fn sequence<'a>(
    out: &mut String,
    around: (char, char),
    items: impl Iterator<Item = Value<'a>>,
    depth: usize,
) {
    out.push(around.0);
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        item.repr(out, depth);
    }
    out.push(around.1);
}

fn date_repr(date: &DateTime) -> String {
    let Fields { year, month, day, hour, minute, second, microsecond } = date.fields();
    let mut text = format!("datetime.datetime({year}, {month}, {day}, {hour}, {minute}");
    if second != 0 || microsecond != 0 {
        text.push_str(&format!(", {second}"));
    }
    if microsecond != 0 {
        text.push_str(&format!(", {microsecond}"));
    }
    if date.offset() == Some(0) {
        text.push_str(", tzinfo=datetime.timezone.utc");
    }
    text + ")"
}
