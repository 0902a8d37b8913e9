//! Writes a value of the engine as JSON: numbers with the digits that they have, also those that the engine has no type for. It
//! reads nothing.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::MAX_DEPTH;
use super::exact::{number_text, wrong};

/// The value as compact JSON; what is undefined is null.
///
/// # Errors
/// Where JSON has no form for it: a number without end, a value that is no data, or one that is nested too deeply.
pub(super) fn to_json(value: &Value) -> Result<String, Error> {
    let mut json = String::new();
    write(value, 0, &mut json)?;
    Ok(json)
}

fn write(value: &Value, depth: usize, json: &mut String) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(wrong("a value cannot be written as JSON: it is nested too deeply"));
    }
    if let Some(number) = number_text(value) {
        return write_number(&number, json);
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => json.push_str("null"),
        ValueKind::Bool => json.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::String => write_text(value.as_str().unwrap_or_default(), json),
        ValueKind::Seq | ValueKind::Iterable => {
            json.push('[');
            for (at, item) in value.try_iter()?.enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write(&item, depth + 1, json)?;
            }
            json.push(']');
        }
        ValueKind::Map => {
            json.push('{');
            for (at, key) in value.try_iter()?.enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write_text(&key.to_string(), json);
                json.push(':');
                write(&value.get_item(&key)?, depth + 1, json)?;
            }
            json.push('}');
        }
        _ => return Err(wrong("a value cannot be written as JSON: it is no data")),
    }
    Ok(())
}

/// A number as it was written, where JSON writes it so.
fn write_number(number: &str, json: &mut String) -> Result<(), Error> {
    if serde_json::from_str::<&serde_json::value::RawValue>(number).is_err() {
        return Err(wrong("a value cannot be written as JSON: a number has no end, or is none"));
    }
    json.push_str(number);
    Ok(())
}

fn write_text(text: &str, json: &mut String) {
    json.push_str(&serde_json::Value::from(text).to_string());
}
