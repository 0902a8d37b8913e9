//! A destination in memory, written to be read: maps, whole copies, no index and no counter. It is what other
//! destinations are compared with, and shares no code with any of them.
//!
//! Each piece of work is done on a copy of everything, which takes the place of the original only when it succeeds.

mod batch;
mod fields;
mod ledger;
mod marks;
mod rejects;
mod removal;
mod rows;
mod world;

use std::sync::{Arc, Mutex, PoisonError};

use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Decided, Run, RunId, Tally, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Destination, DestinationError, EntityShape, Fence, Inspection, KnownPartition,
    Prefetched, ResumePoint, Sweep, Swept,
};

use crate::Subject;
use crate::fixture::transfer;
use world::World;

/// The destination. Everything is gone with it.
#[derive(Debug, Default)]
pub struct Reference {
    world: Mutex<World>,
}

impl Reference {
    /// Answers from what is there.
    fn look<T>(&self, question: impl FnOnce(&World) -> T) -> T {
        question(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does a piece of work wholly or not at all.
    fn change<T>(
        &self,
        work: impl FnOnce(&mut World) -> Result<T, DestinationError>,
    ) -> Result<T, DestinationError> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = world.clone();
        let done = work(&mut next)?;
        *world = next;
        Ok(done)
    }

    /// An apply decides something about a transfer, or ends it.
    fn apply(&self, transfer: Uid, decided: Option<Decided>) {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        match decided {
            Some(decided) => world.decide(transfer, decided),
            None => world.end(transfer),
        }
    }
}

/// An answer that is there already.
fn ready<'a, T: Send + 'a>(answer: T) -> Async<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl Destination for Reference {
    fn is_atomic(&self) -> bool {
        true
    }

    fn is_state(&self) -> bool {
        true
    }

    fn probe(&self) -> Async<'_, Result<(), DestinationError>> {
        ready(Ok(()))
    }

    fn inspect(&self, _shape: EntityShape) -> Async<'_, Result<Inspection, DestinationError>> {
        ready(Ok(Inspection::default()))
    }

    fn prepare(&self, _shape: EntityShape) -> Async<'_, Result<(), DestinationError>> {
        ready(Ok(()))
    }

    fn end(&self, _transfer: Uid) -> Async<'_, Result<(), DestinationError>> {
        ready(Ok(()))
    }

    fn settled(&self, _transfer: Uid) -> Async<'_, Result<Vec<u64>, DestinationError>> {
        ready(Ok(Vec::new()))
    }

    fn recorded(&self, _run: RunId) -> Async<'_, Result<Option<Run>, DestinationError>> {
        ready(Ok(None))
    }

    fn resume(&self, transfer: Uid) -> Async<'_, Result<Option<Checkpoint>, DestinationError>> {
        ready(Ok(self.look(|world| world.checkpoints.get(&transfer).cloned())))
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<ResumePoint, DestinationError>> {
        ready(self.change(|world| {
            world.raise_fence(transfer, fence)?;
            let checkpoint = world.checkpoints.get(&transfer).cloned();
            Ok(ResumePoint { checkpoint, rejects: ledger::rejects_of(world, transfer) })
        }))
    }

    fn prefetch(
        &self,
        transfer: Uid,
        incarnation: u64,
        candidates: Arc<Candidates>,
    ) -> Async<'_, Result<Prefetched, DestinationError>> {
        ready(Ok(self.look(|world| world.prefetch(transfer, incarnation, &candidates))))
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<Tally, DestinationError>> {
        ready(self.change(|world| batch::commit(world, &batch)))
    }

    fn begin_window(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<(), DestinationError>> {
        ready(self.change(|world| {
            world.check_fence(transfer, fence)?;
            world.begin_window(transfer);
            Ok(())
        }))
    }

    fn partition(
        &self,
        transfer: Uid,
        id: PartitionId,
    ) -> Async<'_, Result<Option<KnownPartition>, DestinationError>> {
        ready(Ok(self.look(|world| world.partition(transfer, id))))
    }

    fn forget_partitions(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<(), DestinationError>> {
        ready(self.change(|world| {
            world.check_fence(transfer, fence)?;
            world.partitions.remove(&transfer);
            Ok(())
        }))
    }

    fn sweep(&self, sweep: Sweep) -> Async<'_, Result<Swept, DestinationError>> {
        ready(self.change(|world| removal::sweep(world, &sweep)))
    }

    fn collect(&self, incarnation: u64) -> Async<'_, Result<u64, DestinationError>> {
        ready(self.change(|world| {
            let gone = world.entities.remove(&incarnation);
            Ok(gone.map_or(0, |entity| world::count(&entity.rows)))
        }))
    }
}

impl Subject for Reference {
    type Ports = Self;

    async fn empty() -> Self {
        let reference = Self::default();
        for letter in 'A'..='F' {
            reference.apply(transfer(letter), Some(Decided::default()));
        }
        reference
    }

    fn destination(&self) -> &Self {
        self
    }

    async fn apply(&self, transfer: Uid, decided: Option<Decided>) {
        self.apply(transfer, decided);
    }

    async fn recorded(&self, transfer: Uid) -> Vec<Run> {
        self.look(|world| world.runs.values().filter(|run| run.transfer_uid == transfer).cloned().collect())
    }

    async fn reopen(self) -> Self {
        self
    }

    fn assert_sound(&self) {}
}
