//! What a run's end means: the run itself, its transfer's counters, and trips, written together.

use raccord_model::fact::{Run, RunOutcome};
use raccord_model::port::sink::RejectQuery;
use raccord_model::port::state::{Table, Write};

use super::breaker;
use super::job::Job;
use crate::engine::{Engine, EngineError};
use crate::facts::put;

/// How many of the last errors a trip remembers.
const ERRORS_KEPT: usize = 3;

/// How many runs are kept; the oldest go first.
pub const KEPT_RUNS: usize = 1_000;

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

/// Writes what a run's end means, in one commit.
pub async fn conclude(engine: &Engine, job: &Job, run: &Run) -> Result<(), EngineError> {
    let facts = engine.facts();
    let now = engine.environment.now();
    let mut transfer = breaker::after_run(facts.transfer(job.uid).await?, &run.outcome, now);
    transfer.last_run = Some(run.id);
    let read_everything = job.stream.cursor().is_none() || transfer.last_full_read == 0;
    if run.outcome == RunOutcome::Succeeded && read_everything {
        transfer.last_full_read = run.tally.fetched;
    }
    let mut writes = vec![put(Table::Runs, &run.id, run)?, put(Table::Transfers, &job.uid, &transfer)?];
    for subscriber in &job.subscribers {
        let fact = facts.integration(subscriber.uid).await?;
        let mut fact =
            breaker::count_rejects(fact, run.tally.newly_rejected, &subscriber.breaker.rejects, now);
        if let Some(cause) = breaker::trip_cause(&subscriber.breaker, &transfer, &fact, &run.outcome) {
            let errors = last_errors(engine, job, run).await?;
            fact = breaker::trip(fact, cause, &job.transfer, errors, now);
        }
        writes.push(put(Table::Integrations, &subscriber.uid, &fact)?);
    }
    Ok(facts.commit(writes).await?)
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
