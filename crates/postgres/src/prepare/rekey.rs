//! Takes the rows away that stand in a table under keys which are none any more, before the first one is written under other
//! keys. Rows that no transfer owns stay.

use raccord_model::port::destination::EntityShape;

use crate::connections::Session;
use crate::error::Failure;
use crate::load;
use crate::owned::{forget_incarnation, has_owners};

/// Takes away what was kept of an entity under other keys in the same table.
pub(super) async fn remove_replaced(
    session: &Session<'_>,
    schema: &str,
    shape: &EntityShape,
) -> Result<(), Failure> {
    for incarnation in &shape.replaces {
        // What is registered no longer was taken away before, or released by a person.
        let Some(before) = load::entity(session, *incarnation).await? else { continue };
        let table = &before.table;
        let is_same = (table.schema.as_str(), table.name.as_str()) == (schema, shape.table.as_str());
        if is_same && has_owners(session, table).await? {
            session.run(&table.delete_owned()).await?;
        }
        forget_incarnation(session, *incarnation, table).await?;
    }
    Ok(())
}
