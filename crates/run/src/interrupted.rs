//! What a run had committed that a kill has cut off: the checkpoint of its transfer knows, for each page is committed with it.
//! It reads, and never guesses: what is not known is told as that, and asked again where it was not to be had just then.

use std::collections::BTreeMap;
use std::time::Duration;

use raccord_model::checkpoint::{Checkpoint, Counted};
use raccord_model::fact::{Run, RunCause, RunOutcome, Tally, Uid};
use raccord_model::name::Name;
use raccord_model::port::destination::Rows;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ports::{Ports, RunnerError};

/// How long a destination is asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the note begins of a run whose store could not be asked.
const NOT_YET_COUNTED: &str =
    "its process was killed; what it had committed is kept, and counted once its store answers";

/// Closes runs that were cut off.
pub(crate) struct Closing<'p> {
    ports: &'p Ports,
    /// The projects whose destinations have not answered, and why: they are asked once.
    silent: BTreeMap<Name, String>,
}

impl<'p> Closing<'p> {
    pub(crate) const fn new(ports: &'p Ports) -> Self {
        Self { ports, silent: BTreeMap::new() }
    }

    /// Learns which destinations do not answer, at the same time: several are waited for no longer than one. What is committed
    /// meanwhile is not missed, for those which answer are asked again when a run is closed.
    pub(crate) async fn look_ahead(&mut self, runs: impl IntoIterator<Item = &Run>) {
        let mut of_projects: BTreeMap<&Name, &Run> = BTreeMap::new();
        for run in runs.into_iter().filter(|run| run.cause != RunCause::Deliveries) {
            of_projects.entry(&run.to.project).or_insert(run);
        }
        if of_projects.len() < 2 {
            return;
        }
        let mut asked = JoinSet::new();
        for (project, run) in of_projects {
            let Ok(Some(rows)) = self.rows(run).await else { continue };
            let (project, transfer) = (project.clone(), run.transfer_uid);
            asked.spawn(async move { (project, ask(&rows, transfer).await.err()) });
        }
        while let Some(answered) = asked.join_next().await {
            if let Ok((project, Some(why))) = answered {
                self.silent.insert(project, why);
            }
        }
    }

    /// Closes one, with what it had committed. `is_newest`: no run of its transfer has read after it. What could not be asked is
    /// asked when it is closed again.
    pub(crate) async fn close(&mut self, run: &mut Run, is_newest: bool) {
        run.outcome = RunOutcome::Stopped;
        if run.cause == RunCause::Deliveries {
            return;
        }
        let known = match self.checkpoint(run).await {
            Ok(Some(checkpoint)) => known(run, checkpoint.as_ref(), is_newest),
            Ok(None) => Known::Nothing("its transfer was deleted, or leads elsewhere by now".to_owned()),
            Err(_) if run.uncounted => return,
            Err(why) => {
                run.uncounted = true;
                run.notes.push(format!("{NOT_YET_COUNTED}: {why}"));
                return;
            }
        };
        if std::mem::take(&mut run.uncounted) {
            run.notes.retain(|note| !note.starts_with(NOT_YET_COUNTED));
        }
        run.notes.push(match known {
            Known::Counted { pages, tally } => {
                (run.pages, run.tally) = (pages, tally);
                "its process was killed; it has counted what it had committed".to_owned()
            }
            Known::Nothing(why) => {
                format!("its process was killed; what it had committed is kept but not counted here: {why}")
            }
        });
    }

    /// The checkpoint of a run's transfer where its rows went; nothing when they would go elsewhere by now.
    async fn checkpoint(&mut self, run: &Run) -> Result<Option<Option<Checkpoint>>, String> {
        let rows = match self.rows(run).await {
            Ok(Some(rows)) => rows,
            Ok(None) => return Ok(None),
            Err(error) => return Err(unreachable(&error)),
        };
        let project = &run.to.project;
        if let Some(why) = self.silent.get(project) {
            return Err(why.clone());
        }
        let answered = ask(&rows, run.transfer_uid).await;
        if let Err(why) = &answered {
            self.silent.insert(project.clone(), why.clone());
        }
        answered.map(Some)
    }

    async fn rows(&self, run: &Run) -> Result<Option<Rows>, RunnerError> {
        let applied = self.ports.applied().await?;
        let spec = applied.transfers().find(|(_, uid, _)| *uid == run.transfer_uid).map(|(_, _, spec)| spec);
        match spec.filter(|spec| spec.to == run.to) {
            Some(spec) => Ok(Some(self.ports.rows(&applied.desired, &spec.to.project)?)),
            None => Ok(None),
        }
    }
}

/// The checkpoint of a transfer, or why its destination does not tell it.
async fn ask(rows: &Rows, transfer: Uid) -> Result<Option<Checkpoint>, String> {
    match timeout(PATIENCE, rows.destination.resume(transfer)).await {
        Ok(Ok(checkpoint)) => Ok(checkpoint),
        Ok(Err(error)) => Err(unreachable(&error.in_words())),
        Err(_) => Err(unreachable(&format_args!("it did not answer within {} s", PATIENCE.as_secs()))),
    }
}

fn unreachable(error: &dyn std::fmt::Display) -> String {
    format!("its store could not be asked: {error}")
}

/// What is known of a run that was cut off.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// What it had committed.
    Counted { pages: u64, tally: Tally },
    /// Nothing, and why.
    Nothing(String),
}

/// What the checkpoint of a transfer says of a run.
fn known(run: &Run, checkpoint: Option<&Checkpoint>, is_newest: bool) -> Known {
    let counted = checkpoint.and_then(|checkpoint| checkpoint.counted);
    match (checkpoint, counted) {
        (Some(checkpoint), Some(counted)) if counted.run == run.id => {
            Known::Counted { pages: counted.pages, tally: done(checkpoint, counted) }
        }
        _ if !is_newest => Known::Nothing("a later run has gone on from there".to_owned()),
        (Some(_), None) => Known::Nothing("a version that kept no such counts has written there".to_owned()),
        // Of the newest run each page would have left its counts.
        _ => Known::Counted { pages: 0, tally: Tally::default() },
    }
}

/// What was done of what a run has counted: deletions that wait for the end of a window are not, so that they count as
/// skipped.
fn done(checkpoint: &Checkpoint, counted: Counted) -> Tally {
    let mut tally = counted.tally;
    if checkpoint.window.as_ref().is_some_and(|window| window.deletes > 0) {
        tally.skipped += std::mem::take(&mut tally.deleted);
    }
    tally
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RUN: &str = "0198c0de-0000-7000-8000-000000000001";
    const OTHER: &str = "0198c0de-0000-7000-8000-000000000000";

    fn tally([fetched, created, deleted, skipped]: [u64; 4]) -> Tally {
        Tally { fetched, created, deleted, skipped, ..Tally::default() }
    }

    /// A checkpoint with what it has of these members.
    fn checkpoint(members: &Value) -> Checkpoint {
        let mut checkpoint = json!({
            "version": 2, "fingerprint": raccord_model::Digest::of(b""), "epoch": 0,
        });
        checkpoint.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(checkpoint).unwrap()
    }

    #[test]
    fn a_checkpoint_counts_for_the_run_that_has_kept_it() {
        let run: Run = serde_json::from_value(json!({
            "id": RUN, "transferUid": RUN, "transfer": "people", "to": "crm.contact", "generation": 1,
            "started": "2025-01-31T09:30:00Z", "outcome": "running", "tally": Tally::default(),
        }))
        .unwrap();
        let by = |run: &str| json!({ "run": run, "pages": 3, "tally": tally([9, 7, 1, 1]) });
        let open = |deletes: u64| json!({ "run": OTHER, "deletes": deletes, "tally": Tally::default() });
        let own = |counts| Ok((3, tally(counts)));
        let cases = [
            (Some(checkpoint(&json!({ "counted": by(RUN) }))), true, own([9, 7, 1, 1])),
            (Some(checkpoint(&json!({ "counted": by(RUN) }))), false, own([9, 7, 1, 1])),
            // Deletions are done at once, or wait for the end of the window.
            (Some(checkpoint(&json!({ "counted": by(RUN), "window": open(0) }))), true, own([9, 7, 1, 1])),
            (Some(checkpoint(&json!({ "counted": by(RUN), "window": open(1) }))), true, own([9, 7, 0, 2])),
            (Some(checkpoint(&json!({ "counted": by(OTHER) }))), true, Ok((0, Tally::default()))),
            (None, true, Ok((0, Tally::default()))),
            (Some(checkpoint(&json!({ "counted": by(OTHER) }))), false, Err("a later run")),
            (None, false, Err("a later run")),
            (Some(checkpoint(&json!({}))), true, Err("a version")),
        ];
        for (checkpoint, is_newest, expected) in cases {
            match (known(&run, checkpoint.as_ref(), is_newest), expected) {
                (Known::Counted { pages, tally }, Ok(expected)) => {
                    assert_eq!((pages, tally), expected, "{checkpoint:?}");
                }
                (Known::Nothing(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
                (found, expected) => panic!("{found:?} and not {expected:?} of {checkpoint:?}"),
            }
        }
    }
}
