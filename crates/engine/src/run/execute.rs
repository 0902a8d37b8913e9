//! One run of one transfer: fetch, map, commit, page by page in bounded memory.
//!
//! A page is fetched while the one before it is mapped and stored; at most two wait. The run asks between
//! pages whether it should stop. It changes no fact: its outcome is concluded by whoever started it.

use std::sync::Arc;

use raccord_model::Name;
use raccord_model::checkpoint::{Checkpoint, Cursor};
use raccord_model::fact::{DeletedBy, Hold, IntegrationFact, Run, RunOutcome, Tally};
use raccord_model::language::deletes::Snapshot;
use raccord_model::port::exhausted::is_exhausted;
use raccord_model::port::inbox::{Inbox, InboxError};
use raccord_model::port::records::Page;
use raccord_model::port::sink::{Batch, Reading, Sink, SinkError, Sweep, Swept};
use raccord_model::port::source::{Read, Source, SourceError, Starts};
use raccord_store::failpoint::Failpoint;
use tokio::sync::watch;
use tokio::task::JoinError;

use super::columns::{self, MissingColumn};
use super::ending::{self, Ending};
use super::fetching::Fetching;
use super::job::{Job, Subscriber};
use super::page::{MappedPage, Unread, checkpoint_only};
use super::starts::KnownStarts;
use super::window::{self, Opened, PageEnd, Setup};
use super::{aside, breaker, sweep};
use crate::environment::Environment;

/// Hears of every page: the tally so far, and how many pages that took.
pub type OnPage = Box<dyn Fn(&Tally, u64) + Send + Sync>;

/// What a run is given beside its job.
pub struct Surroundings {
    /// Where the records come from.
    pub source: Box<dyn Source>,
    /// Where the rows go.
    pub sink: Arc<dyn Sink>,
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

impl Surroundings {
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

/// Why a run failed. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error(transparent)]
    Column(#[from] MissingColumn),
    #[error("every record of the first page was rejected; the first one because {0}")]
    FirstPage(String),
    #[error("the task that fetches pages has ended")]
    Fetcher,
    #[error("the task that maps a page has ended")]
    Mapper(#[from] JoinError),
    #[error(
        "{}; before that the service did not accept the page where the last run had stopped ({refused}), so that the \
         window was begun again: should this go on, `raccord resync {transfer}` reads everything again", error.in_words()
    )]
    Again { error: Box<RunError>, refused: String, transfer: Name },
}

impl RunError {
    /// What the run has come to.
    pub(super) fn outcome(&self) -> RunOutcome {
        if matches!(self, Self::Sink(SinkError::Fenced { .. })) {
            // The configuration changed under the run. That is nobody's failure, and the next run begins under it.
            return RunOutcome::Stopped;
        }
        let (unauthorized, local) = (self.is_unauthorized(), self.is_local());
        RunOutcome::Failed { error: self.in_words(), unauthorized, local, partial: false }
    }

    fn is_unauthorized(&self) -> bool {
        match self {
            Self::Source(error) => error.is_unauthorized(),
            Self::Again { error, .. } => error.is_unauthorized(),
            _ => false,
        }
    }

    /// Whether the reason is that something ran out on this machine.
    fn is_local(&self) -> bool {
        match self {
            Self::Source(error) => error.is_local(),
            Self::Again { error, .. } => error.is_local(),
            Self::Sink(error) => is_exhausted(error),
            Self::Inbox(error) => is_exhausted(error),
            Self::Column(_) | Self::FirstPage(_) | Self::Fetcher | Self::Mapper(_) => false,
        }
    }

    /// The whole story in one line: the error and what caused it.
    fn in_words(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let line = error.to_string();
            if !text.contains(&line) {
                text = format!("{text}: {line}");
            }
            cause = error.source();
        }
        text
    }
}

/// Runs a job to its end, a stop or a failure.
pub async fn execute(job: &Arc<Job>, run: &mut Run, surroundings: &Surroundings) {
    let unread = Unread::default();
    let mut running = Running { job, run, surroundings, warned: false, unread };
    let outcome = running.windows().await.unwrap_or_else(|error| error.outcome());
    let note = running.note();
    run.notes.extend(note);
    run.outcome = outcome;
    run.ended = Some(surroundings.environment.now());
}

struct Running<'r> {
    job: &'r Arc<Job>,
    run: &'r mut Run,
    surroundings: &'r Surroundings,
    /// Whether the log was told of a record that is dated in the future.
    warned: bool,
    /// Which cursor values could not be read so far.
    unread: Unread,
}

impl Running<'_> {
    async fn windows(&mut self) -> Result<RunOutcome, RunError> {
        let previous = self.surroundings.sink.resume(self.job.uid).await?;
        let Opened { mut checkpoint, is_fresh } = window::begin(previous, &self.setup());
        if is_fresh && self.job.stream.has_parent() {
            self.surroundings.sink.forget_partitions(self.job.uid).await?;
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
            now: self.surroundings.environment.now(),
            fingerprint: self.job.fingerprint,
            epoch: self.job.fence.epoch,
            reset: self.job.fact.reset,
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
        let mut fetching = tokio::select! {
            biased;
            fetching = Fetching::begin(self.surroundings.source.as_ref(), read) => fetching?,
            () = self.surroundings.asked_to_stop() => return Ok(Some(RunOutcome::Stopped)),
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
        let is_marked = window::is_snapshot(checkpoint) || self.job.stream.is_positional();
        let mut begins_marks = is_first_page && is_marked;
        // With a parent the first page is that of one parent record, which would keep all others from being read.
        let mut may_fail_whole = is_first_page && !self.job.stream.has_parent();
        loop {
            let page = tokio::select! {
                biased;
                page = fetching.next() => page.ok_or(RunError::Fetcher)??,
                // The page in hand is stored; one that the service is slow to answer is not waited for.
                () = self.surroundings.asked_to_stop() => return Ok(Some(RunOutcome::Stopped)),
            };
            let Some(page) = page else { return Ok(Some(RunOutcome::Succeeded)) };
            if std::mem::take(&mut begins_marks) {
                // Not before the service has answered: what an earlier window has marked is given up for a new one.
                self.surroundings.sink.begin_window(self.job.uid).await?;
            }
            let is_last = page.next.is_none();
            self.page(checkpoint, page, may_fail_whole).await?;
            may_fail_whole = false;
            if is_last {
                return self.end(checkpoint).await;
            }
            if self.surroundings.ends_here(self.job, self.run) {
                return Ok(Some(RunOutcome::Stopped));
            }
        }
    }

    /// From where on each partition is wanted, when there are some and only what changed is asked for.
    fn starts(&self, since: Option<Cursor>) -> Option<Arc<dyn Starts>> {
        let cursor = self.job.stream.cursor().filter(|_| self.job.stream.has_parent())?.clone();
        let (sink, transfer) = (Arc::clone(&self.surroundings.sink), self.job.uid);
        Some(Arc::new(KnownStarts { sink, transfer, cursor, since }))
    }

    /// Maps and commits one page. The checkpoint is the one after it; one whose window is still to be judged keeps it.
    async fn page(
        &mut self,
        checkpoint: &mut Checkpoint,
        page: Page,
        may_fail_whole: bool,
    ) -> Result<(), RunError> {
        let (job, now) = (self.job, self.surroundings.environment.now());
        columns::check(&job.program, &page)?;
        let (next_page, spot, shift) = (page.next.clone(), page.spot, page.shift);
        let (partition, ends_partition, passed) = (page.partition, page.ends_partition, page.passed.clone());
        let is_last = next_page.is_none();
        let mut mapped = aside::map(job, page, Vec::new(), self.run.id, now).await?;
        self.unread.add(std::mem::take(&mut mapped.unread));
        let rejected_whole =
            mapped.rejected_whole().filter(|_| may_fail_whole && !shows_nothing_new(checkpoint, &mapped));
        let greatest = mapped.greatest.clone().and_then(|greatest| self.admitted(greatest, checkpoint));
        let keyless = mapped.keyless();
        let end = PageEnd { next: next_page, greatest, keyless, shift, partition, ends_partition, passed };
        let (mut next, mut partitions) = window::within(checkpoint.clone(), &end, self.is_ordered());
        // Where there is neither a cursor nor a place, there is nothing to remember.
        partitions.retain(|mark| mark.parent.is_some() || job.stream.cursor().is_some());
        let is_judged_later = spot.is_some() || self.must_be_judged(&next);
        let committed = match is_last {
            // It moves on with what follows from the window as a whole; until then its last page is the one to read.
            true if is_judged_later => checkpoint.clone(),
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
            checkpoint: rejected_whole.is_none().then_some(committed),
            durable: is_last,
            ..mapped.into_batch(job, self.run.id, now)
        };
        let may_show_shifts = spot.is_some() || batch.partitions.iter().any(|mark| mark.parent.is_some());
        let tally = self.surroundings.sink.commit(batch).await?;
        self.surroundings.count(self.run, &tally);
        if let Some(reason) = rejected_whole {
            return Err(RunError::FirstPage(reason));
        }
        if may_show_shifts && let Some(stored) = self.surroundings.sink.resume(job.uid).await? {
            next = window::with_shift_of(next, &stored);
        }
        if let Some(window) = &mut next.window {
            window.tally.add(&tally);
        }
        *checkpoint = next;
        Ok(())
    }

    /// Whether the checkpoint moves with every page: never where pages shift, for one that was skipped has a smaller
    /// cursor value than those that were shown.
    fn is_ordered(&self) -> bool {
        let is_ordered = self.job.stream.cursor().is_some_and(|cursor| cursor.ordered);
        is_ordered && !self.job.stream.is_positional()
    }

    /// Whether the end of a window says more than that it is complete.
    fn must_be_judged(&self, checkpoint: &Checkpoint) -> bool {
        let window = checkpoint.window.as_ref();
        self.job.stream.has_parent() || window.is_some_and(|window| window.snapshot || window.shift.is_some())
    }

    /// Ends a window that was read to its last page. Without an outcome it is to be read again.
    async fn end(&mut self, checkpoint: &Checkpoint) -> Result<Option<RunOutcome>, RunError> {
        let Some(window) = checkpoint.window.clone() else { return Ok(Some(RunOutcome::Succeeded)) };
        self.run.parents = window.parents.clone();
        let now = self.surroundings.environment.now();
        let (next, completes, outcome) = match ending::judge(&window, self.job.stream.attempts()) {
            Ending::Again(shift) => {
                tracing::warn!(%shift, "the pages shifted while they were read; they are read again");
                return Ok(None);
            }
            Ending::Complete { deletes } => {
                let done = window::close(checkpoint.clone(), now);
                if let Some(snapshot) = self.job.snapshot().filter(|_| window.snapshot && deletes) {
                    return self.sweep(snapshot, checkpoint.clone(), done).await.map(Some);
                }
                (done, Some(Reading::from(&window)), RunOutcome::Succeeded)
            }
            Ending::Incomplete { outcome } => (window::give_up(checkpoint.clone()), None, outcome),
            Ending::Held { shift, readings: shifted } => {
                let hold = Hold::Shifted { shifted, sign: shift.to_string() };
                (window::hold(checkpoint.clone()), None, RunOutcome::Held(hold))
            }
        };
        let batch = checkpoint_only(self.job, next, self.run.id, now);
        self.surroundings.sink.commit(Batch { completes, ..batch }).await?;
        Ok(Some(outcome))
    }

    /// What is to be said of cursor values that could not be read.
    fn note(&self) -> Option<String> {
        let cursor = self.job.stream.cursor().filter(|_| self.unread.unread > 0)?;
        let Unread { records, unread, example } = &self.unread;
        let note = cursor.trouble(*unread, *records, example.as_deref());
        tracing::warn!("{note}");
        Some(note)
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

    /// Ends a complete snapshot: `complete` is the checkpoint with its window, `done` the one without.
    async fn sweep(
        &mut self,
        snapshot: &Snapshot,
        complete: Checkpoint,
        done: Checkpoint,
    ) -> Result<RunOutcome, RunError> {
        let (run, now) = (self.run.id, self.surroundings.environment.now());
        let window = complete.window.as_ref();
        let (keyless, completes) = (window.map_or(0, |window| window.keyless), window.map(Reading::from));
        let sweep = sweep::within_share(self.job, (run, now), done, snapshot, keyless);
        Failpoint::SweepBefore.pass();
        let swept = self.surroundings.sink.sweep(Sweep { completes, ..sweep }).await?;
        Failpoint::SweepAfter.pass();
        match swept {
            Swept::Done(count) => {
                self.run.tally.swept += count;
                Ok(RunOutcome::Succeeded)
            }
            Swept::Held { deletes, of } => {
                // From here on nobody goes on with it, whatever becomes of the runs that follow.
                let held = checkpoint_only(self.job, window::hold(complete), run, now);
                self.surroundings.sink.commit(held).await?;
                Ok(RunOutcome::Held(Hold::Deletions { deletes, of, keyless, by: DeletedBy::Snapshot }))
            }
        }
    }
}

/// Whether an incremental window has seen every record of a page before: it asks for some of them each time anew.
fn shows_nothing_new(checkpoint: &Checkpoint, mapped: &MappedPage) -> bool {
    let is_incremental = checkpoint.window.as_ref().is_some_and(|window| window.from.is_some());
    is_incremental && checkpoint.cursor.as_ref().is_some_and(|last| mapped.is_all_up_to(last))
}
