//! `raccord connectors`.

use std::path::PathBuf;

use clap::Args;
use raccord_model::language::connector::catalogue;

use super::connector::describe;
use crate::error::CommandError;
use crate::render::table::{ListForm, Table};
use crate::ui::Ui;

/// List the connectors that a Source can name, or describe the one that a manifest is
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord connectors\n  raccord connectors connectors/shop.yaml")]
pub(crate) struct ConnectorsArgs {
    /// A manifest, of which the data types and the settings are told
    manifest: Option<PathBuf>,
    #[command(flatten)]
    output: ListForm,
}

pub(crate) fn connectors(ui: &Ui, args: &ConnectorsArgs) -> Result<(), CommandError> {
    if let Some(path) = &args.manifest {
        return describe(ui, path, !args.output.is_text());
    }
    let mut table = Table::new(["connector", "reads", "features", "authorization"]);
    let mut entries = Vec::new();
    for info in catalogue() {
        let authorization = if info.needs_authorization { "required" } else { "none" };
        table.row([
            info.name.to_owned(),
            info.title.to_owned(),
            info.features.join(", "),
            authorization.to_owned(),
        ]);
        entries.push(serde_json::json!({
            "name": info.name,
            "title": info.title,
            "features": info.features,
            "needsAuthorization": info.needs_authorization,
        }));
    }
    ui.list(&table, args.output, &entries)
}
