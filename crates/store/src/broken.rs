//! What can go wrong below the ports, and how it is said at each of them.
//!
//! A refusal (a stale serial, a stale fence) is not among it: it is an answer, and leaves the transaction clean.

use std::sync::Arc;

use raccord_model::port::sink::SinkError;
use raccord_model::port::state::StateError;
use raccord_model::row::NotARow;

/// A request that cannot be carried out, and whose transaction must not be kept.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Broken {
    /// The file could not be read or written.
    #[error(transparent)]
    File(Arc<redb::Error>),
    /// Bytes are not of a version we know.
    #[error("a stored record cannot be read")]
    Damaged,
    /// A value has no JSON.
    #[error(transparent)]
    Json(Arc<serde_json::Error>),
    /// The thread that was to do it is no more.
    #[error("the state is closed")]
    Closed,
}

macro_rules! from_redb {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for Broken {
            fn from(error: redb::$error) -> Self {
                Self::File(Arc::new(error.into()))
            }
        })*
    };
}

from_redb!(StorageError TableError TransactionError CommitError SetDurabilityError DatabaseError);

impl From<NotARow> for Broken {
    fn from(_: NotARow) -> Self {
        Self::Damaged
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}

impl Broken {
    /// What a sink says of it that was to write.
    pub(crate) fn sink_write(self) -> SinkError {
        match self {
            Self::Damaged => SinkError::Damaged,
            Self::File(_) | Self::Json(_) | Self::Closed => SinkError::Write(Box::new(self)),
        }
    }

    /// What a sink says of it that was to read.
    pub(crate) fn sink_read(self) -> SinkError {
        match self {
            Self::Damaged => SinkError::Damaged,
            Self::File(_) | Self::Json(_) | Self::Closed => SinkError::Read(Box::new(self)),
        }
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
