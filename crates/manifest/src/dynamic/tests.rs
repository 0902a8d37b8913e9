//! Streams and schemas that are known only later; the expected values are the reference's.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{SchemaLoader, streams};
use crate::component::Component;
use crate::connector::Connector;
use crate::error::ReadError;
use crate::load::{Declared, load};
use crate::script::Script;
use crate::service::Service;

fn connector(manifest: &Value, config: Value, answers: &[(u16, Value)]) -> Connector {
    let script = Arc::new(Script::new(answers));
    let service = Service::new(script.clone(), &Arc::new(config));
    Connector::new(load(&manifest.to_string()).unwrap(), service, script)
}

fn retriever() -> Value {
    json!({
        "type": "SimpleRetriever",
        "requester": {"type": "HttpRequester", "url_base": "https://a.example/", "path": "lists"},
        "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["items"]}},
    })
}

fn template() -> Value {
    json!({
        "type": "DeclarativeStream", "name": "", "primary_key": "id", "$parameters": {"path": "none"},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {"type": "HttpRequester", "url_base": "https://a.example/", "path": "{{ parameters.path }}"},
            "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["x"]}},
        },
    })
}

fn manifest(resolver: &Value) -> Value {
    json!({"streams": [], "dynamic_streams": [{
        "type": "DynamicDeclarativeStream", "name": "lists", "stream_template": template(), "components_resolver": resolver,
    }]})
}

fn mapping(path: &[&str], value: &str, more: &Value) -> Value {
    let mut mapping = json!({"type": "ComponentMappingDefinition", "field_path": path, "value": value});
    mapping.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    mapping
}

async fn resolved(
    manifest: &Value,
    config: Value,
    answers: &[(u16, Value)],
) -> Result<Vec<Declared>, ReadError> {
    streams(&connector(manifest, config, answers)).await
}

#[tokio::test]
async fn a_service_gives_streams() {
    let resolver = json!({"type": "HttpComponentsResolver", "retriever": retriever(), "components_mapping": [
        mapping(&["name"], "{{ components_values['title'] }}", &json!({})),
        mapping(&["retriever", "requester", "path"], "lists/{{ components_values.id }}", &json!({})),
        mapping(&["retriever", "requester", "$parameters", "path"], "p{{ components_values.id }}", &json!({})),
        mapping(&["absent"], "x", &json!({})),
    ]});
    let answer = json!({"items": [{"id": 1, "title": "one"}, {"id": 2, "title": "two"}]});
    let answers = [(200, answer.clone()), (200, answer.clone())];
    let connector = connector(&manifest(&resolver), json!({}), &answers);
    assert_eq!(connector.open("two").await.unwrap().name(), "two");
    assert_eq!(connector.open("three").await.unwrap_err().to_string(), "streams: there is no stream `three`");
    let found = resolved(&manifest(&resolver), json!({}), &[(200, answer.clone())]).await.unwrap();
    let names: Vec<_> = found.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
    let requester = found[1].component.child("retriever").unwrap().child("requester").unwrap();
    assert_eq!(requester.str("path"), Some("lists/2"));
    // By default the parameters around a component win.
    assert_eq!(requester.parameters()["path"], json!("none"));
    assert!(found[1].component.get("absent").is_none());
    let same = json!({"items": [{"id": 1, "title": "one"}, {"id": 2, "title": "one"}]});
    let error = resolved(&manifest(&resolver), json!({}), &[(200, same)]).await.unwrap_err();
    assert_eq!(error.to_string(), "two dynamic streams have the name `one`");
}

#[tokio::test]
async fn the_configuration_gives_every_combination() {
    let resolver = json!({"type": "ConfigComponentsResolver",
    "stream_config": [
        {"type": "StreamConfig", "configs_pointer": ["lists"], "default_values": [{"id": "d"}]},
        {"type": "StreamConfig", "configs_pointer": ["regions"]},
    ],
    "components_mapping": [
        mapping(&["name"], "{{ components_values['id'] }}-{{ components_values['source_config_1'][1] }}", &json!({"value_type": "string"})),
        mapping(&["retriever", "requester", "request_parameters"], "{a: yes, b: [1]}", &json!({"create_or_update": true})),
        mapping(&["primary_key"], "{{ components_values['key'] }}", &json!({"condition": "{{ 'key' in components_values }}"})),
    ]});
    let config = json!({"lists": [{"id": 7, "key": "k"}], "regions": ["eu", "us"]});
    let found = resolved(&manifest(&resolver), config, &[]).await.unwrap();
    let names: Vec<_> = found.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["7-eu", "7-us", "d-eu", "d-us"]);
    let keys: Vec<_> = found.iter().map(|stream| stream.component.str("primary_key").unwrap()).collect();
    assert_eq!(keys, ["k", "k", "id", "id"]);
    let requester = found[0].component.child("retriever").unwrap().child("requester").unwrap();
    assert_eq!(requester.get("request_parameters"), Some(&json!({"a": true, "b": [1]})));
}

#[tokio::test]
async fn the_manifest_gives_streams() {
    let resolver = json!({"type": "ParametrizedComponentsResolver",
        "stream_parameters": {"type": "StreamParametersDefinition", "list_of_parameters_for_stream": [{"n": "a"}, {"n": "b"}]},
        "components_mapping": [mapping(&["name"], "{{ components_values['n'] }}", &json!({}))]});
    let found = resolved(&manifest(&resolver), json!({}), &[]).await.unwrap();
    assert_eq!(found.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn a_service_gives_a_schema() {
    let loader = json!({
        "type": "DynamicSchemaLoader", "retriever": retriever(),
        "schema_type_identifier": {
            "type": "SchemaTypeIdentifier", "schema_pointer": ["fields"], "key_pointer": ["name"], "type_pointer": ["type"],
            "types_mapping": [
                {"type": "TypesMap", "current_type": "text", "target_type": "string"},
                {"type": "TypesMap", "current_type": "many", "target_type": {"field_type": "array", "items": "integer"}},
                {"type": "TypesMap", "current_type": "n", "target_type": "integer", "condition": "{{ raw_schema.whole }}"},
                {"type": "TypesMap", "current_type": "n", "target_type": ["string", "number"]},
            ],
        },
        "schema_filter": {"type": "RecordFilter", "condition": "{{ 'secret' not in record }}"},
        "schema_transformations": [{"type": "KeysToLower"}],
    });
    let members = loader.as_object().unwrap().clone();
    let loader = SchemaLoader::of(&Component::new(members, "loader")).unwrap();
    let fields = json!([
        {"name": "Name", "type": "text"}, {"name": "tags", "type": "many"}, {"name": "n", "type": "n", "whole": true},
        {"name": "m", "type": "n"}, {"name": "secret", "type": "text"}, {"name": "plain"},
        {"name": "at", "type": "timestamp_without_timezone"},
    ]);
    let answer = json!({"items": [{"fields": fields}]});
    let connector = connector(&json!({"streams": []}), json!({}), &[(200, answer)]);
    let schema = loader.load(&connector).await.unwrap();
    let of = |kind: &str| json!({"type": ["null", kind]});
    let expected = json!({
        "name": of("string"), "tags": {"type": ["null", "array"], "items": of("integer")}, "n": of("integer"),
        "m": {"oneOf": [of("string"), of("number")]}, "plain": of("string"),
        "at": {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
    });
    assert_eq!(schema["properties"], expected);
}
