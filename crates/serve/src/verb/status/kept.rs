//! What destinations have kept of each transfer, and what keeps some from it. A database that does not answer is told, and
//! nothing fails for it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use raccord_daemon::tables::{ASKED_AT_ONCE, PATIENCE};
use raccord_model::Kind;
use raccord_model::Name;
use raccord_model::fact::{EntityFact, StepFact, StepWork, StorePlace, Uid};
use raccord_model::language::TransferSpec;
use raccord_model::port::Async;
use raccord_model::port::destination::{DestinationError, Kept, KeptQuery};
use raccord_model::port::state::Table;
use raccord_run::applied::Applied;
use raccord_run::entity::entity_key;
use raccord_run::moment::Moment;
use raccord_run::{Ports, RunnerError};

/// What is kept of the transfers, and a sentence for each store of which it could not be learned.
pub(in crate::verb) type Seen = (BTreeMap<Uid, Kept>, Vec<String>);

/// The rows of a transfer: in which project, under which incarnation of its entity.
#[derive(Debug, Clone, Copy)]
struct OwnRows<'a> {
    /// Whose.
    transfer: Uid,
    /// The project of its entity.
    project: &'a Name,
    /// Under which number the entity's rows are kept.
    incarnation: u64,
}

/// The transfers of one store.
#[derive(Default)]
struct Place<'a> {
    queries: Vec<KeptQuery>,
    projects: BTreeSet<&'a Name>,
}

/// What is kept of some transfers of the generation in force, each of which is named once.
pub(in crate::verb) async fn of(
    ports: &Ports,
    applied: &Applied,
    transfers: BTreeMap<Uid, &TransferSpec>,
) -> Result<Seen, RunnerError> {
    let mut wanted = Vec::new();
    for (transfer, spec) in transfers {
        let (_, key) = entity_key(applied, &spec.to)?;
        // An entity of which nothing is known any more has no rows.
        if let Some(fact) = ports.facts().get::<EntityFact>(Table::Entities, &key).await? {
            wanted.push(OwnRows { transfer, project: &spec.to.project, incarnation: fact.incarnation });
        }
    }
    in_stores(ports, applied, wanted).await
}

/// What is kept of each transfer, as each store has it at one moment.
pub(super) async fn look(ports: &Ports, moment: &Moment) -> Result<Seen, RunnerError> {
    let mut wanted = Vec::new();
    for (_, transfer, spec) in moment.applied.transfers() {
        let incarnation = moment.entity(&spec.to)?.incarnation;
        wanted.push(OwnRows { transfer, project: &spec.to.project, incarnation });
    }
    in_stores(ports, &moment.applied, wanted).await
}

/// Asks each store of its transfers.
async fn in_stores<'a>(
    ports: &Ports,
    applied: &'a Applied,
    wanted: Vec<OwnRows<'a>>,
) -> Result<Seen, RunnerError> {
    let mut places: Vec<(StorePlace, Place<'_>)> = Vec::new();
    for OwnRows { transfer, project, incarnation } in wanted {
        let place = applied.desired.project(project).and_then(|spec| applied.desired.store_place(spec));
        let place = place.ok_or_else(|| RunnerError::NoStore(project.clone()))?;
        let known = places.iter().position(|(known, _)| *known == place);
        let at = known.unwrap_or(places.len());
        if known.is_none() {
            places.push((place, Place::default()));
        }
        let Some((_, of)) = places.get_mut(at) else { continue };
        of.queries.push(KeptQuery { transfer, incarnation });
        of.projects.insert(project);
    }
    let mut asked: Vec<Async<'_, _>> = Vec::with_capacity(places.len());
    for (place, Place { queries, .. }) in &places {
        asked.push(Box::pin(answer(ports, (place, &applied.desired.root), queries.clone())));
    }
    let answers: Vec<_> = stream::iter(asked).buffered(ASKED_AT_ONCE).try_collect().await?;
    let (mut kept, mut unseen) = Seen::default();
    for ((_, Place { queries, projects }), answer) in places.iter().zip(answers) {
        let transfers = queries.iter().map(|query| query.transfer);
        match answer {
            Ok(found) => kept.extend(transfers.zip(found)),
            Err(why) => {
                let projects: Vec<String> = projects.iter().map(|project| format!("`{project}`")).collect();
                unseen.push(format!("the rows of {} cannot be seen: {why}", projects.join(", ")));
            }
        }
    }
    Ok((kept, unseen))
}

/// What one store answers. The inner error is in words, of a store that is elsewhere.
async fn answer(
    ports: &Ports,
    (place, root): (&StorePlace, &str),
    queries: Vec<KeptQuery>,
) -> Result<Result<Vec<Kept>, String>, DestinationError> {
    let rows = match ports.rows_at(place, root) {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(error.in_words())),
    };
    if rows.destination.is_state() {
        return rows.ledger.kept(queries).await.map(Ok);
    }
    Ok(match tokio::time::timeout(PATIENCE, rows.ledger.kept(queries)).await {
        Ok(kept) => kept.map_err(|error| error.in_words()),
        Err(_) => Err(format!("the database has not answered for {} seconds", PATIENCE.as_secs())),
    })
}

/// A sentence for each step of an apply that failed and is tried again.
pub fn waiting(applied: &Applied, steps: &[StepFact]) -> Vec<String> {
    let failed = steps.iter().filter_map(|step| Some((step, step.error.as_deref()?)));
    let mut said: Vec<String> = failed.filter_map(|(step, error)| sentence(applied, step, error)).collect();
    said.dedup();
    said
}

fn sentence(applied: &Applied, step: &StepFact, error: &str) -> Option<String> {
    let named = |kind: Kind, uid: Uid| {
        applied
            .index
            .iter()
            .find(|(key, entry)| key.kind == kind && entry.uid == uid)
            .map(|(key, _)| &key.name)
    };
    let (attempts, tries) = (step.attempts, if step.attempts == 1 { "attempt" } else { "attempts" });
    Some(match &step.work {
        StepWork::Prepare { project, entity } => {
            let project = named(Kind::Project, *project)?;
            format!(
                "the table of {project}.{entity} is not ready, and runs wait for it: {error} ({attempts} {tries})"
            )
        }
        StepWork::End { .. } | StepWork::Collect { .. } => {
            format!("a database has yet to follow an apply: {error} ({attempts} {tries})")
        }
        StepWork::Webhook { source } => {
            let source = named(Kind::Source, *source)?;
            format!(
                "the webhook of `{source}` could not be registered or removed: {error} ({attempts} {tries})"
            )
        }
    })
}
