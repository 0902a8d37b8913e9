//! The ports, each of whose calls is a piece of work in a transaction. It decides nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::existing::ExistingTable;
use raccord_model::fact::{Reject, RejectId, Run, RunId, Tally, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Destination, DestinationError, EntityShape, Fence, Inspection, Kept, KeptQuery,
    KnownPartition, Ledger, Prefetched, RejectPlace, RejectQuery, ResumePoint, RowQuery, Said, StoredRow,
    Sweep, Swept,
};
use raccord_model::port::environment::Environment;
use tokio::time::timeout;

use crate::commit::Commit;
use crate::error::Failure;
use crate::existing;
use crate::settings::SettingsSource;
use crate::work::{Database, work};
use crate::{fence, ledger, look, prepare, save, sweep};

/// How long it may take to raise a fence by a single statement, which no timeout of a transaction bounds.
const AT_ONCE: Duration = Duration::from_secs(30);

/// Rows in PostgreSQL. It connects when it is first asked for something, and again after a connection was lost.
#[derive(Debug)]
pub struct PostgresDestination {
    database: Database,
    inspections: prepare::InspectionCache,
}

impl PostgresDestination {
    /// A destination that connects as the settings say, which are asked for anew for each connection. Nothing is connected
    /// yet.
    pub fn new(settings: SettingsSource, environment: Arc<dyn Environment>) -> Self {
        Self {
            database: Database::new(settings, environment),
            inspections: prepare::InspectionCache::default(),
        }
    }

    /// The tables of the schema, as entities could keep their rows in them.
    ///
    /// # Errors
    /// When the database cannot be reached, or does not show its catalog.
    pub async fn tables(&self) -> Result<Vec<ExistingTable>, DestinationError> {
        let schema = self.database.connections.schema().await?;
        let found = async {
            let session = self.database.connections.session().await?;
            let tables = existing::tables(&session, &schema).await?;
            session.keep();
            Ok(tables)
        };
        found.await.map_err(Failure::of_reading)
    }
}

type Answer<'a, T> = Async<'a, Result<T, DestinationError>>;

/// Reads with a function of a session.
macro_rules! read {
    ($self:ident, $nothing:expr, |$session:ident| $work:expr) => {
        Box::pin(async move {
            let work = work(move |$session| Box::pin($work));
            $self.database.read(&work, $nothing).await.map_err(Failure::of_reading)
        })
    };
}

/// Writes with a function of a session, under the lock of a transfer or of none.
macro_rules! write {
    ($self:ident, $transfer:expr, |$session:ident| $work:expr) => {
        Box::pin(async move {
            let work = work(move |$session| Box::pin($work));
            $self.database.write($transfer, &work).await.map_err(Failure::of_writing)
        })
    };
}

/// The same with something that every attempt needs, and that is not copied.
macro_rules! with {
    ($shared:ident, |$session:ident| $work:expr) => {
        work(move |$session| {
            let $shared = Arc::clone(&$shared);
            Box::pin(async move { $work.await })
        })
    };
}

impl Destination for PostgresDestination {
    fn is_atomic(&self) -> bool {
        true
    }

    fn is_state(&self) -> bool {
        false
    }

    fn probe(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let probed = async {
                let session = self.database.connections.session().await?;
                look::probe(&session).await?;
                session.keep();
                Ok(())
            };
            probed.await.map_err(Failure::of_reading)
        })
    }

    fn inspect(&self, shape: EntityShape) -> Answer<'_, Inspection> {
        Box::pin(async move {
            let schema = self.database.connections.schema().await?;
            let inspected = async {
                let session = self.database.connections.session().await?;
                let inspection = prepare::inspect(&session, &schema, &shape).await?;
                session.keep();
                Ok(inspection)
            };
            inspected.await.map_err(Failure::of_reading)
        })
    }

    fn inspect_cached(&self, shape: EntityShape) -> Answer<'_, Inspection> {
        Box::pin(async move {
            let schema = self.database.connections.schema().await?;
            let inspected = async {
                let session = self.database.connections.session().await?;
                let inspection = prepare::inspect_cached(&session, &self.inspections, &schema, shape).await?;
                session.keep();
                Ok(inspection)
            };
            inspected.await.map_err(Failure::of_reading)
        })
    }

    fn prepare(&self, shape: EntityShape) -> Answer<'_, ()> {
        Box::pin(async move {
            let schema = self.database.connections.schema().await?;
            let both = Arc::new((schema, shape));
            let work = with!(both, |session| prepare::prepare(session, &both.0, &both.1));
            self.database.write(None, &work).await.map_err(Failure::of_writing)
        })
    }

    fn resume(&self, transfer: Uid) -> Answer<'_, Option<Checkpoint>> {
        read!(self, None, |session| sweep::checkpoint(session, transfer))
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Answer<'_, ResumePoint> {
        Box::pin(async move {
            let at_once = work(move |session| Box::pin(fence::raise_at_once(session, transfer, fence)));
            // A wait for another transaction ends with the connection. Taking effect later does no harm: it is what is asked for.
            if let Ok(raised) = timeout(AT_ONCE, self.database.repeatable(&at_once)).await
                && let Some(point) = raised.map_err(Failure::of_writing)?
            {
                return Ok(point);
            }
            let raise = work(move |session| Box::pin(fence::raise(session, transfer, fence)));
            self.database.write(Some(transfer), &raise).await.map_err(Failure::of_writing)
        })
    }

    fn end(&self, transfer: Uid) -> Answer<'_, ()> {
        write!(self, Some(transfer), |session| fence::end(session, transfer))
    }

    fn prefetch(
        &self,
        transfer: Uid,
        incarnation: u64,
        candidates: Arc<Candidates>,
    ) -> Answer<'_, Prefetched> {
        Box::pin(async move {
            let work =
                with!(candidates, |session| look::prefetch(session, transfer, incarnation, &candidates));
            self.database.read(&work, Prefetched::default()).await.map_err(Failure::of_reading)
        })
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Tally> {
        Box::pin(async move {
            let commit = Arc::new(Commit::new(batch));
            let known = Arc::clone(&commit);
            let work = with!(commit, |session| commit.attempt(session));
            loop {
                match self.database.write(Some(known.transfer()), &work).await {
                    Err(failure) if known.becomes_careful(&failure) => {}
                    done => return done.map_err(Failure::of_writing),
                }
            }
        })
    }

    fn settled(&self, transfer: Uid) -> Answer<'_, Vec<u64>> {
        read!(self, Vec::new(), |session| look::settled(session, transfer))
    }

    fn recorded(&self, run: RunId) -> Answer<'_, Option<Run>> {
        read!(self, None, |session| look::recorded(session, run))
    }

    fn begin_window(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        write!(self, Some(transfer), |session| sweep::begin(session, transfer, fence))
    }

    fn partition(&self, transfer: Uid, id: PartitionId) -> Answer<'_, Option<KnownPartition>> {
        read!(self, None, |session| look::partition(session, transfer, id))
    }

    fn forget_partitions(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        write!(self, Some(transfer), |session| async move {
            fence::check(session, transfer, fence).await?;
            save::forget(session, "partitions", transfer).await
        })
    }

    fn sweep(&self, sweep: Sweep) -> Answer<'_, Swept> {
        Box::pin(async move {
            let (transfer, sweep) = (sweep.transfer, Arc::new(sweep));
            let work = with!(sweep, |session| sweep::sweep(session, &sweep));
            self.database.write(Some(transfer), &work).await.map_err(Failure::of_writing)
        })
    }

    fn collect(&self, incarnation: u64) -> Answer<'_, u64> {
        write!(self, None, |session| sweep::collect(session, incarnation))
    }
}

impl Ledger for PostgresDestination {
    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<StoredRow>> {
        Box::pin(async move {
            let query = Arc::new(query);
            let work = with!(query, |session| ledger::rows(session, &query));
            self.database.read(&work, Vec::new()).await.map_err(Failure::of_reading)
        })
    }

    fn count(&self, incarnation: u64) -> Answer<'_, u64> {
        read!(self, 0, |session| ledger::count(session, incarnation))
    }

    fn count_owned(&self, incarnation: u64, owner: Uid) -> Answer<'_, u64> {
        read!(self, 0, |session| ledger::owned(session, incarnation, owner))
    }

    fn count_owners(&self, incarnation: u64) -> Answer<'_, Vec<(Uid, u64)>> {
        read!(self, Vec::new(), |session| ledger::owners(session, incarnation))
    }

    fn rejects(&self, query: RejectQuery) -> Answer<'_, Vec<(RejectId, Reject)>> {
        Box::pin(async move {
            let query = Arc::new(query);
            let work = with!(query, |session| ledger::rejects(session, &query));
            self.database.read(&work, Vec::new()).await.map_err(Failure::of_reading)
        })
    }

    fn reject_places(
        &self,
        transfer: Uid,
        after: Option<(Timestamp, RejectId)>,
        limit: usize,
    ) -> Answer<'_, Vec<RejectPlace>> {
        read!(self, Vec::new(), |session| ledger::reject_places(session, transfer, after, limit))
    }

    fn said(&self, transfer: Uid, keys: Vec<Vec<u8>>) -> Answer<'_, Option<Vec<Said>>> {
        Box::pin(async move {
            let nothing = Some(vec![Said::Nothing; keys.len()]);
            let keys = Arc::new(keys);
            let work = with!(keys, |session| ledger::said(session, transfer, &keys));
            self.database.read(&work, nothing).await.map_err(Failure::of_reading)
        })
    }

    fn kept(&self, queries: Vec<KeptQuery>) -> Answer<'_, Vec<Kept>> {
        Box::pin(async move {
            let nothing = vec![Kept { checkpoint: None, rows: 0, rejects: 0 }; queries.len()];
            let queries = Arc::new(queries);
            let work = with!(queries, |session| ledger::kept(session, &queries));
            self.database.read(&work, nothing).await.map_err(Failure::of_reading)
        })
    }

    fn count_rejects(&self, transfer: Uid) -> Answer<'_, u64> {
        read!(self, 0, |session| ledger::count_rejects(session, transfer))
    }

    fn drop_rejects(&self, transfer: Uid, ids: Vec<RejectId>) -> Answer<'_, ()> {
        Box::pin(async move {
            let ids = Arc::new(ids);
            let work = with!(ids, |session| ledger::drop_rejects(session, transfer, &ids));
            self.database.write(None, &work).await.map_err(Failure::of_writing)
        })
    }
}
