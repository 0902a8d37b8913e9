//! The table of consequences against the language: every field has a rule, every rule a field.

use std::collections::BTreeSet;

use raccord_model::Kind;
use raccord_model::consequence::{rule_for, rules};
use raccord_model::language::{
    AuthorizationSpec, IntegrationSpec, ProjectSpec, SourceSpec, StackSpec, TransferSpec,
};
use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value};

/// Every path of a schema that ends at something other than a map, `*` standing for a name.
fn leaves<T: JsonSchema>() -> BTreeSet<String> {
    let root = schema_for!(T).to_value();
    let mut found = BTreeSet::new();
    walk(&root, &root, &mut Vec::new(), &mut found);
    found
}

fn walk(root: &Value, schema: &Value, path: &mut Vec<String>, found: &mut BTreeSet<String>) {
    let mut children = Vec::new();
    collect(root, schema, &mut children);
    if children.is_empty() {
        found.insert(path.join("."));
    }
    for (name, child) in children {
        path.push(name);
        walk(root, child, path, found);
        path.pop();
    }
}

/// The members that a schema allows, in all of its alternatives.
fn collect<'a>(root: &'a Value, schema: &'a Value, children: &mut Vec<(String, &'a Value)>) {
    let Some(map) = schema.as_object() else { return };
    if let Some(target) = map.get("$ref").and_then(Value::as_str) {
        collect(root, root.pointer(&target[1..]).unwrap_or(&Value::Null), children);
    }
    for alternatives in ["anyOf", "oneOf", "allOf"] {
        for one in map.get(alternatives).and_then(Value::as_array).into_iter().flatten() {
            collect(root, one, children);
        }
    }
    let members = |name: &str| map.get(name).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    children.extend(members("properties").map(|(name, child)| (name.clone(), child)));
    children.extend(members("patternProperties").map(|(_, child)| ("*".to_owned(), child)));
    children.extend(
        map.get("additionalProperties")
            .filter(|child| child.is_object())
            .map(|child| ("*".to_owned(), child)),
    );
}

fn language() -> Vec<(Kind, BTreeSet<String>)> {
    vec![
        (Kind::Stack, leaves::<StackSpec>()),
        (Kind::Project, leaves::<ProjectSpec>()),
        (Kind::Authorization, leaves::<AuthorizationSpec>()),
        (Kind::Source, leaves::<SourceSpec>()),
        (Kind::Transfer, leaves::<TransferSpec>()),
        (Kind::Integration, leaves::<IntegrationSpec>()),
    ]
}

#[test]
fn every_field_of_the_language_has_a_rule() {
    let without: Vec<String> = language()
        .iter()
        .flat_map(|(kind, leaves)| leaves.iter().map(move |leaf| (*kind, leaf)))
        .filter(|(kind, leaf)| {
            let path: Vec<&str> = std::iter::once("spec").chain(leaf.split('.')).collect();
            rule_for(*kind, &path).is_none()
        })
        .map(|(kind, leaf)| format!("{kind} spec.{leaf}"))
        .collect();
    assert!(without.is_empty(), "no rule covers\n{}", without.join("\n"));
}

#[test]
fn the_schemas_are_walked_to_their_leaves() {
    let language = language();
    for (kind, leaf) in [
        (Kind::Transfer, "mapping.primaryKey.*.onEmpty"),
        (Kind::Transfer, "deletes.snapshot.maxShare"),
        (Kind::Project, "entities.*.fields.*.maxLength"),
        (Kind::Source, "config.dataTypes.*.pagination.size.*"),
        (Kind::Integration, "subscriptions.*.updates"),
        (Kind::Stack, "mail.host"),
        (Kind::Authorization, "headers.*"),
    ] {
        let leaves = language.iter().find(|(of, _)| *of == kind).map(|(_, leaves)| leaves);
        assert!(leaves.is_some_and(|leaves| leaves.contains(leaf)), "{kind} spec.{leaf}: {leaves:#?}");
    }
}

#[test]
fn every_rule_is_about_a_field_of_the_language() {
    let language = language();
    let stray: Vec<String> = rules()
        .into_iter()
        .filter(|rule| {
            let leaves = language.iter().find(|(kind, _)| *kind == rule.kind).map(|(_, leaves)| leaves);
            let within = |leaf: &String| {
                rule.path.is_empty() || leaf == rule.path || leaf.starts_with(&format!("{}.", rule.path))
            };
            !leaves.is_some_and(|leaves| leaves.iter().any(within))
        })
        .map(|rule| format!("{} spec.{}", rule.kind, rule.path))
        .collect();
    assert!(stray.is_empty(), "no field is at\n{}", stray.join("\n"));
}

#[test]
fn no_path_has_two_rules() {
    let mut seen = BTreeSet::new();
    for rule in rules() {
        assert!(seen.insert((rule.kind, rule.path)), "{} spec.{} has two rules", rule.kind, rule.path);
    }
}
