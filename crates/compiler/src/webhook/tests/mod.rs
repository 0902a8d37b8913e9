//! Webhooks as JSON, the findings they lead to, and what is read of deliveries.

use serde_json::{Value, json};

use super::*;

mod checking;

use self::checking::check;

fn settings() -> HttpSettings {
    let settings = json!({"baseUrl": "https://api.example", "dataTypes": {"customers": {}, "orders": {}}});
    serde_json::from_value(settings).unwrap()
}

fn webhook(members: &Value) -> WebhookSpec {
    let mut spec = json!({"verify": {"bearer": "${env:T}"}});
    for (name, value) in members.as_object().unwrap() {
        spec[name] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

/// A hook of a source with an event of every sort.
fn hook() -> Hook {
    let spec = webhook(&json!({
        "event": "type", "delivery": {"body": "id"},
        "events": {
            "customer.created": {"dataType": "customers", "record": "data.object"},
            "customer.*": {"dataType": "customers", "record": "data.object"},
            "customer.deleted": {"dataType": "customers", "record": "data.object", "deleted": true},
            "customer.tax.*": "ignore",
            "order.changed": {"dataType": "orders", "fetch": {"path": "/orders/{event.data.id}", "record": "order"}},
            "order.moved": {"dataType": "orders", "record": "order", "fetch": {"path": "{event.url}"}},
            "created": {"dataType": "customers", "record": "customer"},
        }
    }));
    lower(&spec, &settings()).0.unwrap()
}

const NO_HEADERS: &dyn Fn(&str) -> Option<&'static [u8]> = &|_| None;

/// What is read: `dataType event intent record delivery`, `ignored event`, or why nothing is.
fn read(hook: &Hook, route: Route<'_>, body: &str) -> String {
    read_with(hook, route, NO_HEADERS, body)
}

fn read_with(
    hook: &Hook,
    route: Route<'_>,
    header: &dyn Fn(&str) -> Option<&'static [u8]>,
    body: &str,
) -> String {
    let shown = |reading| match reading {
        Reading::Ignored { event } => format!("ignored {event}"),
        Reading::Received(received) => {
            let Received { data_type, event, intent, record, delivery, .. } = received;
            let intent = match intent {
                Intent::Upsert => "upsert".to_owned(),
                Intent::Partial => "partial".to_owned(),
                Intent::Delete => "delete".to_owned(),
                Intent::Fetch { path } => path,
            };
            let delivery = delivery.unwrap_or_default();
            let record = std::str::from_utf8(record.of(body.as_bytes())).unwrap();
            format!("{data_type} {event} {intent} {record} {delivery}")
        }
    };
    match hook.read(route, header, body.as_bytes()) {
        Ok(readings) => readings.into_iter().map(shown).collect::<Vec<_>>().join(" | "),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn an_event_leads_to_its_record() {
    let hook = hook();
    let cases = [
        (
            r#"{"id":"e1","type":"customer.created","data":{"object": {"id":1} }}"#,
            r#"customers customer.created upsert {"id":1} e1"#,
        ),
        // The id of a delivery may be a number, and stand after everything else.
        (
            r#"{"type":"customer.renamed","data":{"object":{"id":1}},"id":7}"#,
            r#"customers customer.renamed upsert {"id":1} 7"#,
        ),
        (
            r#"{"id":"e1","type":"customer.deleted","data":{"object":{"id":1}}}"#,
            r#"customers customer.deleted delete {"id":1} e1"#,
        ),
        (r#"{"id":"e1","type":"customer.tax.created"}"#, "ignored customer.tax.created"),
        (r#"{"id":"e1","type":"invoice.paid"}"#, "ignored invoice.paid"),
        (
            r#"{"id":"e1","type":"order.changed","data":{"id":"a/b é"}}"#,
            r#"orders order.changed /orders/a%2Fb%20%C3%A9 {"id":"e1","type":"order.changed","data":{"id":"a/b é"}} e1"#,
        ),
        (
            r#"{"id":"e1","type":"order.moved","url":"https://api.example/o/1?a=b","order":{"id":1}}"#,
            r#"orders order.moved https://api.example/o/1?a=b {"id":1} e1"#,
        ),
        (r#"{"id":"e1","type":"order.moved","url":"/o/1"}"#, "orders order.moved /o/1  e1"),
        // What stands twice counts as it stands last, like everywhere else.
        (
            r#"{"id":"e1","id":"e2","type":"customer.created","data":{"object":{"id":1}}}"#,
            r#"customers customer.created upsert {"id":1} e2"#,
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(read(&hook, Route::default(), body), expected, "{body}");
    }
    assert_eq!(hook.record_in_answer("order.changed").to_string(), "order");
    assert_eq!(hook.record_in_answer("customer.created").to_string(), "$");
}

#[test]
fn what_cannot_be_read_is_told_apart() {
    let hook = hook();
    let deep = format!(r#"{{"type":{}1{}}}"#, "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let brackets = format!(r#"{{"id":1,"type":"x{}\""}}"#, "[".repeat(MAX_DEPTH + 1));
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(129));
    let long_id = format!(r#"{{"type":"customer.x","data":{{"object":{{}}}},"id":"{}"}}"#, "x".repeat(257));
    let cases = [
        ("", "NotJson { line: 1, column: 0 }"),
        (r#"{"id":"e1","type":"customer.cre"#, "NotJson { line: 1, column: 31 }"),
        ("{}{}", "NotJson { line: 1, column: 3 }"),
        ("id=1&type=x", "NotJson { line: 1, column: 1 }"),
        ("{}", "NoEvent"),
        (r#"{"type":{"a":1}}"#, "NoEvent"),
        (r#"{"type":"a\u0000b"}"#, "BadEvent"),
        (long.as_str(), "BadEvent"),
        (deep.as_str(), "TooDeep"),
        (r#"{"type":"customer.created","data":{"object":{}}}"#, "NoDelivery"),
        (long_id.as_str(), "NoDelivery"),
    ];
    for (body, expected) in cases {
        assert_eq!(read(&hook, Route::default(), body), expected, "{body}");
    }
    assert!(read(&hook, Route::default(), &brackets).starts_with("ignored x["));
    for body in [
        r#"{"id":1,"type":"customer.created"}"#,
        r#"{"id":1,"type":"customer.created","data":{"object":null}}"#,
        r#"{"id":1,"type":"customer.created","data":{"object":[{"id":1}]}}"#,
    ] {
        let said = read(&hook, Route::default(), body);
        assert!(said.starts_with("NoRecord"), "{said}");
    }
    for id in ["null", "\"\"", "\"..\"", "{}", "[1]"] {
        let body = format!(r#"{{"id":1,"type":"order.changed","data":{{"id":{id}}}}}"#);
        let said = read(&hook, Route::default(), &body);
        assert!(said.starts_with("NoField"), "{said}");
    }
    let latin: &[u8] = b"{\n \"type\": \"caf\xe9\"}";
    assert_eq!(
        hook.read(Route::default(), NO_HEADERS, latin),
        Err(Unreadable::NotJson { line: 2, column: 14 })
    );
}

#[test]
fn the_url_may_say_what_the_body_does_not() {
    let mut hook = hook();
    hook.by_url = true;
    let route = |data_type, event| Route { data_type: Some(data_type), event: Some(event) };
    let body = r#" {"id": 9} "#;
    let cases = [
        ("orders", "created", r#"orders created upsert {"id": 9} 9"#),
        ("orders", "updated", r#"orders updated upsert {"id": 9} 9"#),
        ("customers", "deleted", r#"customers deleted delete {"id": 9} 9"#),
        ("customers", "customer.tax.gone", "ignored customer.tax.gone"),
        ("orders", "customer.renamed", r#"UnknownEvent("customer.renamed")"#),
        ("orders", "order.gone", r#"UnknownEvent("order.gone")"#),
        ("order", "created", "UnknownDataType"),
    ];
    for (data_type, event, expected) in cases {
        assert_eq!(read(&hook, route(data_type, event), body), expected, "{data_type}/{event}");
    }
    let wrapped = r#"{"id":1,"customer":{"id":2},"data":{"object":{"id":3}}}"#;
    assert_eq!(read(&hook, route("customers", "created"), wrapped), r#"customers created upsert {"id":2} 1"#);
    assert_eq!(
        read(&hook, route("customers", "customer.deleted"), wrapped),
        r#"customers customer.deleted delete {"id":3} 1"#
    );
    // One that is listed by the beginning alone as well.
    assert_eq!(
        read(&hook, route("customers", "customer.renamed"), wrapped),
        r#"customers customer.renamed upsert {"id":3} 1"#
    );
    assert_eq!(
        read(&hook, route("orders", "created"), r#"[{"id":1}]"#),
        "NoRecord(ManyPath([FieldPath([])]))"
    );
    hook.max_body = 4;
    assert_eq!(read(&hook, Route::default(), body), "TooLarge { size: 11, limit: 4 }");
}

#[test]
fn the_url_says_something_only_where_it_is_all_there_is_or_is_signed() {
    let hmac =
        |signed: &str| json!({"hmac": {"secret": "${env:S}", "header": "X-Signature", "signed": signed}});
    let listed = json!({"customer.created": {"dataType": "customers"}});
    let check = |verify: Value, events: &Value, is_read: bool| {
        let spec = webhook(&json!({"verify": verify, "event": "type", "events": events}));
        let hook = lower(&spec, &settings()).0.unwrap();
        let route = Route { data_type: Some("customers"), event: Some("deleted") };
        let said = read(&hook, route, r#"{"id": 9, "type": "customer.created"}"#);
        let expected = if is_read { "customers deleted delete" } else { "UnsignedUrl" };
        assert!(said.starts_with(expected), "{verify} {events}: {said}");
    };
    for verify in [
        json!({"stripe": {"secret": "${env:S}"}}),
        json!({"standardWebhooks": {"secret": "${env:S}"}}),
        json!({"bearer": "${env:T}"}),
        json!({"apiKey": {"header": "X-Key", "value": "${env:K}"}}),
        hmac("{body}"),
    ] {
        check(verify, &listed, false);
    }
    check(hmac("{url}{body}"), &listed, true);
    check(hmac("{body}"), &json!({}), true);
    check(json!({"bearer": "${env:T}"}), &json!({}), true);
    check(hmac("{body}"), &json!({"customer.*": "ignore"}), false);
}

#[test]
fn headers_name_events_and_deliveries() {
    let spec = webhook(&json!({
        "event": {"header": "X-Event", "body": "action"}, "delivery": {"header": "X-Delivery"},
        "events": {"issues.opened": {"dataType": "orders", "record": "issue"}, "issues.*": "ignore", "push": {"dataType": "orders"}}
    }));
    let hook = lower(&spec, &settings()).0.unwrap();
    let read = |event: Option<&'static str>, body: &'static str| {
        let header = move |name: &str| match name {
            "X-Event" => event.map(str::as_bytes),
            "X-Delivery" => Some("d1".as_bytes()),
            _ => None,
        };
        read_with(&hook, Route::default(), &header, body)
    };
    let cases = [
        (Some("issues"), r#"{"action":"opened","issue":{}}"#, "orders issues.opened upsert {} d1"),
        (Some("issues"), r#"{"action":"closed"}"#, "ignored issues.closed"),
        (Some("push"), r#"{"ref":"main"}"#, r#"orders push upsert {"ref":"main"} d1"#),
        (Some("ping"), r#"{"zen":"x"}"#, "ignored ping"),
        (None, r#"{"action":"opened"}"#, "NoEvent"),
        (Some(""), r#"{"action":"opened"}"#, "NoEvent"),
    ];
    for (event, body, expected) in cases {
        assert_eq!(read(event, body), expected, "{event:?} {body}");
    }
}

#[test]
fn one_delivery_may_be_about_many_records() {
    let spec = webhook(&json!({
        "event": {"body": ["collection", "event"]}, "delivery": {"body": "id"},
        "events": {
            "articles.items.create": {"dataType": "orders", "record": "key", "as": "id", "fetch": {"path": "/items/articles/{record.id}", "record": "data"}},
            "articles.items.update": {"dataType": "orders", "record": "keys[*]", "as": "id", "fetch": {"path": "/items/{event.collection}/{record.id}", "record": "data"}},
            "articles.items.delete": {"dataType": "orders", "record": "keys[*]", "as": "id", "deleted": true},
            "orders.changed": {"dataType": "orders", "record": "groups[*].orders[*]"},
        }
    }));
    let hook = lower(&spec, &settings()).0.unwrap();
    let cases = [
        (
            r#"{"id":"d","collection":"articles","event":"items.create","key":5}"#,
            r#"orders articles.items.create /items/articles/5 {"id":5} d"#,
        ),
        (
            r#"{"id":"d","collection":"articles","event":"items.update","keys":[1,"a/b"]}"#,
            r#"orders articles.items.update /items/articles/1 {"id":1} d/0 | orders articles.items.update /items/articles/a%2Fb {"id":"a/b"} d/1"#,
        ),
        (
            r#"{"id":"d","collection":"articles","event":"items.delete","keys":["x"]}"#,
            r#"orders articles.items.delete delete {"id":"x"} d/0"#,
        ),
        (
            r#"{"id":"d","collection":"orders","event":"changed","groups":[{"orders":[{"n":1}]},{"orders":[{"n":2},{"n":3}]}]}"#,
            r#"orders orders.changed upsert {"n":1} d/0 | orders orders.changed upsert {"n":2} d/1 | orders orders.changed upsert {"n":3} d/2"#,
        ),
        (r#"{"id":"d","collection":"articles","event":"items.delete","keys":[]}"#, ""),
        (r#"{"id":"d","collection":"articles"}"#, "NoEvent"),
    ];
    for (body, expected) in cases {
        assert_eq!(read(&hook, Route::default(), body), expected, "{body}");
    }
    for keys in ["", r#","keys":null"#, r#","keys":[null]"#, r#","keys":[[1]]"#, r#","keys":7"#] {
        let body = format!(r#"{{"id":"d","collection":"articles","event":"items.update"{keys}}}"#);
        let said = read(&hook, Route::default(), &body);
        assert!(
            said.starts_with("NoRecord") || (keys.ends_with("null") && said.is_empty()),
            "{keys}: {said}"
        );
    }
    let many = format!(
        r#"{{"id":"d","collection":"articles","event":"items.delete","keys":[{}1]}}"#,
        "1,".repeat(MAX_EVENTS)
    );
    assert_eq!(read(&hook, Route::default(), &many), "TooMany");
    let orders =
        |record: Value| json!({"events": {"a": {"dataType": "orders", "record": "id", "as": record}}});
    check(&orders(json!("id")), &[]);
    check(&orders(json!("")), &["events.a.as invalid-value"]);
}

#[test]
fn one_delivery_may_have_many_events() {
    let hook = |batch: &str, delivery: Value| {
        let spec = webhook(&json!({
            "batch": batch, "event": "type", "delivery": delivery,
            "events": {
                "order.gone": {"dataType": "orders", "record": "ids[*]", "as": "id", "deleted": true},
                "order.*": {"dataType": "orders", "record": "order"}, "customer.*": "ignore",
            }
        }));
        lower(&spec, &settings()).0.unwrap()
    };
    let header = |name: &str| (name == "X-Id").then_some("h".as_bytes());
    let read = |hook: &Hook, body: &str| read_with(hook, Route::default(), &header, body);
    let events = r#"[{"id":7,"type":"order.new","order":{"n":1}},{"id":8,"type":"customer.new"},{"id":9,"type":"order.gone","ids":[1,2]}]"#;
    let ids = |first: &str, second: &str, third: &str| {
        format!(
            r#"orders order.new upsert {{"n":1}} {first} | ignored customer.new | orders order.gone delete {{"id":1}} {second} | orders order.gone delete {{"id":2}} {third}"#
        )
    };
    // The ids of the events themselves, that of the delivery in a header, that of the delivery beside the list.
    assert_eq!(read(&hook("$", json!("id")), events), ids("7", "9/0", "9/1"));
    assert_eq!(read(&hook("$", json!({"header": "X-Id"})), events), ids("h/0", "h/2/0", "h/2/1"));
    let within = format!(r#"{{"delivery":"d","events":{events}}}"#);
    assert_eq!(read(&hook("events", json!("delivery")), &within), ids("d/0", "d/2/0", "d/2/1"));
    assert_eq!(read(&hook("events", json!("id")), &within), ids("7", "9/0", "9/1"));
    for (body, expected) in [
        ("{}", "NoBatch"),
        (r#"{"events":7}"#, "NoBatch"),
        (r#"{"events":[{"id":1,"type":"order.new","order":{}}],"events":[]}"#, "Repeated"),
        (r#"{"events":[]}"#, ""),
        // One that cannot be read is no reason to lose it with the others: none is taken.
        (r#"{"events":[{"id":1,"type":"order.new","order":{}},{"id":2,"type":"order.new"}]}"#, "NoRecord"),
        (r#"{"events":[7]}"#, "NoEvent"),
    ] {
        let said = read(&hook("events", json!("id")), body);
        assert!(
            if expected.is_empty() { said.is_empty() } else { said.starts_with(expected) },
            "{body}: {said}"
        );
    }
    // Events that are ignored are bounded, too.
    let ignored = format!("[{}0]", r#"{"type":"customer.new"},"#.repeat(MAX_EVENTS + 1));
    assert_eq!(read(&hook("$", json!("id")), &ignored), "TooMany");
}

#[test]
fn schemes_bring_their_own_delivery_id() {
    let everything = json!({"*": {"dataType": "orders"}});
    let read = |verify: Value, body: &'static str| {
        let spec = webhook(&json!({"verify": verify, "events": everything}));
        let header = |name: &str| match name {
            "svix-id" => Some("msg_1".as_bytes()),
            _ => None,
        };
        let hook = lower(&spec, &settings()).0.unwrap();
        match hook.read(Route::default(), &header, body.as_bytes()) {
            Ok(readings) => match readings.as_slice() {
                [Reading::Received(received)] => Ok(received.delivery.clone()),
                other => panic!("{other:?}"),
            },
            Err(error) => Err(error),
        }
    };
    let stripe = json!({"stripe": {"secret": "${env:S}"}});
    assert_eq!(read(stripe.clone(), r#"{"id":"evt_1"}"#), Ok(Some("evt_1".to_owned())));
    assert_eq!(read(stripe, "{}"), Err(Unreadable::NoDelivery));
    let svix = json!({"standardWebhooks": {"secret": "${env:S}", "headerPrefix": "svix-"}});
    assert_eq!(read(svix, "{}"), Ok(Some("msg_1".to_owned())));
    assert_eq!(read(json!({"bearer": "${env:S}"}), r#"{"id":1}"#), Ok(None));
}

#[test]
fn no_bytes_panic() {
    let hook = hook();
    let seed = br#"{"id":"e1","type":"customer.created","data":{"object":{"id":"\u00e9"}}}"#;
    for cut in 0..seed.len() {
        assert!(hook.read(Route::default(), NO_HEADERS, &seed[..cut]).is_err());
        for byte in [0, b'"', b'\\', b'{', b'[', 0xff] {
            let mut bytes = seed.to_vec();
            bytes[cut] = byte;
            for reading in hook.read(Route::default(), NO_HEADERS, &bytes).into_iter().flatten() {
                let Reading::Received(received) = reading else { continue };
                assert!(received.record.of(&bytes).starts_with(b"{"));
            }
        }
    }
}
