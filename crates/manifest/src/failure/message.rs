//! What a service says of its error: the text that stands under one of the usual names.

use serde_json::Value;

use crate::transport::Response;

const NAMES: [&str; 12] = [
    "message",
    "messages",
    "error",
    "errors",
    "failures",
    "failure",
    "detail",
    "err",
    "error_message",
    "msg",
    "reason",
    "status_message",
];

/// The message in a body; a body that is no JSON is the message itself.
pub(super) fn message(answer: &Response) -> Option<String> {
    match serde_json::from_slice(&answer.body) {
        Ok(value) => within(&value),
        Err(_) => std::str::from_utf8(&answer.body).ok().map(str::to_owned),
    }
}

fn within(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(within).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let stated = |value: &&Value| match value {
                Value::Null => false,
                Value::Bool(truth) => *truth,
                Value::Number(number) => number.as_f64() != Some(0.0),
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => !members.is_empty(),
            };
            NAMES.iter().find_map(|name| members.get(*name).filter(stated)).and_then(within)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}
