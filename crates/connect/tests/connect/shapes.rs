//! Every shape of pagination that the design names, read whole and from every page on.

use raccord_model::checkpoint::Cursor;
use raccord_model::language::HttpSettings;
use raccord_model::port::source::Read;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::service::{
    data_type, from_page, http, ids, number, ok, query, read_all, read_pages, records, serve, source,
};

/// Reads the records 1 to 5, then again from the token of every page: nothing is lost, nothing comes twice.
async fn check(
    settings: Value,
    pages: usize,
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) {
    let server = serve(answer).await;
    let source = data_type(&server.uri(), &settings);
    let all = read_all(&*source).await.unwrap_or_else(|error| panic!("{settings}: {error}"));
    assert_eq!(ids(&all), [1, 2, 3, 4, 5], "{settings}");
    assert_eq!(all.len(), pages, "{settings}");
    assert!(all.iter().all(|page| page.faults.is_empty()));
    let pagination = &settings["pagination"];
    let (by_position, total) =
        (!pagination["page"].is_null() || !pagination["offset"].is_null(), !pagination["total"].is_null());
    for page in all.iter().filter(|page| page.position != "the end") {
        assert_eq!((page.by_position, page.total), (by_position, total.then_some(5)), "{settings}");
    }
    for (at, page) in all.iter().enumerate() {
        match &page.next {
            None => assert_eq!(at, all.len() - 1, "{settings}"),
            Some(token) => {
                let rest = read_pages(&*source, from_page(token)).await.unwrap();
                assert_eq!(ids(&rest), ids(&all[at + 1..]), "{settings} from {token:?}");
            }
        }
    }
}

/// The two records of a page, counted from 0; the third page has one.
fn two(page: i64) -> Value {
    records((page * 2 + 1)..=(page * 2 + 2).min(5))
}

#[tokio::test]
async fn the_next_url_is_in_the_body() {
    for absolute in [false, true] {
        check(json!({"records": "results", "pagination": {"nextUrl": "links.next"}}), 3, move |request| {
            let page = number(request, "p").unwrap_or(0);
            let base = if absolute {
                format!("http://{}", request.headers["host"].to_str().unwrap())
            } else {
                String::new()
            };
            let next = if page < 2 { json!(format!("{base}/a?p={}", page + 1)) } else { Value::Null };
            ok(&json!({"results": two(page), "links": {"next": next}}))
        })
        .await;
    }
}

#[tokio::test]
async fn the_next_url_is_in_a_header() {
    check(json!({"records": "data", "pagination": {"nextUrl": {"header": "Next-Page"}}}), 3, |request| {
        let page = number(request, "p").unwrap_or(0);
        let answer = ok(&json!({"data": two(page)}));
        if page < 2 { answer.insert_header("Next-Page", format!("/a?p={}", page + 1)) } else { answer }
    })
    .await;
}

#[tokio::test]
async fn the_next_url_is_a_link() {
    check(json!({"records": "$", "pagination": {"link": "next"}}), 3, |request| {
        let page = number(request, "p").unwrap_or(0);
        let next = if page < 2 { format!(", <?p={}>; rel=\"next\"", page + 1) } else { String::new() };
        ok(&two(page)).insert_header("Link", format!("</a>; rel=\"first\"{next}"))
    })
    .await;
}

#[tokio::test]
async fn pages_are_numbered() {
    // The third page is short, so a fourth is not asked for.
    check(
        json!({"records": "items", "pagination": {"page": "page", "from": 0, "size": {"per_page": 2}}}),
        3,
        |request| {
            let page = number(request, "page").unwrap();
            assert!(page < 3 && number(request, "per_page") == Some(2));
            ok(&json!({"items": two(page)}))
        },
    )
    .await;
    // Without a size only an empty page tells.
    check(json!({"records": "items", "pagination": {"page": "page"}}), 4, |request| {
        let page = number(request, "page").unwrap();
        ok(&json!({"items": if page < 4 { two(page - 1) } else { json!([]) }}))
    })
    .await;
    // The service says when it is over.
    check(json!({"records": "items", "pagination": {"page": "page", "while": "more"}}), 3, |request| {
        let page = number(request, "page").unwrap();
        assert!(page < 4);
        ok(&json!({"items": two(page - 1), "more": page < 3}))
    })
    .await;
}

/// The outer records are what pages are counted by, and each record has its own as its parent.
#[tokio::test]
async fn records_stand_in_other_records_and_members_have_names() {
    let server = serve(|request: &Request| match (request.url.path(), number(request, "page")) {
        ("/orders", Some(page)) if page < 3 => {
            let positions = |order: i64| json!({"order": order, "positions": [{"id": order * 10}, {"id": order * 10 + 1}]});
            ok(&json!({"results": [positions(page * 2 - 1), positions(page * 2)], "count": 4}))
        }
        ("/rates", _) => ok(&json!({"base": "EUR", "rates": {"CHF": 0.94, "USD": {"rate": 1.10}}})),
        _ => ok(&json!({"results": [], "count": 4})),
    })
    .await;
    let pagination = json!({"page": "page", "total": "count", "size": {"limit": 2}});
    let data_types = json!({
        "orders": {"records": "results[*].positions", "pagination": pagination},
        "rates": {"records": {"members": "rates"}},
    });
    let of = |data_type: &str| {
        let settings = json!({"baseUrl": server.uri(), "dataTypes": data_types});
        let settings = serde_json::from_value::<HttpSettings>(settings).unwrap().into();
        source(&settings, &json!({"type": "none"}), data_type, std::path::Path::new("."))
    };
    let pages = read_all(&*of("orders")).await.unwrap();
    assert_eq!(ids(&pages), [10, 11, 20, 21, 30, 31, 40, 41]);
    let outers: Vec<Value> = pages
        .iter()
        .flat_map(|page| {
            page.records.iter().map(|record| serde_json::from_slice(record.outer().unwrap()).unwrap())
        })
        .collect();
    let orders: Vec<i64> = outers.iter().map(|outer| outer["order"].as_i64().unwrap()).collect();
    assert_eq!(orders, [1, 1, 2, 2, 3, 3, 4, 4]);
    let pages = read_all(&*of("rates")).await.unwrap();
    let records: Vec<String> =
        pages.iter().flat_map(|page| page.records.iter().map(|record| record.to_json())).collect();
    assert_eq!(records, [r#"{"$value":0.94,"$key":"CHF"}"#, r#"{"rate":1.1,"$key":"USD"}"#]);
}

#[tokio::test]
async fn records_are_skipped() {
    // The service caps the page at two, whatever is asked for; the total tells.
    check(
        json!({"records": "items", "pagination": {"offset": "offset", "size": {"limit": 50}, "total": "meta.count"}}),
        3,
        |request| {
            let offset = number(request, "offset").unwrap();
            assert!(offset < 5 && number(request, "limit") == Some(50));
            ok(&json!({"items": two(offset / 2), "meta": {"count": 5}}))
        },
    )
    .await;
}

#[tokio::test]
async fn a_cursor_is_in_the_body() {
    for (first, second) in [(json!("c&1"), json!("c 2")), (json!(9_007_199_254_740_993_i64), json!(2))] {
        let (one, two_) = (first.clone(), second.clone());
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        check(
            json!({"records": "data", "pagination": {"cursor": "meta.next", "param": "cursor"}}),
            3,
            move |request| {
                let cursor = query(request, "cursor");
                let (page, next) = match cursor {
                    None => (0, one.clone()),
                    Some(cursor) if cursor == plain(&one) => (1, two_.clone()),
                    Some(cursor) => {
                        assert_eq!(cursor, plain(&two_));
                        (2, json!(""))
                    }
                };
                ok(&json!({"data": two(page), "meta": {"next": next}}))
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_cursor_is_in_the_last_record() {
    let by_record = |settings: Value, pages| {
        check(settings, pages, |request| {
            let after = number(request, "starting_after").unwrap_or(0);
            ok(&json!({"data": records((after + 1)..=(after + 2).min(5)), "has_more": after + 2 < 5}))
        })
    };
    by_record(
        json!({"records": "data", "pagination": {"cursor": {"lastRecord": "id"}, "param": "starting_after", "while": "has_more"}}),
        3,
    )
    .await;
    by_record(
        json!({"records": "data", "pagination": {"cursor": {"lastRecord": "id"}, "param": "starting_after"}}),
        4,
    )
    .await;
}

#[tokio::test]
async fn a_cursor_is_an_object() {
    check(json!({"records": "query.pages", "pagination": {"cursor": "continue"}}), 3, |request| {
        let page = number(request, "from").unwrap_or(0);
        assert_eq!(query(request, "continue").is_some(), page > 0);
        let continues = json!({"from": page + 1, "continue": "-||"});
        // The records are the members of an object.
        let pages: serde_json::Map<_, _> = two(page)
            .as_array()
            .unwrap()
            .iter()
            .map(|record| (record["id"].to_string(), record.clone()))
            .collect();
        let mut body = json!({"query": {"pages": pages}});
        if page < 2 {
            body["continue"] = continues;
        }
        ok(&body)
    })
    .await;
}

#[tokio::test]
async fn parameters_are_in_the_body_of_a_post() {
    let settings = json!({
        "path": "/search", "method": "POST", "body": {"query": "all", "page": "{{ page }}", "c": "{{ cursor }}"},
        "records": "hits", "pagination": {"page": {"body": "page"}, "size": {"limit": 2}}
    });
    let mut settings = settings;
    settings["body"].as_object_mut().unwrap().remove("c");
    check(settings, 3, |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            (request.method.as_str(), &request.headers["content-type"]),
            ("POST", &"application/json".parse().unwrap())
        );
        assert_eq!((&body["query"], &body["limit"]), (&json!("all"), &json!(2)));
        ok(&json!({"hits": two(body["page"].as_i64().unwrap() - 1)}))
    })
    .await;
    let settings = json!({
        "method": "POST", "body": {"after": "{{ cursor }}", "page": {"size": 2}}, "records": "hits",
        "pagination": {"cursor": "next", "param": {"body": "page.after"}}
    });
    check(settings, 3, |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body.get("after"), body["page"].get("after"));
        let page = body["after"]["at"].as_i64().unwrap_or(0);
        ok(&json!({"hits": two(page), "next": if page < 2 { json!({"at": page + 1}) } else { json!({}) }}))
    })
    .await;
}

#[tokio::test]
async fn only_what_changed_is_asked_for() {
    let server = serve(|request| {
        assert_eq!(query(request, "expand").as_deref(), Some("address"));
        let since = query(request, "modified_since");
        ok(&records(if since.as_deref() == Some("2024-01-02T03:04:05Z") { 5..=5 } else { 1..=5 }))
    })
    .await;
    let settings = json!({"path": "contacts", "query": {"expand": "address"},
        "incremental": {"field": "updated_at", "param": "modified_since"}});
    let source = data_type(&server.uri(), &settings);
    assert_eq!(ids(&read_all(&*source).await.unwrap()).len(), 5);
    let from = Some(Cursor::Instant(1_704_164_645, 0));
    assert_eq!(ids(&read_pages(&*source, Read { from, ..Read::default() }).await.unwrap()), [5]);
}

/// Orders 1 to 6 on pages of two; each has two pages of items, but 2 and 6 have none at all.
fn orders_and_items(request: &Request) -> ResponseTemplate {
    let path = request.url.path();
    if path == "/orders" {
        let page = number(request, "page").unwrap();
        let orders: Value = if page > 3 {
            json!([])
        } else {
            [page * 2 - 1, page * 2].iter().map(|id| json!({"meta": {"key": format!("o/{id}")}})).collect()
        };
        return ok(&json!({"orders": orders}));
    }
    let order: i64 =
        path.strip_prefix("/orders/o%2F").unwrap().strip_suffix("/items").unwrap().parse().unwrap();
    let page = number(request, "page").unwrap();
    let items = if order == 2 || order == 6 { records([]) } else { records([order * 10 + page]) };
    ok(&json!({"items": items, "more": page < 2 && items.as_array().unwrap().len() == 1}))
}

#[tokio::test]
async fn each_parent_record_leads_to_pages() {
    let server = serve(orders_and_items).await;
    let members = json!({"dataTypes": {
        "orders": {"records": "orders", "pagination": {"page": "page"}},
        "a": {"path": "/orders/{parent.meta.key}/items", "parent": "orders", "records": "items",
              "pagination": {"page": "page", "while": "more"}},
    }});
    let source = http(&server.uri(), &members, &json!({"type": "none"}));
    let all = read_all(&*source).await.unwrap();
    assert_eq!(ids(&all), [11, 12, 31, 32, 41, 42, 51, 52]);
    let (last, others) = all.split_last().unwrap();
    assert!(last.next.is_none() && others.iter().all(|page| page.next.is_some() && page.records.len() == 1));
    assert_eq!(all[0].parent.as_deref(), Some(&br#"{"meta":{"key":"o/1"}}"#[..]));
    assert_eq!(all[3].position, "parent page 2, record 1, page 2");
    for (at, page) in others.iter().enumerate() {
        let rest = read_pages(&*source, from_page(page.next.as_ref().unwrap())).await.unwrap();
        assert_eq!(ids(&rest), ids(&all[at + 1..]), "{:?}", page.next);
    }
}

#[tokio::test]
async fn parents_of_parents_and_empty_parents() {
    let server = serve(|request| {
        let path = request.url.path();
        ok(&match path {
            "/none" => json!([]),
            "/x" => json!([{"id": 1}, {"id": 2}]),
            "/x/1/y" => json!([{"id": 3}]),
            "/x/2/y" => json!([{"id": 4}, {"id": 5}]),
            _ => records([path.rsplit('/').nth(1).unwrap().parse::<i64>().unwrap() * 10]),
        })
    })
    .await;
    let members = json!({"dataTypes": {
        "x": {}, "y": {"path": "/x/{parent.id}/y", "parent": "x"}, "a": {"path": "/y/{parent.id}/z", "parent": "y"},
    }});
    let source = http(&server.uri(), &members, &json!({"type": "none"}));
    let all = read_all(&*source).await.unwrap();
    assert_eq!(ids(&all), [30, 40, 50]);
    for (at, page) in all.iter().enumerate() {
        if let Some(token) = &page.next {
            let rest = read_pages(&*source, from_page(token)).await.unwrap();
            assert_eq!(ids(&rest), ids(&all[at + 1..]));
        }
    }
    let members = json!({"dataTypes": {"none": {}, "a": {"path": "/y/{parent.id}/z", "parent": "none"}}});
    let source = http(&server.uri(), &members, &json!({"type": "none"}));
    let all = read_all(&*source).await.unwrap();
    assert!(all.len() == 1 && all[0].records.is_empty() && all[0].next.is_none());
    assert_eq!(source.check().await.unwrap(), "`none` has no records to ask with");
}

#[tokio::test]
async fn a_list_that_is_left_out_is_empty_where_the_settings_say_so() {
    let server = serve(|request| {
        // Where an answer leads on, the list may be missing too.
        ok(&if query(request, "c").is_none() { json!({"next": "x"}) } else { json!({"next": null}) })
    })
    .await;
    for (records, is_empty) in [(json!("data"), false), (json!({"path": "data", "missing": "empty"}), true)] {
        let settings = json!({"records": records, "pagination": {"cursor": "next", "param": "c"},
            "incremental": {"field": "at", "param": "since"}});
        let source = data_type(&server.uri(), &settings);
        for from in [None, Some(Cursor::Instant(0, 0))] {
            match read_pages(&*source, Read { from, ..Read::default() }).await {
                Ok(all) => {
                    assert!(is_empty && all.len() == 1 && all[0].records.is_empty() && all[0].next.is_none());
                }
                Err(error) => assert!(!is_empty && error.to_string().contains("leads to no list"), "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_object_is_a_fault() {
    let server = serve(|_| ok(&json!([{"id": 1}, 7, null, [], {"id": 2}]))).await;
    let source = data_type(&server.uri(), &json!({}));
    let all = read_all(&*source).await.unwrap();
    assert_eq!(ids(&all), [1, 2]);
    let faults: Vec<&str> = all[0].faults.iter().map(|fault| fault.position.as_str()).collect();
    assert_eq!(faults, ["page 1, record 2", "page 1, record 3", "page 1, record 4"]);
    assert_eq!(all[0].faults[0].payload, "7");
}

#[tokio::test]
async fn a_check_asks_for_little_and_says_what_it_saw() {
    let server = serve(|request| ok(&records(1..=number(request, "limit").unwrap()))).await;
    let source = data_type(&server.uri(), &json!({"pagination": {"page": "p", "size": {"limit": 500}}}));
    let seen = source.check().await.unwrap();
    assert_eq!(seen, format!("GET {}/a answered 200, 10 records on the first page", server.uri()));
}
