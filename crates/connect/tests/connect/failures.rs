//! What services do wrong: each time a stated error or another attempt, never a loop, never a half page.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use raccord_model::port::source::SourceError;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::service::{
    data_type, from_page, http, ids, number, ok, read_all, read_error, read_pages, records, serve,
    serve_bytes,
};

/// How many requests it takes until a service that fails `failures` times answers; `None` when it is given up.
async fn attempts(failures: usize, failure: ResponseTemplate, retry: Value) -> (usize, Option<SourceError>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = serve(move |_| {
        if counted.fetch_add(1, Ordering::SeqCst) < failures { failure.clone() } else { ok(&records([1])) }
    })
    .await;
    let source =
        http(&server.uri(), &json!({"dataTypes": {"a": {}}, "retry": retry}), &json!({"type": "none"}));
    let error = read_all(&*source).await.err();
    (count.load(Ordering::SeqCst), error)
}

#[tokio::test]
async fn transient_failures_are_repeated() {
    let retry = json!({"attempts": 3, "maxWait": "1s"});
    for status in [408, 429, 500, 502, 503, 504] {
        let answer = ResponseTemplate::new(status).insert_header("Retry-After", "0");
        let (count, error) = attempts(2, answer.clone(), retry.clone()).await;
        assert!(count == 3 && error.is_none(), "{status}: {error:?}");
        let (count, error) = attempts(9, answer.set_body_string("try later"), retry.clone()).await;
        assert_eq!(count, 3);
        let error = error.unwrap();
        assert!(
            matches!(&error, SourceError::Status { status: s, message, .. } if *s == status && message == "try later")
        );
    }
}

#[tokio::test]
async fn the_service_says_how_long_to_wait() {
    // The clock of the tests stands at 2024-01-31T09:30:00Z.
    let cases = [
        (json!({"attempts": 2}), ("Retry-After", "Wed, 31 Jan 2024 09:30:00 GMT"), true),
        (json!({"attempts": 2}), ("Retry-After", "Wed, 31 Jan 2024 11:30:00 GMT"), false),
        (json!({"attempts": 2}), ("Retry-After", "301"), false),
        (json!({"attempts": 2, "wait": {"header": "X-Wait", "unit": "ms"}}), ("X-Wait", "20"), true),
        (
            json!({"attempts": 2, "wait": {"header": "X-Reset", "unit": "unixSeconds"}}),
            ("X-Reset", "1706693400"),
            true,
        ),
        (json!({"attempts": 2, "wait": {"body": "retry_after_ms", "unit": "ms"}}), ("X", "x"), true),
    ];
    for (retry, (name, value), waits) in cases {
        let answer =
            ResponseTemplate::new(429).insert_header(name, value).set_body_json(json!({"retry_after_ms": 5}));
        let (count, error) = attempts(1, answer, retry.clone()).await;
        if waits {
            assert!(count == 2 && error.is_none(), "{retry}: {error:?}");
        } else {
            assert!(matches!(error, Some(SourceError::Limited { .. })), "{retry}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let retry = json!({"attempts": 3});
    for status in [401, 403] {
        let (count, error) = attempts(9, ResponseTemplate::new(status), retry.clone()).await;
        assert!(count == 1 && error.is_some_and(|error| error.is_unauthorized()));
    }
    let limited = ResponseTemplate::new(403).insert_header("Retry-After", "0");
    assert_eq!(attempts(1, limited, retry.clone()).await.0, 2);
    let long = "x".repeat(1_000);
    let (count, error) = attempts(9, ResponseTemplate::new(400).set_body_string(&long), retry).await;
    assert_eq!(count, 1);
    let Some(SourceError::Status { status: 400, message, .. }) = error else { panic!("{error:?}") };
    assert_eq!(message.chars().count(), 301);
}

#[tokio::test]
async fn a_page_that_is_gone_restarts_the_window() {
    let said = |status| ResponseTemplate::new(status).set_body_string("cursor expired");
    let html = ResponseTemplate::new(200).set_body_raw("<title>cursor expired</title>", "text/html");
    let errors = ResponseTemplate::new(200).set_body_json(json!({"errors": ["cursor expired"]}));
    let away = ResponseTemplate::new(302).insert_header("Location", "http://login.example/cursor expired");
    for (answer, refused_under_way) in [
        (said(400), false),
        (said(401), false),
        (said(403), false),
        (said(404), false),
        (said(409), false),
        (said(410), true),
        (said(422), false),
        (said(500), false),
        (html, false),
        (errors, false),
        (away, false),
    ] {
        let shown = answer.clone();
        let server = serve(move |request| match number(request, "c") {
            None => ok(&json!({"data": records([1]), "next": 2})),
            Some(_) => answer.clone(),
        })
        .await;
        let settings = json!({"records": "data", "pagination": {"cursor": "next", "param": "c"}});
        let members = json!({"dataTypes": {"a": settings}, "retry": {"attempts": 1}});
        let source = http(&server.uri(), &members, &json!({"type": "none"}));
        let mut pages = source.open(raccord_model::port::source::Read::default()).await.unwrap();
        let token = pages.next().await.unwrap().unwrap().next.unwrap();
        let under_way = pages.next().await.unwrap_err();
        assert_eq!(matches!(under_way, SourceError::PageRefused { .. }), refused_under_way, "{under_way}");
        let resumed = read_pages(&*source, from_page(&token)).await.unwrap_err();
        assert!(matches!(&resumed, SourceError::PageRefused { .. }), "{shown:?}: {resumed}");
    }
    // What was not answered, or not yet, says nothing of the page.
    for status in [408, 429] {
        let server = serve(move |request| match number(request, "c") {
            None => ok(&json!({"data": records([1]), "next": 2})),
            Some(_) => ResponseTemplate::new(status),
        })
        .await;
        let settings = json!({"records": "data", "pagination": {"cursor": "next", "param": "c"}});
        let members = json!({"dataTypes": {"a": settings}, "retry": {"attempts": 1}});
        let source = http(&server.uri(), &members, &json!({"type": "none"}));
        let mut pages = source.open(raccord_model::port::source::Read::default()).await.unwrap();
        let token = pages.next().await.unwrap().unwrap().next.unwrap();
        let resumed = read_pages(&*source, from_page(&token)).await.unwrap_err();
        assert!(matches!(&resumed, SourceError::Status { .. }), "{resumed}");
    }
    let source = data_type("http://127.0.0.1:9", &json!({}));
    for token in [
        "",
        "{}",
        r#"{"v":9,"place":{"position":{"page":1,"seen":0,"at":"first"}}}"#,
        r#"{"v":1,"place":{"position":{"page":1,"seen":0,"at":{"page":2}}}}"#,
    ] {
        let token = raccord_model::checkpoint::PageToken(token.to_owned());
        let error = read_pages(&*source, from_page(&token)).await.unwrap_err();
        assert!(matches!(error, SourceError::PageRefused { .. }), "{token:?}");
    }
}

/// The message of the `Answer` error that a body with status 200 leads to.
async fn answer_error(content_type: &str, body: impl Into<Vec<u8>>, settings: Value) -> String {
    let (content_type, body) = (content_type.to_owned(), body.into());
    let server = serve(move |_| ResponseTemplate::new(200).set_body_raw(body.clone(), &content_type)).await;
    let error = read_error(&*data_type(&server.uri(), &settings)).await;
    let SourceError::Answer { place, message } = error else { panic!("{error:?}") };
    assert_eq!(place, format!("{}/a", server.uri()));
    message
}

#[tokio::test]
async fn an_answer_that_is_not_what_the_settings_say() {
    let html = "<!doctype html>\n<title>Please log in</title>";
    assert_eq!(
        answer_error("text/html", html, json!({})).await,
        "the answer is not JSON but text/html; it begins with `<!doctype html> <title>Please log in</title>`"
    );
    let cut = answer_error("application/json", r#"[{"id":1},{"id"#, json!({})).await;
    assert!(cut.starts_with("the answer is not JSON: EOF") && cut.contains("[{\"id\":1}"), "{cut}");
    assert!(answer_error("application/json", "", json!({})).await.starts_with("the answer is empty"));
    let elsewhere = answer_error("application/json", "{\"items\":[]}", json!({"records": "data"})).await;
    assert!(elsewhere.starts_with("`records: data` leads to no list in the answer"), "{elsewhere}");
    let cursor = json!({"records": "d", "pagination": {"cursor": "next"}});
    let text = answer_error("application/json", r#"{"d":[],"next":"x"}"#, cursor).await;
    assert!(text.contains("name the `param`"), "{text}");
    let last = json!({"pagination": {"cursor": {"lastRecord": "nr"}, "param": "after"}});
    assert_eq!(answer_error("application/json", r#"[{"id":1}]"#, last).await, "the last record has no `nr`");
}

#[tokio::test]
async fn no_content_is_no_records() {
    let server = serve(|_| ResponseTemplate::new(204)).await;
    let all = read_all(&*data_type(&server.uri(), &json!({"records": "data"}))).await.unwrap();
    assert!(all.len() == 1 && all[0].records.is_empty() && all[0].next.is_none());
}

#[tokio::test]
async fn other_charsets_are_decoded() {
    let server = serve(|_| {
        ResponseTemplate::new(200)
            .set_body_raw(b"[{\"id\":1,\"n\":\"\xe9\"}]".to_vec(), "application/json; charset=iso-8859-1")
    })
    .await;
    let all = read_all(&*data_type(&server.uri(), &json!({}))).await.unwrap();
    assert_eq!(all[0].records.iter().next().unwrap().to_json(), "{\"id\":1,\"n\":\"é\"}");
}

#[tokio::test]
async fn a_service_that_repeats_itself_is_noticed() {
    let server = serve(|_| ok(&json!({"d": records([1, 2]), "next": "same"}))).await;
    let pagination = json!({"page": "p"});
    let error =
        read_error(&*data_type(&server.uri(), &json!({"records": "d", "pagination": pagination}))).await;
    assert!(error.to_string().contains("the service returned the same page twice"), "{error}");
    let pagination = json!({"cursor": "next", "param": "c"});
    let error =
        read_error(&*data_type(&server.uri(), &json!({"records": "d", "pagination": pagination}))).await;
    assert!(error.to_string().contains("the answer leads to the same page again"), "{error}");
    let server = serve(|_| ok(&json!({"d": records([1, 2]), "next": "/a"}))).await;
    let pagination = json!({"nextUrl": "next"});
    let error =
        read_error(&*data_type(&server.uri(), &json!({"records": "d", "pagination": pagination}))).await;
    assert!(error.to_string().contains("the answer leads to the same page again"), "{error}");
}

#[tokio::test]
async fn pages_without_end_are_stopped() {
    let server = serve(|request| ok(&records([number(request, "p").unwrap()]))).await;
    let members = json!({"dataTypes": {"a": {"pagination": {"page": "p"}}}, "maxPages": 4});
    let error = read_error(&*http(&server.uri(), &members, &json!({"type": "none"}))).await;
    assert!(matches!(&error, SourceError::Limit { message, .. } if message.contains("maxPages")), "{error}");
}

#[tokio::test]
async fn bodies_that_break_off_or_never_end() {
    let retry = json!({"attempts": 2, "maxWait": "1s"});
    let source = |address: std::net::SocketAddr| {
        let members = json!({"dataTypes": {"a": {}}, "maxBody": "64KB", "retry": retry.clone()});
        http(&format!("http://{address}"), &members, &json!({"type": "none"}))
    };
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"id\":1}".to_vec();
    let error = read_error(&*source(serve_bytes(cut, false).await)).await;
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    let endless = b"HTTP/1.1 200 OK\r\n\r\n[".to_vec();
    let error = read_error(&*source(serve_bytes(endless, true).await)).await;
    assert!(matches!(&error, SourceError::Limit { message, .. } if message.contains("64KB")), "{error}");
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n[".to_vec();
    let error = read_error(&*source(serve_bytes(announced, false).await)).await;
    assert!(matches!(error, SourceError::Limit { .. }), "{error}");
    let garbage = b"SMTP ready\r\n".to_vec();
    let error = read_error(&*source(serve_bytes(garbage, false).await)).await;
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_service_that_says_nothing_runs_out_of_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let members = json!({"dataTypes": {"a": {}}, "timeout": "1s", "retry": {"attempts": 1}});
    let error = read_error(&*http(&base, &members, &json!({"type": "none"}))).await;
    assert_eq!(error.to_string(), format!("{base}/a did not answer: nothing complete came within 1 s"));
}

#[tokio::test]
async fn a_bomb_is_stopped_after_decompression() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"[").unwrap();
    for _ in 0..1_024 {
        encoder.write_all(&[b' '; 16_384]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 64 * 1_024);
    let server = serve(move |_| {
        ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(bomb.clone())
    })
    .await;
    let members = json!({"dataTypes": {"a": {}}, "maxBody": "1MB"});
    let error = read_error(&*http(&server.uri(), &members, &json!({"type": "none"}))).await;
    assert!(matches!(error, SourceError::Limit { .. }), "{error}");
    // What is honest is decompressed.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"[{\"id\":1}]").unwrap();
    let honest = encoder.finish().unwrap();
    let server = serve(move |_| {
        ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(honest.clone())
    })
    .await;
    assert_eq!(ids(&read_all(&*data_type(&server.uri(), &json!({}))).await.unwrap()), [1]);
}
