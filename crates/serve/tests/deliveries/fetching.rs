//! Deliveries that only name their record: it is fetched from the service, and what that says counts.

use raccord_serve::{Reply, Request};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::shop::{ALL, Says, Shop, TOKEN, told};

/// A service whose answer is a function of the path.
async fn serve(answer: impl Fn(&str) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &wiremock::Request| answer(request.url.path());
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    server
}

fn customer(record: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"customer": record}))
}

async fn calls(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn a_named_record_is_fetched_once_and_mapped() {
    let server = serve(|path| match path {
        "/api/customers/1" => customer(&json!({"id": "1", "name": "Ann"})),
        "/api/customers/2" => customer(&json!({"id": "2", "email": "nonsense"})),
        "/api/customers/3" => ResponseTemplate::new(422).set_body_string("what?"),
        _ => ResponseTemplate::new(404),
    })
    .await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    shop.push(&[r#"upsert {"id":"4","name":"Dan"}"#]).await;
    shop.drain().await;
    shop.push(&[
        "fetch /customers/1",
        r#"upsert {"id":"1","name":"between"}"#,
        "fetch /customers/1",
        "fetch /customers/2",
        "fetch /customers/3",
        r#"gone /customers/4 {"id":"4"}"#,
        "gone /customers/5",
        // The id of the event, which happens to be that of another customer.
        r#"gone /customers/6 {"id":1,"customer":6}"#,
    ])
    .await;
    let run = shop.drain().await;
    assert_eq!(told(&run), "succeeded: created 1, updated 2, deleted 1, rejected 4");
    assert_eq!(shop.rows().await, ["1 Ann"]);
    assert_eq!(calls(&server).await, 6, "what is named twice is fetched once");
    let mut reasons: Vec<String> = shop.rejects().await.into_iter().map(|reject| reject.reason).collect();
    reasons.sort();
    assert!(
        reasons[0].starts_with("the record cannot be fetched: ") && reasons[0].contains("422"),
        "{reasons:?}"
    );
    assert!(reasons[1].starts_with("the service has the record no more"), "{reasons:?}");
    assert_eq!(reasons[1], reasons[2]);
    assert!(reasons[3].contains("nonsense"), "{reasons:?}");
}

/// What was said of a record that could not be had is no record: replayed, the service is asked for it again.
#[tokio::test]
async fn a_record_that_could_not_be_had_is_asked_for_again_by_a_replay() {
    let is_up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_mended = std::sync::Arc::clone(&is_up);
    let server = serve(move |path| match path.rsplit('/').next().unwrap() {
        id if is_mended.load(std::sync::atomic::Ordering::SeqCst) => {
            customer(&json!({"id": id, "name": "Ann"}))
        }
        "2" => ResponseTemplate::new(404),
        _ => ResponseTemplate::new(422),
    })
    .await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    // The last two differ in their path alone.
    let events = [
        r#"fetch /customers/1 {"id":"1"}"#,
        r#"again /customers/2 {"id":"2"}"#,
        "fetch /customers/3",
        r#"fetch /customers/4 {"type":"changed"}"#,
        r#"fetch /customers/5 {"type":"changed"}"#,
    ];
    shop.push(&events).await;
    assert_eq!(told(&shop.drain().await), "succeeded: rejected 5");
    assert_eq!(shop.rejects().await.len(), 5);
    let replay = Request::ReplayRejects { transfer: "customers".parse().unwrap(), only: None };
    for is_mended in [false, true] {
        is_up.store(is_mended, std::sync::atomic::Ordering::SeqCst);
        let replies = shop.ask(replay.clone()).await;
        let [Reply::Done(said)] = &replies[..] else { panic!("{replies:?}") };
        assert!(said.contains("; 5 wait as deliveries"), "{said}");
        assert_eq!((shop.rejects().await.len(), shop.waiting().await), (0, 5));
        let run = shop.drain().await;
        if is_mended {
            assert_eq!(told(&run), "succeeded: created 5");
        } else {
            // A record that the service does not have is asked for three times more before that counts.
            assert_eq!((told(&run).as_str(), shop.waiting().await), ("succeeded: rejected 4", 1));
            assert_eq!(shop.rejects().await.len(), 4);
            shop.engine.ports().inbox.discard(shop.job().await.uid, u64::MAX).await.unwrap();
            shop.push(&[r#"again /customers/2 {"id":"2"}"#]).await;
            shop.drain().await;
        }
    }
    assert_eq!(shop.rows().await, ["1 Ann", "2 Ann", "3 Ann", "4 Ann", "5 Ann"]);
}

#[tokio::test]
async fn a_record_that_is_gone_is_nothing_where_deletions_do_not_come_by_webhook() {
    let server = serve(|_| ResponseTemplate::new(410)).await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, deletes: "none", updates: "created, updated", ..ALL }).await;
    shop.push(&[r#"upsert {"id":"1","name":"Ann"}"#, r#"gone /customers/1 {"id":"1"}"#, "gone /customers/2"])
        .await;
    assert_eq!(told(&shop.drain().await), "succeeded: created 1, skipped 2");
    assert_eq!(shop.rows().await, ["1 Ann"]);
}

#[tokio::test]
async fn a_service_that_fails_fails_the_run_and_nothing_is_lost() {
    let is_up = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(500));
    let status = std::sync::Arc::clone(&is_up);
    let server = serve(move |_| match status.load(std::sync::atomic::Ordering::SeqCst) {
        200 => customer(&json!({"id": "1", "name": "Ann"})),
        other => ResponseTemplate::new(u16::try_from(other).unwrap()),
    })
    .await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    shop.push(&[r#"upsert {"id":"2","name":"Bob"}"#, "fetch /customers/1"]).await;
    for (status, words) in [(500, "answered 500"), (401, "refused our credentials"), (200, "")] {
        is_up.store(status, std::sync::atomic::Ordering::SeqCst);
        let run = shop.drain().await;
        let raccord_model::fact::RunOutcome::Failed { error, unauthorized, .. } = &run.outcome else {
            assert_eq!((status, told(&run).as_str()), (200, "succeeded: created 2"));
            continue;
        };
        assert!(error.contains(words) && *unauthorized == (status == 401), "{error}");
        assert_eq!((told(&run).as_str(), shop.waiting().await), ("failed: ", 2));
        assert_eq!(shop.rows().await, Vec::<String>::new());
    }
    assert_eq!((shop.waiting().await, shop.rows().await.len()), (0, 2));
}

#[tokio::test]
async fn many_are_fetched_page_by_page() {
    let server = serve(|path| {
        let id = path.rsplit('/').next().unwrap();
        customer(&json!({"id": id, "name": "x"}))
    })
    .await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    let words: Vec<String> = (0..250).map(|number| format!("fetch /customers/{number}")).collect();
    shop.push(&words).await;
    let run = shop.drain().await;
    assert_eq!((told(&run).as_str(), run.pages, calls(&server).await), ("succeeded: created 250", 3, 250));
}

/// One delivery of each kind that cannot be had, and what stands behind them.
#[tokio::test]
async fn one_bad_item_never_blocks_what_stands_behind_it() {
    let large = "x".repeat(100_000);
    let server = serve(move |path| match path.rsplit('/').next().unwrap() {
        "403" => ResponseTemplate::new(403),
        "405" => ResponseTemplate::new(405),
        "409" => ResponseTemplate::new(409),
        "500" => ResponseTemplate::new(500),
        "html" => ResponseTemplate::new(200).set_body_raw("<title>Log in</title>", "text/html"),
        "login" => ResponseTemplate::new(302).insert_header("Location", "http://login.example/"),
        "large" => customer(&json!({"id": "large", "name": large})),
        id => customer(&json!({"id": id, "name": "x"})),
    })
    .await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    let bad = ["403", "405", "409", "500", "html", "login", "large"];
    shop.push(&bad.map(|id| format!("fetch /customers/{id}"))).await;
    shop.push(&["fetch /customers/7", r#"upsert {"id":"8","name":"y"}"#]).await;
    let run = shop.drain().await;
    assert_eq!(told(&run), "succeeded: created 2, rejected 7");
    assert_eq!((shop.waiting().await, shop.rows().await), (0, vec!["7 x".to_owned(), "8 y".to_owned()]));
    for reject in shop.rejects().await {
        assert!(reject.reason.starts_with("the record cannot be fetched: "), "{}", reject.reason);
    }
}

/// A record that alone fails is its own fault when the service answers its list, and the service's when it does not.
#[tokio::test]
async fn a_single_record_that_fails_is_judged_by_what_else_is_answered() {
    for (list, expected) in [(200, "succeeded: rejected 1"), (503, "failed: ")] {
        let server = serve(move |path| match path {
            "/api/customers" => ResponseTemplate::new(list).set_body_json(json!({"data": []})),
            _ => ResponseTemplate::new(500),
        })
        .await;
        let base = server.uri();
        let shop = Shop::new(&Says { base: &base, ..ALL }).await;
        shop.push(&["fetch /customers/1"]).await;
        assert_eq!(told(&shop.drain().await), expected, "{list}");
    }
}

/// A replica that is behind has the record a moment later; what stands behind the delivery goes on meanwhile.
#[tokio::test]
async fn a_record_that_is_not_there_is_asked_for_again() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let server = serve(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => ResponseTemplate::new(404),
        _ => customer(&json!({"id": "1", "name": "Ann"})),
    })
    .await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    shop.push(&[r#"fetch /customers/1 {"id":"1"}"#, r#"upsert {"id":"2","name":"Bob"}"#]).await;
    let run = shop.drain().await;
    assert_eq!((told(&run).as_str(), shop.waiting().await), ("succeeded: created 1", 1));
    let again = run.again.expect("a time at which it is asked again");
    let run = shop.drain().await;
    assert_eq!((told(&run).as_str(), calls(&server).await, run.again), ("succeeded: ", 1, Some(again)));
    let shop = shop.again();
    while shop.engine.ports().environment.now() < again {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let run = shop.drain().await;
    assert_eq!((told(&run).as_str(), shop.waiting().await, run.again), ("succeeded: created 1", 0, None));
    assert_eq!(shop.rows().await, ["1 Ann", "2 Bob"]);
}

#[tokio::test]
async fn an_event_that_says_that_its_record_is_there_never_deletes_it() {
    let server = serve(|_| ResponseTemplate::new(404)).await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    shop.push(&[r#"upsert {"id":"1","name":"Ann"}"#, r#"again /customers/1 {"id":"1"}"#]).await;
    assert_eq!(told(&shop.drain().await), "succeeded: created 1, rejected 1");
    let reject = shop.rejects().await.remove(0);
    assert!(reject.reason.contains("asked 4 times, though the event says that it came"), "{}", reject.reason);
    shop.push(&[r#"gone /customers/1 {"id":"1"}"#]).await;
    assert_eq!(told(&shop.drain().await), "succeeded: deleted 1");
}

/// A service may put what it was sent into the record that it was asked for, or push it.
#[tokio::test]
async fn a_credential_in_a_record_that_came_by_itself_is_masked_where_it_is_rejected() {
    let server = serve(|path| match path {
        "/api/customers/1" => customer(&json!({"id": "1", "email": TOKEN})),
        "/api/customers/2" => customer(&json!({"id": null, "name": format!("x{TOKEN}y")})),
        _ => ResponseTemplate::new(422).set_body_string(TOKEN),
    })
    .await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    shop.push(&["fetch /customers/1", "fetch /customers/2", "fetch /customers/3"]).await;
    shop.push(&[format!(r#"upsert {{"id":"4","email":"{TOKEN}"}}"#)]).await;
    shop.push(&[format!(r#"fetch /customers/5 {{"id":"{TOKEN}"}}"#)]).await;
    assert_eq!(told(&shop.drain().await), "succeeded: rejected 5");
    let rejects = shop.rejects().await;
    for reject in &rejects {
        let shown = format!("{reject:?}");
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    }
    assert_eq!(rejects.iter().filter(|reject| reject.payload.is_some()).count(), 4);
}
