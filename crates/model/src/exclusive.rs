//! Members of a map that exclude or need each other, as a JSON Schema says it, so that an editor shows the mistake
//! while one types. The loader does not read this: it judges by rules of its own, with words.
//!
//! Several names are written as one text with spaces, for an attribute takes no list.

use schemars::Schema;
use serde_json::{Value, json};

/// One of the members must be there, and no other one of them.
pub(crate) fn exactly_one(names: &str) -> impl FnMut(&mut Schema) {
    require(json!({ "oneOf": ways(names) }))
}

/// One of the members may be there, and then no other one of them.
pub(crate) fn at_most_one(names: &str) -> impl FnMut(&mut Schema) {
    let mut ways = ways(names);
    ways.push(json!({ "not": { "anyOf": ways } }));
    require(json!({ "oneOf": ways }))
}

/// A member stands beside another one only.
pub(crate) fn only_with(name: &str, other: &str) -> impl FnMut(&mut Schema) {
    require(json!({ "anyOf": [{ "not": there(name) }, there(other)] }))
}

fn ways(names: &str) -> Vec<Value> {
    names.split(' ').map(there).collect()
}

/// The member says something: `null` and `false` are what it would be without being written.
fn there(name: &str) -> Value {
    json!({ "required": [name], "properties": { name: { "not": { "enum": [null, false] } } } })
}

/// Adds a condition to those that the schema has.
fn require(condition: Value) -> impl FnMut(&mut Schema) {
    move |schema| {
        let all = schema.ensure_object().entry("allOf").or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(condition.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_gathered() {
        let mut schema = schemars::json_schema!({ "type": "object" });
        exactly_one("every cron")(&mut schema);
        only_with("timezone", "cron")(&mut schema);
        let conditions = schema.get("allOf").and_then(Value::as_array).unwrap();
        assert_eq!(conditions[0]["oneOf"][1]["required"], json!(["cron"]));
        assert_eq!(conditions[1]["anyOf"][0]["not"]["required"], json!(["timezone"]));
    }
}
