//! `raccord new source`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use raccord_connect::complete_file;
use raccord_model::existing::ExistingTable;
use raccord_model::foreign;
use raccord_model::language::authorization::NoAuthorization;
use raccord_model::language::connector::file::RemotePath;
use raccord_model::language::connector::{
    FileDataType, FileSettings, HttpDataType, HttpSettings, MysqlTables, PostgresTables, SqliteTables,
    TableDataType, TableIncremental,
};
use raccord_model::language::store::DEFAULT_SCHEMA;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, ConnectorSettings, SourceSpec};
use raccord_model::{DataTypeName, Desired, Key, Kind, Name, Spec};

use super::tables::{self, Engine, Named};
use super::{directory, existing, must_be_free, write};
use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Write a Source of files, of a REST service or of the tables of a database
///
/// Of a database each table with a primary key becomes a data type. Where a column with an index is called like the time of the last
/// change, only what has changed is asked for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord new source files --path people.csv\n  \
    raccord new source erp --from warehouse --table customers,orders\n  \
    raccord new source shop --from '${env:SHOP_URL}' --connector mysql\n  \
    raccord new source boutique --url https://boutique.example/api --data-type customers --authorization boutique")]
pub(crate) struct SourceArgs {
    /// Its name
    name: Name,
    /// Files: a path or a glob, here, in a bucket (s3://…, gs://…, az://…) or on a server (sftp://…)
    #[arg(long, required_unless_present_any = ["url", "from"], conflicts_with_all = ["url", "from"])]
    path: Option<String>,
    /// A REST service: its base URL
    #[arg(long, conflicts_with = "from")]
    url: Option<String>,
    /// Tables: an Authorization of type database, a reference to the URL of one, or a file of SQLite
    #[arg(long, value_name = "AUTHORIZATION_URL_OR_FILE", conflicts_with_all = ["authorization", "data_type"])]
    from: Option<String>,
    /// Which database it is [default: sqlite for a file, and postgres]
    #[arg(long, requires = "from")]
    connector: Option<Engine>,
    /// The schema whose tables are meant, of PostgreSQL
    #[arg(long, requires = "from", default_value = DEFAULT_SCHEMA)]
    schema: String,
    /// These tables alone; can be repeated, or have commas between
    #[arg(long = "table", value_name = "TABLE", value_delimiter = ',', requires = "from")]
    tables: Vec<String>,
    /// The first data type [default: the name of the file]
    #[arg(long, required_unless_present_any = ["path", "from"])]
    data_type: Option<DataTypeName>,
    /// The name of an Authorization
    #[arg(long)]
    authorization: Option<Name>,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &SourceArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?;
    must_be_free(desired.as_ref(), &Key::new(Kind::Source, args.name.clone()))?;
    let (settings, authorization) = match (&args.path, &args.url, &args.from) {
        (Some(path), ..) => {
            let authorization = args.authorization.clone().map(ByNameOrInline::ByName);
            (files(ui, &directory(global), path, &data_type(args)?)?, authorization)
        }
        (None, Some(url), _) => {
            let none = ByNameOrInline::Inline(AuthorizationSpec::None(NoAuthorization::default()));
            let authorization = args.authorization.clone().map_or(none, ByNameOrInline::ByName);
            (service(url, &data_type(args)?)?, Some(authorization))
        }
        (None, None, Some(from)) => database(*ui, desired.as_ref(), from, args)?,
        (None, None, None) => {
            let message = "name files with --path, a service with --url, or a database with --from";
            return Err(CommandError::usage(message));
        }
    };
    let spec = SourceSpec { settings, authorization, webhook: None, protect: false };
    write(ui, global, &format!("source-{}", args.name), vec![(args.name.clone(), Spec::Source(spec))])?;
    ui.note(&format!("next: raccord discover {}", args.name));
    Ok(())
}

fn data_type(args: &SourceArgs) -> Result<DataTypeName, CommandError> {
    if let Some(data_type) = &args.data_type {
        return Ok(data_type.clone());
    }
    let path = args.path.as_deref().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split('.').next().unwrap_or(file);
    stem.parse()
        .map_err(|_| CommandError::usage(format!("`{stem}` is no data type: name one with --data-type")))
}

/// The settings that read files, completed by what the first of them shows.
fn files(
    ui: &Ui,
    directory: &Path,
    path: &str,
    data_type: &DataTypeName,
) -> Result<ConnectorSettings, CommandError> {
    let mut file: FileDataType = from_json(serde_json::json!({ "path": path }))?;
    let root = std::path::absolute(directory)?;
    // Files may come later than the YAML that reads them.
    let is_here = matches!(RemotePath::of(path), Ok(None));
    if is_here && let Err(error) = complete_file(&root, &mut file) {
        ui.note(&format!("nothing is known of the files yet: {error}"));
    }
    Ok(FileSettings { data_types: BTreeMap::from([(data_type.clone(), file)]) }.into())
}

fn service(url: &str, data_type: &DataTypeName) -> Result<ConnectorSettings, CommandError> {
    let mut settings: HttpSettings = from_json(serde_json::json!({ "baseUrl": url, "dataTypes": {} }))?;
    settings.data_types.insert(data_type.clone(), HttpDataType::default());
    Ok(settings.into())
}

/// How a source of tables is set up: its settings, and its Authorization.
type Tables = (ConnectorSettings, Option<ByNameOrInline<AuthorizationSpec>>);

/// The settings that read the tables of a database.
fn database(
    ui: Ui,
    desired: Option<&Desired>,
    from: &str,
    args: &SourceArgs,
) -> Result<Tables, CommandError> {
    let named = tables::named(desired, from, args.connector)?;
    let found = tables::found(desired, (&named, &args.schema), &args.tables)?;
    let data_types: BTreeMap<_, _> = found.iter().filter_map(|table| table_of(ui, table)).collect();
    if data_types.is_empty() {
        let place = tables::shown(&named, &args.schema);
        return Err(CommandError::new(format!(
            "{place} has no table that can be read, and nothing was written"
        )));
    }
    Ok(match named {
        Named::Server(Engine::Mysql, _, authorization) => {
            (MysqlTables { data_types }.into(), Some(authorization))
        }
        Named::Server(_, _, authorization) => {
            let schema = (args.schema != DEFAULT_SCHEMA).then(|| args.schema.clone());
            (PostgresTables { schema, data_types }.into(), Some(authorization))
        }
        Named::File(path) => (SqliteTables { path, data_types }.into(), None),
    })
}

/// A table as a data type; what is left out is told.
fn table_of(ui: Ui, table: &ExistingTable) -> Option<(DataTypeName, TableDataType)> {
    let shown = foreign::line(&table.name);
    if table.key.is_empty() {
        ui.note(&format!("left out: the table `{shown}`; it has no primary key: add it with a `key`"));
        return None;
    }
    let Ok(name) = table.name.parse::<DataTypeName>() else {
        ui.note(&format!(
            "left out: the table `{shown}`; no data type can be called like it: add it with `table`"
        ));
        return None;
    };
    let incremental = table.cursor().map(|field| {
        ui.note(&format!(
            "`{shown}` is read by what has changed since, by its column `{}`",
            foreign::line(field)
        ));
        TableIncremental::by(field)
    });
    Some((name, TableDataType { incremental, ..TableDataType::default() }))
}

/// Settings with everything else at its default, as the language itself reads them.
fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, CommandError> {
    serde_json::from_value(value).map_err(|error| CommandError::of(&error))
}
