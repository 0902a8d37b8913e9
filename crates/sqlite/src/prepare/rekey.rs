//! Takes the rows away that stand in a table under keys which are none any more, before the first one is written under other
//! keys. Rows that no transfer owns stay.

use raccord_model::port::destination::EntityShape;
use rusqlite::Connection;

use crate::error::Failure;
use crate::load;
use crate::owned::{forget_incarnation, has_owners};

/// Takes away what was kept of an entity under other keys in the same table.
pub(super) fn remove_replaced(connection: &Connection, shape: &EntityShape) -> Result<(), Failure> {
    for incarnation in &shape.replaces {
        // What is registered no longer was taken away before, or released by a person.
        let Some(before) = load::entity(connection, *incarnation)? else { continue };
        let table = &before.table;
        if table.name.eq_ignore_ascii_case(&shape.table) && has_owners(connection, table)? {
            connection.execute_batch(&table.delete_owned())?;
        }
        forget_incarnation(connection, *incarnation, table)?;
    }
    Ok(())
}
