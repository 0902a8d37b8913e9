//! What a run's end means: the run itself, its transfer's counters, trips, and the notices of them, written together.

use std::collections::BTreeMap;

use raccord_model::Kind;
use raccord_model::fact::{
    HeldDeliveries, Hold, IntegrationFact, NoticeAbout, Run, RunCause, RunId, RunOutcome, Share,
    TransferFact, Trip, Uid,
};
use raccord_model::port::sink::RejectQuery;
use raccord_model::port::state::{Table, Write};

use super::breaker;
use super::job::{Job, Subscriber};
use crate::applied::Applied;
use crate::facts::put;
use crate::notice::{News, outbox};
use crate::ports::{Ports, RunnerError};

/// How many of the last errors a trip remembers.
const ERRORS_KEPT: usize = 3;

/// How many runs of the transfer are looked through for them.
const LOOKED_AT: usize = 100;

/// How many runs are kept; the oldest go first.
pub const KEPT_RUNS: usize = 10_000;

/// Closes the runs that a kill left open, and forgets the oldest. The caller owns the state, so that no
/// run can be under way.
pub async fn tidy_runs(ports: &Ports) -> Result<(), RunnerError> {
    let facts = ports.facts();
    let mut writes = Vec::new();
    let mut cut = BTreeMap::new();
    for (number, mut run) in facts.runs(usize::MAX).await?.into_iter().enumerate() {
        if number >= KEPT_RUNS {
            writes.push(Write::Remove(Table::Runs, run.id.to_string()));
        } else if run.outcome == RunOutcome::Running {
            run.outcome = RunOutcome::Stopped;
            writes.push(put(Table::Runs, &run.id, &run)?);
            if run.cause != RunCause::Deliveries {
                cut.entry(run.transfer_uid).or_insert(run.id);
            }
        }
    }
    // A held snapshot that such a run has begun anew is not there any more: nobody may approve it.
    for (uid, run) in cut {
        let fact = facts.get::<TransferFact>(Table::Transfers, &uid.to_string()).await?;
        let fact = fact.map(|fact| TransferFact { last_run: Some(run), ..fact });
        writes.extend(fact.map(|fact| put(Table::Transfers, &uid, &fact)).transpose()?);
    }
    if writes.is_empty() { Ok(()) } else { Ok(facts.commit(writes).await?) }
}

/// Forgets the oldest runs beyond those that are kept, while others may be under way.
pub async fn forget_oldest(ports: &Ports) -> Result<(), RunnerError> {
    let runs = ports.facts().runs(usize::MAX).await?;
    let oldest = runs.into_iter().skip(KEPT_RUNS).filter(|run| run.outcome != RunOutcome::Running);
    let writes: Vec<Write> = oldest.map(|run| Write::Remove(Table::Runs, run.id.to_string())).collect();
    if writes.is_empty() { Ok(()) } else { Ok(ports.facts().commit(writes).await?) }
}

/// Writes what a run's end means, in one commit.
pub async fn conclude(ports: &Ports, job: &Job, run: &Run) -> Result<(), RunnerError> {
    let facts = ports.facts();
    let now = ports.environment.now();
    let Some(known) = facts.get::<TransferFact>(Table::Transfers, &job.uid.to_string()).await? else {
        // Deleted meanwhile. Without a fact it is fenced, and must stay so.
        return Ok(facts.commit(vec![put(Table::Runs, &run.id, run)?]).await?);
    };
    let reads = run.cause != RunCause::Deliveries;
    let was_held = is_held(ports, known.last_run).await?;
    let is_known = if reads { was_held } else { known.deliveries_held.is_some() };
    let mut news: Vec<News> = held(job, run, is_known).into_iter().collect();
    let failures = known.consecutive_failures;
    let mut transfer = breaker::after_run(known, &run.outcome, now);
    if !reads && job.spec.schedule.is_some() {
        // What is polled is judged by its polls: a push that works does not mend them.
        transfer.consecutive_failures = transfer.consecutive_failures.max(failures);
    }
    // Deliveries do not touch the snapshot that waits for an approval.
    if reads || !was_held {
        transfer.last_run = Some(run.id);
    }
    if let (RunCause::Scheduled { due }, true) = (run.cause, run.outcome != RunOutcome::Stopped) {
        transfer.served = transfer.served.max(Some(due));
    }
    let read_everything = job.stream.cursor().is_none() || transfer.last_full_read == 0;
    if run.outcome == RunOutcome::Succeeded && reads && read_everything {
        transfer.last_full_read = run.tally.fetched;
    }
    remember(&mut transfer, (job, run), reads);
    let mut writes = vec![put(Table::Runs, &run.id, run)?, put(Table::Transfers, &job.uid, &transfer)?];
    for subscriber in &job.subscribers {
        let Some(fact) = integration(ports, subscriber.uid).await? else { continue };
        let was_tripped = fact.trip.is_some();
        let mut fact =
            breaker::count_rejects(fact, run.tally.newly_rejected, &subscriber.breaker.rejects, now);
        if let Some(cause) = breaker::trip_cause(&subscriber.breaker, &transfer, &fact, &run.outcome) {
            let errors = last_errors(ports, job, run).await?;
            fact = breaker::trip(fact, cause, &job.transfer, errors, now);
            if let Some(trip) = fact.trip.as_ref().filter(|_| !was_tripped) {
                let (integration, why) = (&subscriber.name, &trip.cause);
                tracing::error!(%integration, %why, "disabled: `raccord resume` starts it again");
                news.push(tripped(ports, subscriber, trip).await?);
            }
        } else if !was_tripped {
            let (warned, shares) =
                breaker::half_way(&subscriber.breaker, (job.uid, &transfer), &run.outcome, fact);
            fact = warned;
            for share in shares {
                news.push(half_way(subscriber, job, share, last_errors(ports, job, run).await?));
            }
        }
        writes.push(put(Table::Integrations, &subscriber.uid, &fact)?);
    }
    writes.extend(outbox::writes(ports, news).await?);
    Ok(facts.commit(writes).await?)
}

/// Takes in what a run's end says for the runs that follow: what was approved is done, and what is held stays counted.
fn remember(transfer: &mut TransferFact, (job, run): (&Job, &Run), reads: bool) {
    let is_done = run.outcome == RunOutcome::Succeeded;
    let concerns_reading = |hold: &Hold| matches!(hold, Hold::Vanished { .. });
    if is_done {
        transfer.approved.take_if(|hold| concerns_reading(hold) == reads);
    }
    if reads {
        if let Some(unseen) = run.unseen.as_ref().filter(|_| is_done) {
            transfer.unseen.clone_from(unseen);
            transfer.seen = job.program.joint().filter(|path| !unseen.contains(path)).collect();
        }
    } else if run.outcome.hold().is_some() {
        let before = transfer.deliveries_held.map_or(0, |held| held.deleted);
        transfer.deliveries_held = Some(HeldDeliveries { run: run.id, deleted: before + run.tally.deleted });
    } else if is_done {
        transfer.deliveries_held = None;
    }
}

/// What is known of an integration, unless it was deleted meanwhile.
async fn integration(ports: &Ports, uid: Uid) -> Result<Option<IntegrationFact>, RunnerError> {
    let known = ports.facts().get::<IntegrationFact>(Table::Integrations, &uid.to_string()).await?;
    if known.is_some() {
        return Ok(known);
    }
    let index = ports.state.index().await?;
    Ok(index.values().any(|entry| entry.uid == uid).then(IntegrationFact::default))
}

async fn is_held(ports: &Ports, run: Option<RunId>) -> Result<bool, RunnerError> {
    let Some(id) = run else { return Ok(false) };
    let run = ports.facts().run(id).await?;
    Ok(run.is_some_and(|run| run.outcome.hold().is_some() && run.cause != RunCause::Deliveries))
}

/// The news that a run is held, unless the run before was: people know of it then.
fn held(job: &Job, run: &Run, was_held: bool) -> Option<News> {
    let RunOutcome::Held(hold) = &run.outcome else { return None };
    if was_held {
        return None;
    }
    let (transfer, to) = (job.transfer.clone(), job.spec.to.clone());
    let about = NoticeAbout::Held { run: run.id, transfer, to, hold: hold.clone() };
    Some(News { about, of: job.subscribers.iter().map(|subscriber| subscriber.uid).collect() })
}

/// The news that an integration is disabled, with the rejects that wait in its transfers.
async fn tripped(ports: &Ports, subscriber: &Subscriber, trip: &Trip) -> Result<News, RunnerError> {
    let applied = Applied::load(&ports.state).await?;
    let mut rejects = BTreeMap::new();
    let specs = applied.integrations().filter(|(_, uid, _)| *uid == subscriber.uid);
    for transfer in specs.flat_map(|(_, _, spec)| spec.subscriptions.keys()) {
        let Some(uid) = applied.uid(Kind::Transfer, transfer) else { continue };
        let count = ports.ledger.count_rejects(uid).await?;
        if count > 0 {
            rejects.insert(transfer.clone(), count);
        }
    }
    let integration = subscriber.name.clone();
    let about = NoticeAbout::Tripped { integration, trip: trip.clone(), rejects };
    Ok(News { about, of: vec![subscriber.uid] })
}

/// The news that an integration may soon be disabled.
fn half_way(subscriber: &Subscriber, job: &Job, share: Share, errors: Vec<String>) -> News {
    let (integration, transfer) = (subscriber.name.clone(), job.transfer.clone());
    let about = NoticeAbout::HalfWay { integration, transfer, share, errors };
    News { about, of: vec![subscriber.uid] }
}

/// The last errors of a transfer in words, newest first: of the runs that failed since one succeeded, then of its
/// rejects.
async fn last_errors(ports: &Ports, job: &Job, run: &Run) -> Result<Vec<String>, RunnerError> {
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
    for (_, reject) in ports.ledger.rejects(query).await? {
        let field = reject.field.map(|field| format!("{field}: ")).unwrap_or_default();
        errors.push(format!("{field}{} ({})", reject.reason, reject.position));
    }
    errors.dedup();
    errors.truncate(ERRORS_KEPT);
    Ok(errors)
}
