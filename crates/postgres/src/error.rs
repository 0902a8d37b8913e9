//! Why the database did not do what was asked, as the port says it. What a server says may quote values of rows, so that of
//! most of its answers only their sort and the names in them are kept.

use raccord_model::delivery::NotADelivery;
use raccord_model::port::destination::DestinationError;
use raccord_model::row::NotARow;
use raccord_seal::NotSealed;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why a piece of work was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client library or the server says so.
    Database(Error),
    /// The port's own answer.
    Refused(DestinationError),
    /// A row was changed or removed by others since it was looked up.
    Moved,
    /// The table left a row out, or kept it, without a word.
    LeftOut,
}

/// Others change the rows of a batch faster than it can be written.
#[derive(Debug, thiserror::Error)]
#[error("rows of the batch were changed by others again and again")]
struct MovedError;

/// A trigger keeps rows out, or in.
#[derive(Debug, thiserror::Error)]
#[error("a trigger of the table leaves rows out, or keeps them")]
struct LeftOutError;

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

impl From<NotADelivery> for Failure {
    fn from(_: NotADelivery) -> Self {
        Self::Refused(DestinationError::Damaged)
    }
}

impl From<NotSealed> for Failure {
    fn from(_: NotSealed) -> Self {
        Self::Refused(DestinationError::Damaged)
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

/// What may be done after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The connection is gone, or is about to be.
    Lost,
    /// Others were in the way: the same work may succeed.
    Contended,
    /// A row cannot be stored.
    Row,
    /// Who we are, or what we may do.
    Denied,
    /// Anything else.
    Other,
}

/// How many characters of what a server says are kept.
const MOST: usize = 300;

/// What a server said, without values.
#[derive(Debug, thiserror::Error)]
#[error("{text} (SQLSTATE {code})")]
pub(crate) struct ServerError {
    code: String,
    text: String,
}

impl Failure {
    pub(crate) fn sort(&self) -> Sort {
        match self {
            Self::Database(error) => sort(error),
            Self::Refused(DestinationError::Unreachable(_)) => Sort::Lost,
            Self::Refused(_) => Sort::Other,
            Self::Moved => Sort::Contended,
            Self::LeftOut => Sort::Row,
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

    /// As the ports of a shared state say it: what failed, below what was tried.
    pub(crate) fn cause(self) -> raccord_model::port::Cause {
        let error = match self {
            Self::Refused(error) => return Box::new(error),
            Self::Moved => return Box::new(MovedError),
            Self::LeftOut => return Box::new(LeftOutError),
            Self::Database(error) => error,
        };
        let sort = sort(&error);
        let cause = without_values(error);
        match sort {
            Sort::Lost => Box::new(DestinationError::Unreachable(cause)),
            Sort::Denied => Box::new(DestinationError::Denied(cause)),
            Sort::Contended | Sort::Row | Sort::Other => cause,
        }
    }

    fn told(self, otherwise: fn(raccord_model::port::Cause) -> DestinationError) -> DestinationError {
        let error = match self {
            Self::Refused(error) => return error,
            Self::Moved => return otherwise(Box::new(MovedError)),
            Self::LeftOut => return otherwise(Box::new(LeftOutError)),
            Self::Database(error) => error,
        };
        let told = match sort(&error) {
            Sort::Lost => DestinationError::Unreachable,
            Sort::Denied => DestinationError::Denied,
            Sort::Contended | Sort::Row | Sort::Other => otherwise,
        };
        match dropped(&error) {
            Some(dropped) => told(Box::new(dropped)),
            None => told(without_values(error)),
        }
    }
}

/// What an apply had made is not there any more.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text}; if a table or column of an entity was dropped, `raccord apply` makes it again, and the next runs read everything; \
     if not, look at what triggers and views of the table read"
)]
struct DroppedError {
    text: ServerError,
}

fn dropped(error: &Error) -> Option<DroppedError> {
    let is_dropped = matches!(error.code(), Some(&SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN));
    said(error).filter(|_| is_dropped).map(|text| DroppedError { text })
}

fn sort(error: &Error) -> Sort {
    let Some(code) = error.code() else {
        // The library's own errors are of the connection; one of encoding would be ours, and comes again.
        return Sort::Lost;
    };
    match code {
        &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::LOCK_NOT_AVAILABLE => Sort::Contended,
        &SqlState::ADMIN_SHUTDOWN
        | &SqlState::CRASH_SHUTDOWN
        | &SqlState::CANNOT_CONNECT_NOW
        | &SqlState::TOO_MANY_CONNECTIONS
        | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Sort::Lost,
        &SqlState::INSUFFICIENT_PRIVILEGE
        | &SqlState::INVALID_CATALOG_NAME
        | &SqlState::READ_ONLY_SQL_TRANSACTION => Sort::Denied,
        code if code.code().starts_with("08") => Sort::Lost,
        code if code.code().starts_with("28") => Sort::Denied,
        code if is_of_a_row(code.code()) => Sort::Row,
        _ => Sort::Other,
    }
}

/// Whether a code says that a value or a row cannot be stored: data, constraints, limits of a row, and what a trigger raises.
pub(crate) fn is_of_a_row(code: &str) -> bool {
    ["22", "23", "44", "54", "P0"].iter().any(|class| code.starts_with(class))
}

/// The error as the cause of one of ours.
fn without_values(error: Error) -> raccord_model::port::Cause {
    match said(&error) {
        Some(said) => Box::new(said),
        None => Box::new(error),
    }
}

/// What the server said, unless the error is not the server's.
fn said(error: &Error) -> Option<ServerError> {
    let db = error.as_db_error()?;
    let code = db.code().code().to_owned();
    // These may quote values.
    let text = if is_of_a_row(&code) { reason(error) } else { db.message().chars().take(MOST).collect() };
    Some(ServerError { code, text })
}

/// The column that the server blames.
pub(crate) fn column_of(error: &Error) -> Option<&str> {
    error.as_db_error()?.column()
}

/// Why a row cannot be deleted, in words that hold no value of it: of a foreign key, which table refers to it.
pub(crate) fn reason_to_stay(error: &Error) -> String {
    let db = error.as_db_error().filter(|db| db.code() == &SqlState::FOREIGN_KEY_VIOLATION);
    let Some(db) = db else { return reason(error) };
    let constraint = db.constraint().unwrap_or("of a table");
    match db.table() {
        Some(table) => format!("rows of the table {table} refer to it: constraint {constraint}"),
        None => format!("rows of another table refer to it: constraint {constraint}"),
    }
}

/// Why a row cannot be stored, in words that hold no value of it: the sort of the error and the names that come with it.
pub(crate) fn reason(error: &Error) -> String {
    let Some(db) = error.as_db_error() else { return "the database refuses the row".to_owned() };
    let constraint = db.constraint().unwrap_or("of the table");
    let column = db.column().map(|column| format!(" in column {column}")).unwrap_or_default();
    match db.code() {
        &SqlState::UNIQUE_VIOLATION => format!("another row already has this value: constraint {constraint}"),
        &SqlState::FOREIGN_KEY_VIOLATION => {
            format!("no row of the table it refers to has this value: constraint {constraint}")
        }
        &SqlState::CHECK_VIOLATION => format!("the value does not fulfil the constraint {constraint}"),
        &SqlState::NOT_NULL_VIOLATION => format!("a value is missing{column}"),
        &SqlState::EXCLUSION_VIOLATION => format!("another row excludes this one: constraint {constraint}"),
        &SqlState::STRING_DATA_RIGHT_TRUNCATION => format!("a text is too long for its column{column}"),
        &SqlState::NUMERIC_VALUE_OUT_OF_RANGE => format!("a number is too large for its column{column}"),
        &SqlState::PROGRAM_LIMIT_EXCEEDED => "a value is too long for an index of the table".to_owned(),
        &SqlState::RAISE_EXCEPTION => "a trigger or a function of the database refuses the row".to_owned(),
        code => format!("the database refuses the row: SQLSTATE {}{column}", code.code()),
    }
}
