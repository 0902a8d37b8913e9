//! `raccord new`: writes YAML that validates, from what is there and what a source shows.

mod authorization;
mod declared;
mod integration;
mod project;
mod source;
mod tables;
mod transfer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Key, Name, Resource, Spec};

use super::schema;
use crate::configuration;
use crate::error::CommandError;
use crate::options::Global;
use crate::session::write_file;
use crate::ui::Ui;

/// Write a new resource as YAML that validates
#[derive(Debug, Subcommand)]
pub(crate) enum NewVerb {
    Authorization(authorization::AuthorizationArgs),
    Project(project::ProjectArgs),
    Source(source::SourceArgs),
    Transfer(transfer::TransferArgs),
    Integration(integration::IntegrationArgs),
}

pub(crate) fn new(ui: &Ui, global: &Global, verb: &NewVerb) -> Result<(), CommandError> {
    match verb {
        NewVerb::Authorization(args) => authorization::new(ui, global, args),
        NewVerb::Project(args) => project::new(ui, global, args),
        NewVerb::Source(args) => source::new(ui, global, args),
        NewVerb::Transfer(args) => transfer::new(ui, global, args),
        NewVerb::Integration(args) => integration::new(ui, global, args),
    }
}

/// The directory that new files go into: the first that was named, or the current one.
fn directory(global: &Global) -> PathBuf {
    global.files.iter().find(|path| path.is_dir()).cloned().unwrap_or_else(|| PathBuf::from("."))
}

/// What is there so far; a directory without a document is a good beginning.
fn existing(ui: &Ui, global: &Global) -> Result<Option<Desired>, CommandError> {
    let loaded = configuration::load(global)?;
    if loaded.documents == 0 { Ok(None) } else { configuration::desired(ui, global).map(Some) }
}

/// Writes resources into a file of their own, which must not be there, and validates the whole.
fn write(ui: &Ui, global: &Global, name: &str, resources: Vec<(Name, Spec)>) -> Result<(), CommandError> {
    let path = directory(global).join(format!("{name}.yaml"));
    if path.exists() {
        return Err(CommandError::new(format!(
            "{} is there already, and nothing was written",
            path.display()
        )));
    }
    let text = yaml(resources)?;
    let schema = schema::modeline(ui, &directory(global))?;
    write_file(&path, format!("{schema}{text}").as_bytes())?;
    if let Err(error) = configuration::desired(ui, global) {
        // Left there, it would fail whatever is typed next, the corrected line too.
        std::fs::remove_file(&path)?;
        return Err(error.hint(format!("{} is taken away again; nothing was written", shown(&path))));
    }
    ui.line(&format!("wrote {}", shown(&path)))?;
    Ok(())
}

/// Resources as YAML.
fn yaml(resources: Vec<(Name, Spec)>) -> Result<String, CommandError> {
    let mut desired =
        Desired { stack: Name::of_default_stack(), root: String::new(), resources: BTreeMap::new() };
    for (name, spec) in resources {
        let resource = Resource { labels: BTreeMap::new(), annotations: BTreeMap::new(), spec };
        let (_, digest) = resource.seal().map_err(|error| CommandError::of(&error))?;
        let key = Key::new(resource.spec.kind(), name);
        desired.resources.insert(key, Wanted { resource, digest, renamed_from: None });
    }
    Ok(raccord_config::to_yaml(&desired))
}

/// A path without the `./` that says nothing.
fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// Refuses a name that is taken.
fn must_be_free(desired: Option<&Desired>, key: &Key) -> Result<(), CommandError> {
    match desired.filter(|desired| desired.resources.contains_key(key)) {
        Some(_) => Err(CommandError::new(format!("{key} is there already"))),
        None => Ok(()),
    }
}
