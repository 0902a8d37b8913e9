//! Everything that the reference keeps, and what an apply and a fence do to it. It classifies nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Decided, Run, RunId, Uid};
use raccord_model::port::destination::{DestinationError, Fence, Target};
use raccord_model::port::lease::LeaseToken;

use super::marks::{Mark, Met};
use super::rejects::Rejects;
use super::rows::{Row, Tombstone, Waiting};
use raccord_model::row::FieldId;

/// The bytes of a key.
pub(super) type Key = Vec<u8>;

/// Everything that is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    /// The transfers that there are, as the last apply left them.
    pub(super) transfers: BTreeMap<Uid, Decided>,
    /// Under which epoch and lease each was written last.
    pub(super) raised: BTreeMap<Uid, (u64, LeaseToken)>,
    pub(super) entities: BTreeMap<u64, Entity>,
    pub(super) checkpoints: BTreeMap<Uid, Checkpoint>,
    /// The keys that a window has shown.
    pub(super) marks: BTreeMap<Uid, BTreeMap<Key, Mark>>,
    /// The keys that go at the end of a window, with the version at which they do.
    pub(super) doomed: BTreeMap<Uid, BTreeMap<Key, Vec<u8>>>,
    pub(super) partitions: BTreeMap<Uid, BTreeMap<PartitionId, Met>>,
    pub(super) rejects: BTreeMap<Uid, Rejects>,
    pub(super) runs: BTreeMap<RunId, Run>,
}

/// What is kept of an incarnation.
#[derive(Debug, Clone, Default)]
pub(super) struct Entity {
    pub(super) rows: BTreeMap<Key, Row>,
    pub(super) tombstones: BTreeMap<Key, Tombstone>,
    /// By the transfer that enriches.
    pub(super) waiting: BTreeMap<(Uid, Key), Waiting>,
    /// How often its rows were changed.
    pub(super) revision: u64,
}

/// How many there are.
pub(super) fn count<K, V>(all: &BTreeMap<K, V>) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

/// Whether a version is older than another. What has none is neither older nor newer.
pub(super) fn is_older(version: &[u8], than: &[u8]) -> bool {
    !version.is_empty() && !than.is_empty() && version < than
}

impl World {
    /// An apply decides something about a transfer. When everything is to be read again, what waits of it says nothing.
    pub(super) fn decide(&mut self, transfer: Uid, decided: Decided) {
        let before = self.transfers.insert(transfer, decided);
        if before.is_some_and(|before| decided.reset > before.reset) {
            self.drop_waiting(transfer);
        }
    }

    /// An apply ends a transfer. Its rows stay.
    pub(super) fn end(&mut self, transfer: Uid) {
        if self.transfers.remove(&transfer).is_none() {
            return;
        }
        self.raised.remove(&transfer);
        self.partitions.remove(&transfer);
        if let Some(rejects) = self.rejects.get_mut(&transfer) {
            rejects.remembered.clear();
        }
        self.drop_waiting(transfer);
    }

    fn drop_waiting(&mut self, transfer: Uid) {
        for entity in self.entities.values_mut() {
            entity.waiting.retain(|(of, _), _| *of != transfer);
        }
    }

    /// Whether a transfer is no more, or owns no rows of the entity any more, so that another may take its rows over.
    pub(super) fn is_orphan(&self, target: &Target, owner: Uid) -> bool {
        !self.transfers.contains_key(&owner) || target.is_left_by(owner)
    }

    /// Refuses what is older than what is in force.
    pub(super) fn check_fence(&self, transfer: Uid, fence: Fence) -> Result<(), DestinationError> {
        let expected = fence.epoch;
        let Some(decided) = self.transfers.get(&transfer) else {
            return Err(DestinationError::Fenced { expected, found: None });
        };
        let (epoch, lease) = self.raised.get(&transfer).copied().unwrap_or_default();
        let found = epoch.max(decided.epoch);
        if expected < found {
            return Err(DestinationError::Fenced { expected, found: Some(found) });
        }
        if fence.lease < lease {
            return Err(DestinationError::LeaseLost { held: fence.lease, found: lease });
        }
        Ok(())
    }

    pub(super) fn raise_fence(&mut self, transfer: Uid, fence: Fence) -> Result<(), DestinationError> {
        self.check_fence(transfer, fence)?;
        self.raised.insert(transfer, (fence.epoch, fence.lease));
        Ok(())
    }

    pub(super) fn entity(&mut self, incarnation: u64) -> &mut Entity {
        self.entities.entry(incarnation).or_default()
    }

    /// How many rows of an incarnation a transfer owns.
    pub(super) fn owned(&self, incarnation: u64, transfer: Uid) -> u64 {
        let rows = self.entities.get(&incarnation).into_iter().flat_map(|entity| entity.rows.values());
        rows.map(|row| u64::from(row.owner == transfer)).sum()
    }

    /// The transfers that own rows of an incarnation, and how many each.
    pub(super) fn owners(&self, incarnation: u64) -> Vec<(Uid, u64)> {
        let rows = self.entities.get(&incarnation).into_iter().flat_map(|entity| entity.rows.values());
        let mut owners = BTreeMap::new();
        rows.for_each(|row| *owners.entry(row.owner).or_insert(0) += 1);
        owners.into_iter().collect()
    }

    /// Forgets tombstones that have held long enough.
    pub(super) fn forget_tombstones(&mut self, now: Timestamp) {
        for entity in self.entities.values_mut() {
            entity.tombstones.retain(|_, tombstone| tombstone.holds_at(now));
        }
    }
}

impl Entity {
    /// The first of these fields whose value belongs to another row: to the one that comes first, when several share it.
    pub(super) fn conflict(
        &self,
        unique: &[FieldId],
        key: &[u8],
        fields: &super::fields::Fields,
    ) -> Option<FieldId> {
        let mut taken = fields.iter().filter(|(id, _)| unique.contains(id));
        let is_other = |id: &FieldId, value: &Vec<u8>| {
            let holder = self.rows.iter().find(|(_, row)| row.fields.get(id) == Some(value));
            holder.is_some_and(|(holder, _)| holder != key)
        };
        taken.find(|(id, value)| is_other(id, value)).map(|(id, _)| *id)
    }
}
