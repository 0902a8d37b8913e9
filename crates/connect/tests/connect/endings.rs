//! What ends a reading: over services that cap their pages, leave pages empty, contradict themselves, err and repeat
//! themselves. A reading either brings everything or fails and says why; the same from the token of every page.

use std::collections::BTreeSet;
use std::sync::Mutex;

use raccord_model::port::source::Source;
use serde_json::{Value, json};
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::service::{from_page, http, ids, number, ok, read_all, read_pages, records, serve};

/// A data type `a` whose requests are repeated twice, without a wait.
pub(crate) fn reading(base: &str, data_type: &Value) -> Box<dyn Source> {
    let retry = json!({"attempts": 3, "maxWait": "0s"});
    let members = json!({"dataTypes": {"a": data_type}, "retry": retry, "maxPages": 200});
    http(base, &members, &json!({"type": "none"}))
}

/// What a reading comes to: the number of records and of requests, or what the error says.
async fn outcome(server: &MockServer, data_type: &Value) -> Result<(usize, usize), String> {
    let before = server.received_requests().await.unwrap().len();
    let all = read_all(&*reading(&server.uri(), data_type)).await.map_err(|error| error.to_string())?;
    let distinct: BTreeSet<i64> = ids(&all).into_iter().collect();
    Ok((distinct.len(), server.received_requests().await.unwrap().len() - before))
}

/// Checks a reading: so many records and requests, or an error that says something.
pub(crate) async fn check(
    data_type: Value,
    expected: Result<(usize, usize), &str>,
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) {
    let server = serve(answer).await;
    let came = outcome(&server, &data_type).await;
    match (&came, expected) {
        (Ok(came), Ok(expected)) => assert_eq!(*came, expected, "{data_type}"),
        (Err(error), Err(expected)) => assert!(error.contains(expected), "{data_type}: {error}"),
        _ => panic!("{data_type}: {came:?} instead of {expected:?}"),
    }
}

/// The records of a numbered page of a service that has `all` and gives at most `cap` a page.
fn page_of(request: &Request, all: i64, cap: i64) -> Value {
    let page = number(request, "page").unwrap_or(1);
    let size = number(request, "size").unwrap_or(cap).min(cap);
    records(((page - 1) * size + 1)..=(page * size).min(all))
}

#[tokio::test]
async fn a_capped_page_is_not_the_last_one() {
    let paged = json!({"records": "d", "pagination": {"page": "page", "size": {"size": 100}}});
    let offset = json!({"records": "d", "pagination": {"offset": "skip", "size": {"size": 100}}});
    // All records, and how many requests that takes: short after a longer one ends, else an empty page.
    for (all, by_page, by_offset) in [(0, 1, 1), (1, 2, 2), (50, 2, 2), (100, 3, 3), (120, 3, 3), (150, 4, 4)]
    {
        let count = usize::try_from(all).unwrap();
        check(paged.clone(), Ok((count, by_page)), move |request| {
            ok(&json!({"d": page_of(request, all, 50)}))
        })
        .await;
        check(offset.clone(), Ok((count, by_offset)), move |request| {
            let skip = number(request, "skip").unwrap();
            ok(&json!({"d": records((skip + 1)..=(skip + 50).min(all))}))
        })
        .await;
    }
}

#[tokio::test]
async fn the_total_and_the_number_of_pages_decide_wherever_they_are() {
    let answer = |request: &Request| {
        let body = json!({"d": page_of(request, 120, 50), "n": 120, "m": "3"});
        ok(&body).insert_header("X-WP-Total", "120").insert_header("X-WP-TotalPages", "3")
    };
    for ending in [
        json!({"total": "n"}),
        json!({"total": {"header": "X-WP-Total"}}),
        json!({"pages": "m"}),
        json!({"pages": {"header": "x-wp-totalpages"}}),
        json!({"total": "n", "pages": "m"}),
    ] {
        let mut pagination = ending;
        pagination["page"] = json!("page");
        pagination["size"] = json!({"size": 100});
        check(json!({"records": "d", "pagination": pagination}), Ok((120, 3)), answer).await;
    }
}

#[tokio::test]
async fn an_empty_page_below_the_total_is_asked_again_and_then_fails() {
    for (empty_answers, expected) in
        [(1, Ok((120, 4))), (2, Ok((120, 5))), (3, Err("only 50 of the 120 records"))]
    {
        let left = Mutex::new(empty_answers);
        let data_type = json!({"records": "d", "pagination": {"page": "page", "total": "n"}});
        check(data_type, expected, move |request| {
            let mut left = left.lock().unwrap();
            let is_empty = number(request, "page") == Some(2) && *left > 0;
            *left -= i32::from(is_empty);
            ok(&json!({"d": if is_empty { json!([]) } else { page_of(request, 120, 50) }, "n": 120}))
        })
        .await;
    }
}

#[tokio::test]
async fn an_empty_page_that_leads_on_is_passed() {
    // Page 2 of 4 is empty. It is asked for once more, in case it was not meant.
    let body = |request: &Request| {
        let page = number(request, "page").or_else(|| number(request, "c")).unwrap_or(1);
        let list = if page == 2 { json!([]) } else { records((page * 10)..(page * 10 + 10)) };
        let next = if page < 4 { json!(page + 1) } else { Value::Null };
        json!({"d": list, "more": page < 4, "done": page == 4, "pages": 4, "next": next})
    };
    for pagination in [
        json!({"page": "page", "while": "more"}),
        json!({"page": "page", "until": "done"}),
        json!({"page": "page", "pages": "pages"}),
        json!({"cursor": "next", "param": "c"}),
    ] {
        check(json!({"records": "d", "pagination": pagination}), Ok((30, 5)), move |request| {
            ok(&body(request))
        })
        .await;
    }
    // Without anything that says so, an empty page is the end.
    check(json!({"records": "d", "pagination": {"page": "page"}}), Ok((10, 2)), move |request| {
        ok(&body(request))
    })
    .await;
    // An offset goes on by the size.
    let offset = json!({"records": "d", "pagination": {"offset": "o", "size": {"n": 10}, "while": "more"}});
    check(offset, Ok((20, 4)), |request| {
        let offset = number(request, "o").unwrap();
        let list = if offset == 10 { json!([]) } else { records((offset + 1)..=(offset + 10)) };
        ok(&json!({"d": list, "more": offset < 20}))
    })
    .await;
}

#[tokio::test]
async fn pages_that_are_empty_for_ever_are_stopped() {
    let members = json!({"dataTypes": {"a": {"records": "d", "pagination": {"page": "p", "while": "more"}}},
        "retry": {"attempts": 1}});
    let server = serve(|_| ok(&json!({"d": [], "more": true}))).await;
    let source = http(&server.uri(), &members, &json!({"type": "none"}));
    let error = read_all(&*source).await.unwrap_err().to_string();
    assert!(error.contains("1000 empty pages follow each other"), "{error}");
}

#[tokio::test]
async fn what_is_there_and_cannot_be_read_is_named() {
    let with = |pagination: Value| json!({"records": "d", "pagination": pagination});
    let body = json!({"d": [{"id": 1}], "x": {"y": 7}});
    for (pagination, expected) in [
        (json!({"page": "p", "while": "x.y"}), "`while: x.y` leads to `7`, which is neither true nor false"),
        (json!({"page": "p", "until": "x"}), "`until: x` leads to `{\"y\":7}`"),
        (json!({"page": "p", "total": "x"}), "`total: x` leads to `{\"y\":7}`, which is no whole number"),
        (json!({"page": "p", "total": {"header": "X-Odd"}}), "`total: {header: x-odd}` holds `many`"),
        (json!({"page": "p", "pages": {"header": "X-Bytes"}}), "the header `x-bytes` cannot be read"),
        (json!({"nextUrl": "x.y"}), "`nextUrl` leads to no text but `7`"),
        (json!({"nextUrl": {"header": "X-Url"}}), "the next page's URL is wrong"),
        (json!({"cursor": {"header": "X-Bytes"}, "param": "c"}), "the header `x-bytes` cannot be read"),
        (json!({"link": "next"}), "the header `Link` cannot be read: `/p2; rel=next`"),
    ] {
        let body = body.clone();
        check(with(pagination), Err(expected), move |_| {
            let bytes = wiremock::http::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
            ok(&body)
                .insert_header("X-Odd", "many")
                .insert_header("X-Url", "http://[bad")
                .insert_header("Link", "/p2; rel=next")
                .insert_header("X-Bytes", bytes)
        })
        .await;
    }
}

#[tokio::test]
async fn links_are_followed_as_services_write_them() {
    for link in ["/a?q=é&page={}", "/a?q=%C3%A9&page={}", "?page={}"] {
        check(json!({"pagination": {"link": "next"}}), Ok((30, 3)), move |request| {
            let page = number(request, "page").unwrap_or(1);
            let answer = ok(&records((page * 10)..(page * 10 + 10)));
            if page == 3 {
                return answer;
            }
            let header = format!("<{}>; rel=\"next\"", link.replace("{}", &(page + 1).to_string()));
            answer.insert_header("Link", wiremock::http::HeaderValue::from_bytes(header.as_bytes()).unwrap())
        })
        .await;
    }
    // There is always a link; its attribute tells.
    check(json!({"pagination": {"link": "next"}}), Ok((30, 3)), |request| {
        let at = number(request, "cursor").unwrap_or(0);
        let header = format!("</a?cursor={}>; rel=\"next\"; results=\"{}\"", at + 10, at < 20);
        ok(&records((at + 1)..=(at + 10).min(30))).insert_header("Link", header)
    })
    .await;
}

#[tokio::test]
async fn a_page_that_was_seen_before_is_a_failure() {
    // A circle of two, whatever leads there.
    for pagination in
        [json!({"page": "page"}), json!({"nextUrl": "next"}), json!({"cursor": "c", "param": "page"})]
    {
        check(json!({"records": "d", "pagination": pagination}), Err("page"), |request| {
            let page = number(request, "page").unwrap_or(1) % 2;
            let (next, cursor) = (format!("/a?page={}", page + 1), page + 1);
            ok(&json!({"d": records((page * 10)..(page * 10 + 10)), "next": next, "c": cursor}))
        })
        .await;
    }
    // Also when the pages of the circle are empty.
    check(
        json!({"records": "d", "pagination": {"cursor": "c", "param": "p"}}),
        Err("read before"),
        |request| ok(&json!({"d": [], "c": (number(request, "p").unwrap_or(0) + 1) % 3 + 1})),
    )
    .await;
    // A service that does not know the parameter.
    let paged = json!({"records": "d", "pagination": {"page": "page", "size": {"n": 100}}});
    check(paged, Err("the same page twice"), |_| ok(&json!({"d": records(1..=20)}))).await;
}

#[tokio::test]
async fn each_parent_has_its_own_pages() {
    // The children of both parents are the same, page by page, and that is no circle.
    let server = serve(|request| match request.url.path() {
        "/p" => ok(&records([1, 2])),
        _ => ok(&json!({"d": page_of(request, 25, 10), "n": 25})),
    })
    .await;
    let children = json!({"path": "/p/{parent.id}/c", "parent": "p", "records": "d",
        "pagination": {"page": "page", "total": "n"}});
    let members = json!({"dataTypes": {"p": {}, "a": children}});
    let all = read_all(&*http(&server.uri(), &members, &json!({"type": "none"}))).await.unwrap();
    assert_eq!((ids(&all).len(), all.len()), (50, 6));
}

#[tokio::test]
async fn a_status_beyond_the_last_page_ends_the_reading_where_that_is_declared() {
    let with = |members: Value| {
        let mut pagination = json!({"page": "page", "size": {"size": 10}});
        for (name, value) in members.as_object().unwrap() {
            pagination[name] = value.clone();
        }
        json!({"records": "d", "pagination": pagination})
    };
    let service = |all: i64, status: u16| {
        move |request: &Request| {
            let list = page_of(request, all, 10);
            let is_beyond = list.as_array().unwrap().is_empty();
            if is_beyond { ResponseTemplate::new(status) } else { ok(&json!({"d": list, "n": all})) }
        }
    };
    for status in [400, 404] {
        check(with(json!({"end": {"status": [400, 404]}})), Ok((20, 3)), service(20, status)).await;
        check(with(json!({"end": {"status": [400, 404]}})), Ok((3, 2)), service(3, status)).await;
        check(with(json!({})), Err(&format!("answered {status}")), service(20, status)).await;
        // No page came at all: the path may be wrong.
        let expected = format!("answered {status}");
        check(with(json!({"end": {"status": [400, 404]}})), Err(&expected), service(0, status)).await;
        check(with(json!({"total": "n"})), Ok((20, 2)), service(20, status)).await;
    }
    check(with(json!({"end": {"status": [404]}})), Err("answered 400"), service(20, 400)).await;
    // Below the total it is no end.
    check(with(json!({"end": {"status": [404]}, "total": "n"})), Err("answered 404"), |request| {
        if number(request, "page") == Some(2) {
            return ResponseTemplate::new(404);
        }
        ok(&json!({"d": page_of(request, 30, 10), "n": 30}))
    })
    .await;
}

#[tokio::test]
async fn a_next_page_that_is_missing_must_agree_with_what_was_said() {
    let body = |request: &Request| {
        let page = number(request, "c").unwrap_or(1);
        let next = if page < 2 { json!(page + 1) } else { Value::Null };
        json!({"d": records((page * 10)..(page * 10 + 10)), "next": next, "n": 30, "more": true, "m": 2})
    };
    for (ending, expected) in [
        (json!({}), Ok((20, 2))),
        (json!({"pages": "m"}), Ok((20, 2))),
        (json!({"total": "n"}), Err("only 20 of the 30 records")),
        (json!({"while": "more"}), Err("page 2 says that there is more, but leads to no next page")),
        (json!({"until": "more"}), Ok((10, 1))),
    ] {
        let mut pagination = ending;
        pagination["cursor"] = json!("next");
        pagination["param"] = json!("c");
        check(json!({"records": "d", "pagination": pagination}), expected, move |request| ok(&body(request)))
            .await;
    }
}

#[tokio::test]
async fn an_answer_without_records_is_a_failure_whatever_its_status() {
    let plain = json!({"records": "d"});
    let lenient = json!({"records": {"path": "d", "missing": "empty"}});
    let incremental = json!({"records": "d", "incremental": {"field": "at", "param": "since"},
        "pagination": {"cursor": "next", "param": "c"}});
    let throttled = json!([{"message": "Throttled"}]);
    for (data_type, body, expected) in [
        (&plain, json!({}), Err("`records: d` leads to no list in the answer; if an empty list")),
        (&plain, json!({"d": null}), Err("leads to no list")),
        (&plain, json!({"d": "none"}), Err("leads to no list")),
        (&plain, json!({"d": {"code": 7}}), Err("leads to no list")),
        (&plain, json!({"d": {}}), Ok((0, 1))),
        (&plain, json!({"d": {"7": {"id": 7}}}), Ok((1, 1))),
        (
            &plain,
            json!({"d": {"items": [{"id": 1}], "cursor": {"id": "c"}}}),
            Err("the answer has a list of 1 object at `d.items`: write `records: d.items`"),
        ),
        (&json!({}), json!({"m": {}, "data": [{"id": 1}], "paging": {}}), Err("write `records: data`")),
        (&plain, json!({"error": "rate limited"}), Err("it answered 200 with an error: rate limited")),
        (&incremental, json!({"error": "rate limited"}), Err("it answered 200 with an error: rate limited")),
        (&incremental, json!({"next": "x"}), Err("leads to no list")),
        (&plain, json!({"d": null, "errors": throttled}), Err("with an error: Throttled")),
        (&lenient, json!({}), Ok((0, 1))),
        (&lenient, json!({"d": null, "error": null, "errors": []}), Ok((0, 1))),
        (&lenient, json!({"d": "none"}), Err("leads to no list")),
        (&lenient, json!({"d": null, "errors": throttled}), Err("with an error: Throttled")),
        (&json!({}), json!({"error": {"message": "no"}}), Err("it answered 200 with an error: no")),
        (
            &json!({}),
            json!({"status": "failed", "code": 9}),
            Err("with an error: it says that the request failed"),
        ),
        (
            &incremental,
            json!({"success": false, "message": "quota exceeded", "d": []}),
            Err("it answered 200 with an error: quota exceeded"),
        ),
        (&lenient, json!({"status": "error", "message": "later"}), Err("200 with an error: later")),
        (&plain, json!({"success": true, "message": "no rows", "d": []}), Ok((0, 1))),
        (
            &json!({"records": "d", "errors": "fault"}),
            json!({"d": [], "fault": "busy"}),
            Err("with an error: busy"),
        ),
    ] {
        check(data_type.clone(), expected, move |_| ok(&body)).await;
    }
}

#[tokio::test]
async fn an_offset_may_begin_at_one() {
    let body = |request: &Request| {
        let from = number(request, "startIndex").unwrap();
        let left: Vec<Value> = (from..=25).take(10).map(|id| json!({"id": id})).collect();
        ok(&json!({"totalResults": 25, "startIndex": from, "Resources": left}))
    };
    let pages = json!({"offset": "startIndex", "from": 1, "size": {"count": 10}, "total": "totalResults"});
    check(json!({"records": "Resources", "pagination": pages}), Ok((25, 3)), body).await;
}

#[tokio::test]
async fn an_envelope_with_a_member_twice_is_a_failure() {
    let data_type = json!({"records": "d", "pagination": {"page": "p", "total": "total"}});
    for (body, twice) in [
        (r#"{"total": 1, "d": [{"id": 1}], "d": []}"#, "d"),
        (r#"{"total": 1, "d": [{"id": 1}], "d": [{"id": 1}]}"#, "d"),
        (r#"{"total": 1, "d": [{"id": 1}], "total": 0}"#, "total"),
    ] {
        let expected =
            format!("the member `{twice}` stands twice in the answer, so that which of them counts");
        check(data_type.clone(), Err(&expected), move |_| {
            ResponseTemplate::new(200).set_body_raw(body, "application/json")
        })
        .await;
    }
    // The same once more says nothing else, and of a record the last one counts.
    let body = r#"{"total": 1, "d": [{"id": 7, "id": 1}], "total": 1}"#;
    check(data_type, Ok((1, 1)), move |_| ResponseTemplate::new(200).set_body_raw(body, "application/json"))
        .await;
}

#[tokio::test]
async fn a_declared_error_is_asked_for_again_where_the_settings_say_so() {
    for (retry, failures, expected) in [
        (true, 1, Ok((1, 2))),
        (true, 2, Ok((1, 3))),
        (true, 3, Err("with an error: busy")),
        (false, 1, Err("busy")),
    ] {
        let errors = json!({"path": "fault.code", "retry": retry, "message": "fault.text"});
        let left = Mutex::new(failures);
        check(json!({"records": "d", "errors": errors}), expected, move |_| {
            let mut left = left.lock().unwrap();
            if *left == 0 {
                return ok(&json!({"d": records([1]), "fault": {"code": 0, "text": "fine"}}));
            }
            *left -= 1;
            ok(&json!({"fault": {"code": 17, "text": "busy"}}))
        })
        .await;
    }
}

#[tokio::test]
async fn a_limit_is_waited_for_and_never_counts_as_a_refusal() {
    // The clock of the tests stands at 2024-01-31T09:30:00Z, 1706693400.
    for (status, headers, requests, refused) in [
        (403, vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1706693400")], 3, false),
        (403, vec![("X-RateLimit-Remaining", "0")], 3, false),
        (403, vec![("RateLimit", "\"default\";r=0;t=0")], 3, false),
        (403, vec![("Retry-After", "0")], 3, false),
        (403, vec![("X-Wait", "0")], 3, false),
        (429, vec![], 3, false),
        (403, vec![("X-RateLimit-Remaining", "12"), ("X-Wait", "0")], 1, true),
        (403, vec![], 1, true),
        (401, vec![("Retry-After", "0")], 1, true),
        // Longer than we may wait: a failure, but no refusal.
        (403, vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1706697000")], 1, false),
    ] {
        let sent = headers.clone();
        let server = serve(move |_| {
            let answer = ResponseTemplate::new(status);
            sent.iter().fold(answer, |answer, (name, value)| answer.insert_header(*name, *value))
        })
        .await;
        let retry = json!({"attempts": 3, "maxWait": "0s", "wait": {"header": "X-Wait"}});
        let members = json!({"dataTypes": {"a": {}}, "retry": retry});
        let error = read_all(&*http(&server.uri(), &members, &json!({"type": "none"}))).await.unwrap_err();
        assert_eq!(error.is_unauthorized(), refused, "{status} {headers:?}: {error}");
        assert_eq!(server.received_requests().await.unwrap().len(), requests, "{status} {headers:?}");
    }
}

#[tokio::test]
async fn tokens_of_the_version_before_are_read() {
    let server = serve(|request| ok(&json!({"d": page_of(request, 120, 50)}))).await;
    let source = reading(
        &server.uri(),
        &json!({"records": "d", "pagination": {"page": "page", "size": {"size": 50}}}),
    );
    let old = r#"{"v":1,"place":{"position":{"page":3,"seen":100,"at":{"page":3}}}}"#;
    let token = raccord_model::checkpoint::PageToken(old.to_owned());
    // It does not know how long a page was, so that one more is asked for.
    let rest = read_pages(&*source, from_page(&token)).await.unwrap();
    assert_eq!((ids(&rest).len(), rest.len()), (20, 2));
}
