//! Rejects: kept with their reason, found again by key, bounded in number and age.
//!
//! The same record rejected again is the same reject. Three tables move together: the rejects, their order in
//! time, and the keys they carry.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use raccord_model::fact::{Reject, RejectId, Uid};
use redb::ReadableTable;

use crate::broken::Broken;
use crate::counter::{self, Counter};
use crate::table::{Tables, Under, reject_id, time, uid};

/// The first byte of every one; JSON follows.
const VERSION: u8 = 1;

/// The identity of a reject: of the record as it came, or of where and why when it was not kept; and of the
/// field that is to blame.
pub(crate) fn identity(reject: &Reject) -> RejectId {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    };
    if let Some(payload) = &reject.payload {
        part(payload);
    } else {
        part(&reject.position);
        part(&reject.reason);
        part(reject.key.as_deref().unwrap_or_default());
    }
    part(reject.field.as_ref().map_or("", |field| field.as_str()));
    if reject.deletion {
        part("deletion");
    }
    let mut id = [0; 8];
    hasher.finalize_xof().fill(&mut id);
    RejectId(id)
}

/// The bytes of the key that a reject carries.
pub(super) fn key(reject: &Reject) -> Option<Vec<u8>> {
    let text = reject.key.as_deref()?.as_bytes();
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Bytes as a reject carries them.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _: std::fmt::Result = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a reject.
pub(crate) fn decode(bytes: &[u8]) -> Result<Reject, Broken> {
    match bytes.split_first() {
        Some((&VERSION, json)) => Ok(serde_json::from_slice(json)?),
        _ => Err(Broken::Damaged),
    }
}

/// Keeps rejects of a transfer, and then no more than `limits`: a number and an age in seconds. Returns how
/// many were not kept before.
pub(super) fn keep<'a>(
    tables: &mut Tables<'_>,
    transfer: Uid,
    rejects: impl Iterator<Item = &'a Reject>,
    limits: (u64, u64),
    now: Timestamp,
) -> Result<u64, Broken> {
    let counter = Counter::Rejects(transfer);
    let before = counter::read(&tables.counters, counter)?;
    let mut count = before;
    for reject in rejects {
        let id = identity(reject);
        count -= u64::from(remove(tables, transfer, id)?);
        insert(tables, transfer, id, reject)?;
        count += 1;
    }
    if count == 0 && before == 0 {
        return Ok(0);
    }
    let fresh = count - before;
    let (most, age) = limits;
    for id in surplus(tables, transfer, count.saturating_sub(most), oldest(now, age))? {
        count -= u64::from(remove(tables, transfer, id)?);
    }
    counter::set(&mut tables.counters, counter, count)?;
    Ok(fresh)
}

/// Takes away the rejects that carry a key, after its record has arrived.
pub(super) fn supersede(tables: &mut Tables<'_>, transfer: Uid, key: &[u8]) -> Result<(), Broken> {
    let under = Under::new(&[uid(&transfer), key]);
    let mut ids = Vec::new();
    for entry in tables.reject_keys.range::<&[u8]>(under.bounds())? {
        let (found, _) = entry?;
        // A longer key may begin with this one.
        if found.value().len() == under.len() + 8 {
            ids.push(reject_id(found.value())?);
        }
    }
    take(tables, transfer, &ids)
}

/// Takes rejects away.
pub(crate) fn take(tables: &mut Tables<'_>, transfer: Uid, ids: &[RejectId]) -> Result<(), Broken> {
    let mut gone = 0;
    for id in ids {
        gone -= i64::from(remove(tables, transfer, *id)?);
    }
    counter::add(&mut tables.counters, Counter::Rejects(transfer), gone)
}

/// The oldest instant that is still kept.
fn oldest(now: Timestamp, age: u64) -> [u8; 8] {
    let age = SignedDuration::from_secs(i64::try_from(age).unwrap_or(i64::MAX));
    time(now.checked_sub(age).unwrap_or(Timestamp::MIN))
}

/// The oldest rejects: so many, and those from before an instant.
fn surplus(tables: &Tables<'_>, transfer: Uid, many: u64, oldest: [u8; 8]) -> Result<Vec<RejectId>, Broken> {
    let mut ids = Vec::new();
    let mut left = many;
    for entry in tables.reject_times.range::<&[u8]>(Under::new(&[uid(&transfer)]).bounds())? {
        let (key, _) = entry?;
        let at = key.value().get(16..24).unwrap_or_default();
        if left == 0 && at >= oldest.as_slice() {
            break;
        }
        left = left.saturating_sub(1);
        ids.push(reject_id(key.value())?);
    }
    Ok(ids)
}

fn insert(tables: &mut Tables<'_>, transfer: Uid, id: RejectId, reject: &Reject) -> Result<(), Broken> {
    let mut value = vec![VERSION];
    serde_json::to_writer(&mut value, reject)?;
    tables.rejects.insert(place(transfer, &[], id).as_slice(), value.as_slice())?;
    tables.reject_times.insert(place(transfer, &time(reject.at), id).as_slice(), [].as_slice())?;
    if let Some(key) = key(reject) {
        tables.reject_keys.insert(place(transfer, &key, id).as_slice(), [].as_slice())?;
    }
    Ok(())
}

fn remove(tables: &mut Tables<'_>, transfer: Uid, id: RejectId) -> Result<bool, Broken> {
    let Some(value) = tables.rejects.remove(place(transfer, &[], id).as_slice())? else {
        return Ok(false);
    };
    let reject = decode(value.value())?;
    drop(value);
    tables.reject_times.remove(place(transfer, &time(reject.at), id).as_slice())?;
    if let Some(key) = key(&reject) {
        tables.reject_keys.remove(place(transfer, &key, id).as_slice())?;
    }
    Ok(true)
}

fn place(transfer: Uid, middle: &[u8], id: RejectId) -> Vec<u8> {
    [uid(&transfer).as_slice(), middle, &id.0].concat()
}
