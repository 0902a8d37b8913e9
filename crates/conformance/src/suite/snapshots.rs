//! Snapshots and sweeps: only what a complete snapshot did not show goes, and never too much of it.

use raccord_model::checkpoint::{Checkpoint, Window};
use raccord_model::fact::Decided;
use raccord_model::language::Mode;
use raccord_model::port::destination::{
    Change, Destination, DestinationError, Intent, Ledger, RejectQuery, Said, Swept, Within,
};

use crate::Subject;
use crate::fixture::{
    INC, batch, checkpoint, counted, delete, effects, kept, keys, reject, row_of, run_of, sweep, swept,
    transfer, upsert, window,
};

/// Ten rows of A, one of B.
async fn filled(store: &(impl Destination + Ledger)) {
    let mut a = batch('A');
    a.target.unique = vec![1];
    for key in "abcdefghij".chars() {
        upsert(&mut a, &key.to_string(), &[(1, Some(&key.to_string()))]);
    }
    store.commit(a).await.unwrap();
    let mut b = batch('B');
    b.target.unique = vec![1];
    upsert(&mut b, "z", &[(2, Some("z"))]);
    store.commit(b).await.unwrap();
}

/// A snapshot of A that shows some keys.
async fn show(store: &(impl Destination + Ledger), keys: &str) {
    store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
    let mut seen = batch('A');
    seen.target.unique = vec![1];
    seen.mark_seen = true;
    for key in keys.chars() {
        upsert(&mut seen, &key.to_string(), &[(1, Some(&key.to_string()))]);
    }
    store.commit(seen).await.unwrap();
}

pub async fn what_was_not_shown_goes<S: Subject>() {
    // (keys shown, the largest share, what becomes of it, keys left)
    for (shown, share, expected, left) in [
        ("abcdefghij", Some(10), swept(0), "a b c d e f g h i j z"),
        ("abcdefghi", Some(10), swept(1), "a b c d e f g h i z"),
        ("bcdefghij", Some(10), swept(1), "b c d e f g h i j z"),
        ("abcdefgh", Some(11), kept(2, 10), "a b c d e f g h i j z"),
        ("abcdefgh", Some(20), swept(2), "a b c d e f g h z"),
        ("abcdefgh", None, swept(2), "a b c d e f g h z"),
        ("", Some(100), kept(10, 10), "a b c d e f g h i j z"),
        ("", None, swept(10), "z"),
        ("e", Some(100), swept(9), "e z"),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        filled(store).await;
        show(store, shown).await;
        let all = || "abcdefghij".chars();
        let said = store.said(transfer('A'), all().map(|key| key.to_string().into_bytes()).collect()).await;
        let expected_said = all().map(|key| if shown.contains(key) { Said::Shown } else { Said::Nothing });
        assert_eq!(
            said.unwrap(),
            Some(expected_said.collect()),
            "{shown}: a person can look at what would go"
        );
        let mut request = sweep('A', share);
        request.target.unique = vec![1];
        request.record = Some(Box::new(run_of('A', 7)));
        assert_eq!(counted(store.sweep(request.clone()).await.unwrap()), expected, "{shown} {share:?}");
        assert_eq!(keys(store).await, left, "{shown} {share:?}");
        let held = matches!(expected, Swept::Held { .. });
        let recorded = subject.recorded(transfer('A')).await.first().map(|run| run.tally.swept);
        let (Swept::Done { unseen: gone, .. } | Swept::Held { deletes: gone, .. }) = expected;
        assert_eq!(recorded, (!held).then_some(7 + gone), "the run is recorded with the rows, or neither is");
        let resumed = store.resume(transfer('A')).await.unwrap();
        assert_eq!(resumed, if held { None } else { Some(checkpoint(99)) });
        if held {
            // The marks have stayed: a person approves, and what was held is done.
            request.within = None;
            let Swept::Held { deletes, .. } = expected else { continue };
            assert_eq!(store.sweep(request).await.unwrap(), swept(deletes));
        }
        subject.assert_sound();
    }
}

pub async fn which_rows_would_go_is_told<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    let mut told = Vec::new();
    for shown in ["abcde", "fghij", "edcba", "abcd"] {
        show(store, shown).await;
        let mut request = sweep('A', Some(11));
        request.target.unique = vec![1];
        match store.sweep(request).await.unwrap() {
            Swept::Held { rows, .. } => told.push(rows.unwrap()),
            done @ Swept::Done { .. } => panic!("{shown} is not held: {done:?}"),
        }
    }
    let [first, other_rows, same_rows, one_more] = told[..] else { panic!("{told:?}") };
    assert_eq!(first, same_rows);
    assert!(first != other_rows && first != one_more, "{told:?}");
    // It is the same whether records say so or a snapshot does not show them.
    store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
    let mut said = batch('A');
    (said.defer_deletes, said.target.unique) = (true, vec![1]);
    "jihgf".chars().for_each(|key| delete(&mut said, &key.to_string()));
    store.commit(said).await.unwrap();
    let mut request = sweep('A', Some(11));
    request.snapshot = false;
    let Swept::Held { rows, .. } = store.sweep(request).await.unwrap() else { panic!("it is not held") };
    assert_eq!(rows, Some(first));
    subject.assert_sound();
}

pub async fn a_record_that_was_rejected_or_skipped_was_shown<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    show(store, "abcdefgh").await;
    let mut rest = batch('A');
    rest.mark_seen = true;
    rest.target.unique = vec![1];
    rest.updates = crate::fixture::updates("c");
    upsert(&mut rest, "i", &[(1, Some("changed"))]);
    rest.rejects = vec![reject('A', Some("j"), "payload", 0)];
    assert_eq!(effects(&store.commit(rest).await.unwrap()), "skipped 1, rejected 1");
    assert_eq!(store.sweep(sweep('A', Some(0))).await.unwrap(), swept(0));
}

/// What the service does not have any more must not come from a replay, though it never had a row.
pub async fn a_reject_of_a_record_that_is_gone_goes_with_the_snapshot<S: Subject>() {
    // (whether everything is read, what the window rejects, which rejects are left)
    for (snapshot, shown, left) in [
        (true, &[][..], "k0 none"),
        (true, &["k1"], "k0 k1 none"),
        (true, &["k1", "k2"], "k0 k1 k2 none"),
        (false, &[], "k0 k1 k2 none"),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        let mut first = batch('A');
        upsert(&mut first, "k0", &[(1, Some("x"))]);
        first.rejects = ["k0", "k1", "k2"].map(|key| reject('A', Some(key), key, 0)).to_vec();
        first.rejects.push(reject('A', None, "none", 0));
        store.commit(first).await.unwrap();
        store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
        let mut window = batch('A');
        window.mark_seen = true;
        window.rejects = shown.iter().map(|key| reject('A', Some(key), key, 1)).collect();
        window.rejects.push(reject('A', Some("k0"), "k0", 1));
        store.commit(window).await.unwrap();
        let mut request = sweep('A', Some(0));
        request.snapshot = snapshot;
        assert_eq!(store.sweep(request).await.unwrap(), swept(0), "{shown:?}");
        let query = RejectQuery { transfer: Some(transfer('A')), limit: 10, ..RejectQuery::default() };
        let rejects = store.rejects(query).await.unwrap();
        let mut payloads: Vec<_> = rejects.into_iter().filter_map(|(_, reject)| reject.payload).collect();
        payloads.sort();
        assert_eq!(payloads.join(" "), left, "{snapshot} {shown:?}");
        let count = store.count_rejects(transfer('A')).await.unwrap();
        assert_eq!(count, u64::try_from(payloads.len()).unwrap());
        subject.assert_sound();
    }
}

pub async fn rows_of_a_transfer_that_is_no_more_belong_to_who_shows_them<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    subject.apply(transfer('A'), None).await;
    // (what the snapshot of B shows, what it sweeps, what is left, how many are A's and B's)
    for (shown, gone, left, owned) in [
        ("abz", 0, "a b c d e f g h i j z", (8, 3)),
        ("bcz", 1, "b c d e f g h i j z", (7, 3)),
        ("z", 2, "d e f g h i j z", (7, 1)),
    ] {
        store.begin_window(transfer('B'), batch('B').fence).await.unwrap();
        let mut seen = batch('B');
        (seen.mark_seen, seen.target.unique) = (true, vec![1]);
        for key in shown.chars() {
            upsert(&mut seen, &key.to_string(), &[(2, Some("z"))]);
        }
        Destination::commit(store, seen).await.unwrap();
        let mut request = sweep('B', None);
        request.target.unique = vec![1];
        assert_eq!(store.sweep(request).await.unwrap(), swept(gone), "{shown}");
        assert_eq!(keys(store).await, left, "{shown}");
        let count = |letter| store.count_owned(INC, transfer(letter));
        assert_eq!((count('A').await.unwrap(), count('B').await.unwrap()), owned, "{shown}");
        subject.assert_sound();
    }
}

pub async fn what_was_swept_comes_back_unless_it_is_older<S: Subject>() {
    // (the version of the row, the version that comes after the sweep, what becomes of it)
    for (stored, later, expected) in [
        ("5", "4", "skipped 1"),
        ("5", "5", "created 1"),
        ("5", "6", "created 1"),
        ("5", "", "created 1"),
        ("", "1", "created 1"),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        let versioned = |version: &str| {
            let mut one = batch('A');
            let (patch, version) = (row_of(&[(1, Some("x"))]), version.as_bytes());
            one.changes.push(Change {
                intent: Intent::Upsert,
                key: b"k",
                patch: &patch,
                version,
                digest: None,
            });
            one
        };
        Destination::commit(store, versioned(stored)).await.unwrap();
        store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
        assert_eq!(store.sweep(sweep('A', None)).await.unwrap(), swept(1));
        subject.assert_sound();
        let tally = Destination::commit(store, versioned(later)).await.unwrap();
        assert_eq!(effects(&tally), expected, "{stored:?} {later:?}");
        subject.assert_sound();
    }
}

pub async fn a_sweep_takes_the_rejects_of_its_keys<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    let mut rejected = batch('A');
    rejected.rejects = ["a", "b", "aa"].map(|key| reject('A', Some(key), key, 0)).into();
    Destination::commit(store, rejected).await.unwrap();
    show(store, "bcdefghij").await;
    let mut again = batch('A');
    again.mark_seen = true;
    again.rejects = vec![reject('A', Some("aa"), "aa", 0)];
    Destination::commit(store, again).await.unwrap();
    let mut request = sweep('A', None);
    request.target.unique = vec![1];
    // `b` was shown and stored since then; `aa` is another key.
    assert_eq!(store.sweep(request).await.unwrap(), swept(1));
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 1);
    subject.assert_sound();
}

/// What a window has created itself is no part of what its share is of.
pub async fn a_share_is_of_the_rows_that_were_there_before<S: Subject>() {
    for (share, expected) in [(50, kept(3, 4)), (75, swept(3))] {
        let subject = S::empty().await;
        let store = subject.destination();
        show(store, "abcd").await;
        show(store, "aefghi").await;
        let mut request = sweep('A', Some(share));
        request.target.unique = vec![1];
        request.within = request.within.map(|within| Within { created: 5, ..within });
        assert_eq!(counted(store.sweep(request).await.unwrap()), expected, "{share}");
        subject.assert_sound();
    }
}

pub async fn a_new_snapshot_forgets_the_marks_of_the_last<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    show(store, "abcdefghij").await;
    show(store, "bcdefghij").await;
    assert_eq!(store.sweep(sweep('A', Some(10))).await.unwrap(), swept(1));
    let nothing_shown = store.sweep(sweep('A', Some(100))).await.unwrap();
    assert_eq!(counted(nothing_shown), kept(9, 9), "no marks left");
}

pub async fn a_new_window_forgets_the_one_before<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    for snapshot in [true, false] {
        let window = Window { snapshot, ..window(0) };
        let half_way = Checkpoint { window: Some(window), snapshot_at: Some(7), ..checkpoint(5) };
        let mut page = batch('A');
        page.checkpoint = Some(half_way.clone());
        store.commit(page).await.unwrap();
        store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
        // Its marks are gone: nothing may continue it.
        let expected = Checkpoint { window: None, ..half_way };
        assert_eq!(store.resume(transfer('A')).await.unwrap(), Some(expected));
    }
}

pub async fn nothing_to_sweep_is_done<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    assert_eq!(store.sweep(sweep('A', Some(0))).await.unwrap(), swept(0));
}

pub async fn a_stale_sweep_is_refused<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    show(store, "abc").await;
    subject.apply(transfer('A'), Some(Decided { epoch: 3, reset: 0 })).await;
    let refused = store.sweep(sweep('A', None)).await;
    assert!(matches!(refused, Err(DestinationError::Fenced { expected: 0, found: Some(3) })), "{refused:?}");
    assert_eq!(store.count(INC).await.unwrap(), 11);
}

pub async fn the_end_of_an_incarnation<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    filled(store).await;
    let mut waiting = batch('E');
    waiting.mode = Mode::Enrich;
    upsert(&mut waiting, "later", &[(5, Some("e"))]);
    store.commit(waiting).await.unwrap();
    let mut gone = batch('A');
    gone.target.unique = vec![1];
    delete(&mut gone, "a");
    gone.changes.push(Change { intent: Intent::Delete, key: b"b", patch: b"", version: b"3", digest: None });
    assert_eq!(effects(&store.commit(gone).await.unwrap()), "deleted 2");
    let mut other = batch('A');
    other.target.incarnation = INC + 1;
    upsert(&mut other, "a", &[(1, Some("a"))]);
    store.commit(other).await.unwrap();
    assert_eq!(store.collect(INC).await.unwrap(), 9);
    assert_eq!((store.count(INC).await.unwrap(), store.count(INC + 1).await.unwrap()), (0, 1));
    assert_eq!(store.count_owned(INC, transfer('B')).await.unwrap(), 0);
    assert_eq!(store.collect(INC).await.unwrap(), 0);
    subject.assert_sound();
}
