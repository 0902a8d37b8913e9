//! A batch as lines of files: what becomes of each record, and in which file it stands. Pure but for the memory of the encoders. It
//! knows no row that was written before: what is appended is what came.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;

use jiff::Timestamp;
use raccord_model::checkpoint::{Shift, Spot};
use raccord_model::classify::{Effect, Terms, Write, upsert_absent};
use raccord_model::decide::key_of;
use raccord_model::fact::{Reject, Tally};
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{Batch, Change, DestinationError, Intent, REQUIRED};
use raccord_model::row::{FieldId, key_values};
use raccord_model::value::Value;

use super::error;
use super::layout::Layout;
use super::marking::Marking;
use super::rejects::{Rejects, written};
use super::world::WaitsFor;
use super::writer::Writer;
use crate::format::EncodeError;

/// How many records a window can have whose pages can shift: the places of all of them are in memory.
const MOST_MARKS: usize = 4_000_000;

/// Why a record of a snapshot is rejected that takes back what an earlier page wrote.
const SHOWN_BEFORE: &str = "the record says that it is deleted, but an earlier page of the reading has shown it, and its row is in the files already";

/// The pages on which the records of a window stood, by a digest of their keys. They are gone with the process; then the window
/// is begun again.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pages: HashMap<u64, u64>,
    /// Those that a snapshot has shown so far, where records may say that they are deleted.
    shown: HashSet<u64>,
    /// In which reading.
    shown_in: Option<WaitsFor>,
    digest: RandomState,
}

/// More records than can be remembered.
#[derive(Debug, thiserror::Error)]
#[error(
    "a reading whose pages can shift has more than {MOST_MARKS} records, which is more than files can keep apart"
)]
struct TooManyMarks;

impl Marks {
    /// Begins a reading, unless it goes on.
    pub(crate) fn begin(&mut self, reading: Option<WaitsFor>) {
        if self.shown_in != reading {
            self.shown.clear();
            self.shown_in = reading;
        }
    }

    fn show(&mut self, key: &[u8]) {
        if self.shown.len() < MOST_MARKS {
            self.shown.insert(self.digest.hash_one(key));
        }
    }

    fn has_shown(&self, key: &[u8]) -> bool {
        !self.shown.is_empty() && self.shown.contains(&self.digest.hash_one(key))
    }

    fn mark(&mut self, spot: Spot, key: &[u8]) -> Result<Option<Shift>, DestinationError> {
        let page = spot.page;
        let digest = self.digest.hash_one((spot.partition, key));
        let before = self.pages.insert(digest, page).filter(|before| *before != page);
        if self.pages.len() > MOST_MARKS {
            return Err(DestinationError::Write(Box::new(TooManyMarks)));
        }
        Ok(before.map(|first| Shift::Record { first, again: page }))
    }
}

/// A batch that is taken in, and what it is taken into.
pub(crate) struct Taking {
    pub(crate) batch: Batch,
    pub(crate) rows: Writer,
    /// For deletions that wait for the end of their window.
    pub(crate) waiting: Writer,
    pub(crate) rejects: Rejects,
    pub(crate) marks: Marks,
    /// What the records say of keys, which counts at the end of the reading.
    pub(crate) marking: Marking,
    pub(crate) tally: Tally,
    /// What showed that the pages of the reading shifted.
    pub(crate) shift: Option<Shift>,
}

/// The buffers of one record after the other.
#[derive(Default)]
struct Buffers<'b> {
    row: Vec<u8>,
    folder: String,
    /// The last record of a snapshot's batch that says of a key that it is deleted: what stands before it is not written.
    deleted: HashMap<&'b [u8], usize>,
}

impl Taking {
    /// Takes all of the batch.
    pub(crate) fn take(mut self) -> Result<Self, DestinationError> {
        let emptied = self.batch.clone_without_changes();
        let batch = std::mem::replace(&mut self.batch, emptied);
        let mut rejects = batch.placed_rejects().peekable();
        let mut buffers = Buffers::default();
        if self.rows.layout.mode == FileMode::Snapshot {
            let deletions =
                batch.changes.iter().enumerate().filter(|(_, change)| change.intent == Intent::Delete);
            buffers.deleted = deletions.map(|(number, change)| (change.key, number)).collect();
        }
        let terms = Terms::of(&batch);
        for (number, change) in batch.changes.iter().enumerate() {
            while let Some(placed) = rejects.next_if(|placed| placed.after <= number) {
                self.keep(placed.reject);
            }
            self.change((&batch, &terms), (number, change), &mut buffers)?;
        }
        rejects.for_each(|placed| self.keep(placed.reject));
        for reject in &batch.rejects {
            self.tally.fetched += 1;
            self.tally.rejected += 1;
            if let (Some(spot), Some(key)) = (batch.spot.filter(|_| batch.mark_seen), key_of(reject)) {
                self.mark(spot, &key)?;
            }
        }
        self.tally.newly_rejected = self.rejects.bound(batch.at, batch.keep_rejects);
        Ok(self)
    }

    /// Keeps a reject. Its record may have had a row in the snapshot that counts, which this one would be without.
    fn keep(&mut self, reject: &Reject) {
        if self.rows.layout.mode == FileMode::Snapshot
            && let Some(key) = &reject.key
        {
            self.marking.reject(key.clone());
        }
        self.rejects.keep(reject.clone());
    }

    fn mark(&mut self, spot: Spot, key: &[u8]) -> Result<(), DestinationError> {
        let shift = self.marks.mark(spot, key)?;
        self.shift = self.shift.or(shift);
        Ok(())
    }

    fn change(
        &mut self,
        (batch, terms): (&Batch, &Terms<'_>),
        (number, change): (usize, Change<'_>),
        buffers: &mut Buffers<'_>,
    ) -> Result<(), DestinationError> {
        let effect = match change.intent {
            Intent::Upsert if buffers.deleted.get(change.key).is_some_and(|last| *last > number) => {
                Effect::Skipped
            }
            Intent::Upsert => self.upsert((batch, terms), (number, change), buffers)?,
            Intent::Delete if !terms.wanted.deleted => Effect::Skipped,
            Intent::Delete => self.delete(batch, (number, change), buffers)?,
            Intent::Keep => Effect::Unchanged,
        };
        if let Some(spot) = batch.spot.filter(|_| batch.mark_seen) {
            self.mark(spot, change.key)?;
        }
        if effect.is_settled() {
            self.rejects.supersede(change.key);
        }
        if effect == Effect::Created {
            self.marking.show(change.key);
            if self.keeps_shown(batch) {
                self.marks.show(change.key);
            }
        }
        effect.count(&mut self.tally);
        Ok(())
    }

    fn upsert(
        &mut self,
        (batch, terms): (&Batch, &Terms<'_>),
        (number, change): (usize, Change<'_>),
        buffers: &mut Buffers<'_>,
    ) -> Result<Effect, DestinationError> {
        let damaged = |_| DestinationError::Damaged;
        let verdict = upsert_absent(terms, change, None, &mut buffers.row).map_err(damaged)?;
        match verdict.write {
            Write::Create(_) => {}
            Write::Refuse(field) => {
                let reject = refused(batch, (number, change), field, REQUIRED.to_owned());
                self.keep(&reject);
                return Ok(Effect::Rejected);
            }
            _ => return Ok(verdict.effect),
        }
        let layout = std::sync::Arc::clone(&self.rows.layout);
        let mut cells = begin(&layout, batch.at, "upsert");
        layout.spread(&buffers.row, &mut cells).map_err(damaged)?;
        layout.partition_of(&cells, &mut buffers.folder);
        match self.rows.row(&buffers.folder, &cells).map_err(error::format)? {
            Ok(()) => Ok(Effect::Created),
            Err(EncodeError::Unkept { number: column, reason, .. }) => {
                let field = layout.field_of(column).ok_or(DestinationError::Damaged)?;
                let reject = refused(batch, (number, change), field, format!("the value {reason}"));
                self.keep(&reject);
                Ok(Effect::Rejected)
            }
            Err(other) => Err(error::encode(other)),
        }
    }

    /// Whether the keys of a reading are remembered: a record of it may say later that one is deleted.
    fn keeps_shown(&self, batch: &Batch) -> bool {
        batch.defer_deletes && self.rows.layout.mode == FileMode::Snapshot
    }

    fn delete(
        &mut self,
        batch: &Batch,
        (number, change): (usize, Change<'_>),
        buffers: &mut Buffers<'_>,
    ) -> Result<Effect, DestinationError> {
        if self.rows.layout.mode == FileMode::Snapshot {
            // What a snapshot shows as deleted is not in it.
            self.marking.show(change.key);
            if !self.marks.has_shown(change.key) {
                return Ok(Effect::Skipped);
            }
            let of_key = self.rows.layout.key.first().and_then(|column| self.rows.layout.field_of(*column));
            let field = of_key.ok_or(DestinationError::Damaged)?;
            // Its row is in this snapshot.
            self.rejects.keep(refused(batch, (number, change), field, SHOWN_BEFORE.to_owned()));
            return Ok(Effect::Rejected);
        }
        if batch.defer_deletes
            && let Some(is_news) = self.marking.delete(change.key)
        {
            return Ok(if is_news { Effect::Doomed } else { Effect::Skipped });
        }
        let into = if batch.defer_deletes { &mut self.waiting } else { &mut self.rows };
        deletion(into, (change.key, batch.at), &mut buffers.folder)?;
        Ok(if batch.defer_deletes { Effect::Doomed } else { Effect::Deleted })
    }
}

/// The reject of a record that maps and cannot be written.
fn refused(batch: &Batch, (number, change): (usize, Change<'_>), field: FieldId, reason: String) -> Reject {
    let reject = (batch.refuse.0)(number, field);
    Reject { reason, key: Some(written(change.key)), ..reject }
}

/// The cells of a row, with what is stored about each line.
fn begin<'r>(layout: &Layout, stored: Timestamp, operation: &'static str) -> Vec<Option<Value<'r>>> {
    let mut cells = vec![None; layout.columns.len()];
    if layout.mode == FileMode::Append
        && let [of, at, ..] = cells.as_mut_slice()
    {
        *of = Some(Value::Text(operation.into()));
        *at = Some(Value::Datetime(stored.into()));
    }
    cells
}

/// Adds the line of a deletion: it has the key alone.
pub(crate) fn deletion(
    into: &mut Writer,
    (key, at): (&[u8], Timestamp),
    folder: &mut String,
) -> Result<(), DestinationError> {
    let layout = std::sync::Arc::clone(&into.layout);
    let mut cells = begin(&layout, at, "delete");
    let key = key_values(key).map_err(|_| DestinationError::Damaged)?;
    for (column, value) in layout.key.iter().zip(key) {
        if let Some(cell) = cells.get_mut(*column) {
            *cell = Some(value);
        }
    }
    layout.partition_of(&cells, folder);
    into.row(folder, &cells).map_err(error::format)?.map_err(error::encode)
}
