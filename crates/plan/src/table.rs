//! Tables: the steps that have a database follow an apply, and what of a database stays as it is.
//!
//! What a table looks like is asked of the database, which no plan needs. A step is carried out on the generation in force
//! then, so that one which is late or repeated does no harm.

use std::collections::BTreeSet;

use raccord_model::fact::{self, GenerationChange, StepFact, StepWork, StorePlace, Uid};
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, Entity, ProjectSpec, Store, StoreType};
use raccord_model::plan::Action;
use raccord_model::port::state::{Table, Write};
use raccord_model::resource::{Spec, place_of};
use raccord_model::{Desired, Digest, EntityRef, Ident, Key, Kind, Name, Resource};

use crate::commit::CommitError;
use crate::current::Current;
use crate::diff::Draft;
use crate::folder::{self, Folders};
use crate::plan::Note;
use crate::refusal::Refusal;

/// The steps that an apply leaves to databases.
pub(crate) fn steps(
    delta: &[GenerationChange],
    (desired, current): (&Desired, &Current),
    renewed: &BTreeSet<Uid>,
) -> Result<Vec<Write>, CommitError> {
    let changed: BTreeSet<&Key> = delta.iter().map(|change| &change.key).collect();
    let uid_of = |key: &Key| {
        let change = delta.iter().find(|change| change.key == *key).and_then(|change| change.after);
        change.or_else(|| current.index.get(key).copied()).map(|entry| entry.uid)
    };
    let generation = current.head.generation + 1;
    let mut writes = Vec::new();
    for (key, wanted) in &desired.resources {
        let Spec::Project(project) = &wanted.resource.spec else { continue };
        let Some(uid) = uid_of(key).filter(|_| !project.store.is_embedded()) else { continue };
        let authorization = project.store.authorization.as_ref().and_then(ByNameOrInline::name);
        let authorization = authorization.map(|name| Key::new(Kind::Authorization, name.clone()));
        let is_other = changed.contains(key) || authorization.is_some_and(|key| changed.contains(&key));
        if is_other || renewed.contains(&uid) {
            for entity in project.entities.keys() {
                writes.push(prepare(uid, entity, generation)?);
            }
        }
    }
    for change in delta.iter().filter(|change| change.action == Action::Delete) {
        if let (Kind::Transfer, Some(entry)) = (change.key.kind, change.before) {
            writes.extend(end(entry.uid, place_of_transfer(&change.key, desired, current)?)?);
        }
    }
    Ok(writes)
}

/// The step that makes a table ready. Each generation has a key of its own, so that a step which is carried out meanwhile
/// does not end this one.
pub fn prepare(project: Uid, entity: &Ident, generation: u64) -> Result<Write, CommitError> {
    let work = StepWork::Prepare { project, entity: entity.clone() };
    let step = StepFact { work, attempts: 0, error: None };
    let key = format!("{}{generation:020}", StepWork::prepare_prefix(project, entity));
    Ok(Write::Put(Table::Steps, key, fact::write(&step)?))
}

fn end(transfer: Uid, at: StorePlace) -> Result<Option<Write>, CommitError> {
    if at == StorePlace::Embedded {
        return Ok(None);
    }
    let step = StepFact { work: StepWork::End { transfer, at }, attempts: 0, error: None };
    Ok(Some(Write::Put(Table::Steps, format!("end/{transfer}"), fact::write(&step)?)))
}

/// Where the rows of a project are before the plan. One that is new has none anywhere.
pub(crate) fn place_before(
    project: Uid,
    desired: &Desired,
    current: &Current,
) -> Result<StorePlace, CommitError> {
    let is_it = |(key, entry): &(&Key, &fact::Entry)| key.kind == Kind::Project && entry.uid == project;
    match current.index.iter().find(is_it) {
        None => Ok(StorePlace::Embedded),
        Some((key, _)) => place_of_project(key, desired, current),
    }
}

fn place_of_project(key: &Key, desired: &Desired, current: &Current) -> Result<StorePlace, CommitError> {
    let inconsistent = || CommitError::Inconsistent(key.clone());
    let Some(Spec::Project(spec)) = spec_before(key, desired, current) else { return Err(inconsistent()) };
    let authorization = |name: &Name| {
        let spec = spec_before(&Key::new(Kind::Authorization, name.clone()), desired, current)?;
        if let Spec::Authorization(spec) = spec { Some(spec) } else { None::<&AuthorizationSpec> }
    };
    place_of(spec, authorization).ok_or_else(inconsistent)
}

fn place_of_transfer(key: &Key, desired: &Desired, current: &Current) -> Result<StorePlace, CommitError> {
    let Some(Spec::Transfer(spec)) = spec_before(key, desired, current) else {
        return Err(CommitError::Inconsistent(key.clone()));
    };
    let project = Key::new(Kind::Project, spec.to.project.clone());
    place_of_project(&project, desired, current)
}

/// What the state says of a resource. A body that was not loaded is one that does not change.
fn spec_before<'a>(key: &Key, desired: &'a Desired, current: &'a Current) -> Option<&'a Spec> {
    let digest: Digest = current.index.get(key)?.digest;
    let unchanged = || desired.resources.get(key).filter(|wanted| wanted.digest == digest);
    let body: Option<&Resource> =
        current.bodies.get(&digest).or_else(|| unchanged().map(|wanted| &wanted.resource));
    body.map(|resource| &resource.spec)
}

/// What of a database or of files stays as it is, although the configuration no longer mentions it.
pub(crate) fn notes(drafts: &[Draft<'_>]) -> Vec<Note> {
    let folders = Folders::after(drafts);
    let mut notes = Vec::new();
    for draft in drafts {
        let Some(Spec::Project(old)) = draft.old.as_ref().map(|old| &old.spec) else { continue };
        if old.store.is_embedded() {
            continue;
        }
        let new = match draft.new.as_ref().map(|new| &new.spec) {
            Some(Spec::Project(new)) => Some(new),
            _ => None,
        };
        let name = &draft.pair.key.name;
        for (entity, settings) in &old.entities {
            let at = EntityRef { project: name.clone(), entity: entity.clone() };
            let table = settings.table_name(entity);
            match new.and_then(|new| new.entities.get(entity).map(|after| (new, after))) {
                Some((new, after))
                    if is_same(&old.store, &new.store) && after.table_name(entity) == table =>
                {
                    notes.extend(columns((old, new), entity, &at));
                }
                _ if old.store.store_type == StoreType::Files => {
                    notes.push(folders.note(&old.store, at, &table));
                }
                _ => notes.push(Note::TableStays { entity: at, table }),
            }
        }
    }
    notes
}

/// The fields that would take over the column of another one, which holds that one's values.
pub(crate) fn refusals(drafts: &[Draft<'_>]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for draft in drafts {
        let (old, new) = (draft.old.as_ref().map(|old| &old.spec), draft.new.as_ref().map(|new| &new.spec));
        let (Some(Spec::Project(old)), Some(Spec::Project(new))) = (old, new) else { continue };
        if old.store.is_embedded() || old.store != new.store {
            continue;
        }
        for (name, before) in &old.entities {
            let after = new.entities.get(name).filter(|it| it.table_name(name) == before.table_name(name));
            let entity = EntityRef { project: draft.pair.key.name.clone(), entity: name.clone() };
            let taken = after.into_iter().flat_map(|after| taken(before, after));
            refusals.extend(taken.map(|Taken { field, held, column }| Refusal::Table {
                entity: entity.clone(),
                table: before.table_name(name),
                message: format!(
                    "the column `{column}` holds the values of the field `{held}`, and `{field}` would take them for its own: \
                     give `{field}` a column that no field has"
                ),
            }));
        }
    }
    refusals
}

/// A field that is there before and after and gets the column that another one had.
struct Taken<'e> {
    field: &'e Ident,
    /// The other one.
    held: &'e Ident,
    column: String,
}

fn taken<'e>(before: &'e Entity, after: &'e Entity) -> impl Iterator<Item = Taken<'e>> {
    after.fields.iter().filter_map(|(name, field)| {
        let column = field.column_name(name);
        let own = before.fields.get(name)?.column_name(name);
        let held = before.fields.iter().find(|(other, field)| field.column_name(other) == column)?.0;
        (own != column).then_some(Taken { field: name, held, column })
    })
}

/// Whether tables of the one store are those of the other.
fn is_same(old: &Store, new: &Store) -> bool {
    old == new || folder::within(old, new).is_some()
}

/// The columns of an entity that nothing writes any more.
fn columns((old, new): (&ProjectSpec, &ProjectSpec), entity: &Ident, at: &EntityRef) -> Vec<Note> {
    let (Some(before), Some(after)) = (old.entities.get(entity), new.entities.get(entity)) else {
        return Vec::new();
    };
    let kept: BTreeSet<String> = after.fields.iter().map(|(name, field)| field.column_name(name)).collect();
    let columns = before.fields.iter().map(|(name, field)| field.column_name(name));
    let gone = columns.filter(|column| !kept.contains(column));
    gone.map(|column| Note::ColumnStays { entity: at.clone(), column }).collect()
}
