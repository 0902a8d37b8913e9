//! Rejects: kept once, superseded by what becomes of their records later, bounded in number and age.

use raccord_model::fact::Reject;
use raccord_model::language::Mode;
use raccord_model::port::destination::{Batch, Change, Destination, Intent, Ledger, RejectQuery};

use crate::Subject;
use crate::fixture::{at, batch, delete, effects, reject, reject_next, row_of, transfer, updates, upsert};

async fn payloads(store: &(impl Destination + Ledger), letter: Option<char>) -> String {
    let query = RejectQuery { transfer: letter.map(transfer), limit: 100, ..RejectQuery::default() };
    let rejects = store.rejects(query).await.unwrap();
    rejects.into_iter().map(|(_, reject)| reject.payload.unwrap()).collect::<Vec<_>>().join(" ")
}

pub async fn the_same_record_is_the_same_reject<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    for seconds in 0..3 {
        let mut batch = batch('A');
        batch.rejects = vec![reject('A', Some("k"), "one", seconds), reject('A', None, "two", 0)];
        let tally = store.commit(batch).await.unwrap();
        assert_eq!(effects(&tally), "rejected 2");
        assert_eq!(tally.newly_rejected, if seconds == 0 { 2 } else { 0 });
    }
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 2);
    assert_eq!(payloads(store, Some('A')).await, "one two", "newest first");
    let all = store.rejects(RejectQuery { limit: 1, ..RejectQuery::default() }).await.unwrap();
    assert_eq!(all[0].1.at, at(2), "as it was last seen");
    let one = RejectQuery { id: Some(all[0].0), limit: 5, ..RejectQuery::default() };
    assert_eq!(store.rejects(one).await.unwrap(), all);
    store.drop_rejects(transfer('A'), vec![all[0].0]).await.unwrap();
    assert_eq!(payloads(store, None).await, "two");
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 1);
    subject.assert_sound();
}

pub async fn a_later_success_supersedes<S: Subject>() {
    // (update types, whether the key is there, whether the record is a delete, what is left)
    for (letters, is_there, is_delete, left) in [
        ("cud", false, false, "other longer unknown"),
        ("cud", true, false, "other longer unknown"),
        ("ud", true, false, "other longer unknown"),
        ("ud", false, false, "other longer unknown one"),
        ("cud", true, true, "other longer unknown"),
        // What the source deleted must not come back by a replay, though its row was never there.
        ("cud", false, true, "other longer unknown"),
        ("cu", false, true, "other longer unknown one"),
        ("cu", true, true, "other longer unknown one"),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
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
            payloads(store, None).await,
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
        assert_eq!(payloads(store, None).await, left, "{letters} {is_there} {is_delete}");
        let count = u64::try_from(left.split(' ').count()).unwrap();
        assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), count);
        subject.assert_sound();
    }
}

pub async fn an_enrichment_that_waits_supersedes_too<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    for (letters, version, left) in [("u", "3", 1), ("c", "5", 1), ("u", "4", 0)] {
        let mut later = batch('E');
        (later.mode, later.updates) = (Mode::Enrich, updates(letters));
        if store.count_rejects(transfer('E')).await.unwrap() == 0 {
            reject_next(&mut later, reject('E', Some("k"), "one", 0), b"4");
        }
        let (patch, version) = (row_of(&[(5, Some("x"))]), version.as_bytes());
        later.changes.push(Change {
            intent: Intent::Upsert,
            key: b"k",
            patch: &patch,
            version,
            digest: None,
        });
        store.commit(later).await.unwrap();
        assert_eq!(store.count_rejects(transfer('E')).await.unwrap(), left, "{letters} {version:?}");
    }
    subject.assert_sound();
}

pub async fn a_deletion_supersedes_rejects_of_any_owners_row<S: Subject>() {
    // (mode, update types, whether an enrichment waits, the version of the deletion, how many rejects are left)
    for (mode, letters, waits, version, left) in [
        (Mode::Own, "cud", false, "5", 0),
        (Mode::Own, "cu", false, "5", 1),
        (Mode::Own, "cud", false, "3", 1),
        (Mode::Enrich, "ud", false, "", 0),
        (Mode::Enrich, "ud", true, "", 0),
        (Mode::Enrich, "u", false, "", 1),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        let mut first = batch('B');
        first.mode = mode;
        let key = if waits { "absent" } else { "k" };
        if waits {
            upsert(&mut first, key, &[(2, Some("waits"))]);
        } else {
            let mut owner = batch('A');
            upsert(&mut owner, "k", &[(1, Some("old"))]);
            store.commit(owner).await.unwrap();
            let patch = row_of(&[(2, Some("new"))]);
            first.changes.push(Change {
                intent: Intent::Upsert,
                key: b"k",
                patch: &patch,
                version: b"4",
                digest: None,
            });
        }
        reject_next(&mut first, reject('B', Some(key), "one", 0), b"");
        store.commit(first).await.unwrap();
        let mut later = batch('B');
        (later.mode, later.updates) = (mode, updates(letters));
        let deletion = Change {
            intent: Intent::Delete,
            key: key.as_bytes(),
            patch: b"",
            version: version.as_bytes(),
            digest: None,
        };
        later.changes.push(deletion);
        assert_eq!(effects(&store.commit(later).await.unwrap()), "skipped 1");
        let kept = store.count_rejects(transfer('B')).await.unwrap();
        assert_eq!(kept, left, "{mode:?} {letters} {waits} {version:?}");
        subject.assert_sound();
    }
}

/// A batch of words in order: `!k` rejects a record of `k`, `+k=x` is an upsert, `-k` a delete; `@` and a version may
/// follow. A reject is named after its word.
fn in_order(text: &str) -> Batch {
    let mut batch = batch('A');
    for word in text.split_whitespace() {
        let (what, version) = word.split_once('@').unwrap_or((word, ""));
        let (key, value) = what[1..].split_once('=').unwrap_or((&what[1..], "x"));
        let patch = row_of(&[(1, Some(value))]);
        let (key, version) = (key.as_bytes(), version.as_bytes());
        match &word[..1] {
            "!" => reject_next(&mut batch, reject('A', std::str::from_utf8(key).ok(), word, 0), version),
            "+" => batch.changes.push(Change {
                intent: Intent::Upsert,
                key,
                patch: &patch,
                version,
                digest: None,
            }),
            _ => {
                batch.changes.push(Change { intent: Intent::Delete, key, patch: b"", version, digest: None });
            }
        }
    }
    batch
}

pub async fn of_one_key_the_last_word_counts<S: Subject>() {
    // (records, rejects that stay; all of them are new the first time, and none is afterwards)
    for (text, left) in [
        ("!k", "!k"),
        ("!k +k", ""),
        ("+k !k", "!k"),
        ("!k +k !k", "!k"),
        ("!k +l", "!k"),
        ("!k +k !l +m", "!l"),
        ("!k -k", ""),
        ("+k !k -k", ""),
        ("!k +k -k !k", "!k"),
        // An older record says nothing of a newer reject.
        ("!k@5 +k@4", "!k@5"),
        ("!k@5 +k@5", ""),
        ("!k@5 +k@6", ""),
        ("!k@5 +k", ""),
        ("!k +k@4", ""),
        ("+k@3 !k@5 -k@4", "!k@5"),
        ("+k@3 !k@5 -k@5", ""),
        ("!k@5 -k@4", "!k@5"),
        ("!k@5 !k@7 +k@6", "!k@7"),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        for again in [false, true, true] {
            let tally = store.commit(in_order(text)).await.unwrap();
            assert_eq!(payloads(store, None).await, left, "{text}");
            assert_eq!(tally.newly_rejected, u64::from(!again && !left.is_empty()), "{text}");
            subject.assert_sound();
        }
    }
}

pub async fn a_record_that_was_not_kept_is_known_by_its_key<S: Subject>() {
    let of = |key, position: &str, reason: &str| {
        let other =
            Reject { position: position.to_owned(), reason: reason.to_owned(), ..reject('A', key, "", 0) };
        Reject { payload: None, ..other }
    };
    let subject = S::empty().await;
    let store = subject.destination();
    // (the reject, whether it is new)
    for (reject, is_new) in [
        (of(Some("k"), "line 1", "too long"), true),
        (of(Some("k"), "line 2", "too long"), false),
        (of(Some("l"), "line 1", "too long"), true),
        (of(Some("k"), "line 1", "no date"), true),
        (of(None, "line 1", "too long"), true),
        (of(None, "line 2", "too long"), true),
        (of(None, "line 1", "too long"), false),
    ] {
        let mut batch = batch('A');
        batch.rejects = vec![reject.clone()];
        let tally = store.commit(batch).await.unwrap();
        assert_eq!(tally.newly_rejected, u64::from(is_new), "{reject:?}");
    }
    subject.assert_sound();
}

pub async fn those_that_were_too_many_are_not_new_again<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    // (bad records, how many are kept, for how many seconds, now, how many are new)
    for (bad, most, age, now, new) in [
        ("abcd", 2, 100, 0, 4),
        ("abcd", 2, 100, 1, 0),
        ("abcd", 2, 100, 2, 0),
        ("abcde", 2, 100, 3, 1),
        ("abcde", 0, 100, 4, 0),
        ("abcde", 2, 100, 5, 0),
        // They are forgotten for good as if they had been kept.
        ("", 2, 100, 200, 0),
        ("abc", 2, 100, 201, 3),
    ] {
        let mut batch = batch('A');
        (batch.at, batch.keep_rejects) = (at(now), (most, age));
        batch.rejects = bad.chars().map(|key| reject('A', None, &key.to_string(), now)).collect();
        let tally = store.commit(batch).await.unwrap();
        assert_eq!(tally.newly_rejected, new, "{bad} {now}");
        assert!(store.count_rejects(transfer('A')).await.unwrap() <= most);
    }
    subject.assert_sound();
}

pub async fn number_and_age_are_bounded<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
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
        assert_eq!(payloads(store, Some('A')).await, left, "{seconds:?} {limits:?}");
        let other = crate::fixture::batch('B');
        store.commit(other).await.unwrap();
    }
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 0);
    subject.assert_sound();
}

pub async fn the_newest_of_all_transfers<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    for (letter, seconds) in [('A', 1), ('B', 2), ('A', 3), ('B', 4)] {
        let mut batch = batch(letter);
        batch.rejects = vec![reject(letter, None, &format!("{letter}{seconds}"), seconds)];
        store.commit(batch).await.unwrap();
    }
    assert_eq!(payloads(store, None).await, "B4 A3 B2 A1");
    let two = store.rejects(RejectQuery { limit: 2, ..RejectQuery::default() }).await.unwrap();
    assert_eq!(two.len(), 2);
}
