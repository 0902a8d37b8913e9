//! A state in memory that carries commits out, and configurations built from short JSON.

use std::collections::BTreeMap;

use raccord_model::fact::{self, EntityFact, Entry, Generation, IntegrationFact, TransferFact, Uid};
use raccord_model::port::state::{Commit, Head, Table, Write};
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Digest, Key, Kind, Resource};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Apply, Current, Facts, Needs, Options, Plan, Subject, Waiting, commit, diff, needs, prune};

/// Everything allowed.
pub(crate) fn allow_all() -> Options {
    Options { targets: Vec::new(), allow_delete: true, allow_rekey: true, brief: false }
}

/// A configuration from `{"Kind/name": spec, "Kind/new <- old": spec}`.
pub(crate) fn desired(specs: &Value) -> Desired {
    let mut stack = "default".to_owned();
    let mut resources = BTreeMap::new();
    for (name, spec) in specs.as_object().expect("a map of specs") {
        let (key, from) =
            name.split_once(" <- ").map_or((name.as_str(), None), |(key, from)| (key, Some(from)));
        let key: Key = key.parse().expect("Kind/name");
        let resource: Resource =
            serde_json::from_value(json!({ "spec": { key.kind.as_str(): spec } })).expect("a resource");
        let (_, digest) = resource.seal().expect("a canonical body");
        if key.kind == Kind::Stack {
            stack = key.name.to_string();
        }
        let renamed_from = from.map(|from| from.parse().expect("a name"));
        resources.insert(key, Wanted { resource, digest, renamed_from });
    }
    Desired { stack: stack.parse().expect("a name"), root: "/work".to_owned(), resources }
}

/// RFC 7396: members of the patch replace, `null` removes.
pub(crate) fn merged(base: &Value, patch: &Value) -> Value {
    let Some(patch) = patch.as_object() else { return patch.clone() };
    let mut merged = base.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            merged.remove(name);
        } else {
            let member = merged.get(name).cloned().unwrap_or(Value::Null);
            merged.insert(name.clone(), self::merged(&member, value));
        }
    }
    Value::Object(merged)
}

/// A state in memory.
#[derive(Debug, Clone)]
pub(crate) struct Simulator {
    pub(crate) head: Head,
    pub(crate) index: BTreeMap<Key, Entry>,
    pub(crate) bodies: BTreeMap<Digest, Vec<u8>>,
    pub(crate) tables: BTreeMap<(Table, String), Vec<u8>>,
    pub(crate) rows: BTreeMap<u64, u64>,
    pub(crate) owners: BTreeMap<u64, BTreeMap<Uid, u64>>,
    pub(crate) waiting: BTreeMap<Uid, Waiting>,
    uids: u128,
}

impl Simulator {
    pub(crate) fn new() -> Self {
        let lineage = Uuid::from_u128(7);
        Self {
            head: Head { lineage, serial: 0, generation: 0, stack: None, root: None },
            index: BTreeMap::new(),
            bodies: BTreeMap::new(),
            tables: BTreeMap::new(),
            rows: BTreeMap::new(),
            owners: BTreeMap::new(),
            waiting: BTreeMap::new(),
            uids: 100,
        }
    }

    /// A state to which a configuration was applied.
    pub(crate) fn with(specs: &Value) -> Self {
        let mut state = Self::new();
        state.apply(&desired(specs), &allow_all());
        state
    }

    fn facts<T: serde::de::DeserializeOwned>(&self, table: Table) -> impl Iterator<Item = (String, T)> {
        self.tables
            .iter()
            .filter(move |((of, _), _)| *of == table)
            .map(|((_, key), bytes)| (key.clone(), fact::read(bytes).expect("a fact")))
    }

    /// Loads what a plan needs, and no more.
    pub(crate) fn current(&self, desired: &Desired) -> Current {
        let Needs { bodies, transfers, projects, gone } = needs(desired, &self.index);
        let uid = |text: &str| Uid(text.parse().expect("a uid"));
        let body = |digest| (digest, Resource::open(&self.bodies[&digest]).expect("a body"));
        let entity = |(key, fact): (String, EntityFact)| {
            let (project, entity) = key.split_once('/').expect("UID/entity");
            ((uid(project), entity.parse().expect("an entity")), fact)
        };
        let of_transfers = self.facts(Table::Transfers).map(|(key, fact)| (uid(&key), fact));
        let of_integrations = self.facts(Table::Integrations).map(|(key, fact)| (uid(&key), fact));
        let of_entities = self.facts(Table::Entities).map(entity);
        Current {
            head: self.head.clone(),
            index: self.index.clone(),
            bodies: bodies.into_iter().map(body).collect(),
            facts: Facts {
                transfers: of_transfers.filter(|(uid, _)| transfers.contains(uid)).collect(),
                entities: of_entities.filter(|((uid, _), _)| projects.contains(uid)).collect(),
                rows: self.rows.clone(),
                owners: self.owners.clone(),
                owned: BTreeMap::new(),
                waiting: gone.keys().filter_map(|uid| Some((*uid, *self.waiting.get(uid)?))).collect(),
                integrations: of_integrations.collect(),
                revisions: BTreeMap::new(),
            },
        }
    }

    pub(crate) fn plan(&self, desired: &Desired, options: &Options) -> Plan {
        diff(desired, &self.current(desired), options).expect("a plan")
    }

    /// Plans, commits and carries out.
    pub(crate) fn apply(&mut self, desired: &Desired, options: &Options) -> Plan {
        let current = self.current(desired);
        let plan = diff(desired, &current, options).expect("a plan");
        let apply = Apply {
            at: "2026-01-01T00:00:00Z".parse().expect("a time"),
            by: "me".to_owned(),
            rollback_to: None,
            commit: None,
        };
        let uids = &mut self.uids;
        let mut new_uid = || {
            *uids += 1;
            Uid(Uuid::from_u128(*uids))
        };
        let mut made = commit(&plan, desired, &current, &apply, &mut new_uid).expect("a commit");
        made.writes.extend(prune(&made, &self.index, &self.generations()));
        self.carry_out(made);
        plan
    }

    fn carry_out(&mut self, commit: Commit) {
        assert_eq!(commit.expected, Some(self.head.serial));
        self.head.serial += 1;
        for write in commit.writes {
            match write {
                Write::Index(key, entry) => _ = self.index.insert(key, entry),
                Write::Unindex(key) => assert!(self.index.remove(&key).is_some(), "{key} is not there"),
                Write::Body(digest, body) => drop(self.bodies.insert(digest, body.to_vec())),
                Write::DropBody(digest) => drop(self.bodies.remove(&digest).expect("a body")),
                Write::Put(table, key, fact) => drop(self.tables.insert((table, key), fact)),
                Write::Remove(table, key) => drop(self.tables.remove(&(table, key))),
                Write::Head { stack, root, generation } => {
                    (self.head.stack, self.head.root, self.head.generation) =
                        (Some(stack), Some(root), generation);
                }
            }
        }
        for entry in self.index.values() {
            assert!(self.bodies.contains_key(&entry.digest), "every entry has its body");
        }
    }

    /// The generations, newest first.
    pub(crate) fn generations(&self) -> Vec<Generation> {
        let mut generations: Vec<_> =
            self.facts(Table::Generations).map(|(_, generation)| generation).collect();
        generations.reverse();
        generations
    }

    pub(crate) fn uid(&self, key: &str) -> Uid {
        self.index[&key.parse().expect("Kind/name")].uid
    }

    pub(crate) fn transfer(&self, name: &str) -> TransferFact {
        let key = (Table::Transfers, self.uid(&format!("Transfer/{name}")).to_string());
        fact::read(&self.tables[&key]).expect("a fact")
    }

    pub(crate) fn entity(&self, project: &str, entity: &str) -> EntityFact {
        let key = (Table::Entities, format!("{}/{entity}", self.uid(&format!("Project/{project}"))));
        fact::read(&self.tables[&key]).expect("a fact")
    }

    pub(crate) fn integration(&self, name: &str) -> IntegrationFact {
        let key = (Table::Integrations, self.uid(&format!("Integration/{name}")).to_string());
        self.tables
            .get(&key)
            .map_or_else(IntegrationFact::default, |bytes| fact::read(bytes).expect("a fact"))
    }

    /// The steps that are to be carried out.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.tables.keys().filter(|(table, _)| *table == Table::Steps).map(|(_, key)| key.clone()).collect()
    }

    /// Lets a transfer have read so many records.
    pub(crate) fn ran(&mut self, name: &str, records: u64) {
        let mut fact = self.transfer(name);
        fact.observed.last_full_read = records;
        self.put_transfer(name, &fact);
    }

    pub(crate) fn put_transfer(&mut self, name: &str, fact: &TransferFact) {
        let key = (Table::Transfers, self.uid(&format!("Transfer/{name}")).to_string());
        self.tables.insert(key, fact::write(fact).expect("JSON"));
    }

    pub(crate) fn put_integration(&mut self, name: &str, fact: &IntegrationFact) {
        let key = (Table::Integrations, self.uid(&format!("Integration/{name}")).to_string());
        self.tables.insert(key, fact::write(fact).expect("JSON"));
    }

    /// Lets an entity have so many rows.
    pub(crate) fn filled(&mut self, project: &str, entity: &str, rows: u64) {
        self.rows.insert(self.entity(project, entity).incarnation, rows);
    }
}

/// A plan as lines of text: changes with their fields, effects, refusals, notes.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &plan.changes {
        let from = change.renamed_from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        lines.push(format!("{} {}{from}", change.action.glyph(), change.key));
        let fields = change.fields.iter().filter(|_| change.before.is_some());
        lines.extend(fields.map(|field| format!("  {}: {}", field.path_text(), field.consequence.as_str())));
    }
    for effect in &plan.effects {
        let records = effect.records.map(|records| format!(" {records}")).unwrap_or_default();
        let what = match effect.subject {
            Subject::Transfer { .. } => "transfer",
            Subject::Entity { .. } => "entity",
            Subject::Field { .. } => "field",
        };
        lines.push(format!("{} of {what} {}{records}", effect.consequence.as_str(), effect.subject));
    }
    lines.extend(plan.refusals.iter().map(|refusal| format!("refused: {refusal}")));
    lines.extend(plan.notes.iter().map(|note| format!("note: {}", json!(note))));
    lines
}
