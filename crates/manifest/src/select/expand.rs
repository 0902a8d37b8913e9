//! `RecordExpander`: the elements of a nested list become records, with as much of their parent as is asked for.

use serde_json::Value;

use super::evaluated_path;
use super::path::{Segment, Step, delete_at, find, get, set};
use crate::component::{Component, Problem, ProblemKind};
use crate::record::Record;
use crate::template::Context;

/// An expander, compiled.
#[derive(Debug)]
pub(super) struct Expander {
    path: Vec<Segment>,
    keep_original: bool,
    merge_parent: bool,
    parent_fields: Vec<ParentField>,
    parent_where_empty: bool,
}

/// A field of the parent that goes to each element.
#[derive(Debug)]
struct ParentField {
    from: Vec<Segment>,
    to: Vec<Segment>,
}

impl Expander {
    pub(super) fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        if component.get("truncated_list_retriever").is_some() {
            let path = format!("{}.truncated_list_retriever", component.path());
            let message = "lists that the service cuts cannot be completed here".to_owned();
            return Err(Problem { path, kind: ProblemKind::Unsupported, message });
        }
        let field = |field: &Component| {
            Ok(ParentField {
                from: evaluated_path(field, "parent_path", config)?,
                to: evaluated_path(field, "record_path", config)?,
            })
        };
        Ok(Self {
            path: evaluated_path(component, "expand_records_from_field", config)?,
            keep_original: component.bool("remain_original_record").unwrap_or(false),
            merge_parent: component.bool("merge_parent").unwrap_or(false),
            parent_fields: component.children("parent_fields").iter().map(field).collect::<Result<_, _>>()?,
            parent_where_empty: component.str("on_no_records") == Some("emit_parent"),
        })
    }

    /// The records that stand in a record. What is no object stays what it is.
    pub(super) fn expand(&self, record: &Record) -> Vec<Record> {
        let parent = record.value();
        if !parent.is_object() || self.path.is_empty() {
            return vec![record.clone()];
        }
        let lists: Vec<(Vec<Step>, &Vec<Value>)> = find(&parent, &self.path)
            .into_iter()
            .filter_map(|(steps, value)| Some((steps, value.as_array()?)))
            .collect();
        let base = self.merge_parent.then(|| without(&parent, lists.iter().map(|(steps, _)| steps)));
        let expanded: Vec<Record> = lists
            .iter()
            .flat_map(|(_, items)| items.iter())
            .map(|item| Record::Value(self.child(&parent, base.as_ref(), item)))
            .collect();
        if expanded.is_empty() && self.parent_where_empty { vec![record.clone()] } else { expanded }
    }

    fn child(&self, parent: &Value, base: Option<&Value>, item: &Value) -> Value {
        let members = match item {
            Value::Object(members) => members.clone(),
            other if base.is_some() || self.keep_original || !self.parent_fields.is_empty() => {
                crate::object([("value".to_owned(), other.clone())])
            }
            other => return other.clone(),
        };
        let mut child = base.and_then(Value::as_object).cloned().unwrap_or_default();
        child.extend(members);
        let mut child = Value::Object(child);
        for field in &self.parent_fields {
            if let Ok(Some(value)) = get(parent, &field.from) {
                // Where a single value stands in the way, the field is left out.
                drop(set(&mut child, &field.to, value.clone()));
            }
        }
        if let (true, Value::Object(members)) = (self.keep_original, &mut child) {
            members.insert("original_record".to_owned(), parent.clone());
        }
        child
    }
}

/// A copy of the parent without the lists that are expanded.
fn without<'s>(parent: &Value, lists: impl Iterator<Item = &'s Vec<Step>>) -> Value {
    let mut base = parent.clone();
    let mut lists: Vec<_> = lists.collect();
    lists.reverse();
    for steps in lists {
        delete_at(&mut base, steps);
    }
    base
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn lists_become_records() {
        let check = |members: Value, record: Value, expected: Value| {
            let mut component =
                json!({"type": "RecordExpander", "expand_records_from_field": ["lines", "data"]});
            component.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            let component = Component::new(component.as_object().unwrap().clone(), "expander");
            let expander = Expander::new(&component, &Context::new(&Arc::new(json!({})))).unwrap();
            let found: Vec<_> = expander.expand(&Record::Value(record)).iter().map(Record::value).collect();
            assert_eq!(Value::Array(found), expected, "{members}");
        };
        let record = || json!({"id": 1, "lines": {"data": [{"a": 1}, 2], "n": 3}});
        check(json!({}), record(), json!([{"a": 1}, 2]));
        check(
            json!({"remain_original_record": true}),
            json!({"id": 1, "lines": {"data": [2]}}),
            json!([{"value": 2, "original_record": {"id": 1, "lines": {"data": [2]}}}]),
        );
        check(
            json!({"merge_parent": true}),
            record(),
            json!([{"id": 1, "lines": {"n": 3}, "a": 1}, {"id": 1, "lines": {"n": 3}, "value": 2}]),
        );
        check(
            json!({"parent_fields": [{"type": "ParentFieldPath", "parent_path": ["id"], "record_path": ["p", "id"]}]}),
            record(),
            json!([{"a": 1, "p": {"id": 1}}, {"value": 2, "p": {"id": 1}}]),
        );
        check(json!({}), json!({"id": 1}), json!([]));
        check(json!({"on_no_records": "emit_parent"}), json!({"id": 1}), json!([{"id": 1}]));
    }
}
