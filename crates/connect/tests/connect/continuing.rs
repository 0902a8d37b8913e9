//! Pages that follow the values of a field, and records that continue on the next page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use raccord_model::checkpoint::Cursor;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, SourceError};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::endings::{check, reading};
use crate::service::{from_page, http, ids, number, ok, query, read_all, read_pages, records, serve};

/// Records with an instant of their own each, or one that several share.
fn dated(numbers: impl IntoIterator<Item = i64>, share: i64) -> Vec<Value> {
    numbers.into_iter().map(|id| json!({"id": id, "at": (id - 1) / share + 1})).collect()
}

/// How a service answers.
#[derive(Clone, Copy)]
enum Way {
    Inclusive,
    Exclusive,
    Descending,
    Ignoring,
}

/// The records from a value on: `all` of them, of which `share` have one value each time, at most `cap` a page.
fn rows_since(request: &Request, (all, share, cap): (i64, i64, i64), way: Way) -> ResponseTemplate {
    let since = number(request, "since").unwrap_or(0);
    let most = usize::try_from(number(request, "size").unwrap().min(cap)).unwrap();
    let mut rows = dated(1..=all, share);
    rows.retain(|row| match way {
        Way::Ignoring => true,
        Way::Exclusive => row["at"].as_i64().unwrap() > since,
        Way::Inclusive | Way::Descending => row["at"].as_i64().unwrap() >= since,
    });
    if matches!(way, Way::Descending) {
        rows.reverse();
    }
    rows.truncate(most);
    ok(&json!({"d": rows}))
}

#[tokio::test]
async fn pages_by_value_bring_everything_or_fail() {
    let data_type = |size: i64| {
        json!({"records": "d", "incremental": {"field": "at", "param": "since", "format": "integer"},
            "pagination": {"by": "incremental", "size": {"size": size}}})
    };
    for (all, share, size, cap, way, expected) in [
        (0, 1, 10, 10, Way::Inclusive, Ok(0)),
        (1, 1, 10, 10, Way::Inclusive, Ok(1)),
        (5, 5, 10, 10, Way::Inclusive, Err("raise `size`")),
        (5, 4, 10, 10, Way::Inclusive, Ok(5)),
        (95, 1, 10, 10, Way::Inclusive, Ok(95)),
        (95, 3, 10, 10, Way::Inclusive, Ok(95)),
        (100, 1, 50, 10, Way::Inclusive, Ok(100)),
        (25, 10, 10, 10, Way::Inclusive, Err("raise `size`")),
        (25, 10, 50, 10, Way::Inclusive, Err("raise `size`")),
        (25, 3, 10, 10, Way::Exclusive, Err("includes the value itself")),
        (25, 1, 10, 10, Way::Descending, Err("ascending order")),
        (25, 1, 10, 10, Way::Ignoring, Err("answered with one of `1`")),
    ] {
        let server = serve(move |request| rows_since(request, (all, share, cap), way)).await;
        let source = reading(&server.uri(), &data_type(size));
        let came = read_all(&*source).await;
        let given = format!("{all} {share} {size} {cap}");
        match (came, expected) {
            (Ok(pages), Ok(count)) => {
                let distinct: BTreeSet<i64> = ids(&pages).into_iter().collect();
                assert_eq!(distinct.len(), count, "{given}");
                for (at, page) in pages.iter().enumerate().filter(|(_, page)| page.next.is_some()) {
                    let rest = read_pages(&*source, from_page(page.next.as_ref().unwrap())).await.unwrap();
                    assert_eq!(ids(&rest), ids(&pages[at + 1..]), "{given}");
                }
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{given}: {error}"),
            (came, _) => panic!("{given}: {came:?}"),
        }
        // A run that finds nothing new reads the last records again, and that is all.
        if let (Ok(1..), Way::Inclusive) = (expected, way) {
            let from = Some(Cursor::Integer((all - 1) / share + 1));
            let again = read_pages(&*source, Read { from, ..Read::default() }).await.unwrap();
            assert!(!ids(&again).is_empty() && again.last().unwrap().next.is_none(), "{given}");
        }
    }
}

#[tokio::test]
async fn records_that_continue_are_put_together_before_they_are_given_out() {
    // Two batches of two pages; the second page of each says that it is complete.
    let batches = |request: &Request, is_last_complete: bool| {
        let page = query(request, "gapcontinue").and_then(|page| page.parse().ok()).unwrap_or(0_i64);
        let (batch, part) = (page / 2, page % 2);
        let member = ["links", "images"][usize::try_from(part).unwrap()];
        let row = |id: i64| json!({"id": id, "title": format!("t{id}"), "pad": "x".repeat(100), member: [{"n": id}], "all": [page]});
        let rows: BTreeMap<String, Value> =
            [batch * 2 + 1, batch * 2 + 2].into_iter().map(|id| (id.to_string(), row(id))).collect();
        let mut body = json!({"query": {"pages": rows}});
        if page < 3 {
            body["continue"] = json!({"gapcontinue": (page + 1).to_string()});
        }
        if part == 1 && (page < 3 || is_last_complete) {
            // An empty text counts, as MediaWiki writes it.
            body["batchcomplete"] = json!("");
        }
        ok(&body)
    };
    let settings =
        json!({"records": "query.pages", "pagination": {"cursor": "continue", "complete": "batchcomplete"}});
    let server = serve(move |request| batches(request, true)).await;
    let source = reading(&server.uri(), &settings);
    let pages = read_all(&*source).await.unwrap();
    assert_eq!((ids(&pages), pages.len()), (vec![1, 2, 3, 4], 2));
    let first: Value = serde_json::from_str(&pages[0].records.iter().next().unwrap().to_json()).unwrap();
    let expected = json!({"id": 1, "title": "t1", "pad": "x".repeat(100), "links": [{"n": 1}], "images": [{"n": 1}], "all": [0, 1]});
    assert_eq!(first, expected);
    let rest = read_pages(&*source, from_page(pages[0].next.as_ref().unwrap())).await.unwrap();
    assert_eq!(ids(&rest), [3, 4]);
    check(settings, Err("not complete"), move |request| batches(request, false)).await;
    let keyless = json!({"records": "query.pages",
        "pagination": {"cursor": "continue", "complete": {"path": "batchcomplete", "key": "pageid"}}});
    check(keyless, Err("has no `pageid`"), move |request| batches(request, true)).await;
    let server = serve(move |request| batches(request, true)).await;
    let members = json!({"dataTypes": {"a": settings_of_small()}, "maxBody": "500B"});
    let error = read_all(&*http(&server.uri(), &members, &json!({"type": "none"}))).await.unwrap_err();
    assert!(error.to_string().contains("come to more than `maxBody`"), "{error}");
}

#[tokio::test]
async fn records_that_nothing_completes_fail_the_reading() {
    // The last page is counted among `pages`, and has neither records nor the mark.
    let settings = json!({"records": "data",
        "pagination": {"cursor": "next", "param": "after", "pages": "pages", "complete": "done"}});
    check(settings, Err("not complete"), |request| match query(request, "after") {
        None => ok(&json!({"data": [{"id": 1}], "next": 2, "pages": 2})),
        Some(_) => ok(&json!({"data": [], "pages": 2})),
    })
    .await;
}

#[tokio::test]
async fn no_place_is_given_out_while_records_continue() {
    // The notes of ninety-nine empty partitions and of a bad parent are enough to tell, in the middle of the last record.
    let mut parents: Vec<Value> = (1..100).map(|id| json!({"id": id})).collect();
    parents.extend([json!({}), json!({"id": 100})]);
    let server = serve(move |request| match (request.url.path(), query(request, "after")) {
        ("/p", _) => ok(&Value::from(parents.clone())),
        ("/p/100/a", None) => ok(&json!({"data": [{"id": 7, "one": 1}], "next": 2})),
        ("/p/100/a", Some(_)) => ok(&json!({"data": [{"id": 7, "two": 2}], "done": true})),
        _ => ok(&json!({"data": [], "done": true})),
    })
    .await;
    let a = json!({"path": "/p/{parent.id}/a", "parent": "p", "records": "data",
        "pagination": {"cursor": "next", "param": "after", "complete": "done"}});
    let members = json!({"dataTypes": {"p": {}, "a": a}});
    let source = http(&server.uri(), &members, &json!({"type": "none"}));
    let last = |pages: &[Page]| {
        let records: Vec<String> =
            pages.iter().flat_map(|page| page.records.iter().map(|it| it.to_json())).collect();
        records.join(" ")
    };
    let pages = read_all(&*source).await.unwrap();
    assert_eq!(last(&pages), r#"{"id":7,"one":1,"two":2}"#);
    for page in pages.iter().filter(|page| page.records.is_empty()) {
        let Some(next) = &page.next else { continue };
        let rest = read_pages(&*source, from_page(next)).await.unwrap();
        assert_eq!(last(&rest), r#"{"id":7,"one":1,"two":2}"#, "{next:?}");
    }
}

#[tokio::test]
async fn a_reading_goes_on_by_position_only_while_the_page_before_stands_still() {
    for (now, goes_on) in [
        (&[1, 2, 3, 4, 5, 6][..], true),
        (&[1, 2, 3, 4, 6, 7], true),
        // One went before the page and one came after it: neither a total nor a key that comes twice shows that.
        (&[2, 3, 4, 5, 6, 7], false),
        (&[1, 2], false),
        (&[], false),
    ] {
        for way in ["page", "offset"] {
            let list = Arc::new(Mutex::new((1..7).collect::<Vec<i64>>()));
            let shown = Arc::clone(&list);
            let server = serve(move |request| {
                let begin = match number(request, "page") {
                    Some(page) => 2 * (page - 1),
                    None => number(request, "offset").unwrap(),
                };
                let list = shown.lock().unwrap();
                ok(&records(list.iter().copied().skip(usize::try_from(begin).unwrap()).take(2)))
            })
            .await;
            let source = reading(&server.uri(), &json!({"pagination": {way: way, "size": {"size": 2}}}));
            let token = read_all(&*source).await.unwrap()[1].next.clone().unwrap();
            *list.lock().unwrap() = now.to_vec();
            match read_pages(&*source, from_page(&token)).await {
                Ok(rest) => assert!(goes_on && ids(&rest) == now[4..], "{way} {now:?} {:?}", ids(&rest)),
                Err(error) => {
                    assert!(
                        !goes_on && matches!(error, SourceError::PageRefused { .. }),
                        "{way} {now:?} {error}"
                    );
                }
            }
        }
    }
}

fn settings_of_small() -> Value {
    json!({"records": "query.pages", "pagination": {"cursor": "continue", "complete": "batchcomplete"}})
}
