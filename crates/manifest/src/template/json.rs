//! Values to JSON: as a value that the rest of the crate works with, and as the text that Python's `json.dumps` writes.

use serde_json::{Number, Value as Json};

use super::value::{Fault, Value, type_fault};
use super::write::float_text;

/// How deep a value may nest.
const DEPTH: usize = 200;

/// A value as JSON. An integer that JSON's numbers here cannot hold is a text; so is everything that JSON has not.
pub(super) fn json(value: &Value<'_>) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => {
            Number::from_f64(*number).map_or_else(|| Json::String(float_text(*number)), Json::Number)
        }
        Value::Big(number) => match u64::try_from(number.as_ref()) {
            Ok(number) => Json::from(number),
            Err(_) => Json::String(number.to_string()),
        },
        Value::Array(items) => Json::Array(items.to_vec()),
        Value::Object(members) => Json::Object((*members).clone()),
        Value::Members(members) => {
            Json::Object(crate::object(members.iter().map(|(name, value)| (name.to_owned(), json(&value)))))
        }
        Value::List(items) => items.borrow().iter().map(json).collect(),
        Value::Tuple(items) => items.iter().map(json).collect(),
        Value::Slice(slice) => Json::Object(slice.all.clone()),
        Value::Dict(members) => {
            let member = |(key, value): &(Value<'_>, Value<'_>)| (key_text(key), json(value));
            Json::Object(crate::object(members.borrow().iter().map(member)))
        }
        other => Json::String(other.to_text()),
    }
}

/// The same of a value that is not needed any more.
pub(super) fn into_json(value: Value<'_>) -> Json {
    match value {
        Value::Text(text) => Json::String(text.into_owned()),
        other => json(&other),
    }
}

/// A key as `json.dumps` writes it.
fn key_text(key: &Value<'_>) -> String {
    match key {
        Value::None => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        other => other.to_text(),
    }
}

/// The text that Python's `json.dumps` writes.
///
/// # Errors
/// When there is something in it that JSON has not.
pub(super) fn dump(value: &Value<'_>) -> Result<String, Fault> {
    let mut out = String::new();
    write(&mut out, value, DEPTH)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value<'_>, depth: usize) -> Result<(), Fault> {
    let Some(depth) = depth.checked_sub(1) else { return Err(Fault::Other("nests too deep".to_owned())) };
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(truth) => out.push_str(&truth.to_string()),
        Value::Int(_) | Value::Big(_) => out.push_str(&value.to_text()),
        Value::Float(number) => out.push_str(&match number {
            number if number.is_nan() => "NaN".to_owned(),
            number if number.is_infinite() => if *number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            number => float_text(*number),
        }),
        Value::Text(text) => quote(out, text),
        Value::Array(items) => list(out, items.iter().map(Value::from), depth)?,
        Value::List(items) => list(out, items.borrow().iter().cloned(), depth)?,
        Value::Tuple(items) => list(out, items.iter().cloned(), depth)?,
        Value::Object(_) | Value::Members(_) | Value::Dict(_) => {
            out.push('{');
            for (at, (key, value)) in value.members().unwrap_or_default().iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                if matches!(key, Value::Tuple(_) | Value::DateTime(_) | Value::Date(_)) {
                    return type_fault("has a key that JSON has not");
                }
                quote(out, &key_text(key));
                out.push_str(": ");
                write(out, value, depth)?;
            }
            out.push('}');
        }
        other => return type_fault(format!("writes a `{}` as JSON", other.kind())),
    }
    Ok(())
}

fn list<'a>(out: &mut String, items: impl Iterator<Item = Value<'a>>, depth: usize) -> Result<(), Fault> {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(out, &item, depth)?;
    }
    out.push(']');
    Ok(())
}

/// A text in quotes, everything beyond ASCII escaped.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(letter),
            _ => letter
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|half| out.push_str(&format!("\\u{half:04x}"))),
        }
    }
    out.push('"');
}
