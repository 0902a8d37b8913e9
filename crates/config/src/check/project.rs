//! Projects: keys that can be keys, fields whose settings fit their type.

use std::collections::BTreeSet;

use raccord_compiler::mapping::check_default;
use raccord_model::Ident;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::{Entity, Field, FieldType, ProjectSpec};
use raccord_model::suggest;

/// What is wrong with a project.
pub(super) fn check(spec: &ProjectSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, entity) in &spec.entities {
        let entity_path = ["entities", name.as_str()];
        findings.extend(check_key(entity).into_iter().map(|finding| finding.under(&entity_path)));
        for (name, field) in &entity.fields {
            let path = ["entities", entity_path[1], "fields", name.as_str()];
            findings.extend(check_field(field).into_iter().map(|finding| finding.under(&path)));
        }
    }
    findings
}

fn check_key(entity: &Entity) -> Vec<Finding> {
    let names = &entity.key.0;
    if names.is_empty() {
        let message = "the key has no field";
        return vec![Finding::error(&["key"], Code::InvalidKey, message)];
    }
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let at = at.to_string();
        let path = if names.len() == 1 { vec!["key"] } else { vec!["key", at.as_str()] };
        let mut invalid = |message: String, help: Option<String>| {
            let finding = Finding::error(&path, Code::InvalidKey, message);
            findings.push(match help {
                Some(help) => finding.help(help),
                None => finding,
            });
        };
        if !seen.insert(name) {
            invalid(format!("the key names `{name}` twice"), None);
        }
        match entity.fields.get(name) {
            None => {
                let fields: Vec<&str> = entity.fields.keys().map(Ident::as_str).collect();
                let help = suggest::advice(name.as_str(), &fields, "the fields are");
                invalid(format!("the key names `{name}`, which is not a field of the entity"), help);
            }
            Some(field) if !field.field_type.can_be_key() => {
                let sort = field.field_type.as_str();
                let help =
                    "a key is made of text, integer, boolean, date, datetime, email, phone, url or choice";
                invalid(format!("`{name}` is of type {sort}, which cannot be a key"), Some(help.to_owned()));
            }
            Some(_) => {}
        }
    }
    findings
}

fn check_field(field: &Field) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sort = field.field_type.as_str();
    let has_options = matches!(field.field_type, FieldType::Choice | FieldType::Choices);
    if has_options && field.options.is_empty() {
        let message = format!("a field of type {sort} needs its options");
        let help = "write options: [a, b, c]";
        findings.push(Finding::error(&["options"], Code::ConflictingFields, message).help(help));
    }
    if !has_options && !field.options.is_empty() {
        let message = format!("options have no meaning for type {sort}");
        let help = "they belong to choice and choices";
        findings.push(Finding::error(&["options"], Code::ConflictingFields, message).help(help));
    }
    let is_text =
        matches!(field.field_type, FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url);
    match field.max_length {
        Some(_) if !is_text => {
            let message = format!("maxLength has no meaning for type {sort}");
            let help = "it belongs to text, email, phone and url";
            findings.push(Finding::error(&["maxLength"], Code::ConflictingFields, message).help(help));
        }
        Some(0) => {
            let message = "maxLength must be at least 1";
            findings.push(Finding::error(&["maxLength"], Code::InvalidValue, message));
        }
        Some(_) | None => {}
    }
    findings.extend(check_default(field));
    findings
}
