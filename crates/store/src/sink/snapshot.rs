//! Snapshots: which keys were seen, and the rows that go because they were not. Also the end of an incarnation.

use raccord_model::fact::Uid;
use raccord_model::port::sink::{Sweep, Swept};
use raccord_model::row::empty_row;
use redb::ReadableTable;

use super::rejects::Rejects;
use super::tombstone::{self, Burial};
use super::unique::{self, Index};
use super::{partitions, seen};
use crate::broken::Broken;
use crate::counter::{self, Counter};
use crate::record::Record;
use crate::state;
use crate::table::{self, Tables, Under};

/// Begins a window whose keys are marked: what an earlier one has marked is forgotten, and so is that window, for nothing
/// may continue or approve one whose marks are gone.
pub(super) fn begin(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), Broken> {
    seen::forget(tables, transfer)?;
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

/// Deletes the rows of a transfer that its complete snapshot did not show, unless they are too many.
pub(super) fn sweep(tables: &mut Tables<'_>, sweep: &Sweep) -> Result<Swept, Broken> {
    let inc = sweep.target.incarnation;
    unique::align(tables, inc, &sweep.target.unique)?;
    let owned = counter::read(&tables.counters, Counter::Owned(inc, sweep.transfer))?;
    let most = sweep.max_share.map_or(u64::MAX, |share| most(owned, share));
    let unseen = unseen(tables, sweep, most)?;
    let is_empty = !unseen.has_marks && owned > 0;
    if sweep.max_share.is_some() && (is_empty || unseen.count > most) {
        return Ok(Swept::Held { deletes: unseen.count, of: owned });
    }
    let mut rejects = Rejects::begin(tables, sweep.transfer, sweep.at, u64::MAX)?;
    for key in &unseen.keys {
        remove(tables, sweep, key)?;
        rejects.supersede(tables, key.get(size_of::<u64>()..).unwrap_or_default(), &[])?;
    }
    rejects.end(tables)?;
    let gone = i64::try_from(unseen.count).unwrap_or(i64::MAX);
    counter::add(&mut tables.counters, Counter::Rows(inc), -gone)?;
    counter::add(&mut tables.counters, Counter::Owned(inc, sweep.transfer), -gone)?;
    seen::forget(tables, sweep.transfer)?;
    if let Some(reading) = sweep.completes {
        partitions::keep_only(tables, sweep.transfer, reading)?;
    }
    super::advance(tables, sweep.transfer, &sweep.checkpoint)?;
    if let Some(run) = &sweep.record {
        let mut run = run.as_ref().clone();
        run.tally.swept += unseen.count;
        state::put_run(tables, &run)?;
    }
    Ok(Swept::Done(unseen.count))
}

/// How many of so many rows a share allows to go.
fn most(owned: u64, share: u8) -> u64 {
    let most = u128::from(owned) * u128::from(share) / 100;
    u64::try_from(most).unwrap_or(u64::MAX)
}

/// What a snapshot did not show.
#[derive(Default)]
struct Unseen {
    /// Whether it showed any key at all.
    has_marks: bool,
    /// How many rows it did not.
    count: u64,
    /// Their full keys, as long as they are not too many.
    keys: Vec<Vec<u8>>,
}

/// Walks rows and marks side by side: both are in the order of keys.
fn unseen(tables: &Tables<'_>, sweep: &Sweep, most: u64) -> Result<Unseen, Broken> {
    let inc = table::incarnation(sweep.target.incarnation);
    let mut marks = tables.seen.range::<&[u8]>(Under::new(&[table::uid(&sweep.transfer)]).bounds())?;
    let mut mark = marks.next().transpose()?;
    let mut found = Unseen { has_marks: mark.is_some(), ..Unseen::default() };
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
        found.count += 1;
        if found.count <= most {
            found.keys.push(full.value().to_vec());
        }
    }
    Ok(found)
}

/// The key in a mark.
fn mark_key(mark: &[u8]) -> &[u8] {
    mark.get(size_of::<uuid::Bytes>()..).unwrap_or_default()
}

fn remove(tables: &mut Tables<'_>, sweep: &Sweep, key: &[u8]) -> Result<(), Broken> {
    let Some(old) = tables.rows.remove(key)? else { return Ok(()) };
    let record = Record::decode(old.value())?;
    let index = Index { holders: &mut tables.unique, sharers: &mut tables.sharers };
    unique::replace(index, &sweep.target.unique, key, record.row, empty_row())?;
    let version = record.version.to_vec();
    drop(old);
    if version.is_empty() {
        return Ok(());
    }
    let burial = Burial { transfer: sweep.transfer, version: &version, is_swept: true, at: sweep.at };
    tombstone::bury(tables, key, burial)
}

/// Removes everything that is kept under an incarnation; returns how many rows that were.
pub(super) fn collect(tables: &mut Tables<'_>, number: u64) -> Result<u64, Broken> {
    let count = counter::read(&tables.counters, Counter::Rows(number))?;
    let inc = table::incarnation(number);
    let all = Under::new(&[&inc]);
    let Tables { rows, unique, sharers, waiting, tombstones, .. } = tables;
    for table in [rows, unique, sharers, waiting, tombstones] {
        table.retain_in::<&[u8], _>(all.bounds(), |_, _| false)?;
    }
    tables.tombstone_times.retain(|key, _| key.get(8..16) != Some(&inc))?;
    tables.unique_fields.remove(inc.as_slice())?;
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
