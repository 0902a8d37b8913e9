//! Whose the rows of a table are, and the end of what is known of them. It writes no row.

use tokio_postgres::types::Type;

use crate::connections::Session;
use crate::error::Failure;
use crate::fence::signed;
use crate::table::Table;

/// Whether the table is there, and what says whose its rows are.
pub(crate) async fn has_owners(session: &Session<'_>, table: &Table) -> Result<bool, Failure> {
    let query = "SELECT to_regclass($1) IS NOT NULL AND EXISTS (SELECT 1 FROM pg_attribute \
                 WHERE attrelid = to_regclass($2) AND attname = '_raccord_owner' AND NOT attisdropped)";
    let name = table.qualified();
    let owners = table.side_table().unwrap_or_else(|| name.clone());
    let row = session.query_opt(query, &[(&name, Type::TEXT), (&owners, Type::TEXT)]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// Forgets what is known of the rows of an incarnation, and that it has a table.
pub(crate) async fn forget_incarnation(
    session: &Session<'_>,
    incarnation: u64,
    table: &Table,
) -> Result<(), Failure> {
    if let Some(side) = table.side_table() {
        session.run(&format!("DROP TABLE IF EXISTS {side}")).await?;
    }
    for table in ["tombstones", "waiting", "entities"] {
        let forget = format!("DELETE FROM raccord.{table} WHERE incarnation = $1");
        session.execute(&forget, &[(&signed(incarnation), Type::INT8)]).await?;
    }
    Ok(())
}
