//! Why a destination did not do what was asked. No message holds a value of a record.

use crate::port::Cause;
use crate::port::lease::LeaseToken;

/// Why a destination did not do what was asked. Nothing of the batch was kept.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The batch would delete more than its guard allows.
    #[error("{deletes} of {of} rows would be deleted")]
    TooManyDeletes {
        /// How many rows would go, with those that are gone already.
        deletes: u64,
        /// Of how many.
        of: u64,
    },
    /// The configuration changed under the run.
    #[error("the transfer was {}", what_fenced(*expected, *found))]
    Fenced {
        /// What the batch named.
        expected: u64,
        /// What is in force; nothing once the transfer was deleted.
        found: Option<u64>,
    },
    /// A row is no longer what it was when the batch was made: its records are to be mapped.
    #[error("rows have changed since the batch was made")]
    Outdated,
    /// Another holder of the transfer's lease has begun meanwhile.
    #[error("the lease of the transfer was lost: its token is {found}, this is the work of {held}")]
    LeaseLost {
        /// The token of the batch.
        held: LeaseToken,
        /// The greatest that the destination has seen.
        found: LeaseToken,
    },
    /// Reading failed.
    #[error("read records")]
    Read(#[source] Cause),
    /// Writing failed.
    #[error("write records")]
    Write(#[source] Cause),
    /// Bytes are not of a version we know.
    #[error("a stored record cannot be read")]
    Damaged,
}

/// What became of a transfer while it ran.
fn what_fenced(expected: u64, found: Option<u64>) -> String {
    match found {
        Some(found) => {
            format!("changed while it ran: its epoch is {found}, the run began under {expected}")
        }
        None => "deleted while it ran".to_owned(),
    }
}
