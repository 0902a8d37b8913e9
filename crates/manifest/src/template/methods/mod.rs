//! The attributes and methods that Python's own values have, as far as templates use them. What a value does not have is
//! not there, as in Python.

mod collection;
mod date;
pub(super) mod text;

pub(super) use text::expect;

use super::evaluate::{Evaluation, Given};
use super::value::{Evaluated, Fault, Value, type_fault};

/// An attribute that is no method.
pub(super) fn property<'a>(object: &Value<'a>, name: &str) -> Option<Value<'a>> {
    match object {
        Value::Slice(slice) => match name {
            "partition" | "_partition" => Some(slice.partition.into()),
            "cursor_slice" => Some(slice.cursor.into()),
            "extra_fields" => Some(slice.extra_fields.into()),
            _ => None,
        },
        Value::DateTime(_) | Value::Date(_) | Value::Period(_) => date::property(object, name),
        Value::Int(_) | Value::Bool(_) if name == "real" => Some(object.clone()),
        _ => None,
    }
}

/// Whether a value has a method.
pub(super) fn has(object: &Value<'_>, name: &str) -> bool {
    match object {
        Value::Text(_) => text::METHODS.contains(&name),
        Value::Object(_) | Value::Members(_) | Value::Dict(_) => collection::DICT.contains(&name),
        Value::Slice(_) => matches!(name, "get" | "items" | "keys" | "values"),
        Value::Array(_) | Value::List(_) => collection::LIST.contains(&name),
        Value::Tuple(_) => matches!(name, "count" | "index"),
        Value::DateTime(_) => date::METHODS.contains(&name),
        Value::Date(_) => date::DAY.contains(&name),
        Value::Period(_) => name == "total_seconds",
        Value::Float(_) => name == "is_integer",
        Value::Int(_) | Value::Bool(_) => name == "bit_length",
        _ => false,
    }
}

/// What a method gives.
pub(super) fn call<'a>(
    evaluation: &Evaluation<'a>,
    object: &Value<'a>,
    name: &str,
    given: &Given<'a>,
) -> Evaluated<'a> {
    match object {
        Value::Text(text) => text::call(text, name, given, &evaluation.budget),
        Value::DateTime(_) | Value::Date(_) | Value::Period(_) => date::call(object, name, given),
        Value::Float(number) => Ok(Value::Bool(number.fract() == 0.0)),
        Value::Int(_) | Value::Bool(_) => {
            let bits = object.integer().map(|number| number.bits()).unwrap_or_default();
            Ok(Value::Int(i64::try_from(bits).unwrap_or(i64::MAX)))
        }
        _ => collection::call(object, name, given, &evaluation.budget),
    }
}

/// An argument that is a text.
fn text_at<'g>(given: &'g Given<'_>, at: usize, name: &str) -> Result<&'g str, Fault> {
    match given.required(at, name)? {
        Value::Text(text) => Ok(text),
        Value::Undefined(undefined) => type_fault(format!("has no text in `{undefined}`")),
        other => type_fault(format!("has a `{}` where a text is expected", other.kind())),
    }
}

/// An argument that is a small integer, where it is given.
fn number_at(given: &Given<'_>, at: usize, name: &str) -> Result<Option<i64>, Fault> {
    match given.get(at, name) {
        None | Some(Value::None) => Ok(None),
        Some(value) => match value.small() {
            Some(number) => Ok(Some(number)),
            None => type_fault(format!("has a `{}` where an integer is expected", value.kind())),
        },
    }
}
