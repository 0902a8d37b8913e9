//! The transfers that wait for their turn: longest waiting first, within the limits of all and of each source.
//!
//! Every source is a lane of its own. The heads of the lanes that have room stand in one order, so that a source
//! at its limit costs the others nothing, however many wait behind it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::fact::Uid;
use raccord_model::language::stack::Limits;

/// Since when a transfer waits, and which one.
type RunSlot = (Timestamp, Uid);

/// Who waits, and how many run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Queue {
    limits: Limits,
    running: u32,
    lanes: BTreeMap<Name, Lane>,
    heads: BTreeSet<(RunSlot, Name)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Lane {
    running: u32,
    waiting: BTreeSet<RunSlot>,
    /// What stands in the order of heads for this lane.
    head: Option<RunSlot>,
}

impl Queue {
    /// Sets what may run at the same time. What runs beyond a lower limit is not stopped.
    pub(super) fn limit(&mut self, limits: Limits) {
        if self.limits == limits {
            return;
        }
        self.limits = limits;
        let sources: Vec<Name> = self.lanes.keys().cloned().collect();
        for source in sources {
            self.change(&source, |_| {});
        }
    }

    /// Lets a transfer wait.
    pub(super) fn enter(&mut self, source: &Name, since: Timestamp, uid: Uid) {
        self.change(source, |lane| {
            lane.waiting.insert((since, uid));
        });
    }

    /// Lets it wait no more.
    pub(super) fn leave(&mut self, source: &Name, since: Timestamp, uid: Uid) {
        self.change(source, |lane| {
            lane.waiting.remove(&(since, uid));
        });
    }

    /// Takes the transfer whose turn it is, if there is room, and counts it as running.
    pub(super) fn begin(&mut self) -> Option<Uid> {
        if self.running >= self.limits.parallel_transfers.max(1) {
            return None;
        }
        let ((since, uid), source) = self.heads.first().cloned()?;
        self.running += 1;
        self.change(&source, |lane| {
            lane.waiting.remove(&(since, uid));
            lane.running += 1;
        });
        Some(uid)
    }

    /// Counts what another daemon has begun of a source as running.
    pub(super) fn count(&mut self, source: &Name) {
        self.running += 1;
        self.change(source, |lane| lane.running += 1);
    }

    /// Those that wait for a source, longest waiting first.
    pub(super) fn waiting(&self, source: &Name) -> impl Iterator<Item = Uid> + '_ {
        self.lanes.get(source).into_iter().flat_map(|lane| lane.waiting.iter().map(|(_, uid)| *uid))
    }

    /// Counts what was begun of a source as ended.
    pub(super) fn end(&mut self, source: &Name) {
        self.running = self.running.saturating_sub(1);
        self.change(source, |lane| lane.running = lane.running.saturating_sub(1));
    }

    /// Changes a lane and puts its head where it belongs.
    fn change(&mut self, source: &Name, change: impl FnOnce(&mut Lane)) {
        let mut lane = self.lanes.remove(source).unwrap_or_default();
        change(&mut lane);
        let has_room = lane.running < self.limits.per_source.max(1);
        let head = lane.waiting.first().copied().filter(|_| has_room);
        if head != lane.head {
            if let Some(before) = lane.head {
                self.heads.remove(&(before, source.clone()));
            }
            self.heads.extend(head.map(|place| (place, source.clone())));
            lane.head = head;
        }
        if lane.running > 0 || !lane.waiting.is_empty() {
            self.lanes.insert(source.clone(), lane);
        }
    }
}
