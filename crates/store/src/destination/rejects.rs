//! Rejects: kept with their reason, found again by key, bounded in number and age.
//!
//! The same record rejected again is the same reject. Three tables move together: the rejects, their order in
//! time, and the keys they carry.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use raccord_model::fact::{Reject, RejectId, Uid};
use redb::ReadableTable;

use super::forgotten;
use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::record::{Reader, write_version};
use crate::table::{Raw, Tables, Under, reject_id, time, uid};
use raccord_model::classify::is_older;

/// The first byte of one whose record has no version: `version byte | JSON`.
const PLAIN: u8 = 1;

/// The first byte of one whose record has a version: `version byte | version | JSON`.
const VERSIONED: u8 = 2;

/// The identity of a reject: of the record as it came, or of which row and why when it was not kept, or of where when
/// its key is not known either; of the field that is to blame; and of the path of a record that could not be had.
pub(crate) fn identity(reject: &Reject) -> RejectId {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    };
    match (&reject.payload, &reject.key) {
        (Some(payload), _) => part(payload),
        // Where it stands says nothing: lines and pages move.
        (None, Some(key)) => {
            part("");
            part(&reject.reason);
            part(key);
        }
        (None, None) => {
            part(&reject.position);
            part(&reject.reason);
            part("");
        }
    }
    part(reject.field.as_ref().map_or("", |field| field.as_str()));
    if reject.partial {
        part("partial");
    }
    if reject.deletion {
        part("deletion");
    }
    if let Some(fetch) = &reject.fetch {
        part("fetch");
        part(&fetch.path);
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
pub(crate) fn decode(bytes: &[u8]) -> Result<Reject, StoreError> {
    Ok(serde_json::from_slice(split(bytes)?.1)?)
}

/// The version of a reject, and its JSON.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), StoreError> {
    match bytes.split_first() {
        Some((&PLAIN, json)) => Ok((&[], json)),
        Some((&VERSIONED, rest)) => {
            let mut at = Reader(rest);
            Ok((at.version()?, at.0))
        }
        _ => Err(StoreError::Damaged),
    }
}

/// The rejects of a transfer in one commit, which are kept and superseded in the order of its records.
pub(super) struct Rejects {
    transfer: Uid,
    /// How many are kept.
    count: u64,
    /// How many were before the commit.
    before: u64,
    now: Timestamp,
    /// The oldest instant that is still kept.
    oldest: [u8; 8],
    /// Those that are kept and were not known before the commit.
    new: BTreeSet<RejectId>,
    /// Those that were, and were superseded in it.
    superseded: BTreeSet<RejectId>,
}

impl Rejects {
    /// Begins with those that are there; `age` is for how many seconds they are kept.
    pub(super) fn begin(
        tables: &Tables<'_>,
        transfer: Uid,
        now: Timestamp,
        age: u64,
    ) -> Result<Self, StoreError> {
        let count = counter::read(&tables.counters, Counter::Rejects(transfer))?;
        let (new, superseded) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { transfer, count, before: count, now, oldest: oldest(now, age), new, superseded })
    }

    /// Whether there is one.
    pub(super) const fn has_any(&self) -> bool {
        self.count > 0
    }

    /// Keeps one, whose record has this version.
    pub(super) fn keep(
        &mut self,
        tables: &mut Tables<'_>,
        reject: &Reject,
        version: &[u8],
    ) -> Result<(), StoreError> {
        let id = identity(reject);
        let before = kept_version(tables, self.transfer, id)?;
        let was_kept = remove(tables, self.transfer, id)?;
        let latest = before.as_deref().filter(|before| is_older(version, before)).unwrap_or(version);
        insert(tables, self.transfer, id, (reject, latest))?;
        if was_kept {
            return Ok(());
        }
        self.count += 1;
        let was_known =
            self.superseded.contains(&id) || forgotten::recall(tables, self.transfer, id, self.oldest)?;
        if !was_known {
            self.new.insert(id);
        }
        Ok(())
    }

    /// Takes away those that carry a key and are not newer, after what became of its record is known.
    pub(super) fn supersede(
        &mut self,
        tables: &mut Tables<'_>,
        key: &[u8],
        version: &[u8],
    ) -> Result<(), StoreError> {
        if self.count == 0 {
            return Ok(());
        }
        for id in carriers(&tables.reject_keys, self.transfer, key)? {
            let kept = kept_version(tables, self.transfer, id)?;
            let is_newer = kept.is_some_and(|kept| is_older(version, &kept));
            if is_newer || !remove(tables, self.transfer, id)? {
                continue;
            }
            self.count -= 1;
            if !self.new.remove(&id) {
                self.superseded.insert(id);
            }
        }
        Ok(())
    }

    /// Takes away those that are too old, and the oldest of those that are too many.
    pub(super) fn bound(&mut self, tables: &mut Tables<'_>, most: u64) -> Result<(), StoreError> {
        if self.count == 0 {
            return Ok(());
        }
        let many = self.count.saturating_sub(most);
        let (old, surplus) = surplus(tables, self.transfer, many, self.oldest)?;
        for id in old.iter().chain(&surplus) {
            self.count -= u64::from(remove(tables, self.transfer, *id)?);
        }
        forgotten::remember(tables, self.transfer, &surplus, (time(self.now), self.oldest))
    }

    /// Counts them. Returns how many are new.
    pub(super) fn end(self, tables: &mut Tables<'_>) -> Result<u64, StoreError> {
        if self.count != self.before {
            counter::set(&mut tables.counters, Counter::Rejects(self.transfer), self.count)?;
        }
        Ok(u64::try_from(self.new.len()).unwrap_or(u64::MAX))
    }
}

/// The version of a reject that is kept.
fn kept_version(tables: &Tables<'_>, transfer: Uid, id: RejectId) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(value) = tables.rejects.get(place(transfer, &[], id).as_slice())? else { return Ok(None) };
    Ok(Some(split(value.value())?.0.to_vec()))
}

/// The rejects that carry a key.
pub(crate) fn carriers(
    keys: &impl ReadableTable<Raw, Raw>,
    transfer: Uid,
    key: &[u8],
) -> Result<Vec<RejectId>, StoreError> {
    let under = Under::new(&[uid(&transfer), key]);
    let mut ids = Vec::new();
    for entry in keys.range::<&[u8]>(under.bounds())? {
        let (found, _) = entry?;
        // A longer key may begin with this one.
        if found.value().len() == under.len() + size_of::<RejectId>() {
            ids.push(reject_id(found.value())?);
        }
    }
    Ok(ids)
}

/// Takes rejects away.
pub(crate) fn take(tables: &mut Tables<'_>, transfer: Uid, ids: &[RejectId]) -> Result<(), StoreError> {
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

/// The rejects from before an instant; and of the others the oldest, until so many go in all.
fn surplus(
    tables: &Tables<'_>,
    transfer: Uid,
    many: u64,
    oldest: [u8; 8],
) -> Result<(Vec<RejectId>, Vec<RejectId>), StoreError> {
    let (mut old, mut surplus) = (Vec::new(), Vec::new());
    let mut left = many;
    for entry in tables.reject_times.range::<&[u8]>(Under::new(&[uid(&transfer)]).bounds())? {
        let (key, _) = entry?;
        let is_old = key.value().get(16..24).unwrap_or_default() < oldest.as_slice();
        if left == 0 && !is_old {
            break;
        }
        left = left.saturating_sub(1);
        let list = if is_old { &mut old } else { &mut surplus };
        list.push(reject_id(key.value())?);
    }
    Ok((old, surplus))
}

fn insert(
    tables: &mut Tables<'_>,
    transfer: Uid,
    id: RejectId,
    (reject, version): (&Reject, &[u8]),
) -> Result<(), StoreError> {
    let mut value = vec![if version.is_empty() { PLAIN } else { VERSIONED }];
    if !version.is_empty() {
        write_version(&mut value, version);
    }
    serde_json::to_writer(&mut value, reject)?;
    tables.rejects.insert(place(transfer, &[], id).as_slice(), value.as_slice())?;
    tables.reject_times.insert(place(transfer, &time(reject.at), id).as_slice(), [].as_slice())?;
    if let Some(key) = key(reject) {
        tables.reject_keys.insert(place(transfer, &key, id).as_slice(), [].as_slice())?;
    }
    Ok(())
}

fn remove(tables: &mut Tables<'_>, transfer: Uid, id: RejectId) -> Result<bool, StoreError> {
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
