//! What a checkpoint counts: what became of the records that it is committed with, so that a run that is killed right after is
//! told with all that it has committed.

use raccord_model::checkpoint::{Checkpoint, Counted, Window};
use raccord_model::fact::Tally;
use raccord_model::port::destination::{Batch, Destination, Sweep};

use crate::Subject;
use crate::fixture::{batch, checkpoint, delete, reject, run, sweep, swept, transfer, upsert, window};

/// What was counted before, of the run or of its window.
fn before(fetched: u64) -> Tally {
    Tally { fetched, unchanged: fetched, ..Tally::default() }
}

fn counting(window: Option<Window>) -> Checkpoint {
    let counted = Counted { run: run(), pages: 4, tally: before(5) };
    Checkpoint { window, counted: Some(counted), ..checkpoint(1) }
}

async fn resumed(store: &impl Destination) -> Checkpoint {
    store.resume(transfer('A')).await.unwrap().unwrap()
}

pub async fn what_became_of_a_page_counts_for_its_run_and_its_window<S: Subject>() {
    let mut subject = S::empty().await;
    let store = subject.destination();
    let mut there = batch('A');
    upsert(&mut there, "same", &[(1, Some("one"))]);
    upsert(&mut there, "other", &[(1, Some("one"))]);
    upsert(&mut there, "gone", &[(1, Some("one"))]);
    store.commit(there).await.unwrap();

    let open = Window { tally: before(7), ..window(0) };
    let mut page = Batch { checkpoint: Some(counting(Some(open))), durable: true, ..batch('A') };
    upsert(&mut page, "same", &[(1, Some("one"))]);
    upsert(&mut page, "other", &[(1, Some("two"))]);
    upsert(&mut page, "new", &[(1, Some("one"))]);
    delete(&mut page, "gone");
    page.rejects.push(reject('A', Some("bad"), "payload", 0));
    let tally = store.commit(page).await.unwrap();
    assert_eq!((tally.fetched, tally.newly_rejected), (5, 1));
    subject = subject.reopen().await;
    let store = subject.destination();
    let plus = |fetched| {
        let mut sum = before(fetched);
        sum.add(&tally);
        sum
    };
    let kept = resumed(store).await;
    assert_eq!(kept.counted, Some(Counted { run: run(), pages: 4, tally: plus(5) }));
    assert_eq!(kept.window.unwrap().tally, plus(7));

    // One that brings no records counts none, and where nothing is counted nothing begins to be.
    for expected in [counting(None), checkpoint(2)] {
        let alone = Batch { checkpoint: Some(expected.clone()), ..batch('A') };
        store.commit(alone).await.unwrap();
        assert_eq!(resumed(store).await, expected);
    }
    let mut uncounted = Batch { checkpoint: Some(checkpoint(3)), ..batch('A') };
    upsert(&mut uncounted, "newer", &[(1, Some("one"))]);
    store.commit(uncounted).await.unwrap();
    assert_eq!(resumed(store).await, checkpoint(3));
}

pub async fn rows_that_a_snapshot_did_not_show_count_as_swept<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    let mut there = batch('A');
    for key in ["a", "b", "c"] {
        upsert(&mut there, key, &[(1, Some("one"))]);
    }
    store.commit(there).await.unwrap();
    store.begin_window(transfer('A'), batch('A').fence).await.unwrap();
    let mut seen = Batch { mark_seen: true, ..batch('A') };
    upsert(&mut seen, "a", &[(1, Some("one"))]);
    store.commit(seen).await.unwrap();
    let request = Sweep { checkpoint: counting(None), ..sweep('A', None) };
    assert_eq!(store.sweep(request).await.unwrap(), swept(2));
    let tally = resumed(store).await.counted.unwrap().tally;
    assert_eq!(tally, Tally { swept: 2, ..before(5) });
}
