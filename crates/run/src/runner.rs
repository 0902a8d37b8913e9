//! Runs under way: begins each in a task of its own, passes the wish to stop on, and tells how each has ended.
//!
//! A run is prepared, executed and concluded inside its task, so that no run waits for another's network.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raccord_model::Name;
use raccord_model::fact::{
    EntityFact, IntegrationFact, Observed, Parents, Run, RunCause, RunId, RunOutcome, Tally, Uid,
};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::destination::{DestinationError, Fence, ResumePoint};
use raccord_model::port::state::{StateError, Table};
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tracing::Instrument as _;

use super::execute::{OnPage, RunContext, execute};
use super::failure::RunError;
use super::job::{Job, JobOutline};
use super::prepared::{self, FailedPreparation, Preparation, Prepared};
use super::{conclude, deliveries, tables};
use crate::applied::Applied;
use crate::facts::put;
use crate::lease::TransferLease;
use crate::ports::{Ports, RunnerError};
use crate::shared::{Seat, SharedSource};

/// What is to be run.
pub struct Start {
    /// The transfer.
    pub uid: Uid,
    /// Its name.
    pub name: Name,
    /// Why.
    pub cause: RunCause,
    /// Hears of every page.
    pub progress: OnPage,
    /// Its place in a reading that it may share with runs that begin with it.
    pub seat: Option<Seat>,
    /// Who has decided on it.
    pub decided: DecidedBy,
}

/// Who has decided on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// This process.
    Here,
    /// The daemon that schedules, through the queue: it may have heard of an end that the queue had not.
    Elsewhere {
        /// Whether another process may have left a run of the transfer open.
        reclaimed: bool,
    },
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The transfer.
    pub uid: Uid,
    /// Its name.
    pub name: Name,
    /// The run; `None` when no integration wants it any more, or when the state kept it from being recorded.
    pub run: Option<Run>,
    /// Why it could not be recorded.
    pub error: Option<RunnerError>,
}

impl Ended {
    /// An error of the state or of the store instead, with which nothing can go on.
    ///
    /// # Errors
    /// That error.
    pub fn unless_fatal(mut self) -> Result<Self, RunnerError> {
        match self.error.take() {
            Some(error) if error.is_fatal() => Err(error),
            error => Ok(Self { error, ..self }),
        }
    }
}

/// Runs under way.
pub struct Runner {
    ports: Ports,
    applied: Arc<Applied>,
    stops: BTreeMap<Uid, watch::Sender<bool>>,
    tasks: JoinSet<Result<Option<Run>, RunnerError>>,
    /// Whose each task is.
    begun: HashMap<task::Id, (Uid, Name)>,
}

impl Runner {
    /// Nothing runs yet.
    pub fn new(ports: &Ports, applied: Arc<Applied>) -> Self {
        Self {
            ports: ports.clone(),
            applied,
            stops: BTreeMap::new(),
            tasks: JoinSet::new(),
            begun: HashMap::new(),
        }
    }

    /// Begins what follows under another generation. What runs goes on under its own.
    pub fn follow(&mut self, applied: Arc<Applied>) {
        self.ports.outside.sources.keep(&applied.desired);
        self.applied = applied;
    }

    /// The generation under which runs begin.
    pub const fn applied(&self) -> &Arc<Applied> {
        &self.applied
    }

    /// Begins a run. Its end comes out of [`Self::ended`].
    pub fn start(&mut self, start: Start) {
        let (stop, stopped) = watch::channel(false);
        let (ports, applied) = (self.ports.clone(), Arc::clone(&self.applied));
        let task = Task { ports, applied, stop: stop.clone(), stopped, unknown_token: AtomicU64::new(0) };
        self.stops.insert(start.uid, stop);
        // Of the highest level, so that a log of errors alone still says whose they are.
        let span = tracing::error_span!(
            "run",
            transfer = %start.name,
            id = tracing::field::Empty,
            cause = in_a_word(start.cause),
            generation = self.applied.head.generation,
        );
        let whose = (start.uid, start.name.clone());
        let task = self.tasks.spawn(async move { task.run(start).await }.instrument(span));
        self.begun.insert(task.id(), whose);
    }

    /// Asks a run to stop after the page in hand.
    pub fn stop(&self, uid: Uid) {
        if let Some(stop) = self.stops.get(&uid) {
            stop.send_replace(true);
        }
    }

    /// Asks every run to stop after the page in hand.
    pub fn stop_all(&self) {
        for stop in self.stops.values() {
            stop.send_replace(true);
        }
    }

    /// The next run to end; never, while none is under way.
    pub async fn ended(&mut self) -> Ended {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let (id, run) = match ended {
            Ok((id, run)) => (id, run),
            Err(error) => (error.id(), Err(RunnerError::Task(error))),
        };
        let Some((uid, name)) = self.begun.remove(&id) else { return std::future::pending().await };
        self.stops.remove(&uid);
        match run {
            Ok(run) => Ended { uid, name, run, error: None },
            Err(error) => Ended { uid, name, run: None, error: Some(error) },
        }
    }
}

/// What one run is given.
struct Task {
    ports: Ports,
    applied: Arc<Applied>,
    /// Has the run stop, as its owner can.
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    /// A token of the transfer's lease that the destination has seen, and that the state knows nothing of; 0 without one.
    unknown_token: AtomicU64,
}

impl Task {
    async fn run(&self, start: Start) -> Result<Option<Run>, RunnerError> {
        let Some(lease) = self.lease(start.uid).await? else { return Ok(None) };
        let stop = || {
            tracing::warn!("the lease of the transfer was lost to another holder: the run stops");
            self.stop.send_replace(true);
        };
        let uid = start.uid;
        let run = lease.renewed(Box::pin(self.run_under(&lease, start)), stop).await?;
        lease.release().await?;
        let unknown = self.unknown_token.load(Ordering::Relaxed);
        if unknown > 0 {
            TransferLease::take_over(&self.ports, uid, "a run", unknown).await?.release().await?;
        }
        Ok(run)
    }

    /// The lease of the transfer, as soon as nothing else works on it; nothing when the run is to stop before.
    async fn lease(&self, transfer: Uid) -> Result<Option<TransferLease>, RunnerError> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            lease = TransferLease::wait(&self.ports, transfer, "a run") => Ok(Some(lease?)),
            Ok(_) = stopped.wait_for(|stop| *stop) => Ok(None),
        }
    }

    async fn run_under(&self, lease: &TransferLease, start: Start) -> Result<Option<Run>, RunnerError> {
        if start.decided == (DecidedBy::Elsewhere { reclaimed: true }) {
            conclude::close_left_open(&self.ports, start.uid).await?;
        }
        let Prepared { job, subscribers, entity, applied } = match self.prepare(&start).await? {
            Preparation::Ready(prepared) => *prepared,
            Preparation::Failed(failed) => return self.fail(*failed, lease, start.cause).await,
            Preparation::Unwanted => return Ok(None),
        };
        if start.decided != DecidedBy::Here && is_served(start.cause, &job.fact.observed) {
            return Ok(None);
        }
        let job = Arc::new(job.under(lease));
        let Some(mut run) = self.begin(&job.outline(), start.cause).await? else { return Ok(None) };
        tracing::Span::current().record("id", tracing::field::display(run.id));
        tracing::info!("begun");
        let outcome = match self.context((&applied, &job), subscribers, (start.progress, start.seat)) {
            Ok(context) => self.execute((&applied, &job, &entity), &mut run, &context).await?,
            Err(outcome) => Some(outcome),
        };
        if let Some(outcome) = outcome {
            run.outcome = outcome;
            run.ended = Some(self.ports.environment.now());
        }
        Failpoint::RunEndBefore.pass();
        conclude::conclude(&self.ports, &job, &run).await?;
        Failpoint::RunEndAfter.pass();
        tell(&run);
        Ok(Some(run))
    }

    /// Records a run that could not be made ready as one that has failed: its status, its breaker and its alerts hear of it.
    async fn fail(
        &self,
        failed: FailedPreparation,
        lease: &TransferLease,
        cause: RunCause,
    ) -> Result<Option<Run>, RunnerError> {
        let failed = FailedPreparation { fence: Fence { lease: lease.token(), ..failed.fence }, ..failed };
        let outline = failed.outline();
        let Some(mut run) = self.begin(&outline, cause).await? else { return Ok(None) };
        tracing::Span::current().record("id", tracing::field::display(run.id));
        let error = failed.error.to_string();
        run.outcome = RunOutcome::Failed { error, unauthorized: false, local: false, partial: false };
        run.ended = Some(self.ports.environment.now());
        conclude::conclude_of(&self.ports, &outline, &run).await?;
        tell(&run);
        Ok(Some(run))
    }

    /// Executes a run, whose end is in it then. An outcome is how it has ended before its first page.
    async fn execute(
        &self,
        (applied, job, entity): (&Applied, &Arc<Job>, &EntityFact),
        run: &mut Run,
        context: &RunContext,
    ) -> Result<Option<RunOutcome>, RunnerError> {
        let destination = context.destination.as_ref();
        if !destination.is_state()
            && let Err(error) =
                tables::make_ready(&self.ports, applied, (&job.spec.to, entity), destination).await?
        {
            return Ok(Some(RunError::Table(error).outcome()));
        }
        let ResumePoint { checkpoint, rejects } = match destination.raise_fence(job.uid, job.fence).await {
            Ok(point) => point,
            Err(error) => return Ok(Some(self.refused(job, error).await?.outcome())),
        };
        if run.cause == RunCause::Deliveries {
            deliveries::drain(job, run, checkpoint, context).await;
        } else {
            execute(job, run, checkpoint, context).await;
        }
        if run.tally.newly_rejected > 0 {
            let kept = (rejects, self.rejects(job).await.unwrap_or_default());
            run.notes.extend(beyond(job.spec.rejects.max_count, kept, run.tally.newly_rejected));
        }
        // However it has ended: what it has counted is to be there.
        if let Err(error) = destination.flush(job.uid).await {
            return Ok(Some(RunError::from(error).outcome()));
        }
        Ok(None)
    }

    /// Why a run was refused by its destination before it has begun. Who was replaced by another holder, or has an old
    /// configuration, stops; but where the state says that this is the newest, it is the state that is old.
    async fn refused(&self, job: &Job, error: DestinationError) -> Result<RunError, RunnerError> {
        if !matches!(error, DestinationError::Fenced { .. } | DestinationError::LeaseLost { .. }) {
            return Ok(error.into());
        }
        let decided = self.ports.facts().transfer(job.uid).await?.decided;
        let is_held = match TransferLease::of_token(job.uid, job.fence.lease) {
            Some(lease) => self.ports.lease.renew(&lease).await?,
            None => false,
        };
        if !is_held || decided.epoch != job.fence.epoch {
            return Ok(error.into());
        }
        if let DestinationError::LeaseLost { found, .. } = error {
            self.unknown_token.store(found, Ordering::Relaxed);
        }
        Ok(RunError::Behind { source: error, transfer: job.transfer.clone() })
    }

    /// How many rejects of the transfer are kept; nothing when its database does not say.
    async fn rejects(&self, job: &Job) -> Option<u64> {
        job.rows(&self.ports).ok()?.ledger.count_rejects(job.uid).await.ok()
    }

    /// Compiles the transfer, unless every integration that wanted it is disabled or paused by now. What it is compiled
    /// from and the epoch are of one generation: under the epoch of a later one its commits would not be refused.
    async fn prepare(&self, start: &Start) -> Result<Preparation, RunnerError> {
        let (mut applied, mut name) = (Arc::clone(&self.applied), start.name.clone());
        loop {
            let prepared = prepared::prepare(&self.ports, &applied, (&name, start.uid)).await?;
            if self.ports.state.head().await?.generation == applied.head.generation {
                return Ok(prepared);
            }
            applied = self.ports.applied().await?;
            let known = applied.transfers().find(|(_, uid, _)| *uid == start.uid);
            let Some((renamed, ..)) = known else { return Ok(Preparation::Unwanted) };
            name = renamed.clone();
        }
    }

    /// Lists the run as begun. An approval has the lease of the transfer, so that it is listed before or after. Nothing when another
    /// holder has the lease by now.
    async fn begin(&self, job: &JobOutline<'_>, cause: RunCause) -> Result<Option<Run>, RunnerError> {
        let run = Run {
            id: RunId(self.ports.environment.new_id()),
            transfer_uid: job.uid,
            transfer: job.transfer.clone(),
            to: job.spec.to.clone(),
            generation: job.fence.generation,
            cause,
            started: self.ports.environment.now(),
            ended: None,
            outcome: RunOutcome::Running,
            tally: Tally::default(),
            pages: 0,
            parents: Parents::default(),
            notes: Vec::new(),
            unseen: None,
            again: None,
            uncounted: false,
        };
        let lease = TransferLease::of_token(job.uid, job.fence.lease);
        match self.ports.facts().commit_under(lease, vec![put(Table::Runs, &run.id, &run)?]).await {
            Err(StateError::LeaseLost { .. }) => {
                tracing::warn!("another holder has the lease of the transfer: the run is not begun");
                return Ok(None);
            }
            listed => listed?,
        }
        Failpoint::RunBegun.pass();
        Ok(Some(run))
    }

    /// What the run is given beside its job, or how it ends because its source or its store cannot be opened.
    fn context(
        &self,
        (applied, job): (&Applied, &Job),
        subscribers: Vec<IntegrationFact>,
        (progress, seat): (OnPage, Option<Seat>),
    ) -> Result<RunContext, RunOutcome> {
        let source = match self.ports.outside.sources.open(&applied.desired, &job.spec.source, &job.data_type)
        {
            Ok(source) => source,
            Err(error) => {
                let (unauthorized, local) = (error.is_unauthorized(), error.is_local());
                let error = error.to_string();
                return Err(RunOutcome::Failed { error, unauthorized, local, partial: false });
            }
        };
        let source = match seat {
            Some(seat) => Box::new(SharedSource::new(source, seat)),
            None => source,
        };
        let rows = job.rows(&self.ports).map_err(|error| RunError::from(error).outcome())?;
        Ok(RunContext {
            source,
            destination: rows.destination,
            inbox: Arc::clone(&self.ports.inbox),
            environment: Arc::clone(&self.ports.environment),
            stop: self.stopped.clone(),
            progress,
            subscribers,
        })
    }
}

/// Whether another process has made the run to its end, and could not say so, or what said that it is to be made was late.
fn is_served(cause: RunCause, observed: &Observed) -> bool {
    matches!(cause, RunCause::Scheduled { due } if observed.served >= Some(due))
}

const fn in_a_word(cause: RunCause) -> &'static str {
    match cause {
        RunCause::Scheduled { .. } => "scheduled",
        RunCause::Requested => "requested",
        RunCause::Deliveries => "deliveries",
    }
}

/// One line of the log for the end of a run.
fn tell(run: &Run) {
    let Tally { fetched, created, updated, deleted, unchanged, skipped, rejected, swept, .. } = run.tally;
    match &run.outcome {
        RunOutcome::Failed { error, local: true, .. } => {
            tracing::error!(fetched, rejected, %error, "failed for a reason on this machine; the breaker does not count it");
        }
        RunOutcome::Failed { error, .. } => tracing::warn!(fetched, rejected, %error, "failed"),
        RunOutcome::Held(hold) => {
            tracing::warn!(why = hold.because(), "held: `raccord approve` {}", hold.approval());
        }
        outcome => {
            let word = outcome.as_str();
            tracing::info!(fetched, created, updated, deleted, unchanged, skipped, rejected, swept, "{word}");
        }
    }
}

/// That rejects are gone because they were too many, though nothing has become of their records. `kept`: how many there were
/// before the run, and are after it.
fn beyond(most: u64, kept: (u64, u64), new: u64) -> Option<String> {
    let (before, after) = kept;
    let gone = (before + new).saturating_sub(after);
    if after < most || gone == 0 {
        return None;
    }
    let rejects = if gone == 1 { "1 reject".to_owned() } else { format!("{gone} rejects") };
    Some(format!(
        "no more than {most} rejects are kept (`rejects.maxCount`): up to {rejects}, the oldest, were dropped"
    ))
}

#[cfg(test)]
mod tests {
    use super::beyond;

    #[test]
    fn what_is_dropped_for_being_too_many_is_told() {
        // (how many are kept at most, before, after, new, how many went)
        for (most, before, after, new, gone) in [
            (5, 0, 5, 8, Some("3 rejects")),
            (5, 4, 5, 2, Some("1 reject")),
            (5, 0, 5, 5, None),
            (5, 4, 4, 1, None),
        ] {
            let told = beyond(most, (before, after), new);
            assert_eq!(told.is_some(), gone.is_some(), "{told:?}");
            assert!(told.zip(gone).is_none_or(|(told, gone)| told.contains(&format!("up to {gone},"))));
        }
    }
}
