//! The fence: under which epoch and lease a transfer is written, and the refusal of a writer that was replaced. It decides
//! alone; where the fence is kept is the destination's affair.

use super::DestinationError;
use crate::checkpoint::Checkpoint;
use crate::port::lease::LeaseToken;

/// What a commit was made under. The destination refuses it when the transfer's epoch is greater by now, or its lease was acquired
/// anew, or the transfer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The generation that runs.
    pub generation: u64,
    /// The transfer's epoch in it.
    pub epoch: u64,
    /// The epoch in which everything was last to be read again: what waits of the transfer from before says nothing any more.
    pub reset: u64,
    /// The token of the lease under which the transfer is worked on.
    pub lease: LeaseToken,
}

/// What a transfer was written under last, as a destination keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaisedFence {
    /// The greatest epoch.
    pub epoch: u64,
    /// The greatest token of a lease.
    pub lease: LeaseToken,
}

/// What a run begins from, as the destination shows it to whatever raises the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumePoint {
    /// Where its next run continues.
    pub checkpoint: Option<Checkpoint>,
    /// How many of its rejects are kept.
    pub rejects: u64,
}

impl Fence {
    /// Refuses what was made under an older epoch or lease than the transfer was written under last. Without a raised
    /// fence the transfer is gone, and everything is refused.
    pub const fn check(self, raised: Option<RaisedFence>) -> Result<(), DestinationError> {
        let expected = self.epoch;
        match raised {
            None => Err(DestinationError::Fenced { expected, found: None }),
            Some(raised) if raised.epoch > expected => {
                Err(DestinationError::Fenced { expected, found: Some(raised.epoch) })
            }
            Some(raised) if raised.lease > self.lease => {
                Err(DestinationError::LeaseLost { held: self.lease, found: raised.lease })
            }
            Some(_) => Ok(()),
        }
    }
}
