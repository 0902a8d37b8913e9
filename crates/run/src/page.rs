//! What a page became once it was mapped, and the batch that keeps it.

use std::sync::Arc;

use raccord_compiler::connector::reading::{Ahead, Seen, Unread};
use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::{Reject, RunId};
use raccord_model::port::destination::{Batch, Changes, Refuse};
use raccord_model::port::records::Page;

use super::job::Job;
use super::records::map_page;

/// What a page became.
#[derive(Debug)]
pub struct MappedPage {
    /// Rows on their way into the destination.
    pub changes: Changes,
    /// At which revision of the rows the records that are as they were were looked up.
    pub kept_at: Option<u64>,
    /// Records that could not be mapped, after parent records whose children cannot be asked for.
    pub rejects: Vec<Reject>,
    /// How many of them are of parent records.
    pub of_parents: usize,
    /// Makes the rejects of rows that the destination cannot store.
    pub refuse: Refuse,
    /// How far its records reach.
    pub seen: Seen,
    /// Which cursor values could not be read.
    pub unread: Unread,
    /// Which are later than the present.
    pub ahead: Ahead,
    /// How many records say that they are deleted.
    pub deletes: u64,
    /// The paths of the mapping that no record had; none of a page without records.
    pub unseen: Option<Vec<String>>,
}

impl MappedPage {
    /// The batch that keeps it. It leaves the checkpoint where it is, and is durable a little later.
    pub fn into_batch(self, job: &Job, run: RunId, at: jiff::Timestamp) -> Batch {
        Batch {
            transfer: job.uid,
            run,
            at,
            fence: job.fence,
            target: job.target.clone(),
            mode: job.spec.mode,
            updates: job.updates.clone(),
            changes: self.changes,
            kept_at: self.kept_at,
            rejects: self.rejects,
            refuse: self.refuse,
            keep_rejects: (job.spec.rejects.max_count, job.spec.rejects.max_age.0),
            mark_seen: false,
            spot: None,
            partitions: Vec::new(),
            completes: None,
            accepts: None,
            checkpoint: None,
            consumed: Vec::new(),
            record: None,
            postponed: Vec::new(),
            guard: None,
            defer_deletes: false,
            suspects: Vec::new(),
            reading: None,
            durable: false,
        }
    }

    /// Why the first record was rejected, when every record was.
    pub fn rejected_whole(&self) -> Option<String> {
        let first = self.rejects.get(self.of_parents).filter(|_| self.changes.is_empty())?;
        Some(match &first.field {
            Some(field) => format!("{field}: {}", first.reason),
            None => first.reason.clone(),
        })
    }

    /// How many records have no key that can be read.
    pub fn keyless(&self) -> u64 {
        let keyless = self.rejects.iter().filter(|reject| reject.key.is_none()).count();
        u64::try_from(keyless).unwrap_or(u64::MAX)
    }
}

/// The batch that moves the checkpoint and nothing else.
pub fn checkpoint_only(job: &Arc<Job>, checkpoint: Checkpoint, run: RunId, at: jiff::Timestamp) -> Batch {
    let batch = map_page(job, Arc::new(Page::empty()), run, at).into_batch(job, run, at);
    Batch { checkpoint: Some(checkpoint), durable: true, ..batch }
}

/// Bytes as hexadecimal text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
