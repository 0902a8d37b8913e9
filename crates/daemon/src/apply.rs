//! Applying: one commit, made only when the state still stands where it was planned on, and the steps that follow it.

use raccord_model::Desired;
use raccord_model::fact::{Generation, NoticeAbout, Uid};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::state::{Scan, StateError, Table};
use raccord_plan::{Apply, Facts, KEPT_GENERATIONS, Note, Options, Plan, Prepared, diff, prune};
use raccord_run::Ports;
use raccord_run::notice::{News, outbox};

use crate::error::DaemonError;
use crate::plan::{current, read_again};

/// How a configuration is to be applied.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What is allowed, and which resources.
    pub plan: Options,
    /// The serial that was planned on.
    pub serial: u64,
    /// Who applies.
    pub by: String,
    /// The generation it goes back to, for a rollback.
    pub rollback_to: Option<u64>,
    /// The commit of the repository that the configuration was read from, when it was.
    pub commit: Option<String>,
}

/// How often a commit is made anew because a run has changed one of the facts that it changes, too. Each time that fact
/// alone is read again, which takes far less time than a run.
const ATTEMPTS: u32 = 1_000;

/// Applies a configuration. Returns the number of the generation in force. What runs conclude meanwhile is not lost: the
/// commit is made of the facts as they are when it is written.
pub async fn apply(ports: &Ports, desired: &Desired, wanted: &Wanted) -> Result<u64, DaemonError> {
    let current = current(ports, desired).await?;
    if current.head.serial != wanted.serial {
        return Err(DaemonError::Stale { expected: wanted.serial, found: current.head.serial });
    }
    // What is created is committed as it stands in the configuration.
    let plan = diff(desired, &current, &Options { brief: true, ..wanted.plan.clone() })?;
    let apply = Apply {
        at: ports.environment.now(),
        by: wanted.by.clone(),
        rollback_to: wanted.rollback_to,
        commit: wanted.commit.clone(),
    };
    let mut new_uid = || Uid(ports.environment.new_id());
    let prepared = Prepared::new(&plan, desired, &current, &apply, &mut new_uid)?;
    if !plan.has_work() {
        // An earlier apply may have been killed before its steps, and a table changed since.
        crate::tables::mend(ports, desired).await?;
        crate::steps::carry_out(ports).await?;
        forget_tokens(ports).await;
        return Ok(current.head.generation);
    }
    let generations = generations(ports, usize::MAX).await?;
    let mut facts = current.facts.clone();
    let mut attempts = 0;
    loop {
        let mut commit = prepared.on(&facts)?;
        if u64::try_from(generations.len()).unwrap_or(u64::MAX) >= KEPT_GENERATIONS {
            let gone = prune(&commit, &current.index, &generations);
            commit.writes.extend(gone);
        }
        commit.writes.extend(outbox::writes(ports, resumed(&plan, &facts, &wanted.by)).await?);
        Failpoint::ApplyBefore.pass();
        match ports.state.commit(commit).await {
            Err(StateError::Conflict { expected, found }) => {
                return Err(DaemonError::Stale { expected, found });
            }
            Err(StateError::FactConflict { table, key, .. }) if attempts < ATTEMPTS => {
                attempts += 1;
                read_again(ports, &mut facts, (table, &key)).await?;
            }
            Err(StateError::FactConflict { table, key, .. }) => {
                return Err(StateError::Contended { table, key, attempts }.into());
            }
            other => {
                other?;
                break;
            }
        }
    }
    Failpoint::ApplyAfter.pass();
    crate::tables::mend(ports, desired).await?;
    crate::steps::carry_out(ports).await?;
    forget_tokens(ports).await;
    Ok(ports.state.head().await?.generation)
}

/// Forgets the tokens of Authorizations that are gone. What fails here is made good by the next apply.
async fn forget_tokens(ports: &Ports) {
    match ports.outside.authorizations.forget_gone().await {
        Ok(0) => {}
        Ok(gone) => tracing::info!(gone, "the tokens of deleted authorizations are forgotten"),
        Err(error) => tracing::warn!(%error, "the tokens of deleted authorizations could not be forgotten"),
    }
}

/// The news that disabled integrations start again, because the plan changes what had failed.
fn resumed(plan: &Plan, facts: &Facts, by: &str) -> Vec<News> {
    let resumed = plan.notes.iter().filter_map(|note| {
        let Note::Resumes { uid, integration, .. } = note else { return None };
        let trip = facts.integrations.get(uid)?.trip.clone()?;
        let by = Some(by.to_owned());
        let about = NoticeAbout::Resumed { integration: integration.clone(), by, trip };
        Some(News { about, of: vec![*uid] })
    });
    resumed.collect()
}

/// One generation, when it is kept.
pub async fn generation(ports: &Ports, number: u64) -> Result<Option<Generation>, DaemonError> {
    Ok(ports.facts().get(Table::Generations, &format!("{number:020}")).await?)
}

/// The generations that are kept, newest first.
pub async fn generations(ports: &Ports, limit: usize) -> Result<Vec<Generation>, DaemonError> {
    let scan = Scan { newest_first: true, limit: Some(limit), ..Scan::default() };
    let found = ports.facts().scan::<Generation>(Table::Generations, scan).await?;
    Ok(found.into_iter().map(|(_, generation)| generation).collect())
}
