//! The filters over texts and numbers, and those that turn one into the other.

use num_traits::ToPrimitive;

use super::super::evaluate::{Evaluation, Given};
use super::super::format::percent;
use super::super::literal::{Budget, literal};
use super::super::value::{Evaluated, Fault, Value, fault, type_fault};
use super::super::{calls, json, methods};

/// The filters of this module.
pub(super) const NAMES: [&str; 25] = [
    "string",
    "int",
    "float",
    "abs",
    "round",
    "default",
    "d",
    "lower",
    "upper",
    "title",
    "capitalize",
    "trim",
    "replace",
    "format",
    "urlencode",
    "tojson",
    "truncate",
    "center",
    "wordcount",
    "escape",
    "e",
    "safe",
    "striptags",
    "indent",
    "pprint",
];

pub(super) fn apply<'a>(
    evaluation: &Evaluation<'a>,
    name: &str,
    value: &Value<'a>,
    given: &Given<'a>,
) -> Evaluated<'a> {
    let budget = &evaluation.budget;
    let method = |name: &str| {
        let text = value.to_text();
        methods::text::call(&text, name, given, budget)
    };
    match name {
        "string" => string(value),
        "tojson" => json::dump(value).map(|text| Value::text(html_safe(&text))),
        "int" => int(value, given),
        "float" => float(value, given),
        "abs" => absolute(value),
        "round" => round(value, given),
        "default" | "d" => {
            let absent = matches!(value, Value::Undefined(_));
            let empty = given.get(1, "boolean").is_some_and(Value::truth) && !value.truth();
            let default = || given.get(0, "default_value").cloned().unwrap_or_else(|| Value::text(""));
            Ok(if absent || empty { default() } else { value.clone() })
        }
        "title" => Ok(Value::text(title(&value.to_text()))),
        "lower" | "upper" | "capitalize" | "replace" | "center" => method(name),
        "trim" => method("strip"),
        "format" => {
            percent(&value.to_text(), &Value::Tuple(given.positional.clone().into())).map(Value::text)
        }
        "urlencode" => urlencode(value, budget),
        "truncate" => Ok(Value::text(truncate(&value.to_text(), given))),
        "wordcount" => {
            let text = value.to_text();
            let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let count = words.filter(|word| !word.is_empty()).count();
            Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
        }
        "escape" | "e" => Ok(Value::text(escape(&value.to_text()))),
        "safe" => Ok(Value::text(value.to_text())),
        "striptags" => Ok(Value::text(without_tags(&value.to_text()))),
        "indent" => Ok(Value::text(indent(&value.to_text(), given, budget)?)),
        // `pprint`: what is short stands on one line.
        _ => {
            let text = Value::list(vec![value.clone()]).to_text();
            Ok(Value::text(&text[1..text.len() - 1]))
        }
    }
}

/// JSON between three quotes, which is read as a text again afterwards.
fn string<'a>(value: &Value<'a>) -> Evaluated<'a> {
    match value {
        Value::Text(_) => Ok(value.clone()),
        other => Ok(Value::text(format!("\"\"\"{}\"\"\"", json::dump(other)?))),
    }
}

fn html_safe(text: &str) -> String {
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

/// The first letter behind a blank, a hyphen or an opening bracket large, all others small.
fn title(text: &str) -> String {
    let mut out = String::new();
    let mut begins = true;
    for letter in text.chars() {
        if begins {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        begins = letter.is_whitespace() || "-({[<".contains(letter);
    }
    out
}

/// A number in a text as Python reads it: blanks around it are no part of it.
fn number<'a>(text: &str) -> Option<Value<'a>> {
    let text = text.trim();
    let plain =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-_.eE".contains(&byte));
    let digits = text.trim_start_matches(['+', '-']);
    // As a literal, a number has no zeros in front.
    let unpadded = digits.trim_start_matches('0');
    let sign = if text.starts_with('-') { "-" } else { "" };
    let padded = digits.len() > 1 && unpadded.starts_with(|first: char| first.is_ascii_digit());
    let text = if padded { format!("{sign}{unpadded}") } else { format!("{sign}{digits}") };
    plain.then(|| literal(&text)).flatten()
}

fn int<'a>(value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    let default = || given.get(0, "default").cloned().unwrap_or(Value::Int(0));
    let base =
        given.get(1, "base").and_then(Value::small).and_then(|base| u32::try_from(base).ok()).unwrap_or(10);
    let whole = |number: f64| num_bigint::BigInt::from_f64_checked(number).map(Value::big);
    Ok(match value {
        Value::Undefined(name) => return Err(Value::missing(name)),
        Value::Text(text) if base != 10 => {
            let digits = text.trim().to_lowercase();
            let digits =
                ["0x", "0o", "0b"].iter().find_map(|prefix| digits.strip_prefix(prefix)).unwrap_or(&digits);
            let number = (2..=36).contains(&base).then(|| i64::from_str_radix(digits, base).ok()).flatten();
            number.map_or_else(default, Value::Int)
        }
        Value::Text(text) => match number(text) {
            Some(Value::Float(float)) => whole(float).unwrap_or_else(default),
            Some(number) => number,
            None => default(),
        },
        Value::Float(float) => whole(*float).unwrap_or_else(default),
        other => other.integer().map_or_else(default, Value::big),
    })
}

trait FromFloat: Sized {
    fn from_f64_checked(number: f64) -> Option<Self>;
}

impl FromFloat for num_bigint::BigInt {
    fn from_f64_checked(number: f64) -> Option<Self> {
        num_traits::FromPrimitive::from_f64(number.trunc())
    }
}

fn float<'a>(value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    let default = || given.get(0, "default").cloned().unwrap_or(Value::Float(0.0));
    Ok(match value {
        Value::Undefined(name) => return Err(Value::missing(name)),
        Value::Text(text) => {
            number(text).and_then(|number| number.float()).map_or_else(default, Value::Float)
        }
        other => other.float().map_or_else(default, Value::Float),
    })
}

fn absolute<'a>(value: &Value<'a>) -> Evaluated<'a> {
    match value {
        Value::Float(number) => Ok(Value::Float(number.abs())),
        other => match other.integer() {
            Some(number) => Ok(Value::big(num_traits::Signed::abs(&number))),
            None => type_fault(format!("takes the absolute value of a `{}`", other.kind())),
        },
    }
}

fn round<'a>(value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    let precision = given.get(0, "precision").and_then(Value::small).unwrap_or(0);
    let Some(number) = value.float() else { return type_fault(format!("rounds a `{}`", value.kind())) };
    let precision = precision.to_i32().unwrap_or_default().clamp(-300, 300);
    let scale = 10_f64.powi(precision);
    let whole = matches!(value, Value::Int(_) | Value::Big(_) | Value::Bool(_));
    let rounded = match given.get(1, "method").map(Value::to_text).as_deref() {
        Some("ceil") => (number * scale).ceil() / scale,
        Some("floor") => (number * scale).floor() / scale,
        // Python's `round` of an integer is an integer.
        None | Some("common") if whole && precision >= 0 => return Ok(value.clone()),
        None | Some("common") => match usize::try_from(precision) {
            // Written with so many digits, a float is rounded exactly, half to even.
            Ok(digits) => format!("{number:.digits$}").parse().unwrap_or(number),
            Err(_) => (number * scale).round_ties_even() / scale,
        },
        Some(_) => return fault("rounds in a way that is not known"),
    };
    Ok(Value::Float(rounded))
}

fn urlencode<'a>(value: &Value<'a>, budget: &Budget) -> Evaluated<'a> {
    if let Value::Text(text) = value {
        return Ok(Value::text(calls::quoted(text, "_.-~/")));
    }
    if value.length().is_none() {
        return Ok(Value::text(calls::quoted(&value.to_text(), "_.-~/")));
    }
    let pairs = if let Some(members) = value.members() {
        members
    } else {
        let pair = |item: &Value<'a>| match item.items(budget)?.as_slice() {
            [key, value] => Ok((key.clone(), value.clone())),
            _ => fault("encodes what is no pair for a URL"),
        };
        value.items(budget)?.iter().map(pair).collect::<Result<_, Fault>>()?
    };
    let quoted = |value: &Value<'a>| calls::quoted(&value.to_text(), "_.-~ ").replace(' ', "+");
    let pairs: Vec<_> =
        pairs.iter().map(|(key, value)| format!("{}={}", quoted(key), quoted(value))).collect();
    Ok(Value::text(pairs.join("&")))
}

/// The text without markup, blanks in a row made one.
fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let end = if after.starts_with("!--") {
            after.find("-->").map(|at| at + 3)
        } else {
            after.find('>').map(|at| at + 1)
        };
        let Some(end) = end else {
            rest = &rest[before.len()..];
            break;
        };
        rest = &after[end..];
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines behind the first moved to the right.
fn indent(text: &str, given: &Given<'_>, budget: &Budget) -> Result<String, Fault> {
    let width = match given.get(0, "width") {
        Some(Value::Text(text)) => text.to_string(),
        Some(width) => {
            let width = width.small().and_then(|width| usize::try_from(width).ok()).unwrap_or_default();
            budget.take_text(width)?;
            " ".repeat(width)
        }
        None => "    ".to_owned(),
    };
    let flag = |at, name| given.get(at, name).is_some_and(Value::truth);
    let (first, blank) = (flag(1, "first"), flag(2, "blank"));
    budget.take_text(width.len().saturating_mul(text.lines().count()))?;
    let line = |(at, line): (usize, &str)| {
        let moved = if at == 0 { first } else { blank || !line.is_empty() };
        if moved { format!("{width}{line}") } else { line.to_owned() }
    };
    Ok(text.split('\n').enumerate().map(line).collect::<Vec<_>>().join("\n"))
}

fn truncate(text: &str, given: &Given<'_>) -> String {
    let number = |at, name, default| {
        given
            .get(at, name)
            .and_then(Value::small)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default)
    };
    let end = given.get(2, "end").map_or("...".to_owned(), Value::to_text);
    let (length, leeway) = (number(0, "length", 255), number(3, "leeway", 5));
    if text.chars().count() <= length + leeway {
        return text.to_owned();
    }
    let cut: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    if given.get(1, "killwords").is_some_and(Value::truth) {
        return cut + &end;
    }
    let words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    format!("{words}{end}")
}
