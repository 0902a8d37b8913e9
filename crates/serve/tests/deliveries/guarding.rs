//! What deletes too much, or would empty a field in every row, waits for a person: deliveries, fields that say so, and
//! members that vanished.

use raccord_model::fact::{DeletedBy, Hold, Run, RunCause, RunId, RunOutcome};
use raccord_serve::{Reply, Request};
use serde_json::{Value, json};
use tokio::sync::watch;
use wiremock::matchers::query_param;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::shop::{ALL, Says, Shop, rows_of, told};

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

/// Works deliveries off and lets the end of the run be known.
async fn drain(shop: &Shop) -> Run {
    let run = shop.drain().await;
    assert_eq!(run.cause, RunCause::Deliveries);
    raccord_run::conclude::conclude(shop.engine.ports(), &*shop.job().await, &run).await.unwrap();
    run
}

#[tokio::test]
async fn a_part_of_a_record_changes_what_it_mentions() {
    let shop = Shop::new(&ALL).await;
    shop.push(&[
        r#"upsert {"id":"1","name":"Ann","email":"a@b.ca"}"#,
        r#"part {"id":"1","name":"Anna"}"#,
        r#"part {"id":"2","email":"b@b.ca"}"#,
    ])
    .await;
    assert_eq!(told(&shop.drain().await), "succeeded: created 2, updated 1");
    assert_eq!(shop.rows().await, ["1 Anna a@b.ca", "2  b@b.ca"]);
    shop.push(&[r#"part {"id":"1","email":null}"#, r#"upsert {"id":"2","name":"Bob"}"#]).await;
    shop.drain().await;
    assert_eq!(shop.rows().await, ["1 Anna", "2 Bob"]);
}

#[tokio::test]
async fn a_flood_of_deletions_by_webhook_waits_for_a_person() {
    let shop = Shop::new(&ALL).await;
    let all: Vec<String> = (10..40).map(|id| format!(r#"upsert {{"id":"{id}","name":"x"}}"#)).collect();
    shop.push(&all).await;
    drain(&shop).await;
    shop.push(&[r#"delete {"id":"10"}"#, r#"delete {"id":"11"}"#]).await;
    assert_eq!(told(&drain(&shop).await), "succeeded: deleted 2");
    let flood: Vec<String> = (12..20).map(|id| format!(r#"delete {{"id":"{id}"}}"#)).collect();
    shop.push(&flood).await;
    let held = drain(&shop).await;
    let of_rows = |deletes, of| Hold::Deletions {
        deletes,
        of,
        keyless: 0,
        incomplete: false,
        by: DeletedBy::Webhook,
        rows: None,
    };
    assert_eq!(held.outcome, RunOutcome::Held(of_rows(8, 28)));
    assert_eq!((shop.waiting().await, shop.rows().await.len()), (8, 28));
    let again = drain(&shop).await;
    assert_eq!(again.outcome, RunOutcome::Held(of_rows(8, 28)));
    let refused = approve(&shop, held.id).await.unwrap_err();
    assert!(refused.contains("a later run of `customers` has replaced"), "{refused}");
    let said = approve(&shop, again.id).await.unwrap();
    assert!(said.contains("its deliveries delete with the next run"), "{said}");
    assert_eq!(told(&drain(&shop).await), "succeeded: deleted 8");
    shop.push(&[r#"delete {"id":"20"}"#, r#"delete {"id":"21"}"#, r#"delete {"id":"22"}"#]).await;
    assert_eq!(drain(&shop).await.outcome, RunOutcome::Held(of_rows(3, 20)), "an approval is spent");
}

/// A service that shows pages of two records.
async fn shows(server: &MockServer, records: &[Value]) {
    server.reset().await;
    let pages: Vec<&[Value]> = records.chunks(2).chain([&[][..]]).collect();
    for (number, page) in (1..).zip(&pages) {
        let answer = ResponseTemplate::new(200).set_body_json(json!({ "data": page }));
        Mock::given(query_param("page", format!("{number}"))).respond_with(answer).mount(server).await;
    }
}

/// Reads the source in a run of its own and returns it.
async fn run(shop: &Shop) -> Run {
    shop.ask(Request::Run { integrations: Vec::new() }).await;
    shop.engine.ports().facts().runs(1).await.unwrap().remove(0)
}

async fn reading(server: &MockServer, deletes: &str) -> Shop {
    Shop::new(&Says { base: &server.uri(), deletes, ..ALL }).await
}

#[tokio::test]
async fn a_field_that_says_that_many_are_deleted_waits_for_a_person() {
    let server = MockServer::start().await;
    let shop = reading(&server, "{field: {path: gone, maxShare: 20%}}").await;
    let records = |gone: &[u32]| -> Vec<Value> {
        (10..20).map(|id| json!({"id": id.to_string(), "name": "x", "gone": gone.contains(&id)})).collect()
    };
    shows(&server, &records(&[])).await;
    assert_eq!(told(&run(&shop).await), "succeeded: created 10");
    shows(&server, &records(&[10, 19])).await;
    assert_eq!(told(&run(&shop).await), "succeeded: deleted 2, unchanged 8");
    let marked = [11, 12, 13, 18];
    shows(&server, &records(&marked)).await;
    let held = run(&shop).await;
    let rows = Some(rows_of(&["11", "12", "13", "18"]));
    // The two that came back are no part of what the share is of until a later run finds them there.
    let of = |of| {
        let by = DeletedBy::Field;
        RunOutcome::Held(Hold::Deletions { deletes: 4, of, keyless: 0, incomplete: false, by, rows })
    };
    assert_eq!((held.outcome.clone(), shop.rows().await.len()), (of(8), 10));
    assert!(held.tally.is_balanced() && held.tally.deleted == 0, "{:?}", held.tally);
    let again = run(&shop).await;
    assert_eq!(again.outcome, of(10));
    let said = approve(&shop, held.id).await.unwrap();
    assert!(said.contains("4 rows of crm.contact are deleted"), "{said}");
    assert_eq!(shop.rows().await, ["10 x", "14 x", "15 x", "16 x", "17 x", "19 x"]);
    assert_eq!(told(&run(&shop).await), "succeeded: unchanged 6, skipped 4");
}

fn contact(id: u32, email: bool) -> Value {
    let id = id.to_string();
    let mut contact = json!({"id": id, "name": "x", "updated_at": null});
    if email {
        contact["email"] = "a@b.ca".into();
    }
    contact
}

#[tokio::test]
async fn a_member_that_vanished_from_every_record_waits_for_a_person() {
    let server = MockServer::start().await;
    let shop = reading(&server, "none").await;
    let all = |email| [1, 2, 3].map(|id| contact(id, email));
    shows(&server, &all(true)).await;
    let first = run(&shop).await;
    assert_eq!((told(&first).as_str(), first.unseen), ("succeeded: created 3", Some(Vec::new())));
    shows(&server, &all(false)).await;
    let held = run(&shop).await;
    let expected = Hold::Vanished { vanished: vec!["email".to_owned()], values: 3 };
    assert_eq!(held.outcome, RunOutcome::Held(expected));
    assert_eq!(shop.rows().await, ["1 x a@b.ca", "2 x a@b.ca", "3 x a@b.ca"]);
    let again = run(&shop).await;
    assert_eq!(again.outcome, held.outcome);
    let said = approve(&shop, again.id).await.unwrap();
    assert!(said.contains("the next run takes these fields for gone"), "{said}");
    assert_eq!(told(&run(&shop).await), "succeeded: updated 3");
    assert_eq!(shop.rows().await, ["1 x", "2 x", "3 x"]);
    let fact = shop.engine.ports().facts().transfer(held.transfer_uid).await.unwrap();
    assert_eq!((fact.observed.approved, fact.observed.unseen), (None, vec!["email".to_owned()]));
}

/// A service whose people have a first name, and a last name where it is given.
fn person(id: u32, first: &str, last: Option<&str>) -> Value {
    match last {
        Some(last) => json!({"id": id.to_string(), "first": first, "last": last, "updated_at": null}),
        None => json!({"id": id.to_string(), "first": first, "updated_at": null}),
    }
}

/// What is left of a name would take the place of the whole one.
#[tokio::test]
async fn one_of_several_members_of_a_field_that_vanished_waits_for_a_person() {
    let server = MockServer::start().await;
    let fields = "name: {expr: \"first ~ ' ' ~ last ~ '.'\"}";
    let shop = Shop::new(&Says { base: &server.uri(), deletes: "none", fields, ..ALL }).await;
    let known =
        async |run: &Run| shop.engine.ports().facts().transfer(run.transfer_uid).await.unwrap().observed.seen;
    shows(&server, &[1, 2, 3].map(|id| person(id, "Ann", Some("Lee")))).await;
    let first = run(&shop).await;
    assert_eq!(
        (told(&first).as_str(), known(&first).await.join(" ")),
        ("succeeded: created 3", "first last".to_owned())
    );
    shows(&server, &[1, 2, 3].map(|id| person(id, "Ann", None))).await;
    let held = run(&shop).await;
    let expected = Hold::Vanished { vanished: vec!["last".to_owned()], values: 3 };
    assert_eq!(held.outcome, RunOutcome::Held(expected));
    assert_eq!(shop.rows().await, ["1 Ann Lee.", "2 Ann Lee.", "3 Ann Lee."]);
    approve(&shop, held.id).await.unwrap();
    assert_eq!(told(&run(&shop).await), "succeeded: updated 3");
    assert_eq!(shop.rows().await, ["1 Ann .", "2 Ann .", "3 Ann ."]);
    assert_eq!(known(&held).await, ["first"]);
    assert_eq!(told(&run(&shop).await), "succeeded: unchanged 3", "what was approved is no news");
}

/// One of two is enough, and the record that has the other one comes last: nothing has vanished.
#[tokio::test]
async fn a_member_that_few_records_have_has_not_vanished() {
    let server = MockServer::start().await;
    let fields = "name: {expr: \"last or first\"}";
    let shop = Shop::new(&Says { base: &server.uri(), deletes: "none", fields, ..ALL }).await;
    shows(&server, &[person(1, "Ann", None), person(2, "Bob", None), person(3, "Cyd", Some("Lee"))]).await;
    assert_eq!(told(&run(&shop).await), "succeeded: created 3");
    shows(&server, &[person(1, "Anne", None), person(2, "Bob", None), person(3, "Cyd", Some("Lee"))]).await;
    assert_eq!(run(&shop).await.outcome, RunOutcome::Succeeded);
    assert_eq!(shop.rows().await, ["1 Anne", "2 Bob", "3 Lee"]);
    // Nothing that is stored would change for its want.
    shows(&server, &[person(1, "Anne", None), person(2, "Bob", None), person(3, "Lee", None)]).await;
    let quiet = run(&shop).await;
    assert_eq!((quiet.outcome, quiet.unseen), (RunOutcome::Succeeded, Some(vec!["last".to_owned()])));
}

/// Whether a path is in no record is known at the end alone: rows that were read before it was seen are read again.
#[tokio::test]
async fn a_member_that_some_records_lack_is_emptied_there() {
    let server = MockServer::start().await;
    let shop = reading(&server, "none").await;
    shows(&server, &[1, 2, 3, 4, 5].map(|id| contact(id, true))).await;
    run(&shop).await;
    shows(
        &server,
        &[contact(1, false), contact(2, false), contact(3, false), contact(4, true), contact(5, false)],
    )
    .await;
    let run = run(&shop).await;
    assert_eq!(run.outcome, RunOutcome::Succeeded);
    assert_eq!(shop.rows().await, ["1 x", "2 x", "3 x", "4 x a@b.ca", "5 x"]);
}

/// A misspelt path is told by the first reading; no row has a value that it could lose.
#[tokio::test]
async fn a_path_that_no_record_has_is_told() {
    let server = MockServer::start().await;
    let shop = reading(&server, "none").await;
    shows(&server, &[contact(1, false), contact(2, false)]).await;
    for expected in ["succeeded: created 2", "succeeded: unchanged 2"] {
        let run = run(&shop).await;
        assert_eq!((told(&run).as_str(), run.unseen), (expected, Some(vec!["email".to_owned()])));
    }
    let replies = shop.ask(Request::Status).await;
    let [Reply::Status(status)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(status.transfers[0].unseen, ["email"]);
}
