//! From where on the children of each parent record are wanted: what is known of it, looked up when its turn comes.

use std::fmt;
use std::sync::Arc;

use raccord_compiler::connector::Stream;
use raccord_model::checkpoint::{Cursor, PartitionId};
use raccord_model::fact::Uid;
use raccord_model::port::destination::Destination;
use raccord_model::port::source::Starts;
use raccord_model::port::{Async, Cause};

/// What the destination knows of the partitions of a transfer.
pub struct KnownStarts {
    /// Where it is kept.
    pub destination: Arc<dyn Destination>,
    /// The transfer.
    pub transfer: Uid,
    /// What is read.
    pub stream: Stream,
    /// From where those that are known begin instead, because a person asked for it.
    pub since: Option<Cursor>,
}

impl fmt::Debug for KnownStarts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownStarts").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}

impl Starts for KnownStarts {
    fn of(&self, partition: PartitionId) -> Async<'_, Result<Option<Cursor>, Cause>> {
        Box::pin(async move {
            let known = self.destination.partition(self.transfer, partition).await.map_err(Cause::from)?;
            Ok(self.stream.rules().start(known.map(|known| known.cursor), self.since.as_ref()))
        })
    }
}
