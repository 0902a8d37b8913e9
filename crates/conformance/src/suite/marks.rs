//! What a window leaves behind beside its rows: where its keys were shown, and how far partitions were read.

use raccord_model::checkpoint::{Cursor, Shift, Spot, Token};
use raccord_model::port::destination::{Batch, Destination, PartitionMark, Reading};

use crate::Subject;
use crate::fixture::{batch, checkpoint, page, partition, run, shift, sweep, transfer, upsert};

const fn at(page: u64) -> Spot {
    Spot { partition: None, page }
}

pub async fn a_key_on_two_pages_is_a_shift<S: Subject>() {
    let record = |first, again| Some(Shift::Record { first, again });
    for (pages, expected) in [
        (&[(Some(at(1)), "a b"), (Some(at(2)), "c d")][..], None),
        (&[(Some(at(1)), "a b"), (Some(at(2)), "b c")], record(1, 2)),
        (&[(Some(at(1)), "a b"), (Some(at(2)), "c"), (Some(at(3)), "a")], record(1, 3)),
        // One answer is of one moment, and a page may be read once more after a kill.
        (&[(Some(at(1)), "a a")], None),
        (&[(Some(at(1)), "a b"), (Some(at(1)), "a b")], None),
        // However the record was shown.
        (&[(Some(at(1)), "a"), (Some(at(2)), "-a")], record(1, 2)),
        (&[(Some(at(1)), "-a"), (Some(at(2)), "-a")], record(1, 2)),
        (&[(Some(at(1)), "!a"), (Some(at(2)), "a")], record(1, 2)),
        (&[(Some(at(1)), "a"), (Some(at(2)), "!a")], record(1, 2)),
        // Pages that are not asked for by their position do not shift.
        (&[(None, "a"), (None, "a")], None),
        // A delivery between two pages of a window shows a record nowhere, and hides nothing.
        (&[(Some(at(1)), "a"), (None, "a"), (Some(at(2)), "a")], record(1, 2)),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
        for (spot, keys) in pages {
            store.commit(page(*spot, 0, keys)).await.unwrap();
        }
        assert_eq!(shift(store).await.0, expected, "{pages:?}");
    }
}

pub async fn a_record_of_two_parents_is_no_shift<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
    let of = |number, page| Some(Spot { partition: Some(partition(number)), page });
    for (spot, expected) in [
        (of(1, 1), (None, false)),
        (of(2, 2), (None, false)),
        (of(2, 1), (Some(Shift::Record { first: 2, again: 1 }), true)),
        (of(1, 7), (None, false)),
    ] {
        store.commit(page(spot, 0, "tag")).await.unwrap();
        assert_eq!(shift(store).await, expected, "{spot:?}");
    }
}

pub async fn what_a_snapshot_shows_as_deleted_is_not_there<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    let mut rows = batch('A');
    for key in ["a", "b", "c"] {
        upsert(&mut rows, key, &[(1, Some(key))]);
    }
    store.commit(rows).await.unwrap();
    store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
    let unwanted = Batch { updates: crate::fixture::updates("cu"), ..page(Some(at(1)), 0, "a -b") };
    store.commit(unwanted).await.unwrap();
    assert_eq!(store.sweep(sweep('A', None)).await.unwrap(), crate::fixture::swept(2));
}

/// A commit that comes to the end of partitions: which, on which page of the parents, and up to where.
fn passing(attempt: u32, marks: &[(u8, Option<u64>, i64)]) -> Batch {
    let mark = |(number, page, cursor): &(u8, Option<u64>, i64)| PartitionMark {
        id: partition(*number),
        parent: page.map(|page| (partition(number + 100), Spot { partition: None, page })),
        cursor: (*cursor > 0).then_some(Cursor::Integer(*cursor)),
        waits: false,
    };
    Batch { partitions: marks.iter().map(mark).collect(), ..page(None, attempt, "") }
}

/// What is known of partitions 1 to 4: `1:50 2:- 3:`.
async fn known(store: &impl Destination) -> String {
    let mut all = Vec::new();
    for number in 1..=4 {
        let known = store.partition(transfer('A'), partition(number)).await.unwrap();
        all.extend(known.map(|known| {
            format!("{number}:{}", known.cursor.map_or_else(|| "-".to_owned(), |cursor| cursor.to_string()))
        }));
    }
    all.join(" ")
}

pub async fn partitions_are_known_until_a_complete_reading_did_not_meet_them<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    store.commit(passing(0, &[(1, None, 50), (2, None, 0), (3, None, 7)])).await.unwrap();
    assert_eq!(known(store).await, "1:50 2:- 3:7");
    // A cursor never goes back, and a partition without news keeps the one it has.
    store.commit(passing(1, &[(1, None, 40), (2, None, 9), (3, None, 0)])).await.unwrap();
    assert_eq!(known(store).await, "1:50 2:9 3:7");
    store.commit(passing(2, &[(3, None, 8), (4, None, 1)])).await.unwrap();
    let completes = Some(Reading { run: run(), attempt: 2 });
    store.commit(Batch { completes, checkpoint: Some(checkpoint(0)), ..batch('A') }).await.unwrap();
    assert_eq!(known(store).await, "3:8 4:1");
    store.forget_partitions(transfer('A'), batch('A').fence).await.unwrap();
    assert_eq!(known(store).await, "");
}

pub async fn a_partition_of_a_window_that_may_be_held_moves_on_with_the_window<S: Subject>() {
    for (completes, expected) in [(Some(1), "1:50 2:b"), (None, "1:40 2:a")] {
        let subject = S::empty().await;
        let store = subject.destination();
        let token = |text: &str| Some(Cursor::Token(Token::text(text).unwrap()));
        let mut before = passing(0, &[(1, None, 40), (2, None, 0)]);
        before.partitions[1].cursor = token("a");
        store.commit(before).await.unwrap();
        let mut waiting = passing(1, &[(1, None, 50), (2, None, 0)]);
        waiting.partitions[1].cursor = token("b");
        waiting.partitions.iter_mut().for_each(|mark| mark.waits = true);
        store.commit(waiting).await.unwrap();
        assert_eq!(known(store).await, "1:40 2:a");
        let completes = completes.map(|attempt| Reading { run: run(), attempt });
        store.commit(Batch { completes, checkpoint: Some(checkpoint(0)), ..batch('A') }).await.unwrap();
        assert_eq!(known(store).await, expected);
    }
}

pub async fn a_parent_on_two_pages_is_a_shift<S: Subject>() {
    for (marks, expected) in [
        (&[(1, Some(1), 0), (2, Some(1), 0)][..], None),
        (&[(1, Some(1), 0), (1, Some(1), 0)], None),
        (&[(1, Some(1), 0), (1, Some(2), 0)], Some(Shift::Parent { first: 1, again: 2 })),
        (&[(1, None, 0), (1, None, 0)], None),
        // Two parents that lead to one partition are two.
        (&[(1, Some(1), 0), (1, Some(1), 0), (2, Some(2), 0)], None),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        // What another reading has met says nothing of this one.
        store.commit(passing(0, &[(1, Some(9), 0), (2, Some(9), 0)])).await.unwrap();
        store.commit(passing(1, marks)).await.unwrap();
        assert_eq!(shift(store).await.0, expected, "{marks:?}");
    }
}

pub async fn a_partition_that_shifted_keeps_its_cursor<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    let of = |page| Some(Spot { partition: Some(partition(1)), page });
    let ends = |spot, cursor| Batch { spot, ..passing(0, &[(1, None, cursor)]) };
    store.commit(page(of(1), 0, "a")).await.unwrap();
    let mut last = ends(of(2), 50);
    upsert(&mut last, "a", &[(1, Some("a"))]);
    store.commit(last).await.unwrap();
    assert_eq!(known(store).await, "1:-");
    // So does one of which that is known already, until a person takes what was read for complete.
    let mut other = passing(0, &[(2, None, 60)]);
    other.partitions[0].waits = true;
    store.commit(other).await.unwrap();
    assert_eq!(known(store).await, "1:- 2:-");
    let accepts = Some(Reading { run: run(), attempt: 0 });
    store.commit(Batch { accepts, ..passing(0, &[]) }).await.unwrap();
    assert_eq!(known(store).await, "1:50 2:60");
}

pub async fn what_is_accepted_proves_nothing_of_an_earlier_reading<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    let waiting = |attempt, marks: &[_]| {
        let mut batch = passing(attempt, marks);
        batch.partitions.iter_mut().for_each(|mark| mark.waits = true);
        batch
    };
    // The second partition was read by a window that was held in vain: what it said is deleted is still there.
    store.commit(waiting(0, &[(1, None, 50), (2, None, 60)])).await.unwrap();
    store.commit(waiting(1, &[(1, None, 70)])).await.unwrap();
    let accepts = Some(Reading { run: run(), attempt: 1 });
    store.commit(Batch { accepts, ..passing(1, &[]) }).await.unwrap();
    assert_eq!(known(store).await, "1:70 2:-");
}
