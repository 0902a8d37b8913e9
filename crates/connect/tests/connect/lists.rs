//! Values of a list that a data type is asked for one after the other: what is requested, where a reading goes on, what is
//! wrong with one value alone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use raccord_model::checkpoint::{Cursor, PartitionId};
use raccord_model::port::records::{How, Page};
use raccord_model::port::source::{Read, Source, Starts};
use raccord_model::port::{Async, Cause};
use serde_json::{Value, json};
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::service::{data_type, from_page, number, ok, read_all, read_pages, records, serve};

/// A service that keeps what it was asked for.
async fn asked(
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) -> (MockServer, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let server = serve(move |request| {
        let url = &request.url;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        log.lock().unwrap().push(format!("{}{query}{body}", url.path()));
        answer(request)
    })
    .await;
    (server, asked)
}

/// The value of a list that each page is of.
fn parents(pages: &[Page]) -> Vec<String> {
    let pages = pages.iter().filter(|page| !page.records.is_empty());
    pages.map(|page| String::from_utf8(page.parent.clone().unwrap().to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn each_combination_is_asked_for() {
    for (settings, expected) in [
        (json!({"path": "/r/{region}/x", "for": {"region": ["ca", "f r"]}}), &["/r/ca/x", "/r/f%20r/x"][..]),
        (
            json!({"query": {"where": "eu-{region}", "tier": "{tier}", "raw": "{x}"}, "for": {"region": ["ca", "fr"], "tier": ["1", "2"]}}),
            &[
                "/a?raw=%7Bx%7D&tier=1&where=eu-ca",
                "/a?raw=%7Bx%7D&tier=2&where=eu-ca",
                "/a?raw=%7Bx%7D&tier=1&where=eu-fr",
                "/a?raw=%7Bx%7D&tier=2&where=eu-fr",
            ],
        ),
        (
            json!({"method": "POST", "body": {"in": ["{{ region }}", "all"]}, "path": "/{region}", "for": {"region": ["ca"]}}),
            &[r#"/ca{"in":["ca","all"]}"#],
        ),
    ] {
        let (server, asked) = asked(|_| ok(&records([1]))).await;
        let pages = read_all(&*data_type(&server.uri(), &settings)).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), expected, "{settings}");
        let partitions: BTreeSet<_> = pages.iter().filter_map(|page| page.partition).collect();
        assert_eq!(partitions.len(), expected.len(), "each is a partition of its own");
    }
}

/// Two regions of two pages each.
fn regions() -> Value {
    json!({"path": "/{region}", "for": {"region": ["ca", "fr"]}, "records": "items",
           "pagination": {"cursor": "next", "param": "page"},
           "incremental": {"field": "id", "param": "since", "format": "integer"}})
}

fn two_pages(request: &Request) -> ResponseTemplate {
    match number(request, "page") {
        None => ok(&json!({"items": records([7]), "next": 2})),
        Some(_) => ok(&json!({"items": records([8])})),
    }
}

#[tokio::test]
async fn a_reading_goes_on_at_the_value_where_it_stopped() {
    let (server, asked) = asked(two_pages).await;
    let source = data_type(&server.uri(), &regions());
    let pages = read_all(&*source).await.unwrap();
    let (ca, fr) = (r#"{"region":"ca"}"#, r#"{"region":"fr"}"#);
    assert_eq!(parents(&pages), [ca, ca, fr, fr]);
    assert_eq!(pages[2].position, "region fr, page 1");
    for (at, expected) in
        [(0, &["/ca?page=2", "/fr", "/fr?page=2"][..]), (1, &["/fr", "/fr?page=2"]), (2, &["/fr?page=2"])]
    {
        asked.lock().unwrap().clear();
        read_pages(&*source, from_page(pages[at].next.as_ref().unwrap())).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), expected, "after page {at}");
    }
    // A place of other values is refused, and the window is read from its beginning.
    let others = json!({"path": "/{region}", "for": {"region": ["us"]}, "records": "items", "pagination": {"cursor": "next", "param": "page"}});
    let token = pages[2].next.as_ref().unwrap();
    let error = read_pages(&*data_type(&server.uri(), &others), from_page(token)).await.unwrap_err();
    assert!(error.to_string().contains("no longer where it was"), "{error}");
}

/// Only one region was read before.
#[derive(Debug)]
struct LeftOff;

impl Starts for LeftOff {
    fn of(&self, partition: PartitionId) -> Async<'_, Result<Option<Cursor>, Cause>> {
        // The value of the path, and all values.
        let known = PartitionId::of(&"a".parse().unwrap(), &["fr".to_owned(), "fr".to_owned()]);
        Box::pin(std::future::ready(Ok((partition == known).then_some(Cursor::Integer(7)))))
    }
}

#[tokio::test]
async fn each_value_has_its_own_cursor() {
    let (server, asked) = asked(two_pages).await;
    let source = data_type(&server.uri(), &regions());
    let read = Read { starts: Some(Arc::new(LeftOff)), ..Read::default() };
    read_pages(&*source, read).await.unwrap();
    let expected = ["/ca", "/ca?page=2", "/fr?since=7", "/fr?since=7&page=2"];
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn one_value_does_not_starve_the_rest() {
    let server = serve(|request| match request.url.path() {
        "/ca" => ResponseTemplate::new(404),
        _ => ok(&records([1])),
    })
    .await;
    let settings = json!({"path": "/{region}", "for": {"region": ["ca", "fr"]}});
    let source: Box<dyn Source> = data_type(&server.uri(), &settings);
    let pages = read_all(&*source).await.unwrap();
    let passed: Vec<bool> =
        pages.iter().flat_map(|page| &page.passed).map(|passed| passed.how == How::Read).collect();
    assert_eq!(passed, [false, true]);
    assert_eq!(parents(&pages), [r#"{"region":"fr"}"#]);
}
