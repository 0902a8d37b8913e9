//! Fences: what works under an older epoch or an older lease is refused, and nothing of it is kept.

use raccord_model::fact::Decided;
use raccord_model::port::destination::{Batch, Destination, DestinationError, Fence, Ledger};

use crate::Subject;
use crate::fixture::{INC, batch, checkpoint, reject, run_of, sweep, transfer, upsert};

const fn under(epoch: u64, lease: u64) -> Fence {
    Fence { generation: 1, epoch, reset: 0, lease }
}

/// Why something was refused, in a word.
fn why<T>(done: Result<T, DestinationError>) -> String {
    match done {
        Ok(_) => "done".to_owned(),
        Err(DestinationError::Fenced { found: Some(found), .. }) => format!("epoch {found}"),
        Err(DestinationError::Fenced { found: None, .. }) => "gone".to_owned(),
        Err(DestinationError::LeaseLost { found, .. }) => format!("lease {found}"),
        Err(other) => panic!("{other}"),
    }
}

/// A batch that leaves a trace of every sort.
fn traces(fence: Fence) -> Batch {
    let mut batch = batch('A');
    upsert(&mut batch, "k", &[(1, Some("x"))]);
    batch.rejects = vec![reject('A', Some("j"), "payload", 0)];
    Batch {
        fence,
        checkpoint: Some(checkpoint(7)),
        record: Some(Box::new(run_of('A', 0))),
        mark_seen: true,
        ..batch
    }
}

pub async fn what_is_older_is_refused_and_leaves_no_trace<S: Subject>() {
    // (the epoch that was decided, the fence that was raised, the fence of the batch, what becomes of it)
    for (decided, raised, fence, expected) in [
        (0, None, under(0, 0), "done"),
        (1, None, under(0, 0), "epoch 1"),
        (1, None, under(1, 0), "done"),
        (1, None, under(2, 0), "done"),
        (0, Some(under(2, 0)), under(1, 9), "epoch 2"),
        (3, Some(under(2, 0)), under(2, 0), "epoch 3"),
        (0, Some(under(0, 5)), under(0, 4), "lease 5"),
        (0, Some(under(0, 5)), under(0, 5), "done"),
        (0, Some(under(0, 5)), under(0, 6), "done"),
        (0, Some(under(1, 5)), under(0, 4), "epoch 1"),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        if let Some(raised) = raised {
            store.raise_fence(transfer('A'), raised).await.unwrap();
        }
        subject.apply(transfer('A'), Some(Decided { epoch: decided, reset: 0 })).await;
        assert_eq!(why(store.commit(traces(fence)).await), expected, "{decided} {raised:?} {fence:?}");
        let is_kept = expected == "done";
        assert_eq!(store.count(INC).await.unwrap() == 1, is_kept, "{decided} {raised:?} {fence:?}");
        assert_eq!(store.count_rejects(transfer('A')).await.unwrap() == 1, is_kept);
        assert_eq!(store.resume(transfer('A')).await.unwrap().is_some(), is_kept);
        assert_eq!(subject.recorded(transfer('A')).await.len() == 1, is_kept);
        assert_eq!(why(store.begin_window(transfer('A'), fence).await), expected);
        assert_eq!(why(store.forget_partitions(transfer('A'), fence).await), expected);
        let mut end = sweep('A', None);
        end.fence = fence;
        assert_eq!(why(store.sweep(end).await), expected);
        assert_eq!(store.count(INC).await.unwrap(), 0, "what was kept was swept");
        subject.assert_sound();
    }
}

pub async fn a_fence_is_raised_and_never_lowered<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    for (fence, expected) in [
        (under(0, 1), "done"),
        (under(0, 0), "lease 1"),
        (under(2, 1), "done"),
        (under(1, 8), "epoch 2"),
        (under(2, 2), "done"),
        (under(2, 2), "done"),
    ] {
        assert_eq!(why(store.raise_fence(transfer('A'), fence).await), expected, "{fence:?}");
    }
    // Each transfer has its own.
    assert_eq!(why(store.raise_fence(transfer('B'), under(0, 0)).await), "done");
    let subject = subject.reopen().await;
    let store = subject.destination();
    assert_eq!(why(store.commit(traces(under(2, 2))).await), "done");
    assert_eq!(why(store.commit(traces(under(2, 1))).await), "lease 2");
}

pub async fn a_transfer_that_is_no_more_is_refused<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    store.commit(traces(under(0, 0))).await.unwrap();
    subject.apply(transfer('A'), None).await;
    assert_eq!(why(store.commit(traces(under(9, 9))).await), "gone");
    assert_eq!(why(store.raise_fence(transfer('A'), under(9, 9)).await), "gone");
    assert_eq!(why(store.sweep(sweep('A', None)).await), "gone");
    assert_eq!(store.count(INC).await.unwrap(), 1, "its rows stay");
    subject.assert_sound();
}
