//! `raccord schema`, and the line by which an editor finds it.

mod editor;

use std::path::Path;

use clap::Args;
use raccord_model::Kind;
use raccord_model::language::{
    AlertSpec, AuthorizationSpec, Document, IntegrationSpec, MappingSpec, ProjectSpec, SourceSpec, StackSpec,
    SubscriptionSpec, TransferSpec,
};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::error::CommandError;
use crate::render;
use crate::session::write_file;
use crate::ui::Ui;

/// Print the JSON Schema of a kind, or of any document
///
/// Editors that speak yaml-language-server complete and check with it; the same files are in `schemas/`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord schema transfer > transfer.schema.json\n  raccord schema --openapi > openapi.json"
)]
pub(crate) struct SchemaArgs {
    /// Which kind [default: any]
    kind: Option<Kind>,
    /// The OpenAPI document of the HTTP API instead
    #[arg(long, conflicts_with = "kind")]
    openapi: bool,
}

pub(crate) fn schema(ui: &Ui, args: &SchemaArgs) -> Result<(), CommandError> {
    if args.openapi {
        return Ok(ui.data(&raccord_serve::http::openapi::text())?);
    }
    Ok(ui.data(&text(args.kind)?)?)
}

/// The schema of a kind, or of any document, as it stands in a file.
fn text(kind: Option<Kind>) -> Result<String, CommandError> {
    let mut schema = kind.map_or_else(any, of_kind).to_value();
    editor::rewrite(&mut schema);
    if let (None, Some(definitions)) = (kind, schema["$defs"].as_object().cloned()) {
        editor::hover(&mut schema, &definitions);
    }
    // A schema, other than a value, is written in the order in which people read it.
    let schema = Schema::try_from(schema).map_err(|error| CommandError::of(&error))?;
    Ok(format!("{}\n", render::json(&schema)?))
}

/// The name of the schema that lies beside the YAML.
const FILE: &str = "raccord.schema.json";

/// How many directories above one are looked into for the schema.
const LEVELS: usize = 8;

/// The comment by which an editor finds the schema of the files in a directory. The schema is written there, unless it
/// lies there or above already.
pub(crate) fn modeline(ui: &Ui, directory: &Path) -> Result<String, CommandError> {
    let absolute = std::path::absolute(directory)?;
    let above = absolute.ancestors().take(LEVELS).position(|directory| directory.join(FILE).is_file());
    if above.is_none() {
        let path = directory.join(FILE);
        write_file(&path, text(None)?.as_bytes())?;
        ui.line(&format!("wrote {}", path.strip_prefix(".").unwrap_or(&path).display()))?;
    }
    let up = "../".repeat(above.unwrap_or_default());
    Ok(format!("# yaml-language-server: $schema={up}{FILE}\n"))
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
    let summary = summary(kind);
    schema.insert("title".to_owned(), kind.as_str().into());
    schema.insert("description".to_owned(), summary.clone());
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("kind".to_owned(), json!({ "const": kind.as_str(), "description": summary }));
        if let Some(spec) = properties.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("description");
        }
    }
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        definitions.remove("Kind");
        for (name, definition) in definitions.iter_mut() {
            // What the loader itself must know is never a variable.
            if !matches!(name.as_str(), "ApiVersion" | "SecretRef" | "Metadata") {
                admit_variables(definition);
            }
        }
        definitions.insert("Variable".to_owned(), variable());
    }
    schema
}

/// What a kind is for, in one sentence: the comment on its variant.
fn summary(kind: Kind) -> Value {
    let kinds = schemars::schema_for!(Kind);
    let cases = kinds.get("oneOf").and_then(Value::as_array);
    let case = cases.and_then(|cases| cases.iter().find(|case| case["const"] == kind.as_str()));
    case.map_or(Value::Null, |case| case["description"].clone())
}

/// A text in which a variable stands.
const VARIABLE: &str = r"\$\{var:[A-Za-z_][A-Za-z0-9_]*\}";

fn variable() -> Value {
    json!({
        "description": "The value of a variable of the Stack or of `--var`.",
        "type": "string",
        "pattern": VARIABLE,
    })
}

/// Lets `${var:NAME}` stand wherever the loader takes it, which is for every scalar that is not a secret; and a
/// number or a boolean stand where a free text is wanted, for the loader takes them as they are written.
fn admit_variables(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    for (keyword, inner) in members.iter_mut() {
        match (keyword.as_str(), inner) {
            ("properties" | "patternProperties", Value::Object(inner)) => {
                inner.values_mut().for_each(admit_variables);
            }
            ("anyOf" | "oneOf", Value::Array(inner)) => inner.iter_mut().for_each(admit_variables),
            ("items" | "additionalProperties", inner) => admit_variables(inner),
            _ => {}
        }
    }
    // The defaults of the members say it better.
    if members.get("default").is_some_and(|default| *default == json!({})) {
        members.remove("default");
    }
    if is_choice(members) {
        if let Some(Value::Array(cases)) = members.get_mut("oneOf") {
            cases.push(json!({ "$ref": "#/$defs/Variable" }));
        }
        return;
    }
    let is_optional = members.get("type").is_some_and(Value::is_array);
    let kind = members.get("type").map(|kind| kind.get(0).unwrap_or(kind).clone());
    match kind.as_ref().and_then(Value::as_str) {
        Some("string") if members.contains_key("const") => {}
        Some("string") => admit_in_text(members, is_optional),
        Some("integer" | "boolean") => admit_beside(members),
        _ => {}
    }
}

/// Whether the schema is an enumeration of texts, each with its description.
fn is_choice(members: &Map<String, Value>) -> bool {
    let cases = members.get("oneOf").and_then(Value::as_array);
    cases.is_some_and(|cases| cases.iter().all(|case| case["const"].is_string()))
}

fn admit_in_text(members: &mut Map<String, Value>, is_optional: bool) {
    if members.contains_key("format") {
        admit_beside(members);
    } else if let Some(Value::String(pattern)) = members.get_mut("pattern") {
        *pattern = format!("{pattern}|{VARIABLE}");
    } else {
        let types = ["string", "number", "boolean"].into_iter().chain(is_optional.then_some("null"));
        members.insert("type".to_owned(), types.collect());
    }
}

/// Puts what constrains the value beside a variable, and leaves above both what explains it.
fn admit_beside(members: &mut Map<String, Value>) {
    let mut typed = std::mem::take(members);
    for explanation in ["description", "default"] {
        members.extend(typed.remove(explanation).map(|value| (explanation.to_owned(), value)));
    }
    members.insert("anyOf".to_owned(), json!([typed, { "$ref": "#/$defs/Variable" }]));
}

/// Any document: the schema of its kind.
fn any() -> Schema {
    let mut definitions = Map::new();
    let mut cases = Vec::new();
    for kind in Kind::ALL {
        let mut schema = of_kind(kind);
        if let Some(Value::Object(inner)) = schema.remove("$defs") {
            definitions.extend(inner);
        }
        schema.remove("$schema");
        cases.push(json!({
            "if": { "properties": { "kind": { "const": kind.as_str() } }, "required": ["kind"] },
            "then": schema,
        }));
    }
    schemars::json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Raccord document",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": { "$ref": "#/$defs/ApiVersion" },
            "kind": {
                "description": "Which of the nine kinds.",
                "oneOf": Kind::ALL.map(|kind| json!({ "const": kind.as_str(), "description": summary(kind) })),
            },
        },
        "allOf": cases,
        "$defs": definitions,
    })
}
