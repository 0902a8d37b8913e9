//! What can go wrong below the ports, and how it is said at each of them.
//!
//! A refusal (a stale serial, a stale fence) is not among it: it is an answer, and leaves the transaction clean.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use raccord_model::delivery::NotADelivery;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::inbox::InboxError;
use raccord_model::port::state::StateError;
use raccord_model::port::vault::VaultError;
use raccord_model::row::NotARow;
use raccord_seal::NotSealed;

/// A request that cannot be carried out, and whose transaction must not be kept.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(Arc<redb::Error>),
    /// The disk, a quota or a limit is reached.
    #[error("there is no room left for the state: {0}")]
    Full(#[source] Arc<io::Error>),
    /// A part of the file is not what was written.
    #[error("the file is damaged: {0}; `raccord state check` looks at the whole of it")]
    Corrupt(Arc<str>),
    /// Bytes are not of a version we know.
    #[error("a stored record cannot be read")]
    Damaged,
    /// A value has no JSON.
    #[error(transparent)]
    Json(Arc<serde_json::Error>),
    /// The file that is open is not where it was: nothing that is written into it is kept.
    #[error("the state was {0} while it was in use, and what is written now would be lost with this process")]
    Lost(&'static str),
    /// The thread that was to do it is no more.
    #[error("what keeps the state has ended; `raccord state check` tells whether the file is damaged")]
    Closed,
}

macro_rules! from_redb {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::of(error.into())
            }
        })*
    };
}

from_redb!(StorageError TableError TransactionError CommitError SetDurabilityError DatabaseError);

impl From<NotSealed> for StoreError {
    fn from(_: NotSealed) -> Self {
        Self::Damaged
    }
}

impl From<NotADelivery> for StoreError {
    fn from(_: NotADelivery) -> Self {
        Self::Damaged
    }
}

impl From<NotARow> for StoreError {
    fn from(_: NotARow) -> Self {
        Self::Damaged
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}

impl StoreError {
    fn of(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) if is_full(&error) => Self::Full(Arc::new(error)),
            redb::Error::Corrupted(why) => Self::Corrupt(why.into()),
            other => Self::File(Arc::new(other)),
        }
    }

    /// Whether redb says nothing but that something failed before.
    pub(crate) fn is_consequence(&self) -> bool {
        matches!(self, Self::File(error) if matches!(**error, redb::Error::PreviousIo))
    }

    /// What a destination says of it that was to write.
    pub(crate) fn destination_write(self) -> DestinationError {
        match self {
            Self::Damaged => DestinationError::Damaged,
            _ => DestinationError::Write(Box::new(self)),
        }
    }

    /// What a destination says of it that was to read.
    pub(crate) fn destination_read(self) -> DestinationError {
        match self {
            Self::Damaged => DestinationError::Damaged,
            _ => DestinationError::Read(Box::new(self)),
        }
    }

    /// What an inbox says of it that was to write.
    pub(crate) fn inbox_write(self) -> InboxError {
        InboxError::Write(Box::new(self))
    }

    /// What an inbox says of it that was to read.
    pub(crate) fn inbox_read(self) -> InboxError {
        InboxError::Read(Box::new(self))
    }

    /// What a vault says of it that was to write.
    pub(crate) fn vault_write(self) -> VaultError {
        VaultError::Write(Box::new(self))
    }

    /// What a vault says of it that was to read.
    pub(crate) fn vault_read(self) -> VaultError {
        VaultError::Read(Box::new(self))
    }

    /// What the state says of it that was to write.
    pub(crate) fn state_write(self) -> StateError {
        StateError::Write(Box::new(self))
    }

    /// What the state says of it that was to read.
    pub(crate) fn state_read(self) -> StateError {
        StateError::Read(Box::new(self))
    }
}

/// Does something with redb, which takes pages on trust and panics when a damaged file has betrayed it. What was
/// under way must be given up then; what is in the file stays as it was.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(StoreError::Corrupt("a page makes no sense".into())))
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | FileTooLarge | QuotaExceeded)
}
