//! `raccord connectors MANIFEST`: what a manifest gives and asks for.

use std::path::Path;

use raccord_manifest::spec::{Setting, SettingKind, Specification, data_types};
use raccord_model::language::connector::manifest::data_type_name;
use serde_json::{Value, json};

use super::{About, files};
use crate::error::CommandError;
use crate::style::{BOLD, DIM, YELLOW};
use crate::ui::Ui;

/// Tells the data types and the settings of a manifest.
pub(crate) fn describe(ui: &Ui, path: &Path, as_json: bool) -> Result<(), CommandError> {
    let manifest = files::manifest(path)?;
    let specification = Specification::of(&manifest).map_err(|problem| CommandError::of(&problem))?;
    let (types, settings, about) = (data_types(&manifest), specification.settings(), About::of(&manifest));
    if as_json {
        let types: Vec<Value> = types
            .iter()
            .map(|it| {
                json!({
                    "name": it.name,
                    "primaryKey": it.primary_key,
                    "cursorField": it.cursor_field,
                    "updates": about.updates(it),
                    "deletedField": about.deleted_by(it),
                })
            })
            .collect();
        return ui.json(&json!({
            "title": about.title,
            "proof": about.proof,
            "provenBy": about.proven_by,
            "documentation": specification.documentation(),
            "dataTypes": types,
            "configSchema": **specification.schema(),
        }));
    }
    let mut text = String::new();
    if let Some(title) = &about.title {
        text.push_str(&format!("{BOLD}{title}{BOLD:#}\n"));
    }
    if let Some(proof) = about.proof_in_words() {
        text.push_str(&format!("{BOLD}proof{BOLD:#}  {DIM}{proof}{DIM:#}\n"));
    }
    text.push_str(&format!("{BOLD}data types{BOLD:#}\n"));
    for it in &types {
        let key = if it.primary_key.is_empty() { "none".to_owned() } else { it.primary_key.join(", ") };
        let how = about.ways(it);
        let name = data_type_name(&it.name).map_or_else(|| it.name.clone(), |name| name.to_string());
        let own = if name == it.name { String::new() } else { format!("`{}` in the manifest; ", it.name) };
        text.push_str(&format!("  {name}  {DIM}{own}key {key}; {how}{DIM:#}\n"));
    }
    text.push_str(&format!("{BOLD}config{BOLD:#}\n"));
    for setting in &settings {
        list(setting, 1, &mut text);
    }
    if let Some(address) = specification.documentation() {
        text.push_str(&format!("{DIM}{address}{DIM:#}\n"));
    }
    Ok(ui.print(&text)?)
}

fn list(setting: &Setting, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let secret = if setting.secret { ", secret" } else { "" };
    let required = if setting.required { "required" } else { "optional" };
    let default = setting.default.as_ref().map(|value| format!(", default {value}")).unwrap_or_default();
    let about = setting.title.as_ref().or(setting.description.as_ref());
    let about = about.map(|about| format!("  {DIM}{about}{DIM:#}")).unwrap_or_default();
    let kind = kind(&setting.kind);
    text.push_str(&format!(
        "{indent}{}: {YELLOW}{kind}, {required}{secret}{default}{YELLOW:#}{about}\n",
        setting.name
    ));
    match &setting.kind {
        SettingKind::Object(settings) => settings.iter().for_each(|inner| list(inner, depth + 1, text)),
        SettingKind::OneOf(groups) => {
            for group in groups {
                text.push_str(&format!("{indent}  either {}\n", group.title.as_deref().unwrap_or("this")));
                group.settings.iter().for_each(|inner| list(inner, depth + 2, text));
            }
        }
        SettingKind::Text(_)
        | SettingKind::Integer
        | SettingKind::Number
        | SettingKind::Boolean
        | SettingKind::List(_)
        | SettingKind::Any => {}
    }
}

fn kind(kind: &SettingKind) -> String {
    match kind {
        SettingKind::Text(None) => "text".to_owned(),
        SettingKind::Text(Some(format)) => format.clone(),
        SettingKind::Integer => "integer".to_owned(),
        SettingKind::Number => "number".to_owned(),
        SettingKind::Boolean => "boolean".to_owned(),
        SettingKind::List(_) => "list".to_owned(),
        SettingKind::Object(_) => "map".to_owned(),
        SettingKind::OneOf(_) => "one of several maps".to_owned(),
        SettingKind::Any => "any value".to_owned(),
    }
}
