//! `raccord schema`.

use clap::Args;
use raccord_model::Kind;
use raccord_model::language::{
    AlertSpec, AuthorizationSpec, Document, IntegrationSpec, MappingSpec, ProjectSpec, SourceSpec, StackSpec,
    SubscriptionSpec, TransferSpec,
};
use schemars::{JsonSchema, Schema};

use crate::error::CommandError;
use crate::render;
use crate::ui::Ui;

/// Print the JSON Schema of a kind, or of any document
///
/// Editors that speak yaml-language-server complete and check with it; the same files are in `schemas/`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord schema transfer > transfer.schema.json")]
pub(crate) struct SchemaArgs {
    /// Which kind [default: any]
    kind: Option<Kind>,
}

pub(crate) fn schema(ui: &Ui, args: &SchemaArgs) -> Result<(), CommandError> {
    let schema = match args.kind {
        Some(kind) => of_kind(kind),
        None => any(),
    };
    Ok(ui.line(&render::json(&schema)?)?)
}

fn of_kind(kind: Kind) -> Schema {
    match kind {
        Kind::Stack => document::<StackSpec>(kind),
        Kind::Project => document::<ProjectSpec>(kind),
        Kind::Authorization => document::<AuthorizationSpec>(kind),
        Kind::Source => document::<SourceSpec>(kind),
        Kind::Mapping => document::<MappingSpec>(kind),
        Kind::Transfer => document::<TransferSpec>(kind),
        Kind::Subscription => document::<SubscriptionSpec>(kind),
        Kind::Alert => document::<AlertSpec>(kind),
        Kind::Integration => document::<IntegrationSpec>(kind),
    }
}

fn document<S: JsonSchema>(kind: Kind) -> Schema {
    let mut schema = schemars::schema_for!(Document<S>);
    if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        properties.insert("kind".to_owned(), serde_json::json!({ "const": kind.as_str() }));
    }
    schema.insert("title".to_owned(), serde_json::Value::from(kind.as_str()));
    schema
}

/// Any document: the schema of its kind.
fn any() -> Schema {
    let mut definitions = serde_json::Map::new();
    let mut cases = Vec::new();
    for kind in Kind::ALL {
        let mut schema = of_kind(kind);
        if let Some(serde_json::Value::Object(inner)) = schema.remove("$defs") {
            definitions.extend(inner);
        }
        schema.remove("$schema");
        cases.push(serde_json::json!({
            "if": { "properties": { "kind": { "const": kind.as_str() } }, "required": ["kind"] },
            "then": schema,
        }));
    }
    schemars::json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Raccord document",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": { "kind": { "enum": Kind::ALL.map(Kind::as_str) } },
        "allOf": cases,
        "$defs": definitions,
    })
}
