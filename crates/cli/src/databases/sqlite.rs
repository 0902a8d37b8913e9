//! SQLite behind the port: where its file is.

use std::path::Path;
use std::sync::Arc;

use raccord_model::port::destination::Rows;
use raccord_sqlite::SqliteDestination;

/// The rows in a file, whose path is relative to the root of the configuration.
pub(super) fn rows(root: &Path, path: &str) -> Rows {
    Rows::of(&Arc::new(SqliteDestination::new(root.join(path))))
}
