//! A slice: the part of a stream that one run of requests reads, made of a partition (which parent, which list value)
//! and of cursor bounds (from when until when). It is data alone and never decides what comes next.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::template::Context;

/// A part of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slice {
    /// What names the partition: `{"board": 7, "parent_slice": {}}`.
    pub partition: Map<String, Value>,
    /// The bounds of the cursor: `{"start_time": "…", "end_time": "…"}`.
    pub cursor: Map<String, Value>,
    /// What else is known of the partition. It is no part of its name.
    pub extra: Map<String, Value>,
}

impl Slice {
    /// A member of the partition or of the bounds.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.cursor.get(name).or_else(|| self.partition.get(name))
    }

    /// A context that knows this slice, by all the names that templates have for it.
    pub fn context(&self, outer: &Context) -> Context {
        let shared = |members: &Map<String, Value>| Arc::new(Value::Object(members.clone()));
        outer.with_slice(&shared(&self.partition), &shared(&self.cursor), &shared(&self.extra))
    }

    /// What names the partition, as one text whatever the order of its members.
    pub fn partition_key(&self) -> String {
        sorted(&Value::Object(self.partition.clone())).to_string()
    }
}

/// The same value, the members of all its objects in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<_> = members.keys().collect();
            names.sort();
            let member = |name: &String| (name.clone(), members.get(name).map(sorted).unwrap_or_default());
            Value::Object(crate::object(names.into_iter().map(member)))
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_partition_has_one_name() {
        let check = |partition: Value, expected: &str| {
            let partition = partition.as_object().cloned().unwrap_or_default();
            assert_eq!(Slice { partition, ..Slice::default() }.partition_key(), expected);
        };
        check(json!({}), "{}");
        check(
            json!({"b": 1, "a": {"z": [{"y": 1, "x": 2}], "c": null}}),
            r#"{"a":{"c":null,"z":[{"x":2,"y":1}]},"b":1}"#,
        );
    }
}
