//! The port `Ledger`: what a destination has kept, for questions about rows, rejects and their numbers. It writes nothing but
//! that rejects go once they were replayed.

use jiff::Timestamp;

use super::Async;
use super::destination::DestinationError;
use crate::checkpoint::Checkpoint;
use crate::fact::{Reject, RejectId, RunId, Uid};

/// Which rows to show.
#[derive(Debug, Clone, Default)]
pub struct RowQuery {
    /// Under which number they are kept.
    pub incarnation: u64,
    /// Only the row with this key.
    pub key: Option<Vec<u8>>,
    /// Only after this key.
    pub after: Option<Vec<u8>>,
    /// At most so many.
    pub limit: usize,
}

/// A row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// The key's bytes, without the incarnation.
    pub key: Vec<u8>,
    /// The row.
    pub row: Vec<u8>,
    /// The transfer that owns it.
    pub owner: Uid,
    /// The run that last wrote it.
    pub run: RunId,
    /// The version, as bytes that compare; empty without one.
    pub version: Vec<u8>,
}

/// Which rejects to show.
#[derive(Debug, Clone, Default)]
pub struct RejectQuery {
    /// Of this transfer alone.
    pub transfer: Option<Uid>,
    /// This one alone.
    pub id: Option<RejectId>,
    /// Those alone that carry this key of a row.
    pub key: Option<Vec<u8>>,
    /// At most so many, newest first.
    pub limit: usize,
}

/// Where a reject stands among those of its transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectPlace {
    /// When it was rejected.
    pub at: Timestamp,
    /// Which it is.
    pub id: RejectId,
    /// Where its record stood, in words.
    pub position: String,
}

/// Which transfer to tell how it stands, and where its rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptQuery {
    /// The transfer.
    pub transfer: Uid,
    /// Under which number the rows of its entity are kept.
    pub incarnation: u64,
}

/// What is kept of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where its next run continues.
    pub checkpoint: Option<Checkpoint>,
    /// How many rows it owns.
    pub rows: u64,
    /// How many of its rejects are kept.
    pub rejects: u64,
}

/// What the window under way of a transfer has said of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// A record has shown it.
    Shown,
    /// A record says that it is deleted, at this version; empty without versions.
    Deleted(Vec<u8>),
}

/// Reads what a destination has kept. Its one change is to take rejects away.
pub trait Ledger: Send + Sync {
    /// Rows in the order of their keys.
    fn rows(&self, query: RowQuery) -> Async<'_, Result<Vec<StoredRow>, DestinationError>>;
    /// How many rows an incarnation has.
    fn count(&self, incarnation: u64) -> Async<'_, Result<u64, DestinationError>>;
    /// How many rows of an incarnation a transfer owns.
    fn count_owned(&self, incarnation: u64, owner: Uid) -> Async<'_, Result<u64, DestinationError>>;
    /// The transfers that own rows of an incarnation, in ascending order, and how many each.
    fn count_owners(&self, incarnation: u64) -> Async<'_, Result<Vec<(Uid, u64)>, DestinationError>>;
    /// Rejects.
    fn rejects(&self, query: RejectQuery) -> Async<'_, Result<Vec<(RejectId, Reject)>, DestinationError>>;
    /// Those of some transfers of which rejects are kept, in their order. Most have none.
    fn with_rejects(&self, transfers: Vec<Uid>) -> Async<'_, Result<Vec<Uid>, DestinationError>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for transfer in transfers {
                if self.count_rejects(transfer).await? > 0 {
                    found.push(transfer);
                }
            }
            Ok(found)
        })
    }
    /// Where the rejects of a transfer stand, without what they hold: the oldest first, those after one alone, at most
    /// so many.
    fn reject_places(
        &self,
        transfer: Uid,
        after: Option<(Timestamp, RejectId)>,
        limit: usize,
    ) -> Async<'_, Result<Vec<RejectPlace>, DestinationError>>;
    /// What the window under way of a transfer has said of keys, in their order, as its sweep takes it; nothing where a
    /// destination does not tell.
    fn said(
        &self,
        _transfer: Uid,
        _keys: Vec<Vec<u8>>,
    ) -> Async<'_, Result<Option<Vec<Said>>, DestinationError>> {
        Box::pin(async { Ok(None) })
    }
    /// What is kept of transfers, in their order, as it is at one moment.
    fn kept(&self, queries: Vec<KeptQuery>) -> Async<'_, Result<Vec<Kept>, DestinationError>>;
    /// How many rejects of a transfer are kept.
    fn count_rejects(&self, transfer: Uid) -> Async<'_, Result<u64, DestinationError>>;
    /// Takes rejects away, after a replay.
    fn drop_rejects(&self, transfer: Uid, ids: Vec<RejectId>) -> Async<'_, Result<(), DestinationError>>;
}
