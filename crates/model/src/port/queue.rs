//! The port `Queue`: runs that the daemon with the scheduler's lease has decided on, and that any daemon on a shared state
//! makes. A state that one process has for itself has no queue.
//!
//! A run is offered once, taken by one worker, and its row is removed once the scheduler knows how it has ended. A worker that
//! does not renew what it has taken loses it to the next one. The queue decides neither what runs nor what may be stored: that
//! are the scheduler, and the fence of destinations.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::lease::Held;
use super::{Async, Cause};
use crate::fact::{RunCause, RunId, Tally, Uid};

/// The budget of requests that runs spend from: it is in one process at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedBudget {
    /// Whose it is.
    pub name: String,
    /// How long a request counts: another process may spend only so long after the last one.
    pub window: Duration,
}

/// A run that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Which offer it is: no two share one.
    pub id: Uuid,
    /// Of which transfer. One run of a transfer is in the queue at a time.
    pub transfer: Uid,
    /// Why.
    pub cause: RunCause,
    /// The generation in force when it was decided.
    pub generation: u64,
    /// What is read by it. Runs that read the same are taken together.
    pub reading: Uuid,
    /// What its requests are paid from, when they are counted.
    pub budget: Option<SharedBudget>,
}

/// A run that a worker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What is to be made.
    pub offer: Offer,
    /// Whether it is to stop after the page in hand.
    pub stop: bool,
    /// Whether a worker, perhaps this one, has had it before: a run may have been left open.
    pub reclaimed: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProgress {
    /// What it has brought.
    pub tally: Tally,
    /// How many pages that took.
    pub pages: u64,
}

/// How a run has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The run, which the state knows; none when there was nothing left to run, or when it could not be made.
    pub run: Option<RunId>,
    /// Why it could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A run in the queue, as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// What is to be made.
    pub offer: Offer,
    /// Whether it was asked to stop.
    pub stop: bool,
    /// How far it was when its worker told last.
    pub progress: Option<RunProgress>,
    /// How it has ended.
    pub ended: Option<Ending>,
}

/// Runs for all daemons on a state.
pub trait Queue: Send + Sync {
    /// Offers runs; nothing is offered when the lease was lost.
    fn offer<'a>(&'a self, under: &'a Held, offers: Vec<Offer>) -> Async<'a, Result<(), QueueError>>;
    /// Asks runs to stop after the page in hand; nothing is asked when the lease was lost.
    fn stop<'a>(&'a self, under: &'a Held, offers: Vec<Uuid>) -> Async<'a, Result<(), QueueError>>;
    /// Removes what has ended; nothing is removed when the lease was lost.
    fn remove<'a>(&'a self, under: &'a Held, offers: Vec<Uuid>) -> Async<'a, Result<(), QueueError>>;
    /// Everything in the queue.
    fn rows(&self) -> Async<'_, Result<Vec<Queued>, QueueError>>;
    /// Takes so many readings at the most that have waited for some time, oldest first. Tells all that the worker has then: what it
    /// has and is not told was lost to another one.
    fn take(&self, worker: Uuid, most: u32, waited: Duration) -> Async<'_, Result<Vec<Taken>, QueueError>>;
    /// Prolongs what the worker has, and tells how far it is. Answers how many daemons there are.
    fn renew(&self, worker: Uuid, progress: Vec<(Uuid, RunProgress)>) -> Async<'_, Result<u32, QueueError>>;
    /// Says how a run has ended. What was lost to another worker is left to it.
    fn end(&self, worker: Uuid, offer: Uuid, ending: Ending) -> Async<'_, Result<(), QueueError>>;
    /// Gives a run back that has stopped, so that another worker goes on with it at once.
    fn hand_over(&self, worker: Uuid, offer: Uuid) -> Async<'_, Result<(), QueueError>>;
}

/// The queue cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("reach the queue of runs")]
pub struct QueueError(#[source] pub Cause);
