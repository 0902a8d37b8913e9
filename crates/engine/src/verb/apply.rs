//! Applying: one commit, made only when the state still stands where it was planned on.

use raccord_model::Desired;
use raccord_model::fact::{Generation, NoticeAbout, Uid};
use raccord_model::port::state::{Scan, StateError, Table};
use raccord_plan::{Apply, Current, KEPT_GENERATIONS, Note, Options, Plan, commit, diff, prune};
use raccord_store::failpoint::Failpoint;

use crate::alert::{News, outbox};
use crate::engine::{Engine, EngineError, Replies};
use crate::request::{ApplyOptions, Reply};

/// Applies a configuration.
pub async fn apply(
    engine: &Engine,
    desired: &Desired,
    options: &ApplyOptions,
    replies: &mut Replies<'_>,
) -> Result<(), EngineError> {
    let current = super::plan::current(engine, desired).await?;
    if current.head.serial != options.serial {
        return Err(EngineError::Stale { expected: options.serial, found: current.head.serial });
    }
    // What is created is committed as it stands in the configuration.
    let plan = diff(desired, &current, &Options { brief: true, ..options.plan.clone() })?;
    let apply = Apply {
        at: engine.environment.now(),
        by: options.by.to_string(),
        rollback_to: options.rollback_to,
        commit: options.commit.as_deref().map(str::to_owned),
    };
    let mut commit = commit(&plan, desired, &current, &apply, &mut || Uid(engine.environment.new_id()))?;
    if commit.writes.is_empty() {
        // An earlier apply may have been killed before its steps.
        crate::steps::carry_out(&engine.facts(), engine.sink.as_ref()).await?;
        replies(Reply::Applied(current.head.generation));
        return Ok(());
    }
    let generations = generations(engine, usize::MAX).await?;
    if u64::try_from(generations.len()).unwrap_or(u64::MAX) >= KEPT_GENERATIONS {
        let gone = prune(&commit, &current.index, &generations);
        commit.writes.extend(gone);
    }
    commit.writes.extend(outbox::writes(engine, resumed(&plan, &current, &options.by)).await?);
    Failpoint::ApplyBefore.pass();
    match engine.state.commit(commit).await {
        Err(StateError::Conflict { expected, found }) => return Err(EngineError::Stale { expected, found }),
        other => other?,
    };
    Failpoint::ApplyAfter.pass();
    crate::steps::carry_out(&engine.facts(), engine.sink.as_ref()).await?;
    replies(Reply::Applied(engine.state.head().await?.generation));
    Ok(())
}

/// The news that disabled integrations start again, because the plan changes what had failed.
fn resumed(plan: &Plan, current: &Current, by: &str) -> Vec<News> {
    let resumed = plan.notes.iter().filter_map(|note| {
        let Note::Resumes { uid, integration, .. } = note else { return None };
        let trip = current.facts.integrations.get(uid)?.trip.clone()?;
        let by = Some(by.to_owned());
        let about = NoticeAbout::Resumed { integration: integration.clone(), by, trip };
        Some(News { about, of: vec![*uid] })
    });
    resumed.collect()
}

/// The generations that are kept, newest first.
pub async fn generations(engine: &Engine, limit: usize) -> Result<Vec<Generation>, EngineError> {
    let scan = Scan { newest_first: true, limit: Some(limit), ..Scan::default() };
    let found = engine.facts().scan::<Generation>(Table::Generations, scan).await?;
    Ok(found.into_iter().map(|(_, generation)| generation).collect())
}
