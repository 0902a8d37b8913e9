//! Everything that can happen to the daemon.
//!
//! The set is closed. An event carries the time when time matters, so that a scenario can be replayed.

use jiff::Timestamp;
use raccord_model::canonical::Digest;
use raccord_model::fact::Uid;

use super::effect::Cause;
use super::standing::{RequestId, TransferState, View};

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The daemon has read its state, after a start or a restart: the first event.
    Began {
        /// When.
        now: Timestamp,
        /// The generation in force.
        view: View,
        /// What another daemon has begun, and others make: none on a state that one process has for itself.
        under_way: Vec<UnderWay>,
    },
    /// A new generation is in force, by our own apply or another one. Our own [`Effect::Apply`](super::Effect::Apply) ends with
    /// this event, when anything was committed, and then [`Event::ApplyEnded`].
    Applied {
        /// When.
        now: Timestamp,
        /// The generation in force.
        view: View,
    },
    /// The standing of some transfers is another one without a new generation: a person paused, resumed or
    /// resynced, or a step was carried out.
    Changed {
        /// When.
        now: Timestamp,
        /// The new standings, whole; of transfers in force only.
        standings: Vec<TransferState>,
    },
    /// The time of the last [`Effect::WakeAt`](super::Effect::WakeAt) has come. Too early or too often does no harm:
    /// a shell may wake every minute in case the wall clock was set.
    Woke {
        /// When.
        now: Timestamp,
    },
    /// Transfers are to run once: a person asks.
    RunRequested {
        /// When.
        now: Timestamp,
        /// To be named in the answer; no two requests share one.
        request: RequestId,
        /// Which; one that may not run is answered as not run.
        transfers: Vec<Uid>,
    },
    /// A run has ended, and its end is written. Also told when it could not even begin.
    RunEnded {
        /// When.
        now: Timestamp,
        /// Whose.
        uid: Uid,
        /// How.
        end: RunEnd,
        /// Standings that are other ones because of it: those of a tripped integration's transfers. The due time
        /// that this run served needs no telling.
        standings: Vec<TransferState>,
    },
    /// Webhook deliveries were taken into the inbox of transfers.
    DeliveriesArrived {
        /// When.
        now: Timestamp,
        /// Whose.
        uids: Vec<Uid>,
    },
    /// The configuration's files changed. A load under way may have read half of the change: its outcome will
    /// not be acted on.
    FilesChanged,
    /// The configuration is to be loaded again without a known change: SIGHUP, the start, a poll of a repository.
    ReloadRequested,
    /// The load has ended.
    Loaded {
        /// Of what was read; of a bad configuration, of its files or its diagnostics.
        digest: Digest,
        /// What it is.
        outcome: Loaded,
    },
    /// The apply has ended.
    ApplyEnded {
        /// When.
        now: Timestamp,
        /// How.
        end: ApplyEnd,
    },
    /// Notices wait in the outbox: at the start, and whenever one was added. `raccord run` is not told: it delivers
    /// once after its last run.
    NoticesWaiting {
        /// When.
        now: Timestamp,
    },
    /// A pass through the outbox has ended.
    Delivered {
        /// When.
        now: Timestamp,
        /// When the next notice that is left is to be tried again, if one is left.
        next: Option<Timestamp>,
    },
    /// The system or a person asks for an end.
    StopRequested,
}

/// A run that an earlier daemon has begun and that has not ended, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    /// Of which transfer.
    pub uid: Uid,
    /// Why.
    pub cause: Cause,
    /// Which reading it takes part in: those of one count once in the limits.
    pub reading: u128,
    /// The generation in force when it began. When it is another one now, the run stops: its epoch may be an old one.
    pub generation: u64,
    /// Whether it was asked to stop.
    pub asked_to_stop: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It did what it was for; a reading that is held for an approval counts too.
    Complete,
    /// What was delivered is held for an approval and waits on; it is looked at again as after a failure.
    Held,
    /// It did what it could; some deliveries are to be looked at again.
    Waits {
        /// When.
        until: Timestamp,
    },
    /// It failed, or could not begin. After it was asked to stop, that is a cut: an edit's new epoch may have
    /// refused its commit.
    Failed,
    /// It failed because something ran out on this machine: it is tried again soon, whatever the schedule says.
    Exhausted,
    /// It stopped between two pages. When it was asked to, it has served no due time; when it stopped by itself, as
    /// over too many rejects, it has.
    Cut,
}

/// What a load found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// What is in force already.
    Same,
    /// Nothing could be read, which says nothing of the configuration: the repository cannot be reached.
    Nothing,
    /// Not a configuration: unreadable, or with errors.
    Bad,
    /// Something new, planned against the generation in force.
    Ready(Verdict),
}

/// What the policy says of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The daemon applies it.
    Apply,
    /// It waits for a person.
    Wait,
}

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyEnd {
    /// It is in force.
    Done,
    /// Another caller applied meanwhile: the plan is void, and another one is to be made.
    Stale,
    /// It failed; tried again later.
    Failed,
}
