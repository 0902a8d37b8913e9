//! `raccord new source`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use raccord_connect::complete_file;
use raccord_model::language::authorization::NoAuthorization;
use raccord_model::language::connector::file::RemotePath;
use raccord_model::language::connector::{FileDataType, FileSettings, HttpDataType, HttpSettings};
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, ConnectorSettings, SourceSpec};
use raccord_model::{DataTypeName, Key, Kind, Name, Spec};

use super::{directory, existing, must_be_free, write};
use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Write a Source of files or of a REST service
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord new source files --path people.csv\n  \
    raccord new source boutique --url https://boutique.example/api --data-type customers --authorization boutique")]
pub(crate) struct SourceArgs {
    /// Its name
    name: Name,
    /// Files: a path or a glob, here, in a bucket (s3://…, gs://…, az://…) or on a server (sftp://…)
    #[arg(long, required_unless_present = "url", conflicts_with = "url")]
    path: Option<String>,
    /// A REST service: its base URL
    #[arg(long)]
    url: Option<String>,
    /// The first data type [default: the name of the file]
    #[arg(long, required_unless_present = "path")]
    data_type: Option<DataTypeName>,
    /// The name of an Authorization
    #[arg(long)]
    authorization: Option<Name>,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &SourceArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?;
    must_be_free(desired.as_ref(), &Key::new(Kind::Source, args.name.clone()))?;
    let data_type = data_type(args)?;
    let (settings, authorization) = match (&args.path, &args.url) {
        (Some(path), _) => {
            let authorization = args.authorization.clone().map(ByNameOrInline::ByName);
            (files(ui, &directory(global), path, &data_type)?, authorization)
        }
        (None, Some(url)) => {
            let none = ByNameOrInline::Inline(AuthorizationSpec::None(NoAuthorization::default()));
            let authorization = args.authorization.clone().map_or(none, ByNameOrInline::ByName);
            (service(url, &data_type)?, Some(authorization))
        }
        (None, None) => return Err(CommandError::usage("name files with --path, or a service with --url")),
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

/// Settings with everything else at its default, as the language itself reads them.
fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, CommandError> {
    serde_json::from_value(value).map_err(|error| CommandError::of(&error))
}
