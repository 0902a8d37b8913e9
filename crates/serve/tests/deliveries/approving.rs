//! A held run that waits for a person while other things happen to its transfer: another run, a kill, deliveries.

use std::time::Duration;

use raccord_model::fact::{DeletedBy, Hold, Run, RunCause, RunId, RunOutcome};
use raccord_serve::{Reply, Request};
use serde_json::json;
use tokio::sync::watch;
use wiremock::matchers::query_param;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::shop::{ALL, Says, Shop, rows_of};

/// A service that shows pages of two; asked for the page after the last it is silent for minutes, when it is slow.
async fn shows(server: &MockServer, pages: &[&[&str]], is_slow: bool) {
    server.reset().await;
    for (number, ids) in (1..).zip(pages) {
        let records: Vec<_> = ids.iter().map(|id| json!({"id": id, "name": "x"})).collect();
        let answer = ResponseTemplate::new(200).set_body_json(json!({"data": records}));
        Mock::given(query_param("page", format!("{number}"))).respond_with(answer).mount(server).await;
    }
    if is_slow {
        let last = format!("{}", pages.len() + 1);
        let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(10));
        Mock::given(query_param("page", last)).respond_with(slow).mount(server).await;
    }
}

const FIVE: &[&[&str]] = &[&["1", "2"], &["3", "4"], &["5"]];

/// A shop of five customers whose last run was held, because three of them were not shown.
async fn held(server: &MockServer) -> (Shop, RunId) {
    let base = server.uri();
    let says = Says { base: &base, deletes: "{snapshot: {maxShare: 11%}}", ..ALL };
    let shop = Shop::new(&says).await;
    shows(server, FIVE, false).await;
    run(&shop).await;
    shows(server, &[&["1", "2"], &[]], false).await;
    run(&shop).await;
    let held = runs(&shop).await.remove(0);
    let rows = Some(rows_of(&["3", "4", "5"]));
    let expected =
        Hold::Deletions { deletes: 3, of: 5, keyless: 0, incomplete: false, by: DeletedBy::Snapshot, rows };
    assert_eq!(held.outcome, RunOutcome::Held(expected));
    (shop, held.id)
}

async fn run(shop: &Shop) {
    shop.ask(Request::Run { integrations: Vec::new() }).await;
}

async fn runs(shop: &Shop) -> Vec<Run> {
    shop.engine.ports().facts().runs(10).await.unwrap()
}

async fn approve(shop: &Shop, run: RunId) -> Result<String, String> {
    let mut said = String::new();
    let mut replies = |reply| {
        if let Reply::Done(text) = reply {
            said = text;
        }
    };
    let answered = shop.engine.handle(Request::Approve { run }, watch::channel(false).1, &mut replies).await;
    answered.map(|()| said).map_err(|error| error.to_string())
}

/// The snapshot of the run under way has shown two of five so far; the three others are there all the same.
#[tokio::test]
async fn nothing_is_approved_while_another_run_reads() {
    let server = MockServer::start().await;
    let (shop, held) = held(&server).await;
    shows(&server, &[&["1", "2"]], true).await;
    let ((), ()) = tokio::join!(run(&shop), async {
        while server.received_requests().await.unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let refused = approve(&shop, held).await.unwrap_err();
        assert!(refused.contains("a later run of `customers` has begun"), "{refused}");
        shop.stop.send_replace(true);
    });
    assert_eq!(runs(&shop).await[0].outcome, RunOutcome::Stopped);
    let refused = approve(&shop, held).await.unwrap_err();
    assert!(refused.contains("a later run of `customers` has replaced"), "{refused}");
    assert_eq!(shop.rows().await.len(), 5);
}

/// A kill leaves a run that was not concluded: before the next start tidies it up and after.
#[tokio::test]
async fn nothing_is_approved_after_a_run_that_was_killed() {
    let server = MockServer::start().await;
    let (shop, held) = held(&server).await;
    shows(&server, &[&["1", "2"]], true).await;
    let killed = tokio::time::timeout(Duration::from_mins(1), async {
        tokio::select! {
            () = run(&shop) => {}
            () = async {
                while server.received_requests().await.unwrap().len() < 2 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            } => {}
        }
    });
    killed.await.unwrap();
    assert_eq!(runs(&shop).await[0].outcome, RunOutcome::Running);
    approve(&shop, held).await.unwrap_err();
    raccord_run::conclude::tidy_runs(shop.engine.ports(), &std::collections::BTreeSet::new()).await.unwrap();
    assert_eq!(runs(&shop).await[0].outcome, RunOutcome::Stopped);
    approve(&shop, held).await.unwrap_err();
    assert_eq!(shop.rows().await.len(), 5);
}

/// A run that fails before its first page has begun a snapshot all the same: the next one must not go on with the
/// last page of the held one, whose marks are gone.
#[tokio::test]
async fn a_run_that_fails_after_a_held_one_leaves_nothing_to_go_on_with() {
    let server = MockServer::start().await;
    let (shop, held) = held(&server).await;
    server.reset().await;
    run(&shop).await;
    assert!(matches!(runs(&shop).await[0].outcome, RunOutcome::Failed { .. }));
    approve(&shop, held).await.unwrap_err();
    shows(&server, FIVE, false).await;
    run(&shop).await;
    let run = runs(&shop).await.remove(0);
    assert_eq!((run.outcome, run.tally.fetched, run.tally.swept), (RunOutcome::Succeeded, 5, 0));
}

/// The newest run is held for as many rows as the named one, and for others.
#[tokio::test]
async fn what_would_go_now_is_not_approved_by_an_older_run() {
    let server = MockServer::start().await;
    let (shop, first) = held(&server).await;
    shows(&server, &[&["4", "5"], &[]], false).await;
    run(&shop).await;
    let second = runs(&shop).await.remove(0).id;
    let refused = approve(&shop, first).await.unwrap_err();
    let expected =
        format!("what would go has changed since: 3 rows now; look at the run {second}, and approve that");
    assert!(refused.contains(&expected), "{refused}");
    assert_eq!(shop.rows().await.len(), 5);
    // The rows of the first would go again.
    shows(&server, &[&["2", "1"], &[]], false).await;
    run(&shop).await;
    assert!(approve(&shop, second).await.is_err());
    let said = approve(&shop, first).await.unwrap();
    assert!(said.contains("3 rows of crm.contact are deleted"), "{said}");
    assert_eq!(shop.rows().await, ["1 x", "2 x"]);
}

/// What the version before has kept says how many rows would go, and not which.
#[tokio::test]
async fn a_run_that_does_not_say_which_rows_is_approved_as_the_newest_alone() {
    let server = MockServer::start().await;
    let (shop, first) = held(&server).await;
    run(&shop).await;
    let ports = shop.engine.ports();
    let forget = |mut run: Run| {
        if let RunOutcome::Held(Hold::Deletions { rows, .. }) = &mut run.outcome {
            *rows = None;
        }
        raccord_run::facts::put(raccord_model::port::state::Table::Runs, &run.id.clone(), &run).unwrap()
    };
    let held: Vec<Run> = runs(&shop).await.into_iter().filter(|run| run.outcome.hold().is_some()).collect();
    let newest = held[0].id;
    ports.facts().commit(held.into_iter().map(forget).collect()).await.unwrap();
    let refused = approve(&shop, first).await.unwrap_err();
    assert!(refused.contains("nothing tells whether for the same rows"), "{refused}");
    assert!(refused.contains(&newest.to_string()), "{refused}");
    assert_eq!(shop.rows().await.len(), 5);
    approve(&shop, newest).await.unwrap();
    assert_eq!(shop.rows().await.len(), 2);
}

#[tokio::test]
async fn deliveries_leave_a_held_run_to_be_approved() {
    let server = MockServer::start().await;
    let (shop, held) = held(&server).await;
    shop.push(&[r#"upsert {"id":"4","name":"shown by a delivery"}"#]).await;
    let mut run = shop.drain().await;
    let before = shop.engine.ports().facts().transfer(run.transfer_uid).await.unwrap();
    run.cause = RunCause::Deliveries;
    raccord_run::conclude::conclude(shop.engine.ports(), &*shop.job().await, &run).await.unwrap();
    let after = shop.engine.ports().facts().transfer(run.transfer_uid).await.unwrap();
    assert_eq!(
        (after.observed.last_run, after.observed.last_full_read),
        (Some(held), before.observed.last_full_read)
    );
    let said = approve(&shop, held).await.unwrap();
    assert!(said.contains("2 rows of crm.contact are deleted"), "{said}");
    assert_eq!(shop.rows().await, ["1 x", "2 x", "4 shown by a delivery"]);
}
