//! `raccord new project`: a Project from the tables of a database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use raccord_model::foreign;
use raccord_model::language::authorization::Database;
use raccord_model::language::project::EntityKey;
use raccord_model::language::store::{DEFAULT_SCHEMA, StoreType, snake_case};
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, Entity, Field, ProjectSpec, Store};
use raccord_model::port::environment::Environment;
use raccord_model::secret::SecretRef;
use raccord_model::{Desired, Ident, Key, Kind, Name, Spec};
use raccord_serve::proposal::free_ident;

use super::{existing, must_be_free, write};
use crate::databases::{ExistingTable, existing_tables};
use crate::error::CommandError;
use crate::options::Global;
use crate::session;
use crate::ui::Ui;

/// Write a Project whose entities are the tables of a database
///
/// Keys, types, what is required and what is unique are those of the tables, which keep their names. What no field can stand for
/// is left out and told. Nothing in the database is changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord new project crm --from warehouse\n  \
                        raccord new project crm --from '${env:DATABASE_URL}' --schema crm")]
pub(crate) struct ProjectArgs {
    /// Its name
    name: Name,
    /// An Authorization of type database, or a reference to the URL of a PostgreSQL database
    #[arg(long, value_name = "AUTHORIZATION_OR_URL")]
    from: String,
    /// The schema whose tables are meant
    #[arg(long, default_value = DEFAULT_SCHEMA)]
    schema: String,
    /// These tables alone; can be repeated, or have commas between
    #[arg(long = "table", value_name = "TABLE", value_delimiter = ',')]
    tables: Vec<String>,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &ProjectArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?;
    must_be_free(desired.as_ref(), &Key::new(Kind::Project, args.name.clone()))?;
    let (database, authorization) = database(desired.as_ref(), &args.from)?;
    let root = desired.as_ref().map(|desired| desired.root.as_str()).filter(|root| !root.is_empty());
    let environment: Arc<dyn Environment> = Arc::new(session::system()?);
    let looked = existing_tables(&environment, (&database, &args.schema), Path::new(root.unwrap_or(".")));
    let found = session::runtime()?.block_on(looked).map_err(|error| CommandError::of(&error))?;
    let wanted = wanted(found, args)?;
    let mut entities = BTreeMap::new();
    for table in &wanted {
        if let Some((name, entity)) = entity(*ui, table, &entities) {
            entities.insert(name, entity);
        }
    }
    if entities.is_empty() {
        return Err(CommandError::new(format!(
            "the schema `{}` has no table that an entity could stand for, and nothing was written",
            args.schema
        )));
    }
    let schema = (args.schema != DEFAULT_SCHEMA).then(|| args.schema.clone());
    let store = Store {
        store_type: StoreType::Postgres,
        authorization: Some(authorization),
        schema,
        ..Store::default()
    };
    let count = entities.len();
    let spec = ProjectSpec { entities, store, protect: false };
    write(ui, global, &format!("project-{}", args.name), vec![(args.name.clone(), Spec::Project(spec))])?;
    ui.note(&format!(
        "{count} entities; next: raccord new transfer NAME --source SOURCE --to {}.ENTITY",
        args.name
    ));
    Ok(())
}

/// The database that is meant, and how the Project names it.
fn database(
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
            .hint("begin with `raccord new authorization NAME --form database`, or write --from '${env:DATABASE_URL}'")),
    }
}

/// The tables that are meant, of those that are there.
fn wanted(found: Vec<ExistingTable>, args: &ProjectArgs) -> Result<Vec<ExistingTable>, CommandError> {
    let missing = args.tables.iter().find(|name| !found.iter().any(|table| table.name == **name));
    if let Some(missing) = missing {
        return Err(CommandError::new(format!("the schema `{}` has no table `{missing}`", args.schema)));
    }
    let is_wanted = |table: &ExistingTable| args.tables.is_empty() || args.tables.contains(&table.name);
    Ok(found.into_iter().filter(is_wanted).collect())
}

/// The entity that a table could stand for; what is left out is told.
fn entity(ui: Ui, table: &ExistingTable, taken: &BTreeMap<Ident, Entity>) -> Option<(Ident, Entity)> {
    let shown = foreign::line(&table.name);
    let left_out = |why: &str| ui.note(&format!("left out: the table `{shown}`; {why}"));
    if table.key.is_empty() {
        left_out("it has no primary key");
        return None;
    }
    let Some(name) = free_ident(&table.name, taken) else {
        left_out("no entity can be called like it");
        return None;
    };
    let mut entity = Entity::keyed(EntityKey(Vec::new()));
    let mut names: BTreeMap<&str, Ident> = BTreeMap::new();
    for column in &table.columns {
        let Some(field) = free_ident(&column.name, &entity.fields) else { continue };
        let is_usual = snake_case(field.as_str()) == column.name;
        let kept = Field { column: (!is_usual).then(|| column.name.clone()), ..column.field.clone() };
        names.insert(&column.name, field.clone());
        entity.fields.insert(field, kept);
    }
    let key: Option<Vec<Ident>> =
        table.key.iter().map(|column| names.get(column.as_str()).cloned()).collect();
    let Some(key) = key else {
        left_out("no field can stand for a column of its primary key");
        return None;
    };
    for (column, why) in &table.left_out {
        ui.note(&format!("left out: the column `{}` of `{shown}`; {why}", foreign::line(column)));
    }
    entity.key = EntityKey(key);
    entity.table = (snake_case(name.as_str()) != table.name).then(|| table.name.clone());
    Some((name, entity))
}
