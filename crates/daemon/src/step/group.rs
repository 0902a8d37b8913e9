//! Runs that began together and count once in the limits, until the last of them has ended.

use std::collections::BTreeMap;

/// The groups of runs under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Groups {
    last: u64,
    /// How many runs of each are under way.
    members: BTreeMap<u64, usize>,
}

impl Groups {
    /// A new group of so many runs.
    pub(super) fn begin(&mut self, runs: usize) -> u64 {
        self.last += 1;
        self.members.insert(self.last, runs);
        self.last
    }

    /// One more run of a group.
    pub(super) fn join(&mut self, group: u64) {
        *self.members.entry(group).or_default() += 1;
    }

    /// One run of a group has ended. Says whether it was the last.
    pub(super) fn leave(&mut self, group: u64) -> bool {
        let Some(members) = self.members.get_mut(&group) else { return false };
        *members = members.saturating_sub(1);
        let is_last = *members == 0;
        if is_last {
            self.members.remove(&group);
        }
        is_last
    }
}
