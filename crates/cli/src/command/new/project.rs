//! `raccord new project`: a Project from the tables of a database.

use std::collections::BTreeMap;

use clap::Args;
use raccord_model::existing::ExistingTable;
use raccord_model::foreign;
use raccord_model::language::project::EntityKey;
use raccord_model::language::store::{DEFAULT_SCHEMA, StoreType, snake_case};
use raccord_model::language::{Entity, Field, ProjectSpec, Store};
use raccord_model::{Ident, Key, Kind, Name, Spec};
use raccord_serve::proposal::free_ident;

use super::tables::{self, Engine, Named};
use super::{existing, must_be_free, write};
use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Write a Project whose entities are the tables of a database
///
/// Keys, types, what is required and what is unique are those of the tables, which keep their names. What no field can stand for
/// is left out and told. Nothing in the database is changed. The rows are kept in these tables of PostgreSQL or SQLite; in MySQL and
/// MariaDB none are kept, and the entities that are like their tables have the embedded store.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord new project crm --from warehouse\n  \
                        raccord new project crm --from '${env:DATABASE_URL}' --schema crm\n  \
                        raccord new project crm --from data/crm.db\n  \
                        raccord new project shop --from shop --connector mysql")]
pub(crate) struct ProjectArgs {
    /// Its name
    name: Name,
    /// An Authorization of type database, a reference to the URL of one, or a file of SQLite
    #[arg(long, value_name = "AUTHORIZATION_URL_OR_FILE")]
    from: String,
    /// Which database it is [default: sqlite for a file, and postgres]
    #[arg(long)]
    connector: Option<Engine>,
    /// The schema whose tables are meant, of PostgreSQL
    #[arg(long, default_value = DEFAULT_SCHEMA)]
    schema: String,
    /// These tables alone; can be repeated, or have commas between
    #[arg(long = "table", value_name = "TABLE", value_delimiter = ',')]
    tables: Vec<String>,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &ProjectArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?;
    must_be_free(desired.as_ref(), &Key::new(Kind::Project, args.name.clone()))?;
    let named = tables::named(desired.as_ref(), &args.from, args.connector)?;
    let wanted = tables::found(desired.as_ref(), (&named, &args.schema), &args.tables)?;
    let mut entities = BTreeMap::new();
    for table in &wanted {
        if let Some((name, entity)) = entity(*ui, table, &entities) {
            entities.insert(name, entity);
        }
    }
    if entities.is_empty() {
        let place = tables::shown(&named, &args.schema);
        let message = format!("{place} has no table that an entity could stand for, and nothing was written");
        return Err(CommandError::new(message));
    }
    let store = store(named, &args.schema);
    if store.is_embedded() {
        // There are no tables of ours to have other names.
        for entity in entities.values_mut() {
            entity.table = None;
            entity.fields.values_mut().for_each(|field| field.column = None);
        }
    }
    let count = entities.len();
    let spec = ProjectSpec { entities, store, protect: false };
    write(ui, global, &format!("project-{}", args.name), vec![(args.name.clone(), Spec::Project(spec))])?;
    ui.note(&format!(
        "{count} entities; next: raccord new transfer NAME --source SOURCE --to {}.ENTITY",
        args.name
    ));
    Ok(())
}

/// Where the rows are kept that go into these entities.
fn store(named: Named, schema: &str) -> Store {
    match named {
        Named::Server(Engine::Mysql, ..) => Store::default(),
        Named::Server(_, _, authorization) => Store {
            store_type: StoreType::Postgres,
            authorization: Some(authorization),
            schema: (schema != DEFAULT_SCHEMA).then(|| schema.to_owned()),
            ..Store::default()
        },
        Named::File(path) => Store { store_type: StoreType::Sqlite, path: Some(path), ..Store::default() },
    }
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
