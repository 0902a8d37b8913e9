//! Records that are as they were: what a look finds, and when it holds no longer.

use std::sync::Arc;

use raccord_model::port::destination::{
    Batch, Candidates, Change, Destination, DestinationError, Intent, Prefetched, RecordDigest,
};

use crate::Subject;
use crate::fixture::{INC, batch, row_of, transfer};

const FIRST: RecordDigest = RecordDigest { mapping: *b"map1", record: *b"first record" };
const OTHER: RecordDigest = RecordDigest { mapping: *b"map1", record: *b"other record" };
const REMAPPED: RecordDigest = RecordDigest { mapping: *b"map2", record: *b"first record" };

fn upsert(letter: char, key: &str, value: &str, digest: Option<RecordDigest>) -> Batch {
    let mut batch = batch(letter);
    let patch = row_of(&[(1, Some(value))]);
    batch.changes.push(Change {
        intent: Intent::Upsert,
        key: key.as_bytes(),
        patch: &patch,
        version: b"",
        digest,
    });
    batch
}

fn keep(letter: char, key: &str, digest: RecordDigest, at: u64) -> Batch {
    let mut batch = batch(letter);
    let digest = Some(digest);
    batch.changes.push(Change {
        intent: Intent::Keep,
        key: key.as_bytes(),
        patch: b"",
        version: b"",
        digest,
    });
    Batch { kept_at: Some(at), ..batch }
}

async fn look(store: &impl Destination, letter: char, key: &str, digest: RecordDigest) -> Prefetched {
    let mut candidates = Candidates::default();
    candidates.push_none();
    candidates.push(key.as_bytes(), digest);
    store.prefetch(transfer(letter), INC, Arc::new(candidates)).await.unwrap()
}

pub async fn a_record_is_as_it_was_until_anything_writes_its_row<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    assert_eq!(look(store, 'A', "k", FIRST).await, Prefetched::default(), "there are no rows");
    store.commit(upsert('A', "k", "x", Some(FIRST))).await.unwrap();
    for (letter, key, digest, expected) in [
        ('A', "k", FIRST, true),
        ('A', "k", OTHER, false),
        ('B', "k", FIRST, false),
        ('A', "l", FIRST, false),
    ] {
        let found = look(store, letter, key, digest).await;
        assert_eq!(found.same, [false, expected], "{letter} {key} {digest:?}");
    }
    let at = look(store, 'A', "k", FIRST).await.at;
    let tally = store.commit(keep('A', "k", FIRST, at)).await.unwrap();
    assert_eq!((tally.fetched, tally.unchanged), (1, 1));
    assert_eq!(look(store, 'A', "k", FIRST).await.at, at, "nothing was written");

    store.commit(upsert('A', "other", "y", None)).await.unwrap();
    let tally = store.commit(keep('A', "k", FIRST, at)).await.unwrap();
    assert_eq!(tally.unchanged, 1, "another row was written, and this one is as it was");
    store.commit(upsert('B', "k", "z", Some(OTHER))).await.unwrap();
    assert!(matches!(store.commit(keep('A', "k", FIRST, at)).await, Err(DestinationError::Outdated)));
    assert!(matches!(store.commit(keep('A', "none", FIRST, at)).await, Err(DestinationError::Outdated)));
    assert_eq!(look(store, 'B', "k", OTHER).await.same, [false, false], "the row is not its own");
    subject.assert_sound();
}

pub async fn an_unchanged_row_gets_a_digest_where_that_pays<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    store.commit(upsert('A', "k", "x", None)).await.unwrap();
    // (the digest that comes with the same values, which one the row has afterwards)
    for (digest, expected) in [(FIRST, FIRST), (OTHER, FIRST), (REMAPPED, REMAPPED)] {
        let tally = store.commit(upsert('A', "k", "x", Some(digest))).await.unwrap();
        assert_eq!(tally.unchanged, 1, "{digest:?}");
        assert_eq!(look(store, 'A', "k", expected).await.same, [false, true], "{digest:?}");
    }
    // Where nearly all records are as they were, the few that differ only where nothing is mapped are taken up.
    let mut most = upsert('A', "k", "x", Some(RecordDigest { record: OTHER.record, ..REMAPPED }));
    for number in 0..7 {
        let key = format!("kept {number}");
        store.commit(upsert('A', &key, "y", Some(FIRST))).await.unwrap();
        most.changes.push(Change {
            intent: Intent::Keep,
            key: key.as_bytes(),
            patch: b"",
            version: b"",
            digest: Some(FIRST),
        });
    }
    most.kept_at = Some(0);
    assert_eq!(store.commit(most).await.unwrap().unchanged, 8);
    let renewed = RecordDigest { record: OTHER.record, ..REMAPPED };
    assert_eq!(look(store, 'A', "k", renewed).await.same, [false, true]);
}

pub async fn a_row_that_keeps_a_value_for_want_of_a_path_has_no_digest<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    store.commit(upsert('A', "k", "x", Some(FIRST))).await.unwrap();
    let mut without = batch('A');
    let patch = row_of(&[(1, None), (2, Some("new"))]);
    let digest = Some(OTHER);
    without.changes.push(Change { intent: Intent::Upsert, key: b"k", patch: &patch, version: b"", digest });
    without.suspects = vec![1];
    assert_eq!(store.commit(without).await.unwrap().updated, 1);
    for digest in [FIRST, OTHER] {
        assert_eq!(look(store, 'A', "k", digest).await.same, [false, false], "{digest:?}");
    }
}

pub async fn what_a_transfer_does_not_want_leaves_the_digest_of_what_is_there<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    store.commit(upsert('A', "k", "x", Some(FIRST))).await.unwrap();
    let unwanted = Batch { updates: crate::fixture::updates("c"), ..upsert('A', "k", "later", Some(OTHER)) };
    assert_eq!(store.commit(unwanted).await.unwrap().skipped, 1);
    assert_eq!(look(store, 'A', "k", FIRST).await.same, [false, true]);
    assert_eq!(look(store, 'A', "k", OTHER).await.same, [false, false]);
}

pub async fn what_was_shown_later_makes_the_record_of_the_row_too_late<S: Subject>() {
    // (what is wanted of the later record, what it is)
    for (wanted, intent) in [("cd", Intent::Upsert), ("cu", Intent::Delete)] {
        let subject = S::empty().await;
        let store = subject.destination();
        let versioned = |intent, value, version: &str, digest| {
            let mut one = batch('A');
            let patch = if intent == Intent::Upsert { row_of(&[(1, Some(value))]) } else { Vec::new() };
            let (key, version) = (b"k", version.as_bytes());
            one.changes.push(Change { intent, key, patch: &patch, version, digest });
            one
        };
        store.commit(versioned(Intent::Upsert, "x", "1", Some(FIRST))).await.unwrap();
        let later = versioned(intent, "y", "3", Some(OTHER));
        let later = Batch { updates: crate::fixture::updates(wanted), ..later };
        assert_eq!(store.commit(later).await.unwrap().skipped, 1, "{wanted}");
        assert_eq!(look(store, 'A', "k", FIRST).await.same, [false, false], "{wanted}");
        let again = store.commit(versioned(Intent::Upsert, "x", "1", Some(FIRST))).await.unwrap();
        assert_eq!(again.skipped, 1, "{wanted}");
        subject.assert_sound();
    }
}
