//! What a change means for the data: which transfers read again, which rows and values go.
//!
//! The classes come from the language's one table. Here they meet what is known: references, what others
//! subscribe to, whether a transfer has ever run.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::{Uid, Updates};
use raccord_model::language::deletes::{Deletes, Percent};
use raccord_model::language::{IntegrationSpec, Mode, ProjectSpec, SourceSpec, TransferSpec, UpdateType};
use raccord_model::name::EntityRef;
use raccord_model::plan::Consequence;
use raccord_model::resource::Spec;
use raccord_model::{DataTypeName, Ident, Name};

use crate::diff::{Draft, data_type};
use crate::folder;
use crate::lost;
use crate::plan::{DataEffect, FieldChange, Subject};
use crate::world::{Known, World, mapping};

/// Who goes through what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Impacts(BTreeMap<Subject, BTreeSet<Consequence>>);

impl Impacts {
    fn add(&mut self, subject: Subject, consequence: Consequence) {
        if consequence != Consequence::None {
            self.0.entry(subject).or_default().insert(consequence);
        }
    }

    fn transfer(&mut self, transfer: Known<'_>, consequence: Consequence) {
        self.add(Subject::Transfer { uid: transfer.uid, name: transfer.name.clone() }, consequence);
    }

    /// The rows of an entity go; transfers that still write it read everything again.
    fn rows(&mut self, world: &World<'_>, project: Uid, entity: &EntityRef, consequence: Consequence) {
        self.add(Subject::Entity { project, entity: entity.clone() }, consequence);
        world.writing(entity).for_each(|transfer| self.transfer(transfer, Consequence::Reread));
    }

    /// Takes in what other changes mean.
    pub(crate) fn merge(&mut self, other: Self) {
        for (subject, mut consequences) in other.0 {
            self.0.entry(subject).or_default().append(&mut consequences);
        }
    }

    /// The effects, the gravest first, each said once: who reads everything again to make other rows does not
    /// also read everything again, and rows that go take the values of their fields with them.
    pub(crate) fn effects(&self, world: &World<'_>) -> Vec<DataEffect> {
        let mut effects = Vec::new();
        for (subject, consequences) in &self.0 {
            if self.is_within_lost_rows(subject) {
                continue;
            }
            let mut gravest = consequences.last().copied().unwrap_or(Consequence::None);
            let is_entity = matches!(subject, Subject::Entity { .. });
            if is_entity && gravest == Consequence::Rekey && consequences.contains(&Consequence::Reread) {
                // Rows under other keys are kept elsewhere: those that are there stay.
                gravest = Consequence::Reread;
            }
            for &consequence in consequences {
                let restarts =
                    matches!(consequence, Consequence::Restart | Consequence::Guard | Consequence::Deletions);
                if consequence == gravest || restarts {
                    let records = records(world, subject, consequence);
                    let lost = match subject {
                        Subject::Entity { project, entity } if consequence == Consequence::Rekey => {
                            lost::rows(world, *project, entity)
                        }
                        Subject::Entity { .. } | Subject::Field { .. } | Subject::Transfer { .. } => {
                            Vec::new()
                        }
                    };
                    let is_inactive = |known: Known<'_>| !known.spec.active;
                    let inactive = match subject {
                        Subject::Transfer { uid, .. } => world.transfer(*uid).is_some_and(is_inactive),
                        Subject::Entity { .. } | Subject::Field { .. } => false,
                    };
                    let subject = subject.clone();
                    effects.push(DataEffect { consequence, subject, records, inactive, lost });
                }
            }
        }
        effects.sort_by(|one, other| {
            other.consequence.cmp(&one.consequence).then_with(|| one.subject.cmp(&other.subject))
        });
        effects
    }

    fn is_within_lost_rows(&self, subject: &Subject) -> bool {
        let Subject::Field { project, entity, .. } = subject else { return false };
        self.0.contains_key(&Subject::Entity { project: *project, entity: entity.clone() })
    }
}

/// How many records an effect is about.
fn records(world: &World<'_>, subject: &Subject, consequence: Consequence) -> Option<u64> {
    match subject {
        // Its rows stay where they are.
        Subject::Entity { .. } if consequence == Consequence::Reread => None,
        Subject::Entity { project, entity } | Subject::Field { project, entity, .. } => {
            world.rows(*project, &entity.entity)
        }
        Subject::Transfer { uid, .. } if consequence.rereads() => {
            let active = world.transfer(*uid).is_some_and(|transfer| transfer.spec.active);
            Some(if active { world.expected(*uid) } else { 0 })
        }
        Subject::Transfer { .. } => None,
    }
}

/// Settles the consequence of each field of a change, and returns what the change means for the data.
pub(crate) fn weigh(draft: &mut Draft<'_>, world: &World<'_>) -> Impacts {
    let mut impacts = Impacts::default();
    let name = draft.pair.key.name.clone();
    let uid = draft.pair.uid();
    let (old, new) = (draft.old.as_ref().map(|old| &old.spec), draft.new.as_ref().map(|new| &new.spec));
    let fields = &mut draft.fields;
    match (uid, old, new) {
        // Tables outlive their project; what becomes of them is a note.
        (Some(_), Some(Spec::Project(old)), None) if !old.store.is_embedded() => {}
        (Some(uid), Some(Spec::Project(old)), None) => {
            for entity in old.entities.keys() {
                let entity = EntityRef { project: name.clone(), entity: entity.clone() };
                impacts.add(Subject::Entity { project: uid, entity }, Consequence::Drop);
            }
        }
        (Some(uid), Some(Spec::Project(old)), Some(Spec::Project(new))) => {
            let project = ProjectChange { uid, name: &name, old, new, world };
            for field in fields {
                project.weigh(field, &mut impacts);
            }
        }
        (Some(_), Some(Spec::Source(_)), Some(Spec::Source(new))) => {
            for field in fields.iter() {
                weigh_source(&name, new, field, world, &mut impacts);
            }
        }
        (Some(uid), Some(Spec::Transfer(old)), Some(Spec::Transfer(new))) => {
            for field in fields {
                weigh_transfer((uid, old, new), field, world, &mut impacts);
            }
        }
        (_, old, new) => weigh_integration((integration(old), integration(new)), fields, world, &mut impacts),
    }
    impacts
}

fn integration(spec: Option<&Spec>) -> Option<&IntegrationSpec> {
    if let Some(Spec::Integration(integration)) = spec { Some(integration) } else { None }
}

/// A project that stays, and what it says before and after.
struct ProjectChange<'a> {
    uid: Uid,
    name: &'a Name,
    old: &'a ProjectSpec,
    new: &'a ProjectSpec,
    world: &'a World<'a>,
}

impl ProjectChange<'_> {
    fn weigh(&self, field: &mut FieldChange, impacts: &mut Impacts) {
        let path: Vec<&str> = field.path.iter().map(String::as_str).collect();
        let ["spec", "entities", entity, inside @ ..] = path.as_slice() else {
            if let ["spec", "store", ..] = path.as_slice() {
                self.moves(field, impacts);
            }
            return;
        };
        let Some((entity, _)) = self.old.entities.get_key_value(*entity) else { return };
        if !self.old.store.is_embedded()
            && matches!(field.consequence, Consequence::Drop | Consequence::DropField)
        {
            // The table and its column stay as they are; that is a note.
            field.consequence = Consequence::None;
        }
        match (inside, field.consequence) {
            (_, Consequence::None) => {}
            (["fields", name, "column"], _) if self.is_key(entity, name) => {
                field.consequence = Consequence::Rekey;
                self.rows(entity, Consequence::Rekey, impacts);
            }
            (["fields", name, _, ..], Consequence::Remap) => {
                if self.is_key(entity, name) && inside.get(2) == Some(&"type") {
                    // The bytes of a key depend on the type of its values.
                    field.consequence = Consequence::Rekey;
                    self.rows(entity, Consequence::Rekey, impacts);
                } else {
                    self.feeding(entity, name)
                        .for_each(|transfer| impacts.transfer(transfer, Consequence::Remap));
                }
            }
            (["fields", name], Consequence::DropField) => {
                let name = self.old.entities.get(entity).and_then(|old| old.fields.get_key_value(*name));
                if let Some((name, _)) = name {
                    let entity = self.entity(entity);
                    impacts.add(
                        Subject::Field { project: self.uid, entity, field: name.clone() },
                        Consequence::DropField,
                    );
                }
            }
            (_, consequence) => self.rows(entity, consequence, impacts),
        }
    }

    /// The rows go to another store. Those in the state would be out of reach there; a database keeps them, and files stay in a
    /// folder that stays.
    fn moves(&self, field: &mut FieldChange, impacts: &mut Impacts) {
        if let Some(consequence) = folder::within(&self.old.store, &self.new.store) {
            field.consequence = consequence;
            let entities = self.new.entities.keys().map(|entity| self.entity(entity));
            for entity in entities {
                self.world.writing(&entity).for_each(|transfer| impacts.transfer(transfer, consequence));
            }
            return;
        }
        if self.old.store.is_embedded() {
            field.consequence = Consequence::Drop;
        }
        let stay = self.new.entities.keys().filter(|entity| self.old.entities.contains_key(*entity));
        stay.for_each(|entity| self.rows(entity, field.consequence, impacts));
    }

    fn entity(&self, entity: &Ident) -> EntityRef {
        EntityRef { project: self.name.clone(), entity: entity.clone() }
    }

    fn rows(&self, entity: &Ident, consequence: Consequence, impacts: &mut Impacts) {
        impacts.rows(self.world, self.uid, &self.entity(entity), consequence);
    }

    fn is_key(&self, entity: &Ident, field: &str) -> bool {
        let has = |project: &ProjectSpec| {
            project
                .entities
                .get(entity)
                .is_some_and(|entity| entity.key.0.iter().any(|key| key.as_str() == field))
        };
        has(self.old) || has(self.new)
    }

    /// The transfers whose mapping feeds a field.
    fn feeding(&self, entity: &Ident, field: &str) -> impl Iterator<Item = Known<'_>> {
        self.world.writing(&self.entity(entity)).filter(move |transfer| {
            mapping(transfer.spec).is_some_and(|mapping| {
                mapping.fields.contains_key(field) || mapping.primary_key.contains_key(field)
            })
        })
    }
}

fn weigh_source(
    name: &Name,
    source: &SourceSpec,
    field: &FieldChange,
    world: &World<'_>,
    impacts: &mut Impacts,
) {
    let path: Vec<&str> = field.path.iter().map(String::as_str).collect();
    let changed = match path.as_slice() {
        ["spec", "config", "dataTypes", changed, ..] => Some(*changed),
        _ => None,
    };
    for transfer in world.reading(name) {
        let read = data_type(transfer.name, transfer.spec);
        if changed.is_none_or(|changed| leads_to(source, changed, read)) {
            impacts.transfer(transfer, field.consequence);
        }
    }
}

/// Whether a data type is another one or has it among its parents: the records of a parent decide what is
/// asked of its children.
fn leads_to(source: &SourceSpec, changed: &str, read: &str) -> bool {
    let mut read = Some(read);
    // No chain of parents is longer than the list of data types; a longer one is a circle.
    for _ in 0..=source.settings.data_types().len() {
        match read {
            None => return false,
            Some(read) if read == changed => return true,
            Some(child) => read = source.settings.parent_of(child).map(DataTypeName::as_str),
        }
    }
    false
}

fn weigh_transfer(
    (uid, old, new): (Uid, &TransferSpec, &TransferSpec),
    field: &mut FieldChange,
    world: &World<'_>,
    impacts: &mut Impacts,
) {
    if field.consequence == Consequence::Rekey {
        field.consequence = rekeys((uid, old, new), world);
    }
    if let ["spec", "deletes", rest @ ..] =
        field.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
    {
        field.consequence = of_deletions(rest.first().copied(), &old.deletes, &new.deletes);
    }
    match (field.consequence, world.transfer(uid), world.project(&new.to.project)) {
        (Consequence::Rekey, _, Some(project)) => impacts.rows(world, project, &new.to, Consequence::Rekey),
        (consequence, Some(transfer), _) => impacts.transfer(transfer, consequence),
        (_, None, _) => {}
    }
}

/// What another `deletes` means, or another of one of its ways: a way that is there before and after and has a larger share
/// only lets more go without a person. A way that comes or goes is more than its share.
fn of_deletions(way: Option<&str>, old: &Deletes, new: &Deletes) -> Consequence {
    let is_it = |name| way.is_none_or(|way| way == name);
    let only = |deletes: &Deletes| Deletes {
        field: deletes.field.clone().filter(|_| is_it("field")),
        webhook: deletes.webhook.clone().filter(|_| is_it("webhook")),
        snapshot: deletes.snapshot.clone().filter(|_| is_it("snapshot")),
        crowded: false,
    };
    let (mut before, mut after) = (only(old), only(new));
    let (smaller, larger) = (take_shares(&mut before), take_shares(&mut after));
    if before != after {
        Consequence::Deletions
    } else if smaller.iter().zip(larger).any(|(before, after)| after > *before) {
        Consequence::Guard
    } else {
        Consequence::None
    }
}

/// The largest share of each way, in whose place is the default one then.
fn take_shares(deletes: &mut Deletes) -> [Option<Percent>; 3] {
    deletes.crowded = false;
    [
        deletes.field.as_mut().map(|field| std::mem::take(&mut field.max_share)),
        deletes.webhook.as_mut().map(|webhook| std::mem::take(&mut webhook.max_share)),
        deletes.snapshot.as_mut().map(|snapshot| std::mem::take(&mut snapshot.max_share)),
    ]
}

/// What another primary key means.
fn rekeys((uid, old, new): (Uid, &TransferSpec, &TransferSpec), world: &World<'_>) -> Consequence {
    let assigned = |spec: &TransferSpec| mapping(spec).is_some_and(|mapping| !mapping.primary_key.is_empty());
    if old.to != new.to {
        // The rows under the old keys are in the entity that is left behind.
        Consequence::Reread
    } else if !assigned(new) || !assigned(old) && !world.has_run(uid) {
        // Nothing was written under another key, and nothing is before there is a key again.
        Consequence::None
    } else if old.mode == Mode::Enrich && new.mode == Mode::Enrich {
        // The rows and their keys belong to others.
        Consequence::Remap
    } else {
        Consequence::Rekey
    }
}

/// Update types count for all integrations of a transfer together: what another one wants already is not new.
fn weigh_integration(
    (old, new): (Option<&IntegrationSpec>, Option<&IntegrationSpec>),
    fields: &mut [FieldChange],
    world: &World<'_>,
    impacts: &mut Impacts,
) {
    let mut transfers: BTreeSet<&Name> = BTreeSet::new();
    transfers.extend(old.into_iter().chain(new).flat_map(|integration| integration.subscriptions.keys()));
    for name in transfers {
        let Some(transfer) = world.transfer_named(name) else { continue };
        let changes = fields.iter_mut().find(|field| is_subscription(&field.path, name));
        if changes.is_none() && old.is_some() && new.is_some() {
            continue;
        }
        let (now, then) = world.updates(name);
        let consequences = updates(&now, &then, world.has_run(transfer.uid));
        for consequence in &consequences {
            impacts.transfer(transfer, *consequence);
        }
        if let Some(field) = changes {
            field.consequence = consequences.into_iter().max().unwrap_or(Consequence::None);
        }
    }
}

fn is_subscription(path: &[String], transfer: &Name) -> bool {
    matches!(path, [_, subscriptions, name, ..] if subscriptions == "subscriptions" && name == transfer.as_str())
}

/// What other update types mean for a transfer.
fn updates(now: &Updates, then: &Updates, has_run: bool) -> Vec<Consequence> {
    if then.is_empty() || now.is_empty() && !has_run {
        return Vec::new();
    }
    let mut consequences = Vec::new();
    if [UpdateType::Created, UpdateType::Updated].iter().any(|one| then.contains(one) && !now.contains(one)) {
        consequences.push(Consequence::Reread);
    }
    if now.contains(&UpdateType::Deleted) != then.contains(&UpdateType::Deleted) {
        consequences.push(Consequence::Deletions);
    }
    consequences
}
