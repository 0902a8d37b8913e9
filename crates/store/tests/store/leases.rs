//! Leases: one holder at a time, tokens that grow, and fences that refuse a holder that was overtaken.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use raccord_model::port::destination::{Destination, DestinationError, Fence, Ledger};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::lease::{Held, Lease, LeaseToken};
use raccord_store::{EmbeddedLeases, Store};
use uuid::Uuid;

use crate::fixture::{
    Place, assert_sound, at, batch, checkpoint, delete_transfer, keys, raise_epoch, reject, sweep, transfer,
    upsert,
};

/// A clock that stands still until it is set.
#[derive(Default)]
struct Clock(AtomicI64);

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::SeqCst))
    }

    fn new_id(&self) -> Uuid {
        Uuid::nil()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        Err(RandomError)
    }
}

/// Leases of a new opening of a place, and their clock.
fn leases(place: &Place) -> (EmbeddedLeases, Arc<Clock>, Arc<Store>) {
    let (store, clock) = (Arc::new(place.open()), Arc::new(Clock::default()));
    let leases = EmbeddedLeases::new(Arc::clone(&store), Arc::<Clock>::clone(&clock));
    (leases, clock, store)
}

const TTL: Duration = Duration::from_mins(1);

async fn acquire(leases: &EmbeddedLeases, name: &str) -> Option<Held> {
    leases.acquire(name.to_owned(), "a test".to_owned(), TTL).await.unwrap()
}

#[tokio::test]
async fn tokens_outlive_the_process_and_holders_do_not() {
    let place = Place::new();
    for token in 1..=3 {
        let (leases, ..) = leases(&place);
        assert_eq!(acquire(&leases, "a").await.map(|lease| lease.token), Some(token));
        assert_eq!(acquire(&leases, "a").await, None);
    }
}

fn fence(epoch: u64, lease: LeaseToken) -> Fence {
    Fence { generation: 1, epoch, reset: 0, lease }
}

/// A run that paused while another acquired its lease comes back: nothing of what it does is kept.
#[tokio::test]
async fn who_was_overtaken_leaves_no_trace() {
    let place = Place::new();
    let (leases, clock, store) = leases(&place);
    let older = fence(0, acquire(&leases, "transfer/A").await.unwrap().token);
    store.raise_fence(transfer('A'), older).await.unwrap();
    let mut first = batch('A');
    (first.fence, first.mark_seen) = (older, true);
    upsert(&mut first, "k1", &[(1, Some("x"))]);
    first.checkpoint = Some(checkpoint(1));
    Destination::commit(&*store, first).await.unwrap();
    clock.0.store(61, Ordering::SeqCst);
    let newer = fence(0, acquire(&leases, "transfer/A").await.unwrap().token);
    store.raise_fence(transfer('A'), newer).await.unwrap();
    let is_lost =
        |error: DestinationError| matches!(error, DestinationError::LeaseLost { held: 1, found: 2 });
    // Before the newer one has stored anything, and after.
    for before in [true, false] {
        let mut late = batch('A');
        late.fence = older;
        upsert(&mut late, "k2", &[(1, Some("late"))]);
        upsert(&mut late, "k1", &[(1, Some("late"))]);
        late.rejects = vec![reject('A', None, "late", 0)];
        late.checkpoint = Some(checkpoint(9));
        assert!(is_lost(Destination::commit(&*store, late).await.unwrap_err()));
        let mut all = sweep('A', None);
        all.fence = older;
        assert!(is_lost(store.sweep(all).await.unwrap_err()));
        assert!(is_lost(store.begin_window(transfer('A'), older).await.unwrap_err()));
        assert!(is_lost(store.forget_partitions(transfer('A'), older).await.unwrap_err()));
        assert!(is_lost(store.raise_fence(transfer('A'), older).await.unwrap_err()));
        assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 0);
        let stored = checkpoint(if before { 1 } else { 2 });
        assert_eq!(store.resume(transfer('A')).await.unwrap(), Some(stored));
        let mut own = batch('A');
        own.fence = newer;
        upsert(&mut own, "k3", &[(1, Some("y"))]);
        own.checkpoint = Some(checkpoint(2));
        Destination::commit(&*store, own).await.unwrap();
        assert_eq!(keys(&*store).await, "k1 k3");
    }
    assert_eq!(crate::fixture::rows(&*store).await["k1"], "1:x");
    assert_sound(&store);
}

#[tokio::test]
async fn a_fence_only_grows() {
    let place = Place::new();
    let store = place.open();
    raise_epoch(&store, 'A', 2).await;
    // (epoch, lease, whether it is refused)
    for (epoch, lease, is_refused) in [
        (1, 9, true),
        (2, 3, false),
        (2, 2, true),
        (2, 3, false),
        // An epoch that the destination has seen counts, whatever the state says of it.
        (3, 3, false),
        (2, 9, true),
        (3, 2, true),
        (3, 4, false),
    ] {
        let raised = store.raise_fence(transfer('A'), fence(epoch, lease)).await;
        assert_eq!(raised.is_err(), is_refused, "{epoch} {lease}: {raised:?}");
        let committed = Destination::commit(
            &store,
            raccord_model::port::destination::Batch { fence: fence(epoch, lease), ..batch('A') },
        );
        assert_eq!(committed.await.is_err(), is_refused, "{epoch} {lease}");
    }
    // Other transfers have fences of their own, and one that is deleted has none left to be raised.
    store.raise_fence(transfer('B'), fence(0, 1)).await.unwrap();
    delete_transfer(&store, 'A').await;
    let gone = store.raise_fence(transfer('A'), fence(9, 9)).await;
    assert!(matches!(gone, Err(DestinationError::Fenced { found: None, .. })), "{gone:?}");
}
