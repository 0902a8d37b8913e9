//! The tables that are in a database already, for proposals. It changes nothing there.

use std::path::Path;
use std::sync::Arc;

use raccord_model::existing::ExistingTable;
use raccord_model::language::authorization::Database;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::environment::Environment;

/// A database whose tables are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A schema of PostgreSQL.
    Postgres {
        /// How it is reached.
        authorization: &'a Database,
        /// The schema.
        schema: &'a str,
    },
    /// The database of MySQL or MariaDB that an Authorization names.
    Mysql(&'a Database),
    /// A file of SQLite, relative to the root of the configuration.
    Sqlite(&'a str),
}

/// Its tables, in the order of their names.
pub(crate) async fn existing_tables(
    environment: &Arc<dyn Environment>,
    place: Place<'_>,
    root: &Path,
) -> Result<Vec<ExistingTable>, DestinationError> {
    match place {
        #[cfg(feature = "postgres")]
        Place::Postgres { authorization, schema } => {
            super::postgres::destination(environment, authorization, schema, root).tables().await
        }
        #[cfg(not(feature = "postgres"))]
        Place::Postgres { .. } => Err(DestinationError::NotBuilt("postgres")),
        #[cfg(feature = "mysql")]
        Place::Mysql(authorization) => {
            let secrets = raccord_connect::DatabaseSecrets::new(environment, root);
            raccord_mysql::tables(&super::mysql::settings_source(secrets, authorization)).await
        }
        #[cfg(not(feature = "mysql"))]
        Place::Mysql(_) => Err(DestinationError::NotBuilt("mysql")),
        #[cfg(feature = "sqlite")]
        Place::Sqlite(path) => {
            let path = root.join(path);
            let read = move || raccord_sqlite::tables(&path);
            let failed = |error: tokio::task::JoinError| DestinationError::Read(error.into());
            tokio::task::spawn_blocking(read).await.map_err(failed)?
        }
        #[cfg(not(feature = "sqlite"))]
        Place::Sqlite(_) => Err(DestinationError::NotBuilt("sqlite")),
    }
}
