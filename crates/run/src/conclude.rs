//! What a run's end means: the run itself, its transfer's counters, trips, and the notices of them, written together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::Kind;
use raccord_model::clock::passed;
use raccord_model::fact::{
    Decided, HeldDeliveries, Hold, IntegrationFact, NoticeAbout, Observed, Run, RunCause, RunId, RunOutcome,
    Share, TransferFact, Trip, Uid,
};
use raccord_model::port::destination::{DestinationError, RejectQuery, Rows};
use raccord_model::port::state::{StateError, Table, Write};

use super::breaker;
use super::interrupted::Closing;
use super::job::{Job, JobOutline, Subscriber};
use crate::facts::{Retries, Transaction};
use crate::lease::TransferLease;
use crate::notice::{News, outbox};
use crate::ports::{Ports, RunnerError};

/// How many of the last errors a trip remembers.
const ERRORS_KEPT: usize = 3;

/// How many runs of the transfer are looked through for them.
const LOOKED_AT: usize = 100;

/// How many runs are kept; the oldest go first.
pub const KEPT_RUNS: usize = 10_000;

/// Closes the runs that a kill left open, and forgets the oldest. The caller owns the state, so that no
/// run can be under way but those of the transfers that others have.
pub async fn tidy_runs(ports: &Ports, others: &BTreeSet<Uid>) -> Result<(), RunnerError> {
    tidy_some(ports, None, others).await
}

/// Closes the runs of a transfer that a kill left open. The caller has the lease of the transfer, and has begun no run.
pub async fn close_left_open(ports: &Ports, transfer: Uid) -> Result<(), RunnerError> {
    tidy_some(ports, Some(transfer), &BTreeSet::new()).await
}

async fn tidy_some(ports: &Ports, of: Option<Uid>, others: &BTreeSet<Uid>) -> Result<(), RunnerError> {
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        let runs = match of {
            Some(transfer) => ports.facts().runs_of(transfer, KEPT_RUNS).await?,
            None => ports.facts().runs(usize::MAX).await?,
        };
        tidy(ports, runs, others, &mut transaction).await?;
        if retries.settle(transaction.commit().await)? {
            return Ok(());
        }
    }
}

async fn tidy(
    ports: &Ports,
    runs: Vec<Run>,
    others: &BTreeSet<Uid>,
    transaction: &mut Transaction,
) -> Result<(), RunnerError> {
    let (mut latest, mut newest) = (BTreeMap::new(), BTreeSet::new());
    let mut closing = Closing::new(ports);
    let kept = runs.iter().take(KEPT_RUNS).filter(|run| !others.contains(&run.transfer_uid));
    closing.look_ahead(kept.filter(|run| run.is_left_open())).await;
    for (number, run) in runs.into_iter().enumerate() {
        if others.contains(&run.transfer_uid) {
            continue;
        }
        let is_newest = run.cause != RunCause::Deliveries && newest.insert(run.transfer_uid);
        if number >= KEPT_RUNS {
            transaction.remove(Table::Runs, run.id.to_string());
        } else if run.is_left_open() {
            // Its process may be alive after all, and say itself how it has ended while its store is asked.
            let now = transaction.get::<Run>(Table::Runs, &run.id.to_string()).await?;
            let Some(now) = now.filter(Run::is_left_open) else { continue };
            let mut closed = now.clone();
            closing.close(&mut closed, is_newest).await;
            if closed != now {
                transaction.put(Table::Runs, &run.id, &closed)?;
            }
            if now.outcome == RunOutcome::Running && run.cause != RunCause::Deliveries {
                latest.entry(run.transfer_uid).or_insert(run.id);
            }
        }
    }
    // A held snapshot that such a run has begun anew is not there any more: it can be approved no more.
    for (uid, run) in latest {
        let key = uid.to_string();
        if let Some(mut fact) = transaction.get::<TransferFact>(Table::Transfers, &key).await? {
            fact.observed.last_run = Some(run);
            transaction.put(Table::Transfers, &uid, &fact)?;
        }
    }
    Ok(())
}

/// Forgets the oldest runs beyond those that are kept, while others may be under way.
pub async fn forget_oldest(ports: &Ports) -> Result<(), RunnerError> {
    let runs = ports.facts().runs(usize::MAX).await?;
    let oldest = runs.into_iter().skip(KEPT_RUNS).filter(|run| run.outcome != RunOutcome::Running);
    let writes: Vec<Write> = oldest.map(|run| Write::Remove(Table::Runs, run.id.to_string())).collect();
    if writes.is_empty() { Ok(()) } else { Ok(ports.facts().commit(writes).await?) }
}

/// Writes what a run's end means, in one commit. What others write meanwhile is not lost: then it is decided anew.
///
/// Under a lease that another holder has by now it means nothing for the transfer any more: then the run alone is written, unless that
/// holder has closed it.
pub async fn conclude(ports: &Ports, job: &Job, run: &Run) -> Result<(), RunnerError> {
    conclude_of(ports, &job.outline(), run).await
}

/// The same of a run that could not be made: nothing of its transfer is compiled.
pub(super) async fn conclude_of(ports: &Ports, job: &JobOutline<'_>, run: &Run) -> Result<(), RunnerError> {
    match decide_and_write(ports, job, run).await {
        Err(RunnerError::State(StateError::LeaseLost { .. })) => write_alone(ports, run).await,
        done => done,
    }
}

/// Writes a run and nothing that follows from it, if it is still listed as running.
async fn write_alone(ports: &Ports, run: &Run) -> Result<(), RunnerError> {
    tracing::warn!(
        "another holder has the lease of the transfer: nothing follows from how the run has ended"
    );
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        let known = transaction.get::<Run>(Table::Runs, &run.id.to_string()).await?;
        if known.is_none_or(|known| known.outcome != RunOutcome::Running) {
            return Ok(());
        }
        transaction.put(Table::Runs, &run.id, run)?;
        if retries.settle(transaction.commit().await)? {
            return Ok(());
        }
    }
}

async fn decide_and_write(ports: &Ports, job: &JobOutline<'_>, run: &Run) -> Result<(), RunnerError> {
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().fetch(asked(job)).await?.transaction();
        transaction.under(TransferLease::of_token(job.uid, job.fence.lease));
        transaction.put(Table::Runs, &run.id, run)?;
        let decision = match Known::read(ports, job, &mut transaction).await? {
            // Deleted meanwhile. Without a fact it is fenced, and must stay so.
            None => Decision::default(),
            Some((decided, known)) => {
                let decision = decide_with_errors(ports, (job, run), known).await?;
                let observed = decision.observed.clone();
                transaction.put(Table::Transfers, &job.uid, &TransferFact { decided, observed })?;
                decision
            }
        };
        for (uid, fact) in &decision.integrations {
            transaction.put(Table::Integrations, uid, fact)?;
        }
        let news = news(ports, job, &decision).await?;
        transaction.extend(outbox::writes(ports, news).await?);
        if retries.settle(transaction.commit().await)? {
            for (integration, trip) in &decision.trips {
                let why = &trip.cause;
                tracing::error!(integration = %integration.name, %why, "disabled: `raccord resume` starts it again");
            }
            return Ok(());
        }
    }
}

/// Which facts a run's end asks for, as far as they are known beforehand.
fn asked(job: &JobOutline<'_>) -> Vec<(Table, String)> {
    let before = job.fact.observed.last_run.map(|run| (Table::Runs, run.to_string()));
    let subscribers = job.subscribers.iter();
    let subscribers = subscribers.map(|subscriber| (Table::Integrations, subscriber.uid.to_string()));
    std::iter::once((Table::Transfers, job.uid.to_string())).chain(before).chain(subscribers).collect()
}

/// What is known before a run's end is taken in.
struct Known {
    now: Timestamp,
    observed: Observed,
    /// Whether the run before is held, for what it has read.
    was_held: bool,
    /// What is known of each subscriber that is still there.
    integrations: Vec<(Subscriber, IntegrationFact)>,
    /// The last errors of the transfer; none before something makes them worth reading.
    errors: Vec<String>,
}

impl Known {
    /// Reads it. Nothing when the transfer was deleted; otherwise also what applies have decided of it, which no end of
    /// a run changes.
    async fn read(
        ports: &Ports,
        job: &JobOutline<'_>,
        transaction: &mut Transaction,
    ) -> Result<Option<(Decided, Self)>, RunnerError> {
        let fact = transaction.get::<TransferFact>(Table::Transfers, &job.uid.to_string()).await?;
        let Some(TransferFact { decided, observed }) = fact else { return Ok(None) };
        let mut known = Self {
            now: ports.environment.now(),
            was_held: is_held(transaction, observed.last_run).await?,
            observed,
            integrations: Vec::new(),
            errors: Vec::new(),
        };
        for subscriber in job.subscribers {
            if let Some(fact) = integration(ports, transaction, subscriber.uid).await? {
                known.integrations.push((subscriber.clone(), fact));
            }
        }
        Ok(Some((decided, known)))
    }
}

/// What a run's end means.
#[derive(Debug, Default)]
struct Decision {
    observed: Observed,
    integrations: Vec<(Uid, IntegrationFact)>,
    /// That the run is held, if people do not know of it already.
    held: Option<News>,
    /// The integrations that are disabled by it.
    trips: Vec<(Subscriber, Trip)>,
    /// The integrations that may soon be.
    warnings: Vec<News>,
}

impl Decision {
    fn tells_errors(&self) -> bool {
        !self.trips.is_empty() || !self.warnings.is_empty()
    }
}

async fn decide_with_errors(
    ports: &Ports,
    (job, run): (&JobOutline<'_>, &Run),
    mut known: Known,
) -> Result<Decision, RunnerError> {
    let decision = decide(job, run, &known);
    if !decision.tells_errors() {
        return Ok(decision);
    }
    known.errors = last_errors(ports, job, run).await?;
    Ok(decide(job, run, &known))
}

/// Decides what a run's end means: a function of what is known, so that it can be decided again.
fn decide(job: &JobOutline<'_>, run: &Run, known: &Known) -> Decision {
    let is_known = if reads(run) { known.was_held } else { known.observed.deliveries_held.is_some() };
    let mut decision = Decision {
        observed: observe((job, run), known.observed.clone(), known),
        held: held(job, run, is_known),
        ..Decision::default()
    };
    for (subscriber, fact) in &known.integrations {
        judge((job, run), known, (subscriber, fact), &mut decision);
    }
    decision
}

/// Whether a run reads the source, and is not one of deliveries.
fn reads(run: &Run) -> bool {
    run.cause != RunCause::Deliveries
}

/// What is observed of the transfer after the run.
fn observe((job, run): (&JobOutline<'_>, &Run), before: Observed, known: &Known) -> Observed {
    let (reads, failures) = (reads(run), before.consecutive_failures);
    let mut after = breaker::after_run(before, &run.outcome, known.now);
    if !reads && job.spec.schedule.is_some() {
        // What is polled is judged by its polls: a push that works does not mend them.
        after.consecutive_failures = after.consecutive_failures.max(failures);
    }
    // Deliveries do not touch the snapshot that waits for an approval.
    if reads || !known.was_held {
        after.last_run = Some(run.id);
    }
    if let (RunCause::Scheduled { due }, true) = (run.cause, run.outcome != RunOutcome::Stopped) {
        after.served = after.served.max(Some(passed(due, known.now)));
    }
    let is_incremental = job.compiled.is_some_and(|(stream, _)| stream.rules().is_incremental());
    let read_everything = !is_incremental || after.last_full_read == 0;
    if run.outcome == RunOutcome::Succeeded && reads && read_everything {
        after.last_full_read = run.tally.fetched;
    }
    remember(&mut after, (job, run), reads);
    after
}

/// What the run means for one of its subscribers.
fn judge(
    (job, run): (&JobOutline<'_>, &Run),
    known: &Known,
    (subscriber, fact): (&Subscriber, &IntegrationFact),
    decision: &mut Decision,
) {
    let was_tripped = fact.trip.is_some();
    let (limits, new) = (&subscriber.breaker, run.tally.newly_rejected);
    let mut fact = breaker::count_rejects(fact.clone(), new, &limits.rejects, known.now);
    if let Some(cause) = breaker::trip_cause(limits, &decision.observed, &fact, &run.outcome) {
        fact = breaker::trip(fact, cause, job.transfer, known.errors.clone(), known.now);
        if let Some(trip) = fact.trip.clone().filter(|_| !was_tripped) {
            decision.trips.push((subscriber.clone(), trip));
        }
    } else if !was_tripped {
        let transfer = (job.uid, &decision.observed);
        let (warned, shares) = breaker::half_way(limits, transfer, &run.outcome, fact);
        fact = warned;
        let warnings = shares.into_iter().map(|share| half_way(subscriber, job, share, known.errors.clone()));
        decision.warnings.extend(warnings);
    }
    decision.integrations.push((subscriber.uid, fact));
}

/// What people are told of a decision.
async fn news(ports: &Ports, job: &JobOutline<'_>, decision: &Decision) -> Result<Vec<News>, RunnerError> {
    let mut news: Vec<News> = decision.held.iter().cloned().collect();
    // In the order of the subscribers, as they were judged.
    for subscriber in job.subscribers {
        let is_its = |(tripped, _): &&(Subscriber, Trip)| tripped.uid == subscriber.uid;
        if let Some((_, trip)) = decision.trips.iter().find(is_its) {
            news.push(tripped(ports, subscriber, trip).await?);
        }
        news.extend(decision.warnings.iter().filter(|warning| warning.of == [subscriber.uid]).cloned());
    }
    Ok(news)
}

/// Takes in what a run's end says for the runs that follow: what was approved is done, and what is held stays counted.
fn remember(transfer: &mut Observed, (job, run): (&JobOutline<'_>, &Run), reads: bool) {
    let is_done = run.outcome == RunOutcome::Succeeded;
    let concerns_reading = |hold: &Hold| matches!(hold, Hold::Vanished { .. });
    if is_done {
        transfer.approved.take_if(|hold| concerns_reading(hold) == reads);
    }
    if reads {
        if let Some(unseen) = run.unseen.as_ref().filter(|_| is_done) {
            transfer.unseen.clone_from(unseen);
            let joint = job.compiled.into_iter().flat_map(|(_, program)| program.joint());
            transfer.seen = joint.filter(|path| !unseen.contains(path)).collect();
        }
    } else if run.outcome.hold().is_some() {
        let before = transfer.deliveries_held.map_or(0, |held| held.deleted);
        transfer.deliveries_held = Some(HeldDeliveries { run: run.id, deleted: before + run.tally.deleted });
    } else if is_done {
        transfer.deliveries_held = None;
    }
}

/// What is known of an integration, unless it was deleted meanwhile.
async fn integration(
    ports: &Ports,
    transaction: &mut Transaction,
    uid: Uid,
) -> Result<Option<IntegrationFact>, RunnerError> {
    let known = transaction.get::<IntegrationFact>(Table::Integrations, &uid.to_string()).await?;
    if known.is_some() {
        return Ok(known);
    }
    let index = ports.state.index().await?;
    Ok(index.values().any(|entry| entry.uid == uid).then(IntegrationFact::default))
}

async fn is_held(transaction: &mut Transaction, run: Option<RunId>) -> Result<bool, RunnerError> {
    let Some(id) = run else { return Ok(false) };
    let run = transaction.get::<Run>(Table::Runs, &id.to_string()).await?;
    Ok(run.is_some_and(|run| run.outcome.hold().is_some() && reads(&run)))
}

/// The news that a run is held, unless the run before was: people know of it then.
fn held(job: &JobOutline<'_>, run: &Run, was_held: bool) -> Option<News> {
    let RunOutcome::Held(hold) = &run.outcome else { return None };
    if was_held {
        return None;
    }
    let (transfer, to) = (job.transfer.clone(), job.spec.to.clone());
    let about = NoticeAbout::Held { run: run.id, transfer, to, hold: hold.clone() };
    Some(News { about, of: job.subscribers.iter().map(|subscriber| subscriber.uid).collect() })
}

/// The news that an integration is disabled, with the rejects and the deliveries that wait in its transfers.
async fn tripped(ports: &Ports, subscriber: &Subscriber, trip: &Trip) -> Result<News, RunnerError> {
    let applied = ports.applied().await?;
    let (mut rejects, mut deliveries) = (BTreeMap::new(), BTreeMap::new());
    let specs = applied.integrations().filter(|(_, uid, _)| *uid == subscriber.uid);
    for transfer in specs.flat_map(|(_, _, spec)| spec.subscriptions.keys()) {
        let Some(uid) = applied.uid(Kind::Transfer, transfer) else { continue };
        match ports.inbox.waiting(uid).await {
            Ok(0) => {}
            Ok(waiting) => _ = deliveries.insert(transfer.clone(), waiting),
            Err(error) => tracing::warn!(%error, "the deliveries that wait could not be counted"),
        }
        let Some(project) = applied.desired.transfer(transfer).map(|spec| &spec.to.project) else { continue };
        let rows = ports.rows(&applied.desired, project)?;
        let count = known(&rows, rows.ledger.count_rejects(uid).await)?.unwrap_or_default();
        if count > 0 {
            rejects.insert(transfer.clone(), count);
        }
    }
    let integration = subscriber.name.clone();
    let about = NoticeAbout::Tripped { integration, trip: trip.clone(), rejects, deliveries };
    Ok(News { about, of: vec![subscriber.uid] })
}

/// What a ledger has answered; nothing when it is elsewhere and did not, for the end of a run is recorded all the same.
fn known<T>(rows: &Rows, answer: Result<T, DestinationError>) -> Result<Option<T>, DestinationError> {
    match answer {
        Err(error) if !rows.destination.is_state() => {
            tracing::warn!(error = error.in_words(), "the rejects could not be read");
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

/// The news that an integration may soon be disabled.
fn half_way(subscriber: &Subscriber, job: &JobOutline<'_>, share: Share, errors: Vec<String>) -> News {
    let (integration, transfer) = (subscriber.name.clone(), job.transfer.clone());
    let about = NoticeAbout::HalfWay { integration, transfer, share, errors };
    News { about, of: vec![subscriber.uid] }
}

/// The last errors of a transfer in words, newest first: of the runs that failed since one succeeded, then of its
/// rejects.
async fn last_errors(ports: &Ports, job: &JobOutline<'_>, run: &Run) -> Result<Vec<String>, RunnerError> {
    let mut errors = Vec::new();
    let earlier = ports.facts().runs_of(job.uid, LOOKED_AT).await?;
    let runs = std::iter::once(run.clone()).chain(earlier.into_iter().filter(|earlier| earlier.id != run.id));
    for run in runs {
        match run.outcome {
            RunOutcome::Failed { error, .. } => errors.push(error),
            // What was before is mended.
            RunOutcome::Succeeded | RunOutcome::Held(_) => break,
            RunOutcome::Running | RunOutcome::Stopped => {}
        }
    }
    let query = RejectQuery { transfer: Some(job.uid), limit: ERRORS_KEPT, ..RejectQuery::default() };
    let rejects = match job.rows(ports)? {
        Some(rows) => known(&rows, rows.ledger.rejects(query).await)?.unwrap_or_default(),
        None => Vec::new(),
    };
    for (_, reject) in rejects {
        let field = reject.field.map(|field| format!("{field}: ")).unwrap_or_default();
        errors.push(format!("{field}{} ({})", reject.reason, reject.position));
    }
    errors.dedup();
    errors.truncate(ERRORS_KEPT);
    Ok(errors)
}
