//! Rejects: kept once, superseded by a later success, bounded in number and age.

use raccord_model::port::sink::{Ledger, RejectQuery, Sink};
use raccord_store::Store;

use crate::fixture::{Place, assert_sound, at, batch, delete, effects, reject, transfer, updates, upsert};

async fn payloads(store: &Store, letter: Option<char>) -> String {
    let query = RejectQuery { transfer: letter.map(transfer), id: None, limit: 100 };
    let rejects = store.rejects(query).await.unwrap();
    rejects.into_iter().map(|(_, reject)| reject.payload.unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_same_record_is_the_same_reject() {
    let place = Place::new();
    let store = place.open();
    for seconds in 0..3 {
        let mut batch = batch('A');
        batch.rejects = vec![reject('A', Some("k"), "one", seconds), reject('A', None, "two", 0)];
        let tally = store.commit(batch).await.unwrap();
        assert_eq!(effects(&tally), "rejected 2");
        assert_eq!(tally.newly_rejected, if seconds == 0 { 2 } else { 0 });
    }
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 2);
    assert_eq!(payloads(&store, Some('A')).await, "one two", "newest first");
    let all = store.rejects(RejectQuery { transfer: None, id: None, limit: 1 }).await.unwrap();
    assert_eq!(all[0].1.at, at(2), "as it was last seen");
    let one = RejectQuery { transfer: None, id: Some(all[0].0), limit: 5 };
    assert_eq!(store.rejects(one).await.unwrap(), all);
    store.drop_rejects(transfer('A'), vec![all[0].0]).await.unwrap();
    assert_eq!(payloads(&store, None).await, "two");
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 1);
    assert_sound(&store);
}

#[tokio::test]
async fn a_later_success_supersedes() {
    // (update types, whether the key is there, whether the record is a delete, what is left)
    for (letters, is_there, is_delete, left) in [
        ("cud", false, false, "other longer unknown"),
        ("cud", true, false, "other longer unknown"),
        ("ud", true, false, "other longer unknown"),
        ("ud", false, false, "other longer unknown one"),
        ("cud", true, true, "other longer unknown"),
        ("cud", false, true, "other longer unknown one"),
    ] {
        let place = Place::new();
        let store = place.open();
        let mut first = batch('A');
        if is_there {
            upsert(&mut first, "k", &[(1, Some("old"))]);
        }
        first.rejects = vec![
            reject('A', Some("k"), "one", 0),
            reject('A', None, "unknown", 1),
            reject('A', Some("kk"), "longer", 2),
            reject('A', Some("j"), "other", 3),
        ];
        store.commit(first).await.unwrap();
        assert_eq!(
            payloads(&store, None).await,
            "other longer unknown one",
            "a reject outlives its own batch"
        );
        let mut later = batch('A');
        later.updates = updates(letters);
        if is_delete {
            delete(&mut later, "k");
        } else {
            upsert(&mut later, "k", &[(1, Some("new"))]);
        }
        store.commit(later).await.unwrap();
        assert_eq!(payloads(&store, None).await, left, "{letters} {is_there} {is_delete}");
        let count = u64::try_from(left.split(' ').count()).unwrap();
        assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), count);
        assert_sound(&store);
    }
}

#[tokio::test]
async fn number_and_age_are_bounded() {
    let place = Place::new();
    let store = place.open();
    // (rejects as seconds, limits, now, what is left)
    for (seconds, limits, now, left) in [
        (&[1, 2, 3][..], (10, 100), 3, "3 2 1"),
        (&[5, 4], (4, 100), 5, "5 4 3 2"),
        (&[], (4, 2), 6, "5 4"),
        (&[7], (1, 100), 7, "7"),
        (&[], (1, 100), 200, ""),
        (&[201, 202], (0, 100), 202, ""),
    ] {
        let mut batch = batch('A');
        batch.at = at(now);
        batch.keep_rejects = limits;
        batch.rejects = seconds.iter().map(|s| reject('A', Some("k"), &s.to_string(), *s)).collect();
        store.commit(batch).await.unwrap();
        assert_eq!(payloads(&store, Some('A')).await, left, "{seconds:?} {limits:?}");
        let other = crate::fixture::batch('B');
        store.commit(other).await.unwrap();
    }
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 0);
    assert_sound(&store);
}

#[tokio::test]
async fn the_newest_of_all_transfers() {
    let place = Place::new();
    let store = place.open();
    for (letter, seconds) in [('A', 1), ('B', 2), ('A', 3), ('B', 4)] {
        let mut batch = batch(letter);
        batch.rejects = vec![reject(letter, None, &format!("{letter}{seconds}"), seconds)];
        store.commit(batch).await.unwrap();
    }
    assert_eq!(payloads(&store, None).await, "B4 A3 B2 A1");
    let two = store.rejects(RejectQuery { transfer: None, id: None, limit: 2 }).await.unwrap();
    assert_eq!(two.len(), 2);
}
