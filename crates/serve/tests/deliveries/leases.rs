//! Two runs of one transfer: the older one, which paused, has lost its lease to the newer one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use raccord_model::fact::RunOutcome;
use raccord_run::execute::OnPage;
use serde_json::json;
use wiremock::matchers::query_param;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::shop::{ALL, Says, Shop, told};

/// A service that shows pages of two, each customer with a name.
async fn shows(server: &MockServer, pages: &[&[&str]], name: &str) {
    server.reset().await;
    for (number, ids) in (1..).zip(pages) {
        let records: Vec<_> = ids.iter().map(|id| json!({"id": id, "name": name})).collect();
        let answer = ResponseTemplate::new(200).set_body_json(json!({"data": records}));
        Mock::given(query_param("page", format!("{number}"))).respond_with(answer).mount(server).await;
    }
}

/// Does something, once, when a run has stored its first page, and lets the run go on after it.
fn paused_by<F: Future<Output = ()>>(work: impl Fn() -> F + Send + Sync + 'static) -> OnPage {
    let (done, work) = (AtomicBool::new(false), Arc::new(work));
    Box::new(move |_, _| {
        if done.swap(true, Ordering::SeqCst) {
            return;
        }
        // A run is not told of its pages in an async way: the other run has a thread and a runtime of its own.
        let work = Arc::clone(&work);
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::spawn(move || runtime().block_on(work())).join().unwrap();
    })
}

fn unheard() -> OnPage {
    Box::new(|_, _| {})
}

#[tokio::test]
async fn a_run_that_was_overtaken_stops_and_keeps_nothing_more() {
    let server = Arc::new(MockServer::start().await);
    let base = server.uri();
    let shop = Arc::new(Shop::new(&Says { base: &base, ..ALL }).await);
    shows(&server, &[&["1", "2"], &["3", "4"], &[]], "old").await;
    let (job, older) = shop.leased_job().await;
    let pause = {
        let (shop, server) = (Arc::clone(&shop), Arc::clone(&server));
        paused_by(move || {
            let (shop, server) = (Arc::clone(&shop), Arc::clone(&server));
            async move {
                shows(&server, &[&["1", "2"], &["3"]], "new").await;
                let (job, newer) = shop.overtaking_job().await;
                // It goes on where the older one was.
                let run = shop.poll_as(&job, unheard()).await;
                assert_eq!(run.outcome, RunOutcome::Succeeded);
                let run = shop.poll_as(&job, unheard()).await;
                assert_eq!(run.outcome, RunOutcome::Succeeded);
                newer.release().await.unwrap();
            }
        })
    };
    let run = shop.poll_as(&job, pause).await;
    assert_eq!(run.outcome, RunOutcome::Stopped, "it has not failed");
    assert_eq!(run.tally.fetched, 2, "{run:?}");
    assert_eq!(shop.rows().await, ["1 new", "2 new", "3 new"]);
    // Its lease is gone: it does not give that of the other back.
    older.release().await.unwrap();
    let run = shop.poll(unheard()).await;
    assert_eq!(told(&run), "succeeded: unchanged 3");
}

#[tokio::test]
async fn deliveries_are_settled_by_the_run_that_has_the_lease() {
    let shop = Shop::new(&ALL).await;
    shop.push(&[r#"upsert {"id":"1","name":"Ann"}"#]).await;
    let (job, _older) = shop.leased_job().await;
    let (other, newer) = shop.overtaking_job().await;
    let run = shop.drain_as(&job, unheard()).await;
    assert_eq!((told(&run).as_str(), shop.waiting().await), ("stopped: ", 1));
    let run = shop.drain_as(&other, unheard()).await;
    assert_eq!((told(&run).as_str(), shop.waiting().await), ("succeeded: created 1", 0));
    newer.release().await.unwrap();
}
