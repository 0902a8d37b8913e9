//! One run of one transfer: fetch, map, commit, page by page in bounded memory.
//!
//! A page is fetched while the one before it is mapped and stored; at most two wait. The run asks between
//! pages whether it should stop. It changes no fact: its outcome is concluded by what started it.

mod completing;
mod context;

use std::sync::Arc;

use jiff::Timestamp;
use raccord_compiler::connector::reading::{PageRead, Told};
use raccord_model::checkpoint::{Checkpoint, Counted, Window};
use raccord_model::fact::{Run, RunOutcome, Tally};
use raccord_model::port::destination::{Batch, DestinationError, PartitionMark, Reading};
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, SourceError, Starts};
use raccord_model::row::FieldId;

pub use self::context::{OnPage, RunContext};
use super::failure::RunError;
use super::fetching::{Fetching, Incoming};
use super::job::Job;
use super::mapper::Mapper;
use super::page::MappedPage;
use super::repeats::Repeats;
use super::starts::KnownStarts;
use super::vanished::{self, Known};
use super::window::{self, Opened, PageEnd, Setup, Underway};

/// Runs a job to its end, a stop or a failure, from where the run before stands.
pub async fn execute(job: &Arc<Job>, run: &mut Run, from: Option<Checkpoint>, context: &RunContext) {
    let mapper = Mapper::new(job, &context.destination, run.id);
    let (told, repeats) = (Told::default(), Repeats::default());
    let mut running = Running { job, run, context, mapper, told, repeats };
    let outcome = running.windows(from).await.unwrap_or_else(|error| error.outcome());
    let mut notes = running.told.notes(&job.stream);
    notes.extend(running.repeats.note(job));
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
    /// What there is to tell so far.
    told: Told,
    /// The keys of the reading so far.
    repeats: Repeats,
}

impl Running<'_> {
    async fn windows(&mut self, previous: Option<Checkpoint>) -> Result<RunOutcome, RunError> {
        let Opened { mut underway, is_fresh } = window::begin(previous, &self.setup());
        if is_fresh && self.job.stream.has_parent() {
            self.context.destination.forget_partitions(self.job.uid, self.job.fence).await?;
        }
        let mut refused = None;
        loop {
            match self.window(&mut underway).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {
                    self.repeats = Repeats::default();
                    underway = window::read_again(underway);
                }
                // Once: a page that is refused again has another reason than its age.
                Err(RunError::Source(SourceError::PageRefused { message })) if refused.is_none() => {
                    tracing::warn!(
                        why = message,
                        "the page where the last run had stopped is refused: the window begins again"
                    );
                    refused = Some(message);
                    self.repeats = Repeats::default();
                    underway = window::restart(underway);
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
            earlier: &self.job.earlier,
            epoch: self.job.fence.epoch,
            reset: self.job.fact.decided.reset,
            rules: self.job.stream.rules(),
            snapshot: self.job.snapshot(),
        }
    }

    /// Reads one window from where it stands. Without an outcome it is to be read again.
    async fn window(&mut self, underway: &mut Underway) -> Result<Option<RunOutcome>, RunError> {
        let Some(window) = underway.window() else { return Ok(Some(RunOutcome::Succeeded)) };
        let (is_first_page, everything) = (underway.progress.is_at_first_page(), window.snapshot);
        let starts = self.starts(underway).filter(|_| !everything);
        let read = Read { starts, ..underway.progress.read(everything) };
        let (mapper, environment) = (self.mapper.clone(), Arc::clone(&self.context.environment));
        let mut fetching = tokio::select! {
            biased;
            fetching = Fetching::begin(self.context.source.as_ref(), read, mapper, environment) => fetching?,
            () = self.context.asked_to_stop() => return Ok(Some(RunOutcome::Stopped)),
        };
        let outcome = self.pages(underway, is_first_page, &mut fetching).await;
        fetching.end().await;
        outcome
    }

    /// Takes the pages of a window as they come.
    async fn pages(
        &mut self,
        underway: &mut Underway,
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
                *underway = window::begun_again(underway.clone(), page.expired, &self.setup());
            }
            if std::mem::take(&mut begins_marks) && self.is_marked(underway) {
                // Not before the service has answered: what an earlier window has marked is given up for a new one.
                self.context.destination.begin_window(self.job.uid, self.job.fence).await?;
            }
            let is_last = page.next.is_none();
            self.page(underway, incoming, may_fail_whole).await?;
            may_fail_whole = false;
            if is_last {
                return self.end(underway).await;
            }
            if self.context.ends_here(self.job, self.run) {
                return Ok(Some(RunOutcome::Stopped));
            }
        }
    }

    /// Whether the keys that a window shows are marked.
    fn is_marked(&self, underway: &Underway) -> bool {
        let job = self.job;
        window::is_snapshot(underway) || job.stream.is_positional() || job.marked_share().is_some()
    }

    /// From where on each partition is wanted, when there are some and only what changed is asked for.
    fn starts(&self, underway: &Underway) -> Option<Arc<dyn Starts>> {
        let rules = self.job.stream.rules();
        let has_starts = rules.partitioned && rules.cursor.is_some();
        let (destination, stream) = (Arc::clone(&self.context.destination), self.job.stream.clone());
        let (transfer, since) = (self.job.uid, underway.progress.since().cloned());
        has_starts
            .then(|| -> Arc<dyn Starts> { Arc::new(KnownStarts { destination, transfer, stream, since }) })
    }

    /// Maps and commits one page. What is kept is where the transfer stands after it; one whose window is still to be judged
    /// stands before it.
    async fn page(
        &mut self,
        underway: &mut Underway,
        mut incoming: Incoming,
        may_fail_whole: bool,
    ) -> Result<(), RunError> {
        let (job, now) = (self.job, self.context.environment.now());
        let mut mapped = incoming.mapped().await?;
        let page = Arc::clone(&incoming.page);
        let (spot, is_last) = (page.spot, page.next.is_none());
        self.told.take_in(&job.stream, &page, &underway.progress);
        self.told.unread.add(std::mem::take(&mut mapped.unread));
        self.told.ahead.add(std::mem::take(&mut mapped.ahead));
        self.repeats.take_in(&mapped.changes);
        let may_fail_whole = may_fail_whole
            && (self.reads_everything(underway)
                || !underway.progress.may_be_dirt(&mapped.seen, page.records.len()));
        let rejected_whole = mapped.rejected_whole().filter(|_| may_fail_whole);
        let end = self.page_end(&page, &mapped);
        let suspects = self.suspects(underway, &end);
        let may_be_held = !suspects.is_empty() || deletes_or_keeps(underway) || end.deletes > 0;
        let (mut next, partitions) = self.within(underway, &end, may_be_held);
        let is_judged_later = spot.is_some() || may_be_held || self.must_be_judged(&next);
        if is_last && !is_judged_later {
            next = self.closed(underway, next, now);
        }
        let committed = if is_last && is_judged_later {
            // It moves on with what follows from the window as a whole; until then its last page is the one to read.
            self.sealed(&window::before_end(underway.clone(), &end), 1)
        } else {
            self.sealed(&next, 1)
        };
        let batch = Batch {
            mark_seen: window::is_snapshot(underway) || spot.is_some(),
            spot,
            partitions,
            defer_deletes: job.marked_share().is_some(),
            suspects,
            checkpoint: rejected_whole.is_none().then_some(committed),
            reading: underway.window().map(Reading::from),
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
            next = window::with_notes_of(next, &stored);
        }
        next.count(&tally);
        *underway = next;
        Ok(())
    }

    /// Where the window stands after a page, and its partitions.
    fn within(
        &self,
        underway: &Underway,
        end: &PageEnd,
        may_be_held: bool,
    ) -> (Underway, Vec<PartitionMark>) {
        let stream = &self.job.stream;
        let (next, mut partitions) = window::within(underway.clone(), end, stream.rules(), !may_be_held);
        for mark in partitions.iter_mut().filter(|_| may_be_held) {
            // What is held is read again then: no partition moves on past it before the window is complete.
            mark.waits = true;
        }
        // Where there is neither a cursor nor a place, there is nothing to remember.
        partitions.retain(|mark| mark.parent.is_some() || stream.cursor().is_some());
        (next, partitions)
    }

    /// A window of which nothing is left to judge; what no record had is told all the same.
    fn closed(&mut self, underway: &Underway, next: Underway, now: Timestamp) -> Underway {
        if let Some(window) = next.window().cloned() {
            self.note_unseen(underway, &window);
        }
        window::close(next, now)
    }

    /// Where the transfer stands as it is kept, with what the run has counted before so many more pages. What becomes of their
    /// records the destination adds.
    fn sealed(&self, underway: &Underway, pages: u64) -> Checkpoint {
        Checkpoint { counted: Some(self.counted(pages)), ..underway.sealed() }
    }

    const fn counted(&self, pages: u64) -> Counted {
        Counted { run: self.run.id, pages: self.run.pages + pages, tally: self.run.tally }
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
    fn page_end(&self, page: &Page, mapped: &MappedPage) -> PageEnd {
        PageEnd {
            read: PageRead {
                next: page.next.clone(),
                seen: mapped.seen.clone(),
                token: page.token.clone(),
                state: page.state.clone(),
                partition: page.partition,
                ends_partition: page.ends_partition,
                passed: page.passed.clone(),
                behind: page.behind,
            },
            keyless: mapped.keyless(),
            incomplete: page.more_available.is_some() || page.cut.is_some(),
            passed_over: page.passed_over.is_some(),
            shift: page.shift,
            deletes: if self.job.marked_share().is_some() { mapped.deletes } else { 0 },
            unseen: mapped.unseen.clone(),
        }
    }

    /// The fields that must not lose values for want of a path that no record of the window has had, a page included.
    fn suspects(&self, underway: &Underway, end: &PageEnd) -> Vec<FieldId> {
        let Some(window) = underway.window() else { return Vec::new() };
        let unseen = vanished::narrow(window.unseen.clone(), end.unseen.clone());
        vanished::suspects(&self.job.program, unseen.as_deref(), self.known(underway))
    }

    /// What is known of the paths of the mapping before a window.
    fn known(&self, underway: &Underway) -> Known<'_> {
        Known::of(&self.job.fact.observed, self.reads_everything(underway))
    }

    /// Notes of a window that has read everything which paths of the mapping no record had: misspellings, perhaps.
    fn note_unseen(&mut self, underway: &Underway, window: &Window) {
        if self.reads_everything(underway) {
            self.run.unseen.clone_from(&window.unseen);
        }
    }

    /// Whether a window reads everything, and not only what has changed.
    fn reads_everything(&self, underway: &Underway) -> bool {
        window::is_snapshot(underway) || underway.progress.reads_everything(self.job.stream.rules())
    }

    /// Whether the end of a window says more than that it is complete.
    fn must_be_judged(&self, underway: &Underway) -> bool {
        let window = underway.window();
        let is_noted = |window: &Window| window.snapshot || window.shift.is_some();
        self.job.stream.has_parent() || window.is_some_and(is_noted) || deletes_or_keeps(underway)
    }
}

/// Whether the end of a window deletes what its records say, or decides about values that were kept.
fn deletes_or_keeps(underway: &Underway) -> bool {
    underway.window().is_some_and(|window| window.deletes > 0 || !window.kept.is_empty())
}
