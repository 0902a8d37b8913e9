//! From a plan to the one commit that carries it out.
//!
//! The commit follows the plan and nothing else: it is wholly made or not at all, and only on the serial that
//! the plan was made for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::canonical::CanonicalError;
use raccord_model::fact::{
    self, Entry, Generation, GenerationChange, IntegrationFact, TransferFact, Uid, Warned,
};
use raccord_model::plan::{Action, Consequence};
use raccord_model::port::state::{Commit, Condition, Table, Write};
use raccord_model::{Desired, Digest, Key, Kind, Name};

use crate::current::{Current, Facts};
use crate::entity::{self, Incarnations, ProjectWork};
use crate::plan::{Change, Note, Plan, Subject};
use crate::refusal::Refusal;
use crate::table;
use crate::webhook;

/// Who applies a plan, and when.
#[derive(Debug, Clone)]
pub struct Apply {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The generation that the plan goes back to, for a rollback.
    pub rollback_to: Option<u64>,
    /// The commit of the repository that the configuration was read from, when it was.
    pub commit: Option<String>,
}

/// Why a plan is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The plan has refusals.
    #[error("the plan is refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// The plan was made for another state, or for this one as it was before.
    #[error("the plan was made for serial {planned} of state {lineage}; the state has moved")]
    Stale {
        /// The plan's state.
        lineage: uuid::Uuid,
        /// Where it stood.
        planned: u64,
    },
    /// The plan was made for another configuration.
    #[error("the plan was made for another configuration")]
    OtherConfiguration,
    /// A change names something that the configuration or the state does not hold.
    #[error("the plan and its configuration do not agree on {0}")]
    Inconsistent(Key),
    /// What is known of a transfer was not loaded; without it an epoch could fall.
    #[error("the facts of transfer `{0}` are missing")]
    MissingFact(Uid),
    /// Numbers have run out.
    #[error("the state has no more numbers for entities or fields")]
    Exhausted,
    /// A body has no canonical form.
    #[error("write {key}")]
    Seal {
        /// Which.
        key: Key,
        /// Why.
        #[source]
        source: CanonicalError,
    },
    /// A fact has no JSON form.
    #[error("write a fact")]
    Fact(#[from] serde_json::Error),
}

/// The commit that carries a plan out. A plan without work makes a commit without writes.
pub fn commit(
    plan: &Plan,
    desired: &Desired,
    current: &Current,
    apply: &Apply,
    new_uid: &mut dyn FnMut() -> Uid,
) -> Result<Commit, CommitError> {
    Prepared::new(plan, desired, current, apply, new_uid)?.on(&current.facts)
}

/// A commit but for the facts of transfers and integrations, which runs change meanwhile: those are decided anew,
/// without planning again, when some have changed.
pub struct Prepared<'a> {
    plan: &'a Plan,
    index: &'a BTreeMap<Key, Entry>,
    delta: Vec<GenerationChange>,
    /// The writes before those of facts, and after.
    before: Vec<Write>,
    after: Vec<Write>,
}

impl<'a> Prepared<'a> {
    /// Prepares the commit of a plan.
    pub fn new(
        plan: &'a Plan,
        desired: &Desired,
        current: &'a Current,
        apply: &Apply,
        new_uid: &mut dyn FnMut() -> Uid,
    ) -> Result<Self, CommitError> {
        check(plan, desired, current)?;
        let (mut delta, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        let mut generation = current.head.generation;
        if !plan.is_empty() {
            generation += 1;
            delta = self::delta(plan, current, new_uid)?;
            resources(&delta, desired, &mut before)?;
            entities(plan, &delta, desired, current, &mut before)?;
            after.extend(webhook::steps(desired, current, &delta, generation)?);
            let record = Generation {
                number: generation,
                at: apply.at,
                by: apply.by.clone(),
                rollback_to: apply.rollback_to,
                commit: apply.commit.clone(),
                configuration: configuration(&delta, current),
                changes: delta.clone(),
            };
            let key = format!("{generation:020}");
            after.push(Write::Put(Table::Generations, key, fact::write(&record)?));
        }
        if plan.has_work() {
            after.push(Write::Head { stack: desired.stack.clone(), root: desired.root.clone(), generation });
        }
        Ok(Self { plan, index: &current.index, delta, before, after })
    }

    /// The commit when these are the facts. It is refused when one that it changes is another by then.
    pub fn on(&self, facts: &Facts) -> Result<Commit, CommitError> {
        let expected = Some(self.plan.serial);
        let mut commit = Commit { expected, writes: self.before.clone(), ..Commit::default() };
        if !self.plan.is_empty() {
            FactWrites { plan: self.plan, delta: &self.delta, index: self.index, facts }.add(&mut commit)?;
        }
        commit.writes.extend(self.after.iter().cloned());
        Ok(commit)
    }
}

fn check(plan: &Plan, desired: &Desired, current: &Current) -> Result<(), CommitError> {
    if !plan.is_allowed() {
        return Err(CommitError::Refused(plan.refusals.clone()));
    }
    if plan.lineage != current.head.lineage || plan.serial != current.head.serial {
        return Err(CommitError::Stale { lineage: plan.lineage, planned: plan.serial });
    }
    if plan.configuration != desired.digest() || plan.stack != desired.stack {
        return Err(CommitError::OtherConfiguration);
    }
    Ok(())
}

/// What each change does to the index; a new resource gets its identity here.
fn delta(
    plan: &Plan,
    current: &Current,
    new_uid: &mut dyn FnMut() -> Uid,
) -> Result<Vec<GenerationChange>, CommitError> {
    let mut delta = Vec::with_capacity(plan.changes.len());
    for change in &plan.changes {
        let inconsistent = || CommitError::Inconsistent(change.key.clone());
        let before = current.index.get(&old_key(change)).copied();
        if before.map(|entry| entry.digest) != change.before || before.map(|entry| entry.uid) != change.uid {
            return Err(inconsistent());
        }
        let uid = before.map_or_else(&mut *new_uid, |entry| entry.uid);
        let after = change.after.map(|digest| Entry { uid, digest });
        delta.push(GenerationChange {
            key: change.key.clone(),
            renamed_from: change.renamed_from.clone(),
            action: change.action,
            before,
            after,
        });
    }
    Ok(delta)
}

fn old_key(change: &Change) -> Key {
    let name = change.renamed_from.as_ref().unwrap_or(&change.key.name);
    Key::new(change.key.kind, name.clone())
}

/// Bodies and entries of the index.
fn resources(
    delta: &[GenerationChange],
    desired: &Desired,
    writes: &mut Vec<Write>,
) -> Result<(), CommitError> {
    for change in delta {
        if let Some(from) = &change.renamed_from {
            writes.push(Write::Unindex(Key::new(change.key.kind, from.clone())));
        }
        let Some(entry) = change.after else {
            writes.push(Write::Unindex(change.key.clone()));
            continue;
        };
        let inconsistent = || CommitError::Inconsistent(change.key.clone());
        let wanted = desired.resources.get(&change.key).ok_or_else(inconsistent)?;
        if change.before.is_none_or(|before| before.digest != entry.digest) {
            let seal = wanted.resource.seal();
            let (body, digest) =
                seal.map_err(|source| CommitError::Seal { key: change.key.clone(), source })?;
            if digest != entry.digest {
                return Err(inconsistent());
            }
            writes.push(Write::Body(digest, body.into()));
        }
        writes.push(Write::Index(change.key.clone(), entry));
    }
    Ok(())
}

/// The facts of entities whose project changes or whose rows get other keys.
fn entities(
    plan: &Plan,
    delta: &[GenerationChange],
    desired: &Desired,
    current: &Current,
    writes: &mut Vec<Write>,
) -> Result<(), CommitError> {
    let mut projects: BTreeMap<Uid, ProjectWork<'_>> = BTreeMap::new();
    for effect in &plan.effects {
        if let (
            Subject::Entity { project, entity },
            Consequence::Rekey | Consequence::Drop | Consequence::Reread,
        ) = (&effect.subject, effect.consequence)
        {
            let work = projects.entry(*project).or_default();
            work.after = desired.project(&entity.project);
            work.renewed.insert(entity.entity.clone(), effect.consequence);
        }
    }
    for change in delta.iter().filter(|change| change.key.kind == Kind::Project) {
        let Some(entry) = change.after.or(change.before) else { continue };
        let after = change.after.and_then(|_| desired.project(&change.key.name));
        projects.entry(entry.uid).or_default().after = after;
    }
    let mut incarnations = Incarnations::of(current.head.generation + 1)?;
    for (project, work) in &projects {
        let place = table::place_before(*project, desired, current)?;
        writes.extend(entity::writes(*project, (work, &place), &current.facts, &mut incarnations)?);
    }
    let renewed =
        projects.iter().filter(|(_, work)| !work.renewed.is_empty()).map(|(project, _)| *project).collect();
    writes.extend(table::steps(delta, (desired, current), &renewed)?);
    Ok(())
}

/// The digest of the configuration that will be in force; with targets, that is not the one asked for.
fn configuration(delta: &[GenerationChange], current: &Current) -> Digest {
    let mut index: BTreeMap<Key, Digest> =
        current.index.iter().map(|(key, entry)| (key.clone(), entry.digest)).collect();
    for change in delta {
        if let Some(from) = &change.renamed_from {
            index.remove(&Key::new(change.key.kind, from.clone()));
        }
        match change.after {
            Some(entry) => _ = index.insert(change.key.clone(), entry.digest),
            None => _ = index.remove(&change.key),
        }
    }
    Desired::digest_of(index.iter().map(|(key, digest)| (key, *digest)))
}

/// The facts of transfers and integrations that a plan changes.
struct FactWrites<'a> {
    plan: &'a Plan,
    delta: &'a [GenerationChange],
    index: &'a BTreeMap<Key, Entry>,
    facts: &'a Facts,
}

impl FactWrites<'_> {
    /// Adds the writes, and that each fact must still be the one that they were made from.
    fn add(&self, commit: &mut Commit) -> Result<(), CommitError> {
        let mut transfers = self.fenced()?;
        let mut integrations = self.renamed_trips();
        for note in &self.plan.notes {
            if let Note::Resumes { uid, transfer, .. } = note {
                self.resume(*uid, transfer, &mut integrations, &mut transfers);
            }
        }
        for change in self.delta {
            let (table, uid) = match (change.key.kind, change.before, change.after) {
                (Kind::Transfer, None, Some(entry)) => {
                    transfers.insert(entry.uid, TransferFact::default());
                    continue;
                }
                (Kind::Transfer, Some(entry), None) => (Table::Transfers, entry.uid),
                (Kind::Integration, Some(entry), None) => (Table::Integrations, entry.uid),
                (
                    Kind::Transfer
                    | Kind::Integration
                    | Kind::Stack
                    | Kind::Project
                    | Kind::Authorization
                    | Kind::Source
                    | Kind::Mapping
                    | Kind::Subscription
                    | Kind::Alert,
                    ..,
                ) => continue,
            };
            transfers.remove(&uid);
            integrations.remove(&uid);
            commit.writes.push(Write::Remove(table, uid.to_string()));
        }
        for (uid, fact) in transfers {
            self.put(commit, Table::Transfers, uid, fact::write(&fact)?);
        }
        for (uid, fact) in integrations {
            self.put(commit, Table::Integrations, uid, fact::write(&fact)?);
        }
        Ok(())
    }

    fn put(&self, commit: &mut Commit, table: Table, uid: Uid, fact: Vec<u8>) {
        let key = uid.to_string();
        // One that is created was not read.
        if let Some(revision) = self.facts.revisions.get(&(table, key.clone())) {
            commit.conditions.push(Condition { table, key: key.clone(), revision: *revision });
        }
        commit.writes.push(Write::Put(table, key, fact));
    }

    /// Transfers with a consequence get another epoch, so that what runs under the old configuration can no
    /// longer write; those that read everything again lose their checkpoint with it.
    fn fenced(&self) -> Result<BTreeMap<Uid, TransferFact>, CommitError> {
        let mut fenced: BTreeMap<Uid, TransferFact> = BTreeMap::new();
        for effect in &self.plan.effects {
            let Subject::Transfer { uid, .. } = &effect.subject else { continue };
            let known = self.facts.transfers.get(uid).ok_or(CommitError::MissingFact(*uid))?;
            let fact = fenced.entry(*uid).or_insert_with(|| known.clone());
            fact.decided.epoch = known.decided.epoch + 1;
            if effect.consequence.rereads() {
                fact.decided.reset = fact.decided.epoch;
            }
        }
        Ok(fenced)
    }

    /// A trip names the transfer that failed, and follows its rename.
    fn renamed_trips(&self) -> BTreeMap<Uid, IntegrationFact> {
        let renamed: BTreeMap<_, _> = self
            .delta
            .iter()
            .filter(|change| change.key.kind == Kind::Transfer && change.action == Action::Rename)
            .filter_map(|change| Some((change.renamed_from.as_ref()?, &change.key.name)))
            .collect();
        let facts = self.facts.integrations.iter();
        let moved = facts.filter_map(|(uid, fact)| {
            let mut fact = fact.clone();
            let trip = fact.trip.as_mut()?;
            trip.transfer = (*renamed.get(&trip.transfer)?).clone();
            Some((*uid, fact))
        });
        moved.collect()
    }

    /// Lifts a trip, and forgets the failures that led to it.
    fn resume(
        &self,
        uid: Uid,
        transfer: &Name,
        integrations: &mut BTreeMap<Uid, IntegrationFact>,
        transfers: &mut BTreeMap<Uid, TransferFact>,
    ) {
        let Some(known) = self.facts.integrations.get(&uid) else { return };
        let fact = integrations.entry(uid).or_insert_with(|| known.clone());
        fact.trip = None;
        fact.rejects.clear();
        fact.warned = Warned::default();
        let key = Key::new(Kind::Transfer, transfer.clone());
        let changed = self.delta.iter().find(|change| change.key == key).and_then(|change| change.before);
        let Some(entry) = changed.or_else(|| self.index.get(&key).copied()) else { return };
        let Some(known) = self.facts.transfers.get(&entry.uid) else { return };
        transfers.entry(entry.uid).or_insert_with(|| known.clone()).observed.consecutive_failures = 0;
    }
}
