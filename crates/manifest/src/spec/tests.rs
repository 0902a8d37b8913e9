//! Specifications and configurations.

use serde_json::{Value, json};

use super::{Schema, SettingKind, Specification, data_types, violations};
use crate::load::{Manifest, load};

fn manifest(members: &Value) -> Manifest {
    load(&members.to_string()).unwrap()
}

fn specification(rules: &Value, schema: &Value) -> Specification {
    let spec =
        json!({"type": "Spec", "connection_specification": schema, "config_normalization_rules": rules});
    Specification::of(&manifest(&json!({"spec": spec}))).unwrap()
}

fn told(schema: &Value, value: &Value) -> Vec<String> {
    violations(schema, value).into_iter().map(|found| format!("{}: {}", found.path, found.message)).collect()
}

#[test]
fn all_violations_are_told_with_their_places_and_without_values() {
    let credentials = json!({"type": "object", "oneOf": [
        {"required": ["kind", "token"], "properties": {"kind": {"const": "token"}, "token": {"type": "string"}}},
        {"required": ["kind", "key"], "properties": {"kind": {"const": "key"}, "key": {"type": "string"}}},
    ]});
    let schema = json!({"type": "object", "required": ["a", "b"], "additionalProperties": false, "properties": {
        "a": {"type": "string", "pattern": "^[0-9]+$"}, "b": {"type": "integer", "minimum": 1},
        "c": {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 2, "uniqueItems": true},
        "credentials": credentials,
    }});
    let check = |value: Value, expected: &[&str]| assert_eq!(told(&schema, &value), expected, "{value}");
    check(json!({"a": "1", "b": 1.0}), &[]);
    check(json!({"a": "1"}), &["b: it is required and missing"]);
    check(
        json!({"a": "s3cret", "b": true, "d": 1}),
        &[
            "a: it does not fit the pattern `^[0-9]+$`",
            "b: it is not of the type integer",
            "d: there is no such setting",
        ],
    );
    check(
        json!({"a": "1", "b": 0, "c": ["z"]}),
        &[
            "b: it has to be at least 1",
            "c: it has to have at least 2 items",
            "c[0]: it is none of \"x\", \"y\"",
        ],
    );
    check(json!({"a": "1", "b": 1, "c": ["x", "x"]}), &["c: an item stands in it twice"]);
    check(
        json!({"a": "1", "b": 1, "credentials": {"kind": "key"}}),
        &["credentials.key: it is required and missing"],
    );
    check(
        json!({"a": "1", "b": 1, "credentials": {"kind": "s3cret"}}),
        &["credentials: it fits none of the 2 options"],
    );
    check(json!([1]), &[": it is not of the type object"]);
}

#[test]
fn settings_have_types_defaults_and_secrets() {
    let specification = specification(
        &json!({}),
        &json!({"required": ["key"], "properties": {
            "since": {"type": "string", "format": "date", "order": 1, "default": "2024-01-01"},
            "key": {"type": "string", "airbyte_secret": true, "order": 0},
            "login": {"type": "object", "order": 2, "oneOf": [
                {"title": "Token", "properties": {"token": {"type": "string", "airbyte_secret": true}}}]},
            "many": {"type": ["null", "array"], "order": 3, "items": {"type": "object", "properties": {"pin": {"airbyte_secret": true}}}},
        }}),
    );
    let settings = specification.settings();
    let names: Vec<_> = settings.iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!(names, ["key", "since", "login", "many"]);
    assert!(settings[0].required && settings[0].secret && !settings[1].required);
    assert_eq!(settings[1].kind, SettingKind::Text(Some("date".to_owned())));
    assert!(matches!(&settings[2].kind, SettingKind::OneOf(groups) if groups[0].settings[0].secret));
    assert_eq!(specification.secrets(), [vec!["key"], vec!["login", "token"], vec!["many", "*", "pin"]]);
    let config = specification.with_defaults(json!({"key": "k", "login": {}}));
    assert_eq!(config, json!({"key": "k", "login": {}, "since": "2024-01-01"}));
}

#[test]
fn configurations_are_migrated_then_transformed() {
    let add = |path: &str, value: &str| {
        json!({"type": "ConfigAddFields", "fields": [
        {"type": "AddedFieldDefinition", "path": path.split('.').collect::<Vec<_>>(), "value": value}]})
    };
    let rules = json!({
        "config_migrations": [{"type": "ConfigMigration", "transformations": [
            add("auth.token", "{{ config['token'] }}"),
            {"type": "ConfigRemoveFields", "field_pointers": [["token"]]},
        ]}],
        "transformations": [
            add("twice", "{{ config['n'] * 2 }}"),
            {"type": "ConfigRemapField", "field_path": ["region"], "map": {"eu": "europe", "us": "{{ config['n'] }}"}},
            {"type": "ConfigRemoveFields", "field_pointers": [["n"]], "condition": "{{ config['keep'] }}"},
        ],
    });
    let specification = specification(&rules, &json!({}));
    let check = |config: Value, expected: Value| assert_eq!(specification.prepare(config).unwrap(), expected);
    check(
        json!({"token": "t", "n": 2, "region": "eu"}),
        json!({"auth": {"token": "t"}, "n": 2, "region": "europe", "twice": 4}),
    );
    check(
        json!({"token": "t", "n": 2, "region": "us", "keep": true}),
        json!({"auth": {"token": "t"}, "region": 2, "twice": 4, "keep": true}),
    );
}

#[test]
fn validations_look_where_they_are_told() {
    let rules = json!({"validations": [
        {"type": "DpathValidator", "field_path": ["filters", "*"], "validation_strategy":
            {"type": "ValidateAdheresToSchema", "base_schema": {"type": "object", "required": ["a"]}}},
        {"type": "PredicateValidator", "value": "{{ config['n'] }}", "validation_strategy":
            {"type": "ValidateAdheresToSchema", "base_schema": {"type": "integer"}}},
    ]});
    let specification = specification(&rules, &json!({}));
    let check =
        |config: Value, expected: usize| assert_eq!(specification.check(&config).unwrap().len(), expected);
    check(json!({"n": 1}), 0);
    check(json!({"n": [], "filters": ["{\"a\": 1}", "{}", "no"]}), 3);
}

#[test]
fn data_types_have_keys_schemas_and_cursors() {
    let schema = json!({"type": "InlineSchemaLoader", "schema": {"type": "object"}});
    let manifest = manifest(&json!({"streams": [
        {"type": "DeclarativeStream", "name": "a", "primary_key": [["id"], ["x"]], "schema_loader": schema},
        {"type": "DeclarativeStream", "name": "b", "primary_key": "id", "$parameters": {"cursor_field": "at"},
         "incremental_sync": {"type": "DatetimeBasedCursor", "cursor_field": "{{ parameters['cursor_field'] }}"}},
        {"type": "ConditionalStreams", "condition": "x", "streams": [
            {"type": "StateDelegatingStream", "name": "c",
             "incremental_stream": {"name": "c", "type": "DeclarativeStream",
                "incremental_sync": {"type": "DatetimeBasedCursor", "cursor_field": "u"}}}]},
    ]}));
    let found = data_types(&manifest);
    assert!(matches!(found[0].schema, Schema::Known(_)) && matches!(found[1].schema, Schema::Unknown));
    let keys: Vec<_> = found.iter().map(|found| found.primary_key.join("+")).collect();
    assert_eq!(keys, ["id+x", "id", ""]);
    let cursors: Vec<_> = found.iter().map(|found| found.cursor_field.as_deref()).collect();
    assert_eq!(cursors, [None, Some("at"), Some("u")]);
    assert!(!found[1].conditional && found[2].conditional);
}
