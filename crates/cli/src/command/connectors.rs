//! `raccord connectors`.

use clap::Args;
use raccord_model::language::connector::catalogue;

use crate::error::CommandError;
use crate::render::table::{ListForm, Table};
use crate::ui::Ui;

/// List the connectors that a Source can name
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord connectors")]
pub(crate) struct ConnectorsArgs {
    #[command(flatten)]
    output: ListForm,
}

pub(crate) fn connectors(ui: &Ui, args: &ConnectorsArgs) -> Result<(), CommandError> {
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
