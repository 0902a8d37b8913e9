//! The port `Destination`: rows come in, are classified by their effect, and are committed with the checkpoint.
//!
//! The fence is read in the transaction that writes, before anything is written: a refused batch leaves no trace.

mod batch;
mod doomed;
mod fence;
mod forgotten;
mod guard;
mod owners;
mod partitions;
pub(crate) mod rejects;
pub(crate) mod seen;
mod snapshot;
mod tombstone;
pub(crate) mod unique;
pub(crate) mod waiting;

use std::sync::Arc;

use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Decided, Run, RunId, Tally, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Destination, DestinationError, EntityShape, Fence, Inspection, KnownPartition, Ledger,
    Prefetched, ResumePoint, Sweep, Swept,
};
use redb::ReadableTable;

use crate::Store;
use crate::error::StoreError;
use crate::table::{self, Tables};

impl Destination for Store {
    fn is_atomic(&self) -> bool {
        true
    }

    fn is_state(&self) -> bool {
        true
    }

    fn probe(&self) -> Async<'_, Result<(), DestinationError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn inspect(&self, _shape: EntityShape) -> Async<'_, Result<Inspection, DestinationError>> {
        // Rows hold what their fields' ids say: there is no table to make.
        Box::pin(std::future::ready(Ok(Inspection::default())))
    }

    fn prepare(&self, _shape: EntityShape) -> Async<'_, Result<(), DestinationError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn end(&self, _transfer: Uid) -> Async<'_, Result<(), DestinationError>> {
        // The apply that removed its fact has ended it.
        Box::pin(std::future::ready(Ok(())))
    }

    fn settled(&self, _transfer: Uid) -> Async<'_, Result<Vec<u64>, DestinationError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn recorded(&self, _run: RunId) -> Async<'_, Result<Option<Run>, DestinationError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn resume(&self, transfer: Uid) -> Async<'_, Result<Option<Checkpoint>, DestinationError>> {
        Box::pin(async move {
            let read = self.read(move |at| {
                let checkpoints = at.open_table(table::CHECKPOINTS)?;
                let json = checkpoints.get(table::uid(&transfer).as_slice())?;
                json.map(|json| checkpoint(json.value())).transpose()
            });
            read.await.map_err(StoreError::destination_read)
        })
    }

    fn prefetch(
        &self,
        transfer: Uid,
        incarnation: u64,
        candidates: Arc<Candidates>,
    ) -> Async<'_, Result<Prefetched, DestinationError>> {
        Box::pin(async move {
            let read = self.read(move |at| batch::keep::prefetch(at, transfer, incarnation, &candidates));
            read.await.map_err(StoreError::destination_read)
        })
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<ResumePoint, DestinationError>> {
        // Commits under it follow, which become durable after this one or not at all.
        let work = move |tables: &mut Tables<'_>| fence::raise(tables, transfer, fence);
        Box::pin(async move {
            self.writer.submit(false, StoreError::destination_write, work).await?;
            let (checkpoint, rejects) = (self.resume(transfer).await?, self.count_rejects(transfer).await?);
            Ok(ResumePoint { checkpoint, rejects })
        })
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<Tally, DestinationError>> {
        let durable = batch.durable;
        let work = move |tables: &mut Tables<'_>| match fence::check(tables, batch.transfer, batch.fence)? {
            Ok(()) => batch::commit(tables, &batch),
            Err(fenced) => Ok(Err(fenced)),
        };
        Box::pin(self.writer.submit(durable, StoreError::destination_write, work))
    }

    fn begin_window(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<(), DestinationError>> {
        // Marks follow in later commits, which become durable after this one or not at all.
        let work = move |tables: &mut Tables<'_>| match fence::check(tables, transfer, fence)? {
            Ok(()) => snapshot::begin(tables, transfer).map(Ok),
            Err(fenced) => Ok(Err(fenced)),
        };
        Box::pin(self.writer.submit(false, StoreError::destination_write, work))
    }

    fn partition(
        &self,
        transfer: Uid,
        id: PartitionId,
    ) -> Async<'_, Result<Option<KnownPartition>, DestinationError>> {
        Box::pin(async move {
            let read = self.read(move |at| {
                let all = at.open_table(table::PARTITIONS)?;
                let json = all.get(partitions::place(transfer, id).as_slice())?;
                json.map(|json| partitions::known(json.value())).transpose()
            });
            read.await.map_err(StoreError::destination_read)
        })
    }

    fn forget_partitions(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<(), DestinationError>> {
        let work = move |tables: &mut Tables<'_>| match fence::check(tables, transfer, fence)? {
            Ok(()) => partitions::forget(tables, transfer).map(Ok),
            Err(fenced) => Ok(Err(fenced)),
        };
        Box::pin(self.writer.submit(false, StoreError::destination_write, work))
    }

    fn sweep(&self, sweep: Sweep) -> Async<'_, Result<Swept, DestinationError>> {
        let work = move |tables: &mut Tables<'_>| match fence::check(tables, sweep.transfer, sweep.fence)? {
            Ok(()) => snapshot::sweep(tables, &sweep).map(Ok),
            Err(fenced) => Ok(Err(fenced)),
        };
        Box::pin(self.writer.submit(true, StoreError::destination_write, work))
    }

    fn collect(&self, incarnation: u64) -> Async<'_, Result<u64, DestinationError>> {
        let work = move |tables: &mut Tables<'_>| snapshot::collect(tables, incarnation).map(Ok);
        Box::pin(self.writer.submit(true, StoreError::destination_write, work))
    }
}

/// A transfer that is applied with this fact reads everything again under another mapping, perhaps: what waits of it
/// was made under the old one.
pub(crate) fn begin_anew(tables: &mut Tables<'_>, key: &str, fact: &[u8]) -> Result<(), StoreError> {
    let fact_of = |json: &[u8]| serde_json::from_slice::<Decided>(json);
    let before = tables.transfers.get(key.as_bytes())?.map(|json| fact_of(json.value())).transpose()?;
    let (Some(before), Ok(uid)) = (before, key.parse()) else { return Ok(()) };
    if fact_of(fact)?.reset > before.reset { waiting::drop_all(tables, Uid(uid)) } else { Ok(()) }
}

/// A transfer is no more: nothing of it waits any longer.
pub(crate) fn end(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    fence::forget(tables, transfer)?;
    forgotten::drop_all(tables, transfer)?;
    partitions::forget(tables, transfer)?;
    waiting::drop_all(tables, transfer)
}

/// Reads a checkpoint.
pub(crate) fn checkpoint(json: &[u8]) -> Result<Checkpoint, StoreError> {
    Ok(serde_json::from_slice(json)?)
}

/// Keeps a checkpoint in the transaction of what it speaks of.
fn advance(tables: &mut Tables<'_>, transfer: Uid, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let json = serde_json::to_vec(checkpoint)?;
    tables.checkpoints.insert(table::uid(&transfer).as_slice(), json.as_slice())?;
    Ok(())
}
