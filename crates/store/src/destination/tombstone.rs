//! Tombstones: the key and version of a deleted row, so that an old message cannot bring it back.
//!
//! Kept for [`KEPT`] and purged a few at a time by the batches that come after. Only the transfer that deleted the
//! row is held to its tombstone, for versions of two services cannot be compared. A row that a snapshot did not show
//! has one too: it may come back at the version it had, for its service did not say that it was deleted.

use jiff::{SignedDuration, Timestamp};
use raccord_model::fact::Uid;
use redb::{ReadableTable, ReadableTableMetadata};

use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::record::{Reader, write_version};
use crate::table::{Raw, Tables, time, uid};
use raccord_model::classify::{KnownTombstone, is_older};

/// For how long a tombstone holds.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many expired ones a batch takes away.
const PURGED: usize = 256;

/// The first byte of every tombstone of a row that was deleted: `version byte | uid (16) | time (8) | version`.
const DELETED: u8 = 1;

/// The first byte of one of a row that was swept; the rest is the same.
const SWEPT: u8 = 2;

struct Tombstone<'a> {
    transfer: Uid,
    time: [u8; 8],
    version: &'a [u8],
    is_swept: bool,
}

/// The end of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewTombstone<'a> {
    /// The transfer that ended it.
    pub(super) transfer: Uid,
    /// The version at which it did.
    pub(super) version: &'a [u8],
    /// Whether a reading ended it: a snapshot that did not show it, or a record that says so.
    pub(super) is_swept: bool,
    /// When.
    pub(super) at: Timestamp,
}

fn decode(bytes: &[u8]) -> Result<Tombstone<'_>, StoreError> {
    let mut at = Reader(bytes);
    let is_swept = match at.take(1)? {
        [DELETED] => false,
        [SWEPT] => true,
        _ => return Err(StoreError::Damaged),
    };
    let transfer = Uid(at.uuid()?);
    let time = at.take(8)?.try_into().map_err(|_| StoreError::Damaged)?;
    Ok(Tombstone { transfer, time, version: at.version()?, is_swept })
}

/// The instant before which tombstones have expired, as bytes.
fn expiry(now: Timestamp) -> [u8; 8] {
    time(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN))
}

/// How a transfer ended a row. `key` is `inc key`.
pub(super) fn of(
    tombstones: &impl ReadableTable<Raw, Raw>,
    key: &[u8],
    transfer: Uid,
    now: Timestamp,
) -> Result<Option<KnownTombstone>, StoreError> {
    let Some(bytes) = tombstones.get(key)? else { return Ok(None) };
    let tombstone = decode(bytes.value())?;
    let holds = tombstone.transfer == transfer && tombstone.time >= expiry(now);
    Ok(holds.then(|| KnownTombstone { version: tombstone.version.to_vec(), is_swept: tombstone.is_swept }))
}

/// Remembers that a transfer ended a row. A later version that stands there already stays.
pub(super) fn write_tombstone(
    tables: &mut Tables<'_>,
    key: &[u8],
    burial: NewTombstone<'_>,
) -> Result<(), StoreError> {
    let NewTombstone { transfer, version, is_swept, at } = burial;
    if let Some(bytes) = tables.tombstones.get(key)? {
        let before = decode(bytes.value())?;
        if before.transfer == transfer && is_older(version, before.version) {
            return Ok(());
        }
    }
    remove_tombstone(tables, key)?;
    let at = time(at);
    let mut value = vec![if is_swept { SWEPT } else { DELETED }];
    value.extend_from_slice(uid(&transfer));
    value.extend_from_slice(&at);
    write_version(&mut value, version);
    tables.tombstones.insert(key, value.as_slice())?;
    tables.tombstone_times.insert([at.as_slice(), key].concat().as_slice(), [].as_slice())?;
    counter::add(&mut tables.counters, Counter::Tombstones(incarnation(key)?), 1)
}

/// Takes the tombstone of a row away, if there is one.
pub(super) fn remove_tombstone(tables: &mut Tables<'_>, key: &[u8]) -> Result<(), StoreError> {
    let Some(bytes) = tables.tombstones.remove(key)? else { return Ok(()) };
    let time = decode(bytes.value())?.time;
    drop(bytes);
    tables.tombstone_times.remove([time.as_slice(), key].concat().as_slice())?;
    counter::add(&mut tables.counters, Counter::Tombstones(incarnation(key)?), -1)
}

/// Takes a few expired tombstones away.
pub(super) fn purge(tables: &mut Tables<'_>, now: Timestamp) -> Result<(), StoreError> {
    if tables.tombstone_times.is_empty()? {
        return Ok(());
    }
    let expiry = expiry(now);
    let mut expired = Vec::new();
    for entry in tables.tombstone_times.range::<&[u8]>(..expiry.as_slice())?.take(PURGED) {
        expired.push(entry?.0.value().get(8..).unwrap_or_default().to_vec());
    }
    expired.iter().try_for_each(|key| remove_tombstone(tables, key))
}

fn incarnation(key: &[u8]) -> Result<u64, StoreError> {
    key.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(StoreError::Damaged)
}
