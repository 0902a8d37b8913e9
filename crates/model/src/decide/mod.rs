//! One batch, record by record: what becomes of each follows from what a destination has found of its key, by the rules of
//! `classify`. It changes the working set alone; what is different in the end is what the destination writes. For destinations
//! that look up what a batch has to know, decide in memory, and write the difference; nothing here reads or writes anything.

mod absent;
mod deeds;
mod deletion;
pub mod guard;
mod kept;
mod overlay;
pub mod partitions;
mod rejects;
mod sweeping;
mod working;

use std::collections::BTreeMap;

use crate::checkpoint::{Checkpoint, Shift};
use crate::classify::{self, Effect, KnownRow, Terms, Write};
use crate::fact::Tally;
use crate::port::destination::{Batch, Change, Intent, Reading};
use crate::row::{FieldId, NotARow, empty_row};

use self::partitions::pages;
pub use absent::WAITING;
pub use deeds::{Deed, Op, ops};
pub use deletion::{nanoseconds, tombstones_hold_from};
pub use kept::{Flags, is_outdated, keeps_all};
pub use overlay::{Changed, Overlay};
pub use rejects::{Bounds, REMEMBERED, identity, key_of};
pub use sweeping::{Counts, Going, Undeletable, held, row_that_stays, staying, swept, tries_again};
pub use working::{
    Holders, KeptReject, Key, Mark, OtherReject, Stored, Tombstone, UNOWNED, Versions, Waiting, Working,
    all_keys, changed_keys, taken_values,
};

/// Why the database does not take a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field that is to blame, where it is known.
    pub field: Option<FieldId>,
    /// In words that hold no value.
    pub reason: String,
}

/// The rows that the database does not take, by key and bytes.
pub type Refused = BTreeMap<(Key, Vec<u8>), Refusal>;

/// What a patch or a row becomes once it was stored; nothing when it stays as it is.
pub type Narrow = fn(&[u8]) -> Result<Option<Vec<u8>>, NotARow>;

/// How a destination keeps rows.
#[derive(Clone, Copy)]
pub struct Storage<'b> {
    /// The batch's defaults, as they can be stored; empty without any.
    pub defaults: &'b [u8],
    /// The rows that were found not to be storable.
    pub refused: &'b Refused,
    /// What it keeps of values that are finer than its own.
    pub narrow: Narrow,
}

/// What was decided of a batch beside its rows.
#[derive(Debug)]
pub struct Decision {
    /// What became of its records.
    pub tally: Tally,
    /// Where the next page begins, with what the batch has shown of its window. What became of its records is still to be counted
    /// in it ([`Checkpoint::count`]), for which of the rejects are new is seen only when they are kept.
    pub checkpoint: Option<Checkpoint>,
}

/// A batch under way.
struct Pass<'b> {
    batch: &'b Batch,
    terms: Terms<'b>,
    refused: &'b Refused,
    narrow: Narrow,
    set: &'b mut Working,
    tally: Tally,
    /// What shows that pages shifted.
    shift: Option<Shift>,
    /// How many values suspect fields have kept.
    kept: BTreeMap<FieldId, u64>,
    /// The row that was decided about.
    next: Vec<u8>,
}

/// Decides about all of a batch.
pub fn batch(batch: &Batch, storage: Storage<'_>, set: &mut Working) -> Result<Decision, NotARow> {
    let Storage { defaults, refused, narrow } = storage;
    let defaults = if defaults.is_empty() { empty_row() } else { defaults };
    let terms = Terms { defaults, ..Terms::of(batch) };
    let mut pass = Pass {
        batch,
        terms,
        refused,
        narrow,
        set,
        tally: Tally::default(),
        shift: None,
        kept: BTreeMap::new(),
        next: Vec::new(),
    };
    let mut rejects = batch.placed_rejects().peekable();
    for (number, change) in batch.changes.iter().enumerate() {
        while let Some(placed) = rejects.next_if(|placed| placed.after <= number) {
            rejects::keep(pass.set, placed.reject, placed.version);
        }
        pass.take(number, change)?;
    }
    for placed in rejects {
        rejects::keep(pass.set, placed.reject, placed.version);
    }
    Ok(pass.end())
}

impl Pass<'_> {
    /// Takes one change in.
    fn take(&mut self, number: usize, change: Change<'_>) -> Result<(), NotARow> {
        let is_deleted = change.intent == Intent::Delete;
        let effect = match change.intent {
            Intent::Upsert => {
                let patch = (self.narrow)(change.patch)?;
                let patch = patch.as_deref().unwrap_or(change.patch);
                self.upsert(number, Change { patch, ..change })?
            }
            Intent::Delete => self.delete(number, change)?,
            Intent::Keep => Effect::Unchanged,
        };
        // A deletion shows nothing that is there, but where its record stood.
        if self.batch.mark_seen && (!is_deleted || self.batch.spot.is_some()) {
            self.mark(change.key, is_deleted);
        }
        if effect.is_settled() {
            let kept = self.set.rows.get(change.key).filter(|_| change.intent == Intent::Keep);
            let version = kept.map_or(change.version, |row| row.versions.of(self.terms.transfer)).to_vec();
            rejects::supersede(self.set, change.key, &version);
        }
        effect.count(&mut self.tally);
        Ok(())
    }

    fn upsert(&mut self, number: usize, change: Change<'_>) -> Result<Effect, NotARow> {
        if let Some(version) = self.set.doomed.get(change.key).cloned() {
            if !classify::revives(&self.terms, change, &version) {
                return Ok(Effect::Skipped);
            }
            self.set.doomed.remove(change.key);
            self.put(change.key, None)?;
            return self.upsert_absent(number, change);
        }
        let Some(old) = self.set.rows.get(change.key) else {
            return self.upsert_absent(number, change);
        };
        let known = self.known(old);
        let verdict = classify::upsert(&self.terms, change, &known, &mut self.next)?;
        for field in &verdict.kept {
            *self.kept.entry(*field).or_default() += 1;
        }
        match verdict.write {
            Write::Row(beside) => {
                let next = old.next(beside, self.terms.transfer, change.version);
                if let Some(refusal) = self.refusal(change.key)? {
                    return Ok(self.refuse(number, change, refusal));
                }
                let row = std::mem::take(&mut self.next);
                self.put(change.key, Some(Stored { run: self.batch.run, row, ..next }))?;
            }
            Write::Beside(beside) => {
                let next = old.next(beside, self.terms.transfer, change.version);
                let row = old.row.clone();
                self.set.rows.set(change.key.to_vec(), Stored { row, ..next });
            }
            _ => {}
        }
        Ok(verdict.effect)
    }

    /// What is known of a row that is there.
    fn known<'r>(&self, row: &'r Stored) -> KnownRow<'r> {
        KnownRow {
            owner: row.owner,
            is_orphan: self.set.is_orphan(&self.batch.target, row.owner),
            version: row.versions.of(self.terms.transfer),
            digest: row.digest,
            row: &row.row,
        }
    }

    /// The row under a key is this one from now on, or there is none.
    fn put(&mut self, key: &[u8], row: Option<Stored>) -> Result<(), NotARow> {
        let unique = &self.batch.target.unique;
        let old = self.set.rows.get(key).map(|old| old.row.as_slice());
        self.set.holders.replace(unique, key, old, row.as_ref().map(|row| row.row.as_slice()))?;
        match row {
            Some(row) => self.set.rows.set(key.to_vec(), row),
            None => self.set.rows.remove(key),
        }
        Ok(())
    }

    /// Marks a key that was shown. What is shown at no place leaves the place where it was.
    fn mark(&mut self, key: &[u8], is_deleted: bool) {
        let (now, before) = (self.batch.spot, self.set.marks.get(key).and_then(|mark| mark.spot));
        self.set.marks.set(key.to_vec(), Mark { is_deleted, spot: now.or(before) });
        let shift = pages(before, now).map(|(first, again)| Shift::Record { first, again });
        self.shift = self.shift.or(shift);
    }

    /// What belongs to the batch as a whole.
    fn end(mut self) -> Decision {
        if self.batch.mark_seen {
            // A record that was rejected was shown all the same.
            for key in self.batch.rejects.iter().filter_map(key_of) {
                self.mark(&key, false);
            }
        }
        let rejected = u64::try_from(self.batch.rejects.len()).unwrap_or(u64::MAX);
        self.tally.fetched += rejected;
        self.tally.rejected += rejected;
        let checkpoint = self.checkpoint();
        Decision { tally: self.tally, checkpoint }
    }

    /// The checkpoint with what the batch has shown of its window.
    fn checkpoint(&mut self) -> Option<Checkpoint> {
        let mut checkpoint = self.batch.checkpoint.clone()?;
        let Some(window) = &mut checkpoint.window else { return Some(checkpoint) };
        for (field, count) in &self.kept {
            *window.kept.entry(*field).or_default() += count;
        }
        let shown = self.shift;
        let reading = Reading::from(&*window);
        let mut shift = window.shift.or(shown);
        for mark in &self.batch.partitions {
            let moves = shown.is_none() && !mark.waits;
            let met = partitions::meet(&mut self.set.partitions, reading, mark, moves);
            shift = shift.or(met);
        }
        window.shift = shift;
        if let Some(partition) = &mut window.partition {
            partition.shifted |= shown.is_some();
        }
        Some(checkpoint)
    }
}
