//! Files as a destination: rows are written to files of their own, and then one entry of a log names them together with the
//! fence, the checkpoint and the rejects. So rows and progress commit together; what no entry names does not count, and is
//! removed by the next run of its transfer. It knows no row that it wrote before.

mod error;
mod layout;
mod ledger;
mod log;
mod manifest;
mod marking;
mod rejects;
mod session;
mod taking;
mod world;
mod writer;

use std::collections::BTreeSet;
use std::sync::Arc;

use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Run, RunId, Tally, Uid};
use raccord_model::language::store::{FileMode, PartitionBy};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Destination, DestinationError, EntityShape, Fence, Inspection, KnownPartition,
    Prefetched, ResumePoint, Sweep, Swept,
};
use raccord_model::port::environment::Environment;
use tokio::sync::Mutex;

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

/// Opens the storage of a destination, with the secrets as they are now.
#[derive(Clone)]
pub struct StorageSource(pub Arc<dyn Fn() -> Answer<'static, Arc<dyn Storage>> + Send + Sync>);

impl StorageSource {
    /// A storage that needs no secrets.
    pub fn fixed(storage: Arc<dyn Storage>) -> Self {
        Self(Arc::new(move || Box::pin(std::future::ready(Ok(Arc::clone(&storage))))))
    }
}

/// The files in a storage.
pub struct FilesDestination {
    storage: StorageSource,
    settings: FilesSettings,
    environment: Arc<dyn Environment>,
    known: Mutex<Known>,
}

/// What a process knows of its files.
#[derive(Default)]
struct Known {
    /// Nothing before the log was read, and after something failed of which it is not known what became.
    session: Option<Session>,
    /// The transfers of which something under way was given up: their runs may not go on as if it were written.
    interrupted: BTreeSet<Uid>,
}

impl Known {
    /// Forgets the log, and with it what is under way.
    fn forget(&mut self) {
        if let Some(session) = self.session.take() {
            self.interrupted.extend(session.under_way());
        }
    }
}

/// What is done for a transfer.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// Nothing that a run has under way.
    NoRun,
    /// The beginning of a run.
    Begin(Uid),
    /// A part of a run that has begun.
    Run(Uid),
    /// Something of a transfer beside its runs.
    Beside(Uid),
}

impl Of {
    const fn transfer(self) -> Option<Uid> {
        match self {
            Self::NoRun => None,
            Self::Begin(transfer) | Self::Run(transfer) | Self::Beside(transfer) => Some(transfer),
        }
    }
}

impl FilesDestination {
    /// The files in a storage. Nothing is read yet.
    pub fn new(storage: StorageSource, settings: FilesSettings, environment: Arc<dyn Environment>) -> Self {
        Self { storage, settings, environment, known: Mutex::default() }
    }

    /// Reads the log, if it is not known.
    async fn open(&self, known: &mut Known) -> Result<(), DestinationError> {
        if !self.settings.format.is_built_in() {
            return Err(DestinationError::NotBuilt(self.settings.format.extension()));
        }
        if known.session.is_none() {
            let (storage, environment) = ((self.storage.0)().await?, Arc::clone(&self.environment));
            known.session = Some(Session::open(storage, environment, self.settings.clone()).await?);
        }
        Ok(())
    }

    /// Does something with it. When that fails, what the transfer had under way is given up: the next look at the log says what
    /// counts.
    async fn with<T>(
        &self,
        of: Of,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, DestinationError>,
    ) -> Result<T, DestinationError> {
        let mut known = self.known.lock().await;
        match of {
            Of::Begin(transfer) => drop(known.interrupted.remove(&transfer)),
            Of::Run(transfer) if known.interrupted.contains(&transfer) => {
                return Err(error::CannotError::Interrupted.into());
            }
            Of::Run(_) | Of::Beside(_) | Of::NoRun => {}
        }
        self.open(&mut known).await?;
        let Some(session) = known.session.as_mut() else {
            return Err(error::CannotError::Interrupted.into());
        };
        let was_under_way = of.transfer().filter(|transfer| session.has_under_way(*transfer));
        let done = work(session).await;
        match (&done, of.transfer()) {
            // What is fenced is the work of another run, which goes on.
            (Ok(_) | Err(DestinationError::Fenced { .. } | DestinationError::LeaseLost { .. }), _) => {}
            // The next attempt reads the secrets again.
            (Err(DestinationError::Denied(_)), _) => {
                known.forget();
                known.interrupted.extend(was_under_way);
            }
            (Err(_), Some(transfer)) => {
                session.give_up(transfer);
                known.interrupted.extend(was_under_way);
            }
            (Err(_), None) => known.forget(),
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
        Box::pin(async move { self.with(Of::NoRun, async |session| session.catch_up().await).await })
    }

    fn inspect(&self, shape: EntityShape) -> Answer<'_, Inspection> {
        Box::pin(async move { self.with(Of::NoRun, async |session| Ok(session.inspect(&shape))).await })
    }

    fn prepare(&self, shape: EntityShape) -> Answer<'_, ()> {
        Box::pin(async move { self.with(Of::NoRun, async |session| session.prepare(shape).await).await })
    }

    fn resume(&self, transfer: Uid) -> Answer<'_, Option<Checkpoint>> {
        Box::pin(async move { self.with(Of::NoRun, async |session| Ok(session.resume(transfer))).await })
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Answer<'_, ResumePoint> {
        Box::pin(async move {
            self.with(Of::Begin(transfer), async |session| {
                session.raise_fence(transfer, fence).await?;
                let rejects = ledger::length(session.rejects(Some(transfer)).count());
                Ok(ResumePoint { checkpoint: session.resume(transfer), rejects })
            })
            .await
        })
    }

    fn end(&self, transfer: Uid) -> Answer<'_, ()> {
        Box::pin(async move { self.with(Of::NoRun, async |session| session.end(transfer).await).await })
    }

    /// Nothing is known of the rows that were written before.
    fn prefetch(&self, _: Uid, _: u64, _: Arc<Candidates>) -> Answer<'_, Prefetched> {
        Box::pin(std::future::ready(Ok(Prefetched::default())))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Tally> {
        Box::pin(async move {
            self.with(Of::Run(batch.transfer), async |session| session.commit(batch).await).await
        })
    }

    fn flush(&self, transfer: Uid) -> Answer<'_, ()> {
        Box::pin(async move {
            self.with(Of::Run(transfer), async |session| session.flush(transfer, Vec::new()).await).await
        })
    }

    fn settled(&self, transfer: Uid) -> Answer<'_, Vec<u64>> {
        Box::pin(async move {
            self.with(Of::NoRun, async |session| {
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
            self.with(Of::NoRun, async |session| {
                Ok(session.view().runs.values().find(|known| known.id == run).cloned())
            })
            .await
        })
    }

    fn begin_window(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        Box::pin(async move {
            self.with(Of::Run(transfer), async |session| session.begin_window(transfer, fence)).await
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
        Box::pin(async move {
            self.with(Of::Run(sweep.transfer), async |session| session.sweep(sweep).await).await
        })
    }

    fn collect(&self, incarnation: u64) -> Answer<'_, u64> {
        Box::pin(
            async move { self.with(Of::NoRun, async |session| session.collect(incarnation).await).await },
        )
    }
}
