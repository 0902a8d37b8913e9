//! Files for tests, destinations in them, and short ways to say what goes there.

use std::path::PathBuf;
use std::time::Duration;

use raccord_model::value::Value;
use raccord_sqlite::SqliteDestination;
use rusqlite::Connection;
use tempfile::TempDir;

/// A file that is not there yet, in a directory for as long as this lives.
pub(crate) struct Database(pub(crate) TempDir);

impl Database {
    pub(crate) fn none() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("crm.db")
    }

    /// A connection of another program.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// Runs statements as another program.
    pub(crate) fn sql(&self, statements: &str) {
        self.connect().execute_batch(statements).unwrap();
    }

    /// The first column of the first row.
    pub(crate) fn one<T: rusqlite::types::FromSql>(&self, query: &str) -> T {
        self.connect().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// A destination that does not wait long for a lock.
    pub(crate) fn destination(&self) -> SqliteDestination {
        SqliteDestination::patient(self.path(), Duration::from_millis(20))
    }
}

/// A text as a field.
pub(crate) fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}
