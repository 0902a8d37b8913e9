//! What a window leaves beside its rows: the keys that it has shown, how far partitions were read, its checkpoint.

use std::collections::BTreeMap;

use raccord_model::checkpoint::{Checkpoint, Cursor, PartitionId, Shift, Spot, Window};
use raccord_model::fact::{Tally, Uid};
use raccord_model::port::destination::{Batch, KnownPartition, PartitionMark, Reading};
use raccord_model::row::FieldId;

use super::world::World;

/// A key that a window has shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Whether the record says that it is deleted.
    pub(super) is_deleted: bool,
    spot: Option<Spot>,
}

/// A partition, or the parent record of one, that a reading has met.
#[derive(Debug, Clone)]
pub(super) struct Met {
    by: Reading,
    cursor: Option<Cursor>,
    /// How far it was read, in a window that is yet to be judged.
    unproven: Option<Cursor>,
    spot: Option<Spot>,
}

/// The two pages of one chain on which the same thing stood.
fn pages(before: Option<Spot>, now: Option<Spot>) -> Option<(u64, u64)> {
    let (before, now) = (before?, now?);
    (before.partition == now.partition && before.page != now.page).then_some((before.page, now.page))
}

impl World {
    pub(super) fn begin_window(&mut self, transfer: Uid) {
        self.marks.remove(&transfer);
        self.doomed.remove(&transfer);
        if let Some(checkpoint) = self.checkpoints.get_mut(&transfer) {
            checkpoint.window = None;
        }
    }

    /// Marks a key that was shown. What is shown at no place leaves the place where it was.
    pub(super) fn mark(&mut self, batch: &Batch, key: &[u8], is_deleted: bool) -> Option<Shift> {
        let marks = self.marks.entry(batch.transfer).or_default();
        let before = marks.get(key).and_then(|mark| mark.spot);
        marks.insert(key.to_vec(), Mark { is_deleted, spot: batch.spot.or(before) });
        pages(before, batch.spot).map(|(first, again)| Shift::Record { first, again })
    }

    /// Keeps the checkpoint of a batch, and what it says of partitions. `shown` is the shift that its records have shown,
    /// `kept` how many values of fields it has kept, `tally` what became of its records.
    pub(super) fn keep_checkpoint(
        &mut self,
        batch: &Batch,
        shown: Option<Shift>,
        kept: &BTreeMap<FieldId, u64>,
        tally: &Tally,
    ) {
        let Some(mut checkpoint) = batch.checkpoint.clone() else { return };
        if let Some(window) = &mut checkpoint.window {
            self.keep_window(batch, window, shown, kept);
        }
        checkpoint.count(tally);
        self.checkpoints.insert(batch.transfer, checkpoint);
        if let Some(reading) = batch.accepts {
            self.accept(batch.transfer, reading);
        }
        if let Some(reading) = batch.completes {
            self.marks.remove(&batch.transfer);
            self.complete(batch.transfer, reading);
        }
    }

    fn keep_window(
        &mut self,
        batch: &Batch,
        window: &mut Window,
        shown: Option<Shift>,
        kept: &BTreeMap<FieldId, u64>,
    ) {
        for (field, count) in kept {
            *window.kept.entry(*field).or_default() += count;
        }
        let mut shifts: Vec<Shift> = window.shift.into_iter().chain(shown).collect();
        let reading = Reading::from(&*window);
        for mark in &batch.partitions {
            shifts.extend(self.meet(batch.transfer, reading, mark, shown.is_none() && !mark.waits));
        }
        window.shift = shifts.first().copied();
        if let Some(partition) = &mut window.partition {
            partition.shifted |= shown.is_some();
        }
    }

    /// A reading comes to the end of a partition, whose cursor may move on or waits.
    fn meet(&mut self, transfer: Uid, by: Reading, mark: &PartitionMark, moves: bool) -> Option<Shift> {
        let known = self.partitions.entry(transfer).or_default();
        let before = known.get(&mark.id).and_then(|met| met.cursor.clone());
        let met = if moves {
            Met { by, cursor: Cursor::advance(before, mark.cursor.clone()), unproven: None, spot: None }
        } else {
            Met { by, cursor: before, unproven: mark.cursor.clone(), spot: None }
        };
        known.insert(mark.id, met);
        let (parent, spot) = mark.parent?;
        let met = Met { by, cursor: None, unproven: None, spot: Some(spot) };
        let before = known.insert(parent, met).filter(|before| before.by == by)?;
        pages(before.spot, Some(spot)).map(|(first, again)| Shift::Parent { first, again })
    }

    /// Takes for proven how far a reading came.
    fn accept(&mut self, transfer: Uid, reading: Reading) {
        let known = self.partitions.entry(transfer).or_default();
        for met in known.values_mut().filter(|met| met.by == reading) {
            if let Some(unproven) = met.unproven.take() {
                met.cursor = Cursor::advance(met.cursor.take(), Some(unproven));
            }
        }
    }

    /// A reading is complete: what it did not meet is forgotten.
    pub(super) fn complete(&mut self, transfer: Uid, reading: Reading) {
        self.accept(transfer, reading);
        self.partitions.entry(transfer).or_default().retain(|_, met| met.by == reading);
    }

    pub(super) fn partition(&self, transfer: Uid, id: PartitionId) -> Option<KnownPartition> {
        let met = self.partitions.get(&transfer)?.get(&id)?;
        Some(KnownPartition { cursor: met.cursor.clone() })
    }

    /// Where a transfer continues.
    pub(super) fn checkpoint(&self, transfer: Uid) -> Option<Checkpoint> {
        self.checkpoints.get(&transfer).cloned()
    }
}
