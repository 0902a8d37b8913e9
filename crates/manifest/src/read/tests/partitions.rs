//! Streams whose partitions come from parents: how far parents are read, what fails, and where a state goes on.

use super::*;

/// A child whose partitions are the records of a parent.
pub(super) fn of_parent(parent: Value, config: Value, own: Value) -> Value {
    let mut parent = members(parent);
    parent.insert("name".to_owned(), "parent".into());
    let mut config = members(config);
    config.extend(members(json!({
        "type": "ParentStreamConfig", "stream": parent, "parent_key": "id", "partition_field": "board",
    })));
    let router = json!({"type": "SubstreamPartitionRouter", "parent_stream_configs": [config]});
    stream(json!({"partition_router": router}), own)
}

#[test]
fn parents_are_read_as_far_as_they_are_needed() {
    let service = service(|stream, asked| match (stream, asked["page"].as_u64()) {
        ("parent", None) => Answer::Records(json!([{"id": 1}, {"id": null}])),
        ("parent", Some(_)) => Answer::Records(json!([{"id": 3}])),
        _ => Answer::Records(json!([{"id": asked["board"]}])),
    });
    let parent = stream(pages_of_two(), json!({}));
    let seen = read(of_parent(parent, json!({}), json!({})), &service, None);
    let asked = [
        r#"parent {"size":2}"#,
        r#"child {"board":1}"#,
        r#"parent {"page":2,"size":2}"#,
        r#"child {"board":3}"#,
    ];
    assert_eq!(seen.asked, asked);
    assert_eq!(seen.ids, [1, 3]);
}

#[test]
fn a_partition_that_fails_blocks_no_other() {
    let service = service(|stream, asked| match (stream, asked["board"].as_u64()) {
        ("parent", _) => Answer::Records(json!([{"id": 1}, {"id": 2}])),
        (_, Some(1)) => Answer::Fails,
        _ => by_day(stream, asked),
    });
    let own = json!({"step": null, "cursor_granularity": null});
    let seen = read(of_parent(stream(json!({}), json!({})), json!({}), days(own)), &service, None);
    assert_eq!((seen.ids.len(), seen.errors.len()), (4, 1));
    let partition =
        |id: u64, at: &str| json!({"partition": {"board": id, "parent_slice": {}}, "cursor": {"at": at}});
    let expected = json!({
        "use_global_cursor": false, "lookback_window": 0,
        "states": [partition(1, "2025-01-01"), partition(2, "2025-01-04")],
    });
    assert_eq!(seen.states.last(), Some(&Some(expected)));
}

/// A child with a cursor and two partitions: what the first one and the parent are answered, and what is said to be passed over.
fn passed_over(parent: u16, statuses: [u16; 2]) -> Seen {
    let service = service(move |stream, asked| match (stream, asked["board"].as_u64()) {
        ("parent", _) if parent != 200 => Answer::Status(parent),
        ("parent", _) => Answer::Records(json!([{"id": 1}, {"id": 2}])),
        (_, Some(1)) if statuses[0] != 200 => Answer::Status(statuses[0]),
        (_, Some(2)) if statuses[1] != 200 => Answer::Status(statuses[1]),
        _ => by_day(stream, asked),
    });
    let own = json!({"step": null, "cursor_granularity": null});
    read(of_parent(stream(json!({}), json!({})), json!({}), days(own)), &service, None)
}

#[test]
fn what_is_ignored_is_passed_over_and_moves_no_cursor() {
    let check = |parent: u16, statuses: [u16; 2], expected: &[&str]| {
        assert_eq!(passed_over(parent, statuses).passed_over, expected, "{parent} {statuses:?}");
    };
    check(200, [200, 200], &[]);
    check(200, [403, 200], &["a request of the stream `child` was answered 403"]);
    check(200, [500, 200], &["a request of the stream `child` was answered 500"]);
    check(403, [200, 200], &["a request of the stream `parent` was answered 403"]);
    check(404, [200, 200], &["a request of the stream `parent` was answered 404"]);
    // What is not there has no children, unless that is said of all.
    check(200, [404, 200], &[]);
    check(200, [404, 410], &["a request of the stream `child` was answered 404"]);
    let state = passed_over(200, [403, 200]).states.last().cloned().flatten().unwrap();
    let at = |number: usize| state["states"][number]["cursor"]["at"].clone();
    assert_eq!((at(0), at(1)), (json!("2025-01-01"), json!("2025-01-04")));
    assert_eq!(state.get("state"), None);
}

#[test]
fn an_ignored_answer_behind_the_last_page_ends_the_pages() {
    let check = |status: u16, expected: usize| {
        let service = service(move |_, asked| match asked["page"].as_u64() {
            None => Answer::Records(json!([{"id": 1}, {"id": 2}])),
            Some(_) => Answer::Status(status),
        });
        let seen = read(stream(pages_of_two(), json!({})), &service, None);
        assert_eq!((seen.ids.len(), seen.passed_over.len()), (2, expected), "{status}");
    };
    check(404, 0);
    check(400, 0);
    check(403, 1);
    check(503, 1);
}

#[test]
fn a_parent_goes_on_where_its_child_knows_it() {
    let service = service(|stream, asked| match stream {
        "parent" => by_day(stream, asked),
        _ => Answer::Records(json!([{"id": asked["board"], "at": "2025-01-03"}])),
    });
    let parent = stream(json!({}), days(json!({})));
    let own = days(json!({"step": null, "cursor_granularity": null}));
    let child = of_parent(parent, json!({"incremental_dependency": true}), own);
    let seen = read(child.clone(), &service, None);
    assert_eq!(seen.ids, ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"]);
    let parents = |state: &Option<Value>| state.as_ref().unwrap()["parent_state"]["parent"]["at"].clone();
    let parents: Vec<_> = seen.states.iter().map(parents).collect();
    // A partition counts once the next one has come.
    assert_eq!(
        parents,
        [json!(null), json!("2025-01-01"), json!("2025-01-02"), json!("2025-01-02"), json!("2025-01-04")]
    );
    for state in &seen.states {
        let rest = read(child.clone(), &service, state.as_ref());
        assert_eq!(rest.ids.last(), Some(&json!("2025-01-04")));
    }
    let rest = read(child, &service, seen.states.last().unwrap().as_ref());
    assert_eq!(rest.asked.len(), 2);
}

#[test]
fn a_first_page_can_stand_in_the_parent() {
    let service = service(|stream, asked| match (stream, asked["page"].as_u64()) {
        ("parent", _) => Answer::Records(json!([{"id": 1, "items": [{"id": 10}, {"id": 11}]}, {"id": 2}])),
        (_, Some(_)) => Answer::Records(json!([{"id": 12}])),
        _ => Answer::Fails,
    });
    let mut child =
        members(of_parent(stream(json!({}), json!({})), json!({"lazy_read_pointer": ["items"]}), json!({})));
    child["retriever"]["paginator"] = pages_of_two()["paginator"].clone();
    let seen = read(Value::Object(child), &service, None);
    assert_eq!(seen.asked, ["parent {}", r#"child {"board":1,"page":2,"size":2}"#]);
    assert_eq!(seen.ids, [10, 11, 12]);
}

/// A parent whose records are days, and a child with a record for each of two other days and each parent.
fn family(own: Value) -> Value {
    let parent = stream(json!({}), days(json!({})));
    let mut cursor = members(json!({"step": "P2D", "cursor_granularity": "P1D"}));
    cursor.extend(members(own));
    of_parent(parent, json!({"incremental_dependency": true}), days(Value::Object(cursor)))
}

fn of_family(fails: Option<usize>) -> Service {
    let count = Mutex::new(0);
    service(move |stream, asked| {
        if stream == "parent" {
            return by_day(stream, asked);
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        if fails == Some(*count) {
            return Answer::Fails;
        }
        let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        let within = ["2025-01-01", "2025-01-03", "2025-01-04"].into_iter();
        let within = within.filter(|day| text("from").as_str() <= *day && *day <= text("until").as_str());
        Answer::Records(
            within.map(|day| json!({"id": format!("{} {day}", text("board")), "at": day})).collect(),
        )
    })
}

#[test]
fn interrupted_or_failed_anywhere_a_family_is_read_whole() {
    for own in [
        json!({}),
        json!({"global_substream_cursor": true}),
        json!({"step": null, "cursor_granularity": null}),
    ] {
        for (most, fails) in
            (0..14).map(|most| (most, None)).chain((1..9).map(|fails| (usize::MAX, Some(fails))))
        {
            let first = read_some(family(own.clone()), &of_family(fails), None, most);
            let state = first.states.last().cloned().flatten();
            let rest = read(family(own.clone()), &of_family(None), state.as_ref());
            let seen: std::collections::BTreeSet<_> =
                first.ids.iter().chain(&rest.ids).map(Value::to_string).collect();
            assert_eq!(seen.len(), 12, "{own} {most} {fails:?} {state:?}");
        }
    }
}

#[tokio::test]
async fn a_large_state_is_kept_rarely() {
    let check = async |count: u64, most: usize| {
        let service = service(move |stream, asked| match stream {
            "parent" => Answer::Records((0..count).map(|id| json!({"id": id})).collect()),
            _ => by_day(stream, asked),
        });
        let own = json!({"step": null, "cursor_granularity": null});
        let child = of_parent(stream(json!({}), json!({})), json!({}), days(own));
        let (child, _) = build(child, &service);
        let mut reading = child.read(None).unwrap();
        let mut kept = 0;
        while let Some(page) = reading.next().await.unwrap() {
            kept += usize::from(page.is_checkpoint);
        }
        assert_eq!(kept, most);
    };
    check(1, 1).await;
    check(50, 50).await;
    check(500, 146).await;
}
