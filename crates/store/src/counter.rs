//! Counts that are kept beside what they count, so that no question about numbers reads rows.

use raccord_model::fact::Uid;
use redb::ReadableTable;
use uuid::Uuid;

use crate::error::StoreError;
use crate::table::{Raw, Table, Under, incarnation, uid};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counter {
    /// Rows of an incarnation.
    Rows(u64),
    /// Rows of an incarnation that a transfer owns.
    Owned(u64, Uid),
    /// Rejects of a transfer.
    Rejects(Uid),
    /// Enrichments of a transfer that wait for rows of an incarnation.
    Waiting(u64, Uid),
    /// Tombstones of an incarnation.
    Tombstones(u64),
    /// Deliveries of a transfer that wait.
    Deliveries(Uid),
    /// Bytes of all deliveries that wait.
    DeliveryBytes,
    /// Accepted deliveries that are remembered.
    Seen,
}

mod tag {
    pub(super) const ROWS: &[u8] = b"r";
    pub(super) const OWNED: &[u8] = b"o";
    pub(super) const REJECTS: &[u8] = b"j";
    pub(super) const WAITING: &[u8] = b"w";
    pub(super) const TOMBSTONES: &[u8] = b"t";
    pub(super) const DELIVERIES: &[u8] = b"d";
    pub(super) const DELIVERY_BYTES: &[u8] = b"b";
    pub(super) const SEEN: &[u8] = b"s";
}

impl Counter {
    /// Under which key it is kept.
    pub(crate) fn key(self) -> Vec<u8> {
        match self {
            Self::Rows(inc) => [tag::ROWS, &incarnation(inc)].concat(),
            Self::Owned(inc, owner) => [tag::OWNED, &incarnation(inc), uid(&owner)].concat(),
            Self::Rejects(transfer) => [tag::REJECTS, uid(&transfer)].concat(),
            Self::Waiting(inc, transfer) => [tag::WAITING, &incarnation(inc), uid(&transfer)].concat(),
            Self::Tombstones(inc) => [tag::TOMBSTONES, &incarnation(inc)].concat(),
            Self::Deliveries(transfer) => [tag::DELIVERIES, uid(&transfer)].concat(),
            Self::DeliveryBytes => tag::DELIVERY_BYTES.to_vec(),
            Self::Seen => tag::SEEN.to_vec(),
        }
    }
}

/// Reads a count.
pub(crate) fn read(table: &impl ReadableTable<Raw, Raw>, counter: Counter) -> Result<u64, StoreError> {
    match table.get(counter.key().as_slice())? {
        Some(value) => number(value.value()),
        None => Ok(0),
    }
}

/// Changes a count; one that reaches zero is not kept.
pub(crate) fn add(table: &mut Table<'_>, counter: Counter, change: i64) -> Result<(), StoreError> {
    if change == 0 {
        return Ok(());
    }
    let now = read(table, counter)?.saturating_add_signed(change);
    set(table, counter, now)
}

/// Replaces a count.
pub(crate) fn set(table: &mut Table<'_>, counter: Counter, now: u64) -> Result<(), StoreError> {
    let key = counter.key();
    if now == 0 {
        table.remove(key.as_slice())?;
    } else {
        table.insert(key.as_slice(), now.to_be_bytes().as_slice())?;
    }
    Ok(())
}

/// The transfers of which enrichments wait for rows of an incarnation.
pub(crate) fn waiting(table: &impl ReadableTable<Raw, Raw>, inc: u64) -> Result<Vec<Uid>, StoreError> {
    Ok(by_uid(table, &Under::new(&[tag::WAITING, &incarnation(inc)]))?
        .into_iter()
        .map(|(uid, _)| uid)
        .collect())
}

/// The incarnations for rows of which enrichments of a transfer wait.
pub(crate) fn awaited(table: &impl ReadableTable<Raw, Raw>, transfer: Uid) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    for entry in table.range::<&[u8]>(Under::new(&[tag::WAITING]).bounds())? {
        let (key, _) = entry?;
        let place = key.value().get(tag::WAITING.len()..).and_then(<[u8]>::split_first_chunk);
        let (inc, of) = place.ok_or(StoreError::Damaged)?;
        if of == uid(&transfer) {
            found.push(u64::from_be_bytes(*inc));
        }
    }
    Ok(found)
}

/// The transfers that own rows of an incarnation.
pub(crate) fn owners(table: &impl ReadableTable<Raw, Raw>, inc: u64) -> Result<Vec<Uid>, StoreError> {
    Ok(owned(table, inc)?.into_iter().map(|(uid, _)| uid).collect())
}

/// The transfers that own rows of an incarnation, and how many each.
pub(crate) fn owned(table: &impl ReadableTable<Raw, Raw>, inc: u64) -> Result<Vec<(Uid, u64)>, StoreError> {
    by_uid(table, &Under::new(&[tag::OWNED, &incarnation(inc)]))
}

/// The transfers that have rejects, and how many.
pub(crate) fn rejects(table: &impl ReadableTable<Raw, Raw>) -> Result<Vec<(Uid, u64)>, StoreError> {
    by_uid(table, &Under::new(&[tag::REJECTS]))
}

/// The transfers of which deliveries wait.
pub(crate) fn deliveries(table: &impl ReadableTable<Raw, Raw>) -> Result<Vec<Uid>, StoreError> {
    Ok(by_uid(table, &Under::new(&[tag::DELIVERIES]))?.into_iter().map(|(uid, _)| uid).collect())
}

/// The incarnations that have rows, and how many.
pub(crate) fn rows(table: &impl ReadableTable<Raw, Raw>) -> Result<Vec<(u64, u64)>, StoreError> {
    let mut found = Vec::new();
    for entry in table.range::<&[u8]>(Under::new(&[tag::ROWS]).bounds())? {
        let (key, value) = entry?;
        let inc =
            key.value().last_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(StoreError::Damaged)?;
        found.push((inc, number(value.value())?));
    }
    Ok(found)
}

fn by_uid(table: &impl ReadableTable<Raw, Raw>, under: &Under) -> Result<Vec<(Uid, u64)>, StoreError> {
    let mut found = Vec::new();
    for entry in table.range::<&[u8]>(under.bounds())? {
        let (key, value) = entry?;
        let uid =
            key.value().last_chunk().map(|bytes| Uid(Uuid::from_bytes(*bytes))).ok_or(StoreError::Damaged)?;
        found.push((uid, number(value.value())?));
    }
    Ok(found)
}

/// The number in a value.
pub(crate) fn number(value: &[u8]) -> Result<u64, StoreError> {
    value.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Damaged)
}
