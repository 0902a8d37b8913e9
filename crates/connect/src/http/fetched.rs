//! What a reader of pages is asked for, what it has in hand, and what one request brought. Plain data.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use raccord_model::checkpoint::{PartitionId, Spot, Token};
use raccord_model::port::records::{Fault, How, Passed};
use raccord_model::port::source::Starts;
use url::Url;

use super::sync::Since;
use super::token::Place;

/// What one request brought.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) url: Url,
    pub(crate) body: Bytes,
    /// Where each record is in the body.
    pub(crate) spans: Vec<Range<usize>>,
    /// Where the record is that each stands in; empty when they stand in none.
    pub(crate) outers: Vec<Range<usize>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) position: String,
    /// The parent record.
    pub(crate) parent: Option<Bytes>,
    /// The partition that the page is of, when there are partitions, and whether it ends with it.
    pub(crate) partition: Option<PartitionId>,
    pub(crate) ends_partition: bool,
    /// Where it stands among several pages that can shift.
    pub(crate) spot: Option<Spot>,
    /// Where the next page is; `None` when there can be no more.
    pub(crate) next: Option<Place>,
    /// Whether pages are asked for by their position.
    pub(crate) by_position: bool,
    /// How many records the service says that all pages of this chain have.
    pub(crate) total: Option<u64>,
    /// The token that counts of those that the pages of this chain have shown so far.
    pub(crate) token: Option<Token>,
}

/// What is to be read of a data type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// From where on records are wanted.
    pub(crate) since: Option<Since>,
    /// From where on those of a partition are wanted, in place of that.
    pub(crate) starts: Option<Arc<dyn Starts>>,
    /// The most records of a page, where the service may be told.
    pub(crate) page_size: Option<u64>,
    /// Whether they are parents, which are read whole: a token says nothing of them.
    pub(crate) is_parent: bool,
}

/// The children of one parent record, as they are asked for.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: PartitionId,
    /// The parent record.
    pub(super) record: Bytes,
    /// The values of its fields in the path.
    pub(super) fields: Vec<String>,
    /// What tells the parent record from others, and where it stands among the pages of the parents.
    pub(super) place: Option<(PartitionId, Spot)>,
    /// From where on records are wanted.
    pub(super) since: Option<Since>,
}

impl Partition {
    /// What is noted once the reading has come to its end.
    pub(super) fn passed(&self, how: How, token: Option<Token>) -> Passed {
        Passed { partition: self.id, parent: self.place, is_own: true, how, token }
    }
}
