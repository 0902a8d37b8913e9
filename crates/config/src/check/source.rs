//! Sources: their authorization, their data types and how these depend on each other.

use std::collections::BTreeSet;

use encoding_rs::Encoding;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::{FileDataType, FileFormat};
use raccord_model::language::{
    AuthorizationSpec, ByNameOrInline, ConnectorSettings, FileSettings, HttpSettings, SourceSpec,
};
use raccord_model::{DataTypeName, Kind, Name};

use super::{Scene, authorization, follow};
use crate::diagnose::Document;
use crate::suggest;

/// What is wrong with a source.
pub(super) fn check(scene: Scene<'_, '_>, name: &Name, spec: &SourceSpec) -> Vec<Finding> {
    let mut findings = check_authorization(scene, name, spec);
    let settings = match &spec.settings {
        ConnectorSettings::File(settings) => check_files(settings),
        ConnectorSettings::Http(settings) => {
            let mut found = check_parents(settings);
            found.extend(connector_findings(settings));
            found
        }
    };
    findings.extend(settings.into_iter().map(|finding| finding.under(&["config"])));
    findings
}

/// What is wrong with the settings of `http` below the level of references. The seam to the compiler,
/// which lowers each data type to components; its paths are relative to `config`.
fn connector_findings(_settings: &HttpSettings) -> Vec<Finding> {
    Vec::new()
}

fn check_authorization(scene: Scene<'_, '_>, name: &Name, spec: &SourceSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_needed = spec.settings.info().needs_authorization;
    match &spec.authorization {
        None => {}
        Some(ByNameOrInline::ByName(other)) => {
            follow(scene, &scene.all.authorizations, (Kind::Authorization, other), &["authorization"])
                .or_find(&mut findings);
        }
        Some(ByNameOrInline::Inline(inline)) => {
            let found = authorization::check(inline);
            findings.extend(found.into_iter().map(|finding| finding.under(&["authorization"])));
            findings.extend(lifted_twice(scene, name));
        }
    }
    let has_credential =
        !matches!(spec.authorization, None | Some(ByNameOrInline::Inline(AuthorizationSpec::None(_))));
    if has_credential && !is_needed {
        let message = format!("the connector `{}` uses no authorization", spec.settings.info().name);
        findings.push(Finding::warning(&["authorization"], Code::NoEffect, message));
    }
    findings
}

/// An inline authorization becomes one of the source's name, which must be free.
fn lifted_twice(scene: Scene<'_, '_>, name: &Name) -> Option<Finding> {
    let taken = scene.all.authorizations.get(name)?;
    let place = scene.documents.get(taken.at).map(Document::position).unwrap_or_default();
    let message = format!(
        "an inline authorization is called like its source, but Authorization `{name}` is there, at {place}"
    );
    let help = "refer to that one by name, or rename one of the two";
    Some(Finding::error(&["authorization"], Code::DuplicateResource, message).help(help))
}

fn check_parents(settings: &HttpSettings) -> Vec<Finding> {
    let names: Vec<&str> = settings.data_types.keys().map(DataTypeName::as_str).collect();
    let mut findings = Vec::new();
    for (name, data_type) in &settings.data_types {
        let path = ["dataTypes", name.as_str(), "parent"];
        let Some(parent) = &data_type.parent else { continue };
        if !settings.data_types.contains_key(parent) {
            let message = format!("the source has no data type `{parent}`");
            findings.push(unknown_data_type(&path, message, parent, &names));
        } else if let Some(circle) = circle_of(settings, name) {
            let message = format!("data types are parents of each other in a circle: {circle}");
            findings.push(Finding::error(&path, Code::SelfParent, message));
        }
    }
    findings
}

/// The circle of parents that a data type is the first member of, by name.
fn circle_of(settings: &HttpSettings, first: &DataTypeName) -> Option<String> {
    let mut names = vec![first.as_str()];
    let mut current = first;
    // A chain longer than there are data types runs in a circle that does not come back to the first.
    for _ in 0..=settings.data_types.len() {
        current = settings.data_types.get(current)?.parent.as_ref()?;
        names.push(current.as_str());
        if current == first {
            let is_first = names.iter().all(|name| *name >= first.as_str());
            return is_first.then(|| names.join(" → "));
        }
    }
    None
}

/// A data type that a source does not have.
pub(super) fn unknown_data_type(
    path: &[&str],
    message: String,
    wrong: &DataTypeName,
    names: &[&str],
) -> Finding {
    let finding = Finding::error(path, Code::UnknownDataType, message);
    match suggest::advice(wrong.as_str(), names, "its data types are") {
        Some(help) => finding.help(help),
        None => finding,
    }
}

fn check_files(settings: &FileSettings) -> Vec<Finding> {
    let check = |(name, data_type): (&DataTypeName, &FileDataType)| {
        let path = ["dataTypes", name.as_str()];
        check_file(data_type).into_iter().map(|finding| finding.under(&path)).collect::<Vec<_>>()
    };
    settings.data_types.iter().flat_map(check).collect()
}

fn check_file(data_type: &FileDataType) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut invalid = |path: &str, code: Code, message: String| {
        findings.push(Finding::error(&[path], code, message));
    };
    if data_type.path.trim().is_empty() {
        invalid("path", Code::InvalidValue, "the path is empty".to_owned());
    }
    let is_json = matches!(data_type.format, Some(FileFormat::Json | FileFormat::Jsonl));
    if is_json && data_type.delimiter.is_some() {
        invalid("delimiter", Code::ConflictingFields, "`delimiter` belongs to the format csv".to_owned());
    }
    if is_json && !data_type.columns.is_empty() {
        invalid("columns", Code::ConflictingFields, "`columns` belongs to the format csv".to_owned());
    }
    if data_type.delimiter.is_some_and(|c| !c.is_ascii() || matches!(c, '"' | '\n' | '\r')) {
        let message = "a delimiter is one ASCII character, neither a quote nor a line end".to_owned();
        invalid("delimiter", Code::InvalidValue, message);
    }
    if let Some(label) = &data_type.encoding
        && Encoding::for_label(label.as_bytes()).is_none()
    {
        let message =
            format!("there is no encoding `{label}`; examples are utf-8, windows-1252 and utf-16le");
        invalid("encoding", Code::InvalidValue, message);
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = data_type.columns.iter().find(|column| !seen.insert(*column)) {
        invalid("columns", Code::InvalidValue, format!("the column `{twice}` stands twice"));
    }
    findings
}
