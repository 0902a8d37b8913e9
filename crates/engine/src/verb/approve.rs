//! A person approves a held run. What that does depends on why the run is held: its deletions are done at once, or
//! the next run may do what this one did not.
//!
//! Nothing is approved but what the newest run has told: a run that is under way, or ended otherwise, replaces it.

use std::sync::Arc;

use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::{Hold, Run, RunCause, RunId, RunOutcome, Uid};
use raccord_model::port::sink::Swept;
use raccord_model::port::state::{Table, Write};

use super::operate::prepare;
use crate::engine::{Engine, EngineError, Replies};
use crate::facts::{Facts, put};
use crate::request::Reply;
use crate::run::job::Job;
use crate::run::page::checkpoint_only;
use crate::run::{sweep, window};

/// Approves a held run. A later run that is held for exactly the same stands in for the one that is named, for a
/// schedule goes on while a person makes up their mind.
pub async fn approve(engine: &Engine, named: RunId, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    let facts = engine.facts();
    let mut run = facts.run(named).await?.ok_or_else(|| EngineError::Unknown {
        kind: "run",
        name: named.to_string(),
        hint: "; `raccord runs` shows them".to_owned(),
    })?;
    let Some(hold) = run.outcome.hold().cloned() else {
        let outcome = run.outcome.as_str();
        return Err(EngineError::Invalid(format!("the run {named} is not held: it {outcome}")));
    };
    let job = prepare(engine, &run.transfer).await?;
    if let Some(newest) = job.fact.last_run.filter(|newest| *newest != named) {
        run = facts.run(newest).await?.filter(|newest| newest.outcome == run.outcome).ok_or_else(|| {
            EngineError::Invalid(format!(
                "a later run of `{}` has replaced the run {named}, with another outcome: `raccord status` shows it",
                run.transfer
            ))
        })?;
    }
    // Its window has taken the place of the held one, and is not complete: what it has not shown yet is still there.
    if is_being_read(&facts, job.uid).await? {
        return Err(EngineError::Invalid(format!(
            "a later run of `{}` has begun and replaces the run {}: try again when it has ended",
            run.transfer, run.id
        )));
    }
    let (done, also) = match hold {
        Hold::Deletions { .. } => (delete(engine, &job, &mut run).await?, None),
        Hold::Vanished { .. } => {
            let fact = raccord_model::fact::TransferFact { approved: Some(hold), ..job.fact.clone() };
            let done = "the next run empties these fields".to_owned();
            (done, Some(put(Table::Transfers, &job.uid, &fact)?))
        }
        Hold::Shifted { .. } => (take_for_complete(engine, &job, &run).await?, None),
    };
    run.outcome = RunOutcome::Succeeded;
    let writes: Vec<Write> = std::iter::once(put(Table::Runs, &run.id, &run)?).chain(also).collect();
    facts.commit(writes).await?;
    replies(Reply::Done(format!("the run {} is approved: {done}", run.id)));
    Ok(())
}

/// Deletes what a held run was to delete.
async fn delete(engine: &Engine, job: &Arc<Job>, run: &mut Run) -> Result<String, EngineError> {
    if job.snapshot().is_none() {
        return Err(EngineError::Invalid(format!(
            "`{}` no longer deletes what a snapshot does not show: its `deletes`, or the subscription to `deleted`, \
             is gone",
            run.transfer
        )));
    }
    let checkpoint = held_window(engine, job, run).await?;
    if !window::is_snapshot(&checkpoint) {
        return Err(begun_anew(run));
    }
    let now = engine.environment.now();
    let sweep = sweep::approved(job, (run.id, now), window::after_sweep(checkpoint, now));
    if let Swept::Done(count) = engine.sink.sweep(sweep).await? {
        run.tally.swept += count;
    }
    let (rows, are) = if run.tally.swept == 1 { ("row", "is") } else { ("rows", "are") };
    Ok(format!("{} {rows} of {} {are} deleted", run.tally.swept, run.to))
}

/// Moves the cursor past a window whose pages shifted. It has proved no deletion, so that nothing is swept.
async fn take_for_complete(engine: &Engine, job: &Arc<Job>, run: &Run) -> Result<String, EngineError> {
    let checkpoint = held_window(engine, job, run).await?;
    let batch = checkpoint_only(job, window::accept(checkpoint), run.id, engine.environment.now());
    engine.sink.commit(batch).await?;
    Ok("what was read counts as complete, and nothing is deleted".to_owned())
}

/// The checkpoint in which the window of a held run waits.
async fn held_window(engine: &Engine, job: &Job, run: &Run) -> Result<Checkpoint, EngineError> {
    let checkpoint = engine.sink.resume(job.uid).await?;
    checkpoint.filter(window::is_held).ok_or_else(|| begun_anew(run))
}

fn begun_anew(run: &Run) -> EngineError {
    EngineError::Invalid(format!("what the run {} has read is no longer there; run again", run.id))
}

/// Whether a run that reads a transfer's source is listed as begun, under way or cut by a kill. Such a run is listed
/// under the lock of the facts, which the caller holds.
async fn is_being_read(facts: &Facts, transfer: Uid) -> Result<bool, EngineError> {
    let reads = |run: &Run| run.outcome == RunOutcome::Running && run.cause != RunCause::Deliveries;
    Ok(facts.runs(usize::MAX).await?.iter().any(|run| run.transfer_uid == transfer && reads(run)))
}
