//! Answers as services give them, and what of them is a complaint.

use raccord_compiler::connector::lower_http;
use serde_json::json;

use super::*;

/// What is found in an answer of a data type.
fn find(data_type: &Value, body: &Value) -> Option<(String, bool)> {
    let settings = json!({"baseUrl": "https://api.example", "dataTypes": {"a": data_type}});
    let settings = serde_json::from_value(settings).unwrap();
    let stream = lower_http(&settings, &"a".parse().unwrap()).0;
    let stream = stream.unwrap_or_else(|| panic!("{data_type}"));
    let mut paths = Vec::new();
    let complaints = Complaints::new(&stream, &mut paths);
    let selector = Selector::new(&paths).with_list(&stream.extractor.records);
    let (body, mut found) = (body.to_string(), Found::default());
    selector.select(body.as_bytes(), &mut found).unwrap();
    complaints
        .find(body.as_bytes(), &found)
        .map(|complaint| (complaint.message, complaint.again == Again::MayHelp))
}

#[test]
fn errors_are_found_where_services_put_them() {
    let data = json!({"records": "data"});
    let items = json!({"records": "data.items"});
    let root = json!({});
    let throttled = json!([{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]);
    for (data_type, body, expected) in [
        (&data, json!({"error": "rate limited"}), Some("rate limited")),
        (&data, json!({"error": {"code": 7, "message": "no"}, "data": null}), Some("no")),
        (&data, json!({"errors": ["a", {"detail": "b"}]}), Some("a; b")),
        (&data, json!({"error": true}), Some("true")),
        (&data, json!({"error": 500}), Some("500")),
        (&data, json!({"error": {"x": [1]}}), Some(r#"{"x":[1]}"#)),
        (&items, json!({"data": null, "errors": throttled}), Some("Throttled")),
        (&items, json!({"data": {"items": [{"id": 1}]}, "errors": throttled}), Some("Throttled")),
        (&root, json!({"error": "no such key"}), Some("no such key")),
        (&root, json!({"errors": {"code": 1}}), Some("1")),
        // What only looks like one.
        (&data, json!({"error": null, "data": []}), None),
        (&data, json!({"error": "a warning", "data": [{"id": 1}]}), None),
        (&items, json!({"data": {"items": []}, "errors": []}), None),
        (&items, json!({"data": {"items": [{"id": 1}]}, "errors": ["partial"]}), None),
        (&json!({"records": "errors"}), json!({"errors": [{"id": 1, "message": "x"}]}), None),
        (&root, json!([{"error": "a field of a record"}]), None),
    ] {
        let found = find(data_type, &body);
        assert_eq!(found, expected.map(|text| (text.to_owned(), false)), "{body}");
    }
    for nothing in
        [json!(null), json!(false), json!(0), json!(0.0), json!(""), json!("0"), json!([]), json!({})]
    {
        for data_type in [&data, &root] {
            assert_eq!(find(data_type, &json!({"error": nothing, "errors": nothing})), None, "{nothing}");
        }
    }
}

#[test]
fn an_error_beside_an_empty_list_counts() {
    let data = json!({"records": "data"});
    let missing = json!({"records": {"path": "data", "missing": "empty"}});
    let elsewhere = json!({"records": "data", "errors": "fault"});
    for (error, expected) in [
        (json!({"message": "internal, try later"}), Some("internal, try later")),
        (json!("a warning"), Some("a warning")),
        (json!(["partial"]), Some("partial")),
        (json!({"code": 500, "message": ""}), Some("500")),
        (json!(true), Some("true")),
        (json!(17), Some("17")),
        (json!(null), None),
        (json!(false), None),
        (json!(0), None),
        (json!(""), None),
        (json!([]), None),
        (json!({}), None),
        (json!("OK"), None),
        (json!("none"), None),
        (json!({"code": 0, "message": "success", "details": []}), None),
        (json!([null, {}]), None),
    ] {
        for name in ["error", "errors"] {
            for empty in [json!([]), json!({})] {
                let body = json!({name: error, "data": empty});
                let expected = expected.map(|text| (text.to_owned(), false));
                assert_eq!(find(&data, &body), expected, "{body}");
                assert_eq!(find(&missing, &body), expected, "{body}");
                // The settings say where this service has its errors.
                assert_eq!(find(&elsewhere, &body), None, "{body}");
            }
            // Beside records it may be about one of them.
            assert_eq!(find(&data, &json!({name: error, "data": [{"id": 1}]})), None, "{error}");
        }
    }
}

#[test]
fn an_outcome_without_records_counts() {
    let data = json!({"records": "data"});
    let missing = json!({"records": {"path": "data", "missing": "empty"}});
    let elsewhere = json!({"records": "data", "errors": "fault"});
    let unsaid = "it says that the request failed, and not why";
    for (envelope, expected) in [
        (json!({"success": false, "message": "quota exceeded"}), Some("quota exceeded")),
        (json!({"success": false, "errors": [{"detail": "a"}], "message": "b"}), Some("a")),
        (json!({"ok": false}), Some(unsaid)),
        (json!({"ok": 0, "message": ""}), Some(unsaid)),
        (json!({"succeeded": "false", "msg": "no"}), Some("no")),
        (json!({"status": "error", "message": "m", "code": 7}), Some("m")),
        (json!({"status": "fail", "reason": {"code": 7, "title": "t"}}), Some("t")),
        (json!({"result": "Failed", "detail": "d"}), Some("d")),
        (json!({"status": 503, "errorMessage": "later"}), Some("later")),
        (json!({"code": "429"}), Some(unsaid)),
        (json!({"success": true, "message": "fine"}), None),
        (json!({"ok": 1, "status": "ok", "code": 0}), None),
        (json!({"success": null, "status": null, "result": {}}), None),
        (json!({"status": "active", "state": "open", "code": 40001}), None),
        (json!({"status": 200, "code": "SUCCESS", "result": []}), None),
        (json!({"message": "no rows"}), None),
    ] {
        let beside = |records: &Value| {
            let mut body = envelope.clone();
            body["data"] = records.clone();
            body
        };
        let expected = expected.map(|text| (text.to_owned(), false));
        assert_eq!(find(&data, &beside(&json!([]))), expected, "{envelope}");
        assert_eq!(find(&missing, &envelope), expected, "{envelope}");
        // Where no list is expected in an object, this says more than that there is none.
        assert_eq!(find(&json!({}), &envelope), expected, "{envelope}");
        if envelope.get("errors").is_none() {
            assert_eq!(find(&elsewhere, &beside(&json!([]))), None, "{envelope}");
            assert_eq!(find(&data, &beside(&json!([{"id": 1}]))), None, "{envelope}");
        }
    }
    assert_eq!(find(&json!({"records": "result"}), &json!({"result": "error"})), None);
}

#[test]
fn errors_are_found_where_the_settings_say() {
    let declared = json!({"records": "data", "errors": {"path": "status.code", "retry": true, "message": "status.text"}});
    let short = json!({"errors": "fault"});
    for (data_type, body, expected) in [
        (&declared, json!({"data": [], "status": {"code": 17, "text": "busy"}}), Some(("busy", true))),
        (&declared, json!({"data": [], "status": {"code": 17}}), Some(("17", true))),
        (&declared, json!({"data": [], "status": {"code": 0, "text": "fine"}}), None),
        (&declared, json!({"status": {"code": 0}, "error": "x"}), Some(("x", false))),
        (&short, json!({"fault": {"reason": "gone"}}), Some(("gone", false))),
        (&short, json!({"fault": null, "x": {}}), None),
        (&short, json!([{"fault": "of a record"}]), None),
    ] {
        let expected = expected.map(|(text, retry)| (text.to_owned(), retry));
        assert_eq!(find(data_type, &body), expected, "{body}");
    }
}
