//! Whose the rows of a table are, and the end of what is known of them. It writes no row.

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::Failure;
use crate::table::Table;

/// Whether the table is there, and what says whose its rows are.
pub(crate) fn has_owners(connection: &Connection, table: &Table) -> Result<bool, Failure> {
    let query = "SELECT 1 FROM pragma_table_info(?1) WHERE name = '_raccord_owner' \
                 AND EXISTS (SELECT 1 FROM pragma_table_info(?2))";
    let with_owners = table.side.as_ref().unwrap_or(&table.name);
    let found = connection.query_row(query, [with_owners, &table.name], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

/// Forgets what is known of the rows of an incarnation, and that it has a table.
pub(crate) fn forget_incarnation(
    connection: &Connection,
    incarnation: u64,
    table: &Table,
) -> Result<(), Failure> {
    if let Some(side) = &table.side {
        connection.execute(&format!("DROP TABLE IF EXISTS {side}"), [])?;
    }
    for table in ["tombstones", "waiting", "entities"] {
        let forget = format!("DELETE FROM _raccord_{table} WHERE incarnation = ?1");
        connection.execute(&forget, [incarnation.cast_signed()])?;
    }
    Ok(())
}
