//! What one batch works on, in memory: everything that is known of its keys, as it was found and as it is to be. Only the
//! difference is written. Nothing here reads or writes anything, or decides what becomes of a record.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::checkpoint::{PartitionId, Spot};
use raccord_model::classify::Beside;
use raccord_model::fact::{Reject, RejectId, RunId, Uid};
use raccord_model::port::destination::{DestinationError, RecordDigest};
use raccord_model::row::{self, FieldId, NotARow};
use uuid::Uuid;

use crate::overlay::Overlay;
use crate::partitions::Met;

/// The bytes of a key.
pub(crate) type Key = Vec<u8>;

/// The owner of rows that no transfer has written.
pub(crate) const UNOWNED: Uid = Uid(Uuid::nil());

/// A row, with what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The transfer that owns it.
    pub(crate) owner: Uid,
    /// The run that last wrote it.
    pub(crate) run: RunId,
    /// Of the owner's record that it was made of.
    pub(crate) digest: Option<RecordDigest>,
    pub(crate) versions: Versions,
    pub(crate) row: Vec<u8>,
    /// Where the database keeps it.
    pub(crate) place: [u8; 6],
}

impl Stored {
    /// The row as it follows from this one: shown by a transfer at a version, which may take it over.
    pub(crate) fn next(&self, beside: Beside, transfer: Uid, version: &[u8]) -> Self {
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
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
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
pub(crate) struct Versions(Vec<(Uid, Vec<u8>)>);

impl Versions {
    /// The version of a transfer; empty without one.
    pub(crate) fn of(&self, transfer: Uid) -> &[u8] {
        self.0.iter().find(|(of, _)| *of == transfer).map_or(&[], |(_, version)| version)
    }

    /// A transfer shows the row.
    pub(crate) fn see(&mut self, transfer: Uid, version: &[u8]) {
        if !version.is_empty() {
            self.forget(transfer);
            self.0.push((transfer, version.to_vec()));
        }
    }

    fn forget(&mut self, transfer: Uid) {
        self.0.retain(|(of, _)| *of != transfer);
    }

    /// As they are kept: of each the transfer (16), the length (4, big-endian) and the version. Nothing without any.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for (transfer, version) in &self.0 {
            bytes.extend_from_slice(transfer.0.as_bytes());
            bytes.extend_from_slice(&u32::try_from(version.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(version);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, DestinationError> {
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
pub(crate) struct Tombstone {
    pub(crate) transfer: Uid,
    pub(crate) version: Vec<u8>,
    /// Whether a snapshot did not show it.
    pub(crate) is_swept: bool,
    /// In nanoseconds since 1970.
    pub(crate) at: i64,
}

/// An enrichment that waits for its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) version: Vec<u8>,
    pub(crate) patch: Vec<u8>,
}

/// A key that the window under way has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Whether the record says that it is deleted.
    pub(crate) is_deleted: bool,
    pub(crate) spot: Option<Spot>,
}

/// A reject that is kept.
#[derive(Debug, Clone)]
pub(crate) struct KeptReject {
    /// The reject; of one that was found only the key is known.
    pub(crate) reject: Option<Box<Reject>>,
    pub(crate) key: Option<Key>,
    pub(crate) version: Vec<u8>,
}

/// Which rows hold a value of a unique field.
#[derive(Debug, Default)]
pub(crate) struct Holders(BTreeMap<(FieldId, Vec<u8>), BTreeSet<Key>>);

impl Holders {
    /// A row has a value.
    pub(crate) fn add(&mut self, field: FieldId, value: &[u8], key: &[u8]) {
        self.0.entry((field, value.to_vec())).or_default().insert(key.to_vec());
    }

    /// A row changes, comes or goes.
    pub(crate) fn replace(
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
    pub(crate) fn conflict(
        &self,
        unique: &[FieldId],
        key: &[u8],
        row: &[u8],
    ) -> Result<Option<FieldId>, NotARow> {
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
pub(crate) struct Working {
    pub(crate) rows: Overlay<Key, Stored>,
    pub(crate) tombstones: Overlay<Key, Tombstone>,
    pub(crate) waiting: Overlay<(Key, Uid), Waiting>,
    /// How many enrichments of this transfer wait in all.
    pub(crate) own_waiting: u64,
    pub(crate) doomed: Overlay<Key, Vec<u8>>,
    pub(crate) marks: Overlay<Key, Mark>,
    pub(crate) rejects: Overlay<RejectId, KeptReject>,
    pub(crate) partitions: Overlay<PartitionId, Met>,
    /// Rows outside of the batch that hold a unique value of it.
    pub(crate) others: Vec<(FieldId, Vec<u8>, Key)>,
    pub(crate) holders: Holders,
    /// The owners that are transfers still.
    pub(crate) living: BTreeSet<Uid>,
}

impl Working {
    /// Whether a transfer is no more, so that another may take its rows over.
    pub(crate) fn is_gone(&self, owner: Uid) -> bool {
        !self.living.contains(&owner)
    }

    /// As it was found.
    pub(crate) fn reset(&mut self, unique: &[FieldId]) -> Result<(), NotARow> {
        let Self { rows, tombstones, waiting, doomed, marks, rejects, partitions, .. } = self;
        rows.reset();
        tombstones.reset();
        waiting.reset();
        doomed.reset();
        marks.reset();
        rejects.reset();
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
