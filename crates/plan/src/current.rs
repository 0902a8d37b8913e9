//! What the state holds, as far as a plan needs it; and what that is.
//!
//! Planning compares two indexes of digests first. Only when something differs are bodies and facts loaded,
//! and only those that [`needs`] names.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::{EntityFact, Entry, IntegrationFact, TransferFact, Uid};
use raccord_model::language::ByNameOrInline;
use raccord_model::port::state::{Head, Revision, Table};
use raccord_model::resource::Spec;
use raccord_model::{Desired, Digest, Ident, Key, Kind, Name, Resource};

use crate::pairing::Pairing;

/// What the state holds, as far as a plan needs it.
#[derive(Debug, Clone)]
pub struct Current {
    /// Which state it is and where it stands.
    pub head: Head,
    /// Every resource of the generation in force.
    pub index: BTreeMap<Key, Entry>,
    /// The bodies that [`needs`] named.
    pub bodies: BTreeMap<Digest, Resource>,
    /// The facts that [`needs`] named.
    pub facts: Facts,
}

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Of transfers; one that is missing has never run.
    pub transfers: BTreeMap<Uid, TransferFact>,
    /// Of entities, by the project's identity and the entity's name.
    pub entities: BTreeMap<(Uid, Ident), EntityFact>,
    /// How many rows each incarnation has; what is missing is shown as unknown.
    pub rows: BTreeMap<u64, u64>,
    /// How many rows of an incarnation each transfer owns; what is missing is unknown.
    pub owners: BTreeMap<u64, BTreeMap<Uid, u64>>,
    /// How many rows a transfer owns, where no complete reading of it is known.
    pub owned: BTreeMap<Uid, u64>,
    /// What waits for the transfers that go.
    pub waiting: BTreeMap<Uid, Waiting>,
    /// Of integrations: all of them, for a plan shows every trip.
    pub integrations: BTreeMap<Uid, IntegrationFact>,
    /// Which revisions of the facts of transfers and integrations these are, by table and key; `None` for a fact that is
    /// not there.
    pub revisions: BTreeMap<(Table, String), Option<Revision>>,
}

/// What waits for a transfer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Deliveries in its inbox.
    pub deliveries: u64,
    /// Its rejects, as far as they can be seen.
    pub rejects: u64,
}

/// What has to be loaded before a plan can be made, beside the head, the index and the facts of integrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The bodies of the resources that change or go.
    pub bodies: BTreeSet<Digest>,
    /// The transfers whose facts may count.
    pub transfers: BTreeSet<Uid>,
    /// The transfers that go, and what they say: what waits for them may count.
    pub gone: BTreeMap<Uid, Digest>,
    /// The projects whose entities' facts and row counts may count.
    pub projects: BTreeSet<Uid>,
}

/// Compares the configuration with the index of the state: what a plan has to know beyond these two. Nothing,
/// when nothing differs.
pub fn needs(desired: &Desired, index: &BTreeMap<Key, Entry>) -> Needs {
    let pairing = Pairing::of(desired, index);
    let mut needs = Needs::default();
    let mut changed = Changed::default();
    for pair in &pairing.changed {
        if let Some((_, entry)) = pair.before {
            needs.bodies.insert(entry.digest);
            if pair.after.is_none() && pair.key.kind == Kind::Transfer {
                needs.gone.insert(entry.uid, entry.digest);
            }
        }
        let new = pair.before.is_none();
        changed.note(pair.key, new, pair.after.map(|wanted| &wanted.resource.spec));
        if pair.key.kind == Kind::Project {
            needs.projects.extend(pair.uid());
        }
    }
    if pairing.changed.is_empty() {
        return needs;
    }
    for (key, wanted) in &desired.resources {
        if let Spec::Source(source) = &wanted.resource.spec
            && let Some(ByNameOrInline::ByName(authorization)) = &source.authorization
            && changed.authorizations.contains(authorization)
        {
            changed.sources.insert(&key.name);
        }
    }
    for (key, wanted) in &desired.resources {
        let Spec::Transfer(transfer) = &wanted.resource.spec else { continue };
        let Some(uid) = pairing.known(key, index).map(|entry| entry.uid) else { continue };
        if changed.subscriptions
            || changed.transfers.contains(&key.name)
            || changed.sources.contains(&transfer.source)
            || changed.projects.contains(&transfer.to.project)
        {
            needs.transfers.insert(uid);
        }
    }
    // The rows of an entity into which a changed transfer writes may have to go.
    let written = desired.resources.keys().filter(|key| key.kind == Kind::Project);
    for project in written.filter(|key| changed.projects.contains(&key.name)) {
        needs.projects.extend(pairing.known(project, index).map(|entry| entry.uid));
    }
    needs
}

/// The names of what changes, as the configuration calls it.
#[derive(Default)]
struct Changed<'a> {
    authorizations: BTreeSet<&'a Name>,
    sources: BTreeSet<&'a Name>,
    projects: BTreeSet<&'a Name>,
    transfers: BTreeSet<&'a Name>,
    /// Whether an integration of the state changes. What it subscribed to until now stands in a body that is
    /// not loaded yet, so that every transfer may be concerned.
    subscriptions: bool,
}

impl<'a> Changed<'a> {
    fn note(&mut self, key: &'a Key, new: bool, after: Option<&'a Spec>) {
        match (key.kind, after) {
            (Kind::Authorization, _) => _ = self.authorizations.insert(&key.name),
            (Kind::Source, _) => _ = self.sources.insert(&key.name),
            (Kind::Project, _) => _ = self.projects.insert(&key.name),
            (Kind::Transfer, Some(Spec::Transfer(transfer))) => {
                self.transfers.insert(&key.name);
                self.projects.insert(&transfer.to.project);
            }
            (Kind::Integration, Some(Spec::Integration(integration))) if new => {
                self.transfers.extend(integration.subscriptions.keys());
            }
            (Kind::Integration, _) => self.subscriptions = true,
            (Kind::Stack | Kind::Mapping | Kind::Subscription | Kind::Alert | Kind::Transfer, _) => {}
        }
    }
}
