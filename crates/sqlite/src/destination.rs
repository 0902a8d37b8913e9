//! The ports, each of whose calls is a piece of work in a transaction. It decides nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Reject, RejectId, Run, RunId, Tally, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Destination, DestinationError, EntityShape, Fence, Inspection, Kept, KeptQuery,
    KnownPartition, Ledger, Prefetched, RejectPlace, RejectQuery, ResumePoint, RowQuery, Said, StoredRow,
    Sweep, Swept,
};

use crate::commit::Commit;
use crate::error::Failure;
use crate::open::Access;
use crate::work::{File, PATIENCE, aside};
use crate::{fence, ledger, load, look, prepare, sweep};

/// Rows in a file of SQLite. It is opened when it is first asked for something, and anew when another file stands under its name.
#[derive(Debug)]
pub struct SqliteDestination {
    file: File,
}

impl SqliteDestination {
    /// A destination in a file. Nothing is opened yet.
    pub fn new(path: PathBuf) -> Self {
        Self::patient(path, PATIENCE)
    }

    /// The same, whose six attempts wait so long each while another program holds the lock.
    pub fn patient(path: PathBuf, patience: Duration) -> Self {
        Self { file: File::new(path, patience) }
    }
}

type Answer<'a, T> = Async<'a, Result<T, DestinationError>>;

/// Reads with a function of a connection.
macro_rules! read {
    ($self:ident, $nothing:expr, |$connection:ident| $work:expr) => {
        Box::pin(async move {
            let done = $self.file.read($nothing, move |$connection| $work);
            done.await.map_err(Failure::of_reading)
        })
    };
}

/// Writes with a function of a connection into a file that is there.
macro_rules! write {
    ($self:ident, |$connection:ident| $work:expr) => {
        Box::pin(async move {
            let done = $self.file.write(Access::Write, move |$connection| $work);
            done.await.map_err(Failure::of_writing)
        })
    };
}

/// The same, where there is nothing to do in a file that is not there.
macro_rules! write_if_there {
    ($self:ident, $nothing:expr, |$connection:ident| $work:expr) => {
        Box::pin(async move {
            if $self.file.place().is_absent() {
                return Ok($nothing);
            }
            let done = $self.file.write(Access::Write, move |$connection| $work);
            done.await.map_err(Failure::of_writing)
        })
    };
}

impl Destination for SqliteDestination {
    fn is_atomic(&self) -> bool {
        true
    }

    fn is_state(&self) -> bool {
        false
    }

    fn probe(&self) -> Answer<'_, ()> {
        let place = self.file.place().clone();
        Box::pin(async move { aside(move || prepare::probe(&place)).await.map_err(Failure::of_reading) })
    }

    fn inspect(&self, shape: EntityShape) -> Answer<'_, Inspection> {
        let place = self.file.place().clone();
        Box::pin(
            async move { aside(move || prepare::inspect(&place, &shape)).await.map_err(Failure::of_reading) },
        )
    }

    fn prepare(&self, shape: EntityShape) -> Answer<'_, ()> {
        let place = self.file.place().clone();
        Box::pin(async move {
            // A file that cannot be used stays as it is: to open it for writing would change how it keeps a journal.
            let looked = shape.clone();
            aside(move || prepare::refuse(&place, &looked)).await.map_err(Failure::of_writing)?;
            let done =
                self.file.write(Access::Create, move |connection| prepare::prepare(connection, &shape));
            done.await.map_err(Failure::of_writing)
        })
    }

    fn resume(&self, transfer: Uid) -> Answer<'_, Option<Checkpoint>> {
        read!(self, None, |connection| sweep::checkpoint(connection, transfer))
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Answer<'_, ResumePoint> {
        write!(self, |connection| {
            fence::raise(connection, transfer, fence)?;
            let checkpoint = sweep::checkpoint(connection, transfer)?;
            Ok(ResumePoint { checkpoint, rejects: ledger::count_rejects(connection, transfer)? })
        })
    }

    fn end(&self, transfer: Uid) -> Answer<'_, ()> {
        write_if_there!(self, (), |connection| fence::end(connection, transfer))
    }

    fn prefetch(
        &self,
        transfer: Uid,
        incarnation: u64,
        candidates: Arc<Candidates>,
    ) -> Answer<'_, Prefetched> {
        read!(self, Prefetched::default(), |connection| look::prefetch(
            connection,
            transfer,
            incarnation,
            &candidates
        ))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Tally> {
        Box::pin(async move {
            let commit = Arc::new(Commit::new(batch));
            loop {
                let attempt = Arc::clone(&commit);
                let done = self.file.write(Access::Write, move |connection| attempt.attempt(connection));
                match done.await {
                    Err(Failure::Rows(refused)) if commit.learns(&refused) => {}
                    done => return done.map_err(Failure::of_writing),
                }
            }
        })
    }

    fn settled(&self, transfer: Uid) -> Answer<'_, Vec<u64>> {
        read!(self, Vec::new(), |connection| look::settled(connection, transfer))
    }

    fn recorded(&self, run: RunId) -> Answer<'_, Option<Run>> {
        read!(self, None, |connection| look::recorded(connection, run))
    }

    fn begin_window(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        write!(self, |connection| sweep::begin(connection, transfer, fence))
    }

    fn partition(&self, transfer: Uid, id: PartitionId) -> Answer<'_, Option<KnownPartition>> {
        read!(self, None, |connection| {
            let met = load::partition_known(connection, transfer, id)?;
            Ok(met.map(|met| KnownPartition { cursor: met.known.cursor }))
        })
    }

    fn forget_partitions(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        write!(self, |connection| {
            fence::check(connection, transfer, fence)?;
            fence::forget(connection, "partitions", transfer)
        })
    }

    fn sweep(&self, sweep: Sweep) -> Answer<'_, Swept> {
        write!(self, |connection| sweep::sweep(connection, &sweep))
    }

    fn collect(&self, incarnation: u64) -> Answer<'_, u64> {
        write_if_there!(self, 0, |connection| sweep::collect(connection, incarnation))
    }
}

impl Ledger for SqliteDestination {
    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<StoredRow>> {
        read!(self, Vec::new(), |connection| ledger::rows(connection, &query))
    }

    fn count(&self, incarnation: u64) -> Answer<'_, u64> {
        read!(self, 0, |connection| ledger::count(connection, incarnation))
    }

    fn count_owned(&self, incarnation: u64, owner: Uid) -> Answer<'_, u64> {
        read!(self, 0, |connection| ledger::owned(connection, incarnation, owner))
    }

    fn count_owners(&self, incarnation: u64) -> Answer<'_, Vec<(Uid, u64)>> {
        read!(self, Vec::new(), |connection| ledger::owners(connection, incarnation))
    }

    fn rejects(&self, query: RejectQuery) -> Answer<'_, Vec<(RejectId, Reject)>> {
        read!(self, Vec::new(), |connection| ledger::rejects(connection, &query))
    }

    fn reject_places(
        &self,
        transfer: Uid,
        after: Option<(Timestamp, RejectId)>,
        limit: usize,
    ) -> Answer<'_, Vec<RejectPlace>> {
        read!(self, Vec::new(), |connection| ledger::reject_places(connection, transfer, after, limit))
    }

    fn said(&self, transfer: Uid, keys: Vec<Vec<u8>>) -> Answer<'_, Option<Vec<Said>>> {
        let nothing = Some(vec![Said::Nothing; keys.len()]);
        read!(self, nothing, |connection| ledger::said(connection, transfer, &keys))
    }

    fn kept(&self, queries: Vec<KeptQuery>) -> Answer<'_, Vec<Kept>> {
        let nothing = vec![Kept { checkpoint: None, rows: 0, rejects: 0 }; queries.len()];
        read!(self, nothing, |connection| ledger::kept(connection, &queries))
    }

    fn count_rejects(&self, transfer: Uid) -> Answer<'_, u64> {
        read!(self, 0, |connection| ledger::count_rejects(connection, transfer))
    }

    fn drop_rejects(&self, transfer: Uid, ids: Vec<RejectId>) -> Answer<'_, ()> {
        write_if_there!(self, (), |connection| ledger::drop_rejects(connection, transfer, &ids))
    }
}
