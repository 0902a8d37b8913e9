//! Sources: their authorization, and the settings of their connector, which the compiler knows.

use raccord_compiler::connector;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::file::RemotePath;
use raccord_model::language::connector::{FileSettings, ManifestSettings};
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, SourceSpec};
use raccord_model::suggest;
use raccord_model::{DataTypeName, Kind, Name};

use super::{CheckContext, authorization, follow, webhook};
use crate::diagnose::Document;
use crate::document::Held;

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
    let given = match &spec.authorization {
        None => None,
        Some(ByNameOrInline::ByName(other)) => {
            let to = (Kind::Authorization, other);
            let referent = follow(scene, &scene.all.authorizations, to, &["authorization"]);
            referent.or_find(&mut findings).map(|held| &held.spec)
        }
        Some(ByNameOrInline::Inline(inline)) => {
            let found = authorization::check(inline);
            findings.extend(found.into_iter().map(|finding| finding.under(&["authorization"])));
            findings.extend(lifted_twice(scene, (Kind::Source, name), &["authorization"]));
            Some(inline)
        }
    };
    if let Some(files) = spec.settings.get::<FileSettings>() {
        findings.extend(check_places(files, given));
        return findings;
    }
    let is_database = spec.settings.is_database();
    match given {
        Some(AuthorizationSpec::Database(_)) if is_database => {}
        Some(AuthorizationSpec::Database(_)) => {
            let message = "an authorization of type database reaches no service";
            let help = "it belongs to the store of a Project, or to a source such as `connector: postgres`";
            findings.push(Finding::error(&["authorization"], Code::ConflictingFields, message).help(help));
        }
        Some(other) if is_database => {
            let message = format!("an authorization of type {} reaches no database", other.type_name());
            let help = "write {type: database, url: \"${env:NAME}\"}";
            findings.push(Finding::error(&["authorization"], Code::ConflictingFields, message).help(help));
        }
        Some(
            other @ (AuthorizationSpec::S3(_)
            | AuthorizationSpec::Gcs(_)
            | AuthorizationSpec::Azure(_)
            | AuthorizationSpec::Sftp(_)),
        ) => {
            let message = format!("an authorization of type {} reaches files alone", other.type_name());
            let help = "the connector `file` reads them";
            findings.push(Finding::error(&["authorization"], Code::ConflictingFields, message).help(help));
        }
        given => findings.extend(given.and_then(|given| without_effect(given, spec))),
    }
    findings
}

/// Whether the authorization reaches the places where the files are.
fn check_places(files: &FileSettings, given: Option<&AuthorizationSpec>) -> Vec<Finding> {
    let given = given.map(AuthorizationSpec::type_name).filter(|kind| *kind != "none");
    let mut findings = Vec::new();
    let mut is_used = false;
    for (name, data_type) in &files.data_types {
        // What is no place is a finding of its own.
        let Ok(Some(place)) = RemotePath::of(&data_type.path) else { continue };
        let wanted = place.scheme.authorization();
        is_used |= given == Some(wanted);
        let message = match given {
            Some(given) if given != wanted => {
                format!("`{}` is reached with an authorization of type {wanted}, not {given}", data_type.path)
            }
            None if !place.scheme.may_be_ambient() => {
                format!("`{}` needs an authorization of type {wanted}", data_type.path)
            }
            Some(_) | None => continue,
        };
        let path = ["config", "dataTypes", name.as_str(), "path"];
        findings.push(Finding::error(&path, Code::ConflictingFields, message));
    }
    if let Some(given) = given.filter(|_| !is_used && findings.is_empty()) {
        let message = format!("no path leads to where an authorization of type {given} is used");
        findings.push(Finding::warning(&["authorization"], Code::NoEffect, message));
    }
    findings
}

/// What of an authorization the connector does not use.
fn without_effect(authorization: &AuthorizationSpec, spec: &SourceSpec) -> Option<Finding> {
    let warning = |path: &[&str], message: String| Finding::warning(path, Code::NoEffect, message);
    let is_none = matches!(authorization, AuthorizationSpec::None(_));
    let is_manifest = spec.settings.get::<ManifestSettings>().is_some();
    let name = spec.settings.info().name;
    if spec.settings.info().needs_authorization || is_none && is_manifest {
        let is_plain = spec.settings.base_url().is_some_and(|url| url.starts_with("http://"));
        let message = "`baseUrl` speaks http, where no certificate is shown and none is asked for";
        return (is_plain && authorization.tls().is_some())
            .then(|| warning(&["authorization"], message.to_owned()));
    }
    if is_manifest {
        let message =
            "a manifest says itself how it proves who we are; of an authorization it uses `tls` alone";
        let help = "write authorization: {type: none, tls: {…}}, or leave it out";
        return Some(warning(&["authorization"], message.to_owned()).help(help));
    }
    (!is_none || authorization.tls().is_some())
        .then(|| warning(&["authorization"], format!("the connector `{name}` uses no authorization")))
}

/// An inline authorization becomes one of its holder's name, which must be free. That of a source is there before that of
/// a project.
pub(super) fn lifted_twice(
    scene: CheckContext<'_, '_>,
    (kind, name): (Kind, &Name),
    path: &[&str],
) -> Option<Finding> {
    let all = scene.all;
    let is_inline =
        |held: &&Held<SourceSpec>| matches!(held.spec.authorization, Some(ByNameOrInline::Inline(_)));
    let other = all.sources.get(name).filter(is_inline).filter(|_| kind == Kind::Project);
    let taken =
        all.authorizations.get(name).map(|held| (held.at, "")).or(other.map(|held| (held.at, " inline")));
    let (at, how) = taken?;
    let place = scene.documents.get(at).map(Document::position).unwrap_or_default();
    let holder = if kind == Kind::Project { "project" } else { "source" };
    let message = format!(
        "an inline authorization is called like its {holder}, but Authorization `{name}` is there{how}, at {place}"
    );
    let help = "refer to that one by name, or rename one of the two";
    Some(Finding::error(path, Code::DuplicateResource, message).help(help))
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
