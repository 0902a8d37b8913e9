//! Finds what a service says went wrong in an answer with a status of success: where the settings say, and in the usual
//! places. It only looks; what is done about it is the reader's.

use std::time::Duration;

use raccord_compiler::connector::{ErrorPlace, HttpStream};
use raccord_compiler::select::{Found, Selector, Slot};
use raccord_model::field_path::{FieldPath, Step};
use serde_json::Value;

use super::graphql;

/// Where services put errors when nothing is declared.
const USUAL: [&str; 2] = ["error", "errors"];
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
/// The members that say whether a request succeeded.
const SUCCESS: [&str; 3] = ["success", "ok", "succeeded"];
/// The members that say in a word, or with a status of HTTP, how a request went.
const OUTCOMES: [&str; 6] = ["status", "result", "state", "code", "statusCode", "status_code"];
/// The words of such a member that say that it failed.
const FAILED: [&str; 8] = ["error", "err", "fail", "failed", "failure", "fault", "exception", "ko"];
/// Where the words for people stand beside them, the best first.
const SAID: [&str; 7] =
    ["message", "msg", "detail", "reason", "description", "error_message", "errorMessage"];
/// How many errors of a list are told.
pub(super) const MAX_TOLD: usize = 3;

/// What a service says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// In its own words, not masked yet.
    pub(crate) message: String,
    /// Whether asking again may help.
    pub(crate) again: Again,
}

/// Whether asking again may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Again {
    /// It will be the same.
    Never,
    /// The settings say so.
    MayHelp,
    /// The service limits us: after the wait, where it says how long that is.
    Limited(Option<Duration>),
}

/// Where errors are looked for.
#[derive(Debug)]
pub(crate) struct Complaints {
    declared: Option<Declared>,
    usual: Vec<Slot>,
    outcome: Outcome,
    /// Whether the records are where GraphQL has them, which reports errors beside them.
    is_graphql: bool,
    /// Where a query in GraphQL has its errors, and what the service says of its limits.
    queried: Option<Queried>,
    /// The same places by themselves, for an answer that is one object where a list was expected.
    apart: Option<Selector>,
}

/// Where an answer says how the request went, and with what words.
#[derive(Debug)]
struct Outcome {
    success: Vec<Slot>,
    outcomes: Vec<Slot>,
    said: Vec<Slot>,
}

#[derive(Debug)]
struct Declared {
    path: Slot,
    message: Option<Slot>,
    retry: bool,
}

#[derive(Debug)]
struct Queried {
    errors: Slot,
    extensions: Slot,
}

impl Complaints {
    /// Adds the places that are looked at to the paths of a selector.
    pub(crate) fn new(stream: &HttpStream, paths: &mut Vec<FieldPath>) -> Self {
        let records = &stream.extractor.records.0;
        let first = records.first();
        let is_member = |name: &str| matches!(first, Some(Step::Member(member)) if member == name);
        // Where the answer itself is the list, looking inside of it costs a second pass that only errors are worth.
        let mut own = Vec::new();
        let in_one_pass = !records.is_empty();
        let places = if in_one_pass { paths } else { &mut own };
        let mut add = |path: FieldPath| {
            places.push(path);
            places.len() - 1
        };
        let declared = stream.errors.as_ref().map(|errors| Declared {
            path: add(errors.path.clone()),
            message: errors.message.clone().map(&mut add),
            retry: errors.retry,
        });
        let queried = stream.is_graphql().then(|| Queried {
            errors: add(FieldPath::member("errors")),
            extensions: add(FieldPath::member("extensions")),
        });
        // Where the errors of a service are read as records they are no failure.
        let mut members = |names: &[&str]| -> Vec<Slot> {
            let names = names.iter().filter(|name| !is_member(name));
            names.map(|name| add(FieldPath::member(name))).collect()
        };
        let usual = members(&USUAL);
        let outcome =
            Outcome { success: members(&SUCCESS), outcomes: members(&OUTCOMES), said: members(&SAID) };
        let apart = (!in_one_pass).then(|| Selector::new(&own));
        Self { declared, usual, outcome, is_graphql: is_member("data"), queried, apart }
    }

    /// The usual places alone, whatever was asked. What stands in `member` is read as records.
    pub(crate) fn usual(member: Option<&str>) -> Self {
        let mut own = Vec::new();
        let mut places = |names: &[&str]| -> Vec<Slot> {
            let names = names.iter().filter(|name| member != Some(**name));
            let mut add = |name: &&str| {
                own.push(FieldPath::member(name));
                own.len() - 1
            };
            names.map(&mut add).collect()
        };
        let usual = places(&USUAL);
        let outcome = Outcome { success: places(&SUCCESS), outcomes: places(&OUTCOMES), said: places(&SAID) };
        let apart = Some(Selector::new(&own));
        Self { declared: None, usual, outcome, is_graphql: member == Some("data"), queried: None, apart }
    }

    /// What a body says went wrong in the places that are looked at by themselves.
    pub(crate) fn find_apart(&self, body: &[u8], beside: Beside) -> Option<Complaint> {
        let apart = self.apart.as_ref().filter(|_| body.trim_ascii_start().starts_with(b"{"))?;
        let mut inside = Found::default();
        apart.select(body, &mut inside).ok()?;
        self.judge(&inside, beside)
    }

    /// What an answer says went wrong. `found` is what the selector of the pages found in it.
    pub(crate) fn find(&self, body: &[u8], found: &Found<'_>) -> Option<Complaint> {
        match self.apart {
            Some(_) => self.find_apart(body, Beside::Nothing),
            None => self.judge(found, Beside::of(found)),
        }
    }

    fn judge(&self, found: &Found<'_>, beside: Beside) -> Option<Complaint> {
        let at = |slot: Slot| found.values.get(slot).copied().flatten();
        if let Some(declared) = &self.declared
            && let Some(raw) = at(declared.path).filter(|raw| says_something(raw))
        {
            let said = declared.message.and_then(at).filter(|raw| says_something(raw)).unwrap_or(raw);
            let again = if declared.retry { Again::MayHelp } else { Again::Never };
            return Some(Complaint { message: words(said), again });
        }
        if let Some(queried) = &self.queried
            && let Some(raw) = at(queried.errors).filter(|raw| says_something(raw))
        {
            return Some(graphql::complaint(raw, at(queried.extensions)));
        }
        let raw = self.usual.iter().find_map(|slot| {
            let raw = at(*slot).filter(|raw| says_something(raw))?;
            let counts = match beside {
                Beside::Nothing => true,
                // Where the settings say where errors are, their word counts before the usual places.
                Beside::EmptyList => self.declared.is_none() && says_error(raw),
                Beside::Records => false,
            };
            (counts || (self.is_graphql && is_graphql_errors(raw))).then_some(raw)
        });
        let message = match raw {
            Some(raw) => words(raw),
            None if beside == Beside::Records || self.declared.is_some() => return None,
            None => self.outcome.failure(at)?,
        };
        Some(Complaint { message, again: Again::Never })
    }
}

impl Outcome {
    /// What an answer without records says of its failure, given what stands at a slot.
    fn failure<'a>(&self, at: impl Fn(Slot) -> Option<&'a str>) -> Option<String> {
        let failed = |slots: &[Slot], is_failure: fn(&Value) -> bool| {
            let values = slots.iter().filter_map(|slot| serde_json::from_str(at(*slot)?).ok());
            values.into_iter().any(|value: Value| is_failure(&value))
        };
        if !failed(&self.success, is_no) && !failed(&self.outcomes, is_failure) {
            return None;
        }
        let said = self.said.iter().find_map(|slot| at(*slot).filter(|raw| says_something(raw)));
        Some(said.map_or_else(|| "it says that the request failed, and not why".to_owned(), words))
    }
}

/// Whether a value denies.
fn is_no(value: &Value) -> bool {
    match value {
        Value::Bool(is_success) => !is_success,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(text.to_ascii_lowercase().as_str(), "false" | "no" | "0"),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether a value is a word for failure, or a status of HTTP that is one. Other numbers mean different things to each service.
fn is_failure(value: &Value) -> bool {
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

/// What stands where the records were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// No list.
    Nothing,
    /// A list without records: the last page, or what a service sends when it could not answer.
    EmptyList,
    /// Records.
    Records,
}

impl Beside {
    const fn of(found: &Found<'_>) -> Self {
        match (found.has_list(), found.list.is_empty()) {
            (false, _) => Self::Nothing,
            (true, true) => Self::EmptyList,
            (true, false) => Self::Records,
        }
    }
}

/// What an answer that is one record says went wrong, where the settings look for it alone: a record may well have a field
/// `error`.
pub(crate) fn declared(errors: &ErrorPlace, body: &[u8]) -> Option<Complaint> {
    let paths = [Some(&errors.path), errors.message.as_ref()];
    let mut found = Found::default();
    Selector::new(paths.into_iter().flatten()).select(body, &mut found).ok()?;
    let mut said = found.values.iter().map(|raw| raw.filter(|raw| says_something(raw)));
    let raw = said.next().flatten()?;
    let message = words(said.next().flatten().unwrap_or(raw));
    Some(Complaint { message, again: if errors.retry { Again::MayHelp } else { Again::Never } })
}

/// Whether an error, or how a request went, is what a member of this name says.
pub(crate) fn is_usual(name: &str) -> bool {
    let lists: [&[&str]; 4] = [&USUAL, &SUCCESS, &OUTCOMES, &SAID];
    lists.iter().any(|names| names.contains(&name))
}

/// Whether a value is more than a way of saying that nothing is wrong.
fn says_something(raw: &str) -> bool {
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
fn says_error(raw: &str) -> bool {
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
fn is_graphql_errors(raw: &str) -> bool {
    let Ok(Value::Array(errors)) = serde_json::from_str(raw) else { return false };
    !errors.is_empty() && errors.iter().all(|error| error.get("message").is_some_and(Value::is_string))
}

/// The words of an error for people; its JSON when there are none.
pub(super) fn words(raw: &str) -> String {
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

#[cfg(test)]
mod tests {
    use raccord_compiler::connector::lower_http;
    use serde_json::json;

    use super::*;

    /// What is found in an answer of a data type.
    fn find(data_type: &Value, body: &Value) -> Option<(String, bool)> {
        let settings = json!({"baseUrl": "https://api.example", "dataTypes": {"a": data_type}});
        let settings = serde_json::from_value(settings).unwrap();
        let stream = lower_http(&settings, &"a".parse().unwrap()).0;
        let stream = stream.unwrap_or_else(|| panic!("{data_type}"));
        let mut paths = Vec::new();
        let complaints = Complaints::new(&stream, &mut paths);
        let selector = Selector::new(&paths).with_list(&stream.extractor.records);
        let (body, mut found) = (body.to_string(), Found::default());
        selector.select(body.as_bytes(), &mut found).unwrap();
        complaints
            .find(body.as_bytes(), &found)
            .map(|complaint| (complaint.message, complaint.again == Again::MayHelp))
    }

    #[test]
    fn errors_are_found_where_services_put_them() {
        let data = json!({"records": "data"});
        let items = json!({"records": "data.items"});
        let root = json!({});
        let throttled = json!([{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]);
        for (data_type, body, expected) in [
            (&data, json!({"error": "rate limited"}), Some("rate limited")),
            (&data, json!({"error": {"code": 7, "message": "no"}, "data": null}), Some("no")),
            (&data, json!({"errors": ["a", {"detail": "b"}]}), Some("a; b")),
            (&data, json!({"error": true}), Some("true")),
            (&data, json!({"error": 500}), Some("500")),
            (&data, json!({"error": {"x": [1]}}), Some(r#"{"x":[1]}"#)),
            (&items, json!({"data": null, "errors": throttled}), Some("Throttled")),
            (&items, json!({"data": {"items": [{"id": 1}]}, "errors": throttled}), Some("Throttled")),
            (&root, json!({"error": "no such key"}), Some("no such key")),
            (&root, json!({"errors": {"code": 1}}), Some("1")),
            // What only looks like one.
            (&data, json!({"error": null, "data": []}), None),
            (&data, json!({"error": "a warning", "data": [{"id": 1}]}), None),
            (&items, json!({"data": {"items": []}, "errors": []}), None),
            (&items, json!({"data": {"items": [{"id": 1}]}, "errors": ["partial"]}), None),
            (&json!({"records": "errors"}), json!({"errors": [{"id": 1, "message": "x"}]}), None),
            (&root, json!([{"error": "a field of a record"}]), None),
        ] {
            let found = find(data_type, &body);
            assert_eq!(found, expected.map(|text| (text.to_owned(), false)), "{body}");
        }
        for nothing in
            [json!(null), json!(false), json!(0), json!(0.0), json!(""), json!("0"), json!([]), json!({})]
        {
            for data_type in [&data, &root] {
                assert_eq!(find(data_type, &json!({"error": nothing, "errors": nothing})), None, "{nothing}");
            }
        }
    }

    #[test]
    fn an_error_beside_an_empty_list_counts() {
        let data = json!({"records": "data"});
        let missing = json!({"records": {"path": "data", "missing": "empty"}});
        let elsewhere = json!({"records": "data", "errors": "fault"});
        for (error, expected) in [
            (json!({"message": "internal, try later"}), Some("internal, try later")),
            (json!("a warning"), Some("a warning")),
            (json!(["partial"]), Some("partial")),
            (json!({"code": 500, "message": ""}), Some("500")),
            (json!(true), Some("true")),
            (json!(17), Some("17")),
            (json!(null), None),
            (json!(false), None),
            (json!(0), None),
            (json!(""), None),
            (json!([]), None),
            (json!({}), None),
            (json!("OK"), None),
            (json!("none"), None),
            (json!({"code": 0, "message": "success", "details": []}), None),
            (json!([null, {}]), None),
        ] {
            for name in ["error", "errors"] {
                for empty in [json!([]), json!({})] {
                    let body = json!({name: error, "data": empty});
                    let expected = expected.map(|text| (text.to_owned(), false));
                    assert_eq!(find(&data, &body), expected, "{body}");
                    assert_eq!(find(&missing, &body), expected, "{body}");
                    // The settings say where this service has its errors.
                    assert_eq!(find(&elsewhere, &body), None, "{body}");
                }
                // Beside records it may be about one of them.
                assert_eq!(find(&data, &json!({name: error, "data": [{"id": 1}]})), None, "{error}");
            }
        }
    }

    #[test]
    fn an_outcome_without_records_counts() {
        let data = json!({"records": "data"});
        let missing = json!({"records": {"path": "data", "missing": "empty"}});
        let elsewhere = json!({"records": "data", "errors": "fault"});
        let unsaid = "it says that the request failed, and not why";
        for (envelope, expected) in [
            (json!({"success": false, "message": "quota exceeded"}), Some("quota exceeded")),
            (json!({"success": false, "errors": [{"detail": "a"}], "message": "b"}), Some("a")),
            (json!({"ok": false}), Some(unsaid)),
            (json!({"ok": 0, "message": ""}), Some(unsaid)),
            (json!({"succeeded": "false", "msg": "no"}), Some("no")),
            (json!({"status": "error", "message": "m", "code": 7}), Some("m")),
            (json!({"status": "fail", "reason": {"code": 7, "title": "t"}}), Some("t")),
            (json!({"result": "Failed", "detail": "d"}), Some("d")),
            (json!({"status": 503, "errorMessage": "later"}), Some("later")),
            (json!({"code": "429"}), Some(unsaid)),
            (json!({"success": true, "message": "fine"}), None),
            (json!({"ok": 1, "status": "ok", "code": 0}), None),
            (json!({"success": null, "status": null, "result": {}}), None),
            (json!({"status": "active", "state": "open", "code": 40001}), None),
            (json!({"status": 200, "code": "SUCCESS", "result": []}), None),
            (json!({"message": "no rows"}), None),
        ] {
            let beside = |records: &Value| {
                let mut body = envelope.clone();
                body["data"] = records.clone();
                body
            };
            let expected = expected.map(|text| (text.to_owned(), false));
            assert_eq!(find(&data, &beside(&json!([]))), expected, "{envelope}");
            assert_eq!(find(&missing, &envelope), expected, "{envelope}");
            // Where no list is expected in an object, this says more than that there is none.
            assert_eq!(find(&json!({}), &envelope), expected, "{envelope}");
            if envelope.get("errors").is_none() {
                assert_eq!(find(&elsewhere, &beside(&json!([]))), None, "{envelope}");
                assert_eq!(find(&data, &beside(&json!([{"id": 1}]))), None, "{envelope}");
            }
        }
        assert_eq!(find(&json!({"records": "result"}), &json!({"result": "error"})), None);
    }

    #[test]
    fn errors_are_found_where_the_settings_say() {
        let declared = json!({"records": "data", "errors": {"path": "status.code", "retry": true, "message": "status.text"}});
        let short = json!({"errors": "fault"});
        for (data_type, body, expected) in [
            (&declared, json!({"data": [], "status": {"code": 17, "text": "busy"}}), Some(("busy", true))),
            (&declared, json!({"data": [], "status": {"code": 17}}), Some(("17", true))),
            (&declared, json!({"data": [], "status": {"code": 0, "text": "fine"}}), None),
            (&declared, json!({"status": {"code": 0}, "error": "x"}), Some(("x", false))),
            (&short, json!({"fault": {"reason": "gone"}}), Some(("gone", false))),
            (&short, json!({"fault": null, "x": {}}), None),
            (&short, json!([{"fault": "of a record"}]), None),
        ] {
            let expected = expected.map(|(text, retry)| (text.to_owned(), retry));
            assert_eq!(find(data_type, &body), expected, "{body}");
        }
    }
}
