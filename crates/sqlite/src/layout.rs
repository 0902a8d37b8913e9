//! The destination's own tables, whose names begin with `_raccord_`: what they are, and how those of an earlier version become
//! those of this one. Nothing here knows the tables of entities.

use raccord_model::port::destination::DestinationError;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::Failure;

/// The steps from nothing to the present layout: the number of those that were taken is its version. A step that was
/// released never changes.
const STEPS: [&str; 1] = [include_str!("layout/1.sql")];

/// The layout is of a version of Raccord that is newer than this one.
#[derive(Debug, thiserror::Error)]
#[error(
    "the tables `_raccord_…` of the file have version {found}, and this version of Raccord knows {known}"
)]
struct TooNew {
    found: usize,
    known: usize,
}

/// How many steps were taken.
fn version(connection: &Connection) -> Result<usize, Failure> {
    let there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_raccord_layout'";
    if connection.query_row(there, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    let version = "SELECT version FROM _raccord_layout";
    let found: Option<i64> = connection.query_row(version, [], |row| row.get(0)).optional()?;
    let found = usize::try_from(found.unwrap_or_default()).unwrap_or_default();
    if found > STEPS.len() {
        let known = STEPS.len();
        return Err(DestinationError::Denied(Box::new(TooNew { found, known })).into());
    }
    Ok(found)
}

/// Whether it is as this version needs it.
pub(crate) fn is_current(connection: &Connection) -> Result<bool, Failure> {
    Ok(version(connection)? == STEPS.len())
}

/// Makes it so, in the transaction of a connection.
pub(crate) fn migrate(connection: &Connection) -> Result<(), Failure> {
    let taken = version(connection)?;
    if taken == STEPS.len() {
        return Ok(());
    }
    for step in STEPS.iter().skip(taken) {
        connection.execute_batch(step)?;
    }
    let set = format!("UPDATE _raccord_layout SET version = {}", STEPS.len());
    Ok(connection.execute_batch(&set)?)
}
