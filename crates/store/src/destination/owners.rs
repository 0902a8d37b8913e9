//! Whose rows are: a transfer owns those it creates, and takes over those whose owner is no more, or owns rows of the entity
//! no longer.
//!
//! Whether an owner still exists is read in the transaction that writes, once a batch. A living owner is never
//! robbed.

use std::collections::BTreeMap;

use raccord_model::fact::Uid;
use raccord_model::port::destination::Batch;
use redb::ReadableTable;

use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::table::{Raw, Table};

/// The owners that a batch has met.
pub(super) struct Owners<'b> {
    batch: &'b Batch,
    others: BTreeMap<Uid, Other>,
}

struct Other {
    /// Whether its rows may be taken over.
    is_orphan: bool,
    /// How many of its rows were taken over.
    adopted: i64,
}

impl<'b> Owners<'b> {
    /// None yet.
    pub(super) const fn new(batch: &'b Batch) -> Self {
        Self { batch, others: BTreeMap::new() }
    }

    /// Whose batch it is.
    pub(super) const fn transfer(&self) -> Uid {
        self.batch.transfer
    }

    /// Whether the owner of a row is no more, or has left its entity. Every transfer of the generation in force has a fact.
    pub(super) fn is_orphan(
        &mut self,
        transfers: &impl ReadableTable<Raw, Raw>,
        owner: Uid,
    ) -> Result<bool, StoreError> {
        if owner == self.batch.transfer {
            return Ok(false);
        }
        if let Some(other) = self.others.get(&owner) {
            return Ok(other.is_orphan);
        }
        let is_orphan =
            self.batch.target.is_left_by(owner) || transfers.get(owner.to_string().as_bytes())?.is_none();
        self.others.insert(owner, Other { is_orphan, adopted: 0 });
        Ok(is_orphan)
    }

    /// Takes a row over from its owner. A row of one's own stays one's own.
    pub(super) fn adopt(&mut self, owner: Uid) {
        if let Some(other) = self.others.get_mut(&owner) {
            other.adopted += 1;
        }
    }

    /// Counts what was taken over in an incarnation.
    pub(super) fn count(&self, counters: &mut Table<'_>, inc: u64) -> Result<(), StoreError> {
        let mut total = 0;
        for (owner, other) in &self.others {
            counter::add(counters, Counter::Owned(inc, *owner), -other.adopted)?;
            total += other.adopted;
        }
        counter::add(counters, Counter::Owned(inc, self.batch.transfer), total)
    }
}
