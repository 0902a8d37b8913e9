//! Deletions that wait for the end of their window, and batches that would delete too much.

use raccord_model::classify::is_older;
use raccord_model::fact::DeletedBy;
use raccord_model::language::deletes::Percent;
use raccord_model::port::destination::{
    Batch, Change, Destination, DestinationError, Guard, Intent, Ledger, RowQuery, Said, Staying, StoredRow,
    Swept,
};

use crate::Subject;
use crate::fixture::{batch, counted, keys, sweep, transfer, upsert, within};

/// Rows of A, one for each letter, at a version.
async fn filled(store: &impl Destination, letters: &str) {
    let mut first = batch('A');
    for key in letters.chars() {
        change(&mut first, (key, Intent::Upsert), "5");
    }
    store.commit(first).await.unwrap();
}

fn change(batch: &mut Batch, (key, intent): (char, Intent), version: &str) {
    let key = key.to_string();
    let patch = crate::fixture::row_of(&[(1, Some(&key))]);
    let patch = if intent == Intent::Upsert { patch } else { Vec::new() };
    batch.changes.push(Change {
        intent,
        key: key.as_bytes(),
        patch: &patch,
        version: version.as_bytes(),
        digest: None,
    });
}

/// Changes in words: `-a6` deletes a at version 6, `+a` shows it without one.
async fn take(store: &impl Destination, words: &str, defer_deletes: bool) {
    let mut next = Batch { defer_deletes, ..batch('A') };
    for word in words.split_whitespace() {
        let intent = if word.starts_with('-') { Intent::Delete } else { Intent::Upsert };
        let mut rest = word.chars().skip(1);
        let key = rest.next().unwrap();
        change(&mut next, (key, intent), &rest.collect::<String>());
    }
    let tally = store.commit(next).await.unwrap();
    assert!(tally.is_balanced(), "{tally:?}");
}

/// How many rows the window says are deleted.
async fn said_to_go(store: &impl Ledger) -> u64 {
    let incarnation = batch('A').target.incarnation;
    let rows = store.rows(RowQuery { incarnation, limit: 100, ..RowQuery::default() }).await.unwrap();
    let keys = rows.iter().map(|row| row.key.clone()).collect();
    let said = store.said(transfer('A'), keys).await.unwrap().unwrap();
    let goes = |(row, said): &(&StoredRow, Said)| matches!(said, Said::Deleted(version) if !is_older(version, &row.version));
    u64::try_from(rows.iter().zip(said).filter(goes).count()).unwrap()
}

pub async fn what_records_say_is_deleted_goes_at_the_end<S: Subject>() {
    let done = |marked| done_of(0, marked);
    let held = |deletes| Swept::Held { by: DeletedBy::Field, deletes, of: 10, rows: None };
    // (the records of the window, the share, what becomes of it, the keys left)
    for (words, share, expected, left) in [
        ("", 50, done(0), "a b c d e f g h i j"),
        ("-a -b", 20, done(2), "c d e f g h i j"),
        ("-a -b -a", 20, done(2), "c d e f g h i j"),
        ("-a -b -c", 20, held(3), "a b c d e f g h i j"),
        ("-a -b -c +a", 20, done(2), "a d e f g h i j"),
        ("-a6 +a5", 20, done(1), "b c d e f g h i j"),
        ("-a6 +a7", 20, done(0), "a b c d e f g h i j"),
        ("-a4 -b5 -z", 20, done(1), "a c d e f g h i j"),
        // The default share says nothing of so few rows.
        ("-a -b -c -d -e -f -g -h -i -j", 10, done(10), ""),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        filled(store, "abcdefghij").await;
        store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
        take(store, words, true).await;
        assert_eq!(keys(store).await, "a b c d e f g h i j", "{words}: nothing goes before the end");
        let (Swept::Done { marked: goes, .. } | Swept::Held { deletes: goes, .. }) = expected;
        assert_eq!(said_to_go(store).await, goes, "{words}: a person can look at what would go");
        let mut request = sweep('A', None);
        request.snapshot = false;
        request.within = Some(within(share));
        assert_eq!(counted(store.sweep(request.clone()).await.unwrap()), expected, "{words}");
        assert_eq!(keys(store).await, left, "{words}");
        if let Swept::Held { deletes, .. } = expected {
            request.within = None;
            assert_eq!(store.sweep(request).await.unwrap(), done(deletes), "{words}");
        }
        subject.assert_sound();
    }
}

/// Versions need not rise where a service deletes and restores: what a later reading shows counts.
pub async fn what_a_reading_says_is_deleted_comes_back_unless_it_is_older<S: Subject>() {
    let window = async |store: &_, words: &str| {
        Destination::begin_window(store, transfer('A'), batch('A').fence).await.unwrap();
        take(store, words, true).await;
        let request =
            raccord_model::port::destination::Sweep { snapshot: false, within: None, ..sweep('A', None) };
        Destination::sweep(store, request).await.unwrap();
    };
    for (deletion, shown, left) in [("-a5", "+a5", "a b"), ("-a6", "+a6", "a b"), ("-a6", "+a5", "b")] {
        // The reading goes on to say that it is deleted, or does not.
        for further in 0..3 {
            let subject = S::empty().await;
            let store = subject.destination();
            filled(store, "ab").await;
            for _ in 0..=further {
                window(store, deletion).await;
                assert_eq!(keys(store).await, "b", "{deletion}");
            }
            // A delivery has no order: one that is no newer may have been sent before.
            if deletion == "-a5" {
                take(store, "-a5", false).await;
                take(store, "+a5", false).await;
                assert_eq!(keys(store).await, "b", "{deletion}, by deliveries");
                window(store, deletion).await;
            }
            window(store, shown).await;
            assert_eq!(keys(store).await, left, "{deletion} {shown} {further}");
            subject.assert_sound();
        }
    }
}

pub async fn in_a_snapshot_both_ways_count_for_themselves<S: Subject>() {
    // (the records, what becomes of it with 20% of each, the keys left)
    for (words, expected, left) in [
        ("+a +b +c +d +e +f -g -h", done_of(2, 2), "a b c d e f"),
        (
            "+a +b +c +d +e -f -g",
            Swept::Held { by: DeletedBy::Snapshot, deletes: 5, of: 10, rows: None },
            "a b c d e f g h i j",
        ),
        (
            "+a +b +c +d +e -f -g -h -i",
            Swept::Held { by: DeletedBy::Field, deletes: 5, of: 10, rows: None },
            "a b c d e f g h i j",
        ),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        filled(store, "abcdefghij").await;
        store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
        let mut next = Batch { defer_deletes: true, mark_seen: true, ..batch('A') };
        for word in words.split_whitespace() {
            let intent = if word.starts_with('-') { Intent::Delete } else { Intent::Upsert };
            change(&mut next, (word.chars().nth(1).unwrap(), intent), "");
        }
        store.commit(next).await.unwrap();
        let mut request = sweep('A', None);
        request.within = Some(within(20));
        assert_eq!(counted(store.sweep(request).await.unwrap()), expected, "{words}");
        assert_eq!(keys(store).await, left, "{words}");
        subject.assert_sound();
    }
}

pub async fn the_marks_of_a_window_go_with_it<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store, "abcdefghij").await;
    take(store, "-a -b", true).await;
    store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
    take(store, "-c", true).await;
    let mut request = sweep('A', None);
    request.snapshot = false;
    assert_eq!(store.sweep(request.clone()).await.unwrap(), done_of(0, 1));
    assert_eq!(store.sweep(request).await.unwrap(), done_of(0, 0));
    assert_eq!(keys(store).await, "a b d e f g h i j");
}

pub async fn the_share_is_of_the_rows_that_were_there_before<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store, "abcdefghij").await;
    take(store, "+k +l +m +n +o +p +q +r +s +t -a -b", true).await;
    let mut request = sweep('A', None);
    request.snapshot = false;
    request.within = Some(raccord_model::port::destination::Within { created: 10, ..within(15) });
    assert_eq!(
        counted(store.sweep(request).await.unwrap()),
        Swept::Held { by: DeletedBy::Field, deletes: 2, of: 10, rows: None },
        "15% of 10 rows is one"
    );
}

pub async fn a_batch_that_would_delete_too_much_leaves_no_trace<S: Subject>() {
    // (the changes, what is deleted already, what is allowed; how many would go, of how many, when it is refused)
    for (words, deleted, allowed, refused) in [
        ("-a -b", 0, 0, None),
        ("-a -b -a -z", 0, 0, None),
        ("-a -b -c", 0, 0, Some((3, 10))),
        ("-a -b -c +c", 0, 0, None),
        ("-a -b -c4", 0, 0, None),
        ("-a", 2, 0, Some((3, 12))),
        ("-a -b -c", 0, 3, None),
        ("+a", 9, 0, None),
        ("-z", 9, 0, None),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        filled(store, "abcdefghij").await;
        let guard = Guard { share: Percent(20), deleted, allowed };
        let mut next = Batch { guard: Some(guard), ..batch('A') };
        upsert(&mut next, "new", &[(1, Some("x"))]);
        for word in words.split_whitespace() {
            let intent = if word.starts_with('-') { Intent::Delete } else { Intent::Upsert };
            let mut rest = word.chars().skip(1);
            let key = rest.next().unwrap();
            change(&mut next, (key, intent), &rest.collect::<String>());
        }
        let found = match store.commit(next).await {
            Ok(_) => None,
            Err(DestinationError::TooManyDeletes { deletes, of }) => Some((deletes, of)),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found, refused, "{words}");
        let is_there = keys(store).await.contains("new");
        assert_eq!(is_there, refused.is_none(), "{words}");
        subject.assert_sound();
    }
}

/// So many rows are gone that the snapshot did not show, and that records say are deleted; none stays.
const fn done_of(unseen: u64, marked: u64) -> Swept {
    Swept::Done { unseen, marked, staying: Staying { unseen: 0, marked: 0, further: 0 } }
}
