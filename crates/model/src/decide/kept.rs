//! Records that are as they were: whether a batch has nothing but them, and whether they still are.

use super::working::Working;
use crate::port::destination::{Batch, Change, Intent};

/// Which of a destination's own tables have anything to say about a batch.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is of a table by itself")]
pub struct Flags {
    /// Whether the ends of rows of the entity are remembered.
    pub has_tombstones: bool,
    /// Whether enrichments wait for rows of the entity.
    pub has_waiting: bool,
    /// Whether deletions of the transfer wait for the end of its window.
    pub has_doomed: bool,
    /// Whether rejects of the transfer are kept.
    pub has_rejects: bool,
}

/// Whether every change of a batch is one that keeps its row, and nothing has changed since that was found.
pub fn keeps_all(batch: &Batch, revision: u64, flags: Flags) -> bool {
    batch.kept_at == Some(revision)
        && !(flags.has_doomed || flags.has_rejects || batch.mark_seen)
        && batch.rejects.is_empty()
        && batch.partitions.is_empty()
        && batch.changes.iter().all(|change| change.intent == Intent::Keep)
}

/// Whether a row that is to be kept is another by now.
pub fn is_outdated(batch: &Batch, set: &Working) -> bool {
    let is_kept = |change: &Change<'_>| {
        let row = set.rows.get(change.key);
        row.is_some_and(|row| row.owner == batch.transfer && row.digest == change.digest)
            && set.doomed.get(change.key).is_none()
    };
    let mut kept = batch.changes.iter().filter(|change| change.intent == Intent::Keep);
    batch.kept_at.is_some() && kept.any(|change| !is_kept(&change))
}
