//! Files as a destination: rows are written to files of their own, and then one entry of a log names them together with the
//! fence, the checkpoint and the rejects. So rows and progress commit together; what no entry names does not count, and is
//! removed by the next run of its transfer. It knows no row that it wrote before.

mod error;
mod layout;
mod ledger;
mod log;
mod manifest;
mod rejects;
mod session;
mod taking;
mod world;
mod writer;

use std::sync::Arc;

use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Run, RunId, Tally, Uid};
use raccord_model::language::store::{FileMode, PartitionBy};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Destination, DestinationError, EntityShape, Fence, Inspection, KnownPartition,
    Prefetched, Sweep, Swept,
};
use raccord_model::port::environment::Environment;
use tokio::sync::{Mutex, MutexGuard};

use crate::format::Format;
use crate::storage::Storage;
use session::Session;

type Answer<'a, T> = Async<'a, Result<T, DestinationError>>;

/// How files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesSettings {
    /// Their format.
    pub format: Format,
    /// Whether they are appended to or replaced.
    pub mode: FileMode,
    /// By what they are apart.
    pub partition: Option<PartitionBy>,
}

/// The files in a storage.
pub struct FilesDestination {
    storage: Arc<dyn Storage>,
    settings: FilesSettings,
    environment: Arc<dyn Environment>,
    /// Nothing before the log was read, and after something failed of which it is not known what became.
    session: Mutex<Option<Session>>,
}

impl FilesDestination {
    /// The files in a storage. Nothing is read yet.
    pub fn new(
        storage: Arc<dyn Storage>,
        settings: FilesSettings,
        environment: Arc<dyn Environment>,
    ) -> Self {
        Self { storage, settings, environment, session: Mutex::default() }
    }

    /// What is known of the files, which one piece of work at a time has.
    async fn session(&self) -> Result<MutexGuard<'_, Option<Session>>, DestinationError> {
        if !self.settings.format.is_built_in() {
            return Err(DestinationError::NotBuilt(self.settings.format.extension()));
        }
        let mut session = self.session.lock().await;
        if session.is_none() {
            let (storage, environment) = (Arc::clone(&self.storage), Arc::clone(&self.environment));
            *session = Some(Session::open(storage, environment, self.settings.clone()).await?);
        }
        Ok(session)
    }

    /// Does something with it. When that fails, what the transfer had under way is given up: the next look at the log says what
    /// counts.
    async fn with<T>(
        &self,
        transfer: Option<Uid>,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, DestinationError>,
    ) -> Result<T, DestinationError> {
        let mut guard = self.session().await?;
        let Some(session) = guard.as_mut() else { return Err(error::CannotError::Interrupted.into()) };
        let done = work(session).await;
        match (&done, transfer) {
            // What is fenced is the work of another run, which goes on.
            (Ok(_) | Err(DestinationError::Fenced { .. } | DestinationError::LeaseLost { .. }), _) => {}
            (Err(_), Some(transfer)) => session.give_up(transfer),
            (Err(_), None) => *guard = None,
        }
        done
    }
}

impl Destination for FilesDestination {
    fn is_atomic(&self) -> bool {
        true
    }

    fn is_state(&self) -> bool {
        false
    }

    fn probe(&self) -> Answer<'_, ()> {
        Box::pin(async move { self.with(None, async |session| session.catch_up().await).await })
    }

    fn inspect(&self, shape: EntityShape) -> Answer<'_, Inspection> {
        Box::pin(async move { self.with(None, async |session| Ok(session.inspect(&shape))).await })
    }

    fn prepare(&self, shape: EntityShape) -> Answer<'_, ()> {
        Box::pin(async move { self.with(None, async |session| session.prepare(shape).await).await })
    }

    fn resume(&self, transfer: Uid) -> Answer<'_, Option<Checkpoint>> {
        Box::pin(async move { self.with(None, async |session| Ok(session.resume(transfer))).await })
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        Box::pin(async move {
            self.with(Some(transfer), async |session| session.raise_fence(transfer, fence).await).await
        })
    }

    fn end(&self, transfer: Uid) -> Answer<'_, ()> {
        Box::pin(async move { self.with(None, async |session| session.end(transfer).await).await })
    }

    /// Nothing is known of the rows that were written before.
    fn prefetch(&self, _: Uid, _: u64, _: Arc<Candidates>) -> Answer<'_, Prefetched> {
        Box::pin(std::future::ready(Ok(Prefetched::default())))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Tally> {
        Box::pin(
            async move { self.with(Some(batch.transfer), async |session| session.commit(batch).await).await },
        )
    }

    fn flush(&self, transfer: Uid) -> Answer<'_, ()> {
        Box::pin(async move {
            self.with(Some(transfer), async |session| session.flush(transfer, Vec::new()).await).await
        })
    }

    fn settled(&self, transfer: Uid) -> Answer<'_, Vec<u64>> {
        Box::pin(async move {
            self.with(None, async |session| {
                Ok(session
                    .view()
                    .transfers
                    .get(&transfer)
                    .map_or_else(Vec::new, |known| known.settled.clone()))
            })
            .await
        })
    }

    fn recorded(&self, run: RunId) -> Answer<'_, Option<Run>> {
        Box::pin(async move {
            self.with(None, async |session| {
                Ok(session.view().runs.values().find(|known| known.id == run).cloned())
            })
            .await
        })
    }

    fn begin_window(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        Box::pin(async move {
            self.with(Some(transfer), async |session| session.begin_window(transfer, fence)).await
        })
    }

    /// A data type with partitions does not go into files.
    fn partition(&self, _: Uid, _: PartitionId) -> Answer<'_, Option<KnownPartition>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn forget_partitions(&self, _: Uid, _: Fence) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn sweep(&self, sweep: Sweep) -> Answer<'_, Swept> {
        Box::pin(
            async move { self.with(Some(sweep.transfer), async |session| session.sweep(sweep).await).await },
        )
    }

    fn collect(&self, incarnation: u64) -> Answer<'_, u64> {
        Box::pin(async move { self.with(None, async |session| session.collect(incarnation).await).await })
    }
}
