//! What is known of transfers and integrations: their facts, and the runs that these name. Of all of them as they are at one
//! moment, or of a few, without a look at the others. Reads alone.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::Name;
use raccord_model::fact::{IntegrationFact, Run, RunId, TransferFact, Uid, read};
use raccord_model::port::state::{Fact, SnapshotQuery, StateError, Table};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// What is known of transfers and integrations.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    transfers: BTreeMap<Uid, TransferFact>,
    integrations: BTreeMap<Uid, IntegrationFact>,
    runs: BTreeMap<RunId, Run>,
}

impl Facts {
    /// Of all of them, as they are at one moment.
    pub async fn read(ports: &Ports) -> Result<Self, StateError> {
        let tables = vec![Table::Transfers, Table::Integrations];
        let query = SnapshotQuery { named_runs: true, without_index: true, tables, bodies: false };
        let mut snapshot = ports.state.snapshot(query).await?;
        let mut of = |table| snapshot.facts.remove(&table).unwrap_or_default();
        let (transfers, integrations) = (of(Table::Transfers), of(Table::Integrations));
        Ok(Self {
            transfers: by_id(Table::Transfers, transfers, Uid)?,
            integrations: by_id(Table::Integrations, integrations, Uid)?,
            runs: by_id(Table::Runs, snapshot.named_runs, RunId)?,
        })
    }

    /// Of some transfers, and of the integrations that want them.
    pub async fn of(ports: &Ports, applied: &Applied, transfers: &BTreeSet<Uid>) -> Result<Self, StateError> {
        let mut facts = Self::default();
        facts.refresh(ports, applied, transfers).await?;
        Ok(facts)
    }

    /// Reads what is known of some transfers, and of the integrations that want them, anew.
    pub async fn refresh(
        &mut self,
        ports: &Ports,
        applied: &Applied,
        transfers: &BTreeSet<Uid>,
    ) -> Result<(), StateError> {
        let facts = ports.facts();
        for uid in transfers {
            if let Some(gone) = self.transfers.remove(uid) {
                named(&gone).for_each(|run| drop(self.runs.remove(&run)));
            }
            let Some(fact) = facts.get::<TransferFact>(Table::Transfers, &uid.to_string()).await? else {
                continue;
            };
            for id in named(&fact) {
                if let Some(run) = facts.run(id).await? {
                    self.runs.insert(id, run);
                }
            }
            self.transfers.insert(*uid, fact);
        }
        for uid in wanting(applied, transfers) {
            self.integrations.insert(uid, facts.integration(uid).await?);
        }
        Ok(())
    }

    /// Adds what is known of one integration.
    pub async fn look_at(&mut self, ports: &Ports, integration: Uid) -> Result<(), StateError> {
        self.integrations.insert(integration, ports.facts().integration(integration).await?);
        Ok(())
    }

    /// What is known of a transfer.
    pub fn transfer(&self, uid: Uid) -> Option<&TransferFact> {
        self.transfers.get(&uid)
    }

    /// What is known of an integration.
    pub fn integration(&self, uid: Uid) -> Option<&IntegrationFact> {
        self.integrations.get(&uid)
    }

    /// A run that the fact of a transfer names.
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// Whether a run of a transfer waits for a person.
    pub fn is_held(&self, uid: Uid) -> bool {
        let Some(fact) = self.transfer(uid) else { return false };
        named(fact).filter_map(|id| self.run(id)).any(|run| run.outcome.hold().is_some())
    }
}

/// The runs that the fact of a transfer names.
fn named(fact: &TransferFact) -> impl Iterator<Item = RunId> + use<> {
    let held = fact.observed.deliveries_held.map(|held| held.run);
    fact.observed.last_run.into_iter().chain(held)
}

/// The integrations that want one of these transfers.
fn wanting(applied: &Applied, transfers: &BTreeSet<Uid>) -> Vec<Uid> {
    let names: BTreeSet<&Name> =
        applied.transfers().filter(|(_, uid, _)| transfers.contains(uid)).map(|(name, ..)| name).collect();
    let wants = applied.integrations().filter(|(_, _, spec)| {
        // Either may be the longer one.
        if spec.subscriptions.len() < names.len() {
            spec.subscriptions.keys().any(|name| names.contains(name))
        } else {
            names.iter().any(|name| spec.subscriptions.contains_key(*name))
        }
    });
    wants.map(|(_, uid, _)| uid).collect()
}

fn by_id<I: Ord, T: DeserializeOwned>(
    table: Table,
    facts: Vec<Fact>,
    id: fn(Uuid) -> I,
) -> Result<BTreeMap<I, T>, StateError> {
    let mut found = BTreeMap::new();
    for (key, stored) in facts {
        // Its key is always an id; what is not one belongs to nothing that is applied.
        let Ok(uuid) = key.parse() else { continue };
        let fact = read(&stored.bytes).map_err(|source| StateError::Fact { table, key, source })?;
        found.insert(id(uuid), fact);
    }
    Ok(found)
}
