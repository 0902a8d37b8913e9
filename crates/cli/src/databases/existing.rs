//! The tables that are in a database already, for proposals. It changes nothing there.

use std::path::Path;
use std::sync::Arc;

use raccord_model::language::Field;
use raccord_model::language::authorization::Database;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::environment::Environment;

/// A table that is there.
pub(crate) struct ExistingTable {
    /// Its name.
    pub(crate) name: String,
    /// The columns of its primary key, in order; none when it has no such key.
    pub(crate) key: Vec<String>,
    /// The columns that a field can stand for.
    pub(crate) columns: Vec<ExistingColumn>,
    /// The other columns, each with the reason.
    pub(crate) left_out: Vec<(String, String)>,
}

/// A column that a field can stand for.
pub(crate) struct ExistingColumn {
    /// Its name.
    pub(crate) name: String,
    /// The field, without the name of the column.
    pub(crate) field: Field,
}

/// The tables of a schema.
#[cfg(feature = "postgres")]
pub(crate) async fn existing_tables(
    environment: &Arc<dyn Environment>,
    (authorization, schema): (&Database, &str),
    root: &Path,
) -> Result<Vec<ExistingTable>, DestinationError> {
    let tables = super::postgres::destination(environment, authorization, schema, root).tables().await?;
    let column =
        |column: raccord_postgres::ExistingColumn| ExistingColumn { name: column.name, field: column.field };
    let table = |table: raccord_postgres::ExistingTable| ExistingTable {
        name: table.name,
        key: table.key,
        columns: table.columns.into_iter().map(column).collect(),
        left_out: table.left_out,
    };
    Ok(tables.into_iter().map(table).collect())
}

/// The tables of a schema, which this binary cannot see.
#[cfg(not(feature = "postgres"))]
pub(crate) async fn existing_tables(
    _environment: &Arc<dyn Environment>,
    _place: (&Database, &str),
    _root: &Path,
) -> Result<Vec<ExistingTable>, DestinationError> {
    Err(DestinationError::NotBuilt("postgres"))
}
