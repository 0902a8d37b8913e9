//! One run of one transfer from its inbox: deliveries of webhooks, mapped and classified like a poll's records.
//!
//! They are taken in the order in which they came and leave the inbox in the commit that stores what they became, or right
//! after it where the destination is elsewhere and remembers them; so each counts once, whatever is killed when. The checkpoint of the transfer stays where it is.

mod intake;
pub mod patience;

use std::sync::Arc;

use bytes::Bytes;
use raccord_model::checkpoint::Checkpoint;
use raccord_model::clock::is_ahead;
use raccord_model::fact::{DeletedBy, Hold, Run, RunOutcome, Tally};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::destination::{Batch, DestinationError, Guard, Postponed};
use raccord_model::port::inbox::{Delivery, DeliveryKind};

use self::intake::Intake;
use super::execute::RunContext;
use super::failure::RunError;
use super::job::Job;
use super::mapper::Mapper;
use super::rejecting::Shows;

/// How many deliveries are taken at a time.
const PAGE: usize = 1_000;

/// Works a transfer's inbox off, until nothing waits, a stop or a failure. `at` is where the transfer stands.
pub async fn drain(job: &Arc<Job>, run: &mut Run, at: Option<Checkpoint>, context: &RunContext) {
    let mut draining = Draining { job, run, context };
    run.outcome = draining.pages(at).await.unwrap_or_else(|error| error.outcome());
    run.ended = Some(context.environment.now());
}

struct Draining<'r> {
    job: &'r Arc<Job>,
    run: &'r mut Run,
    context: &'r RunContext,
}

impl Draining<'_> {
    async fn pages(&mut self, at: Option<Checkpoint>) -> Result<RunOutcome, RunError> {
        // A snapshot that was stopped half-way goes on later, and must not sweep what has come meanwhile.
        let mark_seen = at.and_then(|checkpoint| checkpoint.window).is_some_and(|window| window.snapshot);
        self.settle_before().await?;
        // Past the deliveries that are looked at again later.
        let mut after = None;
        loop {
            let waiting = self.context.inbox.pending(self.job.uid, after, PAGE).await?;
            let Some((last, _)) = waiting.last() else { return Ok(RunOutcome::Succeeded) };
            let last = *last;
            let waiting = self.due(waiting);
            if waiting.is_empty() {
                after = Some(last);
                continue;
            }
            let intake = tokio::select! {
                biased;
                intake = self.take_in(&waiting) => intake?,
                // What is being fetched is fetched again by the next run.
                () = self.context.asked_to_stop() => return Ok(RunOutcome::Stopped),
            };
            if let Some(hold) = self.keep(intake, mark_seen).await? {
                return Ok(RunOutcome::Held(hold));
            }
            if self.context.ends_here(self.job, self.run) {
                return Ok(RunOutcome::Stopped);
            }
        }
    }

    /// Takes deliveries out that a destination elsewhere has stored before a kill came between it and the inbox.
    async fn settle_before(&self) -> Result<(), RunError> {
        let settled = self.context.destination.settled(self.job.uid).await?;
        if !settled.is_empty() {
            self.context.inbox.settle(self.job.uid, settled, Vec::new()).await?;
        }
        Ok(())
    }

    /// Those of some deliveries that are not to be looked at later; when the first of the others is, is remembered.
    fn due(&mut self, waiting: Vec<(u64, Delivery)>) -> Vec<(u64, Delivery)> {
        let now = self.context.environment.now();
        let is_due = |(_, delivery): &(u64, Delivery)| match &delivery.kind {
            // None waits so long as `is_ahead` says: the clock was ahead.
            DeliveryKind::Fetch { retry: Some(retry), .. }
                if retry.until > now && !is_ahead(retry.until, now) =>
            {
                self.run.again = Some(self.run.again.map_or(retry.until, |again| again.min(retry.until)));
                false
            }
            DeliveryKind::Upsert
            | DeliveryKind::Partial
            | DeliveryKind::Delete
            | DeliveryKind::Fetch { .. } => true,
        };
        waiting.into_iter().filter(is_due).collect()
    }

    /// Makes a page of the first deliveries; those of which too much would have to be fetched are left for the next.
    async fn take_in(&self, waiting: &[(u64, Delivery)]) -> Result<Intake, RunError> {
        let source = self.context.source.as_ref();
        let fetched = intake::fetch(source, waiting).await?;
        let mut intake = Intake::of(waiting, &fetched, self.job, self.context.environment.now());
        // A service may repeat what it was sent in the record that it was asked for.
        intake.page.mask = source.mask().await;
        Ok(intake)
    }

    /// Keeps what deliveries have become, unless they would delete too much.
    async fn keep(&mut self, intake: Intake, mark_seen: bool) -> Result<Option<Hold>, RunError> {
        let Intake { page, arrivals, consumed, skipped, postponed, mut unfetched } = intake;
        let is_partial = arrivals.iter().any(|arrival| arrival.shows == Shows::Part);
        let (run, now) = (self.run.id, self.context.environment.now());
        let page = Mapper::new(self.job, &self.context.destination, run)
            .map_all(Arc::new(page), arrivals, now)
            .await?;
        for Postponed { retry, .. } in &postponed {
            self.run.again = Some(self.run.again.map_or(retry.until, |again| again.min(retry.until)));
        }
        let guard = self.guard();
        let mut batch = page.into_batch(self.job, run, now);
        for reject in &mut batch.rejects {
            reject.fetch = unfetched.remove(&reject.position);
        }
        let settles = (!self.context.destination.is_state()).then(|| (consumed.clone(), postponed.clone()));
        let mut batch = Batch { consumed, postponed, mark_seen, guard, durable: true, ..batch };
        if is_partial {
            // Of a row that is created so nothing is known but what the delivery mentions.
            batch.target.defaults = Bytes::copy_from_slice(self.job.program.partial_defaults());
            batch.target.required = self.job.program.partial_required();
        }
        let mut tally = match self.context.destination.commit(batch).await {
            Err(DestinationError::TooManyDeletes { deletes, of }) => {
                let by = DeletedBy::Webhook;
                return Ok(Some(Hold::Deletions {
                    deletes,
                    of,
                    keyless: 0,
                    incomplete: false,
                    by,
                    rows: None,
                }));
            }
            other => other?,
        };
        if let Some((consumed, postponed)) = settles {
            Failpoint::SettleBefore.pass();
            self.context.inbox.settle(self.job.uid, consumed, postponed).await?;
        }
        tally.add(&Tally { fetched: skipped, skipped, ..Tally::default() });
        self.context.count(self.run, &tally);
        Ok(None)
    }

    /// How much the deliveries of a run may delete: a share of the rows, or what a person has approved. What runs have
    /// deleted before they were held counts too, lest a flood pass in portions.
    fn guard(&self) -> Option<Guard> {
        let fact = &self.job.fact.observed;
        let share = self.job.spec.deletes.webhook.as_ref().map(|webhook| webhook.max_share);
        let share = share.or(self.job.marked_share())?;
        let allowed = match fact.approved {
            Some(Hold::Deletions { by: DeletedBy::Webhook, deletes, .. }) => deletes,
            _ => 0,
        };
        let before = fact.deliveries_held.map_or(0, |held| held.deleted);
        Some(Guard { share, deleted: before + self.run.tally.deleted, allowed })
    }
}
