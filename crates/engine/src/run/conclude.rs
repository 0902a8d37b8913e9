//! What a run's end means: the run itself, its transfer's counters, trips, and the notices of them, written together.

use std::collections::BTreeMap;

use raccord_model::Kind;
use raccord_model::fact::{NoticeAbout, Run, RunCause, RunId, RunOutcome, Share, Trip};
use raccord_model::port::sink::RejectQuery;
use raccord_model::port::state::{Table, Write};

use super::breaker;
use super::job::{Job, Subscriber};
use crate::alert::{News, outbox};
use crate::applied::Applied;
use crate::engine::{Engine, EngineError};
use crate::facts::put;

/// How many of the last errors a trip remembers.
const ERRORS_KEPT: usize = 3;

/// How many runs are kept; the oldest go first.
pub const KEPT_RUNS: usize = 10_000;

/// Closes the runs that a kill left open, and forgets the oldest. Whoever calls it owns the state, so that no
/// run can be under way.
pub async fn tidy_runs(engine: &Engine) -> Result<(), EngineError> {
    let facts = engine.facts();
    let mut writes = Vec::new();
    for (number, mut run) in facts.runs(usize::MAX).await?.into_iter().enumerate() {
        if number >= KEPT_RUNS {
            writes.push(Write::Remove(Table::Runs, run.id.to_string()));
        } else if run.outcome == RunOutcome::Running {
            run.outcome = RunOutcome::Stopped;
            writes.push(put(Table::Runs, &run.id, &run)?);
        }
    }
    if writes.is_empty() { Ok(()) } else { Ok(facts.commit(writes).await?) }
}

/// Forgets the oldest runs beyond those that are kept, while others may be under way.
pub async fn forget_oldest(engine: &Engine) -> Result<(), EngineError> {
    let runs = engine.facts().runs(usize::MAX).await?;
    let oldest = runs.into_iter().skip(KEPT_RUNS).filter(|run| run.outcome != RunOutcome::Running);
    let writes: Vec<Write> = oldest.map(|run| Write::Remove(Table::Runs, run.id.to_string())).collect();
    if writes.is_empty() { Ok(()) } else { Ok(engine.facts().commit(writes).await?) }
}

/// Writes what a run's end means, in one commit.
pub async fn conclude(engine: &Engine, job: &Job, run: &Run) -> Result<(), EngineError> {
    let facts = engine.facts();
    let now = engine.environment.now();
    let known = facts.transfer(job.uid).await?;
    let mut news: Vec<News> = held(engine, job, run, known.last_run).await?.into_iter().collect();
    let mut transfer = breaker::after_run(known, &run.outcome, now);
    transfer.last_run = Some(run.id);
    if let (RunCause::Scheduled { due }, true) = (run.cause, run.outcome != RunOutcome::Stopped) {
        transfer.served = transfer.served.max(Some(due));
    }
    let read_everything = job.stream.cursor().is_none() || transfer.last_full_read == 0;
    if run.outcome == RunOutcome::Succeeded && read_everything {
        transfer.last_full_read = run.tally.fetched;
    }
    let mut writes = vec![put(Table::Runs, &run.id, run)?, put(Table::Transfers, &job.uid, &transfer)?];
    for subscriber in &job.subscribers {
        let fact = facts.integration(subscriber.uid).await?;
        let was_tripped = fact.trip.is_some();
        let mut fact =
            breaker::count_rejects(fact, run.tally.newly_rejected, &subscriber.breaker.rejects, now);
        if let Some(cause) = breaker::trip_cause(&subscriber.breaker, &transfer, &fact, &run.outcome) {
            let errors = last_errors(engine, job, run).await?;
            fact = breaker::trip(fact, cause, &job.transfer, errors, now);
            if let Some(trip) = fact.trip.as_ref().filter(|_| !was_tripped) {
                let (integration, why) = (&subscriber.name, &trip.cause);
                tracing::error!(%integration, %why, "disabled: `raccord resume` starts it again");
                news.push(tripped(engine, subscriber, trip).await?);
            }
        } else if !was_tripped {
            let (warned, shares) =
                breaker::half_way(&subscriber.breaker, (job.uid, &transfer), &run.outcome, fact);
            fact = warned;
            for share in shares {
                news.push(half_way(subscriber, job, share, last_errors(engine, job, run).await?));
            }
        }
        writes.push(put(Table::Integrations, &subscriber.uid, &fact)?);
    }
    writes.extend(outbox::writes(engine, news).await?);
    Ok(facts.commit(writes).await?)
}

/// The news that a run is held, unless the run before was: people know of it then.
async fn held(
    engine: &Engine,
    job: &Job,
    run: &Run,
    before: Option<RunId>,
) -> Result<Option<News>, EngineError> {
    let RunOutcome::Held { deletes, of } = run.outcome else { return Ok(None) };
    let before = match before {
        Some(id) => engine.facts().run(id).await?,
        None => None,
    };
    if before.is_some_and(|before| matches!(before.outcome, RunOutcome::Held { .. })) {
        return Ok(None);
    }
    let (transfer, to) = (job.transfer.clone(), job.spec.to.clone());
    let about = NoticeAbout::Held { run: run.id, transfer, to, deletes, of };
    Ok(Some(News { about, of: job.subscribers.iter().map(|subscriber| subscriber.uid).collect() }))
}

/// The news that an integration is disabled, with the rejects that wait in its transfers.
async fn tripped(engine: &Engine, subscriber: &Subscriber, trip: &Trip) -> Result<News, EngineError> {
    let applied = Applied::load(&engine.state).await?;
    let mut rejects = BTreeMap::new();
    let specs = applied.integrations().filter(|(_, uid, _)| *uid == subscriber.uid);
    for transfer in specs.flat_map(|(_, _, spec)| spec.subscriptions.keys()) {
        let Some(uid) = applied.uid(Kind::Transfer, transfer) else { continue };
        let count = engine.ledger.count_rejects(uid).await?;
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

/// The last errors of a transfer in words, newest first: of its failed runs, then of its rejects.
async fn last_errors(engine: &Engine, job: &Job, run: &Run) -> Result<Vec<String>, EngineError> {
    let mut errors = Vec::new();
    let earlier = engine.facts().runs(50).await?;
    let runs = std::iter::once(run.clone()).chain(earlier.into_iter().filter(|earlier| earlier.id != run.id));
    for run in runs.filter(|run| run.transfer_uid == job.uid) {
        if let RunOutcome::Failed { error, .. } = run.outcome {
            errors.push(error);
        }
    }
    let query = RejectQuery { transfer: Some(job.uid), id: None, limit: ERRORS_KEPT };
    for (_, reject) in engine.ledger.rejects(query).await? {
        let field = reject.field.map(|field| format!("{field}: ")).unwrap_or_default();
        errors.push(format!("{field}{} ({})", reject.reason, reject.position));
    }
    errors.dedup();
    errors.truncate(ERRORS_KEPT);
    Ok(errors)
}
