//! Generations: what was applied when, what each changed, and the configuration of an earlier one.

use std::borrow::Cow;
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
        // It is in force.
        Some(number) if number == head.generation && number > 0 => Cow::Borrowed(index),
        Some(number) => Cow::Owned(rollback(index, &since(ports, number, head.generation).await?, number)?),
        None => Cow::Borrowed(index),
    };
    // Most resources are as they are now, and known.
    let resources = applied.desired.resources.values().map(|wanted| (wanted.digest, &wanted.resource));
    let mut bodies: BTreeMap<Digest, &Resource> = resources.collect();
    let others = then.iter().filter(|(_, entry)| !bodies.contains_key(&entry.digest));
    let others =
        open_bodies(&ports.state, &others.map(|(key, entry)| (key.clone(), *entry)).collect()).await?;
    bodies.extend(others.values().map(|(entry, resource)| (entry.digest, resource)));
    restore(&then, index, &bodies, head).map_err(|error| RequestError::Invalid(error.to_string()))
}

/// The generations from the newest to the one that is wanted, newest first; all of them when it is none of them.
async fn since(ports: &Ports, wanted: u64, newest: u64) -> Result<Vec<Generation>, RequestError> {
    let many = newest.checked_sub(wanted).and_then(|newer| usize::try_from(newer).ok());
    Ok(generations(ports, many.map_or(usize::MAX, |newer| newer.saturating_add(1))).await?)
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
    let mut bodies: BTreeMap<Digest, Resource> = BTreeMap::new();
    for side in [&before, &after] {
        let opened = open_bodies(&ports.state, side).await?.into_values();
        bodies.extend(opened.map(|(entry, resource)| (entry.digest, resource)));
    }
    let head = ports.state.head().await?;
    let known = bodies.iter().map(|(digest, resource)| (*digest, resource)).collect();
    let desired =
        restore(&after, &before, &known, &head).map_err(|error| RequestError::Invalid(error.to_string()))?;
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
