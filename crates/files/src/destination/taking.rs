//! A batch as lines of files: what becomes of each record, and in which file it stands. Pure but for the memory of the encoders. It
//! knows no row that was written before: what is appended is what came.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use raccord_model::checkpoint::{Shift, Spot};
use raccord_model::classify::{Effect, Terms, Write, upsert_absent};
use raccord_model::decide::key_of;
use raccord_model::fact::Tally;
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{Batch, Change, DestinationError, Intent, REQUIRED};
use raccord_model::row::{FieldId, key_values};
use raccord_model::value::Value;

use super::error;
use super::rejects::{Rejects, written};
use super::writer::Writer;
use crate::format::EncodeError;

/// How many records a window can have whose pages can shift: the places of all of them are in memory.
const MOST_MARKS: usize = 4_000_000;

/// The pages on which the records of a window stood, by a digest of their keys. They are gone with the process; then the window
/// is begun again.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pages: HashMap<u64, u64>,
    digest: RandomState,
}

/// More records than can be remembered.
#[derive(Debug, thiserror::Error)]
#[error(
    "a reading whose pages can shift has more than {MOST_MARKS} records, which is more than files can keep apart"
)]
struct TooManyMarks;

impl Marks {
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
    pub(crate) tally: Tally,
    /// What showed that the pages of the reading shifted.
    pub(crate) shift: Option<Shift>,
}

/// The buffers of one record after the other.
#[derive(Default)]
struct Buffers {
    row: Vec<u8>,
    folder: String,
}

impl Taking {
    /// Takes all of the batch.
    pub(crate) fn take(mut self) -> Result<Self, DestinationError> {
        let emptied = self.batch.clone_without_changes();
        let batch = std::mem::replace(&mut self.batch, emptied);
        let mut rejects = batch.placed_rejects().peekable();
        let mut buffers = Buffers::default();
        let terms = Terms::of(&batch);
        for (number, change) in batch.changes.iter().enumerate() {
            while let Some(placed) = rejects.next_if(|placed| placed.after <= number) {
                self.rejects.keep(placed.reject.clone());
            }
            self.change((&batch, &terms), (number, change), &mut buffers)?;
        }
        rejects.for_each(|placed| self.rejects.keep(placed.reject.clone()));
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

    fn mark(&mut self, spot: Spot, key: &[u8]) -> Result<(), DestinationError> {
        let shift = self.marks.mark(spot, key)?;
        self.shift = self.shift.or(shift);
        Ok(())
    }

    fn change(
        &mut self,
        (batch, terms): (&Batch, &Terms<'_>),
        (number, change): (usize, Change<'_>),
        buffers: &mut Buffers,
    ) -> Result<(), DestinationError> {
        let effect = match change.intent {
            Intent::Upsert => self.upsert((batch, terms), (number, change), buffers)?,
            Intent::Delete if !terms.wanted.deleted => Effect::Skipped,
            Intent::Delete => self.delete(batch, change, buffers)?,
            Intent::Keep => Effect::Unchanged,
        };
        if let Some(spot) = batch.spot.filter(|_| batch.mark_seen) {
            self.mark(spot, change.key)?;
        }
        if effect.is_settled() {
            self.rejects.supersede(change.key);
        }
        effect.count(&mut self.tally);
        Ok(())
    }

    fn upsert(
        &mut self,
        (batch, terms): (&Batch, &Terms<'_>),
        (number, change): (usize, Change<'_>),
        buffers: &mut Buffers,
    ) -> Result<Effect, DestinationError> {
        let damaged = |_| DestinationError::Damaged;
        let verdict = upsert_absent(terms, change, None, &mut buffers.row).map_err(damaged)?;
        match verdict.write {
            Write::Create(_) => {}
            Write::Refuse(field) => {
                self.refuse(batch, (number, change), field, REQUIRED.to_owned());
                return Ok(Effect::Rejected);
            }
            _ => return Ok(verdict.effect),
        }
        let layout = std::sync::Arc::clone(&self.rows.layout);
        let mut cells = self.begin(batch, "upsert");
        layout.spread(&buffers.row, &mut cells).map_err(damaged)?;
        layout.partition_of(&cells, &mut buffers.folder);
        match self.rows.row(&buffers.folder, &cells).map_err(error::format)? {
            Ok(()) => Ok(Effect::Created),
            Err(EncodeError::Unkept { number: column, reason, .. }) => {
                let field = layout.field_of(column).ok_or(DestinationError::Damaged)?;
                self.refuse(batch, (number, change), field, format!("the value {reason}"));
                Ok(Effect::Rejected)
            }
            Err(other) => Err(error::encode(other)),
        }
    }

    /// The cells of a row, with what is stored about each line.
    fn begin<'r>(&self, batch: &Batch, operation: &'static str) -> Vec<Option<Value<'r>>> {
        let mut cells = vec![None; self.rows.layout.columns.len()];
        if self.rows.layout.mode == FileMode::Append
            && let [of, at, ..] = cells.as_mut_slice()
        {
            *of = Some(Value::Text(operation.into()));
            *at = Some(Value::Datetime(batch.at.into()));
        }
        cells
    }

    fn delete(
        &mut self,
        batch: &Batch,
        change: Change<'_>,
        buffers: &mut Buffers,
    ) -> Result<Effect, DestinationError> {
        // What a snapshot shows as deleted is not in it.
        let layout = std::sync::Arc::clone(&self.rows.layout);
        if layout.mode == FileMode::Snapshot {
            return Ok(Effect::Skipped);
        }
        let mut cells = self.begin(batch, "delete");
        let key = key_values(change.key).map_err(|_| DestinationError::Damaged)?;
        for (column, value) in layout.key.iter().zip(key) {
            if let Some(cell) = cells.get_mut(*column) {
                *cell = Some(value);
            }
        }
        layout.partition_of(&cells, &mut buffers.folder);
        let into = if batch.defer_deletes { &mut self.waiting } else { &mut self.rows };
        into.row(&buffers.folder, &cells).map_err(error::format)?.map_err(error::encode)?;
        Ok(if batch.defer_deletes { Effect::Doomed } else { Effect::Deleted })
    }

    fn refuse(
        &mut self,
        batch: &Batch,
        (number, change): (usize, Change<'_>),
        field: FieldId,
        reason: String,
    ) {
        let reject = (batch.refuse.0)(number, field);
        self.rejects.keep(raccord_model::fact::Reject { reason, key: Some(written(change.key)), ..reject });
    }
}
