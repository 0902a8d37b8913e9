//! The tables that are in a database already, for proposals. It changes nothing there.

#[cfg(not(all(feature = "mysql", feature = "postgres", feature = "sqlite")))]
use std::future::{Ready, ready};
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
) -> Found {
    match place {
        Place::Postgres { authorization, schema } => {
            of_postgres(environment, (authorization, schema), root).await
        }
        Place::Mysql(authorization) => of_mysql(environment, authorization, root).await,
        Place::Sqlite(path) => of_sqlite(&root.join(path)).await,
    }
}

type Found = Result<Vec<ExistingTable>, DestinationError>;

#[cfg(feature = "postgres")]
async fn of_postgres(
    environment: &Arc<dyn Environment>,
    (authorization, schema): (&Database, &str),
    root: &Path,
) -> Found {
    super::postgres::destination(environment, authorization, schema, root).tables().await
}

#[cfg(not(feature = "postgres"))]
fn of_postgres(_: &Arc<dyn Environment>, _: (&Database, &str), _: &Path) -> Ready<Found> {
    ready(Err(DestinationError::NotBuilt("postgres")))
}

#[cfg(feature = "mysql")]
async fn of_mysql(environment: &Arc<dyn Environment>, authorization: &Database, root: &Path) -> Found {
    let secrets = raccord_connect::DatabaseSecrets::new(environment, root);
    raccord_mysql::tables(&super::mysql::settings_source(secrets, authorization)).await
}

#[cfg(not(feature = "mysql"))]
fn of_mysql(_: &Arc<dyn Environment>, _: &Database, _: &Path) -> Ready<Found> {
    ready(Err(DestinationError::NotBuilt("mysql")))
}

#[cfg(feature = "sqlite")]
async fn of_sqlite(path: &Path) -> Found {
    let path = path.to_owned();
    let failed = |error: tokio::task::JoinError| DestinationError::Read(error.into());
    tokio::task::spawn_blocking(move || raccord_sqlite::tables(&path)).await.map_err(failed)?
}

#[cfg(not(feature = "sqlite"))]
fn of_sqlite(_: &Path) -> Ready<Found> {
    ready(Err(DestinationError::NotBuilt("sqlite")))
}
