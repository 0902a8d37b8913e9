//! Unique fields: no two rows share a value, and the index follows the rows and the entity.

use raccord_model::port::destination::{Batch, Destination, Ledger, RejectQuery};

use crate::Subject;
use crate::fixture::{batch, delete, effects, rows, transfer, upsert};

/// `k=x` gives field 1 of `k` the value x, `k` empties it, `-k` deletes the row.
fn changes(batch: &mut Batch, text: &str) {
    for word in text.split(' ') {
        match (word.strip_prefix('-'), word.split_once('=')) {
            (Some(key), _) => delete(batch, key),
            (None, Some((key, value))) => upsert(batch, key, &[(1, Some(value)), (2, Some("other"))]),
            (None, None) => upsert(batch, word, &[(1, None), (2, Some("other"))]),
        }
    }
}

pub async fn a_value_belongs_to_one_row<S: Subject>() {
    // (changes, effects, rejects that stay)
    for (text, expected, kept) in [
        ("a=x b=y", "created 2", 0),
        ("a=x b=x", "created 1, rejected 1", 1),
        ("a=x a=x", "created 1, unchanged 1", 0),
        ("a=x b=y b=x", "created 2, rejected 1", 1),
        ("a=x a=y b=x", "created 2, updated 1", 0),
        ("a=x -a b=x", "created 2, deleted 1", 0),
        ("a=x a b=x", "created 2, updated 1", 0),
        ("a b c", "created 3", 0),
        ("a=x b=x a=y b=x", "created 2, updated 1, rejected 1", 0),
        ("a=x b=x -b", "created 1, skipped 1, rejected 1", 0),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        let mut batch = batch('A');
        batch.target.unique = vec![1];
        changes(&mut batch, text);
        let tally = store.commit(batch).await.unwrap();
        assert_eq!(effects(&tally), expected, "{text}");
        assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), kept, "{text}");
        assert_eq!(tally.newly_rejected, kept, "{text}");
        subject.assert_sound();
    }
}

pub async fn the_reject_names_key_and_reason<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    let mut first = batch('A');
    first.target.unique = vec![1];
    changes(&mut first, "a=x b=x c=x");
    store.commit(first).await.unwrap();
    let query = RejectQuery { transfer: Some(transfer('A')), limit: 10, ..RejectQuery::default() };
    let rejects = store.rejects(query).await.unwrap();
    let mut keys: Vec<_> = rejects.iter().map(|(_, reject)| reject.key.clone().unwrap()).collect();
    keys.sort();
    assert_eq!(keys, ["62", "63"]);
    assert_eq!(rejects[0].1.reason, "another record already has this value of field 1");
}

pub async fn the_index_follows_the_entity<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    // (fields that are unique, changes, effects)
    for (unique, text, expected) in [
        (&[][..], "a=x b=y", "created 2"),
        (&[1], "c=x", "rejected 1"),
        (&[1], "c=z", "created 1"),
        (&[], "c=x d=x", "created 1, updated 1"),
        (&[1], "e=y", "rejected 1"),
        (&[1], "f=z", "created 1"),
    ] {
        let mut batch = batch('A');
        batch.target.unique = unique.to_vec();
        changes(&mut batch, text);
        assert_eq!(effects(&store.commit(batch).await.unwrap()), expected, "{text}");
    }
}

pub async fn rows_that_shared_a_value_before_hold_it_in_turn<S: Subject>() {
    // (what becomes of rows that share x, one batch after the other: changes and effects)
    for steps in [
        &[
            ("a=y", "updated 1"),
            ("d=x", "rejected 1"),
            ("b=z", "updated 1"),
            ("c=z -c", "deleted 1, rejected 1"),
            ("d=x", "created 1"),
        ][..],
        &[
            ("-a", "deleted 1"),
            ("d=x", "rejected 1"),
            ("-b", "deleted 1"),
            ("d=x", "rejected 1"),
            ("-c d=x", "created 1, deleted 1"),
        ],
        // One that leaves before its turn has none.
        &[
            ("b=y", "updated 1"),
            ("c", "updated 1"),
            ("d=x", "rejected 1"),
            ("a=z d=x", "created 1, updated 1"),
        ],
        // Who holds it may change otherwise; who shares it must let go of it first.
        &[
            ("a=x", "unchanged 1"),
            ("b=x", "unchanged 1"),
            ("-a b=x", "deleted 1, unchanged 1"),
            ("c=z", "updated 1"),
            ("b=q d=x", "created 1, updated 1"),
        ],
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        let mut before = batch('A');
        changes(&mut before, "a=x b=x c=x");
        store.commit(before).await.unwrap();
        for (text, expected) in steps {
            let mut batch = batch('A');
            batch.target.unique = vec![1];
            changes(&mut batch, text);
            assert_eq!(effects(&store.commit(batch).await.unwrap()), *expected, "{text} of {steps:?}");
        }
        subject.assert_sound();
    }
}

pub async fn an_enrichment_that_breaks_it_is_rejected<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    let mut first = batch('A');
    first.target.unique = vec![3];
    upsert(&mut first, "a", &[(3, Some("taken"))]);
    store.commit(first).await.unwrap();
    for (key, value) in [("b", "taken"), ("c", "free")] {
        let mut waiting = batch('E');
        waiting.mode = raccord_model::language::Mode::Enrich;
        waiting.target.unique = vec![3];
        upsert(&mut waiting, key, &[(3, Some(value))]);
        store.commit(waiting).await.unwrap();
        let mut created = batch('A');
        created.target.unique = vec![3];
        upsert(&mut created, key, &[(1, Some("x"))]);
        assert_eq!(effects(&store.commit(created).await.unwrap()), "created 1");
    }
    let rows: Vec<_> = rows(store).await.into_values().collect();
    assert_eq!(rows, ["3:taken", "1:x", "1:x 3:free"]);
    let query = RejectQuery { transfer: Some(transfer('E')), limit: 10, ..RejectQuery::default() };
    let mut rejects = store.rejects(query).await.unwrap();
    assert_eq!(store.count_rejects(transfer('E')).await.unwrap(), 1);
    let (id, reject) = rejects.pop().unwrap();
    assert!(rejects.is_empty());
    assert_eq!((reject.key.as_deref(), reject.payload), (Some("62"), None));
    assert_eq!(reject.transfer, transfer('E'));
    assert!(
        reject.reason.starts_with("another record already has this value of field 3"),
        "{}",
        reject.reason
    );
    // Once the enriching transfer can show the record again, the reject goes.
    let place = RejectQuery { id: Some(id), limit: 1, ..RejectQuery::default() };
    for (value, kept) in [("taken", true), ("other", false)] {
        let mut again = batch('E');
        again.mode = raccord_model::language::Mode::Enrich;
        again.target.unique = vec![3];
        upsert(&mut again, "b", &[(3, Some(value))]);
        store.commit(again).await.unwrap();
        assert_eq!(!store.rejects(place.clone()).await.unwrap().is_empty(), kept, "{value}");
    }
    assert_eq!(store.count_rejects(transfer('E')).await.unwrap(), 0);
    subject.assert_sound();
}
