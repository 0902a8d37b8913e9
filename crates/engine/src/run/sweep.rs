//! The end of a snapshot: the sweep of what it did not show, within its share, or whatever it is once a person has
//! approved it.
//!
//! Only these two make a sweep: no sweep without a limit comes from anything but an approval.

use jiff::Timestamp;
use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::{Run, RunId};
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

/// The sweep that a person has approved. The run as it is then is recorded in the commit that deletes the rows.
pub fn approved(job: &Job, run: Run, at: Timestamp, checkpoint: Checkpoint) -> Sweep {
    let sweep = sweep(job, (run.id, at), checkpoint, None);
    Sweep { record: Some(Box::new(run)), ..sweep }
}

fn sweep(job: &Job, (run, at): (RunId, Timestamp), checkpoint: Checkpoint, max_share: Option<u8>) -> Sweep {
    let (transfer, fence, target) = (job.uid, job.fence, job.target.clone());
    Sweep { transfer, run, at, fence, target, max_share, checkpoint, completes: None, record: None }
}
