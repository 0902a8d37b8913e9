//! The queue of a shared state: who gets what, what is lost to whom, and what a scheduler without its lease can do.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use raccord_model::fact::{RunCause, Tally, Uid};
use raccord_model::port::lease::{Held, Lease};
use raccord_model::port::queue::{Ending, Offer, Queue, RunProgress, SharedBudget};
use raccord_postgres::{MemberKind, PostgresState, SettingsSource};
use uuid::Uuid;

use crate::fixture::{Database, TestEnvironment, settings};

const WORKERS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

/// A state with a scheduler.
struct Scheduled {
    database: Database,
    state: PostgresState,
    held: Held,
}

impl Scheduled {
    async fn new() -> Self {
        let database = Database::empty();
        let source = SettingsSource::fixed(settings(&database.url()));
        let state = PostgresState::open(source, Arc::new(TestEnvironment)).await.unwrap();
        let held = state.acquire("watch".to_owned(), "a test".to_owned(), Duration::from_secs(15)).await;
        let held = held.unwrap().unwrap();
        Self { database, state, held }
    }

    async fn offer(&self, offers: &[Offer]) {
        self.state.offer(&self.held, offers.to_vec()).await.unwrap();
    }

    /// Which transfers a worker has after taking up to so many readings.
    async fn take(&self, worker: usize, most: u32) -> Vec<u128> {
        self.take_waiting(worker, most, Duration::ZERO).await
    }

    async fn take_waiting(&self, worker: usize, most: u32, waited: Duration) -> Vec<u128> {
        let taken = self.state.take(WORKERS[worker], most, waited).await.unwrap();
        let mut taken: Vec<u128> = taken.iter().map(|taken| taken.offer.transfer.0.as_u128()).collect();
        taken.sort_unstable();
        taken
    }

    /// How many daemons there are, as a worker hears that renews what it has.
    async fn renew(&self, worker: usize, progress: Vec<(Uuid, RunProgress)>) -> u32 {
        Queue::renew(&self.state, WORKERS[worker], progress).await.unwrap()
    }

    async fn end(&self, worker: usize, offer: &Offer) {
        self.state.end(WORKERS[worker], offer.id, Ending::default()).await.unwrap();
    }

    async fn sql(&self, statement: &str) {
        self.database.connect().await.batch_execute(statement).await.unwrap();
    }

    /// Lets so much time pass.
    async fn pass(&self, seconds: u32) {
        let earlier = format!("- {seconds} * interval '1 second'");
        self.sql(&format!(
            "UPDATE raccord_state.queue SET until = until {earlier}, offered = offered {earlier}; \
             UPDATE raccord_state.budgets SET until = until {earlier}"
        ))
        .await;
    }
}

/// A run of a transfer, which reads by itself.
fn offer(transfer: u128) -> Offer {
    Offer {
        id: Uuid::from_u128(1_000 + transfer),
        transfer: Uid(Uuid::from_u128(transfer)),
        cause: RunCause::Scheduled { due: Timestamp::UNIX_EPOCH },
        generation: 7,
        reading: Uuid::from_u128(2_000 + transfer),
        budget: None,
    }
}

fn paid(transfer: u128, name: &str, seconds: u64) -> Offer {
    let budget = SharedBudget { name: name.to_owned(), window: Duration::from_secs(seconds) };
    Offer { budget: Some(budget), ..offer(transfer) }
}

#[tokio::test]
async fn each_run_is_taken_once_and_comes_back_as_it_was_offered() {
    let queue = Scheduled::new().await;
    let offers = [offer(1), paid(2, "shop", 60), offer(3)];
    queue.offer(&offers).await;
    // Said twice, it is one.
    queue.offer(&offers).await;
    assert_eq!(queue.take(0, 2).await, [1, 2]);
    assert_eq!(queue.take(1, 2).await, [3]);
    let rows = queue.state.rows().await.unwrap();
    let mut found: Vec<Offer> = rows.into_iter().map(|row| row.offer).collect();
    found.sort_by_key(|offer| offer.id);
    assert_eq!(found, offers);
    // What a worker has it is told again, and nothing more.
    assert_eq!(queue.take(0, 5).await, [1, 2]);
    let progress = RunProgress { tally: Tally { fetched: 9, ..Tally::default() }, pages: 3 };
    queue.state.enter(WORKERS[0], MemberKind::Daemon, "one", Duration::from_secs(15)).await.unwrap();
    queue.state.enter(WORKERS[1], MemberKind::Standby, "two", Duration::from_secs(15)).await.unwrap();
    queue.state.enter(Uuid::from_u128(9), MemberKind::Verb, "verb", Duration::from_secs(15)).await.unwrap();
    assert_eq!(queue.renew(0, vec![(offers[0].id, progress)]).await, 2);
    queue.end(0, &offers[0]).await;
    // What another worker has it cannot end.
    queue.end(0, &offers[2]).await;
    let rows = queue.state.rows().await.unwrap();
    let row = |transfer: u128| rows.iter().find(|row| row.offer.transfer.0.as_u128() == transfer).unwrap();
    assert_eq!((row(1).progress, row(1).ended.clone()), (Some(progress), Some(Ending::default())));
    assert_eq!((row(2).progress, row(2).ended.clone(), row(3).ended.clone()), (None, None, None));
    assert_eq!(queue.state.members().await.unwrap()[0].runs, 1);
    queue.state.remove(&queue.held, vec![offers[0].id]).await.unwrap();
    assert_eq!(queue.state.rows().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_silent_worker_loses_what_it_has_and_one_that_speaks_does_not() {
    let queue = Scheduled::new().await;
    queue.offer(&[offer(1), offer(2)]).await;
    assert_eq!(queue.take(0, 2).await, [1, 2]);
    queue.pass(10).await;
    queue.renew(0, Vec::new()).await;
    queue.pass(10).await;
    assert_eq!(queue.take(1, 2).await, [0_u128; 0]);
    queue.pass(10).await;
    let taken = queue.state.take(WORKERS[1], 1, Duration::ZERO).await.unwrap();
    assert_eq!((taken.len(), taken[0].reclaimed), (1, true));
    // It is not told of what it has lost, and can end it no more.
    assert_eq!(queue.take(0, 0).await, [2]);
    queue.end(0, &taken[0].offer).await;
    assert!(queue.state.rows().await.unwrap().iter().all(|row| row.ended.is_none()));
    // What is given back is free at once. Its run may have been left open: its end could not be written, perhaps.
    queue.state.hand_over(WORKERS[1], taken[0].offer.id).await.unwrap();
    let taken = queue.state.take(WORKERS[0], 5, Duration::ZERO).await.unwrap();
    assert_eq!(taken.iter().map(|taken| taken.reclaimed).collect::<Vec<_>>(), [true, true]);
    // So may one that the worker has already: it is begun again when its end could not be said.
    queue.end(0, &taken[0].offer).await;
    let left = queue.state.take(WORKERS[0], 5, Duration::ZERO).await.unwrap();
    assert_eq!(left.iter().map(|taken| taken.reclaimed).collect::<Vec<_>>(), [true]);
    queue.offer(&[offer(3)]).await;
    let fresh = queue.state.take(WORKERS[1], 5, Duration::ZERO).await.unwrap();
    assert_eq!(fresh.iter().map(|taken| taken.reclaimed).collect::<Vec<_>>(), [false]);
}

#[tokio::test]
async fn a_reading_is_taken_whole_and_who_has_enough_waits() {
    let queue = Scheduled::new().await;
    let reading = Uuid::from_u128(77);
    queue.offer(&[Offer { reading, ..offer(5) }, Offer { reading, ..offer(4) }, offer(6)]).await;
    assert_eq!(queue.take_waiting(0, 5, Duration::from_secs(5)).await, [0_u128; 0]);
    assert_eq!(queue.take(0, 1).await.len(), 2);
    assert_eq!(queue.take(1, 1).await, [6]);
    // The rest of a reading moves, too, when its first run has ended.
    queue.end(0, &offer(4)).await;
    queue.pass(20).await;
    assert_eq!(queue.take_waiting(1, 5, Duration::from_secs(5)).await, [5, 6]);
}

#[tokio::test]
async fn a_budget_is_in_one_process_at_a_time_and_moves_after_its_window() {
    let queue = Scheduled::new().await;
    queue.offer(&[paid(1, "shop", 60), paid(2, "shop", 60), paid(3, "books", 1), offer(4)]).await;
    assert_eq!(queue.take(0, 1).await, [1]);
    assert_eq!(queue.take(1, 5).await, [3, 4]);
    assert_eq!(queue.take(0, 5).await, [1, 2]);
    queue.end(0, &offer(1)).await;
    queue.end(0, &offer(2)).await;
    queue.state.remove(&queue.held, vec![offer(1).id, offer(2).id]).await.unwrap();
    queue.offer(&[paid(1, "shop", 60)]).await;
    queue.renew(1, Vec::new()).await;
    queue.pass(50).await;
    assert_eq!(queue.take(1, 5).await, [3, 4], "the requests of before still count");
    // To the process that has it, it is free at once.
    assert_eq!(queue.take(0, 5).await, [1]);
    // One that is silent loses it after its time and the window.
    queue.pass(70).await;
    assert_eq!(queue.take(1, 5).await, [3, 4]);
    queue.pass(10).await;
    assert_eq!(queue.take(1, 5).await, [1, 3, 4]);
}

#[tokio::test]
async fn without_its_lease_a_scheduler_changes_nothing() {
    let queue = Scheduled::new().await;
    queue.offer(&[offer(1)]).await;
    let next =
        queue.state.take_over("watch".to_owned(), "another".to_owned(), Duration::from_secs(15), 0).await;
    queue.offer(&[offer(2)]).await;
    queue.state.stop(&queue.held, vec![offer(1).id]).await.unwrap();
    queue.state.remove(&queue.held, vec![offer(1).id]).await.unwrap();
    let rows = queue.state.rows().await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.offer.id, row.stop)).collect::<Vec<_>>(), [(offer(1).id, false)]);
    let next = next.unwrap();
    queue.state.stop(&next, vec![offer(1).id]).await.unwrap();
    assert!(queue.state.rows().await.unwrap()[0].stop);
    queue.state.release(next.clone()).await.unwrap();
    queue.state.remove(&next, vec![offer(1).id]).await.unwrap();
    assert_eq!(queue.state.rows().await.unwrap().len(), 1);
}

/// Many workers at once, and each run is taken by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn workers_at_once_take_different_runs() {
    let queue = Arc::new(Scheduled::new().await);
    let offers: Vec<Offer> = (1..=60).map(offer).collect();
    queue.offer(&offers).await;
    let workers: Vec<_> = (0..6_u128)
        .map(|number| {
            let (queue, worker) = (Arc::clone(&queue), Uuid::from_u128(100 + number));
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for _ in 0..10 {
                    taken = queue.state.take(worker, 1, Duration::ZERO).await.unwrap();
                }
                taken.into_iter().map(|taken| taken.offer.transfer.0.as_u128()).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        let taken = worker.await.unwrap();
        assert_eq!(taken.len(), 10);
        all.extend(taken);
    }
    all.sort_unstable();
    assert_eq!(all, (1..=60).collect::<Vec<u128>>());
}
