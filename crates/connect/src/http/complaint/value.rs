//! What a value in an answer says: that something went wrong, that nothing did, and in which words. Pure; where to look is not
//! known here.

use serde_json::Value;

/// The members of an error that hold words for people, the best first.
const WORDS: [&str; 9] = [
    "message",
    "detail",
    "error_description",
    "description",
    "error_message",
    "title",
    "msg",
    "reason",
    "code",
];
/// The texts that say that nothing is wrong.
const FINE: [&str; 8] = ["0", "false", "none", "null", "no", "ok", "success", "no error"];
/// The words of such a member that say that it failed.
const FAILED: [&str; 8] = ["error", "err", "fail", "failed", "failure", "fault", "exception", "ko"];
/// How many errors of a list are told.
pub(crate) const MAX_TOLD: usize = 3;

/// Whether a value denies.
pub(super) fn is_no(value: &Value) -> bool {
    match value {
        Value::Bool(is_success) => !is_success,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(text.to_ascii_lowercase().as_str(), "false" | "no" | "0"),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether a value is a word for failure, or a status of HTTP that is one. Other numbers mean different things to each service.
pub(super) fn is_failure(value: &Value) -> bool {
    let is_status = |number: u64| (400..600).contains(&number);
    match value {
        Value::Number(number) => number.as_u64().is_some_and(is_status),
        Value::String(text) => {
            let text = text.trim();
            FAILED.iter().any(|word| text.eq_ignore_ascii_case(word)) || text.parse().is_ok_and(is_status)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether a value is more than a way of saying that nothing is wrong.
pub(super) fn says_something(raw: &str) -> bool {
    let raw = raw.trim();
    match raw.as_bytes().first() {
        Some(b'[' | b'{') => {
            raw.get(1..raw.len().saturating_sub(1)).is_some_and(|inside| !inside.trim().is_empty())
        }
        Some(b'"') => !matches!(raw, "\"\"" | "\"0\"" | "\"false\""),
        Some(b'n' | b'f') | None => false,
        Some(b't') => true,
        Some(_) => raw.parse::<f64>() != Ok(0.0),
    }
}

/// Whether a value says that something is wrong, where a list without records stands beside it. Services that send an
/// error with every answer fill it with zeros, empty texts and words for success.
pub(super) fn says_error(raw: &str) -> bool {
    match serde_json::from_str(raw) {
        Ok(value) => is_error(&value),
        Err(_) => true,
    }
}

fn is_error(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_wrong) => *is_wrong,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => {
            let text = text.trim();
            !text.is_empty() && !FINE.iter().any(|fine| text.eq_ignore_ascii_case(fine))
        }
        Value::Array(errors) => errors.iter().any(is_error),
        Value::Object(members) => members.values().any(is_error),
    }
}

/// Whether a value is a list of errors as GraphQL has them: objects with a message.
pub(super) fn is_graphql_errors(raw: &str) -> bool {
    let Ok(Value::Array(errors)) = serde_json::from_str(raw) else { return false };
    !errors.is_empty() && errors.iter().all(|error| error.get("message").is_some_and(Value::is_string))
}

/// The words of an error for people; its JSON when there are none.
pub(crate) fn words(raw: &str) -> String {
    match serde_json::from_str(raw) {
        Ok(value) => words_of(&value).unwrap_or_else(|| raw.to_owned()),
        Err(_) => raw.to_owned(),
    }
}

fn words_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(members) => WORDS.iter().find_map(|name| words_of(members.get(*name)?)),
        Value::Array(errors) => {
            let told: Vec<String> = errors.iter().take(MAX_TOLD).filter_map(words_of).collect();
            (!told.is_empty()).then(|| told.join("; "))
        }
        Value::Null | Value::Bool(_) => None,
    }
}
