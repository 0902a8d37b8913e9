//! One run of one transfer from its inbox: deliveries of webhooks, mapped and classified like a poll's records.
//!
//! They are taken in the order in which they came and leave the inbox in the commit that stores what they became,
//! so that each counts once, whatever is killed when. The checkpoint of the transfer stays where it is.

mod intake;

use std::sync::Arc;

use raccord_model::fact::{Run, RunOutcome, Tally};
use raccord_model::port::inbox::Delivery;
use raccord_model::port::sink::Batch;

use self::intake::Intake;
use super::aside;
use super::execute::{RunError, Surroundings};
use super::job::Job;

/// How many deliveries are taken at a time.
const PAGE: usize = 1_000;

/// Works a transfer's inbox off, until nothing waits, a stop or a failure.
pub async fn drain(job: &Arc<Job>, run: &mut Run, surroundings: &Surroundings) {
    let mut draining = Draining { job, run, surroundings };
    run.outcome = draining.pages().await.unwrap_or_else(|error| error.outcome());
    run.ended = Some(surroundings.environment.now());
}

struct Draining<'r> {
    job: &'r Arc<Job>,
    run: &'r mut Run,
    surroundings: &'r Surroundings,
}

impl Draining<'_> {
    async fn pages(&mut self) -> Result<RunOutcome, RunError> {
        // A snapshot that was stopped half-way goes on later, and must not sweep what has come meanwhile.
        let checkpoint = self.surroundings.sink.resume(self.job.uid).await?;
        let mark_seen =
            checkpoint.and_then(|checkpoint| checkpoint.window).is_some_and(|window| window.snapshot);
        loop {
            let waiting = self.surroundings.inbox.pending(self.job.uid, None, PAGE).await?;
            if waiting.is_empty() {
                return Ok(RunOutcome::Succeeded);
            }
            let intake = tokio::select! {
                biased;
                intake = self.take_in(&waiting) => intake?,
                // What is being fetched is fetched again by the next run.
                () = self.surroundings.asked_to_stop() => return Ok(RunOutcome::Stopped),
            };
            self.keep(intake, mark_seen).await?;
            if self.surroundings.ends_here(self.job, self.run) {
                return Ok(RunOutcome::Stopped);
            }
        }
    }

    /// Makes a page of the first deliveries; those of which too much would have to be fetched are left for the next.
    async fn take_in(&self, waiting: &[(u64, Delivery)]) -> Result<Intake, RunError> {
        let fetched = intake::fetch(self.surroundings.source.as_ref(), waiting).await?;
        Ok(Intake::of(waiting, &fetched, self.job))
    }

    async fn keep(&mut self, intake: Intake, mark_seen: bool) -> Result<(), RunError> {
        let Intake { page, arrivals, consumed, skipped } = intake;
        let (run, now) = (self.run.id, self.surroundings.environment.now());
        let mapped = aside::map(self.job, page, arrivals, run, now).await?;
        let batch = Batch { consumed, mark_seen, durable: true, ..mapped.into_batch(self.job, run, now) };
        let mut tally = self.surroundings.sink.commit(batch).await?;
        tally.add(&Tally { fetched: skipped, skipped, ..Tally::default() });
        self.surroundings.count(self.run, &tally);
        Ok(())
    }
}
