//! Fences: what a transfer's rows were last written under, kept beside its checkpoint. What works under an older epoch or
//! an older lease is refused before anything is written.

use raccord_model::fact::{Decided, Uid};
use raccord_model::port::destination::{DestinationError, Fence, RaisedFence};
use redb::ReadableTable;

use crate::error::StoreError;
use crate::table::{self, Tables};

/// The greatest epoch and lease token that a transfer was written under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Raised {
    epoch: u64,
    lease: u64,
}

impl Raised {
    fn of(tables: &Tables<'_>, transfer: Uid) -> Result<Self, StoreError> {
        // One that was written by a version without leases has none.
        let Some(bytes) = tables.fences.get(table::uid(&transfer).as_slice())? else {
            return Ok(Self::default());
        };
        let (epoch, lease) = bytes.value().split_first_chunk().ok_or(StoreError::Damaged)?;
        let lease = lease.try_into().map_err(|_| StoreError::Damaged)?;
        Ok(Self { epoch: u64::from_be_bytes(*epoch), lease: u64::from_be_bytes(lease) })
    }
}

/// Refuses what was begun before the transfer was changed with a consequence for its data, or deleted, and what has lost
/// its lease to another.
pub(super) fn check(
    tables: &Tables<'_>,
    transfer: Uid,
    fence: Fence,
) -> Result<Result<(), DestinationError>, StoreError> {
    // Every transfer of the generation in force has a fact, from the apply that made it to the one that ends it.
    let Some(json) = tables.transfers.get(transfer.to_string().as_bytes())? else {
        return Ok(fence.check(None));
    };
    let decided: Decided = serde_json::from_slice(json.value())?;
    let Raised { epoch, lease } = Raised::of(tables, transfer)?;
    Ok(fence.check(Some(RaisedFence { epoch: decided.epoch.max(epoch), lease })))
}

/// Refuses everything under an older fence from now on, unless this one is refused itself.
pub(super) fn raise(
    tables: &mut Tables<'_>,
    transfer: Uid,
    fence: Fence,
) -> Result<Result<(), DestinationError>, StoreError> {
    if let Err(refused) = check(tables, transfer, fence)? {
        return Ok(Err(refused));
    }
    let value = [fence.epoch.to_be_bytes(), fence.lease.to_be_bytes()].concat();
    tables.fences.insert(table::uid(&transfer).as_slice(), value.as_slice())?;
    Ok(Ok(()))
}

/// A transfer is no more.
pub(super) fn forget(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    tables.fences.remove(table::uid(&transfer).as_slice())?;
    Ok(())
}
