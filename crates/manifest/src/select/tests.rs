use bytes::Bytes;
use serde_json::json;

use super::*;

fn component(value: &Value) -> Component {
    Component::new(value.as_object().unwrap().clone(), "selector")
}

fn selected(selector: &Value, transformations: &[Value], body: &str) -> String {
    let transformations: Vec<_> = transformations.iter().map(component).collect();
    let schema = Arc::new(json!({"properties": {"n": {"type": "integer"}}}));
    let parts = Parts {
        selector: &component(selector),
        decoder: None,
        transformations: &transformations,
        schema: Some(&schema),
        client_side: false,
    };
    let script = Arc::new(crate::script::Script::new(&[]));
    let service = Arc::new(Service::new(script, &Arc::new(json!({"name": "c"}))));
    let selector = RecordSelector::new(parts, &service).unwrap();
    let answer = Response { status: 200, headers: Vec::new(), body: Bytes::from(body.to_owned()) };
    let slice = Slice { partition: json!({"p": 7}).as_object().unwrap().clone(), ..Slice::default() };
    let found = selector.select(&answer, &slice, None).unwrap();
    let shown: Vec<_> =
        found.records.iter().map(|record| String::from_utf8(record.text().to_vec()).unwrap()).collect();
    format!("{}: {}", found.extracted, shown.join(" | "))
}

fn selector(members: &Value) -> Value {
    let mut selector = json!({"type": "RecordSelector",
        "extractor": {"type": "DpathExtractor", "field_path": ["data"]}});
    selector.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    selector
}

#[test]
fn records_are_filtered_and_transformed() {
    let check = |members: Value, transformations: &[Value], body: &str, expected: &str| {
        assert_eq!(
            selected(&selector(&members), transformations, body),
            expected,
            "{members} {transformations:?}"
        );
    };
    let add =
        |path: Value, value: &str| json!({"type": "AddFields", "fields": [{"path": path, "value": value}]});
    let body = r#"{"data": [{"n": "1"}, {"n": 2}]}"#;
    check(json!({}), &[], body, r#"2: {"n": "1"} | {"n": 2}"#);
    check(json!({"schema_normalization": "Default"}), &[], body, r#"2: {"n":1} | {"n": 2}"#);
    let filter = json!({"record_filter": {"type": "RecordFilter", "condition": "{{ record.n == 2 }}"}});
    check(filter.clone(), &[], body, r#"2: {"n": 2}"#);
    check(filter.clone(), &[add(json!(["n"]), "3")], body, r#"2: {"n":3}"#);
    let mut first = filter;
    first["transform_before_filtering"] = json!(true);
    check(first.clone(), &[add(json!(["n"]), "3")], body, "2: ");
    check(first, &[add(json!(["n"]), "2")], body, r#"2: {"n":2} | {"n":2}"#);
    check(
        json!({}),
        &[add(json!(["c"]), "{{ config.name }}"), add(json!(["p"]), "{{ stream_partition.p }}")],
        body,
        r#"2: {"n": "1","c":"c","p":7} | {"n": 2,"c":"c","p":7}"#,
    );
    check(
        json!({}),
        &[add(json!(["m", "n"]), "{{ record.n }}")],
        body,
        r#"2: {"n": "1","m":{"n":1}} | {"n": 2,"m":{"n":2}}"#,
    );
    check(
        json!({}),
        &[json!({"type": "RemoveFields", "field_pointers": [["n"], ["zz"]]})],
        r#"{"data": [{"n": "1", "m": 2}, {"m": 3}]}"#,
        r#"2: {"m":2} | {"m": 3}"#,
    );
    check(json!({}), &[], "no json", "0: ");
}

#[test]
fn rows_of_a_job_are_records() {
    let check = |members: Value, expected: &str| {
        let mut extractor = json!({"type": "ResponseToFileExtractor"});
        extractor.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let selector = json!({"type": "RecordSelector", "extractor": extractor});
        assert_eq!(selected(&selector, &[], "a,b\u{0}\n1,NA\n,\"x,y\"\n"), expected);
    };
    check(json!({}), r#"2: {"a":"1","b":null} | {"a":null,"b":"x,y"}"#);
    check(json!({"preserve_na_values": true}), r#"2: {"a":"1","b":"NA"} | {"a":null,"b":"x,y"}"#);
}

#[test]
fn fields_are_renamed_and_flattened() {
    let check = |transformation: Value, record: &str, expected: &str| {
        let body = format!(r#"{{"data": {record}}}"#);
        assert_eq!(selected(&selector(&json!({})), &[transformation], &body), format!("1: {expected}"));
    };
    check(json!({"type": "KeysToLower"}), r#"{"A": {"B": 1}}"#, r#"{"a":{"B":1}}"#);
    check(
        json!({"type": "KeysToSnakeCase"}),
        r#"{"FirstName": {"LastName": 1}}"#,
        r#"{"first_name":{"last_name":1}}"#,
    );
    check(
        json!({"type": "KeysReplace", "old": " ", "new": "_"}),
        r#"{"a b": {"c d": 1}}"#,
        r#"{"a_b":{"c_d":1}}"#,
    );
    let flatten = json!({"type": "FlattenFields"});
    check(flatten.clone(), r#"{"id": 1, "a": {"id": 2}}"#, r#"{"id":1}"#);
    check(flatten.clone(), r#"{"a": {"id": 2}, "id": 1}"#, r#"{"a.id":2,"id":1}"#);
    check(
        flatten,
        r#"{"a": {"b": {"c": 1}}, "l": [1, {"x": 2}, [3]], "z": {"y": 1}}"#,
        r#"{"a.b.c":1,"l.0":1,"l.1.x":2,"l.2.0":3,"y":1}"#,
    );
    check(
        json!({"type": "FlattenFields", "flatten_lists": false}),
        r#"{"l": [], "o": {}, "n": null}"#,
        r#"{"l":[],"n":null}"#,
    );
    let dpath = |members: Value| {
        let mut flatten = json!({"type": "DpathFlattenFields", "field_path": ["a"]});
        flatten.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        flatten
    };
    check(dpath(json!({})), r#"{"a": {"b": 1}}"#, r#"{"a":{"b":1},"b":1}"#);
    check(dpath(json!({})), r#"{"a": {"b": 1}, "b": 2}"#, r#"{"a": {"b": 1}, "b": 2}"#);
    check(dpath(json!({"delete_origin_value": true})), r#"{"a": {"b": 1}, "c": 2}"#, r#"{"b":1,"c":2}"#);
    check(dpath(json!({"replace_record": true})), r#"{"a": {"b": 1}, "c": 2}"#, r#"{"b":1}"#);
    check(
        dpath(json!({"key_transformation": {"prefix": "a_"}})),
        r#"{"a": {"b": 1}}"#,
        r#"{"a":{"b":1},"a_b":1}"#,
    );
}

#[test]
fn fields_are_added_on_conditions() {
    let check = |field: Value, condition: &str, record: &str, expected: &str| {
        let transformation = json!({"type": "AddFields", "fields": [field], "condition": condition});
        let body = format!(r#"{{"data": {record}}}"#);
        assert_eq!(selected(&selector(&json!({})), &[transformation], &body), format!("1: {expected}"));
    };
    let field = json!({"path": ["x"], "value": "{{ record.n }}"});
    check(field.clone(), "{{ value == 1 }}", r#"{"n": 1}"#, r#"{"n": 1,"x":1}"#);
    check(field, "{{ value == 1 }}", r#"{"n": 2}"#, r#"{"n": 2}"#);
    check(
        json!({"path": ["x"], "value": "{{ 5 }}", "value_type": "string"}),
        "",
        r#"{"n": 2}"#,
        r#"{"n": 2,"x":"5"}"#,
    );
    check(
        json!({"path": ["x"], "value": "5", "value_type": "number"}),
        "",
        r#"{"n": 2}"#,
        r#"{"n": 2,"x":"5"}"#,
    );
}
