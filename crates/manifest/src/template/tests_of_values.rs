//! What stands behind `is`: Jinja's own tests. They never fail for what is not there but where Jinja does.

use super::ast::Comparison;
use super::evaluate::{Given, compared};
use super::value::{Fault, Value, type_fault};

const TESTS: [&str; 36] = [
    "defined",
    "undefined",
    "none",
    "boolean",
    "true",
    "false",
    "integer",
    "float",
    "number",
    "string",
    "mapping",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "in",
    "even",
    "odd",
    "divisibleby",
    "lower",
    "upper",
    "eq",
    "==",
    "equalto",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "gt",
    "greaterthan",
    ">",
    "ge",
    "filter",
    "test",
];

/// Whether there is a test of this name.
///
/// # Errors
/// In words, when there is none.
pub(super) fn known(name: &str) -> Result<(), String> {
    if TESTS.contains(&name) {
        Ok(())
    } else {
        Err(format!("has the test `{name}`, which is not known here"))
    }
}

/// Whether a value passes a test.
pub(super) fn holds<'a>(name: &str, value: &Value<'a>, given: &Given<'a>) -> Result<bool, Fault> {
    let comparison = match name {
        "eq" | "==" | "equalto" => Some(Comparison::Equal),
        "ne" | "!=" => Some(Comparison::Unequal),
        "lt" | "lessthan" | "<" => Some(Comparison::Less),
        "le" => Some(Comparison::LessOrEqual),
        "gt" | "greaterthan" | ">" => Some(Comparison::Greater),
        "ge" => Some(Comparison::GreaterOrEqual),
        "in" => Some(Comparison::In),
        _ => None,
    };
    if let Some(comparison) = comparison {
        return compared(comparison, value, given.required(0, "other")?);
    }
    if let "even" | "odd" | "divisibleby" = name {
        return divisible(name, value, given);
    }
    Ok(match (name, value) {
        ("defined", value) => !matches!(value, Value::Undefined(_)),
        ("undefined", value) => matches!(value, Value::Undefined(_)),
        ("none", value) => matches!(value, Value::None),
        ("boolean", value) => matches!(value, Value::Bool(_)),
        ("true", value) => matches!(value, Value::Bool(true)),
        ("false", value) => matches!(value, Value::Bool(false)),
        ("integer", value) => matches!(value, Value::Int(_) | Value::Big(_)),
        ("float", value) => matches!(value, Value::Float(_)),
        ("number", value) => value.float().is_some(),
        ("string", value) => matches!(value, Value::Text(_)),
        ("mapping", value) => value.is_mapping(),
        ("sequence" | "iterable", value) => value.length().is_some(),
        ("callable", value) => matches!(value, Value::Method(..) | Value::Function(_)),
        ("sameas", value) => {
            let other = given.required(0, "other")?;
            value.kind() == other.kind() && value.equals(other)
        }
        ("lower", value) => cased(&value.to_text(), char::is_lowercase, char::is_uppercase),
        ("upper", value) => cased(&value.to_text(), char::is_uppercase, char::is_lowercase),
        _ => super::filters::known(&given.required(0, "name")?.to_text()).is_ok(),
    })
}

fn cased(text: &str, wanted: fn(char) -> bool, unwanted: fn(char) -> bool) -> bool {
    text.chars().any(wanted) && !text.chars().any(unwanted)
}

fn divisible(name: &str, value: &Value<'_>, given: &Given<'_>) -> Result<bool, Fault> {
    if let Value::Undefined(undefined) = value {
        return Err(Value::missing(undefined));
    }
    let by = if name == "divisibleby" { given.required(0, "num")?.integer() } else { Some(2.into()) };
    let zero = num_bigint::BigInt::default();
    match (value.integer(), by) {
        (Some(_), Some(by)) if by == zero => Err(Fault::Other("divides by zero".to_owned())),
        (Some(number), Some(by)) => Ok((number % by == zero) != (name == "odd")),
        _ => type_fault("divides what is no integer"),
    }
}
