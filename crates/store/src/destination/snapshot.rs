//! The end of a window: the rows that go because its records say so, or because a snapshot did not show them. Also the
//! end of an incarnation.

use raccord_model::fact::{DeletedBy, RejectId, RowsDigest, Uid};
use raccord_model::language::deletes::Percent;
use raccord_model::port::destination::{Staying, Sweep, Swept, Within};
use raccord_model::row::empty_row;
use redb::ReadableTable;

use super::doomed;
use super::rejects::Rejects;
use super::tombstone::{self, NewTombstone};
use super::unique::{self, Index};
use super::{partitions, seen};
use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::fact;
use crate::record::Record;
use crate::table::{self, Tables, Under};
use raccord_model::classify::is_older;

/// Begins a window whose keys are marked: what an earlier one has marked is forgotten, and so is that window, for nothing
/// may continue or approve one whose marks are gone.
pub(super) fn begin(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    seen::forget(tables, transfer)?;
    doomed::forget(tables, transfer)?;
    let key = table::uid(&transfer);
    let earlier = tables.checkpoints.get(key.as_slice())?;
    let Some(mut earlier) = earlier.map(|json| super::checkpoint(json.value())).transpose()? else {
        return Ok(());
    };
    if earlier.window.take().is_some() {
        super::advance(tables, transfer, &earlier)?;
    }
    Ok(())
}

/// Deletes the rows of a transfer that its complete window has proved to be gone, unless they are too many.
pub(super) fn sweep(tables: &mut Tables<'_>, sweep: &Sweep) -> Result<Swept, StoreError> {
    let inc = sweep.target.incarnation;
    unique::align(tables, inc, &sweep.target.unique)?;
    let owned = counter::read(&tables.counters, Counter::Owned(inc, sweep.transfer))?;
    let before = owned.saturating_sub(sweep.within.map_or(0, |within| within.created));
    let most = |share: fn(&Within) -> Percent| {
        sweep.within.map_or(u64::MAX, |within| share(&within).most_of(before))
    };
    let (most_unseen, most_marked) = (most(|within| within.unseen), most(|within| within.marked));
    let marked = marked(tables, sweep, most_marked)?;
    let unseen = if sweep.snapshot { unseen(tables, sweep, most_unseen)? } else { Unseen::default() };
    let is_empty = sweep.snapshot && !unseen.has_marks && marked.count == 0 && owned > 0;
    if sweep.within.is_some() {
        let (deletes, rows) = (unseen.count + marked.count, Some(unseen.rows.with(marked.rows)));
        if is_empty || unseen.count > most_unseen {
            return Ok(Swept::Held { by: DeletedBy::Snapshot, deletes, of: before, rows });
        }
        if marked.count > most_marked {
            return Ok(Swept::Held { by: DeletedBy::Field, deletes, of: before, rows });
        }
    }
    let mut rejects = Rejects::begin(tables, sweep.transfer, sweep.at, u64::MAX)?;
    let unseen_keys = unseen.keys.iter().map(|key| (key, None));
    for (key, version) in
        unseen_keys.chain(marked.keys.iter().map(|(key, version)| (key, Some(version.as_slice()))))
    {
        remove(tables, sweep, key, version)?;
        rejects.supersede(
            tables,
            key.get(size_of::<u64>()..).unwrap_or_default(),
            version.unwrap_or_default(),
        )?;
    }
    if sweep.snapshot && rejects.has_any() {
        for key in rejected_unseen(tables, sweep.transfer)? {
            rejects.supersede(tables, &key, &[])?;
        }
    }
    rejects.end(tables)?;
    table::revise_rows(tables, inc)?;
    let gone = i64::try_from(unseen.count + marked.count).unwrap_or(i64::MAX);
    counter::add(&mut tables.counters, Counter::Rows(inc), -gone)?;
    counter::add(&mut tables.counters, Counter::Owned(inc, sweep.transfer), -gone)?;
    seen::forget(tables, sweep.transfer)?;
    doomed::forget(tables, sweep.transfer)?;
    if let Some(reading) = sweep.completes {
        partitions::complete(tables, sweep.transfer, reading)?;
    }
    let mut checkpoint = sweep.checkpoint.clone();
    checkpoint.count_swept(unseen.count, Staying::default());
    super::advance(tables, sweep.transfer, &checkpoint)?;
    if let Some(run) = &sweep.record {
        let mut run = run.as_ref().clone();
        // The records that said so were counted as skipped when the run was held.
        let counted = marked.count.min(run.tally.skipped);
        run.tally.skipped -= counted;
        run.tally.deleted += counted;
        run.tally.swept += unseen.count + (marked.count - counted);
        fact::put_run(tables, &run)?;
    }
    Ok(Swept::Done { unseen: unseen.count, marked: marked.count, staying: Staying::default() })
}

/// What the records of a window say is deleted.
#[derive(Default)]
struct Marked {
    /// How many rows that are there.
    count: u64,
    /// Which.
    rows: RowsDigest,
    /// Their full keys and the versions at which they end, as long as they are not too many.
    keys: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The rows of a transfer that are marked and no newer than their mark.
fn marked(tables: &Tables<'_>, sweep: &Sweep, most: u64) -> Result<Marked, StoreError> {
    let inc = table::incarnation(sweep.target.incarnation);
    let mut found = Marked::default();
    for entry in tables.doomed.range::<&[u8]>(Under::new(&[table::uid(&sweep.transfer)]).bounds())? {
        let (mark, version) = entry?;
        let full = [inc.as_slice(), mark_key(mark.value())].concat();
        let Some(value) = tables.rows.get(full.as_slice())? else { continue };
        let record = Record::decode(value.value())?;
        if record.owner != sweep.transfer || is_older(version.value(), record.version) {
            continue;
        }
        found.count += 1;
        found.rows.add(mark_key(mark.value()));
        if found.count <= most {
            found.keys.push((full, version.value().to_vec()));
        }
    }
    Ok(found)
}

/// What a snapshot did not show.
#[derive(Default)]
struct Unseen {
    /// Whether it showed any key at all.
    has_marks: bool,
    /// How many rows it did not.
    count: u64,
    /// Which.
    rows: RowsDigest,
    /// Their full keys, as long as they are not too many.
    keys: Vec<Vec<u8>>,
}

/// Walks rows and marks side by side: both are in the order of keys.
fn unseen(tables: &Tables<'_>, sweep: &Sweep, most: u64) -> Result<Unseen, StoreError> {
    let inc = table::incarnation(sweep.target.incarnation);
    let mut marks = tables.seen.range::<&[u8]>(Under::new(&[table::uid(&sweep.transfer)]).bounds())?;
    let mut mark = marks.next().transpose()?;
    let mut found = Unseen { has_marks: mark.is_some(), ..Unseen::default() };
    let has_doomed = doomed::has_any(&tables.doomed, sweep.transfer)?;
    let mut doomed_key = table::uid(&sweep.transfer).to_vec();
    for entry in tables.rows.range::<&[u8]>(Under::new(&[&inc]).bounds())? {
        let (full, value) = entry?;
        if Record::decode(value.value())?.owner != sweep.transfer {
            continue;
        }
        let key = full.value().get(inc.len()..).unwrap_or_default();
        while mark.as_ref().is_some_and(|(mark, _)| mark_key(mark.value()) < key) {
            mark = marks.next().transpose()?;
        }
        if mark.as_ref().is_some_and(|(mark, how)| mark_key(mark.value()) == key && seen::shows(how.value()))
        {
            continue;
        }
        if has_doomed {
            doomed_key.truncate(size_of::<uuid::Bytes>());
            doomed_key.extend_from_slice(key);
            if tables.doomed.get(doomed_key.as_slice())?.is_some() {
                continue;
            }
        }
        found.count += 1;
        found.rows.add(key);
        if found.count <= most {
            found.keys.push(full.value().to_vec());
        }
    }
    Ok(found)
}

/// The keys of rejects that a snapshot did not show.
fn rejected_unseen(tables: &Tables<'_>, transfer: Uid) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut keys = Vec::new();
    for entry in tables.reject_keys.range::<&[u8]>(Under::new(&[table::uid(&transfer)]).bounds())? {
        let (carrier, _) = entry?;
        let Some(mark) = carrier.value().len().checked_sub(size_of::<RejectId>()) else { continue };
        let mark = carrier.value().get(..mark).unwrap_or_default();
        let is_shown = tables.seen.get(mark)?.is_some_and(|how| seen::shows(how.value()));
        if !is_shown && tables.doomed.get(mark)?.is_none() {
            keys.push(mark_key(mark).to_vec());
        }
    }
    Ok(keys)
}

/// The key in a mark.
fn mark_key(mark: &[u8]) -> &[u8] {
    mark.get(size_of::<uuid::Bytes>()..).unwrap_or_default()
}

/// Removes a row: one that a record said is deleted at a version, or one that was not shown.
fn remove(tables: &mut Tables<'_>, sweep: &Sweep, key: &[u8], said: Option<&[u8]>) -> Result<(), StoreError> {
    let Some(old) = tables.rows.remove(key)? else { return Ok(()) };
    let record = Record::decode(old.value())?;
    let index = Index { holders: &mut tables.unique, sharers: &mut tables.sharers };
    unique::replace(index, &sweep.target.unique, key, record.row, empty_row())?;
    let version = said.filter(|said| !said.is_empty()).unwrap_or(record.version).to_vec();
    drop(old);
    if version.is_empty() {
        return Ok(());
    }
    let burial = NewTombstone { transfer: sweep.transfer, version: &version, is_swept: true, at: sweep.at };
    tombstone::write_tombstone(tables, key, burial)
}

/// Removes everything that is kept under an incarnation; returns how many rows that were.
pub(super) fn collect(tables: &mut Tables<'_>, number: u64) -> Result<u64, StoreError> {
    let count = counter::read(&tables.counters, Counter::Rows(number))?;
    let inc = table::incarnation(number);
    let all = Under::new(&[&inc]);
    let Tables { rows, unique, sharers, waiting, tombstones, .. } = tables;
    for table in [rows, unique, sharers, waiting, tombstones] {
        table.retain_in::<&[u8], _>(all.bounds(), |_, _| false)?;
    }
    tables.tombstone_times.retain(|key, _| key.get(8..16) != Some(&inc))?;
    tables.unique_fields.remove(inc.as_slice())?;
    tables.row_revisions.remove(inc.as_slice())?;
    let mut counters = vec![Counter::Rows(number), Counter::Tombstones(number)];
    let owners = counter::owners(&tables.counters, number)?;
    counters.extend(owners.into_iter().map(|owner| Counter::Owned(number, owner)));
    let waiting = counter::waiting(&tables.counters, number)?;
    counters.extend(waiting.into_iter().map(|transfer| Counter::Waiting(number, transfer)));
    for counter in counters {
        counter::set(&mut tables.counters, counter, 0)?;
    }
    Ok(count)
}
