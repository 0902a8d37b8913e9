//! One run of one transfer: fetch, map, commit, page by page in bounded memory.
//!
//! A page is fetched while the one before it is mapped and stored; at most two wait. The run asks between
//! pages whether it should stop. It changes no fact: its outcome is concluded by what started it.

use std::sync::Arc;

use raccord_model::checkpoint::{Checkpoint, Cursor, Window};
use raccord_model::fact::{Hold, IntegrationFact, Run, RunOutcome, Tally};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::destination::{Batch, Destination, DestinationError, Reading, Sweep, Swept};
use raccord_model::port::inbox::Inbox;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError, Starts};
use raccord_model::row::FieldId;
use tokio::sync::watch;

use super::ending::{self, Ending};
use super::failure::RunError;
use super::fetching::{Fetching, Incoming};
use super::job::{Job, Subscriber};
use super::mapper::Mapper;
use super::page::{MappedPage, checkpoint_only};
use super::starts::KnownStarts;
use super::told::Told;
use super::vanished::{self, Known, Verdict};
use super::window::{self, Opened, PageEnd, Setup};
use super::{breaker, sweep};
use raccord_model::port::environment::Environment;

/// Hears of every page: the tally so far, and how many pages that took.
pub type OnPage = Box<dyn Fn(&Tally, u64) + Send + Sync>;

/// What a run is given beside its job.
pub struct RunContext {
    /// Where the records come from.
    pub source: Box<dyn Source>,
    /// Where the rows go.
    pub destination: Arc<dyn Destination>,
    /// Where deliveries wait.
    pub inbox: Arc<dyn Inbox>,
    /// The clock and the randomness.
    pub environment: Arc<dyn Environment>,
    /// Becomes true when the run should stop after the page in hand.
    pub stop: watch::Receiver<bool>,
    /// Hears of every page.
    pub progress: OnPage,
    /// What is known of the subscribers, for stopping when too much is rejected.
    pub subscribers: Vec<IntegrationFact>,
}

impl RunContext {
    /// Waits for the wish to stop, for ever when none can come any more.
    pub(super) async fn asked_to_stop(&self) {
        if self.stop.clone().wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether a run stops after the page in hand: somebody wishes so, or every subscriber's breaker would trip
    /// over what it has rejected so far.
    pub(super) fn ends_here(&self, job: &Job, run: &Run) -> bool {
        let is_over = |(subscriber, fact): (&Subscriber, &IntegrationFact)| {
            breaker::too_many_rejects(fact, run.tally.newly_rejected, &subscriber.breaker.rejects)
        };
        let rejects_too_much =
            !self.subscribers.is_empty() && job.subscribers.iter().zip(&self.subscribers).all(is_over);
        *self.stop.borrow() || rejects_too_much
    }

    /// Counts what became of a page.
    pub(super) fn count(&self, run: &mut Run, tally: &Tally) {
        run.tally.add(tally);
        run.pages += 1;
        (self.progress)(&run.tally, run.pages);
    }
}

/// Runs a job to its end, a stop or a failure.
pub async fn execute(job: &Arc<Job>, run: &mut Run, context: &RunContext) {
    let mapper = Mapper::new(job, &context.destination, run.id);
    let mut running = Running { job, run, context, mapper, warned: false, told: Told::default() };
    let outcome = running.windows().await.unwrap_or_else(|error| error.outcome());
    let notes = running.told.notes(&job.stream);
    for note in &notes {
        tracing::warn!("{note}");
    }
    run.notes.extend(notes);
    run.outcome = outcome;
    run.ended = Some(context.environment.now());
}

struct Running<'r> {
    job: &'r Arc<Job>,
    run: &'r mut Run,
    context: &'r RunContext,
    mapper: Mapper,
    /// Whether the log was told of a record that is dated in the future.
    warned: bool,
    /// What there is to tell so far.
    told: Told,
}

impl Running<'_> {
    async fn windows(&mut self) -> Result<RunOutcome, RunError> {
        let previous = self.context.destination.resume(self.job.uid).await?;
        let Opened { mut checkpoint, is_fresh } = window::begin(previous, &self.setup());
        if is_fresh && self.job.stream.has_parent() {
            self.context.destination.forget_partitions(self.job.uid, self.job.fence).await?;
        }
        let mut refused = None;
        loop {
            match self.window(&mut checkpoint).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => checkpoint = window::read_again(checkpoint),
                // Once: a page that is refused again has another reason than its age.
                Err(RunError::Source(SourceError::PageRefused { message })) if refused.is_none() => {
                    tracing::warn!(
                        why = message,
                        "the page where the last run had stopped is refused: the window begins again"
                    );
                    refused = Some(message);
                    checkpoint = window::restart(checkpoint);
                }
                Err(error) => return Err(self.after_refusal(error, refused)),
            }
        }
    }

    /// The error of a window that was begun again because its page was refused, if it was.
    fn after_refusal(&self, error: RunError, refused: Option<String>) -> RunError {
        match (error, refused) {
            (error @ RunError::Source(_), Some(refused)) => {
                let transfer = self.job.transfer.clone();
                RunError::Again { error: Box::new(error), refused, transfer }
            }
            (error, _) => error,
        }
    }

    fn setup(&self) -> Setup<'_> {
        Setup {
            run: self.run.id,
            now: self.context.environment.now(),
            fingerprint: self.job.fingerprint,
            epoch: self.job.fence.epoch,
            reset: self.job.fact.decided.reset,
            cursor: self.job.stream.cursor(),
            positional: self.job.stream.is_positional(),
            partitioned: self.job.stream.has_parent(),
            snapshot: self.job.snapshot(),
        }
    }

    /// Reads one window from where its checkpoint stands. Without an outcome it is to be read again.
    async fn window(&mut self, checkpoint: &mut Checkpoint) -> Result<Option<RunOutcome>, RunError> {
        let Some(window) = checkpoint.window.clone() else { return Ok(Some(RunOutcome::Succeeded)) };
        let is_first_page = window.page.is_none();
        let starts = self.starts(checkpoint.since.clone()).filter(|_| !window.snapshot);
        let read = Read { from: window.from, starts, page: window.page, page_size: None };
        let (mapper, environment) = (self.mapper.clone(), Arc::clone(&self.context.environment));
        let mut fetching = tokio::select! {
            biased;
            fetching = Fetching::begin(self.context.source.as_ref(), read, mapper, environment) => fetching?,
            () = self.context.asked_to_stop() => return Ok(Some(RunOutcome::Stopped)),
        };
        let outcome = self.pages(checkpoint, is_first_page, &mut fetching).await;
        fetching.end().await;
        outcome
    }

    /// Takes the pages of a window as they come.
    async fn pages(
        &mut self,
        checkpoint: &mut Checkpoint,
        is_first_page: bool,
        fetching: &mut Fetching,
    ) -> Result<Option<RunOutcome>, RunError> {
        let mut begins_marks = is_first_page;
        // With a parent the first page is that of one parent record, which would keep all others from being read.
        let mut may_fail_whole = is_first_page && !self.job.stream.has_parent();
        loop {
            let incoming = tokio::select! {
                biased;
                incoming = fetching.next() => incoming.ok_or(RunError::Fetcher)??,
                // The page in hand is stored; one that the service is slow to answer is not waited for.
                () = self.context.asked_to_stop() => return Ok(Some(RunOutcome::Stopped)),
            };
            let Some(incoming) = incoming else { return Ok(Some(RunOutcome::Succeeded)) };
            let page = &incoming.page;
            if page.expired > 0 && !self.job.stream.has_parent() {
                *checkpoint = window::begun_again(checkpoint.clone(), page.expired, &self.setup());
            }
            if std::mem::take(&mut begins_marks) && self.is_marked(checkpoint) {
                // Not before the service has answered: what an earlier window has marked is given up for a new one.
                self.context.destination.begin_window(self.job.uid, self.job.fence).await?;
            }
            let is_last = page.next.is_none();
            self.page(checkpoint, incoming, may_fail_whole).await?;
            may_fail_whole = false;
            if is_last {
                return self.end(checkpoint).await;
            }
            if self.context.ends_here(self.job, self.run) {
                return Ok(Some(RunOutcome::Stopped));
            }
        }
    }

    /// Whether the keys that a window shows are marked.
    fn is_marked(&self, checkpoint: &Checkpoint) -> bool {
        let job = self.job;
        window::is_snapshot(checkpoint) || job.stream.is_positional() || job.marked_share().is_some()
    }

    /// From where on each partition is wanted, when there are some and only what changed is asked for.
    fn starts(&self, since: Option<Cursor>) -> Option<Arc<dyn Starts>> {
        let cursor = self.job.stream.cursor().filter(|_| self.job.stream.has_parent())?.clone();
        let (destination, transfer) = (Arc::clone(&self.context.destination), self.job.uid);
        Some(Arc::new(KnownStarts { destination, transfer, cursor, since }))
    }

    /// Maps and commits one page. The checkpoint is the one after it; one whose window is still to be judged keeps it.
    async fn page(
        &mut self,
        checkpoint: &mut Checkpoint,
        mut incoming: Incoming,
        may_fail_whole: bool,
    ) -> Result<(), RunError> {
        let (job, now) = (self.job, self.context.environment.now());
        let mut mapped = incoming.mapped().await?;
        let page = Arc::clone(&incoming.page);
        let (spot, is_last) = (page.spot, page.next.is_none());
        self.told.take_in(&job.stream, &page, checkpoint);
        self.told.unread.add(std::mem::take(&mut mapped.unread));
        let rejected_whole =
            mapped.rejected_whole().filter(|_| may_fail_whole && !shows_nothing_new(checkpoint, &mapped));
        let end = self.page_end(&page, &mapped, checkpoint);
        let suspects = self.suspects(checkpoint, &end);
        let may_be_held = !suspects.is_empty() || deletes_or_keeps(checkpoint) || end.deletes > 0;
        let (mut next, mut partitions) =
            window::within(checkpoint.clone(), &end, self.is_ordered() && !may_be_held);
        for mark in partitions.iter_mut().filter(|_| may_be_held) {
            // What is held is read again then: no partition moves on past it before the window is complete.
            mark.waits = true;
        }
        // Where there is neither a cursor nor a place, there is nothing to remember.
        partitions.retain(|mark| mark.parent.is_some() || job.stream.cursor().is_some());
        let is_judged_later = spot.is_some() || may_be_held || self.must_be_judged(&next);
        let committed = match is_last {
            // It moves on with what follows from the window as a whole; until then its last page is the one to read.
            true if is_judged_later => window::before_end(checkpoint.clone(), &end),
            true => {
                next = window::close(next, now);
                next.clone()
            }
            false => next.clone(),
        };
        let batch = Batch {
            mark_seen: window::is_snapshot(checkpoint) || spot.is_some(),
            spot,
            partitions,
            defer_deletes: job.marked_share().is_some(),
            suspects,
            checkpoint: rejected_whole.is_none().then_some(committed),
            durable: is_last,
            ..mapped.into_batch(job, self.run.id, now)
        };
        let notes = spot.is_some()
            || !batch.suspects.is_empty()
            || batch.partitions.iter().any(|mark| mark.parent.is_some());
        let tally = self.commit(batch, &page).await?;
        drop((page, incoming));
        self.context.count(self.run, &tally);
        if let Some(reason) = rejected_whole {
            return Err(RunError::FirstPage(reason));
        }
        if notes && let Some(stored) = self.context.destination.resume(job.uid).await? {
            next = window::with_kept_of(window::with_shift_of(next, &stored), &stored);
        }
        if let Some(window) = &mut next.window {
            window.tally.add(&tally);
        }
        *checkpoint = next;
        Ok(())
    }

    /// Commits what a page was mapped to. Where rows have changed since it was mapped, all its records are mapped anew.
    async fn commit(&self, batch: Batch, page: &Arc<Page>) -> Result<Tally, RunError> {
        let destination = &self.context.destination;
        if batch.kept_at.is_none() {
            return Ok(destination.commit(batch).await?);
        }
        let again = batch.clone_without_changes();
        match destination.commit(batch).await {
            Err(DestinationError::Outdated) => {}
            other => return Ok(other?),
        }
        let MappedPage { changes, rejects, refuse, .. } =
            self.mapper.map_all(Arc::clone(page), Vec::new(), again.at).await?;
        Ok(destination.commit(Batch { changes, rejects, refuse, ..again }).await?)
    }

    /// What a page and its records say of the window as a whole.
    fn page_end(&mut self, page: &Page, mapped: &MappedPage, checkpoint: &Checkpoint) -> PageEnd {
        let greatest = mapped.greatest.clone().or_else(|| self.token(page));
        let greatest = greatest.and_then(|greatest| self.admitted(greatest, checkpoint));
        let Page { next, shift, partition, ends_partition, passed, .. } = page;
        PageEnd {
            next: next.clone(),
            greatest,
            keyless: mapped.keyless(),
            shift: *shift,
            partition: *partition,
            ends_partition: *ends_partition,
            passed: passed.clone(),
            deletes: if self.job.marked_share().is_some() { mapped.deletes } else { 0 },
            unseen: mapped.unseen.clone(),
        }
    }

    /// The fields that must not lose values for want of a path that no record of the window has had, a page included.
    fn suspects(&self, checkpoint: &Checkpoint, end: &PageEnd) -> Vec<FieldId> {
        let Some(window) = &checkpoint.window else { return Vec::new() };
        let unseen = vanished::narrow(window.unseen.clone(), end.unseen.clone());
        vanished::suspects(&self.job.program, unseen.as_deref(), self.known(window))
    }

    /// What is known of the paths of the mapping before a window.
    fn known(&self, window: &Window) -> Known<'_> {
        Known::of(&self.job.fact.observed, self.reads_everything(window))
    }

    /// Notes of a window that has read everything which paths of the mapping no record had: misspellings, perhaps.
    fn note_unseen(&mut self, window: &Window) {
        if self.reads_everything(window) {
            self.run.unseen.clone_from(&window.unseen);
        }
    }

    /// Whether a window reads everything, and not only what has changed.
    fn reads_everything(&self, window: &Window) -> bool {
        let is_of_changes = self.job.stream.cursor().is_some() && self.job.stream.has_parent();
        window.snapshot || (window.from.is_none() && !is_of_changes)
    }

    /// Whether the checkpoint moves with every page: never where pages shift, for one that was skipped has a smaller
    /// cursor value than those that were shown.
    fn is_ordered(&self) -> bool {
        let is_ordered = self.job.stream.field_cursor().is_some_and(|cursor| cursor.ordered);
        is_ordered && !self.job.stream.is_positional()
    }

    /// Whether the end of a window says more than that it is complete.
    fn must_be_judged(&self, checkpoint: &Checkpoint) -> bool {
        let window = checkpoint.window.as_ref();
        let is_noted = |window: &Window| window.snapshot || window.shift.is_some();
        self.job.stream.has_parent() || window.is_some_and(is_noted) || deletes_or_keeps(checkpoint)
    }

    /// Ends a window that was read to its last page. Without an outcome it is to be read again.
    async fn end(&mut self, checkpoint: &Checkpoint) -> Result<Option<RunOutcome>, RunError> {
        let Some(window) = checkpoint.window.clone() else { return Ok(Some(RunOutcome::Succeeded)) };
        self.run.parents = window.parents.clone();
        self.note_unseen(&window);
        let now = self.context.environment.now();
        let (next, completes, outcome, sweeps) = match ending::judge(&window, self.job.stream.attempts()) {
            Ending::Again(shift) => {
                tracing::warn!(%shift, "the pages shifted while they were read; they are read again");
                self.withdraw_deletes();
                return Ok(None);
            }
            Ending::Complete { deletes } => {
                match vanished::judge(&self.job.program, &window, self.known(&window)) {
                    Verdict::Fine => {}
                    Verdict::ReadAgain => {
                        self.withdraw_deletes();
                        return Ok(None);
                    }
                    Verdict::Vanished(hold) => return self.hold(checkpoint.clone(), hold).await.map(Some),
                }
                let done = window::close(checkpoint.clone(), now);
                let sweeps = window.snapshot && deletes && self.job.snapshot().is_some();
                (done, Some(Reading::from(&window)), RunOutcome::Succeeded, sweeps)
            }
            Ending::Incomplete { outcome } => (window::give_up(checkpoint.clone()), None, outcome, false),
            Ending::Held { shift, readings: shifted } => {
                let hold = Hold::Shifted { shifted, sign: shift.to_string() };
                (window::hold(checkpoint.clone()), None, RunOutcome::Held(hold), false)
            }
        };
        if sweeps || window.deletes > 0 {
            // What records say is deleted is so whatever else the window lacks.
            let sweep = sweep::within_share(self.job, (self.run.id, now), next, (&window, sweeps));
            return self.sweep(Sweep { completes, ..sweep }, checkpoint.clone(), outcome).await.map(Some);
        }
        let batch = checkpoint_only(self.job, next, self.run.id, now);
        self.context.destination.commit(Batch { completes, ..batch }).await?;
        Ok(Some(outcome))
    }

    /// Holds a complete window: from here on no run goes on with it, whatever becomes of those that follow.
    async fn hold(&mut self, complete: Checkpoint, hold: Hold) -> Result<RunOutcome, RunError> {
        let (run, now) = (self.run.id, self.context.environment.now());
        let checkpoint = checkpoint_only(self.job, window::hold(complete), run, now);
        self.context.destination.commit(checkpoint).await?;
        self.withdraw_deletes();
        Ok(RunOutcome::Held(hold))
    }

    /// Deletions that were counted when their records came, and are not done now.
    fn withdraw_deletes(&mut self) {
        if self.job.marked_share().is_some() {
            let tally = &mut self.run.tally;
            tally.skipped += std::mem::take(&mut tally.deleted);
        }
    }

    /// The token from which the next window goes on, after the last page of this one. With a parent, each partition has its own.
    fn token(&self, page: &Page) -> Option<Cursor> {
        let is_last = page.next.is_none() && !self.job.stream.has_parent();
        self.job.stream.token_cursor().filter(|_| is_last)?;
        page.token.clone().map(Cursor::Token)
    }

    /// A cursor value as far as the window may move. A record that is dated in the future would let everything before that
    /// date be missed.
    fn admitted(&mut self, greatest: Cursor, checkpoint: &Checkpoint) -> Option<Cursor> {
        if window::not_beyond(greatest.clone(), self.run.started) != greatest && !self.warned {
            self.warned = true;
            tracing::warn!(%greatest, "a record is dated in the future; the next run reads from the beginning of this one");
        }
        window::admitted(greatest, checkpoint.window.as_ref()?, self.run.id)
    }

    /// Deletes what a window has proved to be gone: `complete` is the checkpoint with it, and `outcome` how the run has ended
    /// then.
    async fn sweep(
        &mut self,
        sweep: Sweep,
        complete: Checkpoint,
        outcome: RunOutcome,
    ) -> Result<RunOutcome, RunError> {
        let keyless = complete.window.as_ref().map_or(0, |window| window.keyless);
        let unswept = sweep.checkpoint.clone();
        Failpoint::SweepBefore.pass();
        let swept = self.context.destination.sweep(sweep).await?;
        Failpoint::SweepAfter.pass();
        match swept {
            Swept::Done { unseen, .. } => {
                self.run.tally.swept += unseen;
                Ok(outcome)
            }
            // What is missing is told first. The deletions come again with a window that lacks nothing.
            Swept::Held { .. } if matches!(outcome, RunOutcome::Failed { .. }) => {
                self.withdraw_deletes();
                let now = self.context.environment.now();
                let batch = checkpoint_only(self.job, unswept, self.run.id, now);
                self.context.destination.commit(batch).await?;
                Ok(outcome)
            }
            Swept::Held { by, deletes, of } => {
                self.hold(complete, Hold::Deletions { deletes, of, keyless, by }).await
            }
        }
    }
}

/// Whether the end of a window deletes what its records say, or decides about values that were kept.
fn deletes_or_keeps(checkpoint: &Checkpoint) -> bool {
    let window = checkpoint.window.as_ref();
    window.is_some_and(|window| window.deletes > 0 || !window.kept.is_empty())
}

/// Whether an incremental window has seen every record of a page before: it asks for some of them each time anew.
fn shows_nothing_new(checkpoint: &Checkpoint, mapped: &MappedPage) -> bool {
    let is_incremental = checkpoint.window.as_ref().is_some_and(|window| window.from.is_some());
    is_incremental && checkpoint.cursor.as_ref().is_some_and(|last| mapped.is_all_up_to(last))
}
