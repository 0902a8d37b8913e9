//! The end of a window: whether what it has proved to be gone is too much, and what is remembered of the rows that go.

use super::deletion::nanoseconds;
use super::working::{Key, Tombstone};
use crate::fact::{DeletedBy, Run};
use crate::port::destination::{Sweep, Swept};

/// A row that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Going {
    /// Its key.
    pub key: Key,
    /// The version at which its record said so; nothing of one that a snapshot did not show.
    pub said: Option<Vec<u8>>,
    /// The version that its transfer has last shown.
    pub known: Vec<u8>,
}

impl Going {
    /// What is remembered of its end; nothing of a row without versions.
    pub fn tombstone(&self, sweep: &Sweep) -> Option<Tombstone> {
        let version = self.said.as_ref().unwrap_or(&self.known).clone();
        let (transfer, is_swept, at) = (sweep.transfer, self.said.is_none(), nanoseconds(sweep.at));
        (!version.is_empty()).then_some(Tombstone { transfer, version, is_swept, at })
    }
}

/// How many rows a sweep is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// That the snapshot did not show.
    pub unseen: u64,
    /// That records said to be deleted.
    pub marked: u64,
    /// That the transfer owns.
    pub owned: u64,
    /// Whether the window has shown anything at all.
    pub has_marks: bool,
}

/// Why a sweep deletes nothing, if it would delete too much.
pub fn held(sweep: &Sweep, counts: Counts) -> Option<Swept> {
    let within = sweep.within?;
    let Counts { unseen, marked, owned, has_marks } = counts;
    let before = owned.saturating_sub(within.created);
    let held = |by| Some(Swept::Held { by, deletes: unseen + marked, of: owned });
    let shows_nothing = sweep.snapshot && marked == 0 && owned > 0 && !has_marks;
    if shows_nothing || unseen > within.unseen.most_of(before) {
        return held(DeletedBy::Snapshot);
    }
    if marked > within.marked.most_of(before) {
        return held(DeletedBy::Field);
    }
    None
}

/// The run that is recorded with a sweep, with what it deleted. The records that said so were counted as skipped when the run was
/// held.
pub fn swept(run: &Run, counts: Counts) -> Run {
    let mut run = run.clone();
    let counted = counts.marked.min(run.tally.skipped);
    run.tally.skipped -= counted;
    run.tally.deleted += counted;
    run.tally.swept += counts.unseen + (counts.marked - counted);
    run
}
