//! Why files could not be read or written, as the port of destinations says it.

use raccord_model::port::destination::DestinationError;

use crate::format::{EncodeError, NotBuiltIn};
use crate::storage::{InvalidPath, StorageError};

fn of(error: StorageError, other: fn(raccord_model::port::Cause) -> DestinationError) -> DestinationError {
    match error {
        StorageError::Unreachable(cause) => DestinationError::Unreachable(cause),
        StorageError::Denied(cause) => DestinationError::Denied(cause),
        error @ (StorageError::Settings(_) | StorageError::Unconditional) => {
            DestinationError::Denied(Box::new(error))
        }
        error => other(Box::new(error)),
    }
}

pub(crate) fn read(error: StorageError) -> DestinationError {
    of(error, DestinationError::Read)
}

pub(crate) fn write(error: StorageError) -> DestinationError {
    of(error, DestinationError::Write)
}

pub(crate) fn path(error: InvalidPath) -> DestinationError {
    DestinationError::Write(Box::new(error))
}

pub(crate) fn encode(error: EncodeError) -> DestinationError {
    DestinationError::Write(Box::new(error))
}

pub(crate) fn format(_: NotBuiltIn) -> DestinationError {
    DestinationError::NotBuilt("parquet")
}

/// What files cannot answer or do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotError {
    #[error("rows in files are not looked up by their keys: read the files that manifest.json names")]
    LookUp,
    #[error("a snapshot is replaced as a whole: what is stored by itself comes with the next reading")]
    Alone,
    #[error("the reading does not prove what is gone, so its files take the place of no others")]
    Unproven,
    #[error("others add to the log of these files faster than it can be followed")]
    Crowded,
    #[error("an earlier write failed; what it held is read again by the next run")]
    Interrupted,
}

impl From<CannotError> for DestinationError {
    fn from(error: CannotError) -> Self {
        match error {
            CannotError::LookUp => Self::Read(Box::new(error)),
            CannotError::Crowded => Self::Unreachable(Box::new(error)),
            CannotError::Alone | CannotError::Unproven | CannotError::Interrupted => {
                Self::Write(Box::new(error))
            }
        }
    }
}
