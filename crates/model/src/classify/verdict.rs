//! What was decided about a change: how it counts, and what is to be written for it.

use crate::fact::Tally;
use crate::port::destination::RecordDigest;
use crate::row::FieldId;

/// What a change was, as the tally counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The key was not there.
    Created,
    /// The row differed.
    Updated,
    /// The row is gone.
    Deleted,
    /// The row goes at the end of the window. It counts as deleted.
    Doomed,
    /// The row was the same.
    Unchanged,
    /// Not wanted, or too late.
    Skipped,
    /// A wanted deletion of what is not there, or is not this transfer's to delete. It counts as skipped.
    Gone,
    /// An enrichment that waits for its row. It counts as skipped.
    Waits,
    /// It cannot be stored.
    Rejected,
}

impl Effect {
    /// Whether what became of the record is known: then earlier rejects of its key say nothing any more.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Skipped | Self::Rejected | Self::Doomed)
    }

    /// Counts the record in the tally of its run.
    pub const fn count(self, tally: &mut Tally) {
        tally.fetched += 1;
        let counted = match self {
            Self::Created => &mut tally.created,
            Self::Updated => &mut tally.updated,
            Self::Deleted | Self::Doomed => &mut tally.deleted,
            Self::Unchanged => &mut tally.unchanged,
            Self::Skipped | Self::Gone | Self::Waits => &mut tally.skipped,
            Self::Rejected => &mut tally.rejected,
        };
        *counted += 1;
    }
}

/// What is written beside the values of a row that was there. The change's version, if it has one, is from now on the one at
/// which its transfer has last shown the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside {
    /// Whether the transfer takes the row over.
    pub adopts: bool,
    /// The digest that the row has from now on.
    pub digest: Option<RecordDigest>,
}

/// What is to be written for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Nothing.
    Nothing,
    /// The row stays as it is, of the run that it is of; this changes beside it.
    Beside(Beside),
    /// The row is the next one, of this run. When another row has one of its unique values, the change is rejected
    /// instead, and nothing is written.
    Row(Beside),
    /// The next row is created, with this digest, and takes in what waited for it; its tombstone goes. When another row has
    /// one of its unique values, the change is rejected instead.
    Create(Option<RecordDigest>),
    /// The row goes.
    Remove {
        /// Whether its owner is no more.
        adopts: bool,
    },
    /// The key is marked to go at the end of the window, at the change's version. One that was marked already counts as
    /// skipped.
    Doom {
        /// Whether the transfer takes the row over.
        adopts: bool,
    },
    /// The enrichment waits for its row, unless a later one does, or too many do: then it counts as skipped.
    Wait,
    /// The row would lack this field, which is required.
    Refuse(FieldId),
}

/// What is remembered of a key whose row is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing.
    Nothing,
    /// The change's version, unless a later one of the same transfer is known.
    Tombstone,
    /// The version that the transfer has last shown of the row, since the change has none.
    TombstoneOfRow,
    /// What waited of the transfer for the key goes.
    Waiting,
}

/// What was decided about a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it counts.
    pub effect: Effect,
    /// What is written.
    pub write: Write,
    /// What is remembered of its key.
    pub ending: Ending,
    /// The fields whose values were kept because no record had their path, whatever is written.
    pub kept: Vec<FieldId>,
}

impl Verdict {
    /// An effect and what is written for it.
    pub(super) const fn of(effect: Effect, write: Write) -> Self {
        Self { effect, write, ending: Ending::Nothing, kept: Vec::new() }
    }

    /// An effect for which nothing is written.
    pub(super) const fn nothing(effect: Effect) -> Self {
        Self::of(effect, Write::Nothing)
    }
}
