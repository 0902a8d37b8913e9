//! One batch of a run: each change is looked up once, decided by `model::classify`, and written at most once.
//!
//! Changes and rejects take effect in the order of their records, so that of one key the last word counts. Buffers
//! are reused from change to change, and tables that are known to hold nothing for this entity are not asked.

mod create;
pub(super) mod keep;

use std::collections::BTreeMap;

use raccord_model::checkpoint::{Partition, Shift};
use raccord_model::classify::{self, Beside, Effect, Ending, KnownRow, Terms, Write};
use raccord_model::fact::{Reject, Tally, Uid};
use raccord_model::port::destination::{Batch, Change, DestinationError, Intent};
use raccord_model::row::{FieldId, empty_row};
use redb::ReadableTable;

use super::owners::Owners;
use super::rejects::{self, Rejects};
use super::tombstone::NewTombstone;
use super::unique::Index;
use super::{doomed, guard, partitions, seen, tombstone, unique, waiting};
use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::fact;
use crate::inbox;
use crate::record::{Record, Stamp};
use crate::table::{self, Raw, Tables};

/// A batch under way: what is known of its entity, what has changed in number, and buffers.
struct BatchWriter<'b> {
    batch: &'b Batch,
    terms: Terms<'b>,
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
    owners: Owners<'b>,
    /// What shows that pages shifted.
    shift: Option<Shift>,
    /// Whether a row was written.
    has_written: bool,
    /// How many rows there are more or fewer. All of them are this transfer's: others' are never created by it, and
    /// deleted only once they are its own.
    rows: i64,
    tally: Tally,
    /// `inc key`.
    key: Vec<u8>,
    /// The row that was decided about.
    next: Vec<u8>,
    /// The record to be written.
    value: Vec<u8>,
    /// The record after the next enrichment.
    spare: Vec<u8>,
    /// `uid key`.
    mark: Vec<u8>,
}

/// Classifies the changes of a batch and keeps what is wanted, with its checkpoint.
pub(super) fn commit(
    tables: &mut Tables<'_>,
    batch: &Batch,
) -> Result<Result<Tally, DestinationError>, StoreError> {
    if let Some(guard) = &batch.guard
        && let Some(refused) = guard::refuse(tables, batch, guard)?
    {
        return Ok(Err(refused));
    }
    if keep::is_outdated(tables, batch)? {
        return Ok(Err(DestinationError::Outdated));
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
        Ok(Self {
            batch,
            terms: Terms::of(batch),
            waiting: counter::waiting(&tables.counters, inc)?,
            own_waiting: count(Counter::Waiting(inc, batch.transfer))?,
            has_tombstones: count(Counter::Tombstones(inc))? > 0,
            has_doomed: doomed::has_any(&tables.doomed, batch.transfer)?,
            kept: BTreeMap::new(),
            rejects: Rejects::begin(tables, batch.transfer, batch.at, batch.keep_rejects.1)?,
            owners: Owners::new(batch),
            shift: None,
            has_written: false,
            rows: 0,
            tally: Tally::default(),
            key: table::incarnation(inc).to_vec(),
            next: Vec::new(),
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
        effect.count(&mut self.tally);
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
        keep_checkpoint(tables, self.batch, (self.shift, &self.kept, &self.tally))?;
        inbox::consume(tables, transfer, &self.batch.consumed)?;
        inbox::postpone(tables, transfer, &self.batch.postponed)?;
        if let Some(run) = &self.batch.record {
            fact::put_run(tables, run)?;
        }
        Ok(self.tally)
    }

    fn upsert(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<Effect, StoreError> {
        if self.has_doomed
            && let Some(version) = doomed::version(tables, &mut self.mark, change)?
        {
            if !classify::revives(&self.terms, change, &version) {
                return Ok(Effect::Skipped);
            }
            self.remove_doomed(tables, change)?;
            return self.upsert_absent(tables, change);
        }
        let Some(found) = tables.rows.get(self.key.as_slice())? else {
            return self.upsert_absent(tables, change);
        };
        let old = Record::decode(found.value())?;
        let owner = old.owner;
        let known = known_row(&mut self.owners, &tables.transfers, &old)?;
        let verdict = classify::upsert(&self.terms, change, &known, &mut self.next)?;
        for field in verdict.kept {
            *self.kept.entry(field).or_default() += 1;
        }
        let adopts = match verdict.write {
            Write::Row(beside) => {
                let fields = &self.batch.target.unique;
                if let Some(field) = unique::conflict(&tables.unique, fields, &self.key, &self.next)? {
                    drop(found);
                    return self.refuse(tables, change, field, None);
                }
                let index = Index { holders: &mut tables.unique, sharers: &mut tables.sharers };
                unique::replace(index, fields, &self.key, old.row, &self.next)?;
                begin_next(&mut self.value, &old, beside, self.batch, change);
                self.value.extend_from_slice(&self.next);
                beside.adopts
            }
            Write::Beside(beside) => {
                self.put_beside(&old, beside, change);
                beside.adopts
            }
            _ => return Ok(verdict.effect),
        };
        drop(found);
        self.put(tables)?;
        if adopts {
            self.owners.adopt(owner);
        }
        Ok(verdict.effect)
    }

    /// Makes `value` the row as it is, with what changes beside it.
    fn put_beside(&mut self, old: &Record<'_>, beside: Beside, change: Change<'_>) {
        self.value.clear();
        let stamp = Stamp { run: old.run, digest: beside.digest, ..stamp(self.batch, change) };
        owned(old, beside.adopts, stamp.transfer).begin_next(&mut self.value, stamp);
        self.value.extend_from_slice(old.row);
    }

    /// Writes `value`.
    fn put(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        tables.rows.insert(self.key.as_slice(), self.value.as_slice())?;
        self.has_written = true;
        Ok(())
    }

    /// Removes a row whose deletion waits for the end of the window.
    fn remove_doomed(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<(), StoreError> {
        doomed::unmark(tables, &mut self.mark, change)?;
        if let Some(old) = tables.rows.remove(self.key.as_slice())?.map(|old| old.value().to_vec()) {
            self.has_written = true;
            let index = Index { holders: &mut tables.unique, sharers: &mut tables.sharers };
            let row = Record::decode(&old)?.row;
            unique::replace(index, &self.batch.target.unique, &self.key, row, empty_row())?;
            self.rows -= 1;
        }
        Ok(())
    }

    fn delete(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<Effect, StoreError> {
        let Some(found) = tables.rows.get(self.key.as_slice())? else {
            let verdict = classify::delete(&self.terms, change, None);
            self.end_key(tables, change, verdict.ending, &[])?;
            return Ok(verdict.effect);
        };
        let old = Record::decode(found.value())?;
        let owner = old.owner;
        let known = known_row(&mut self.owners, &tables.transfers, &old)?;
        let verdict = classify::delete(&self.terms, change, Some(&known));
        let mut effect = verdict.effect;
        match verdict.write {
            Write::Beside(beside) => {
                self.put_beside(&old, beside, change);
                drop(found);
                self.put(tables)?;
            }
            Write::Doom { adopts } => {
                if adopts {
                    // The sweep goes by the owner that stands in the row.
                    let unseen = Change { version: &[], ..change };
                    self.put_beside(&old, Beside { adopts, digest: None }, unseen);
                    drop(found);
                    self.put(tables)?;
                    self.owners.adopt(owner);
                } else {
                    drop(found);
                }
                self.has_doomed = true;
                let is_news = doomed::mark(tables, &mut self.mark, change)?;
                effect = if is_news { effect } else { Effect::Skipped };
            }
            Write::Remove { .. } => {
                let index = Index { holders: &mut tables.unique, sharers: &mut tables.sharers };
                unique::replace(index, &self.batch.target.unique, &self.key, old.row, empty_row())?;
                let shown = known.version.to_vec();
                drop(found);
                tables.rows.remove(self.key.as_slice())?;
                self.has_written = true;
                self.owners.adopt(owner);
                self.rows -= 1;
                self.end_key(tables, change, verdict.ending, &shown)?;
            }
            _ => {}
        }
        Ok(effect)
    }

    /// Remembers what was decided about a key whose row is gone, of which its transfer had shown a version.
    fn end_key(
        &mut self,
        tables: &mut Tables<'_>,
        change: Change<'_>,
        ending: Ending,
        shown: &[u8],
    ) -> Result<(), StoreError> {
        let (transfer, at) = (self.batch.transfer, self.batch.at);
        let version = match ending {
            Ending::Nothing => return Ok(()),
            Ending::Waiting => {
                drop(waiting::take(tables, self.batch.target.incarnation, transfer, change.key)?);
                return Ok(());
            }
            Ending::Tombstone => change.version,
            Ending::TombstoneOfRow => shown,
        };
        let burial = NewTombstone { transfer, version, is_swept: self.batch.defer_deletes, at };
        tombstone::write_tombstone(tables, &self.key, burial)?;
        self.has_tombstones = true;
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
        let reject = self.reject(change, field, reason);
        self.rejects.keep(tables, &reject, change.version)?;
        Ok(Effect::Rejected)
    }

    /// The reject of a record that maps but cannot be stored.
    fn reject(&self, change: Change<'_>, field: FieldId, reason: Option<&str>) -> Reject {
        let number = usize::try_from(self.tally.fetched).unwrap_or(usize::MAX);
        let mut reject = (self.batch.refuse.0)(number, field);
        if let Some(reason) = reason {
            reason.clone_into(&mut reject.reason);
        }
        reject.key = Some(rejects::hexadecimal(change.key));
        reject
    }

    fn mark_seen(&mut self, tables: &mut Tables<'_>, key: &[u8], is_deleted: bool) -> Result<(), StoreError> {
        self.mark.truncate(size_of::<uuid::Bytes>());
        self.mark.extend_from_slice(key);
        let shift = seen::mark(&mut tables.seen, &self.mark, self.batch.spot, is_deleted)?;
        self.shift = self.shift.or(shift);
        Ok(())
    }
}

/// Keeps the checkpoint of a batch and what goes with it: how far partitions were read, whether anything has shifted, how many
/// values were kept, and what became of the records.
fn keep_checkpoint(
    tables: &mut Tables<'_>,
    batch: &Batch,
    (shown, kept, tally): (Option<Shift>, &BTreeMap<FieldId, u64>, &Tally),
) -> Result<(), StoreError> {
    let transfer = batch.transfer;
    let Some(mut checkpoint) = batch.checkpoint.clone() else { return Ok(()) };
    checkpoint.count(tally);
    if let Some(window) = &mut checkpoint.window {
        for (field, count) in kept {
            *window.kept.entry(*field).or_default() += count;
        }
        let mut shift = shown;
        for mark in &batch.partitions {
            let moves = shown.is_none() && !mark.waits;
            shift = shift.or(partitions::note(tables, transfer, (&*window).into(), mark, moves)?);
        }
        if shift.is_some() {
            window.shift = window.shift.or(shift);
            window.partition =
                window.partition.map(|it| Partition { shifted: it.shifted || shown.is_some(), ..it });
        }
    }
    super::advance(tables, transfer, &checkpoint)?;
    if let Some(reading) = batch.accepts {
        partitions::accept(tables, transfer, reading)?;
    }
    if let Some(reading) = batch.completes {
        seen::forget(tables, transfer)?;
        partitions::complete(tables, transfer, reading)?;
    }
    Ok(())
}

/// What is known of a row that is there.
fn known_row<'r>(
    owners: &mut Owners<'_>,
    transfers: &impl ReadableTable<Raw, Raw>,
    old: &Record<'r>,
) -> Result<KnownRow<'r>, StoreError> {
    Ok(KnownRow {
        owner: old.owner,
        is_orphan: owners.is_orphan(transfers, old.owner)?,
        version: old.version_of(owners.transfer()),
        digest: old.digest,
        row: old.row,
    })
}

/// A record as it is, or as a transfer's that takes it over.
fn owned<'r>(old: &Record<'r>, adopts: bool, transfer: Uid) -> Record<'r> {
    if adopts { old.adopted_by(transfer) } else { *old }
}

/// Begins the record that a change makes of another, by the run of its batch. The row follows.
fn begin_next(out: &mut Vec<u8>, old: &Record<'_>, beside: Beside, batch: &Batch, change: Change<'_>) {
    out.clear();
    let stamp = Stamp { digest: beside.digest, ..stamp(batch, change) };
    owned(old, beside.adopts, batch.transfer).begin_next(out, stamp);
}

/// Who writes a change.
const fn stamp<'a>(batch: &Batch, change: Change<'a>) -> Stamp<'a> {
    Stamp { transfer: batch.transfer, run: batch.run, version: change.version, digest: change.digest }
}
