//! The end of a window that was read to its last page: it is read again, held, or complete, and then what it has proved to be gone
//! is deleted. What is to happen is judged by pure functions; here it is done.

use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::{Hold, RunOutcome};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::destination::{Batch, Reading, Sweep, Swept};

use super::Running;
use crate::ending::{self, Ending};
use crate::failure::RunError;
use crate::page::checkpoint_only;
use crate::sweep;
use crate::vanished::{self, Verdict};
use crate::window::{self, Underway};

impl Running<'_> {
    /// Ends a window that was read to its last page. Without an outcome it is to be read again.
    pub(super) async fn end(&mut self, underway: &Underway) -> Result<Option<RunOutcome>, RunError> {
        let Some(window) = underway.window().cloned() else { return Ok(Some(RunOutcome::Succeeded)) };
        self.run.parents = window.parents.clone();
        self.note_unseen(underway, &window);
        let now = self.context.environment.now();
        let (next, completes, outcome, sweeps) = match ending::judge(&window, self.job.stream.attempts()) {
            Ending::Again(shift) => {
                tracing::warn!(%shift, "the pages shifted while they were read; they are read again");
                self.withdraw_deletes();
                return Ok(None);
            }
            Ending::Complete { deletes } => {
                match vanished::judge(&self.job.program, &window, self.known(underway)) {
                    Verdict::Fine => {}
                    Verdict::ReadAgain => {
                        self.withdraw_deletes();
                        return Ok(None);
                    }
                    Verdict::Vanished(hold) => return self.hold(underway.clone(), hold).await.map(Some),
                }
                let done = window::close(underway.clone(), now);
                let sweeps = window.snapshot && deletes && self.job.snapshot().is_some();
                (done, Some(Reading::from(&window)), RunOutcome::Succeeded, sweeps)
            }
            Ending::Incomplete { outcome } => {
                (window::give_up_incomplete(underway.clone()), None, outcome, false)
            }
            Ending::Held { shift, readings: shifted } => {
                let hold = Hold::Shifted { shifted, sign: shift.to_string() };
                (window::hold(underway.clone()), None, RunOutcome::Held(hold), false)
            }
        };
        if sweeps || window.deletes > 0 {
            // What records say is deleted is so whatever else the window lacks.
            let sweep =
                sweep::within_share(self.job, (self.run.id, now), self.sealed(&next, 0), (&window, sweeps));
            return self.sweep(Sweep { completes, ..sweep }, underway.clone(), outcome).await.map(Some);
        }
        let batch = checkpoint_only(self.job, self.sealed(&next, 0), self.run.id, now);
        self.context.destination.commit(Batch { completes, ..batch }).await?;
        Ok(Some(outcome))
    }

    /// Holds a complete window: from here on no run goes on with it, whatever becomes of those that follow.
    async fn hold(&mut self, complete: Underway, hold: Hold) -> Result<RunOutcome, RunError> {
        self.withdraw_deletes();
        let (run, now) = (self.run.id, self.context.environment.now());
        let sealed = self.sealed(&window::hold(complete), 0);
        self.context.destination.commit(checkpoint_only(self.job, sealed, run, now)).await?;
        Ok(RunOutcome::Held(hold))
    }

    /// Deletions that were counted when their records came, and are not done now.
    fn withdraw_deletes(&mut self) {
        if self.job.marked_share().is_some() {
            let tally = &mut self.run.tally;
            tally.skipped += std::mem::take(&mut tally.deleted);
        }
    }

    /// Deletes what a window has proved to be gone: `complete` is where the transfer stands with it, and `outcome` how the run has ended
    /// then.
    async fn sweep(
        &mut self,
        sweep: Sweep,
        complete: Underway,
        outcome: RunOutcome,
    ) -> Result<RunOutcome, RunError> {
        let (keyless, incomplete) =
            complete.window().map_or((0, false), |window| (window.keyless, window.incomplete > 0));
        let unswept = sweep.checkpoint.clone();
        Failpoint::SweepBefore.pass();
        let swept = self.context.destination.sweep(sweep).await?;
        Failpoint::SweepAfter.pass();
        match swept {
            Swept::Done { unseen, staying, .. } => {
                self.run.tally.count_swept(unseen, staying);
                self.run.notes.extend(sweep::note(staying, &self.job.transfer));
                Ok(outcome)
            }
            // What is missing is told first. The deletions come again with a window that lacks nothing.
            Swept::Held { .. } if matches!(outcome, RunOutcome::Failed { .. }) => {
                self.withdraw_deletes();
                let now = self.context.environment.now();
                let unswept = Checkpoint { counted: Some(self.counted(0)), ..unswept };
                let batch = checkpoint_only(self.job, unswept, self.run.id, now);
                self.context.destination.commit(batch).await?;
                Ok(outcome)
            }
            Swept::Held { by, deletes, of, rows } => {
                self.hold(complete, Hold::Deletions { deletes, of, keyless, incomplete, by, rows }).await
            }
        }
    }
}
