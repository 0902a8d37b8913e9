//! How much a batch or a window deletes, and the end of a window.

use std::collections::BTreeSet;

use raccord_model::fact::DeletedBy;
use raccord_model::language::UpdateType;
use raccord_model::port::destination::{Batch, DestinationError, Intent, Staying, Sweep, Swept};

use super::rejects::key_of;
use super::rows::Tombstone;
use super::world::{Key, World, is_older};

/// Refuses a batch that would delete more than its guard allows.
pub(super) fn guard(world: &World, batch: &Batch) -> Result<(), DestinationError> {
    let Some(guard) = batch.guard.filter(|_| batch.updates.contains(&UpdateType::Deleted)) else {
        return Ok(());
    };
    let inc = batch.target.incarnation;
    let goes = |key: &[u8], version: &[u8]| {
        let row = world.entities.get(&inc).and_then(|entity| entity.rows.get(key));
        row.is_some_and(|row| {
            let is_ours = row.owner == batch.transfer || world.is_orphan(&batch.target, row.owner);
            is_ours && !is_older(version, row.version_of(batch.transfer))
        })
    };
    let mut going = BTreeSet::new();
    for change in batch.changes.iter() {
        if change.intent != Intent::Delete {
            going.remove(change.key);
        } else if goes(change.key, change.version) {
            going.insert(change.key);
        }
    }
    let of = world.owned(inc, batch.transfer) + guard.deleted;
    let deletes = u64::try_from(going.len()).unwrap_or(u64::MAX) + guard.deleted;
    if going.is_empty() || deletes <= guard.allowed.max(guard.share.most_of(of)) {
        return Ok(());
    }
    Err(DestinationError::TooManyDeletes { deletes, of })
}

/// Deletes what a complete window has proved to be gone, unless it is too much.
pub(super) fn sweep(world: &mut World, sweep: &Sweep) -> Result<Swept, DestinationError> {
    world.check_fence(sweep.transfer, sweep.fence)?;
    let owned = world.owned(sweep.target.incarnation, sweep.transfer);
    let marked = marked(world, sweep);
    let unseen = if sweep.snapshot { unseen(world, sweep) } else { Vec::new() };
    let has_marks = world.marks.get(&sweep.transfer).is_some_and(|marks| !marks.is_empty());
    let (unseen_count, marked_count) = (length(&unseen), length(&marked));
    if let Some(within) = sweep.within {
        let before = owned.saturating_sub(within.created);
        let is_empty = sweep.snapshot && !has_marks && marked.is_empty() && owned > 0;
        let going = unseen.iter().chain(marked.iter().map(|(key, _)| key));
        let rows = Some(going.map(Vec::as_slice).collect());
        let held = |by| Swept::Held { by, deletes: unseen_count + marked_count, of: before, rows };
        if is_empty || unseen_count > within.unseen.most_of(before) {
            return Ok(held(DeletedBy::Snapshot));
        }
        if marked_count > within.marked.most_of(before) {
            return Ok(held(DeletedBy::Field));
        }
    }
    let marked = marked.iter().map(|(key, version)| (key, Some(version)));
    for (key, said) in unseen.iter().map(|key| (key, None)).chain(marked) {
        remove(world, sweep, key, said);
    }
    if sweep.snapshot {
        drop_unseen_rejects(world, sweep);
    }
    world.entity(sweep.target.incarnation).revision += 1;
    world.marks.remove(&sweep.transfer);
    world.doomed.remove(&sweep.transfer);
    if let Some(reading) = sweep.completes {
        world.complete(sweep.transfer, reading);
    }
    let mut checkpoint = sweep.checkpoint.clone();
    checkpoint.count_swept(unseen_count, Staying::default());
    world.checkpoints.insert(sweep.transfer, checkpoint);
    if let Some(run) = &sweep.record {
        let mut run = run.as_ref().clone();
        // Those that records said were counted as skipped, as far as that run has counted them.
        let counted = marked_count.min(run.tally.skipped);
        run.tally.skipped -= counted;
        run.tally.deleted += counted;
        run.tally.swept += unseen_count + marked_count - counted;
        world.runs.insert(run.id, run);
    }
    Ok(Swept::Done { unseen: unseen_count, marked: marked_count, staying: Staying::default() })
}

fn length<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

/// The keys that records said are deleted and whose rows are no newer, with the versions of these records.
fn marked(world: &World, sweep: &Sweep) -> Vec<(Key, Vec<u8>)> {
    let Some(entity) = world.entities.get(&sweep.target.incarnation) else { return Vec::new() };
    let doomed = world.doomed.get(&sweep.transfer).into_iter().flatten();
    let goes = |key: &Key, version: &[u8]| {
        let row = entity.rows.get(key).filter(|row| row.owner == sweep.transfer);
        row.is_some_and(|row| !is_older(version, row.version_of(sweep.transfer)))
    };
    doomed
        .filter(|(key, version)| goes(key, version))
        .map(|(key, version)| (key.clone(), version.clone()))
        .collect()
}

/// The keys of rows that the window did not show.
fn unseen(world: &World, sweep: &Sweep) -> Vec<Key> {
    let Some(entity) = world.entities.get(&sweep.target.incarnation) else { return Vec::new() };
    let is_shown = |key: &Key| {
        let mark = world.marks.get(&sweep.transfer).and_then(|marks| marks.get(key));
        mark.is_some_and(|mark| !mark.is_deleted)
    };
    let is_doomed =
        |key: &Key| world.doomed.get(&sweep.transfer).is_some_and(|doomed| doomed.contains_key(key));
    let own = entity.rows.iter().filter(|(_, row)| row.owner == sweep.transfer);
    own.map(|(key, _)| key).filter(|key| !is_shown(key) && !is_doomed(key)).cloned().collect()
}

/// Drops the rejects of keys that the window did not show.
fn drop_unseen_rejects(world: &mut World, sweep: &Sweep) {
    let World { rejects, marks, doomed, .. } = world;
    let Some(rejects) = rejects.get_mut(&sweep.transfer) else { return };
    let is_shown = |key: &Key| {
        let mark = marks.get(&sweep.transfer).and_then(|marks| marks.get(key));
        mark.is_some_and(|mark| !mark.is_deleted)
            || doomed.get(&sweep.transfer).is_some_and(|doomed| doomed.contains_key(key))
    };
    rejects.kept.retain(|_, (reject, _)| key_of(reject).is_none_or(|key| is_shown(&key)));
}

/// Removes a row, at the version that a record said or at its own.
fn remove(world: &mut World, sweep: &Sweep, key: &Key, said: Option<&Vec<u8>>) {
    let entity = world.entity(sweep.target.incarnation);
    let Some(row) = entity.rows.remove(key) else { return };
    let said_at = said.filter(|version| !version.is_empty());
    let version = said_at.map_or_else(|| row.version_of(sweep.transfer), Vec::as_slice).to_vec();
    if !version.is_empty() {
        bury(entity, key, Tombstone { transfer: sweep.transfer, version, is_swept: true, at: sweep.at });
    }
    let rejects = world.rejects.entry(sweep.transfer).or_default();
    rejects.supersede(key, said.map_or(&[], Vec::as_slice));
}

/// Remembers the end of a row, unless a later one by the same transfer is known.
pub(super) fn bury(entity: &mut super::world::Entity, key: &[u8], tombstone: Tombstone) {
    let before = entity.tombstones.get(key).filter(|before| before.transfer == tombstone.transfer);
    if before.is_none_or(|before| !is_older(&tombstone.version, &before.version)) {
        entity.tombstones.insert(key.to_vec(), tombstone);
    }
}
