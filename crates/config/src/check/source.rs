//! Sources: their authorization, and the settings of their connector, which the compiler knows.

use raccord_compiler::connector;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, SourceSpec};
use raccord_model::suggest;
use raccord_model::{DataTypeName, Kind, Name};

use super::{CheckContext, authorization, follow, webhook};
use crate::diagnose::Document;

/// What is wrong with a source.
pub(super) fn check(scene: CheckContext<'_, '_>, name: &Name, spec: &SourceSpec) -> Vec<Finding> {
    let mut findings = check_authorization(scene, name, spec);
    findings
        .extend(connector::findings(&spec.settings).into_iter().map(|finding| finding.under(&["config"])));
    findings.extend(webhook::check(scene, spec));
    findings
}

fn check_authorization(scene: CheckContext<'_, '_>, name: &Name, spec: &SourceSpec) -> Vec<Finding> {
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
fn lifted_twice(scene: CheckContext<'_, '_>, name: &Name) -> Option<Finding> {
    let taken = scene.all.authorizations.get(name)?;
    let place = scene.documents.get(taken.at).map(Document::position).unwrap_or_default();
    let message = format!(
        "an inline authorization is called like its source, but Authorization `{name}` is there, at {place}"
    );
    let help = "refer to that one by name, or rename one of the two";
    Some(Finding::error(&["authorization"], Code::DuplicateResource, message).help(help))
}

/// A data type that a source does not have.
pub(super) fn unknown_data_type(
    path: &[&str],
    message: String,
    wrong: &DataTypeName,
    names: &[&str],
) -> Finding {
    let finding = Finding::error(path, Code::UnknownDataType, message);
    Finding { help: suggest::advice(wrong.as_str(), names, "its data types are"), ..finding }
}
