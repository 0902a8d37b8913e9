//! A row as the reference keeps it, the end of one, and an enrichment that waits for one; and which rows a record left
//! as they are.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use raccord_model::fact::{RunId, Uid};
use raccord_model::port::destination::{Batch, Candidates, Intent, Prefetched, RecordDigest};

use super::fields::Fields;
use super::world::World;

/// For how many hours a tombstone holds.
const HOLDS_HOURS: i64 = 30 * 24;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) owner: Uid,
    /// The run that last wrote it.
    pub(super) run: RunId,
    /// The owner's record that it was made of.
    pub(super) digest: Option<RecordDigest>,
    /// The latest version that each transfer has shown.
    pub(super) versions: BTreeMap<Uid, Vec<u8>>,
    pub(super) fields: Fields,
}

/// The end of a row.
#[derive(Debug, Clone)]
pub(super) struct Tombstone {
    pub(super) transfer: Uid,
    pub(super) version: Vec<u8>,
    /// Whether a reading ended it: then it may come back as it was.
    pub(super) is_swept: bool,
    pub(super) at: Timestamp,
}

/// An enrichment that waits for its row.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) version: Vec<u8>,
    pub(super) patch: Vec<u8>,
}

impl Row {
    /// The version at which a transfer has last shown it; empty without one.
    pub(super) fn version_of(&self, transfer: Uid) -> &[u8] {
        self.versions.get(&transfer).map_or(&[], Vec::as_slice)
    }

    /// A transfer shows it at a version.
    pub(super) fn see(&mut self, transfer: Uid, version: &[u8]) {
        if !version.is_empty() {
            self.versions.insert(transfer, version.to_vec());
        }
    }

    /// Another transfer takes it over. What the owner's versions were says nothing to it.
    pub(super) fn adopt(&mut self, transfer: Uid) {
        if self.owner != transfer {
            self.versions.remove(&self.owner);
            self.owner = transfer;
            self.digest = None;
        }
    }
}

impl Tombstone {
    /// Whether it holds still.
    pub(super) fn holds_at(&self, now: Timestamp) -> bool {
        let oldest = now.saturating_sub(SignedDuration::from_hours(HOLDS_HOURS)).unwrap_or(Timestamp::MIN);
        self.at >= oldest
    }

    /// Whether what its transfer shows at this version was before the end.
    pub(super) fn is_beyond(&self, version: &[u8]) -> bool {
        let is_last = version == self.version && !self.is_swept;
        !version.is_empty() && (is_last || version < self.version.as_slice())
    }
}

impl World {
    /// Which candidates are as they were when their rows were made of them.
    pub(super) fn prefetch(&self, transfer: Uid, incarnation: u64, candidates: &Candidates) -> Prefetched {
        let Some(entity) = self.entities.get(&incarnation).filter(|entity| entity.revision > 0) else {
            return Prefetched::default();
        };
        let is_same = |number| {
            let (key, digest) = candidates.get(number)?;
            let row = entity.rows.get(key)?;
            Some(row.owner == transfer && row.digest == Some(digest) && !self.is_doomed(transfer, key))
        };
        let same = (0..candidates.len()).map(|number| is_same(number).unwrap_or_default()).collect();
        Prefetched { same, at: entity.revision }
    }

    /// Whether a row that is to be kept is another by now.
    pub(super) fn is_outdated(&self, batch: &Batch) -> bool {
        let is_kept = |key: &[u8], digest: Option<RecordDigest>| {
            let entity = self.entities.get(&batch.target.incarnation);
            let row = entity.and_then(|entity| entity.rows.get(key));
            row.is_some_and(|row| row.owner == batch.transfer && row.digest == digest)
                && !self.is_doomed(batch.transfer, key)
        };
        let mut kept = batch.changes.iter().filter(|change| change.intent == Intent::Keep);
        batch.kept_at.is_some() && kept.any(|change| !is_kept(change.key, change.digest))
    }

    fn is_doomed(&self, transfer: Uid, key: &[u8]) -> bool {
        self.doomed.get(&transfer).is_some_and(|doomed| doomed.contains_key(key))
    }
}
