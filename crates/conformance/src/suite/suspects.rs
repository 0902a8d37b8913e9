//! Values that stay because no record had their path.

use std::collections::BTreeMap;

use raccord_model::checkpoint::{Checkpoint, Window};
use raccord_model::port::destination::{Batch, Destination};

use crate::Subject;
use crate::fixture::{batch, checkpoint, rows, transfer, upsert, window};

fn half_way() -> Checkpoint {
    let window = Window { kept: BTreeMap::from([(1, 5)]), ..window(0) };
    Checkpoint { window: Some(window), ..checkpoint(1) }
}

pub async fn values_of_suspect_fields_stay_and_are_counted<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    let mut first = batch('A');
    upsert(&mut first, "a", &[(1, Some("one")), (2, Some("two")), (3, Some("three"))]);
    upsert(&mut first, "b", &[(1, Some("one"))]);
    store.commit(first).await.unwrap();
    let mut next = Batch { suspects: vec![1, 3], checkpoint: Some(half_way()), ..batch('A') };
    upsert(&mut next, "a", &[(1, None), (2, None), (3, Some("default"))]);
    upsert(&mut next, "b", &[(1, Some("one")), (2, Some("new"))]);
    upsert(&mut next, "c", &[(1, None), (2, Some("new")), (3, Some("default"))]);
    let tally = store.commit(next).await.unwrap();
    assert_eq!((tally.created, tally.updated), (1, 2));
    let found = rows(store).await;
    let shown: Vec<&str> = found.values().map(String::as_str).collect();
    assert_eq!(shown, ["1:one 3:three", "1:one 2:new", "2:new 3:default"]);
    let kept = store.resume(transfer('A')).await.unwrap().unwrap().window.unwrap().kept;
    assert_eq!(kept, BTreeMap::from([(1, 6), (3, 1)]));
}
