//! Transfers: what they refer to is there, and an active one has everything it needs.

use raccord_compiler::connector;
use raccord_compiler::mapping::{Layout, Task, compile};
use raccord_model::diagnostic::{Code, Finding, Severity};
use raccord_model::language::connector::ManifestSettings;
use raccord_model::language::{ByNameOrInline, Deletes, Entity, MappingSpec, Mode, SourceSpec, TransferSpec};
use raccord_model::{DataTypeName, EntityRef, Ident, Kind, Name};

use super::source::unknown_data_type;
use super::{CheckContext, dangling, exactly_one, files, follow, schedule, spelling, webhook};
use crate::document::Held;

/// What is wrong with a transfer, its mapping left aside.
pub(super) fn check(scene: CheckContext<'_, '_>, name: &Name, spec: &TransferSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let source =
        follow(scene, &scene.all.sources, (Kind::Source, &spec.source), &["source"]).or_find(&mut findings);
    if let Some(source) = source {
        findings.extend(check_data_type(name, spec, &source.spec));
        findings.extend(check_readiness(spec, &source.spec));
        findings.extend(webhook::check_transfer(spec, &source.spec));
    }
    find_entity(scene, &spec.to, &mut findings);
    findings.extend(files::check_transfer(scene, name, spec, source.map(|source| &source.spec)));
    if let Some(ByNameOrInline::ByName(mapping)) = &spec.mapping {
        follow(scene, &scene.all.mappings, (Kind::Mapping, mapping), &["mapping"]).or_find(&mut findings);
    }
    if spec.active && spec.mapping.is_none() {
        let message = "the transfer is active, but no field is assigned: it has no mapping";
        let help = "write `mapping`, the primary key first, or leave the transfer inactive";
        findings.push(Finding::error(&["active"], Code::NotReady, message).help(help));
    }
    if let Some(written) = &spec.schedule {
        findings.extend(schedule::check(written).into_iter().map(|finding| finding.under(&["schedule"])));
    }
    findings.extend(check_deletes(&spec.deletes));
    if spec.mode == Mode::Enrich && spec.deletes != Deletes::default() {
        let message = "a transfer that enriches owns no rows, so it never deletes any";
        findings.push(Finding::warning(&["deletes"], Code::NoEffect, message));
    }
    findings
}

fn check_data_type(name: &Name, spec: &TransferSpec, source: &SourceSpec) -> Option<Finding> {
    let (path, wanted) = match &spec.data_type {
        Some(data_type) => ("dataType", data_type.clone()),
        // The name of a resource is always the name of a data type, too.
        None => ("source", name.as_str().parse().ok()?),
    };
    let known = source.settings.data_types();
    let is_unread = source.settings.get::<ManifestSettings>().is_some_and(ManifestSettings::is_unread);
    if is_unread {
        return None;
    }
    if known.contains(&&wanted) {
        return check_readable(source, &wanted, path);
    }
    let names: Vec<&str> = known.into_iter().map(DataTypeName::as_str).collect();
    let message = match spec.data_type {
        Some(_) => format!("the source `{}` has no data type `{wanted}`", spec.source),
        None => format!(
            "the source `{}` has no data type `{wanted}`, which the transfer's own name stands for",
            spec.source
        ),
    };
    Some(unknown_data_type(&[path], message, &wanted, &names))
}

/// A data type that the manifest has, and that cannot be read. Of other connectors, their settings tell it.
fn check_readable(source: &SourceSpec, data_type: &DataTypeName, path: &str) -> Option<Finding> {
    let settings = source.settings.get::<ManifestSettings>()?;
    // A setting that is wrong is told where it stands.
    if connector::findings(&source.settings).iter().any(|finding| finding.severity == Severity::Error) {
        return None;
    }
    let (stream, findings) = connector::lower(&source.settings, data_type);
    let found = findings.into_iter().next().filter(|_| stream.is_none())?;
    let place = settings.path.as_deref().unwrap_or("MANIFEST");
    let help = format!(
        "the other data types of the manifest can be read; `raccord connector check {place}` says what stands in the way of each"
    );
    Some(Finding::error(&[path], Code::UnknownDataType, found.message).help(help))
}

fn check_readiness(spec: &TransferSpec, source: &SourceSpec) -> Option<Finding> {
    let info = source.settings.info();
    if !spec.active || !info.needs_authorization || source.authorization.is_some() {
        return None;
    }
    let message = format!("the transfer is active, but its source `{}` has no authorization", spec.source);
    let help = if source.settings.is_database() {
        "give the source an `authorization`, such as {type: database, url: \"${env:NAME}\"}"
    } else {
        "give the source an `authorization`; {type: none} when the service asks for nothing"
    };
    Some(Finding::error(&["active"], Code::NotReady, message).help(help))
}

fn check_deletes(deletes: &Deletes) -> Vec<Finding> {
    let ways = [
        ("field", deletes.field.is_some()),
        ("webhook", deletes.webhook.is_some()),
        ("snapshot", deletes.snapshot.is_some()),
    ];
    let mut findings = Vec::new();
    if deletes.crowded
        && let Err(message) = exactly_one(&ways)
    {
        let finding = Finding::error(&["deletes"], Code::ConflictingFields, message);
        findings.push(finding.help("several ways are a list: [webhook, {snapshot: {every: 24h}}]"));
    }
    if deletes.snapshot.as_ref().and_then(|snapshot| snapshot.every).is_some_and(|every| every.0 == 0) {
        let message = "the interval must be at least one second";
        findings.push(Finding::error(&["deletes", "snapshot", "every"], Code::InvalidValue, message));
    }
    findings
}

/// The entity that a transfer writes to.
pub(super) fn find_entity<'s>(
    scene: CheckContext<'s, '_>,
    to: &EntityRef,
    findings: &mut Vec<Finding>,
) -> Option<&'s Entity> {
    let project =
        follow(scene, &scene.all.projects, (Kind::Project, &to.project), &["to"]).or_find(findings)?;
    let entities = &project.spec.entities;
    let entity = entities.get(&to.entity);
    if entity.is_none() {
        let names: Vec<&str> = entities.keys().map(Ident::as_str).collect();
        let message = format!("the project `{}` has no entity `{}`", to.project, to.entity);
        findings.push(dangling(&["to"], message, to.entity.as_str(), &names));
    }
    entity
}

/// The mapping of a transfer and where it stands: the document, and the path in it.
pub(super) fn mapping_of<'s>(
    scene: CheckContext<'s, '_>,
    held: &'s Held<TransferSpec>,
) -> Option<(&'s MappingSpec, usize, &'static [&'static str])> {
    match held.spec.mapping.as_ref()? {
        ByNameOrInline::Inline(mapping) => Some((mapping, held.at, &["spec", "mapping"])),
        ByNameOrInline::ByName(name) => {
            let mapping = scene.all.mappings.get(name)?;
            Some((&mapping.spec, mapping.at, &["spec"]))
        }
    }
}

/// Whether every field of the records that a transfer reads is a text.
fn has_texts_alone(scene: CheckContext<'_, '_>, name: &Name, spec: &TransferSpec) -> bool {
    let Some(source) = scene.all.sources.get(&spec.source) else { return false };
    let data_type = spec.data_type.clone().or_else(|| name.as_str().parse().ok());
    let stream = data_type.and_then(|data_type| connector::lower(&source.spec.settings, &data_type).0);
    stream.is_some_and(|stream| stream.has_texts_alone())
}

/// What is wrong with the mapping of a transfer, in the document where the mapping stands.
pub(super) fn check_mapping(
    scene: CheckContext<'_, '_>,
    name: &Name,
    held: &Held<TransferSpec>,
) -> Vec<(usize, Finding)> {
    let spec = &held.spec;
    let Some((mapping, at, path)) = mapping_of(scene, held) else {
        return Vec::new();
    };
    let Some(entity) = find_entity(scene, &spec.to, &mut Vec::new()) else {
        return Vec::new();
    };
    // A transfer at rest may be half finished.
    let counts = |finding: &Finding| {
        spec.active || !matches!(finding.code, Code::IncompleteKey | Code::RequiredField | Code::NotReady)
    };
    let task = Task {
        mapping,
        entity,
        mode: spec.mode,
        layout: &Layout::provisional(entity),
        deleted: spec.deletes.field.as_ref().map(|field| &field.path),
        version: spec.version.as_ref(),
        cursor: &[],
        all_texts: has_texts_alone(scene, name, spec),
    };
    let mut findings = spelling::constants(scene, (at, path), mapping, entity);
    findings.extend(spelling::without(&findings, compile(&task).1));
    findings.into_iter().filter(counts).map(|finding| (at, finding.under(path))).collect()
}
