//! Which database `raccord new project` and `raccord new source` take tables from, and which of its tables.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use raccord_model::existing::ExistingTable;
use raccord_model::language::authorization::Database;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline};
use raccord_model::port::environment::Environment;
use raccord_model::secret::SecretRef;
use raccord_model::{Desired, Name};

use crate::databases::{Place, existing_tables};
use crate::error::CommandError;
use crate::session;

/// The databases whose tables are known, called like the connectors that read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Engine {
    Postgres,
    Mysql,
    Sqlite,
}

/// A database that was named.
#[derive(Debug)]
pub(super) enum Named {
    /// A server, and how the resource refers to its Authorization.
    Server(Engine, Box<Database>, ByNameOrInline<AuthorizationSpec>),
    /// A file of SQLite.
    File(String),
}

/// What the names of files of SQLite end with.
const ENDINGS: [&str; 4] = [".db", ".sqlite", ".sqlite3", ".db3"];

/// The database that `--from` names: an Authorization, a reference to a URL, or a file of SQLite.
pub(super) fn named(
    desired: Option<&Desired>,
    from: &str,
    engine: Option<Engine>,
) -> Result<Named, CommandError> {
    let is_file = ENDINGS.iter().any(|ending| from.ends_with(ending)) && !from.contains("://");
    let engine = engine.unwrap_or(if is_file { Engine::Sqlite } else { Engine::Postgres });
    if engine == Engine::Sqlite {
        return Ok(Named::File(from.to_owned()));
    }
    let (database, authorization) = server(desired, from)?;
    Ok(Named::Server(engine, Box::new(database), authorization))
}

/// The server that is meant, and how the resource names its Authorization.
fn server(
    desired: Option<&Desired>,
    from: &str,
) -> Result<(Database, ByNameOrInline<AuthorizationSpec>), CommandError> {
    if let Ok(reference) = from.parse::<SecretRef>() {
        let database = Database { url: Some(reference), ..Database::default() };
        let inline = AuthorizationSpec::Database(Box::new(database.clone()));
        return Ok((database, ByNameOrInline::Inline(inline)));
    }
    if from.contains("://") {
        // What stands in an argument is seen by every process of the machine, and would stand in the file.
        return Err(CommandError::usage(
            "the URL of a database has a secret in it, which is only referred to",
        )
        .hint("put it into a variable and write --from '${env:DATABASE_URL}'"));
    }
    let name: Name = from.parse().map_err(|error| CommandError::usage(format!("--from: {error}")))?;
    match desired.and_then(|desired| desired.authorization(&name)) {
        Some(AuthorizationSpec::Database(database)) => Ok(((**database).clone(), ByNameOrInline::ByName(name))),
        Some(other) => Err(CommandError::new(format!(
            "the Authorization `{name}` is of type {}, not database",
            other.type_name()
        ))),
        None => Err(CommandError::new(format!("there is no Authorization `{name}`"))
            .hint("begin with `raccord new authorization NAME --type database`, or write --from '${env:DATABASE_URL}'")),
    }
}

/// The tables that are meant, of those that are there: all but partitions, which their tables have, or those that are named.
pub(super) fn found(
    desired: Option<&Desired>,
    (named, schema): (&Named, &str),
    wanted: &[String],
) -> Result<Vec<ExistingTable>, CommandError> {
    let root = desired.map(|desired| desired.root.as_str()).filter(|root| !root.is_empty());
    let environment: Arc<dyn Environment> = Arc::new(session::system()?);
    let place = match named {
        Named::Server(Engine::Mysql, database, _) => Place::Mysql(database),
        Named::Server(_, authorization, _) => Place::Postgres { authorization, schema },
        Named::File(path) => Place::Sqlite(path),
    };
    let looked = existing_tables(&environment, place, Path::new(root.unwrap_or(".")));
    let tables = session::runtime()?.block_on(looked).map_err(|error| CommandError::of(&error))?;
    let missing = wanted.iter().find(|name| !tables.iter().any(|table| table.name == **name));
    if let Some(missing) = missing {
        return Err(CommandError::new(format!("{} has no table `{missing}`", shown(named, schema))));
    }
    let is_wanted = |table: &ExistingTable| {
        if wanted.is_empty() { table.partition_of.is_none() } else { wanted.contains(&table.name) }
    };
    Ok(tables.into_iter().filter(is_wanted).collect())
}

/// A database in words.
pub(super) fn shown(named: &Named, schema: &str) -> String {
    match named {
        Named::Server(Engine::Mysql, ..) => "the database".to_owned(),
        Named::Server(..) => format!("the schema `{schema}`"),
        Named::File(path) => format!("the file {path}"),
    }
}
