//! Two canonical bodies, field by field, each change with the class that the language declares for it.
//!
//! What a class means here and now (the facts of a transfer, what others subscribe to) is decided in `effect`.

use std::collections::BTreeSet;

use raccord_model::consequence::{Effect, rule_for};
use raccord_model::plan::Consequence;
use raccord_model::{Kind, Resource};
use serde_json::{Map, Value};

use crate::plan::FieldChange;

/// The fields in which two bodies of one kind differ, in the order of their paths. A body that is missing has
/// no field.
pub(crate) fn compare(
    kind: Kind,
    before: Option<&Resource>,
    after: Option<&Resource>,
) -> Result<Vec<FieldChange>, serde_json::Error> {
    let before = before.map(body).transpose()?;
    let after = after.map(body).transpose()?;
    let mut walk = Walk { kind, path: Vec::new(), found: Vec::new() };
    walk.values(before.as_ref(), after.as_ref());
    Ok(walk.found)
}

/// The canonical body as a tree whose `spec` holds the specification itself, without the name of its kind.
fn body(resource: &Resource) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(resource)?;
    if let Some(spec) = value.get_mut("spec")
        && let Some(inner) = spec.get_mut(resource.spec.kind().as_str())
    {
        *spec = inner.take();
    }
    spell_out_parents(&mut value);
    Ok(value)
}

/// A parent that is written as its name alone becomes the map it stands for, so that what is said beside the name is
/// a change of its own.
fn spell_out_parents(value: &mut Value) {
    let types = value.pointer_mut("/spec/config/dataTypes").and_then(Value::as_object_mut);
    for parent in
        types.into_iter().flat_map(Map::values_mut).filter_map(|data_type| data_type.get_mut("parent"))
    {
        if parent.is_string() {
            *parent = serde_json::json!({ "dataType": parent.take() });
        }
    }
}

struct Walk {
    kind: Kind,
    path: Vec<String>,
    found: Vec<FieldChange>,
}

impl Walk {
    fn values(&mut self, before: Option<&Value>, after: Option<&Value>) {
        if before == after {
            return;
        }
        // An empty map is a leaf: to say `customers: {}` is to say something.
        let members = match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => Some((Some(before), Some(after))),
            (Some(Value::Object(before)), None) if !before.is_empty() => Some((Some(before), None)),
            (None, Some(Value::Object(after))) if !after.is_empty() => Some((None, Some(after))),
            _ => None,
        };
        match members {
            Some((before, after)) => self.members(before, after),
            None => self.push(before, after, class(self.kind, &self.path)),
        }
    }

    fn members(&mut self, before: Option<&Map<String, Value>>, after: Option<&Map<String, Value>>) {
        let parts = parts(self.kind, &self.path);
        let names: BTreeSet<&String> = before.into_iter().chain(after).flat_map(Map::keys).collect();
        for name in names {
            let old = before.and_then(|map| map.get(name));
            let new = after.and_then(|map| map.get(name));
            self.path.push(name.clone());
            match (parts, old, new) {
                // A whole body that comes or goes is not a part that comes or goes.
                (Some((removed, _)), Some(_), None) if after.is_some() => self.push(old, None, removed),
                (Some((_, added)), None, Some(_)) if before.is_some() => self.push(None, new, added),
                _ => self.values(old, new),
            }
            self.path.pop();
        }
    }

    fn push(&mut self, before: Option<&Value>, after: Option<&Value>, consequence: Consequence) {
        self.found.push(FieldChange {
            path: self.path.clone(),
            before: before.cloned(),
            after: after.cloned(),
            consequence,
        });
    }
}

/// The class of a field by the table alone; what depends on more than the field is `None` here.
fn class(kind: Kind, path: &[String]) -> Consequence {
    match rule_for(kind, path).map(|rule| rule.effect) {
        Some(Effect::Always(consequence)) => consequence,
        Some(Effect::Activity | Effect::Parts { .. } | Effect::Updates) | None => Consequence::None,
    }
}

/// What it means when a member of this map goes or appears, when the map is one of named parts.
fn parts(kind: Kind, path: &[String]) -> Option<(Consequence, Consequence)> {
    let rule = rule_for(kind, path)?;
    match rule.effect {
        Effect::Parts { removed, added } if rule.path.split('.').count() + 1 == path.len() => {
            Some((removed, added))
        }
        Effect::Parts { .. } | Effect::Always(_) | Effect::Activity | Effect::Updates => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(spec: &Value) -> Resource {
        serde_json::from_value(json!({ "spec": spec })).expect("a resource")
    }

    fn check(kind: Kind, before: Value, after: Value, expected: &[(&str, Consequence)]) {
        let wrap = |spec| resource(&json!({ kind.as_str(): spec }));
        let found = compare(kind, Some(&wrap(before)), Some(&wrap(after))).expect("comparable");
        let found: Vec<_> = found.iter().map(|change| (change.path_text(), change.consequence)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(path, consequence)| ((*path).to_owned(), *consequence)).collect();
        assert_eq!(found, expected);
    }

    fn transfer(extra: &Value) -> Value {
        let mut spec = json!({ "source": "s", "to": "p.e" });
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        spec
    }

    #[test]
    fn fields_of_a_transfer_have_their_class() {
        use Consequence::{Deletions, None, Rekey, Remap, Reread, Restart};
        let cases = [
            (json!({}), json!({ "schedule": "15m" }), vec![("spec.schedule.every", Restart)]),
            (json!({}), json!({ "active": true }), vec![("spec.active", None)]),
            (json!({}), json!({ "resync": "x" }), vec![("spec.resync", Reread)]),
            (json!({}), json!({ "deletes": { "field": "gone" } }), vec![("spec.deletes.field", Deletions)]),
            (json!({}), json!({ "version": "v" }), vec![("spec.version", Remap)]),
            (
                json!({ "mapping": { "primaryKey": { "id": "a" }, "fields": { "x": "x" } } }),
                json!({ "mapping": { "primaryKey": { "id": "b" }, "fields": { "x": { "from": "x", "transform": ["trim"] } } } }),
                vec![("spec.mapping.fields.x.transform", Remap), ("spec.mapping.primaryKey.id.from", Rekey)],
            ),
        ];
        for (before, after, expected) in cases {
            check(Kind::Transfer, transfer(&before), transfer(&after), &expected);
        }
    }

    #[test]
    fn a_part_that_comes_or_goes_is_one_change() {
        use Consequence::{Drop, DropField, None, Remap};
        let entity = |fields: Value| json!({ "key": "id", "fields": fields });
        check(
            Kind::Project,
            json!({ "entities": { "a": entity(json!({ "id": "text", "x": "text", "y": "text" })), "b": entity(json!({ "id": "text" })) } }),
            json!({ "entities": { "a": entity(json!({ "id": "text", "x": "integer", "z": "text" })), "c": entity(json!({ "id": "text" })) } }),
            &[
                ("spec.entities.a.fields.x.type", Remap),
                ("spec.entities.a.fields.y", DropField),
                ("spec.entities.a.fields.z", None),
                ("spec.entities.b", Drop),
                ("spec.entities.c", None),
            ],
        );
    }

    #[test]
    fn an_empty_map_says_something() {
        let source = |types: Value| json!({ "connector": "http", "config": { "baseUrl": "https://a.example", "dataTypes": types } });
        check(
            Kind::Source,
            source(json!({ "a": {} })),
            source(json!({ "a": { "records": "data" }, "b": {} })),
            &[
                ("spec.config.dataTypes.a.records", Consequence::Reread),
                ("spec.config.dataTypes.b", Consequence::None),
            ],
        );
    }

    #[test]
    fn what_is_passed_over_is_read_again_by_nobody() {
        let source = |parent: Value| {
            let types = json!({ "a": { "parent": parent }, "b": {}, "c": {} });
            json!({ "connector": "http", "config": { "baseUrl": "https://a.example", "dataTypes": types } })
        };
        let skip = |statuses: &[u16]| json!({ "dataType": "b", "skip": statuses });
        let path = |name: &'static str| format!("spec.config.dataTypes.a.parent.{name}");
        for (before, after, name, consequence) in [
            (json!("b"), skip(&[404]), "skip", Consequence::None),
            (skip(&[404]), skip(&[404, 410]), "skip", Consequence::None),
            (json!("b"), json!("c"), "dataType", Consequence::Reread),
        ] {
            check(Kind::Source, source(before), source(after), &[(path(name).as_str(), consequence)]);
        }
        check(Kind::Source, source(json!("b")), source(json!({ "dataType": "b" })), &[]);
    }

    #[test]
    fn the_fields_of_a_new_body_are_leaves() {
        let project = resource(
            &json!({ "Project": { "entities": { "a": { "key": "id", "fields": { "id": "text" } } } } }),
        );
        let found = compare(Kind::Project, None, Some(&project)).expect("comparable");
        let paths: Vec<_> = found.iter().map(FieldChange::path_text).collect();
        assert_eq!(paths, ["spec.entities.a.fields.id.type", "spec.entities.a.key"]);
        assert!(
            found.iter().all(|change| change.consequence == Consequence::None || change.before.is_none())
        );
    }
}
