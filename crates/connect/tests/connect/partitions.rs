//! Parents and their children: one that cannot be read stands alone, each begins where it was left off, and pages that
//! shift are noticed.

use std::sync::{Arc, Mutex};

use raccord_model::checkpoint::{Cursor, PartitionId, Shift};
use raccord_model::port::records::{How, Page, Passed};
use raccord_model::port::source::{Read, Source, SourceError, Starts};
use raccord_model::port::{Async, Cause};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::service::{
    from_page, http, ids, number, ok, query, read_all, read_error, read_pages, records, serve,
};

/// Children `a` of the parents `p`.
fn children(uri: &str, child: &Value) -> Box<dyn Source> {
    let mut a = json!({"path": "/p/{parent.id}/a", "parent": "p"});
    a.as_object_mut().unwrap().extend(child.as_object().unwrap().clone());
    http(uri, &json!({"dataTypes": {"p": {}, "a": a}}), &json!({"type": "none"}))
}

/// The parent whose children a request asks for.
fn parent_of(request: &Request) -> Option<i64> {
    request.url.path().strip_prefix("/p/")?.strip_suffix("/a")?.parse().ok()
}

/// What became of the partitions, in words.
fn passed(pages: &[Page]) -> String {
    let word = |passed: &Passed| match &passed.how {
        How::Read => "read".to_owned(),
        How::Skipped { status } => format!("skipped {status}"),
        How::Failed { status: Some(status), .. } => format!("failed {status}"),
        How::Failed { status: None, .. } => "failed".to_owned(),
    };
    pages.iter().flat_map(|page| page.passed.iter().map(word)).collect::<Vec<_>>().join(", ")
}

/// Four parents; the children of the second are answered otherwise.
async fn second_answers(answer: ResponseTemplate) -> wiremock::MockServer {
    serve(move |request| match parent_of(request) {
        None => ok(&records(1..5)),
        Some(2) => answer.clone(),
        Some(parent) => ok(&records([parent * 10])),
    })
    .await
}

#[tokio::test]
async fn one_parent_does_not_starve_the_rest() {
    let html = ResponseTemplate::new(200).set_body_string("<html>");
    for (answer, skip, expected) in [
        (ResponseTemplate::new(404), json!([]), "read, failed 404, read, read"),
        (ResponseTemplate::new(403), json!([]), "read, failed 403, read, read"),
        (ResponseTemplate::new(401), json!([]), "read, failed 401, read, read"),
        (ResponseTemplate::new(422), json!([]), "read, failed 422, read, read"),
        (ResponseTemplate::new(500), json!([]), "read, failed 500, read, read"),
        (html, json!([404]), "read, failed, read, read"),
        (ResponseTemplate::new(404), json!([403, 404]), "read, skipped 404, read, read"),
        (ResponseTemplate::new(410), json!([403, 404]), "read, failed 410, read, read"),
    ] {
        let server = second_answers(answer).await;
        let source = children(&server.uri(), &json!({"parent": {"dataType": "p", "skip": skip}}));
        let pages = read_all(&*source).await.unwrap();
        assert_eq!((ids(&pages), passed(&pages).as_str()), (vec![10, 30, 40], expected));
        // What came before a kill is not asked for again, and what comes after it is.
        let rest = read_pages(&*source, from_page(pages[0].next.as_ref().unwrap())).await.unwrap();
        assert_eq!(format!("read, {}", passed(&rest)), expected);
    }
}

#[tokio::test]
async fn what_is_about_the_service_ends_the_reading() {
    // A list of the parents that is refused; children that are all refused with 401; a service that is down.
    let server = serve(|_| ResponseTemplate::new(403)).await;
    assert!(read_error(&*children(&server.uri(), &json!({}))).await.is_unauthorized());
    let parents_then = |status: u16| {
        move |request: &Request| match parent_of(request) {
            None => ok(&records(1..200)),
            Some(_) => ResponseTemplate::new(status),
        }
    };
    let server = serve(parents_then(401)).await;
    assert!(read_error(&*children(&server.uri(), &json!({}))).await.is_unauthorized());
    assert_eq!(server.received_requests().await.unwrap().len(), 1 + 100);
    let server = serve(parents_then(501)).await;
    let error = read_error(&*children(&server.uri(), &json!({}))).await;
    assert!(matches!(error, SourceError::Status { status: 501, .. }), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1 + 3 * 3, "each is asked three times");
}

#[tokio::test]
async fn a_look_at_a_source_says_why_no_child_could_be_read() {
    let server = serve(|request| match parent_of(request) {
        None => ok(&records(1..3)),
        Some(_) => ResponseTemplate::new(404),
    })
    .await;
    let error = children(&server.uri(), &json!({})).check().await.unwrap_err();
    assert!(error.to_string().contains("/p/1/a answered 404"), "{error}");
    let server = second_answers(ResponseTemplate::new(404)).await;
    assert!(children(&server.uri(), &json!({})).check().await.unwrap().contains("1 record"));
}

#[tokio::test]
async fn many_partitions_without_records_are_told_of_on_the_way() {
    let server = serve(|request| match parent_of(request) {
        None => ok(&records(1..451)),
        Some(450) => ok(&records([1])),
        Some(parent) if parent % 2 == 0 => ok(&json!([])),
        Some(_) => ResponseTemplate::new(404),
    })
    .await;
    let pages = read_all(&*children(&server.uri(), &json!({}))).await.unwrap();
    let told: Vec<usize> = pages.iter().map(|page| page.passed.len()).collect();
    assert_eq!((ids(&pages), told), (vec![1], vec![100, 100, 100, 100, 50]));
}

#[tokio::test]
async fn a_parent_that_cannot_stand_in_a_path_is_a_fault() {
    for id in [json!(null), json!(".."), json!(""), json!({"x": 1})] {
        let parents = json!([{"id": 1}, {"id": id, "name": "bad"}, {"id": 3}]);
        let server = serve(move |request| match parent_of(request) {
            None => ok(&parents),
            Some(parent) => ok(&records([parent * 10])),
        })
        .await;
        let pages = read_all(&*children(&server.uri(), &json!({}))).await.unwrap();
        assert_eq!((ids(&pages), passed(&pages).as_str()), (vec![10, 30], "read, read"));
        let faults: Vec<_> = pages.iter().flat_map(|page| &page.parent_faults).collect();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].position, "parent page 1, record 2");
        assert!(faults[0].reason.starts_with("`id` of a parent record"), "{}", faults[0].reason);
        assert!(faults[0].payload.contains("bad"));
    }
}

#[tokio::test]
async fn an_error_among_the_parents_of_parents_leaves_the_others() {
    let server = serve(|request| match request.url.path() {
        "/x" => ok(&records(1..4)),
        "/x/2/y" => ResponseTemplate::new(403),
        "/x/1/y" => ok(&records([3])),
        "/x/3/y" => ok(&records([4, 5])),
        path => ok(&records([path.rsplit('/').nth(1).unwrap().parse::<i64>().unwrap() * 10])),
    })
    .await;
    let members = json!({"dataTypes": {
        "x": {}, "y": {"path": "/x/{parent.id}/y", "parent": "x"}, "a": {"path": "/y/{parent.id}/z", "parent": "y"},
    }});
    let pages = read_all(&*http(&server.uri(), &members, &json!({"type": "none"}))).await.unwrap();
    assert_eq!(ids(&pages), [30, 40, 50]);
    let all: Vec<&Passed> = pages.iter().flat_map(|page| &page.passed).collect();
    let failed: Vec<_> = all.iter().filter(|passed| passed.how != How::Read).collect();
    assert!(failed.len() == 1 && !failed[0].is_own, "{all:?}");
    assert_eq!(all.iter().filter(|passed| passed.is_own).count(), 3);
}

/// Knows where partitions were left off, and remembers which were asked for.
#[derive(Debug, Default)]
struct LeftOff(Mutex<Vec<PartitionId>>);

impl Starts for LeftOff {
    fn of(&self, partition: PartitionId) -> Async<'_, Result<Option<Cursor>, Cause>> {
        let known = PartitionId::of(&"a".parse().unwrap(), &["2".to_owned()]);
        self.0.lock().unwrap().push(partition);
        Box::pin(std::future::ready(Ok((partition == known).then_some(Cursor::Integer(7)))))
    }
}

#[tokio::test]
async fn each_partition_begins_where_it_was_left_off() {
    let server = serve(|request| match (parent_of(request), number(request, "page")) {
        (None, _) => ok(&records(1..4)),
        (Some(parent), Some(page)) => {
            let since = query(request, "since").map_or(0, |since| since.parse().unwrap());
            ok(&json!({"items": records([parent * 1_000 + page * 100 + since]), "more": page < 2}))
        }
        other => panic!("{other:?}"),
    })
    .await;
    let source = children(
        &server.uri(),
        &json!({"records": "items", "pagination": {"page": "page", "while": "more"},
                "incremental": {"field": "id", "param": "since", "format": "integer"}}),
    );
    let starts = Arc::new(LeftOff::default());
    let known: Arc<dyn Starts> = Arc::<LeftOff>::clone(&starts);
    let read = Read { starts: Some(known), ..Read::default() };
    let pages = read_pages(&*source, read.clone()).await.unwrap();
    assert_eq!(ids(&pages), [1_100, 1_200, 2_107, 2_207, 3_100, 3_200]);
    assert_eq!(starts.0.lock().unwrap().len(), 3, "each is looked up once");
    let rest = read_pages(&*source, Read { page: pages[2].next.clone(), ..read }).await.unwrap();
    assert_eq!(ids(&rest), [2_207, 3_100, 3_200]);
}

#[tokio::test]
async fn a_total_that_changes_is_a_shift() {
    for (totals, expected) in [
        ([4, 4], None),
        ([4, 3], Some(Shift::Total { before: 4, after: 3 })),
        ([4, 5], Some(Shift::Total { before: 4, after: 5 })),
    ] {
        let server = serve(move |request| {
            let page = number(request, "page").unwrap();
            let total = totals[usize::from(page > 1)];
            ok(&json!({"items": records([page * 2 - 1, page * 2]), "total": total}))
        })
        .await;
        let members = json!({"dataTypes": {"a": {"records": "items", "pagination": {"page": "page", "total": "total"}}}});
        let source = http(&server.uri(), &members, &json!({"type": "none"}));
        let mut pages = source.open(Read::default()).await.unwrap();
        let first = pages.next().await.unwrap().unwrap();
        let second = pages.next().await.unwrap().unwrap();
        assert_eq!((first.shift, second.shift), (None, expected));
        // After a kill it is noticed just the same.
        let mut pages = source.open(from_page(first.next.as_ref().unwrap())).await.unwrap();
        assert_eq!(pages.next().await.unwrap().unwrap().shift, expected);
    }
}

#[tokio::test]
async fn parents_on_several_pages_say_where_they_stood() {
    let server = serve(|request| match parent_of(request) {
        None => {
            let page = number(request, "page").unwrap();
            ok(&if page > 2 { json!([]) } else { records([page * 2 - 1, page * 2]) })
        }
        Some(parent) => ok(&records([parent])),
    })
    .await;
    let members = |pagination: Value| {
        let p = if pagination.is_null() { json!({}) } else { json!({"pagination": pagination}) };
        json!({"dataTypes": {"p": p, "a": {"path": "/p/{parent.id}/a", "parent": "p"}}})
    };
    let source = http(&server.uri(), &members(json!({"page": "page"})), &json!({"type": "none"}));
    let pages = read_all(&*source).await.unwrap();
    let spots: Vec<_> =
        pages.iter().flat_map(|page| &page.passed).map(|it| it.parent.unwrap().1.page).collect();
    assert_eq!(spots, [1, 1, 2, 2]);
    assert!(pages.iter().all(|page| page.spot.is_none()), "each partition has one page");
}

#[tokio::test]
async fn parents_are_told_apart_by_their_key() {
    let parents =
        json!([{"id": 1, "n": 1, "team": 7}, {"id": 2, "n": 1, "team": 7}, {"n": 2, "team": 7}, {"team": 7}]);
    let server = serve(move |request| match request.url.path() {
        "/p" => ok(&if number(request, "page") == Some(1) { parents.clone() } else { json!([]) }),
        _ => ok(&json!([])),
    })
    .await;
    // (the key, which of the four are one)
    for (key, expected) in
        [(json!({}), [0, 1, 2, 2]), (json!({"key": "n"}), [0, 0, 1, 2]), (json!({"key": "x"}), [0; 4])]
    {
        let mut parent = json!({"dataType": "p"});
        parent.as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
        let members = json!({"dataTypes": {
            "p": {"pagination": {"page": "page"}}, "a": {"path": "/t/{parent.team}", "parent": parent},
        }});
        let pages = read_all(&*http(&server.uri(), &members, &json!({"type": "none"}))).await.unwrap();
        let records: Vec<_> =
            pages.iter().flat_map(|page| &page.passed).map(|it| it.parent.unwrap().0).collect();
        let mut known = Vec::new();
        let numbers = records.iter().map(|record| {
            known.iter().position(|it| it == record).unwrap_or_else(|| {
                known.push(*record);
                known.len() - 1
            })
        });
        assert_eq!(numbers.collect::<Vec<_>>(), expected, "{key}");
    }
}

#[tokio::test]
async fn what_stands_where_a_parent_was_expected_is_told() {
    let server = serve(|request| match parent_of(request) {
        None => ok(&json!([{"id": 1}, 7, {"name": "no id"}, {"id": 2}])),
        Some(parent) => ok(&records([parent])),
    })
    .await;
    let pages = read_all(&*children(&server.uri(), &json!({}))).await.unwrap();
    assert_eq!(ids(&pages), [1, 2]);
    let told: Vec<&str> =
        pages.iter().flat_map(|page| page.parent_faults.iter().map(|fault| fault.reason.as_str())).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("not a JSON object") && told[1].contains("`id` of a parent record"), "{told:?}");
}
