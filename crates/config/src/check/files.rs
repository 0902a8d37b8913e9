//! Stores of files: what a folder of files cannot do is refused here, where it stands, and never found out by a run.

use std::collections::BTreeMap;

use raccord_compiler::connector;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::folder::folder_of;
use raccord_model::language::connector::file::RemotePath;
use raccord_model::language::store::{FileMode, Manage};
use raccord_model::language::{
    AuthorizationSpec, Mode, OnEmpty, OnMissing, ProjectSpec, SourceSpec, Store, StoreType, SubscriptionSpec,
    TransferSpec, UpdateType,
};
use raccord_model::{EntityRef, Ident, Name};

use super::CheckContext;
use super::store::{AUTHORIZATION, given_authorization};
use super::transfer::mapping_of;
use crate::document::Held;

/// The columns of Raccord in files that are appended to.
const OWN: [&str; 2] = ["_op", "_at"];

/// What of a store has a meaning in files alone.
pub(super) fn meaningless(store: &Store) -> Vec<Finding> {
    let settings = [
        ("format", store.format.is_some()),
        ("mode", store.mode.is_some()),
        ("partitionBy", store.partition_by.is_some()),
    ];
    let wrong = settings.into_iter().filter(|(_, is_there)| *is_there);
    let finding = |(name, _)| {
        let message = format!("`{name}` has a meaning in a store of files alone");
        Finding::error(&["store", name], Code::ConflictingFields, message)
            .help("it belongs to a store such as {type: files, path: out, format: jsonl}")
    };
    wrong.map(finding).collect()
}

/// What is wrong with a project whose store are files.
pub(super) fn check(scene: CheckContext<'_, '_>, name: &Name, spec: &ProjectSpec) -> Vec<Finding> {
    let store = &spec.store;
    let mut findings = Vec::new();
    if store.schema.is_some() {
        let message = "`schema` has no meaning in a store of type files";
        findings.push(Finding::error(&["store", "schema"], Code::ConflictingFields, message));
    }
    let help = "write {type: files, path: out/crm, format: jsonl}; the path is relative to the root of the configuration, or \
                leads into a bucket, such as s3://BUCKET/FOLDER";
    match store.path.as_deref() {
        None => findings.push(missing("a store of files needs the path of a folder", help)),
        Some(path) if path.trim().is_empty() || path.contains('\0') => {
            findings.push(Finding::error(&["store", "path"], Code::InvalidValue, "the path names no folder"));
        }
        Some(path) => findings.extend(check_place(scene, name, (store, path))),
    }
    if store.format.is_none() {
        findings.push(missing("a store of files needs a format: jsonl, csv or parquet", help));
    }
    for (name, entity) in &spec.entities {
        let at = ["entities", name.as_str()];
        let found = check_entity(store, entity);
        findings.extend(found.into_iter().map(|finding| finding.under(&at)));
    }
    findings.extend(check_folders(spec));
    findings
}

/// Whether the path leads to a folder, and the authorization to where it is.
fn check_place(scene: CheckContext<'_, '_>, name: &Name, (store, path): (&Store, &str)) -> Vec<Finding> {
    let place = match RemotePath::of_folder(path) {
        Ok(place) => place,
        Err(why) => return vec![Finding::error(&["store", "path"], Code::InvalidValue, why)],
    };
    let Some(place) = place else {
        let message = "a folder of this machine is reached without an authorization";
        let is_there = store.authorization.is_some();
        return is_there
            .then(|| Finding::error(&AUTHORIZATION, Code::ConflictingFields, message))
            .into_iter()
            .collect();
    };
    let (given, mut findings) = given_authorization(scene, name, store);
    let (given, wanted) = (given.map(AuthorizationSpec::type_name), place.scheme.authorization());
    if let Some(given) = given.filter(|given| *given != wanted && *given != "none") {
        let message = format!("`{path}` is reached with an authorization of type {wanted}, not {given}");
        findings.push(Finding::error(&["store", "path"], Code::ConflictingFields, message));
    }
    findings
}

fn missing(message: &str, help: &str) -> Finding {
    Finding::error(&["store"], Code::MissingField, message).help(help)
}

fn check_entity(store: &Store, entity: &raccord_model::language::Entity) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |path: &[&str], message: String| {
        findings.push(Finding::error(path, Code::ConflictingFields, message));
    };
    if entity.manage == Manage::None {
        refuse(&["manage"], "files are always written by Raccord".to_owned());
    }
    let mut columns: BTreeMap<String, &Ident> = BTreeMap::new();
    for (name, field) in &entity.fields {
        let path = ["fields", name.as_str()];
        if field.unique {
            refuse(
                &[path[0], path[1], "unique"],
                "files cannot keep a field unique: no row that was written before is looked at".to_owned(),
            );
        }
        let column = field.column_name(name);
        if OWN.contains(&column.as_str()) {
            refuse(
                &path,
                format!("the column `{column}` is Raccord's own; write `column:` with another name"),
            );
        }
        if let Some(first) = columns.insert(column.to_lowercase(), name) {
            refuse(&path, format!("`{name}` and `{first}` would share the column `{column}`"));
        }
    }
    let Some(by) = &store.partition_by else { return findings };
    let Some(wanted) = by.field_name() else { return findings };
    match entity.fields.get(wanted) {
        None => refuse(
            &["fields"],
            format!("the store is partitioned by `{wanted}`, which this entity does not have"),
        ),
        Some(field) if !by.fits(field.field_type) => {
            let of = field.field_type.as_str();
            refuse(
                &["fields", wanted.as_str()],
                format!("files cannot be partitioned by a field of type {of} so"),
            );
        }
        Some(field) if field.column.is_some() => refuse(
            &["fields", wanted.as_str(), "column"],
            "the field by which files are partitioned has its own name".to_owned(),
        ),
        Some(_) => {}
    }
    findings
}

/// The folders of entities: names that every system takes, and no two the same.
fn check_folders(spec: &ProjectSpec) -> Vec<Finding> {
    let mut folders: BTreeMap<String, &Ident> = BTreeMap::new();
    let mut findings = Vec::new();
    for (name, entity) in &spec.entities {
        let folder = entity.table_name(name);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let message = if folder.is_empty() || !folder.bytes().all(is_plain) || folder.len() > 100 {
            format!("`{folder}` cannot be a folder: it is made of at most 100 letters, digits, `_` and `-`")
        } else if folder.eq_ignore_ascii_case("_raccord") {
            "the folder `_raccord` is Raccord's own".to_owned()
        } else if let Some(first) = folders.insert(folder.to_lowercase(), name) {
            format!("`{name}` and `{first}` would share the folder `{folder}`")
        } else {
            continue;
        };
        let path = ["entities", name.as_str(), "table"];
        let place = if entity.table.is_some() { &path[..] } else { &path[..2] };
        let finding = Finding::error(place, Code::InvalidValue, message);
        findings.push(finding.help("write `table:` with another name"));
    }
    findings
}

/// The store of files to which a transfer goes, if it is one.
fn mode_of(scene: CheckContext<'_, '_>, to: &EntityRef) -> Option<FileMode> {
    let store = &scene.all.projects.get(&to.project)?.spec.store;
    (store.store_type == StoreType::Files).then(|| store.mode.unwrap_or_default())
}

/// What a transfer asks for that files cannot do.
pub(super) fn check_transfer(
    scene: CheckContext<'_, '_>,
    name: &Name,
    spec: &TransferSpec,
    source: Option<&SourceSpec>,
) -> Vec<Finding> {
    let Some(mode) = mode_of(scene, &spec.to) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut refuse = |path: &[&str], message: &str, help: &str| {
        findings.push(Finding::error(path, Code::ConflictingFields, message.to_owned()).help(help));
    };
    if spec.mode == Mode::Enrich {
        refuse(
            &["mode"],
            "files cannot be enriched: no row that was written before is changed",
            "let the transfer own its rows",
        );
    }
    if spec.version.is_some() {
        let help = "map the version to a field, by which readers tell the newest line of a key";
        refuse(&["version"], "files cannot tell an older record from a newer one", help);
    }
    match (mode, &spec.deletes.snapshot) {
        (FileMode::Append, Some(_)) => refuse(
            &["deletes", "snapshot"],
            "files that are appended to do not know what a reading no longer shows",
            "use `mode: snapshot` in the store, or learn of deletions by a field or a webhook",
        ),
        (FileMode::Snapshot, None) => refuse(
            &["to"],
            "each reading takes the place of the one before, so what it does not show is gone, and the transfer has to say so",
            "write `deletes: {snapshot: {maxShare: 10%}}`; a reading that is smaller by more than that share is held",
        ),
        (FileMode::Snapshot, Some(snapshot)) if snapshot.every.is_some() => refuse(
            &["deletes", "snapshot", "every"],
            "each reading is a snapshot of these files",
            "leave `every` out, and give the transfer a schedule",
        ),
        _ => {}
    }
    if mode == FileMode::Snapshot && spec.deletes.webhook.is_some() {
        refuse(&["deletes", "webhook"], ALONE, "leave it out: a deletion is there with the next reading");
    }
    if let Some(source) = source {
        findings.extend(check_stream(mode, name, spec, source));
    }
    findings
}

const ALONE: &str = "a snapshot is replaced as a whole: nothing that is pushed can be put into it";

/// What a data type is that files cannot take.
fn check_stream(mode: FileMode, name: &Name, spec: &TransferSpec, source: &SourceSpec) -> Vec<Finding> {
    let data_type = spec.data_type.clone().or_else(|| name.as_str().parse().ok());
    let Some(stream) = data_type.and_then(|data_type| connector::lower(&source.settings, &data_type).0)
    else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let mut refuse = |message: &str, help: &str| {
        findings.push(Finding::error(&["source"], Code::ConflictingFields, message.to_owned()).help(help));
    };
    if stream.has_parent() {
        refuse(
            "a data type that is read once for each parent record cannot go into files",
            "send it into the embedded store or a database",
        );
    }
    let rules = stream.rules();
    if mode == FileMode::Snapshot && rules.is_incremental() {
        refuse(
            "each reading takes the place of the one before, but this data type is read incrementally",
            "read all of it each time, or use `mode: append` in the store",
        );
    }
    if mode == FileMode::Snapshot && source.webhook.is_some() {
        refuse(ALONE, "use `mode: append` in the store, or a source without `webhook`");
    }
    findings
}

/// What a subscription asks for that files cannot do.
pub(super) fn check_subscription(
    scene: CheckContext<'_, '_>,
    transfer: &TransferSpec,
    subscription: &SubscriptionSpec,
) -> Option<Finding> {
    const NOWHERE: [&str; 0] = [];
    let mode = mode_of(scene, &transfer.to)?;
    let has = |update| subscription.updates.contains(&update);
    let (is_whole, wanted) = match mode {
        FileMode::Append => (has(UpdateType::Created) && has(UpdateType::Updated), "created and updated"),
        FileMode::Snapshot => (
            has(UpdateType::Created) && has(UpdateType::Updated) && has(UpdateType::Deleted),
            "created, updated and deleted",
        ),
    };
    if is_whole || subscription.updates.is_empty() {
        return None;
    }
    let message = "files do not tell a new record from a changed one: all that comes is written";
    let help = format!("subscribe to {wanted}");
    Some(Finding::error(&NOWHERE, Code::ConflictingFields, message).help(help))
}

/// What the mapping of a transfer asks for that files cannot do: no value that was written before is known.
fn keeps_values(scene: CheckContext<'_, '_>, held: &Held<TransferSpec>) -> Vec<(usize, Finding)> {
    let Some((mapping, at, base)) =
        mapping_of(scene, held).filter(|_| mode_of(scene, &held.spec.to).is_some())
    else {
        return Vec::new();
    };
    let refuse = |name: &Ident, member: &str, written: &str| {
        let path = ["fields", name.as_str(), member];
        let message = format!(
            "files do not know what a field had before, so that `{member}: {written}` would empty it"
        );
        let advice = format!("leave `{member}` out, or say by clear, default or reject what it means");
        (at, Finding::error(&path, Code::ConflictingFields, message).help(advice).under(base))
    };
    let mut findings = Vec::new();
    for (name, mapped) in &mapping.fields {
        if mapped.on_missing == Some(OnMissing::Keep) {
            findings.push(refuse(name, "onMissing", "keep"));
        }
        if mapped.on_empty == OnEmpty::Ignore {
            findings.push(refuse(name, "onEmpty", "ignore"));
        }
    }
    findings
}

/// Two transfers into one entity, of which each would replace or empty what the other wrote; two projects in one folder.
pub(super) fn shared(scene: CheckContext<'_, '_>) -> Vec<(usize, Finding)> {
    let mut findings = Vec::new();
    let mut writers: BTreeMap<&EntityRef, &Name> = BTreeMap::new();
    for held in scene.all.transfers.values() {
        findings.extend(keeps_values(scene, held));
        let Some(mode) = mode_of(scene, &held.spec.to) else { continue };
        let name = &held.metadata.name;
        if let Some(first) = writers.insert(&held.spec.to, name) {
            let message = match mode {
                FileMode::Append => format!(
                    "the transfer `{first}` writes lines of this entity already; a line holds what one record says, and in \
                     the newest one of a key the fields of the other transfer would be empty"
                ),
                FileMode::Snapshot => format!(
                    "the transfer `{first}` writes this snapshot already, and each would replace the other's rows"
                ),
            };
            let finding = Finding::error(&["spec", "to"], Code::TwoOwners, message);
            findings.push((held.at, finding.help("give each an entity of its own")));
        }
    }
    let mut folders: BTreeMap<String, &Name> = BTreeMap::new();
    for held in scene.all.projects.values() {
        let Some(place) = folder_of(&held.spec.store) else { continue };
        if let Some(first) = folders.insert(place, &held.metadata.name) {
            let message = format!("the project `{first}` has its files in this folder already");
            let finding = Finding::error(&["spec", "store", "path"], Code::ConflictingFields, message);
            findings.push((held.at, finding.help("give each project a folder of its own")));
        }
    }
    findings
}
