//! What can be said of a mapping before any record is seen, field by field. Builds nothing.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use raccord_model::Ident;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::{Entity, Field, FieldType, MappedField, Mode, OnEmpty, OnMissing};
use raccord_model::suggest;

use super::convert::{convert, shown};
use super::{Task, transform};
use crate::scalar::Scalar;
use crate::zone;

/// Whether the default of a field is a value of its type. The path of the finding is relative to the field.
pub fn check_default(field: &Field) -> Option<Finding> {
    let value = Scalar::from_value(field.default.as_ref()?);
    let error = convert(value.clone(), field, Some(&TimeZone::UTC)).err()?;
    Some(Finding::error(
        &["default"],
        Code::IncompatibleType,
        format!("the default {} {error}", shown(&value)),
    ))
}

/// That the primary key covers the entity's key exactly.
pub(super) fn primary_key(task: &Task<'_>, findings: &mut Vec<Finding>) {
    let mapped: BTreeSet<&Ident> = task.mapping.primary_key.keys().collect();
    let key: BTreeSet<&Ident> = task.entity.key.0.iter().collect();
    for missing in key.difference(&mapped) {
        findings.push(
            Finding::error(
                &["primaryKey"],
                Code::IncompleteKey,
                format!("the key field `{missing}` is not assigned"),
            )
            .help(format!("add `{missing}: THIRD_PARTY_FIELD` under primaryKey")),
        );
    }
    for extra in mapped.difference(&key) {
        findings.push(
            Finding::error(
                &["primaryKey", extra.as_str()],
                Code::IncompleteKey,
                format!("`{extra}` is not part of the entity's key ({})", list(key.iter().copied())),
            )
            .about_name()
            .help("assign it under `fields`"),
        );
    }
}

/// That every field exists and is assigned once, and that required ones are fed.
pub(super) fn fields(task: &Task<'_>, findings: &mut Vec<Finding>) {
    for name in task.mapping.fields.keys() {
        if !task.entity.fields.contains_key(name) {
            findings.push(unknown_field(name, task.entity));
        } else if task.entity.key.0.contains(name) {
            findings.push(
                Finding::error(
                    &["fields", name.as_str()],
                    Code::ConflictingFields,
                    format!("`{name}` is part of the entity's key"),
                )
                .about_name()
                .help("assign it under `primaryKey`"),
            );
        }
    }
    if task.mode == Mode::Enrich {
        return;
    }
    for (name, field) in &task.entity.fields {
        let fed = task.mapping.fields.contains_key(name) || task.entity.key.0.contains(name);
        if field.required && field.default.is_none() && !fed {
            findings.push(
                Finding::error(
                    &["fields"],
                    Code::RequiredField,
                    format!("the required field `{name}` is neither fed nor defaulted"),
                )
                .help(format!(
                    "add `{name}: THIRD_PARTY_FIELD` under fields, or a default to the entity's field"
                )),
            );
        }
    }
}

fn unknown_field(name: &Ident, entity: &Entity) -> Finding {
    let known: Vec<&str> = entity.fields.keys().map(Ident::as_str).collect();
    let help = suggest::advice(name.as_str(), &known, "its fields are");
    let finding = Finding::error(
        &["fields", name.as_str()],
        Code::UnknownEntityField,
        format!("the entity has no field `{name}`"),
    )
    .about_name();
    Finding { help, ..finding }
}

fn list<'a>(names: impl Iterator<Item = &'a Ident>) -> String {
    names.map(Ident::as_str).collect::<Vec<_>>().join(", ")
}

/// What one assignment must keep: exactly one origin, a policy and a zone that make sense, a possible type.
pub(super) fn assignment(
    mapped: &MappedField,
    field: &Field,
    path: &[&str],
    shape: transform::Shape,
    findings: &mut Vec<Finding>,
) {
    let at = |member: &str| path.iter().copied().chain([member]).map(str::to_owned).collect::<Vec<_>>();
    if let Some(from) = mapped.from.as_ref().map(ToString::to_string)
        && from.contains("{{")
    {
        let help = format!("write {}", from.replace(['{', '}'], "").trim());
        findings.push(
            Finding::error(&at("from"), Code::InvalidValue, "a path stands here without `{{ }}`").help(help),
        );
    }
    let origins = [mapped.from.is_some(), mapped.constant.is_some(), mapped.expr.is_some()]
        .into_iter()
        .filter(|x| *x)
        .count();
    if origins != 1 {
        findings.push(
            Finding::error(
                path,
                Code::ConflictingFields,
                "exactly one of `from`, `const` and `expr` says where the value comes from",
            )
            .help(
                "`from` is a third-party field, `const` a fixed value, `expr` an expression over the record",
            ),
        );
    }
    policies(mapped, field, path, findings);
    if let Some(name) = &mapped.timezone {
        if let Some(advice) = zone::advice(name) {
            let message = format!("there is no time zone `{name}`");
            findings.push(Finding::error(&at("timezone"), Code::InvalidValue, message).help(advice));
        }
        if field.field_type != FieldType::Datetime {
            findings.push(Finding::warning(
                &at("timezone"),
                Code::NoEffect,
                "only a datetime field has a time zone",
            ));
        }
    }
    let takes_list = matches!(field.field_type, FieldType::Choices | FieldType::Json);
    if shape == transform::Shape::List && !takes_list {
        findings.push(
            Finding::error(
                &at("transform"),
                Code::IncompatibleType,
                format!("a list comes out, and the field is of type {}", field.field_type.as_str()),
            )
            .help("put a `join` at the end"),
        );
    }
}

/// That what `onEmpty` and `onMissing` say is possible.
fn policies(mapped: &MappedField, field: &Field, path: &[&str], findings: &mut Vec<Finding>) {
    let at = |member: &str| path.iter().copied().chain([member]).map(str::to_owned).collect::<Vec<_>>();
    let mut no_default = |member: &str| {
        let message = format!("`{member}: default`, but the field has no default");
        let finding = Finding::error(&at(member), Code::ConflictingFields, message);
        findings.push(finding.help("give the entity's field a `default`"));
    };
    if mapped.on_empty == OnEmpty::Default && field.default.is_none() {
        no_default("onEmpty");
    }
    if mapped.on_missing == Some(OnMissing::Default) && field.default.is_none() {
        no_default("onMissing");
    }
    if mapped.on_missing.is_some() && mapped.constant.is_some() {
        let message = "a fixed value is never missing";
        findings.push(Finding::warning(&at("onMissing"), Code::NoEffect, message));
    }
}
