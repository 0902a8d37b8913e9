//! The rejects of a transfer: the same record rejected again is the same reject, and a later success takes it away. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use raccord_model::decide::identity;
use raccord_model::fact::{Reject, RejectId, Uid};

use super::world::{Change, KeptReject};

/// The rejects of one transfer, while a batch is taken in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rejects {
    pub(crate) kept: BTreeMap<RejectId, Reject>,
    pub(crate) remembered: BTreeMap<RejectId, Timestamp>,
    /// Those of the batch that were not there before.
    touched: BTreeSet<RejectId>,
    gone: BTreeSet<RejectId>,
    surplus: BTreeSet<RejectId>,
    new: BTreeSet<RejectId>,
}

/// The key of a row as a reject carries it.
pub(crate) fn written(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The oldest instant that is still kept, when rejects are kept for so many seconds.
fn oldest(now: Timestamp, age: u64) -> Timestamp {
    let age = SignedDuration::from_secs(i64::try_from(age).unwrap_or(i64::MAX));
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

impl Rejects {
    pub(crate) fn of(kept: &BTreeMap<RejectId, Reject>, remembered: &BTreeMap<RejectId, Timestamp>) -> Self {
        Self { kept: kept.clone(), remembered: remembered.clone(), ..Self::default() }
    }

    pub(crate) fn keep(&mut self, reject: Reject) {
        let id = identity(&reject);
        if self.kept.insert(id, reject).is_none() && !self.gone.contains(&id) {
            self.new.insert(id);
        }
        self.touched.insert(id);
        self.gone.remove(&id);
    }

    /// Takes those of a key away.
    pub(crate) fn supersede(&mut self, key: &[u8]) {
        if self.kept.is_empty() {
            return;
        }
        let key = written(key);
        for (id, _) in self.kept.extract_if(.., |_, reject| reject.key.as_ref() == Some(&key)) {
            self.gone.insert(id);
        }
    }

    /// Takes those away that are too old, and the oldest of those that are too many. How many of those that are left are new.
    pub(crate) fn bound(&mut self, now: Timestamp, (most, age): (u64, u64)) -> u64 {
        let oldest = oldest(now, age);
        let new = self
            .new
            .iter()
            .filter(|id| self.kept.contains_key(id) && self.remembered.get(id).is_none_or(|at| *at < oldest));
        let new = new.count();
        let surplus = self.kept.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        let mut by_age: Vec<(Timestamp, RejectId)> =
            self.kept.iter().map(|(id, reject)| (reject.at, *id)).collect();
        by_age.sort_unstable();
        for (number, (at, id)) in by_age.into_iter().enumerate() {
            let is_old = at < oldest;
            if is_old || number < surplus {
                self.kept.remove(&id);
                if is_old {
                    self.gone.insert(id)
                } else {
                    self.surplus.insert(id)
                };
            }
        }
        let forgotten = self.remembered.iter().filter(|(_, at)| **at < oldest).map(|(id, _)| *id);
        self.gone.extend(forgotten);
        u64::try_from(new).unwrap_or(u64::MAX)
    }

    /// What has changed.
    pub(crate) fn changes(mut self, transfer: Uid, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let kept = self.touched.iter().filter_map(|id| Some((*id, self.kept.remove(id)?)));
        let rejects: Vec<KeptReject> = kept.map(|(id, reject)| KeptReject { id, reject }).collect();
        if !rejects.is_empty() {
            changes.push(Change::Keep { transfer, rejects });
        }
        for (ids, remembered) in [(self.gone, None), (self.surplus, Some(now))] {
            if !ids.is_empty() {
                changes.push(Change::Drop { transfer, ids: ids.into_iter().collect(), remembered });
            }
        }
        changes
    }
}
