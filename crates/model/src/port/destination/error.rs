//! Why a destination did not do what was asked. No message holds a value of a record.

use super::TableRemark;
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
    /// This program knows no such store.
    #[error("this program has no {0} store")]
    Unsupported(&'static str),
    /// This binary was built without the cargo feature that the store needs.
    #[error(
        "this raccord was built without the feature `{0}`; use a released binary, or build it with `--features {0}`"
    )]
    NotBuilt(&'static str),
    /// Nothing answers, or the connection broke and whether the last commit was made could not be found out.
    #[error("the store cannot be reached")]
    Unreachable(#[source] Cause),
    /// It answers, and does not let us do this: who we are, or what we may do.
    #[error("the store refuses us")]
    Denied(#[source] Cause),
    /// The table of the entity was not made ready for rows.
    #[error("the table of the entity is not ready; the apply that makes it so has yet to be carried out")]
    Unprepared,
    /// The table of the entity cannot be made ready for rows as it is.
    #[error("the table cannot be used: {}", in_a_line(.0))]
    Unfit(Vec<TableRemark>),
    /// The table of the entity is no longer the one that was made ready: what would be written is perhaps not what is kept.
    #[error("the table is not as it was made ready: {}", in_a_line(.0))]
    Changed(Vec<TableRemark>),
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

fn in_a_line(remarks: &[TableRemark]) -> String {
    remarks.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl DestinationError {
    /// Whether it is about the database as a whole, and mends once that is there and lets us in.
    pub const fn is_about_the_database(&self) -> bool {
        matches!(
            self,
            Self::Unsupported(_)
                | Self::NotBuilt(_)
                | Self::Unreachable(_)
                | Self::Denied(_)
                | Self::Unprepared
                | Self::Unfit(_)
                | Self::Changed(_)
        )
    }

    /// The whole story in one line: the error and what caused it.
    pub fn in_words(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let line = error.to_string();
            if !text.contains(&line) {
                text = format!("{text}: {line}");
            }
            cause = error.source();
        }
        text
    }
}
