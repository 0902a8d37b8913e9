//! Destinations: where rows go. The destination classifies each row by its effect, and owns the authoritative checkpoint,
//! so that records and checkpoint commit together.

mod candidates;
mod changes;
mod choice;
mod error;
mod fence;
mod shape;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::Async;
use crate::checkpoint::{Checkpoint, Cursor, PartitionId, Spot, Window};
use crate::fact::{DeletedBy, Reject, RowsDigest, Run, RunId, Tally, Uid, Updates};
use crate::language::Mode;
use crate::language::deletes::Percent;
use crate::port::inbox::Retry;
use crate::row::FieldId;

pub use self::candidates::{Candidates, Prefetched};
pub use self::changes::{Change, Changes, Intent, RecordDigest};
pub use self::choice::{Destinations, Rows};
pub use self::error::DestinationError;
pub use self::fence::{Fence, RaisedFence, ResumePoint};
pub use self::shape::{EntityShape, FieldShape, Inspection, OtherEntity, TableRemark};
pub use super::ledger::{Kept, KeptQuery, Ledger, RejectPlace, RejectQuery, RowQuery, Said, StoredRow};
pub use crate::fact::Staying;

/// Why a record is rejected whose required field is empty: the mapping says so of what a record brings, and the destination
/// of a row that would be created without it.
pub const REQUIRED: &str = "the value is empty, and the field is required";

/// Why a row is not written, where a trigger of a database returns nothing for it or ignores it.
pub const LEFT_OUT_BY_A_TRIGGER: &str = "a trigger of the table leaves the row out";

/// Why a row is not deleted, where a trigger of a database returns nothing for it or ignores it.
pub const KEPT_BY_A_TRIGGER: &str = "a trigger of the table keeps the row";

/// The entity that is written, as a run knows it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Under which number its rows are kept.
    pub incarnation: u64,
    /// A row that holds the defaults of fields that the mapping does not feed, or leaves as they are when a record
    /// brings nothing: the base of a created row.
    pub defaults: Bytes,
    /// The required fields that a record may bring nothing for and that have no default, in ascending order. No row
    /// is created without them.
    pub required: Vec<FieldId>,
    /// The fields whose values no two rows may share, in ascending order.
    pub unique: Vec<FieldId>,
    /// The transfers of this generation that own no rows of it: they enrich it, or write elsewhere. One that a later
    /// generation adds is not among them, so that a batch that is older than an apply takes nothing from it.
    pub non_owners: Arc<BTreeSet<Uid>>,
}

impl Target {
    /// Whether a transfer owns rows of the entity no longer, though it may be there still: it enriches them now, or writes
    /// elsewhere. Another may take its rows over.
    pub fn is_left_by(&self, transfer: Uid) -> bool {
        self.non_owners.contains(&transfer)
    }
}

/// Makes the reject of a change that maps but cannot be stored: from the number of the change in its batch, and
/// the field whose value another row has. The destination knows neither names nor records, so the run lends it this. Of a
/// required field that is missing the destination says [`REQUIRED`] instead.
#[derive(Clone)]
pub struct Refuse(pub Arc<dyn Fn(usize, FieldId) -> Reject + Send + Sync>);

impl fmt::Debug for Refuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refuse")
    }
}

/// What one commit of a run brings.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The transfer.
    pub transfer: Uid,
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What it was made under.
    pub fence: Fence,
    /// Where the rows go.
    pub target: Target,
    /// Whether the transfer owns rows.
    pub mode: Mode,
    /// The update types that are wanted; others are skipped.
    pub updates: Updates,
    /// The rows.
    pub changes: Changes,
    /// The revision of the rows at which its records to [`Intent::Keep`] were looked up.
    pub kept_at: Option<u64>,
    /// Records that could not be mapped. Where they stand among the changes, these know.
    pub rejects: Vec<Reject>,
    /// Makes the rejects of records that could not be stored.
    pub refuse: Refuse,
    /// How many rejects of the transfer are kept, and for how many seconds.
    pub keep_rejects: (u64, u64),
    /// Whether the keys are marked as seen by the window under way.
    pub mark_seen: bool,
    /// Where the records stood among their pages, when these can shift. A key that was marked on another page of the same
    /// partition is one: then the checkpoint says so, and no partition's cursor moves.
    pub spot: Option<Spot>,
    /// The partitions that the reading has come to the end of.
    pub partitions: Vec<PartitionMark>,
    /// The reading that the commit completes: its marks go, how far it came in each partition is proven, and what is known of
    /// those that it did not meet goes.
    pub completes: Option<Reading>,
    /// The reading that a person takes for complete, although it is not: how far it came in each partition is proven.
    pub accepts: Option<Reading>,
    /// Where the next page begins. `None` leaves the checkpoint as it is: for a replay, and for deliveries.
    pub checkpoint: Option<Checkpoint>,
    /// The sequences of the deliveries of this transfer that the batch settles: they leave the inbox with it.
    pub consumed: Vec<u64>,
    /// A run that is recorded in the same commit, as it is.
    pub record: Option<Box<Run>>,
    /// Deliveries of this transfer that stay in the inbox, to be looked at again later.
    pub postponed: Vec<Postponed>,
    /// How much it may delete; without one, anything.
    pub guard: Option<Guard>,
    /// Whether deletions wait for the end of the window: then their keys are marked, and a sweep deletes them.
    pub defer_deletes: bool,
    /// The fields whose path no record of the window had so far, in ascending order: a value that is there is not
    /// replaced for want of it. How many were kept so is counted in the window of the checkpoint.
    pub suspects: Vec<FieldId>,
    /// The reading whose page it is; none of deliveries, of a replay, or of what moves the checkpoint alone.
    pub reading: Option<Reading>,
    /// Whether the commit must be durable when it is reported. Otherwise it is so a little later, with the next one that must be, or
    /// once [`Destination::flush`] has returned.
    pub durable: bool,
}

/// Which reading of which window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The run that opened the window.
    pub run: RunId,
    /// How often the window was begun again before.
    pub attempt: u32,
}

impl From<&Window> for Reading {
    fn from(window: &Window) -> Self {
        Self { run: window.run, attempt: window.attempt }
    }
}

/// What a commit notes of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMark {
    /// Which.
    pub id: PartitionId,
    /// Its parent record and where that stood, when the parents' pages can shift.
    pub parent: Option<(PartitionId, Spot)>,
    /// How far it was read, when it was read whole. A value never goes back, and of two tokens the later one counts.
    pub cursor: Option<Cursor>,
    /// Whether its cursor stays until its window is complete, or a person accepts what was read: its pages shifted, or the
    /// window may be held at its end, and is read again then.
    pub waits: bool,
}

/// What is known of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPartition {
    /// How far it was read.
    pub cursor: Option<Cursor>,
}

/// How much the batches of a run may delete together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// The largest share of the rows that were there at first.
    pub share: Percent,
    /// How many rows are deleted already.
    pub deleted: u64,
    /// How many a person has allowed, whatever the share says.
    pub allowed: u64,
}

/// A delivery that is to be looked at again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Postponed {
    /// Its sequence.
    pub sequence: u64,
    /// How often it was tried, and when it is tried again.
    pub retry: Retry,
}

/// A reject of a batch, and where its record stands.
#[derive(Debug, Clone, Copy)]
pub struct PlacedReject<'a> {
    /// After how many changes it came.
    pub after: usize,
    /// Its version as bytes that compare; empty without one.
    pub version: &'a [u8],
    /// The reject.
    pub reject: &'a Reject,
}

impl Batch {
    /// The same batch without rows and rejects, for those that take their place.
    #[must_use]
    pub fn clone_without_changes(&self) -> Self {
        Self {
            target: self.target.clone(),
            updates: self.updates.clone(),
            changes: Changes::default(),
            kept_at: None,
            rejects: Vec::new(),
            refuse: self.refuse.clone(),
            partitions: self.partitions.clone(),
            checkpoint: self.checkpoint.clone(),
            consumed: self.consumed.clone(),
            record: self.record.clone(),
            postponed: self.postponed.clone(),
            suspects: self.suspects.clone(),
            ..*self
        }
    }

    /// The rejects with their places, in order. One of which no place was noted comes after all changes.
    pub fn placed_rejects(&self) -> impl Iterator<Item = PlacedReject<'_>> {
        self.rejects.iter().enumerate().map(|(number, reject)| {
            let noted = self.changes.rejected.get(number);
            let (after, version) =
                noted.map_or((self.changes.len(), &[][..]), |(after, version)| (*after, version));
            PlacedReject { after, version, reject }
        })
    }
}

/// A request to delete what a complete window has proved to be gone: what its records say, and, of a snapshot, what it
/// did not show.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The transfer whose rows are swept.
    pub transfer: Uid,
    /// The run whose window is complete.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What it was made under.
    pub fence: Fence,
    /// Where the rows are.
    pub target: Target,
    /// Whether the window is a snapshot, so that what it did not show goes.
    pub snapshot: bool,
    /// How much may go; `None` after a person's approval.
    pub within: Option<Within>,
    /// How many rejects of the transfer are kept, and for how many seconds.
    pub keep_rejects: (u64, u64),
    /// The checkpoint that says the window is done.
    pub checkpoint: Checkpoint,
    /// The run that is recorded in the same commit once the rows are gone, with their number added to its tally.
    pub record: Option<Box<Run>>,
    /// The reading that was complete: how far it came in each partition is proven, and what is known of those that it did not
    /// meet is forgotten.
    pub completes: Option<Reading>,
}

/// How much a sweep may delete, by how the deletions were learned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// Of what the snapshot did not show.
    pub unseen: Percent,
    /// Of what the records say.
    pub marked: Percent,
    /// How many of the rows the window has created: the shares are of those that were there before.
    pub created: u64,
}

/// What became of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// The rows are gone, and the marks with them.
    Done {
        /// How many rows the snapshot did not show.
        unseen: u64,
        /// How many rows records said to be deleted.
        marked: u64,
        /// The rows that are to go and that the destination cannot delete. They are not counted above.
        staying: Staying,
    },
    /// Nothing was deleted: too much would have been. The marks stay until the next window begins.
    Held {
        /// Which of the two was too much.
        by: DeletedBy,
        /// How many rows would go.
        deletes: u64,
        /// Of how many: those that were there before the window.
        of: u64,
        /// Which rows these are; nothing where no keys are known.
        rows: Option<RowsDigest>,
    },
}

/// Where rows go.
pub trait Destination: Send + Sync {
    /// Whether records and checkpoint commit together.
    fn is_atomic(&self) -> bool;
    /// Whether it is the state itself. Then the deliveries that a batch consumes or postpones and the runs that it records
    /// change in the same transaction, and it knows of each apply when that commits. Otherwise the caller changes them in the state
    /// after the commit, and asks [`Self::settled`] and [`Self::recorded`] whether a kill came between; and it hears of an apply
    /// from the next fence, and of the end of a transfer from [`Self::end`].
    fn is_state(&self) -> bool;
    /// Connects, and finds out whether there are the rights that it needs. Changes nothing.
    fn probe(&self) -> Async<'_, Result<(), DestinationError>>;
    /// Looks at the table of an entity, and at nothing of its rows. Changes nothing.
    fn inspect(&self, shape: EntityShape) -> Async<'_, Result<Inspection, DestinationError>>;
    /// The same before each run, from a cache perhaps: what an earlier look has shown while nothing that it depended on has changed.
    fn inspect_cached(&self, shape: EntityShape) -> Async<'_, Result<Inspection, DestinationError>> {
        self.inspect(shape)
    }
    /// Makes the table of an entity ready for rows, all of it or nothing; doing it again changes nothing. Before that, what
    /// concerns the incarnation is [`DestinationError::Unprepared`]. Where rows or values that were there have to be made anew,
    /// the transfers that write into it continue nowhere, and what one has under way is refused.
    fn prepare(&self, shape: EntityShape) -> Async<'_, Result<(), DestinationError>>;
    /// Where the next run of a transfer continues.
    fn resume(&self, transfer: Uid) -> Async<'_, Result<Option<Checkpoint>, DestinationError>>;
    /// Refuses everything under an older epoch or an older lease from now on: what works on a transfer says so before its
    /// first commit. Says where the next run of the transfer continues. Refused when it is the older one itself.
    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<ResumePoint, DestinationError>>;
    /// The transfer is no more: from now on everything of it is fenced, for ever, and what waits of it goes. Its rows and
    /// rejects stay.
    fn end(&self, transfer: Uid) -> Async<'_, Result<(), DestinationError>>;
    /// Looks up which of the records of a transfer are as they were when their rows were made of them.
    fn prefetch(
        &self,
        transfer: Uid,
        incarnation: u64,
        candidates: Arc<Candidates>,
    ) -> Async<'_, Result<Prefetched, DestinationError>>;
    /// Classifies rows and commits them with the checkpoint. The tally's sum is `changes` and `rejects` together. A change
    /// to [`Intent::Keep`] whose row is another by now is a [`DestinationError::Outdated`].
    fn commit(&self, batch: Batch) -> Async<'_, Result<Tally, DestinationError>>;
    /// Makes durable what was committed of a transfer: asked at the end of each run, before that is recorded. A destination whose
    /// commits become durable by themselves has nothing to do.
    fn flush(&self, _transfer: Uid) -> Async<'_, Result<(), DestinationError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// The deliveries that the last commit which settled any has settled: they may still be in the inbox of the state, and
    /// must not be applied again. The caller takes them out before it commits others, so that those of one commit are
    /// all there is to remember. None of a destination that is the state.
    fn settled(&self, transfer: Uid) -> Async<'_, Result<Vec<u64>, DestinationError>>;
    /// A run that was recorded with its rows. None of a destination that is the state.
    fn recorded(&self, run: RunId) -> Async<'_, Result<Option<Run>, DestinationError>>;
    /// Forgets the keys that an earlier window has marked, and in the checkpoint that window.
    fn begin_window(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<(), DestinationError>>;
    /// What is known of a partition.
    fn partition(
        &self,
        transfer: Uid,
        id: PartitionId,
    ) -> Async<'_, Result<Option<KnownPartition>, DestinationError>>;
    /// Forgets what is known of a transfer's partitions.
    fn forget_partitions(&self, transfer: Uid, fence: Fence) -> Async<'_, Result<(), DestinationError>>;
    /// Deletes the transfer's rows that a complete window has proved to be gone.
    fn sweep(&self, sweep: Sweep) -> Async<'_, Result<Swept, DestinationError>>;
    /// Removes the rows of an incarnation that nothing refers to any more; returns how many. A table that others may
    /// use stays with its rows: there, only what was kept about them goes.
    fn collect(&self, incarnation: u64) -> Async<'_, Result<u64, DestinationError>>;
}
