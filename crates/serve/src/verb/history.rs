//! Generations: what was applied when, what each changed, and the configuration of an earlier one.

use std::collections::BTreeMap;

use raccord_model::fact::{Entry, Generation};
use raccord_model::{Desired, Key};
use raccord_plan::{Change, Current, Facts, Options, RollbackError, diff, restore, rollback};

use crate::reply::{Replies, RequestError};
use crate::request::{Difference, Reply};
use raccord_daemon::apply::generations;
use raccord_run::Ports;
use raccord_run::applied::open_bodies;

/// Generations, newest first.
pub async fn history(ports: &Ports, limit: usize, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    for generation in generations(ports, limit).await? {
        replies(Reply::Generation(generation));
    }
    Ok(())
}

/// The configuration of a generation; without a number, of the one in force.
pub async fn generation(
    ports: &Ports,
    number: Option<u64>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    replies(Reply::Desired(Box::new(configuration(ports, number).await?)));
    Ok(())
}

/// The configuration of a generation, as something to plan; without a number, of the one in force.
pub async fn configuration(ports: &Ports, number: Option<u64>) -> Result<Desired, RequestError> {
    let head = ports.state.head().await?;
    let index = ports.state.index().await?;
    let then = match number {
        Some(number) => rollback(&index, &generations(ports, usize::MAX).await?, number)?,
        None => index.clone(),
    };
    let opened = open_bodies(&ports.state, &then).await?;
    let bodies: BTreeMap<_, _> =
        opened.into_values().map(|(entry, resource)| (entry.digest, resource)).collect();
    restore(&then, &index, &bodies, &head).map_err(|error| RequestError::Invalid(error.to_string()))
}

/// What a generation changed, field by field. Only the resources that it changed are looked at: history is a delta.
pub async fn difference(ports: &Ports, number: u64, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let all = generations(ports, usize::MAX).await?;
    let kept = all.last().zip(all.first()).map(|(oldest, newest)| (oldest.number, newest.number));
    let generation = all.into_iter().find(|generation| generation.number == number);
    let generation = generation.ok_or(RollbackError::Unknown { wanted: number, kept })?;
    let (before, after) = sides(&generation);
    let mut bodies = BTreeMap::new();
    for side in [&before, &after] {
        let opened = open_bodies(&ports.state, side).await?.into_values();
        bodies.extend(opened.map(|(entry, resource)| (entry.digest, resource)));
    }
    let head = ports.state.head().await?;
    let desired =
        restore(&after, &before, &bodies, &head).map_err(|error| RequestError::Invalid(error.to_string()))?;
    let current = Current { head, index: before, bodies, facts: Facts::default() };
    let changes = diff(&desired, &current, &Options::default())?.changes.into_iter();
    // What it meant for the data depended on the facts of its time, which are gone.
    let changes = changes.map(|change| Change { effects: Vec::new(), ..change }).collect();
    replies(Reply::Difference(Box::new(Difference { generation, changes })));
    Ok(())
}

/// The resources that a generation changed, as they were and as they are since.
fn sides(generation: &Generation) -> (BTreeMap<Key, Entry>, BTreeMap<Key, Entry>) {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    for change in &generation.changes {
        if let Some(entry) = change.before {
            let name = change.renamed_from.as_ref().unwrap_or(&change.key.name);
            before.insert(Key::new(change.key.kind, name.clone()), entry);
        }
        if let Some(entry) = change.after {
            after.insert(change.key.clone(), entry);
        }
    }
    (before, after)
}
