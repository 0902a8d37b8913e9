//! What deliveries become: created, updated, deleted, unchanged, skipped, rejected.

use std::sync::Arc;

use raccord_model::fact::{Reject, RunId};
use raccord_model::port::destination::Batch;
use raccord_model::port::records::{Page, Records};
use raccord_run::records::map_arrivals;
use raccord_run::rejecting::Arrival;
use raccord_serve::{Reply, Request};

use crate::shop::{ALL, Says, Shop, told};

/// Drains inboxes one after the other: what is pushed, how the run ends, and the rows afterwards.
async fn check(says: &Says<'_>, steps: &[(&[&str], &str, &[&str])]) -> Shop {
    let shop = Shop::new(says).await;
    for (deliveries, expected, rows) in steps {
        shop.push(deliveries).await;
        let run = shop.drain().await;
        assert_eq!(told(&run), *expected, "{deliveries:?}");
        assert_eq!(shop.rows().await, *rows, "{deliveries:?}");
        assert_eq!(shop.waiting().await, 0, "{deliveries:?}");
    }
    shop
}

#[tokio::test]
async fn deliveries_are_classified_by_their_effect_and_the_last_of_a_key_wins() {
    let shop = check(
        &ALL,
        &[
            (&[], "succeeded: ", &[]),
            (
                &[r#"upsert {"id":"1","name":"Ann"}"#, r#"upsert {"id":"2","name":"Bob"}"#],
                "succeeded: created 2",
                &["1 Ann", "2 Bob"],
            ),
            (
                &[
                    r#"upsert {"id":"1","name":"Ann"}"#,
                    r#"upsert {"id":"2","name":"Ben"}"#,
                    r#"upsert {"id":"2","name":"Bill"}"#,
                    r#"upsert {"id":"3","name":"Cy"}"#,
                    r#"delete {"id":"3"}"#,
                ],
                "succeeded: created 1, updated 2, deleted 1, unchanged 1",
                &["1 Ann", "2 Bill"],
            ),
            // Of what is deleted, its key is enough, and more does no harm.
            (
                &[r#"delete {"id":1}"#, r#"delete {"id":"2","email":"nonsense"}"#, r#"delete {"id":"9"}"#],
                "succeeded: deleted 2, skipped 1",
                &[],
            ),
        ],
    )
    .await;
    assert_eq!(
        shop.kept().destination.resume(shop.job().await.uid).await.unwrap(),
        None,
        "there is no checkpoint"
    );
}

#[tokio::test]
async fn what_is_not_wanted_is_skipped_and_counted() {
    let only_updates = Says { updates: "updated", ..ALL };
    check(
        &only_updates,
        &[(&[r#"upsert {"id":"1","name":"Ann"}"#, r#"delete {"id":"1"}"#], "succeeded: skipped 2", &[])],
    )
    .await;
    let no_deletes = Says { deletes: "none", updates: "created, updated", ..ALL };
    check(
        &no_deletes,
        &[(
            &[r#"upsert {"id":"1","name":"Ann"}"#, r#"delete {"id":"1"}"#, "delete nonsense"],
            "succeeded: created 1, skipped 2",
            &["1 Ann"],
        )],
    )
    .await;
}

#[tokio::test]
async fn old_never_beats_new() {
    check(
        &ALL,
        &[
            (
                &[
                    r#"upsert {"id":"1","name":"new","updated_at":"2025-01-02T00:00:00Z"}"#,
                    r#"upsert {"id":"1","name":"old","updated_at":"2025-01-01T00:00:00Z"}"#,
                    r#"delete {"id":"1","updated_at":"2025-01-01T00:00:00Z"}"#,
                ],
                "succeeded: created 1, skipped 2",
                &["1 new"],
            ),
            (
                &[
                    r#"delete {"id":"1","updated_at":"2025-01-03T00:00:00Z"}"#,
                    r#"upsert {"id":"1","name":"late","updated_at":"2025-01-02T12:00:00Z"}"#,
                ],
                "succeeded: deleted 1, skipped 1",
                &[],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_mapped_is_a_reject_and_leaves_the_inbox() {
    let shop = check(
        &ALL,
        &[(
            &[
                r#"upsert {"id":"1","email":"nonsense"}"#,
                r#"upsert {"name":"nobody"}"#,
                "upsert [1]",
                r#"delete {"customer":"1"}"#,
                r#"upsert {"id":"2","name":"Bob"}"#,
            ],
            "succeeded: created 1, rejected 4",
            &["2 Bob"],
        )],
    )
    .await;
    let mut rejects = shop.rejects().await;
    rejects.sort_by(|one, other| one.position.cmp(&other.position));
    let told: Vec<_> =
        rejects.iter().map(|reject| (reject.payload.as_deref().unwrap(), reject.deletion)).collect();
    assert_eq!(
        told,
        [
            (r#"{"id":"1","email":"nonsense"}"#, false),
            (r#"{"name":"nobody"}"#, false),
            ("[1]", false),
            (r#"{"customer":"1"}"#, true),
        ]
    );
    assert_eq!(rejects[0].position, "delivery 1 (customer.changed)");
    // A later success supersedes the reject of its key.
    shop.push(&[r#"upsert {"id":"1","name":"Ann"}"#]).await;
    assert_eq!(self::told(&shop.drain().await), "succeeded: created 1");
    assert_eq!(shop.rejects().await.len(), 3);
}

/// A deletion that was rejected is no record: replayed as one, it would make the row anew out of its key.
#[tokio::test]
async fn a_rejected_deletion_is_replayed_as_one() {
    let shop = Shop::new(&ALL).await;
    shop.push(&[r#"upsert {"id":"1","name":"Ann"}"#, r#"upsert {"id":"2","name":"Bob"}"#]).await;
    shop.drain().await;
    let (job, lease) = shop.leased_job().await;
    let now = shop.engine.ports().environment.now();
    let reject = Reject {
        transfer: job.uid,
        run: RunId(shop.engine.ports().environment.new_id()),
        at: now,
        position: "delivery 1".to_owned(),
        field: None,
        reason: "the key was elsewhere".to_owned(),
        key: None,
        payload: Some(r#"{"id":"1"}"#.to_owned()),
        parent: None,
        deletion: true,
        partial: false,
        fetch: None,
    };
    let empty = Page { records: Records::Json { body: "".into(), spans: Vec::new() }, ..Page::empty() };
    let none: Vec<Arrival> = Vec::new();
    let batch = map_arrivals(&job, Arc::new(empty), none, reject.run, now).into_batch(&job, reject.run, now);
    shop.kept().destination.commit(Batch { rejects: vec![reject], ..batch }).await.unwrap();
    lease.release().await.unwrap();
    let replies =
        shop.ask(Request::ReplayRejects { transfer: "customers".parse().unwrap(), only: None }).await;
    assert!(matches!(&replies[..], [Reply::Done(said)] if said.contains("1 deleted")), "{replies:?}");
    assert_eq!((shop.rows().await, shop.rejects().await.len()), (vec!["2 Bob".to_owned()], 0));
}

/// What a reading costs that was never made: as many records as are stored of the transfer.
#[tokio::test]
async fn a_plan_expects_to_read_as_many_records_as_deliveries_have_stored() {
    let shop = Shop::new(&ALL).await;
    shop.push(&[r#"upsert {"id":"1"}"#, r#"upsert {"id":"2"}"#, r#"upsert {"id":"3"}"#]).await;
    assert_eq!(told(&shop.drain().await), "succeeded: created 3");
    let plan = shop.plan(&Says { fields: "name: email", ..ALL }).await;
    let readings = plan.effects.iter().filter(|effect| effect.consequence.rereads());
    assert_eq!(readings.map(|effect| effect.records).collect::<Vec<_>>(), [Some(3)]);
}
