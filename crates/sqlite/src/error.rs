//! Why a file did not do what was asked, as the port says it. What SQLite says of a row names tables, columns and constraints;
//! what a trigger says may quote values, and is not repeated.

use raccord_model::decide::Refused;
use raccord_model::port::Cause;
use raccord_model::port::destination::DestinationError;
use raccord_model::row::NotARow;
use rusqlite::ffi;
use rusqlite::{Error, ErrorCode};

use crate::open::OpenError;

/// Why a piece of work was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file cannot be used.
    Open(OpenError),
    /// SQLite says so.
    Database(Error),
    /// The port's own answer.
    Refused(DestinationError),
    /// These rows cannot be kept. Nothing of the batch was.
    Rows(Refused),
    /// The program ends, or the work came to a sudden end.
    Stopped,
}

/// The work came to a sudden end.
#[derive(Debug, thiserror::Error)]
#[error("the work on the file was not finished")]
struct StoppedError;

/// Rows are refused again and again.
#[derive(Debug, thiserror::Error)]
#[error("the table refuses rows, and others for want of these")]
struct RowsError;

/// Another program has the lock.
#[derive(Debug, thiserror::Error)]
#[error("another program holds the lock of the file")]
struct LockedError;

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<DestinationError> for Failure {
    fn from(error: DestinationError) -> Self {
        Self::Refused(error)
    }
}

impl From<NotARow> for Failure {
    fn from(_: NotARow) -> Self {
        Self::Refused(DestinationError::Damaged)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(_: serde_json::Error) -> Self {
        Self::Refused(DestinationError::Damaged)
    }
}

impl Failure {
    /// Whether another program was in the way, so that the same work may succeed.
    pub(crate) fn is_contended(&self) -> bool {
        match self {
            Self::Open(error) => matches!(error, OpenError::Locked(..)),
            Self::Database(error) => is_busy(error),
            Self::Refused(_) | Self::Rows(_) | Self::Stopped => false,
        }
    }

    /// As the port says it of something that was written.
    pub(crate) fn of_writing(self) -> DestinationError {
        self.told(DestinationError::Write)
    }

    /// As the port says it of something that was read.
    pub(crate) fn of_reading(self) -> DestinationError {
        self.told(DestinationError::Read)
    }

    fn told(self, otherwise: fn(Cause) -> DestinationError) -> DestinationError {
        match self {
            Self::Refused(error) => error,
            Self::Open(error @ (OpenError::Denied(..) | OpenError::WalBeside(_))) => {
                DestinationError::Denied(Box::new(error))
            }
            Self::Open(error) => DestinationError::Unreachable(Box::new(error)),
            Self::Rows(_) => otherwise(Box::new(RowsError)),
            Self::Stopped => otherwise(Box::new(StoppedError)),
            Self::Database(error) if is_busy(&error) => DestinationError::Unreachable(Box::new(LockedError)),
            Self::Database(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::CannotOpen) => {
                    DestinationError::Unreachable(Box::new(error))
                }
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                    DestinationError::Denied(Box::new(error))
                }
                _ => otherwise(Box::new(error)),
            },
        }
    }
}

fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether SQLite refuses a row: a constraint, a type, a size, or what a trigger raises.
pub(crate) fn is_of_a_row(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
    )
}

/// Whether it is refused for a foreign key.
pub(crate) fn is_of_a_reference(error: &Error) -> bool {
    matches!(error, Error::SqliteFailure(code, _) if code.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Why a row cannot be stored, in words that hold no value of it, and the column that is to blame, where SQLite names it.
pub(crate) fn reason(error: &Error) -> (String, Option<String>) {
    let Error::SqliteFailure(code, said) = error else {
        return ("the database refuses the row".to_owned(), None);
    };
    // "UNIQUE constraint failed: contact.email": what stands after the colon are names.
    let names = said.as_deref().and_then(|said| said.split_once(": ")).map(|(_, names)| names);
    let with_names = |text: &str| match names {
        Some(names) => format!("{text}: {names}"),
        None => text.to_owned(),
    };
    let column = names.filter(|names| !names.contains(',')).and_then(|names| names.rsplit_once('.'));
    let column = column.map(|(_, column)| column.to_owned());
    match code.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            (with_names("another row already has this value"), column)
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => (with_names("a value is missing"), column),
        ffi::SQLITE_CONSTRAINT_CHECK => (with_names("the value does not fulfil the constraint"), None),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
            ("no row of the table it refers to has this value".to_owned(), None)
        }
        ffi::SQLITE_CONSTRAINT_TRIGGER => ("a trigger of the table refuses the row".to_owned(), None),
        ffi::SQLITE_CONSTRAINT_DATATYPE => ("a value is of another type than its column".to_owned(), None),
        ffi::SQLITE_TOOBIG => ("the row is larger than SQLite keeps".to_owned(), None),
        code => (format!("the database refuses the row: code {code} of SQLite"), None),
    }
}
