//! What the daemon knows between two events.
//!
//! Everything here is in memory and can be made again from the state file; what must outlive a kill is a fact.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::language::stack::Limits;

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
    pub(super) limits: Limits,
    pub(super) timetable: BTreeSet<(Timestamp, Uid)>,
    pub(super) running: BTreeMap<Uid, ()>,
    pub(super) stopping: bool,
}

impl State {
    /// A daemon that has not begun.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }
}
