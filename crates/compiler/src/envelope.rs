//! Where an answer holds a list of records, for users who do not know the service yet. For advice alone: a run takes
//! the path that the configuration says and never looks for another.

use raccord_model::field_path::{FieldPath, Step};
use serde_json::Value;

/// How deep into an answer lists are looked for.
const DEPTH: usize = 3;

/// The lists of objects in an answer, the longest first, with their lengths.
pub fn lists(body: &[u8]) -> Vec<(FieldPath, usize)> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice(body) {
        walk(&value, &mut FieldPath::default(), &mut found);
    }
    found.sort_by(|(one, length), (other, longer)| longer.cmp(length).then_with(|| one.cmp(other)));
    found
}

/// What `records` should say; nothing when the document has no list of objects, or has it where it was looked for. `what` names
/// the document: an answer, a file.
pub fn advice(what: &str, body: &[u8], looked_at: &FieldPath) -> Option<String> {
    let lists = lists(body);
    if lists.iter().any(|(path, _)| path == looked_at) {
        return None;
    }
    let (path, length) = lists.first()?;
    let objects = if *length == 1 { "1 object".to_owned() } else { format!("{length} objects") };
    Some(format!("the {what} has a list of {objects} at `{path}`: write `records: {path}`"))
}

fn walk(value: &Value, path: &mut FieldPath, found: &mut Vec<(FieldPath, usize)>) {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            found.push((path.clone(), items.len()));
        }
        Value::Object(members) if path.0.len() < DEPTH => {
            for (name, member) in members {
                path.0.push(Step::Member(name.clone()));
                walk(member, path, found);
                path.0.pop();
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_an_envelope_is_found() {
        let check = |body: &str, looked_at: &str, expected: Option<&str>| {
            let advice = advice("answer", body.as_bytes(), &looked_at.parse().unwrap());
            assert_eq!(
                advice.as_deref().and_then(|said| said.rsplit('`').nth(1)),
                expected,
                "{body}: {advice:?}"
            );
        };
        let envelope = r#"{"data":[{"id":1},{"id":2}],"next":null,"total":2}"#;
        check(envelope, "$", Some("records: data"));
        check(envelope, "items", Some("records: data"));
        check(envelope, "data", None);
        check(r#"{"result":{"items":[{"id":1}]},"tags":["a"]}"#, "$", Some("records: result.items"));
        check(r#"{"few":[{"a":1}],"many":[{"a":1},{"a":2}]}"#, "$", Some("records: many"));
        check(r#"[{"id":1}]"#, "data", Some("records: $"));
        check(r#"{"id":1}"#, "$", None);
        check("no JSON", "$", None);
    }
}
