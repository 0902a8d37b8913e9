//! One batch of a run: each change is looked up once, decided, and written at most once.
//!
//! Changes and rejects take effect in the order of their records, so that of one key the last word counts. Buffers
//! are reused from change to change, and tables that are known to hold nothing for this entity are not asked.

mod create;
pub(super) mod keep;

use std::borrow::Cow;
use std::collections::BTreeMap;

use raccord_model::checkpoint::{Checkpoint, Partition, Shift, Window};
use raccord_model::fact::{Tally, Uid};
use raccord_model::language::Mode;
use raccord_model::port::sink::{Batch, Change, Intent, SinkError};
use raccord_model::row::{FieldId, apply_patch, empty_row};
use redb::ReadableTable;

use super::classify::{self, Absent, Effect, KnownTombstone, Rules};
use super::owners::Owners;
use super::rejects::{self, Rejects};
use super::tombstone::NewTombstone;
use super::unique::Index;
use super::{doomed, guard, partitions, seen, suspect, tombstone, unique, waiting};
use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::inbox;
use crate::record::{Record, Stamp};
use crate::state;
use crate::table::{self, Tables};

/// A batch under way: what is known of its entity, what has changed in number, and buffers.
struct BatchWriter<'b> {
    batch: &'b Batch,
    rules: Rules,
    /// The row that a created one begins with.
    defaults: &'b [u8],
    /// The transfers of which enrichments wait for rows of this incarnation.
    waiting: Vec<Uid>,
    /// How many enrichments of this transfer wait.
    own_waiting: u64,
    has_tombstones: bool,
    /// Whether deletions of this transfer wait for the end of its window.
    has_doomed: bool,
    /// How many values were kept, by field, because no record had their path.
    kept: BTreeMap<FieldId, u64>,
    rejects: Rejects,
    /// Whose the rows are that are there.
    owners: Owners,
    /// What shows that pages shifted.
    shift: Option<Shift>,
    /// Whether a row was written.
    has_written: bool,
    /// Which digests of unchanged rows are replaced.
    renewal: keep::Renewal,
    /// How many rows there are more or fewer. All of them are this transfer's: others' are never created by it, and
    /// deleted only once they are its own.
    rows: i64,
    tally: Tally,
    /// `inc key`.
    key: Vec<u8>,
    /// The record to be written.
    value: Vec<u8>,
    /// The record after the next enrichment.
    spare: Vec<u8>,
    /// `uid key`.
    mark: Vec<u8>,
}

/// Classifies the changes of a batch and keeps what is wanted, with its checkpoint.
pub(super) fn commit(tables: &mut Tables<'_>, batch: &Batch) -> Result<Result<Tally, SinkError>, StoreError> {
    if let Some(guard) = &batch.guard
        && let Some(refused) = guard::refuse(tables, batch, guard)?
    {
        return Ok(Err(refused));
    }
    if keep::is_outdated(tables, batch)? {
        return Ok(Err(SinkError::Outdated));
    }
    write(tables, batch).map(Ok)
}

fn write(tables: &mut Tables<'_>, batch: &Batch) -> Result<Tally, StoreError> {
    unique::align(tables, batch.target.incarnation, &batch.target.unique)?;
    tombstone::purge(tables, batch.at)?;
    let mut pass = BatchWriter::begin(tables, batch)?;
    let mut rejects = batch.placed_rejects().peekable();
    for (number, change) in batch.changes.iter().enumerate() {
        while let Some(placed) = rejects.next_if(|placed| placed.after <= number) {
            pass.rejects.keep(tables, placed.reject, placed.version)?;
        }
        pass.take(tables, change)?;
    }
    for placed in rejects {
        pass.rejects.keep(tables, placed.reject, placed.version)?;
    }
    pass.end(tables)
}

impl<'b> BatchWriter<'b> {
    fn begin(tables: &Tables<'_>, batch: &'b Batch) -> Result<Self, StoreError> {
        let inc = batch.target.incarnation;
        let count = |counter| counter::read(&tables.counters, counter);
        let defaults: &[u8] = &batch.target.defaults;
        Ok(Self {
            batch,
            rules: Rules::new(batch.mode, &batch.updates),
            defaults: if defaults.is_empty() { empty_row() } else { defaults },
            waiting: counter::waiting(&tables.counters, inc)?,
            own_waiting: count(Counter::Waiting(inc, batch.transfer))?,
            has_tombstones: count(Counter::Tombstones(inc))? > 0,
            has_doomed: doomed::has_any(&tables.doomed, batch.transfer)?,
            kept: BTreeMap::new(),
            rejects: Rejects::begin(tables, batch.transfer, batch.at, batch.keep_rejects.1)?,
            owners: Owners::new(batch.transfer),
            shift: None,
            has_written: false,
            renewal: keep::Renewal::of(&batch.changes),
            rows: 0,
            tally: Tally::default(),
            key: table::incarnation(inc).to_vec(),
            value: Vec::new(),
            spare: Vec::new(),
            mark: table::uid(&batch.transfer).to_vec(),
        })
    }

    /// Takes one change in.
    fn take(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<(), StoreError> {
        self.key.truncate(size_of::<u64>());
        self.key.extend_from_slice(change.key);
        let effect = match change.intent {
            Intent::Upsert => self.upsert(tables, change)?,
            Intent::Delete => self.delete(tables, change)?,
            Intent::Keep => return self.keep_row(tables, change),
        };
        // One that says it is deleted marks its place alone: what a snapshot shows that way is not there.
        let is_deleted = change.intent == Intent::Delete;
        if self.batch.mark_seen && (!is_deleted || self.batch.spot.is_some()) {
            self.mark_seen(tables, change.key, is_deleted)?;
        }
        if effect.is_settled() {
            self.rejects.supersede(tables, change.key, change.version)?;
        }
        self.count(effect);
        Ok(())
    }

    /// Keeps what belongs to the batch as a whole.
    fn end(mut self, tables: &mut Tables<'_>) -> Result<Tally, StoreError> {
        let (inc, transfer) = (self.batch.target.incarnation, self.batch.transfer);
        if self.batch.mark_seen {
            // A record that was rejected was shown all the same.
            for key in self.batch.rejects.iter().filter_map(rejects::key) {
                self.mark_seen(tables, &key, false)?;
            }
        }
        let mapped = u64::try_from(self.batch.rejects.len()).unwrap_or(u64::MAX);
        self.tally.fetched += mapped;
        self.tally.rejected += mapped;
        self.rejects.bound(tables, self.batch.keep_rejects.0)?;
        self.tally.newly_rejected = self.rejects.end(tables)?;
        self.owners.count(&mut tables.counters, inc)?;
        counter::add(&mut tables.counters, Counter::Rows(inc), self.rows)?;
        counter::add(&mut tables.counters, Counter::Owned(inc, transfer), self.rows)?;
        if self.has_written {
            table::revise_rows(tables, inc)?;
        }
        keep_checkpoint(tables, self.batch, self.shift, &self.kept)?;
        inbox::consume(tables, transfer, &self.batch.consumed)?;
        inbox::postpone(tables, transfer, &self.batch.postponed)?;
        if let Some(run) = &self.batch.record {
            state::put_run(tables, run)?;
        }
        Ok(self.tally)
    }

    fn upsert(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<Effect, StoreError> {
        if self.has_doomed
            && let Some(version) = doomed::version(tables, &mut self.mark, change)?
        {
            return self.upsert_doomed(tables, change, version);
        }
        let Some(found) = tables.rows.get(self.key.as_slice())? else {
            return self.upsert_absent(tables, change);
        };
        let old = Record::decode(found.value())?;
        let (transfer, owner) = (self.batch.transfer, old.owner);
        if classify::is_older(change.version, old.version_of(transfer)) {
            return Ok(Effect::Skipped);
        }
        let is_adopted = self.rules.mode == Mode::Own && self.owners.is_gone(&tables.transfers, owner)?;
        let old = if is_adopted { old.adopted_by(transfer) } else { old };
        self.value.clear();
        // A row that keeps a value for want of a path is not made of the record alone.
        let digest = change.digest.filter(|_| self.batch.suspects.is_empty());
        old.begin_next(&mut self.value, Stamp { digest, ..stamp(self.batch, change) });
        let row_at = self.value.len();
        apply_patch(old.row, change.patch, &mut self.value)?;
        if !self.batch.suspects.is_empty() && self.value.get(row_at..) != Some(old.row) {
            let suspects = &self.batch.suspects;
            suspect::keep(old.row, suspects, (&mut self.value, row_at), (&mut self.spare, &mut self.kept))?;
        }
        let new = self.value.get(row_at..).unwrap_or_default();
        let effect = classify::present(self.rules, new == old.row);
        match effect {
            Effect::Updated => {
                let fields = &self.batch.target.unique;
                if let Some(field) = unique::conflict(&tables.unique, fields, &self.key, new)? {
                    drop(found);
                    return self.refuse(tables, change, field, None);
                }
                unique::replace(
                    Index { holders: &mut tables.unique, sharers: &mut tables.sharers },
                    fields,
                    &self.key,
                    old.row,
                    new,
                )?;
            }
            _ if self.is_seen_later(&old, change, effect) => {}
            _ if is_adopted || self.renews_digest(&old, digest, effect) => self.restamp(&old, change, effect),
            _ => return Ok(effect),
        }
        drop(found);
        tables.rows.insert(self.key.as_slice(), self.value.as_slice())?;
        self.has_written = true;
        if is_adopted {
            self.owners.adopt(owner);
        }
        Ok(effect)
    }

    /// Shows a row again whose deletion waits for the end of the window: it is created anew, as after a deletion that
    /// was done at once.
    fn upsert_doomed(
        &mut self,
        tables: &mut Tables<'_>,
        change: Change<'_>,
        version: Vec<u8>,
    ) -> Result<Effect, StoreError> {
        let tombstone = KnownTombstone { version, is_swept: false };
        if classify::absent(self.rules, change.version, Some(&tombstone)) != Absent::Create {
            return Ok(Effect::Skipped);
        }
        doomed::unmark(tables, &mut self.mark, change)?;
        if let Some(old) = tables.rows.remove(self.key.as_slice())?.map(|old| old.value().to_vec()) {
            self.has_written = true;
            let index = Index { holders: &mut tables.unique, sharers: &mut tables.sharers };
            let row = Record::decode(&old)?.row;
            unique::replace(index, &self.batch.target.unique, &self.key, row, empty_row())?;
            self.rows -= 1;
        }
        self.upsert_absent(tables, change)
    }

    /// Whether a change that leaves the row as it is shows a later version of it. Then `value` is the row with that
    /// version: what lies between is too late, also when what was shown is not wanted.
    fn is_seen_later(&mut self, old: &Record<'_>, change: Change<'_>, effect: Effect) -> bool {
        let stored = old.version_of(self.batch.transfer);
        if change.version.is_empty() || change.version == stored || classify::is_older(change.version, stored)
        {
            return false;
        }
        self.restamp(old, change, effect);
        true
    }

    /// Makes `value` the row as it is, with the version of a change; and with its digest, when the row is what its record
    /// makes.
    fn restamp(&mut self, old: &Record<'_>, change: Change<'_>, effect: Effect) {
        let is_made_of_it = effect == Effect::Unchanged && self.batch.suspects.is_empty();
        let digest = if is_made_of_it { change.digest } else { old.digest };
        self.value.clear();
        old.begin_next(&mut self.value, Stamp { run: old.run, digest, ..stamp(self.batch, change) });
        self.value.extend_from_slice(old.row);
    }

    fn delete(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<Effect, StoreError> {
        let transfer = self.batch.transfer;
        let Some(found) = tables.rows.get(self.key.as_slice())? else {
            // Its creation may be on its way, and is then too late.
            self.write_tombstone(tables, change)?;
            return Ok(classify::delete(self.rules, false, change.version, &[]));
        };
        let old = Record::decode(found.value())?;
        let owner = old.owner;
        let is_ours = owner == transfer
            || (self.rules.mode == Mode::Own && self.owners.is_gone(&tables.transfers, owner)?);
        let effect = classify::delete(self.rules, is_ours, change.version, old.version_of(transfer));
        if effect != Effect::Deleted {
            let is_later = self.is_seen_later(&old, change, effect);
            drop(found);
            if is_later {
                tables.rows.insert(self.key.as_slice(), self.value.as_slice())?;
                self.has_written = true;
            }
            return Ok(effect);
        }
        if self.batch.defer_deletes {
            // The sweep goes by the owner that stands in the row.
            let is_adopted = owner != transfer;
            if is_adopted {
                self.value.clear();
                let stamp = Stamp { transfer, run: old.run, version: &[], digest: None };
                old.adopted_by(transfer).begin_next(&mut self.value, stamp);
                self.value.extend_from_slice(old.row);
            }
            drop(found);
            if is_adopted {
                tables.rows.insert(self.key.as_slice(), self.value.as_slice())?;
                self.has_written = true;
                self.owners.adopt(owner);
            }
            self.has_doomed = true;
            let is_news = doomed::mark(tables, &mut self.mark, change)?;
            return Ok(if is_news { Effect::Doomed } else { Effect::Skipped });
        }
        let fields = &self.batch.target.unique;
        unique::replace(
            Index { holders: &mut tables.unique, sharers: &mut tables.sharers },
            fields,
            &self.key,
            old.row,
            empty_row(),
        )?;
        drop(found);
        tables.rows.remove(self.key.as_slice())?;
        self.has_written = true;
        self.owners.adopt(owner);
        self.rows -= 1;
        self.write_tombstone(tables, change)?;
        Ok(effect)
    }

    /// Remembers that the key is gone, and what waited for it goes too.
    fn write_tombstone(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<(), StoreError> {
        let transfer = self.batch.transfer;
        if self.rules.mode == Mode::Enrich {
            drop(waiting::take(tables, self.batch.target.incarnation, transfer, change.key)?);
        } else if self.rules.deleted && !change.version.is_empty() {
            let (version, at) = (change.version, self.batch.at);
            tombstone::write_tombstone(
                tables,
                &self.key,
                NewTombstone { transfer, version, is_swept: false, at },
            )?;
            self.has_tombstones = true;
        }
        Ok(())
    }

    /// Rejects what maps but cannot be stored; `reason` replaces the one that a unique field gives.
    fn refuse(
        &mut self,
        tables: &mut Tables<'_>,
        change: Change<'_>,
        field: FieldId,
        reason: Option<&str>,
    ) -> Result<Effect, StoreError> {
        let number = usize::try_from(self.tally.fetched).unwrap_or(usize::MAX);
        let mut reject = (self.batch.refuse.0)(number, field);
        if let Some(reason) = reason {
            reason.clone_into(&mut reject.reason);
        }
        reject.key = Some(rejects::hexadecimal(change.key));
        self.rejects.keep(tables, &reject, change.version)?;
        Ok(Effect::Rejected)
    }

    fn mark_seen(&mut self, tables: &mut Tables<'_>, key: &[u8], is_deleted: bool) -> Result<(), StoreError> {
        self.mark.truncate(size_of::<uuid::Bytes>());
        self.mark.extend_from_slice(key);
        let shift = seen::mark(&mut tables.seen, &self.mark, self.batch.spot, is_deleted)?;
        self.shift = self.shift.or(shift);
        Ok(())
    }

    const fn count(&mut self, effect: Effect) {
        self.tally.fetched += 1;
        let counted = match effect {
            Effect::Created => &mut self.tally.created,
            Effect::Updated => &mut self.tally.updated,
            Effect::Deleted | Effect::Doomed => &mut self.tally.deleted,
            Effect::Unchanged => &mut self.tally.unchanged,
            Effect::Skipped | Effect::Gone | Effect::Waits => &mut self.tally.skipped,
            Effect::Rejected => &mut self.tally.rejected,
        };
        *counted += 1;
    }
}

/// Keeps the checkpoint of a batch and what goes with it: how far partitions were read, and whether anything has shifted.
fn keep_checkpoint(
    tables: &mut Tables<'_>,
    batch: &Batch,
    shown: Option<Shift>,
    kept: &BTreeMap<FieldId, u64>,
) -> Result<(), StoreError> {
    let transfer = batch.transfer;
    let Some(checkpoint) = &batch.checkpoint else { return Ok(()) };
    let checkpoint = &*with_kept(checkpoint, kept);
    let mut shift = shown;
    if let Some(window) = &checkpoint.window {
        for mark in &batch.partitions {
            shift = shift.or(partitions::note(
                tables,
                transfer,
                window.into(),
                mark,
                shown.is_none() && !mark.waits,
            )?);
        }
    }
    match (shift, &checkpoint.window) {
        (Some(shift), Some(window)) => {
            let shifted = |it: Partition| Partition { shifted: it.shifted || shown.is_some(), ..it };
            let (shift, partition) = (window.shift.or(Some(shift)), window.partition.map(shifted));
            let window = Some(Window { shift, partition, ..window.clone() });
            super::advance(tables, transfer, &Checkpoint { window, ..checkpoint.clone() })?;
        }
        _ => super::advance(tables, transfer, checkpoint)?,
    }
    if let Some(reading) = batch.accepts {
        partitions::accept(tables, transfer, reading)?;
    }
    if let Some(reading) = batch.completes {
        seen::forget(tables, transfer)?;
        partitions::complete(tables, transfer, reading)?;
    }
    Ok(())
}

/// A checkpoint in whose window the values are counted that were kept.
fn with_kept<'c>(checkpoint: &'c Checkpoint, kept: &BTreeMap<FieldId, u64>) -> Cow<'c, Checkpoint> {
    if kept.is_empty() {
        return Cow::Borrowed(checkpoint);
    }
    let mut checkpoint = checkpoint.clone();
    if let Some(window) = &mut checkpoint.window {
        for (field, count) in kept {
            *window.kept.entry(*field).or_default() += count;
        }
    }
    Cow::Owned(checkpoint)
}

/// Who writes a change.
const fn stamp<'a>(batch: &Batch, change: Change<'a>) -> Stamp<'a> {
    Stamp { transfer: batch.transfer, run: batch.run, version: change.version, digest: change.digest }
}
