//! `raccord connectors`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use raccord_manifest::load::load;
use raccord_manifest::spec::{DataType, data_types};
use raccord_model::language::connector::catalogue;
use raccord_model::language::connector::manifest::LISTED;

use super::connector::{About, describe};
use crate::error::CommandError;
use crate::feature;
use crate::render::count;
use crate::render::table::{ListForm, Table};
use crate::ui::Ui;

/// List the connectors that a Source can name, or describe the one that a manifest is
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord connectors\n  raccord connectors stripe\n  \
    raccord connectors connectors/shop.yaml")]
pub(crate) struct ConnectorsArgs {
    /// A manifest, of which the data types and the settings are told: its name in the catalogue, or a file
    manifest: Option<PathBuf>,
    #[command(flatten)]
    output: ListForm,
}

pub(crate) fn connectors(ui: &Ui, args: &ConnectorsArgs) -> Result<(), CommandError> {
    if let Some(path) = &args.manifest {
        return describe(ui, path, !args.output.is_text());
    }
    let mut table = Table::new(["connector", "reads", "features", "authorization", "proof"]);
    let mut entries = Vec::new();
    for info in catalogue() {
        let authorization = if info.needs_authorization { "required" } else { "none" };
        let lacks = feature::lacking(info.name);
        let mut features = info.features.join(", ");
        if !lacks.is_empty() {
            let names: Vec<String> = lacks.iter().map(|name| format!("`{name}`")).collect();
            features.push_str(&format!("; this binary was built without {}", names.join(", ")));
        }
        table.row([
            info.name.to_owned(),
            info.title.to_owned(),
            features,
            authorization.to_owned(),
            String::new(),
        ]);
        let mut entry = serde_json::json!({
            "name": info.name,
            "title": info.title,
            "features": info.features,
            "needsAuthorization": info.needs_authorization,
        });
        if let (false, Some(entry)) = (lacks.is_empty(), entry.as_object_mut()) {
            // The cargo features that this binary was built without.
            entry.insert("lacks".to_owned(), serde_json::json!(lacks));
        }
        entries.push(entry);
    }
    for entry in LISTED {
        let manifest = load(entry.text).map_err(|problem| CommandError::of(&problem))?;
        let (about, types) = (About::of(&manifest), data_types(&manifest));
        let title = about.title.as_deref().unwrap_or(entry.name);
        let features = features(&about, &types);
        let authorization = "in its config".to_owned();
        let proof = about.proof.clone().unwrap_or_default();
        table.row([entry.name.to_owned(), title.to_owned(), features.join(", "), authorization, proof]);
        entries.push(serde_json::json!({
            "name": entry.name,
            "title": title,
            "features": features,
            "needsAuthorization": false,
            "proof": about.proof,
        }));
    }
    ui.list(&table, args.output, &entries)
}

/// What a manifest of the catalogue can do: the update types, and how many data types there are.
fn features(about: &About, types: &[DataType]) -> Vec<String> {
    let incremental = types.iter().filter(|it| it.cursor_field.is_some()).count();
    let updates: BTreeSet<_> = types.iter().flat_map(|it| about.updates(it)).collect();
    let updates = updates.into_iter().map(|update| update.as_str().to_owned());
    let types = format!("{} ({incremental} incremental)", count(types.len(), "data type"));
    updates.chain([types]).collect()
}
