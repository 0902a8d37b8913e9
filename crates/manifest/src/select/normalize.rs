//! Makes a record's values the types that its JSON schema names. A value that cannot be converted stays what it is, and
//! nothing is ever refused.

use serde_json::{Map, Number, Value};

use crate::request::text::python_text;

/// How deep references of a schema are followed.
const MAX_DEPTH: usize = 64;

/// Converts the values of a record. Says whether anything changed.
pub(super) fn normalize(record: &mut Value, schema: &Value) -> bool {
    descend(record, schema, schema, 0)
}

fn descend(value: &mut Value, schema: &Value, root: &Value, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.is_some_and(|target| descend(value, target, root, depth + 1));
    }
    let mut changed = false;
    match value {
        Value::Object(members) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return false };
            for (name, property) in properties {
                if let Some(member) = members.get_mut(name) {
                    changed |= convert(member, property);
                    changed |= descend(member, property, root, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items").filter(|schema| schema.is_object()) else { return false };
            for item in items {
                changed |= convert(item, schema);
                changed |= descend(item, schema, root, depth + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    changed
}

/// Converts one value to the type that its schema names; where it names several, beside null, none is chosen.
fn convert(value: &mut Value, schema: &Value) -> bool {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        _ => return false,
    };
    if value.is_null() && types.contains(&"null") {
        return false;
    }
    let one_of_many = matches!(schema.get("type"), Some(Value::Array(_)));
    let wanted: Vec<&str> = types.into_iter().filter(|name| !one_of_many || *name != "null").collect();
    let [wanted] = wanted.as_slice() else { return false };
    let new = match *wanted {
        "string" if !value.is_string() => Some(Value::String(python_text(value))),
        "number" if !value.is_f64() => float(value),
        "integer" => integer(value),
        "boolean" => truth(value),
        "array" => as_list(value, schema),
        _ => None,
    };
    match new {
        Some(new) if new != *value => {
            *value = new;
            true
        }
        _ => false,
    }
}

fn float(value: &Value) -> Option<Value> {
    let float = match value {
        Value::Number(number) => number.as_f64()?,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Number::from_f64(float).map(Value::Number)
}

fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) if number.is_f64() => {
            // The part before the point, written without an exponent, is read as an integer.
            let whole = number.as_f64().filter(|float| float.abs() < 1e18)?.trunc();
            format!("{whole:.0}").parse::<i64>().ok().map(Value::from)
        }
        Value::Bool(truth) => Some(Value::from(u8::from(*truth))),
        Value::String(text) => {
            let text = text.trim();
            text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
        }
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn truth(value: &Value) -> Option<Value> {
    let truth = match value {
        Value::String(text) => match text.to_lowercase().trim() {
            "y" | "yes" | "t" | "true" | "on" | "1" => true,
            "n" | "no" | "f" | "false" | "off" | "0" => false,
            _ => return None,
        },
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !Map::is_empty(members),
    };
    Some(Value::Bool(truth))
}

/// A single value as a list of it, where the elements of the list are single values.
fn as_list(value: &Value, schema: &Value) -> Option<Value> {
    let simple =
        |name: &Value| matches!(name.as_str(), Some("string" | "number" | "integer" | "boolean" | "null"));
    let elements_simple = match schema.get("items").and_then(|items| items.get("type")) {
        None => true,
        Some(Value::Array(types)) => types.iter().all(simple),
        // One name is taken apart into its letters by the reference, none of which is a type.
        Some(_) => false,
    };
    let single = !value.is_array() && !value.is_object();
    (elements_simple && single).then(|| Value::Array(vec![value.clone()]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_get_the_types_of_the_schema() {
        let check = |schema: Value, value: Value, expected: Value| {
            let mut record = json!({"v": value});
            normalize(&mut record, &json!({"properties": {"v": schema}}));
            assert_eq!(record, json!({"v": expected}), "{schema}");
        };
        check(json!({"type": "string"}), json!({"a": true}), json!("{'a': True}"));
        check(json!({"type": "string"}), json!(null), json!("None"));
        check(json!({"type": ["null", "string"]}), json!(null), json!(null));
        check(json!({"type": ["null", "string"]}), json!(1.0), json!("1.0"));
        check(json!({"type": ["number", "string"]}), json!(1), json!(1));
        check(json!({"type": "number"}), json!(" 1.5 "), json!(1.5));
        check(json!({"type": "number"}), json!(true), json!(1.0));
        check(json!({"type": "number"}), json!("x"), json!("x"));
        check(json!({"type": "number"}), json!(null), json!(null));
        check(json!({"type": "integer"}), json!("5"), json!(5));
        check(json!({"type": "integer"}), json!("5.7"), json!("5.7"));
        check(json!({"type": "integer"}), json!(-5.7), json!(-5));
        check(json!({"type": "boolean"}), json!(" Yes"), json!(true));
        check(json!({"type": "boolean"}), json!("maybe"), json!("maybe"));
        check(json!({"type": "boolean"}), json!([]), json!(false));
        check(json!({"type": "boolean"}), json!(null), json!(false));
        check(json!({"type": "array"}), json!("x"), json!(["x"]));
        check(json!({"type": "array", "items": {"type": ["string"]}}), json!(1), json!(["1"]));
        check(json!({"type": "array", "items": {"type": "string"}}), json!(1), json!(1));
        check(json!({"type": "array", "items": {"type": "string"}}), json!([1, 2]), json!(["1", "2"]));
        check(
            json!({"type": "object", "properties": {"n": {"type": "integer"}}}),
            json!({"n": "1"}),
            json!({"n": 1}),
        );
    }

    #[test]
    fn references_are_followed() {
        let schema = json!({
            "definitions": {"n": {"properties": {"i": {"type": "integer"}, "next": {"$ref": "#/definitions/n"}}}},
            "properties": {"a": {"$ref": "#/definitions/n"}},
        });
        let mut record = json!({"a": {"i": "1", "next": {"i": "2"}}});
        assert!(normalize(&mut record, &schema));
        assert_eq!(record, json!({"a": {"i": 1, "next": {"i": 2}}}));
        assert!(!normalize(&mut record, &schema));
    }
}
