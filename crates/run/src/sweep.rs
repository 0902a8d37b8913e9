//! The end of a window that may delete: what its records say is deleted, and, of a snapshot, what it did not show; each
//! within its share, or whatever it is once a person has approved it.
//!
//! Only these two make a sweep: no sweep without a limit comes from anything but an approval.

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::checkpoint::{Checkpoint, Window};
use raccord_model::fact::{Run, RunId};
use raccord_model::language::deletes::Percent;
use raccord_model::port::destination::{Staying, Sweep, Within};

use super::job::Job;

/// A sweep that is held when it would delete more than the shares allow. Once a record was shown whose key cannot be
/// read, any row that was not shown may be that record's: then it is held when it would delete anything unseen at all.
/// So it is once there may be more than was read.
/// `unseen_too`: what was not shown goes, not only what records say is deleted.
pub fn within_share(
    job: &Job,
    (run, at): (RunId, Timestamp),
    checkpoint: Checkpoint,
    (window, unseen_too): (&Window, bool),
) -> Sweep {
    let share = job.snapshot().map_or(Percent(0), |snapshot| snapshot.max_share);
    let is_doubtful = window.keyless > 0 || window.incomplete > 0;
    let unseen = if is_doubtful { Percent(0) } else { share };
    let marked = job.marked_share().unwrap_or(Percent(0));
    let within = Within { unseen, marked, created: window.tally.created };
    sweep(job, (run, at), checkpoint, (unseen_too, Some(within)))
}

/// The sweep of a window that a person has approved. The run as it is then is recorded in the commit that deletes the rows.
/// `unseen_too`: the window has proved that what it did not show is gone.
pub fn approved(job: &Job, run: Run, at: Timestamp, (checkpoint, unseen_too): (Checkpoint, bool)) -> Sweep {
    let sweep = sweep(job, (run.id, at), checkpoint, (unseen_too, None));
    Sweep { record: Some(Box::new(run)), ..sweep }
}

/// What there is to tell of rows that stay although they are to go.
pub fn note(staying: Staying, transfer: &Name) -> Option<String> {
    let stay = match staying.all() {
        0 => return None,
        1 => "1 row that is to be deleted stays".to_owned(),
        count => format!("{count} rows that are to be deleted stay"),
    };
    let note = format!("{stay}: `raccord rejects list --transfer {transfer}` tells why");
    Some(match staying.further {
        0 => note,
        further => format!("{note}; {further} of them are not listed, because of `rejects.maxCount`"),
    })
}

fn sweep(
    job: &Job,
    (run, at): (RunId, Timestamp),
    checkpoint: Checkpoint,
    (snapshot, within): (bool, Option<Within>),
) -> Sweep {
    Sweep {
        transfer: job.uid,
        run,
        at,
        fence: job.fence,
        target: job.target.clone(),
        snapshot,
        within,
        keep_rejects: (job.spec.rejects.max_count, job.spec.rejects.max_age.0),
        checkpoint,
        completes: None,
        record: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_how_many_rows_stay_and_how_many_are_not_listed() {
        let note = |unseen, marked, further| {
            note(Staying { unseen, marked, further }, &"contacts".parse().unwrap()).unwrap_or_default()
        };
        let why = "`raccord rejects list --transfer contacts` tells why";
        assert_eq!(note(0, 0, 0), "");
        assert_eq!(note(0, 1, 0), format!("1 row that is to be deleted stays: {why}"));
        let beside = "7 of them are not listed, because of `rejects.maxCount`";
        assert_eq!(note(9, 1, 7), format!("10 rows that are to be deleted stay: {why}; {beside}"));
    }
}
