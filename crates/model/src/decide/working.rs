//! What one batch works on, in memory: everything that is known of its keys, as it was found and as it is to be. Only the
//! difference is written. Nothing here reads or writes anything, or decides what becomes of a record.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkpoint::{PartitionId, Spot};
use crate::classify::Beside;
use crate::fact::{Reject, RejectId, RunId, Uid};
use crate::port::destination::{Batch, DestinationError, Intent, RecordDigest, Target};
use crate::row::{self, FieldId, NotARow};
use uuid::Uuid;

use super::overlay::Overlay;
use super::partitions::Met;

/// The bytes of a key.
pub type Key = Vec<u8>;

/// The owner of rows that no transfer has written.
pub const UNOWNED: Uid = Uid(Uuid::nil());

/// A row, with what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The transfer that owns it.
    pub owner: Uid,
    /// The run that last wrote it.
    pub run: RunId,
    /// Of the owner's record that it was made of.
    pub digest: Option<RecordDigest>,
    /// The versions at which transfers have shown it.
    pub versions: Versions,
    /// Its fields.
    pub row: Vec<u8>,
    /// Where the destination keeps it, in a number of its own.
    pub place: u64,
}

impl Stored {
    /// The row as it follows from this one: shown by a transfer at a version, which may take it over.
    #[must_use]
    pub fn next(&self, beside: Beside, transfer: Uid, version: &[u8]) -> Self {
        let mut next = Self { digest: beside.digest, row: Vec::new(), ..self.clone_beside() };
        if beside.adopts && next.owner != transfer {
            next.versions.forget(next.owner);
            next.owner = transfer;
        }
        next.versions.see(transfer, version);
        next.digest = next.digest.filter(|_| next.owner == transfer);
        next
    }

    /// Whether another has the same beside its row.
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.owner, self.run, self.digest, &self.versions)
            == (other.owner, other.run, other.digest, &other.versions)
    }

    fn clone_beside(&self) -> Self {
        let Self { owner, run, digest, versions, place, .. } = self;
        Self {
            owner: *owner,
            run: *run,
            digest: *digest,
            versions: versions.clone(),
            row: Vec::new(),
            place: *place,
        }
    }
}

/// The latest version at which each transfer has shown a row. Those of two services say nothing about each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions(Vec<(Uid, Vec<u8>)>);

impl Versions {
    /// The version of a transfer; empty without one.
    pub fn of(&self, transfer: Uid) -> &[u8] {
        self.0.iter().find(|(of, _)| *of == transfer).map_or(&[], |(_, version)| version)
    }

    /// A transfer shows the row.
    pub fn see(&mut self, transfer: Uid, version: &[u8]) {
        if !version.is_empty() {
            self.forget(transfer);
            self.0.push((transfer, version.to_vec()));
        }
    }

    fn forget(&mut self, transfer: Uid) {
        self.0.retain(|(of, _)| *of != transfer);
    }

    /// As they are kept: of each the transfer (16), the length (4, big-endian) and the version. Nothing without any.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for (transfer, version) in &self.0 {
            bytes.extend_from_slice(transfer.0.as_bytes());
            bytes.extend_from_slice(&u32::try_from(version.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(version);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Reads what [`Self::encode`] has written.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, DestinationError> {
        let mut take = |count: usize| {
            let (taken, rest) = bytes.split_at_checked(count)?;
            bytes = rest;
            Some(taken)
        };
        let mut all = Vec::new();
        while let Some(uid) = take(16) {
            let length = take(4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            let version = length.and_then(|length| take(usize::try_from(length).ok()?));
            let uid = Uuid::from_slice(uid).map_err(|_| DestinationError::Damaged)?;
            all.push((Uid(uid), version.ok_or(DestinationError::Damaged)?.to_vec()));
        }
        Ok(Self(all))
    }
}

/// The end of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The transfer that showed it last.
    pub transfer: Uid,
    /// At which version.
    pub version: Vec<u8>,
    /// Whether a reading ended it: a snapshot that did not show it, or a record that says so.
    pub is_swept: bool,
    /// In nanoseconds since 1970.
    pub at: i64,
}

/// An enrichment that waits for its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The version of its record.
    pub version: Vec<u8>,
    /// What it makes of the row.
    pub patch: Vec<u8>,
}

/// A key that the window under way has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Whether the record says that it is deleted.
    pub is_deleted: bool,
    /// Where it stood, when pages can shift.
    pub spot: Option<Spot>,
}

/// A reject that is kept.
#[derive(Debug, Clone)]
pub struct KeptReject {
    /// The reject; of one that was found only the key is known.
    pub reject: Option<Box<Reject>>,
    /// The key of its record, where it is known.
    pub key: Option<Key>,
    /// The version of its record.
    pub version: Vec<u8>,
}

/// A reject of another transfer than the one of the batch: its enrichment had waited for a row, and cannot be kept in it.
#[derive(Debug, Clone)]
pub struct OtherReject {
    /// The transfer that enriches.
    pub transfer: Uid,
    /// Which reject it is.
    pub id: RejectId,
    /// The reject, with the version of its record.
    pub kept: KeptReject,
}

/// Which rows hold a value of a unique field.
#[derive(Debug, Default)]
pub struct Holders(BTreeMap<(FieldId, Vec<u8>), BTreeSet<Key>>);

impl Holders {
    /// A row has a value.
    pub fn add(&mut self, field: FieldId, value: &[u8], key: &[u8]) {
        self.0.entry((field, value.to_vec())).or_default().insert(key.to_vec());
    }

    /// A row changes, comes or goes.
    pub fn replace(
        &mut self,
        unique: &[FieldId],
        key: &[u8],
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<(), NotARow> {
        if unique.is_empty() {
            return Ok(());
        }
        for field in row::fields(old.unwrap_or(row::empty_row()))? {
            let field = field?;
            if unique.contains(&field.id)
                && let Some(holders) = self.0.get_mut(&(field.id, field.bytes().to_vec()))
            {
                holders.remove(key);
            }
        }
        for field in row::fields(new.unwrap_or(row::empty_row()))? {
            let field = field?;
            if unique.contains(&field.id) {
                self.add(field.id, field.bytes(), key);
            }
        }
        Ok(())
    }

    /// The first field of a row whose value is another's: the one's that comes first, where several share it.
    pub fn conflict(&self, unique: &[FieldId], key: &[u8], row: &[u8]) -> Result<Option<FieldId>, NotARow> {
        if unique.is_empty() {
            return Ok(None);
        }
        for field in row::fields(row)? {
            let field = field?;
            if !unique.contains(&field.id) {
                continue;
            }
            let holders = self.0.get(&(field.id, field.bytes().to_vec()));
            if holders.and_then(BTreeSet::first).is_some_and(|first| first != key) {
                return Ok(Some(field.id));
            }
        }
        Ok(None)
    }
}

/// Everything that is known of the keys of a batch.
#[derive(Debug, Default)]
pub struct Working {
    /// The rows.
    pub rows: Overlay<Key, Stored>,
    /// The ends of rows that hold still.
    pub tombstones: Overlay<Key, Tombstone>,
    /// The enrichments that wait for rows, by row and transfer.
    pub waiting: Overlay<(Key, Uid), Waiting>,
    /// How many enrichments of this transfer wait in all.
    pub own_waiting: u64,
    /// The deletions that wait for the end of the window, with their versions.
    pub doomed: Overlay<Key, Vec<u8>>,
    /// The keys that the window has shown.
    pub marks: Overlay<Key, Mark>,
    /// The rejects of these keys.
    pub rejects: Overlay<RejectId, KeptReject>,
    /// Rejects of transfers whose enrichments had waited.
    pub other_rejects: Vec<OtherReject>,
    /// The partitions and parents that the batch speaks of.
    pub partitions: Overlay<PartitionId, Met>,
    /// Rows outside of the batch that hold a unique value of it.
    pub others: Vec<(FieldId, Vec<u8>, Key)>,
    /// Which rows hold which unique values, those of others included.
    pub holders: Holders,
    /// The owners that are transfers still.
    pub living: BTreeSet<Uid>,
}

impl Working {
    /// Whether a transfer is no more, or owns no rows of the entity any more, so that another may take its rows over.
    pub fn is_orphan(&self, target: &Target, owner: Uid) -> bool {
        !self.living.contains(&owner) || target.is_left_by(owner)
    }

    /// As it was found.
    pub fn reset(&mut self, unique: &[FieldId]) -> Result<(), NotARow> {
        let Self { rows, tombstones, waiting, doomed, marks, rejects, other_rejects, partitions, .. } = self;
        rows.reset();
        tombstones.reset();
        waiting.reset();
        doomed.reset();
        marks.reset();
        rejects.reset();
        other_rejects.clear();
        partitions.reset();
        let mut holders = Holders::default();
        for (field, value, key) in &self.others {
            holders.add(*field, value, key);
        }
        for (key, stored) in self.rows.iter() {
            holders.replace(unique, key, None, Some(&stored.row))?;
        }
        self.holders = holders;
        Ok(())
    }
}

/// The keys of the changes of a batch, in their order, each once.
pub fn changed_keys(batch: &Batch) -> Vec<&[u8]> {
    sorted(batch.changes.iter().map(|change| change.key).collect())
}

/// The same, and those that its rejects carry.
pub fn all_keys<'k>(changes: &[&'k [u8]], of_rejects: &'k [Key]) -> Vec<&'k [u8]> {
    sorted(changes.iter().copied().chain(of_rejects.iter().map(Vec::as_slice)).collect())
}

fn sorted(mut keys: Vec<&[u8]>) -> Vec<&[u8]> {
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The unique values that rows of a batch have or may take, each as it stands in a row: which other rows hold them has to be known.
pub fn taken_values(batch: &Batch, set: &Working) -> Result<BTreeMap<FieldId, BTreeSet<Vec<u8>>>, NotARow> {
    let unique = &batch.target.unique;
    let mut taken: BTreeMap<FieldId, BTreeSet<Vec<u8>>> = BTreeMap::new();
    if unique.is_empty() {
        return Ok(taken);
    }
    let upserts =
        batch.changes.iter().filter(|change| change.intent == Intent::Upsert).map(|change| change.patch);
    let waiting = set.waiting.iter().map(|(_, waiting)| waiting.patch.as_slice());
    let rows = set.rows.iter().map(|(_, stored)| stored.row.as_slice());
    let defaults: &[u8] = &batch.target.defaults;
    for row in upserts.chain(waiting).chain(rows).chain(Some(defaults).filter(|row| !row.is_empty())) {
        for field in row::fields(row)? {
            let field = field?;
            if unique.contains(&field.id) && !field.is_empty() {
                taken.entry(field.id).or_default().insert(field.bytes().to_vec());
            }
        }
    }
    Ok(taken)
}
