//! Partitions: how far the children of each parent record were read.
//!
//! One entry a partition, and where the parents' pages can shift one a parent record, written when a reading comes to its
//! end, so that a run over many parents writes each once. An entry names the reading that met it last: one that meets it
//! twice on different pages of the parents has seen them shift, and what a complete reading did not meet at all is
//! forgotten.

use raccord_model::checkpoint::{Cursor, PartitionId, Shift, Spot};
use raccord_model::fact::{RunId, Uid};
use raccord_model::port::destination::{KnownPartition, PartitionMark, Reading};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use super::seen;
use crate::error::StoreError;
use crate::table::{self, Tables, Under};

/// An entry, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// How far it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<Cursor>,
    /// How far it was read while its pages shifted, or in a window that is to be judged first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unproven: Option<Cursor>,
    /// The run that opened the window that met it last, and the attempt.
    run: RunId,
    attempt: u32,
    /// On which page of the parents, and of which partition these are, when they can shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<PartitionId>,
}

impl Entry {
    /// What a reading has met, of which nothing else is known.
    const fn met(reading: Reading) -> Self {
        let Reading { run, attempt } = reading;
        Self { cursor: None, unproven: None, run, attempt, page: None, of: None }
    }

    /// Whether it was this reading that met it last.
    fn is_met(&self, reading: Reading) -> bool {
        self.run == reading.run && self.attempt == reading.attempt
    }

    fn spot(&self) -> Option<Spot> {
        self.page.map(|page| Spot { partition: self.of, page })
    }
}

/// Notes that a reading has come to the end of a partition. `moves`: whether its cursor may move on.
pub(super) fn note(
    tables: &mut Tables<'_>,
    transfer: Uid,
    reading: Reading,
    mark: &PartitionMark,
    moves: bool,
) -> Result<Option<Shift>, StoreError> {
    let before = known_entry(tables, transfer, mark.id)?;
    let (proven, unproven) = if moves { (mark.cursor.clone(), None) } else { (None, mark.cursor.clone()) };
    let cursor = Cursor::advance(before.and_then(|entry| entry.cursor), proven);
    keep(tables, transfer, mark.id, &Entry { cursor, unproven, ..Entry::met(reading) })?;
    let Some((parent, now)) = mark.parent else { return Ok(None) };
    let met = known_entry(tables, transfer, parent)?.filter(|entry| entry.is_met(reading));
    let entry = Entry { page: Some(now.page), of: now.partition, ..Entry::met(reading) };
    keep(tables, transfer, parent, &entry)?;
    let shift = met.as_ref().and_then(Entry::spot).and_then(|before| seen::again(before, now));
    Ok(shift.map(|(first, again)| Shift::Parent { first, again }))
}

fn known_entry(tables: &Tables<'_>, transfer: Uid, id: PartitionId) -> Result<Option<Entry>, StoreError> {
    tables.partitions.get(place(transfer, id).as_slice())?.map(|json| entry(json.value())).transpose()
}

fn keep(tables: &mut Tables<'_>, transfer: Uid, id: PartitionId, entry: &Entry) -> Result<(), StoreError> {
    tables.partitions.insert(place(transfer, id).as_slice(), serde_json::to_vec(entry)?.as_slice())?;
    Ok(())
}

/// Reads an entry.
pub(super) fn known(json: &[u8]) -> Result<KnownPartition, StoreError> {
    Ok(KnownPartition { cursor: entry(json)?.cursor })
}

/// Takes for proven how far a reading came in each partition. What another one has left unproven stays so.
pub(super) fn accept(tables: &mut Tables<'_>, transfer: Uid, reading: Reading) -> Result<(), StoreError> {
    let all = Under::new(&[table::uid(&transfer)]);
    let mut accepted = Vec::new();
    for found in tables.partitions.range::<&[u8]>(all.bounds())? {
        let (key, json) = found?;
        let mut entry = entry(json.value())?;
        if entry.is_met(reading)
            && let Some(unproven) = entry.unproven.take()
        {
            entry.cursor = Cursor::advance(entry.cursor, Some(unproven));
            accepted.push((key.value().to_vec(), serde_json::to_vec(&entry)?));
        }
    }
    for (key, json) in accepted {
        tables.partitions.insert(key.as_slice(), json.as_slice())?;
    }
    Ok(())
}

/// Ends a reading that is complete: how far it came in each partition is proven, and those that it did not meet are forgotten.
pub(super) fn complete(tables: &mut Tables<'_>, transfer: Uid, reading: Reading) -> Result<(), StoreError> {
    accept(tables, transfer, reading)?;
    keep_only(tables, transfer, reading)
}

/// Forgets the partitions of a transfer that a reading did not meet.
fn keep_only(tables: &mut Tables<'_>, transfer: Uid, reading: Reading) -> Result<(), StoreError> {
    let all = Under::new(&[table::uid(&transfer)]);
    let was_met = |json: &[u8]| entry(json).is_ok_and(|entry| entry.is_met(reading));
    Ok(tables.partitions.retain_in::<&[u8], _>(all.bounds(), |_, json| was_met(json))?)
}

/// Forgets all partitions of a transfer.
pub(super) fn forget(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    let all = Under::new(&[table::uid(&transfer)]);
    Ok(tables.partitions.retain_in::<&[u8], _>(all.bounds(), |_, _| false)?)
}

/// The key of a partition.
pub(super) fn place(transfer: Uid, id: PartitionId) -> Vec<u8> {
    [table::uid(&transfer).as_slice(), id.0.as_bytes()].concat()
}

fn entry(json: &[u8]) -> Result<Entry, StoreError> {
    Ok(serde_json::from_slice(json)?)
}
