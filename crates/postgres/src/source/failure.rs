//! Why a database was not read, as the port says it: what is refused, what is away and asked again, and what the settings
//! have wrong. What a server says of values is left out.

use std::error::Error as _;

use raccord_model::port::destination::DestinationError;
use raccord_model::port::source::SourceError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::error::{Failure, is_of_a_row, reason};

/// How many characters of what a server says are kept.
const MOST: usize = 300;

/// What is read, as messages call it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The database.
    pub(super) database: String,
    /// The table or the query.
    pub(super) relation: String,
}

/// A row that is not what the database said that it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowFailure {
    /// The client library says so.
    #[error("read a value")]
    Read(#[from] Error),
    /// A value is not of the form of its type.
    #[error("a value is not of the form of its type")]
    Form,
}

impl Place {
    pub(super) fn settings(&self, message: String) -> SourceError {
        SourceError::Settings { place: self.relation.clone(), message }
    }

    pub(super) fn row(&self, error: &RowFailure) -> SourceError {
        SourceError::Answer { place: self.relation.clone(), message: error.to_string() }
    }

    /// Of a connection that was not made.
    pub(super) fn told_of_connecting(&self, failure: Failure) -> SourceError {
        match failure {
            Failure::Database(error) => self.told(&error),
            Failure::Refused(DestinationError::Denied(cause)) => {
                SourceError::Settings { place: self.database.clone(), message: cause.to_string() }
            }
            Failure::Refused(error) => self.unreachable(error.to_string()),
            Failure::Moved | Failure::LeftOut => self.unreachable("it gave no connection".to_owned()),
        }
    }

    fn unreachable(&self, message: String) -> SourceError {
        SourceError::Unreachable { url: self.database.clone(), message }
    }

    fn denied(&self, message: String) -> SourceError {
        SourceError::Denied { place: self.database.clone(), message }
    }

    /// Of anything else.
    pub(super) fn told(&self, error: &Error) -> SourceError {
        let Some(said) = error.as_db_error() else {
            // The library's own errors are of the connection.
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            return self.unreachable(cause);
        };
        let state = said.code();
        let code = state.code();
        let text: String = said.message().chars().take(MOST).collect();
        if *state == SqlState::INSUFFICIENT_PRIVILEGE {
            return self.denied(format!("{text}; GRANT SELECT ON {} to the role allows it", self.relation));
        }
        if *state == SqlState::INVALID_CATALOG_NAME {
            return self.denied("there is no database of that name (SQLSTATE 3D000)".to_owned());
        }
        let is_away = ["08", "53", "57"].iter().any(|class| code.starts_with(class))
            || matches!(
                state,
                &SqlState::OBJECT_IN_USE
                    | &SqlState::LOCK_NOT_AVAILABLE
                    | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                    | &SqlState::T_R_DEADLOCK_DETECTED
                    | &SqlState::T_R_SERIALIZATION_FAILURE
            );
        match code {
            code if code.starts_with("28") => {
                self.denied(format!("the user, or the password (SQLSTATE {code})"))
            }
            _ if is_away => self.unreachable(format!("{text} (SQLSTATE {code})")),
            // A statement that the server does not understand: the settings name what is not there.
            code if code.starts_with("42") || code.starts_with("3F") => {
                self.settings(format!("{text} (SQLSTATE {code})"))
            }
            // These may quote values.
            code if is_of_a_row(code) => self.settings(reason(error)),
            code => self.settings(format!("{text} (SQLSTATE {code})")),
        }
    }
}
