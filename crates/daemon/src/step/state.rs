//! What the daemon knows between two events, and what it can be asked.
//!
//! Everything here is in memory and can be made again from the state file; what must outlive a kill is a fact.

use jiff::Timestamp;
use raccord_model::canonical::Digest;
use raccord_model::fact::Uid;

use super::effect::Cause;
use super::outbox::Outbox;
use super::reload::Reload;
use super::runs::Runs;

/// What the daemon is there for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Runs what is requested and ends with it: `raccord run`. No schedules, no deliveries, no reload.
    Once,
    /// Lives until it is asked to stop: `raccord watch`.
    #[default]
    Daemon,
}

/// What the daemon knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(super) policy: Policy,
    pub(super) generation: u64,
    pub(super) runs: Runs,
    pub(super) reload: Reload,
    pub(super) outbox: Outbox,
    /// When the shell will wake us.
    pub(super) wake: Option<Timestamp>,
    /// The time of the last event that had one.
    pub(super) last: Option<Timestamp>,
    /// Whether anything was requested yet: with policy once, nothing is over before it began.
    pub(super) requested: bool,
    pub(super) stopping: bool,
    pub(super) finished: bool,
}

impl State {
    /// A daemon that has not begun.
    pub fn new(policy: Policy) -> Self {
        Self { policy, runs: Runs::new(policy == Policy::Daemon), ..Self::default() }
    }

    /// The generation in force; 0 before the first event.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// What runs, and why.
    pub fn running(&self) -> impl Iterator<Item = (Uid, Cause)> + '_ {
        self.runs.running()
    }

    /// When a transfer will run by itself next: in the past while it waits for its turn, and none while nothing but
    /// a person can bring it to run.
    pub fn next_run(&self, uid: Uid) -> Option<Timestamp> {
        self.runs.get(uid)?.next_run()
    }

    /// The digest under which the pending plan was loaded, if one waits.
    pub fn pending(&self) -> Option<Digest> {
        self.reload.pending()
    }

    /// Whether a configuration is being loaded or applied.
    pub fn is_reloading(&self) -> bool {
        self.reload.is_under_way()
    }

    /// Whether the configuration's files are bad, so that an earlier configuration is in force.
    pub const fn is_bad(&self) -> bool {
        self.reload.is_bad()
    }

    /// Whether an end was asked for.
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }
}
