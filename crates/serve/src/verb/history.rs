//! Generations: what was applied when, what each changed, and the configuration of an earlier one.

use std::collections::BTreeMap;

use raccord_model::fact::{Entry, Generation};
use raccord_model::{Desired, Digest, Key, Resource};
use raccord_plan::{Change, Current, Facts, Options, RollbackError, diff, restore, rollback};

use crate::reply::{Replies, RequestError};
use crate::request::{Difference, Reply};
use raccord_daemon::apply::{generation as generation_of, generations};
use raccord_run::Ports;
use raccord_run::applied::open_bodies;

/// Generations, newest first; of those before one when that is named.
pub async fn history(
    ports: &Ports,
    limit: usize,
    before: Option<u64>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let Some(before) = before else {
        for found in generations(ports, limit).await? {
            replies(Reply::Generation(found));
        }
        return Ok(());
    };
    // Each has the number after the one before it.
    for number in (1..before).rev().take(limit) {
        let Some(found) = generation_of(ports, number).await? else { break };
        replies(Reply::Generation(found));
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
    let applied = ports.applied().await?;
    let (head, index) = (&applied.head, &applied.index);
    let then = match number {
        Some(number) => rollback(index, &generations(ports, usize::MAX).await?, number)?,
        None => index.clone(),
    };
    // Most resources are as they are now, and known.
    let resources = applied.desired.resources.values().map(|wanted| (wanted.digest, &wanted.resource));
    let known: BTreeMap<Digest, &Resource> = resources.collect();
    let is_known = |(_, entry): &(&Key, &Entry)| known.contains_key(&entry.digest);
    let (known_then, others): (Vec<_>, Vec<_>) = then.iter().partition(is_known);
    let others = others.into_iter().map(|(key, entry)| (key.clone(), *entry)).collect();
    let mut bodies: BTreeMap<Digest, Resource> = BTreeMap::new();
    for (_, entry) in known_then {
        bodies.extend(known.get(&entry.digest).map(|resource| (entry.digest, (*resource).clone())));
    }
    for (entry, resource) in open_bodies(&ports.state, &others).await?.into_values() {
        bodies.insert(entry.digest, resource);
    }
    restore(&then, index, &bodies, head).map_err(|error| RequestError::Invalid(error.to_string()))
}

/// What a generation changed, field by field. Only the resources that it changed are looked at: history is a delta.
pub async fn difference(
    ports: &Ports,
    number: u64,
    limit: Option<usize>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let Some(generation) = generation_of(ports, number).await? else {
        let all = generations(ports, usize::MAX).await?;
        let kept = all.last().zip(all.first()).map(|(oldest, newest)| (oldest.number, newest.number));
        return Err(RollbackError::Unknown { wanted: number, kept }.into());
    };
    let (before, after) = sides(&generation, limit.unwrap_or(usize::MAX));
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

/// The resources that a generation changed, so many at the most, as they were and as they are since.
fn sides(generation: &Generation, limit: usize) -> (BTreeMap<Key, Entry>, BTreeMap<Key, Entry>) {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    for change in generation.changes.iter().take(limit) {
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
