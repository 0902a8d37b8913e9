//! Tokens that a service gives for the next reading: which one counts, what is kept over a kill, and what happens when the
//! service no longer knows one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use raccord_model::checkpoint::{Cursor, PartitionId, Token};
use raccord_model::port::records::{How, Page};
use raccord_model::port::source::{Read, Source, SourceError, Starts};
use raccord_model::port::{Async, Cause};
use serde_json::{Value, json};
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::service::{
    SECRET, data_type, from_page, http, ids, number, ok, query, read_all, read_error, read_pages, records,
    serve,
};

fn token(text: &str) -> Token {
    Token::text(text).unwrap()
}

/// From a token on.
fn since(text: &str) -> Read {
    Read { from: Some(Cursor::Token(token(text))), ..Read::default() }
}

/// The token that a reading ends with.
fn ended_with(pages: &[Page]) -> Option<&str> {
    pages.last().unwrap().token.as_ref().map(Token::as_str)
}

/// The targets of all requests.
async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.url[url::Position::BeforePath..].to_owned()).collect()
}

/// Pages of one record each, the last one with a token.
fn calendar(request: &Request) -> ResponseTemplate {
    if query(request, "syncToken").as_deref() == Some("old") {
        return ResponseTemplate::new(410);
    }
    let page = number(request, "pageToken").unwrap_or(1);
    let mut body = json!({"items": records([page])});
    match page {
        3 => body["nextSyncToken"] = json!("s3"),
        _ => body["nextPageToken"] = json!(page + 1),
    }
    ok(&body)
}

fn calendar_source(server: &MockServer, members: &Value) -> Box<dyn Source> {
    let mut incremental = json!({"token": "nextSyncToken", "param": "syncToken"});
    incremental.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let settings = json!({
        "records": "items", "pagination": {"cursor": "nextPageToken", "param": "pageToken"}, "incremental": incremental,
    });
    data_type(&server.uri(), &settings)
}

#[tokio::test]
async fn a_reading_ends_with_the_token_and_the_next_one_sends_it() {
    let server = serve(calendar).await;
    let source = calendar_source(&server, &json!({}));
    let pages = read_all(&*source).await.unwrap();
    assert_eq!((ids(&pages), ended_with(&pages)), (vec![1, 2, 3], Some("s3")));
    assert!(pages[0].token.is_none());
    let rest = read_pages(&*source, Read { page: pages[0].next.clone(), ..since("s3") }).await.unwrap();
    assert_eq!((ids(&rest), ended_with(&rest)), (vec![2, 3], Some("s3")));
    assert_eq!(
        asked(&server).await,
        [
            "/a",
            "/a?pageToken=2",
            "/a?pageToken=3",
            "/a?syncToken=s3&pageToken=2",
            "/a?syncToken=s3&pageToken=3"
        ]
    );
}

#[tokio::test]
async fn a_token_that_is_not_known_any_more_is_given_up_once() {
    let server = serve(calendar).await;
    // (what `initial` says, from where on, what the first pages are asked for with)
    for (initial, from, expected) in [
        (None, "old", &["/a?syncToken=old", "/a"][..]),
        (Some("i"), "old", &["/a?syncToken=old", "/a?syncToken=i"]),
        (Some("old"), "old", &["/a?syncToken=old", "/a"]),
        (None, "new", &["/a?syncToken=new"]),
    ] {
        server.reset().await;
        let answer = wiremock::Mock::given(wiremock::matchers::any()).respond_with(calendar);
        answer.mount(&server).await;
        let members = initial.map_or(json!({}), |initial| json!({"initial": initial}));
        let pages = read_pages(&*calendar_source(&server, &members), since(from)).await.unwrap();
        assert_eq!((ids(&pages), ended_with(&pages)), (vec![1, 2, 3], Some("s3")));
        let expired: u64 = pages.iter().map(|page| page.expired).sum();
        let asked = asked(&server).await;
        assert_eq!(&asked[..expected.len()], expected);
        assert_eq!(expired, u64::try_from(expected.len()).unwrap() - 1);
        // The pages that follow are asked for from where the first one was.
        let with = expected.last().unwrap().strip_prefix("/a?").map_or(String::new(), |it| format!("{it}&"));
        assert_eq!(asked[expected.len()], format!("/a?{with}pageToken=2"));
        // A later run that goes on there does so too, whatever it is told to begin from.
        let resumed = Read { page: pages[0].next.clone(), ..since(from) };
        read_pages(&*calendar_source(&server, &members), resumed).await.unwrap();
        assert_eq!(self::asked(&server).await.last().unwrap(), &format!("/a?{with}pageToken=3"));
    }
    // Where nothing was sent, a 410 is what it is.
    let server = serve(|_| ResponseTemplate::new(410)).await;
    let error = read_error(&*calendar_source(&server, &json!({}))).await;
    assert!(matches!(error, SourceError::Status { status: 410, .. }), "{error}");
    let error = read_pages(&*calendar_source(&server, &json!({})), since("x")).await.unwrap_err();
    assert!(matches!(error, SourceError::Status { status: 410, .. }), "{error}");
    assert_eq!(asked(&server).await.len(), 3);
}

#[tokio::test]
async fn what_says_so_is_what_the_settings_say() {
    for (status, statuses, is_given_up) in [
        (410, json!([410]), true),
        (400, json!([400, 410]), true),
        (400, json!([410]), false),
        (410, json!([400]), false),
        (404, json!([400]), false),
    ] {
        let server = serve(move |request| match query(request, "syncToken") {
            Some(_) => ResponseTemplate::new(status),
            None => calendar(request),
        })
        .await;
        let source = calendar_source(&server, &json!({"expired": {"status": statuses}}));
        let read = read_pages(&*source, since("x")).await;
        match read {
            Ok(pages) => assert!(is_given_up && ids(&pages) == [1, 2, 3], "{status} {statuses}"),
            Err(error) => assert!(
                !is_given_up && error.to_string().contains(&status.to_string()),
                "{status} {statuses}: {error}"
            ),
        }
    }
    // On a later page it is the page that is no longer known: the reading begins again with its token.
    let server = serve(|request| match number(request, "pageToken") {
        Some(2) => ResponseTemplate::new(404),
        _ => calendar(request),
    })
    .await;
    for (statuses, is_refused) in [(json!([404]), true), (json!([410]), false)] {
        let source = calendar_source(&server, &json!({"expired": {"status": statuses}}));
        let error = read_pages(&*source, since("x")).await.unwrap_err();
        assert_eq!(matches!(error, SourceError::PageRefused { .. }), is_refused, "{error}");
    }
}

#[tokio::test]
async fn the_first_token_counts_unless_pages_lead_on_from_each_other() {
    // Each page has its own token: the time at which it was made, or where the next page begins.
    let server = serve(|request| {
        let page = number(request, "page").or_else(|| number(request, "since")).unwrap_or(1);
        let mut body = json!({"items": records([page]), "token": page + 1, "more": page < 3});
        if page < 3 {
            body["by_time"] = json!(format!("/a?page={}", page + 1));
            body["by_token"] = json!(format!("/a?since={}", page + 1));
        }
        ok(&body)
    })
    .await;
    for (pagination, page, expected, varied) in [
        (json!({"nextUrl": "by_time"}), "first", "2", 2),
        (json!({"nextUrl": "by_time"}), "last", "4", 0),
        (json!({"nextUrl": "by_token"}), "first", "4", 0),
        (json!({"cursor": "token", "param": "since", "while": "more"}), "first", "4", 0),
        (json!({"cursor": "token", "param": "page", "while": "more"}), "first", "2", 2),
        (json!({"page": "page", "while": "more"}), "first", "2", 2),
        (json!({"page": "page", "while": "more"}), "last", "4", 0),
    ] {
        let settings = json!({
            "records": "items", "pagination": pagination,
            "incremental": {"token": {"body": "token", "page": page}, "param": "since"},
        });
        let source = data_type(&server.uri(), &settings);
        let pages = read_all(&*source).await.unwrap();
        let told: u64 = pages.iter().map(|page| page.varied).sum();
        assert_eq!((ended_with(&pages), told), (Some(expected), varied), "{pagination} {page}");
        assert!(pages.last().unwrap().token.as_ref().unwrap().is_number());
        // After a kill, what an earlier run has seen counts; of pages that move, what it has not seen does not.
        for (at, seen) in pages.iter().enumerate().take(2) {
            let rest = read_pages(&*source, from_page(seen.next.as_ref().unwrap())).await.unwrap();
            let expected = if pagination.get("page").is_some() && page == "last" {
                if at == 0 { "2" } else { "3" }
            } else {
                expected
            };
            assert_eq!(ended_with(&rest), Some(expected), "{pagination} {page} {at}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_kind_or_with_a_credential_is_a_failure() {
    for (value, expected) in [
        (json!(true), "`token: nextSyncToken` leads to `true`"),
        (json!({"a": 1}), "which is no text and no number"),
        (json!("x".repeat(9_000)), "it has 9000 bytes, and a token has 8192 at the most"),
        (json!(format!("a{SECRET}b")), "`token: nextSyncToken` repeats a credential of ours"),
    ] {
        let server = serve(move |_| ok(&json!({"items": [], "nextSyncToken": value}))).await;
        let members = json!({"dataTypes": {"a": {
            "records": "items", "incremental": {"token": "nextSyncToken", "param": "syncToken"},
        }}});
        let source = http(&server.uri(), &members, &json!({"type": "bearer", "token": "${env:TOKEN}"}));
        let error = read_error(&*source).await;
        assert!(matches!(&error, SourceError::Answer { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_token_may_be_a_header_or_a_whole_url() {
    let server = serve(|request| {
        if request.headers.get("if-none-match").is_some_and(|tag| tag == "\"7\"") {
            return ResponseTemplate::new(304);
        }
        ok(&records([1])).insert_header("ETag", "\"7\"")
    })
    .await;
    let settings = json!({
        "headers": {"If-None-Match": "{{ since }}"}, "incremental": {"token": {"header": "ETag"}},
    });
    let source = data_type(&server.uri(), &settings);
    let pages = read_all(&*source).await.unwrap();
    assert_eq!((ids(&pages), ended_with(&pages)), (vec![1], Some("\"7\"")));
    // Nothing has changed, and the token stays what it is.
    let pages = read_pages(&*source, since("\"7\"")).await.unwrap();
    assert_eq!((ids(&pages), ended_with(&pages)), (vec![], Some("\"7\"")));

    let server = serve(|request| {
        let part = |name: &str| i64::from(query(request, name).is_some());
        let mut body = json!({"value": records([part("d") * 10 + part("skip")])});
        match query(request, "skip") {
            None => body["next"] = json!(format!("{}&skip=1", &request.url[url::Position::BeforePath..])),
            Some(_) => body["delta"] = json!("/other/delta?d=2&x=%20"),
        }
        ok(&body)
    })
    .await;
    let settings = json!({
        "path": "/events/delta", "query": {"all": "yes"}, "records": "value", "pagination": {"nextUrl": "next"},
        "incremental": {"token": {"url": "delta"}},
    });
    let source = data_type(&server.uri(), &settings);
    let pages = read_all(&*source).await.unwrap();
    let delta = ended_with(&pages).unwrap().to_owned();
    assert_eq!(delta, format!("{}/other/delta?d=2&x=%20", server.uri()));
    let pages = read_pages(&*source, since(&delta)).await.unwrap();
    assert_eq!((ids(&pages), ended_with(&pages)), (vec![10, 11], Some(delta.as_str())));
    assert_eq!(
        asked(&server).await,
        [
            "/events/delta?all=yes",
            "/events/delta?all=yes&skip=1",
            "/other/delta?d=2&x=%20",
            "/other/delta?d=2&x=%20&skip=1",
        ]
    );
    let error = read_pages(&*source, since("https://elsewhere.example/d")).await.unwrap_err();
    assert!(error.to_string().contains("leads away from its own origin"), "{error}");
}

#[tokio::test]
async fn a_token_in_a_body_is_sent_as_it_came() {
    let server = serve(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        ok(&json!({"items": [], "token": body.get("since").cloned().unwrap_or(json!("first"))}))
    })
    .await;
    let settings = json!({
        "method": "POST", "body": {"all": true}, "records": "items",
        "incremental": {"token": "token", "param": {"body": "since"}},
    });
    let source = data_type(&server.uri(), &settings);
    for (sent, is_number) in
        [("17", true), ("17", false), ("-1.5", true), ("123456789012345678901234567890", false)]
    {
        let token = if is_number { Token::number(sent) } else { Token::text(sent) }.unwrap();
        let read = Read { from: Some(Cursor::Token(token.clone())), ..Read::default() };
        let pages = read_pages(&*source, read).await.unwrap();
        assert_eq!(pages[0].token.as_ref(), Some(&token), "what was sent comes back");
    }
}

/// Knows the token of each partition.
#[derive(Debug)]
struct LeftOff;

impl Starts for LeftOff {
    fn of(&self, partition: PartitionId) -> Async<'_, Result<Option<Cursor>, Cause>> {
        let is = |number: i64| partition == PartitionId::of(&"a".parse().unwrap(), &[number.to_string()]);
        let known =
            (1..4).find(|number| is(*number)).map(|number| Cursor::Token(token(&format!("t{number}"))));
        Box::pin(std::future::ready(Ok(known)))
    }
}

#[tokio::test]
async fn each_parent_has_its_own_token() {
    // The second one has expired; the third one's answers have none; the fourth is empty and new.
    let server = serve(|request| {
        let Some(parent) = request.url.path().strip_prefix("/p/").and_then(|it| it.strip_suffix("/a")) else {
            return ok(&records(1..5));
        };
        let parent: i64 = parent.parse().unwrap();
        let since = query(request, "since");
        if parent == 2 && since.is_some() {
            return ResponseTemplate::new(410);
        }
        let from_start = i64::from(since.is_none());
        let items = if parent == 4 { json!([]) } else { records([parent * 10 + from_start]) };
        let next = if parent == 3 { Value::Null } else { json!(format!("n{parent}")) };
        ok(&json!({"items": items, "token": next}))
    })
    .await;
    let members = json!({"dataTypes": {
        "p": {"incremental": {"token": "is.no.matter", "param": "x"}},
        "a": {"path": "/p/{parent.id}/a", "parent": "p", "records": "items",
              "incremental": {"token": "token", "param": "since"}},
    }});
    let source = http(&server.uri(), &members, &json!({"type": "none"}));
    let read = Read { starts: Some(Arc::new(LeftOff)), ..Read::default() };
    let pages = read_pages(&*source, read).await.unwrap();
    assert_eq!(ids(&pages), [10, 21, 30]);
    let told: Vec<_> = pages.iter().flat_map(|page| &page.passed).collect();
    assert!(told.iter().all(|passed| passed.how == How::Read));
    let tokens: Vec<_> = told.iter().map(|passed| passed.token.as_ref().map(Token::as_str)).collect();
    assert_eq!(tokens, [Some("n1"), Some("n2"), None, Some("n4")]);
    assert_eq!(pages.iter().map(|page| page.expired).sum::<u64>(), 1);
}

/// A page of two records by its number and, as each request does, another token; a status in place of an answer.
fn numbered(request: &Request, refused: Option<u16>, answered: &AtomicU64) -> ResponseTemplate {
    if let Some(status) = refused {
        return ResponseTemplate::new(status);
    }
    let page = number(request, "page").unwrap();
    let count = answered.fetch_add(1, Ordering::Relaxed) + 1;
    let shown = (1..=6).skip(usize::try_from(2 * (page - 1)).unwrap()).take(2);
    ok(&json!({"items": records(shown), "total": 6, "token": format!("t{count}")}))
}

#[tokio::test]
async fn the_page_before_is_asked_for_with_the_token_and_brings_none() {
    // (which page the reading goes on behind, how the page before is refused, what was asked for then)
    for (behind, refused, expected) in [
        (0, None, &["/a?since=t0&page=1", "/a?since=t0&page=2", "/a?since=t0&page=3"][..]),
        (1, None, &["/a?since=t0&page=2", "/a?since=t0&page=3"]),
        // The service has forgotten the token, or has nothing new since: the reading begins again, with its token.
        (0, Some(410), &["/a?since=t0&page=1"]),
        (1, Some(410), &["/a?since=t0&page=2"]),
        (0, Some(304), &["/a?since=t0&page=1"]),
        (1, Some(404), &["/a?since=t0&page=2"]),
    ] {
        let status = Arc::new(Mutex::new(None));
        let (known, answered) = (Arc::clone(&status), AtomicU64::new(0));
        let server = serve(move |request| numbered(request, *known.lock().unwrap(), &answered)).await;
        let settings = json!({
            "records": "items", "pagination": {"page": "page", "total": "total"},
            "incremental": {"token": "token", "param": "since"},
        });
        let source = data_type(&server.uri(), &settings);
        let pages = read_pages(&*source, since("t0")).await.unwrap();
        assert_eq!((ids(&pages), ended_with(&pages)), ((1..=6).collect(), Some("t1")));
        *status.lock().unwrap() = refused;
        let resumed = Read { page: pages[behind].next.clone(), ..since("t0") };
        let rest = read_pages(&*source, resumed).await;
        assert_eq!(asked(&server).await[3..], *expected, "{behind} {refused:?}");
        match rest {
            Ok(rest) => {
                assert_eq!((refused, ended_with(&rest)), (None, Some("t1")));
                assert_eq!(rest.iter().map(|page| page.expired).sum::<u64>(), 0);
            }
            Err(error) => {
                assert!(
                    refused.is_some() && matches!(error, SourceError::PageRefused { .. }),
                    "{refused:?} {error}"
                );
            }
        }
    }
}
