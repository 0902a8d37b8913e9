//! Runs that end before their inbox does: a stop, another process, a snapshot that goes on later.

use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{any, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::shop::{ALL, Says, Shop, told};

#[tokio::test]
async fn a_run_that_is_stopped_goes_on_in_another_process() {
    let shop = Shop::new(&ALL).await;
    let words: Vec<String> =
        (0..2_500).map(|number| format!(r#"upsert {{"id":"{number:04}","name":"x"}}"#)).collect();
    shop.push(&words).await;
    let sender = shop.stop.clone();
    let run = shop.drain_with(Box::new(move |_, _| _ = sender.send_replace(true))).await;
    assert_eq!(told(&run), "stopped: created 1000");
    let shop = shop.again();
    assert_eq!((shop.waiting().await, shop.rows().await.len()), (1_500, 1_000));
    shop.push(&[r#"delete {"id":"0000"}"#]).await;
    let run = shop.drain().await;
    assert_eq!((told(&run).as_str(), run.pages), ("succeeded: created 1500, deleted 1", 2));
    assert_eq!((shop.waiting().await, shop.rows().await.len()), (0, 2_499));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_slow_service() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(10));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    shop.push(&["fetch /customers/1"]).await;
    let (run, ()) = tokio::join!(shop.drain(), async {
        while server.received_requests().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shop.stop.send_replace(true);
    });
    assert_eq!((told(&run).as_str(), shop.waiting().await), ("stopped: ", 1));
}

/// A snapshot that was stopped half-way has not seen what is pushed meanwhile, and must not sweep it.
#[tokio::test]
async fn a_snapshot_half_way_spares_what_is_pushed_meanwhile() {
    let server = MockServer::start().await;
    let page = |ids: &[&str]| {
        let records: Vec<_> = ids.iter().map(|id| json!({"id": id, "name": "x"})).collect();
        ResponseTemplate::new(200).set_body_json(json!({"data": records}))
    };
    for (number, answer) in [("1", page(&["1", "2"])), ("2", page(&["3"]))] {
        Mock::given(query_param("page", number)).respond_with(answer).mount(&server).await;
    }
    let base = server.uri();
    let says = Says { base: &base, deletes: "{snapshot: {maxShare: 100%}}", ..ALL };
    let shop = Shop::new(&says).await;
    shop.push(&[r#"upsert {"id":"0","name":"gone by now"}"#]).await;
    shop.drain().await;
    let sender = shop.stop.clone();
    let run = shop.poll(Box::new(move |_, _| _ = sender.send_replace(true))).await;
    assert_eq!(told(&run), "stopped: created 2");
    shop.stop.send_replace(false);
    shop.push(&[r#"upsert {"id":"9","name":"new"}"#, r#"upsert {"id":"1","name":"newer"}"#]).await;
    assert_eq!(told(&shop.drain().await), "succeeded: created 1, updated 1");
    let run = shop.poll(Box::new(|_, _| {})).await;
    assert_eq!((told(&run).as_str(), run.tally.swept), ("succeeded: created 1", 1));
    assert_eq!(shop.rows().await, ["1 newer", "2 x", "3 x", "9 new"]);
}

/// An answer that is not the expected one is a failure whatever its status: a snapshot that ends with it deletes nothing.
#[tokio::test]
async fn a_snapshot_that_ends_with_no_list_deletes_nothing() {
    let full = json!({"data": [{"id": "1", "name": "x"}, {"id": "2", "name": "x"}]});
    let rest = json!({"data": [{"id": "3", "name": "x"}]});
    for (answer, why) in [
        (json!({"data": null, "errors": [{"message": "Throttled"}]}), "Throttled"),
        (json!({"data": null}), "no list"),
        (json!({"error": "try later"}), "try later"),
        (json!({}), "no list"),
    ] {
        let server = MockServer::start().await;
        let base = server.uri();
        let says = Says { base: &base, deletes: "{snapshot: {maxShare: 100%}}", ..ALL };
        let shop = Shop::new(&says).await;
        for last in [&rest, &answer] {
            server.reset().await;
            for (number, body) in [("1", &full), ("2", last)] {
                let page = ResponseTemplate::new(200).set_body_json(body);
                Mock::given(query_param("page", number)).respond_with(page).mount(&server).await;
            }
            let run = shop.poll(Box::new(|_, _| {})).await;
            let succeeds = last == &rest;
            assert_eq!(told(&run).starts_with("succeeded"), succeeds, "{answer}: {}", told(&run));
            assert!(succeeds || format!("{:?}", run.outcome).contains(why), "{answer}: {:?}", run.outcome);
            assert_eq!((run.tally.swept, shop.rows().await.len()), (0, 3), "{answer}");
        }
    }
}
