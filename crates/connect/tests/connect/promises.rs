//! Places of the settings that answers do not hold: what is misspelt fails the reading where an answer shows it, and what a
//! service leaves out at its end does not.

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::endings::check;
use crate::service::{http, number, ok, read_all, records, serve};

/// Fifty records a page of two hundred and fifty, and on every page the members that are given.
fn page(members: &Value) -> impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static {
    let members = members.clone();
    move |request| {
        let page = number(request, "page").unwrap_or(1);
        let last = (page * 50).min(250);
        let mut body = members.clone();
        body["d"] = records(((page - 1) * 50 + 1)..=last);
        ok(&body)
    }
}

#[tokio::test]
async fn a_way_to_the_next_page_that_is_misspelt_fails_where_the_answer_shows_another() {
    let cursor = json!({"cursor": "meta.cursr", "param": "c"});
    let url = json!({"nextUrl": "links.nextt"});
    let header = json!({"nextUrl": {"header": "X-Next"}});
    let link = json!({"link": "nextt"});
    let ended = json!({"cursor": "meta.cursr", "param": "c", "while": "more"});
    for (pagination, members, expected) in [
        (&cursor, json!({"meta": {"cursor": "abc"}}), Err("`meta.cursor` holds a value")),
        (&cursor, json!({"meta": {"has_more": true}}), Err("`meta.has_more` is true")),
        (&url, json!({"links": {"next": "/p?page=2"}}), Err("`nextUrl: links.nextt` leads to nothing")),
        (&header, json!({"next": "/p?page=2"}), Err("`nextUrl: {header: x-next}` leads to nothing")),
        (&link, json!({"hasNextPage": true}), Err("`link: nextt` leads to nothing")),
        // The last page of services that leave out what leads on, or send null.
        (&cursor, json!({}), Ok((50, 1))),
        (&cursor, json!({"meta": {"cursr": null, "cursor": "abc"}}), Ok((50, 1))),
        (&cursor, json!({"meta": {"cursor": null, "has_more": false}}), Ok((50, 1))),
        (&cursor, json!({"meta": {"prev": "abc", "total": 50}}), Ok((50, 1))),
        (&url, json!({"links": {"self": "/p", "last": "/p"}}), Ok((50, 1))),
        (&link, json!({}), Ok((50, 1))),
        // The settings say themselves that it is the last one.
        (&ended, json!({"more": false, "meta": {"cursor": "abc"}}), Ok((50, 1))),
    ] {
        check(json!({"records": "d", "pagination": pagination}), expected, page(&members)).await;
    }
    let with_link = |request: &Request| {
        page(&json!({}))(request).insert_header("Link", "<https://a.example/p?page=2>; rel=\"next\"")
    };
    for pagination in [&cursor, &url, &header, &link] {
        let expected = Err("its header `Link` has the relation `next`");
        check(json!({"records": "d", "pagination": pagination}), expected, with_link).await;
    }
}

#[tokio::test]
async fn what_says_how_pages_end_must_be_in_an_answer() {
    let present = json!({"total": 250, "pages": 5});
    for (ending, members, expected) in [
        (json!({"total": "total"}), &present, Ok((250, 5))),
        (json!({"total": "totl"}), &present, Err("`total: totl`")),
        (json!({"total": {"header": "X-Totl"}}), &present, Err("`total: {header: x-totl}`")),
        (json!({"pages": "pags"}), &present, Err("`pages: pags`")),
        (json!({"total": "total", "pages": "pags"}), &present, Err("`pages: pags`")),
        (json!({"while": "nope"}), &present, Err("`while: nope`")),
        (json!({"until": "nope"}), &present, Err("`until: nope`")),
        // Null is there, and says nothing.
        (json!({"total": "n"}), &json!({"n": null}), Ok((250, 6))),
    ] {
        let mut pagination = ending;
        pagination["page"] = json!("page");
        check(json!({"records": "d", "pagination": pagination}), expected, page(members)).await;
    }
    // It is enough that one answer holds it, and a service without records may say nothing.
    let total = json!({"records": "d", "pagination": {"page": "page", "total": "n"}});
    check(total.clone(), Ok((250, 5)), |request| {
        let first = if number(request, "page") == Some(1) { json!({"n": 250}) } else { json!({}) };
        page(&first)(request)
    })
    .await;
    let until = json!({"records": "d", "pagination": {"page": "page", "until": "done"}});
    check(until, Ok((250, 5)), |request| {
        let last = if number(request, "page") == Some(5) { json!({"done": true}) } else { json!({}) };
        page(&last)(request)
    })
    .await;
    check(total, Ok((0, 1)), |_| ok(&json!({"d": []}))).await;
    let ended = json!({"page": "page", "total": "totl", "end": {"status": [400]}});
    check(json!({"records": "d", "pagination": ended}), Err("`total: totl`"), |request| {
        if number(request, "page") > Some(5) { ResponseTemplate::new(400) } else { page(&json!({}))(request) }
    })
    .await;
}

#[tokio::test]
async fn what_a_service_has_left_is_told_where_nothing_leads_there() {
    let list = |members: Value| {
        let mut body = members;
        body["d"] = records(1..=3);
        ok(&body)
    };
    let at_d = json!({"records": "d"});
    let as_list = json!({"records": "$"});
    let paged = json!({"records": "d", "pagination": {"page": "page", "pages": "last_page"}});
    for (data_type, answer, expected) in [
        (&at_d, list(json!({})), None),
        (&at_d, list(json!({"next": null, "has_more": false, "total": 3, "last_page": 1})), None),
        (&at_d, list(json!({"has_more": true})), Some("`has_more` is true")),
        (
            &at_d,
            list(json!({"links": {"next": "/a?page=2"}})),
            Some("`links.next` holds the URL of a next page"),
        ),
        (&at_d, list(json!({"meta": {"total": 7}})), Some("`meta.total` is 7, and 3 records came")),
        (&at_d, list(json!({})).insert_header("X-Total-Count", "3"), None),
        (
            &at_d,
            list(json!({})).insert_header("X-Total-Count", "7"),
            Some("the header `x-total-count` is 7, and 3 records came"),
        ),
        (
            &as_list,
            ok(&records(1..=3)).insert_header("Link", "</a?page=2>; rel=\"next\""),
            Some("the header `Link` has the relation `next`"),
        ),
        // Records that are the members of an object, and pages that the settings lead through.
        (&as_list, ok(&json!({"next": {"id": 1, "url": "/a"}, "x": {"id": 2}})), None),
        (&paged, list(json!({"has_more": true, "last_page": 1})), None),
    ] {
        let said = format!("{data_type} {answer:?}");
        let server = serve(move |_| answer.clone()).await;
        let came = read_all(&*crate::endings::reading(&server.uri(), data_type)).await;
        let left = came.map(|came| came[0].more_available.clone());
        assert_eq!(left.unwrap_or_else(|error| panic!("{said}: {error}")).as_deref(), expected, "{said}");
    }
}

/// Our clock shows 09:30:00. The parents are asked for first.
#[tokio::test]
async fn the_clock_of_a_service_is_told_by_its_first_answer() {
    for (dates, expected) in [
        (["Wed, 31 Jan 2024 09:30:00 GMT", "Wed, 31 Jan 2024 09:30:00 GMT"], 0),
        (["Wed, 31 Jan 2024 09:29:00 GMT", "Wed, 31 Jan 2024 09:30:00 GMT"], 61),
        (["Wed, 31 Jan 2024 09:30:00 GMT", "Wed, 31 Jan 2024 09:29:30 GMT"], 31),
        (["Wed, 31 Jan 2034 09:30:00 GMT", "Wed, 31 Jan 2014 09:30:00 GMT"], 0),
    ] {
        let server = serve(move |request| {
            let date = dates[usize::from(request.url.path() != "/shops")];
            ok(&records(1..=1)).insert_header("Date", date)
        })
        .await;
        let members = json!({"dataTypes": {
            "shops": {"path": "/shops"}, "a": {"path": "/shops/{parent.id}/a", "parent": "shops"},
        }});
        let source = http(&server.uri(), &members, &json!({"type": "none"}));
        let behind = read_all(&*source).await.unwrap().first().map(|page| page.behind);
        assert_eq!(behind, Some(expected), "{dates:?}");
    }
}

/// A first page with another number than `from` says, and a service that stops early, show in the answers themselves.
#[tokio::test]
async fn what_counts_more_than_came_is_told_where_pages_are_asked_for_by_their_position() {
    // Pages are counted from 0; the last one comes again as an empty one.
    let from_zero = |request: &Request, members: Value| {
        let page = number(request, "page").unwrap_or_default();
        let from = page * 10;
        let mut body = members;
        body["d"] = if from < 25 { records(from + 1..=(from + 10).min(25)) } else { json!([]) };
        body
    };
    let counted = json!({"meta": {"totalElements": 25}});
    let said = "`meta.totalElements` is 25, and 15 records came";
    for (pagination, members, expected) in [
        (json!({"page": "page"}), &counted, Some(said)),
        (
            json!({"page": "page", "while": "more"}),
            &json!({"total": 25, "more": null}),
            Some("`total` is 25, and 15 records came"),
        ),
        (json!({"page": "page"}), &json!({"has_more": true}), Some("`has_more` is true")),
        // A next page is led to by every answer of some services.
        (json!({"page": "page"}), &json!({"next": "/a?page=9", "nextCursor": "x", "totalPages": 9}), None),
        (json!({"page": "page", "from": 0}), &counted, None),
        (json!({"page": "page", "total": "none"}), &counted, None),
        (json!({"page": "page", "pages": "n"}), &json!({"n": 2, "total": 25}), None),
    ] {
        let members = members.clone();
        let server = serve(move |request| ok(&from_zero(request, members.clone()))).await;
        let data_type = json!({"records": "d", "pagination": pagination});
        let came = read_all(&*crate::endings::reading(&server.uri(), &data_type)).await.unwrap();
        let told = came.iter().find_map(|page| page.more_available.as_deref());
        assert_eq!(told, expected, "{data_type}");
    }
}

#[tokio::test]
async fn what_is_left_of_parents_is_told_with_their_children() {
    let server = serve(|request| match request.url.path() {
        "/shops" => ok(&json!({"d": records(1..=2), "has_more": true})),
        _ => ok(&json!({"d": records(1..=1)})),
    })
    .await;
    let members = json!({"dataTypes": {
        "shops": {"path": "/shops", "records": "d"},
        "a": {"path": "/shops/{parent.id}/a", "parent": "shops", "records": "d"},
    }});
    let source = http(&server.uri(), &members, &json!({"type": "none"}));
    let said: Vec<String> =
        read_all(&*source).await.unwrap().into_iter().filter_map(|page| page.more_available).collect();
    assert_eq!(said, ["of the parent records, `has_more` is true"]);
}
