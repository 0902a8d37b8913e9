//! The end of a snapshot: the sweep of what it did not show, within its share, or whatever it is once a person has
//! approved it.
//!
//! Only these two make a sweep: no sweep without a limit comes from anything but an approval.

use jiff::Timestamp;
use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::RunId;
use raccord_model::language::deletes::Snapshot;
use raccord_model::port::sink::Sweep;

use super::job::Job;

/// A sweep that is held when it would delete more than the snapshot's share. Once a record was shown whose key cannot
/// be read, any row that was not shown may be that record's: then it is held when it would delete anything at all.
pub fn within_share(
    job: &Job,
    (run, at): (RunId, Timestamp),
    checkpoint: Checkpoint,
    snapshot: &Snapshot,
    keyless: u64,
) -> Sweep {
    let share = if keyless > 0 { 0 } else { snapshot.max_share.0 };
    sweep(job, (run, at), checkpoint, Some(share))
}

/// The sweep that a person has approved.
pub fn approved(job: &Job, (run, at): (RunId, Timestamp), checkpoint: Checkpoint) -> Sweep {
    sweep(job, (run, at), checkpoint, None)
}

fn sweep(job: &Job, (run, at): (RunId, Timestamp), checkpoint: Checkpoint, max_share: Option<u8>) -> Sweep {
    Sweep { transfer: job.uid, run, at, fence: job.fence, target: job.target.clone(), max_share, checkpoint }
}
