//! Credentials go where they belong and nowhere else, and never into a message.

use std::sync::{Arc, Mutex};

use raccord_model::port::source::SourceError;
use serde_json::{Value, json};
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::service::{
    SECRET, from_page, http, ids, ok, query, read_all, read_error, read_pages, records, serve,
};

fn bearer() -> Value {
    json!({"type": "bearer", "token": "${env:TOKEN}"})
}

fn key_in_query() -> Value {
    json!({"type": "apiKey", "query": "key", "value": "${env:TOKEN}"})
}

/// Remembers every request and answers one record.
async fn stranger() -> (MockServer, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let server = serve(move |request| {
        log.lock().unwrap().push(format!("{} {:?}", request.url, request.headers));
        ok(&json!({"data": records([2])}))
    })
    .await;
    (server, seen)
}

#[tokio::test]
async fn credentials_arrive_at_the_service() {
    let server = serve(|request| {
        let by_header =
            request.headers.get("authorization").is_some_and(|v| v.to_str().unwrap().ends_with(SECRET));
        let by_query = query(request, "key").as_deref() == Some(SECRET);
        if by_header || by_query { ok(&records([1])) } else { ResponseTemplate::new(401) }
    })
    .await;
    let prefixed =
        json!({"type": "apiKey", "header": "Authorization", "prefix": "Token ", "value": "${env:TOKEN}"});
    for authorization in [bearer(), key_in_query(), prefixed] {
        let source = http(&server.uri(), &json!({"dataTypes": {"a": {}}}), &authorization);
        assert_eq!(ids(&read_all(&*source).await.unwrap()), [1], "{authorization}");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named() {
    let authorization = json!({"type": "bearer", "token": "${env:NOWHERE}"});
    let source = http("http://127.0.0.1:9", &json!({"dataTypes": {"a": {}}}), &authorization);
    let error = source.check().await.unwrap_err();
    assert_eq!(error.to_string(), "${env:NOWHERE} is not set where this runs");
}

#[tokio::test]
async fn a_next_page_elsewhere_gets_no_credentials() {
    for authorization in [bearer(), key_in_query()] {
        let (elsewhere, seen) = stranger().await;
        let next = format!("{}/more?cursor=1", elsewhere.uri());
        let server = serve(move |_| ok(&json!({"data": records([1]), "next": next}))).await;
        let data_types = json!({"a": {"records": "data", "pagination": {"nextUrl": "next"}}});
        let source = http(&server.uri(), &json!({"dataTypes": data_types.clone()}), &authorization);
        let error = read_error(&*source).await;
        assert!(
            matches!(&error, SourceError::Answer { message, .. } if message.contains("allowedOrigins")),
            "{error}"
        );
        assert!(seen.lock().unwrap().is_empty());

        let allowed = json!({"dataTypes": data_types, "allowedOrigins": [elsewhere.uri()]});
        let source = http(&server.uri(), &allowed, &authorization);
        assert_eq!(ids(&read_all(&*source).await.unwrap()), [1, 2]);
        let seen = seen.lock().unwrap().join("\n");
        assert!(
            seen.contains("cursor=1") && !seen.contains("hunter2") && !seen.contains("authorization"),
            "{seen}"
        );
    }
}

/// Behind a proxy a service often names itself by the name that it has inside.
#[tokio::test]
async fn a_service_that_names_itself_otherwise_is_asked_at_its_own_origin() {
    let answer = |request: &Request| match (request.url.path(), request.headers.contains_key("authorization"))
    {
        ("/a", true) => {
            ok(&json!({"data": records([1]), "next": "http://inside.invalid:8080/more?cursor=1"}))
        }
        ("/more", true) if request.url.query() == Some("cursor=1") => {
            ResponseTemplate::new(302).insert_header("Location", "https://inside.invalid/moved")
        }
        ("/moved", true) => ok(&json!({"data": records([2])})),
        _ => ResponseTemplate::new(404),
    };
    let server = serve(answer).await;
    let data_types = json!({"a": {"records": "data", "pagination": {"nextUrl": "next"}}});
    let source = http(&server.uri(), &json!({"dataTypes": data_types, "origin": "keep"}), &bearer());
    assert_eq!(ids(&read_all(&*source).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn a_redirect_elsewhere_gets_no_credentials() {
    for authorization in [bearer(), key_in_query()] {
        let (elsewhere, seen) = stranger().await;
        let target = format!("{}/more", elsewhere.uri());
        let server =
            serve(move |_| ResponseTemplate::new(302).insert_header("Location", target.as_str())).await;
        let data_types = json!({"a": {"records": "data"}});
        let source = http(&server.uri(), &json!({"dataTypes": data_types.clone()}), &authorization);
        let error = read_error(&*source).await;
        assert!(
            matches!(&error, SourceError::Answer { message, .. } if message.contains(&elsewhere.uri())),
            "{error}"
        );
        assert!(seen.lock().unwrap().is_empty());

        let allowed = json!({"dataTypes": data_types, "allowedOrigins": [elsewhere.uri()]});
        let source = http(&server.uri(), &allowed, &authorization);
        assert_eq!(ids(&read_all(&*source).await.unwrap()), [2]);
        let seen = seen.lock().unwrap().join("\n");
        assert!(!seen.contains("hunter2") && !seen.contains("authorization"), "{seen}");
    }
}

#[tokio::test]
async fn a_redirect_to_https_says_what_to_write() {
    let server = serve(|request| {
        let target = format!("https://127.0.0.1{}", request.url.path());
        ResponseTemplate::new(301).insert_header("Location", target.as_str())
    })
    .await;
    let source = http(&server.uri(), &json!({"dataTypes": {"a": {}}}), &bearer());
    let error = read_error(&*source).await.to_string();
    assert!(
        error.contains("write https into `baseUrl`, which begins with `https://127.0.0.1` then"),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_at_home_is_followed_with_credentials_but_not_for_ever() {
    let follow = |request: &Request| {
        let has = request.headers.contains_key("authorization");
        match request.url.path() {
            "/a" => ResponseTemplate::new(307).insert_header("Location", "b?x=1"),
            "/b" if has => ok(&records([1])),
            _ => ResponseTemplate::new(302).insert_header("Location", "/loop"),
        }
    };
    let server = serve(follow).await;
    let source = http(&server.uri(), &json!({"dataTypes": {"a": {}}}), &bearer());
    assert_eq!(ids(&read_all(&*source).await.unwrap()), [1]);
    let source = http(&server.uri(), &json!({"dataTypes": {"a": {"path": "/loop"}}}), &bearer());
    let error = read_error(&*source).await.to_string();
    assert!(error.contains("redirects more than 5 times"), "{error}");
}

#[tokio::test]
async fn a_key_that_the_service_gives_back_in_a_url_is_not_kept() {
    let server = serve(|request| {
        assert_eq!(request.url.query_pairs().filter(|(name, _)| name == "key").count(), 1);
        assert_eq!(query(request, "key").as_deref(), Some(SECRET));
        let next = if query(request, "p").is_none() {
            json!(format!("/a?p=2&{}", request.url.query().unwrap()))
        } else {
            Value::Null
        };
        let id = if next.is_null() { 2 } else { 1 };
        ok(&json!({"data": records([id]), "next": next}))
    })
    .await;
    let members = json!({"dataTypes": {"a": {"records": "data", "pagination": {"nextUrl": "next"}}}});
    let source = http(&server.uri(), &members, &key_in_query());
    let all = read_all(&*source).await.unwrap();
    let token = all[0].next.as_ref().unwrap();
    assert!(!token.0.contains("hunter2") && !token.0.contains("key="), "{token:?}");
    assert_eq!(ids(&read_pages(&*source, from_page(token)).await.unwrap()), [2]);
}

#[tokio::test]
async fn what_a_service_echoes_is_masked() {
    for status in [400, 500, 200] {
        let server = serve(move |request| {
            let echo = format!("{} said {:?}", request.url, request.headers);
            ResponseTemplate::new(status).set_body_string(format!("you sent {echo} and {SECRET}"))
        })
        .await;
        for authorization in [bearer(), key_in_query()] {
            let members = json!({"dataTypes": {"a": {}}, "retry": {"attempts": 1}});
            let source = http(&server.uri(), &members, &authorization);
            let error = read_error(&*source).await.to_string();
            assert!(error.contains("***") || status == 200, "{error}");
            assert!(error.contains("you sent"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_unreachable_service_shows_no_key() {
    let members = json!({"dataTypes": {"a": {}}, "retry": {"attempts": 1}});
    let source = http("http://127.0.0.1:9", &members, &key_in_query());
    let error = read_error(&*source).await;
    assert!(
        matches!(&error, SourceError::Unreachable { url, .. } if url == "http://127.0.0.1:9/a"),
        "{error}"
    );
}
