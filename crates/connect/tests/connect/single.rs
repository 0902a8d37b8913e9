//! One record by itself, with the credentials, the retries and the limits of its source.

use raccord_model::language::FileSettings;
use raccord_model::port::source::{Source, SourceError};
use serde_json::json;
use wiremock::{Request, ResponseTemplate};

use crate::service::{SECRET, http, ok, serve};

/// Asks for a record; as text, `gone`, or what went wrong.
async fn fetch(source: &dyn Source, path: &str, at: &str) -> String {
    match source.record(path, &at.parse().unwrap()).await {
        Ok(Some(record)) => String::from_utf8(record.to_vec()).unwrap(),
        Ok(None) => "gone".to_owned(),
        Err(error) => {
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
            error.to_string()
        }
    }
}

#[tokio::test]
async fn a_record_is_fetched_as_its_pages_are() {
    let server = serve(|request: &Request| {
        let is_known =
            request.headers.get("authorization").is_some_and(|value| *value == *format!("Bearer {SECRET}"));
        let is_plain = request.url.query().is_none() && !request.headers.contains_key("x-since");
        assert!(is_known && request.headers["x-a"] == "1" && is_plain, "{request:?}");
        match request.url.path() {
            "/api/customers/7" => ok(&json!({"data": {"id": 7}, "list": [{"id": 8}], "text": "x"})),
            "/api/customers/8" => ResponseTemplate::new(404),
            "/api/customers/9" => ResponseTemplate::new(410),
            "/api/customers/text" => ResponseTemplate::new(200).set_body_string("hello"),
            _ => ResponseTemplate::new(422).set_body_string(format!("no, {SECRET}")),
        }
    })
    .await;
    let base = format!("{}/api", server.uri());
    let members = json!({"headers": {"X-A": "1"}, "dataTypes": {"a": {"path": "/list", "records": "data", "query": {"q": "all"},
        "headers": {"X-Since": "{{ since }}"}, "incremental": {"field": "at"}}}});
    let source = http(&base, &members, &json!({"type": "bearer", "token": "${env:TOKEN}"}));
    let whole = format!("{base}/customers/7");
    for (path, at, expected) in [
        ("/customers/7", "$", r#"{"data":{"id":7},"list":[{"id":8}],"text":"x"}"#),
        ("/customers/7", "data", r#"{"id":7}"#),
        ("customers/7", "list[0]", r#"{"id":8}"#),
        (whole.as_str(), "data", r#"{"id":7}"#),
        ("/customers/8", "data", "gone"),
        ("/customers/9", "data", "gone"),
        ("/customers/7", "text", "`record: text` leads to no JSON object in the answer"),
        ("/customers/7", "nothing", "`record: nothing` leads to no JSON object in the answer"),
        ("/customers/text", "$", "the answer is not JSON but text/plain"),
        ("/customers/x", "$", "answered 422: no, "),
        ("/customers/..", "$", "the path of the record climbs up"),
        ("http://127.0.0.2:1/customers/7", "$", "leads away from its own origin"),
    ] {
        let found = fetch(source.as_ref(), path, at).await;
        assert!(
            found == expected || found.contains(expected) && !found.starts_with('{'),
            "{path} {at}: {found}"
        );
    }
}

#[tokio::test]
async fn a_service_that_fails_is_asked_again() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let server = serve(move |_: &Request| {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if call == 0 { ResponseTemplate::new(503) } else { ok(&json!({"id": call})) }
    })
    .await;
    let source = http(&server.uri(), &json!({"dataTypes": {"a": {}}}), &json!({"type": "none"}));
    assert_eq!(fetch(source.as_ref(), "/a/1", "$").await, r#"{"id":1}"#);
    let refused = serve(|_: &Request| ResponseTemplate::new(401)).await;
    let source = http(&refused.uri(), &json!({"dataTypes": {"a": {}}}), &json!({"type": "none"}));
    let error = source.record("/a/1", &"$".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, SourceError::Unauthorized { status: 401, .. }), "{error:?}");
}

#[tokio::test]
async fn files_have_no_single_records() {
    let directory = tempfile::tempdir().unwrap();
    let settings = json!({"dataTypes": {"a": {"path": "a.csv"}}});
    let settings = serde_json::from_value::<FileSettings>(settings).unwrap().into();
    let source = crate::service::source(&settings, &json!({"type": "none"}), "a", directory.path());
    assert!(fetch(source.as_ref(), "/a/1", "$").await.contains("no record"));
}
