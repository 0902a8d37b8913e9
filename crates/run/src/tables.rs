//! The tables of entities in databases: made ready by the steps that applies have left, before anything is written to them.
//! What a table looks like is the destination's.

use raccord_model::EntityRef;
use raccord_model::Kind;
use raccord_model::fact::{EntityFact, StepFact, StepWork, Uid};
use raccord_model::language::Entity;
use raccord_model::port::destination::{Destination, DestinationError, EntityShape, Inspection};
use raccord_model::port::state::{Scan, Table, Write};

use crate::applied::Applied;
use crate::entity::{entity, entity_key};
use crate::facts::put;
use crate::ports::{Ports, RunnerError};

/// Makes the table of an entity ready when an apply has left a step to do so, and else looks whether it is as it was made ready.
/// The inner error is the database's; a step stays with it.
pub async fn make_ready(
    ports: &Ports,
    applied: &Applied,
    (at, fact): (&EntityRef, &EntityFact),
    destination: &dyn Destination,
) -> Result<Result<(), DestinationError>, RunnerError> {
    let Some(project) = applied.uid(Kind::Project, &at.project) else { return Ok(Ok(())) };
    let prefix = StepWork::prepare_prefix(project, &at.entity);
    let steps = ports.facts().scan::<StepFact>(Table::Steps, Scan { prefix, ..Scan::default() }).await?;
    if steps.is_empty() {
        let (settings, _) = entity_key(applied, at)?;
        let shape = shape_of(applied, (project, at), settings, fact);
        return Ok(match destination.inspect_cached(shape).await {
            Ok(inspection) => as_it_was(inspection),
            // What the run asks for next says so, too, and how it is to be taken.
            Err(DestinationError::Unreachable(_) | DestinationError::Denied(_)) => Ok(()),
            Err(error) => Err(error),
        });
    }
    // The fact as it is after the steps were read: what is known beforehand may be older than the apply that left them.
    let prepared = destination.prepare(shape(ports, applied, (project, at)).await?).await;
    let mut writes = Vec::new();
    for (key, step) in steps {
        writes.push(match &prepared {
            Ok(()) => Write::Remove(Table::Steps, key),
            Err(error) => put(Table::Steps, &key, &failed(step, error))?,
        });
    }
    ports.facts().commit(writes).await?;
    Ok(prepared)
}

/// The shape of an entity of the generation in force.
pub async fn shape(
    ports: &Ports,
    applied: &Applied,
    (project, at): (Uid, &EntityRef),
) -> Result<EntityShape, RunnerError> {
    let (settings, fact) = entity(&ports.facts(), applied, at).await?;
    Ok(shape_of(applied, (project, at), settings, &fact))
}

fn shape_of(
    applied: &Applied,
    (project, at): (Uid, &EntityRef),
    settings: &Entity,
    fact: &EntityFact,
) -> EntityShape {
    let fed_by = applied.transfers().filter(|(_, _, spec)| spec.to == *at).map(|(_, uid, _)| uid).collect();
    EntityShape { fed_by, ..EntityShape::of(project, at.clone(), settings, fact) }
}

/// Refuses a table that does not keep values as it did when it was made ready: nothing is written that it would change.
fn as_it_was(inspection: Inspection) -> Result<(), DestinationError> {
    let Inspection { drift, refusals, type_changed, recreated, .. } = inspection;
    match (refusals.is_empty(), type_changed || recreated) {
        (false, _) => Err(DestinationError::Unfit(refusals)),
        (true, true) => Err(DestinationError::Changed(drift)),
        (true, false) => Ok(()),
    }
}

/// A step that has failed once more.
pub fn failed(mut step: StepFact, error: &DestinationError) -> StepFact {
    step.attempts = step.attempts.saturating_add(1);
    step.error = Some(error.in_words());
    step
}
