//! What will stand when the plan is applied, indexed by who reads from whom and who writes where.
//!
//! It holds only what is there before and after: what is created has no data yet.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::{Entry, TransferFact, Uid, Updates};
use raccord_model::language::{ByNameOrInline, IntegrationSpec, TransferSpec, UpdateType};
use raccord_model::name::EntityRef;
use raccord_model::resource::Spec;
use raccord_model::{Desired, Ident, Key, Kind, Name, Resource};

use crate::current::{Current, Facts};
use crate::diff::Draft;
use crate::pairing::Pairing;

/// A transfer that is there before and after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Its identity.
    pub(crate) uid: Uid,
    /// What it will be called.
    pub(crate) name: &'a Name,
    /// What it will say.
    pub(crate) spec: &'a TransferSpec,
}

/// What will stand when the plan is applied.
#[derive(Debug)]
pub(crate) struct World<'a> {
    /// What has happened so far.
    facts: &'a Facts,
    transfers: BTreeMap<Uid, Known<'a>>,
    by_name: BTreeMap<&'a Name, Uid>,
    by_source: BTreeMap<&'a Name, Vec<Uid>>,
    by_entity: BTreeMap<&'a EntityRef, Vec<Uid>>,
    projects: BTreeMap<&'a Name, Uid>,
    integrations: Vec<&'a IntegrationSpec>,
    /// The update types that each transfer's integrations want together, now and then.
    wanted: (BTreeMap<Name, Updates>, BTreeMap<Name, Updates>),
}

impl<'a> World<'a> {
    /// The world after a plan with these drafts and without those that were left out.
    pub(crate) fn after(
        desired: &'a Desired,
        current: &'a Current,
        pairing: &Pairing<'_>,
        (drafts, left_out): (&[Draft<'a>], &[Draft<'a>]),
    ) -> Self {
        let mut world = Self {
            facts: &current.facts,
            transfers: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_source: BTreeMap::new(),
            by_entity: BTreeMap::new(),
            projects: BTreeMap::new(),
            integrations: Vec::new(),
            wanted: wanted(desired, drafts, left_out),
        };
        let skipped: BTreeSet<&Key> = left_out.iter().map(|draft| draft.pair.key).collect();
        for (key, wanted) in desired.resources.iter().filter(|(key, _)| !skipped.contains(key)) {
            world.integrations.extend(integration(&wanted.resource));
            if let Some(entry) = pairing.known(key, &current.index) {
                world.add(key, entry, &wanted.resource);
            }
        }
        for draft in left_out {
            world.integrations.extend(draft.raw.and_then(integration));
            if let (Some((key, entry)), Some(raw)) = (draft.pair.before, draft.raw) {
                world.add(key, entry, raw);
            }
        }
        world
    }

    fn add(&mut self, key: &'a Key, entry: Entry, resource: &'a Resource) {
        let (uid, name) = (entry.uid, &key.name);
        match &resource.spec {
            Spec::Transfer(spec) => {
                self.transfers.insert(uid, Known { uid, name, spec });
                self.by_name.insert(name, uid);
                self.by_source.entry(&spec.source).or_default().push(uid);
                self.by_entity.entry(&spec.to).or_default().push(uid);
            }
            Spec::Project(_) => _ = self.projects.insert(name, uid),
            Spec::Stack(_) | Spec::Authorization(_) | Spec::Source(_) | Spec::Integration(_) => {}
        }
    }

    /// A transfer by identity.
    pub(crate) fn transfer(&self, uid: Uid) -> Option<Known<'a>> {
        self.transfers.get(&uid).copied()
    }

    /// A transfer by name.
    pub(crate) fn transfer_named(&self, name: &Name) -> Option<Known<'a>> {
        self.by_name.get(name).and_then(|uid| self.transfer(*uid))
    }

    /// The transfers that read a source.
    pub(crate) fn reading(&self, source: &Name) -> impl Iterator<Item = Known<'a>> {
        self.by_source.get(source).into_iter().flatten().filter_map(|uid| self.transfer(*uid))
    }

    /// The transfers that write an entity.
    pub(crate) fn writing<'w>(&'w self, entity: &EntityRef) -> impl Iterator<Item = Known<'a>> + use<'w, 'a> {
        self.by_entity.get(entity).into_iter().flatten().filter_map(|uid| self.transfer(*uid))
    }

    /// The identity of a project that is there before and after.
    pub(crate) fn project(&self, name: &Name) -> Option<Uid> {
        self.projects.get(name).copied()
    }

    /// What is known of a transfer.
    pub(crate) fn fact(&self, uid: Uid) -> Option<&'a TransferFact> {
        self.facts.transfers.get(&uid)
    }

    /// How many records a transfer reads when it reads everything: as many as last time, or as many as it has stored
    /// when no such reading is known.
    pub(crate) fn expected(&self, uid: Uid) -> u64 {
        let read = self.fact(uid).map_or(0, |fact| fact.observed.last_full_read);
        if read > 0 { read } else { self.facts.owned.get(&uid).copied().unwrap_or(0) }
    }

    /// Whether a transfer has ever read something.
    pub(crate) fn has_run(&self, uid: Uid) -> bool {
        self.fact(uid)
            .is_some_and(|fact| fact.observed.last_run.is_some() || fact.observed.last_full_read > 0)
    }

    /// How many rows an entity has, as far as it is known. One that was never allotted rows has none.
    pub(crate) fn rows(&self, project: Uid, entity: &Ident) -> Option<u64> {
        match self.facts.entities.get(&(project, entity.clone())) {
            None => Some(0),
            Some(fact) => self.facts.rows.get(&fact.incarnation).copied(),
        }
    }

    /// How many rows of an entity each transfer owns, as far as it is known.
    pub(crate) fn owners(&self, project: Uid, entity: &Ident) -> Option<&'a BTreeMap<Uid, u64>> {
        let fact = self.facts.entities.get(&(project, entity.clone()))?;
        self.facts.owners.get(&fact.incarnation)
    }

    /// Whether an active integration will want the new records of a transfer.
    pub(crate) fn wants_created(&self, transfer: &Name) -> bool {
        let active = self.integrations.iter().filter(|integration| integration.active);
        let updates = active.filter_map(|integration| integration.subscriptions.get(transfer)?.inline());
        updates.into_iter().any(|subscription| subscription.updates.contains(&UpdateType::Created))
    }

    /// The update types that a transfer's integrations want together: now, and then.
    pub(crate) fn updates(&self, transfer: &Name) -> (Updates, Updates) {
        let of = |side: &BTreeMap<Name, Updates>| side.get(transfer).cloned().unwrap_or_default();
        (of(&self.wanted.0), of(&self.wanted.1))
    }
}

/// What all integrations want of each transfer, now and then. Empty when no integration changes.
fn wanted(
    desired: &Desired,
    drafts: &[Draft<'_>],
    left_out: &[Draft<'_>],
) -> (BTreeMap<Name, Updates>, BTreeMap<Name, Updates>) {
    let (mut now, mut then) = (BTreeMap::new(), BTreeMap::new());
    let is_integration = |draft: &&Draft<'_>| draft.pair.key.kind == Kind::Integration;
    if !drafts.iter().any(|draft| is_integration(&draft)) {
        return (now, then);
    }
    for draft in drafts.iter().filter(is_integration) {
        add_updates(&mut now, draft.old.as_ref());
        add_updates(&mut then, draft.new.as_deref());
    }
    for draft in left_out.iter().filter(is_integration) {
        add_updates(&mut now, draft.raw);
        add_updates(&mut then, draft.raw);
    }
    let changed: BTreeSet<&Key> = drafts.iter().chain(left_out).map(|draft| draft.pair.key).collect();
    for (_, wanted) in desired.resources.iter().filter(|(key, _)| !changed.contains(key)) {
        add_updates(&mut now, Some(&wanted.resource));
        add_updates(&mut then, Some(&wanted.resource));
    }
    (now, then)
}

fn integration(resource: &Resource) -> Option<&IntegrationSpec> {
    if let Spec::Integration(integration) = &resource.spec { Some(integration) } else { None }
}

fn add_updates(side: &mut BTreeMap<Name, Updates>, resource: Option<&Resource>) {
    let Some(Spec::Integration(integration)) = resource.map(|resource| &resource.spec) else { return };
    for (transfer, subscription) in &integration.subscriptions {
        let updates = subscription.inline().map(|inline| inline.updates.iter().copied());
        side.entry(transfer.clone()).or_default().extend(updates.into_iter().flatten());
    }
}

/// The mapping of a transfer, settled as every mapping of a resource is.
pub(crate) fn mapping(transfer: &TransferSpec) -> Option<&raccord_model::language::MappingSpec> {
    transfer.mapping.as_ref().and_then(ByNameOrInline::inline)
}
