//! Everything that a state holds of its generation in force, as it is at one moment: for questions about the whole. Reads
//! alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::EntityRef;
use raccord_model::fact::{EntityFact, IntegrationFact, Notice, Run, RunId, StepFact, TransferFact, Uid};
use raccord_model::port::state::{Fact, Snapshot, SnapshotQuery, StateError, Table};
use serde::de::DeserializeOwned;

use crate::applied::{Applied, AppliedError};
use crate::entity::entity_key;
use crate::facts::decode;
use crate::ports::{Ports, RunnerError};

/// What a state holds at one moment.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The generation in force.
    pub applied: Arc<Applied>,
    /// What is still to be done outside it.
    pub steps: Vec<StepFact>,
    /// The notices that wait, the oldest first.
    pub notices: Vec<Notice>,
    transfers: BTreeMap<String, TransferFact>,
    integrations: BTreeMap<String, IntegrationFact>,
    entities: BTreeMap<String, EntityFact>,
    runs: BTreeMap<String, Run>,
}

impl Moment {
    /// Reads it. The resources of the generation are read only when they are not known yet.
    pub async fn read(ports: &Ports) -> Result<Self, AppliedError> {
        let tables =
            vec![Table::Transfers, Table::Integrations, Table::Entities, Table::Steps, Table::Outbox];
        let query = SnapshotQuery { named_runs: true, tables, ..SnapshotQuery::default() };
        let known = ports.applied().await?;
        let facts = ports.state.snapshot(SnapshotQuery { without_index: true, ..query.clone() }).await?;
        if facts.head == known.head {
            return Self::of(known, facts);
        }
        // An apply came between: then both are read together.
        let whole = ports.state.snapshot(SnapshotQuery { bodies: true, ..query }).await?;
        let applied = Applied::of(whole.head.clone(), whole.index.clone(), &whole.bodies)?;
        Self::of(Arc::new(applied), whole)
    }

    fn of(applied: Arc<Applied>, snapshot: Snapshot) -> Result<Self, AppliedError> {
        let Snapshot { named_runs, mut facts, .. } = snapshot;
        let mut of = |table| facts.remove(&table).unwrap_or_default();
        Ok(Self {
            applied,
            steps: by_key(Table::Steps, of(Table::Steps))?.into_values().collect(),
            notices: by_key(Table::Outbox, of(Table::Outbox))?.into_values().collect(),
            transfers: by_key(Table::Transfers, of(Table::Transfers))?,
            integrations: by_key(Table::Integrations, of(Table::Integrations))?,
            entities: by_key(Table::Entities, of(Table::Entities))?,
            runs: by_key(Table::Runs, named_runs)?,
        })
    }

    /// What is known of a transfer.
    pub fn transfer(&self, uid: Uid) -> TransferFact {
        self.transfers.get(&uid.to_string()).cloned().unwrap_or_default()
    }

    /// What is known of an integration.
    pub fn integration(&self, uid: Uid) -> IntegrationFact {
        self.integrations.get(&uid.to_string()).cloned().unwrap_or_default()
    }

    /// What is known of an entity of the generation.
    pub fn entity(&self, at: &EntityRef) -> Result<&EntityFact, RunnerError> {
        let (_, key) = entity_key(&self.applied, at)?;
        self.entities.get(&key).ok_or_else(|| RunnerError::UnknownEntity(at.clone()))
    }

    /// A run that the fact of a transfer names.
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id.to_string())
    }
}

fn by_key<T: DeserializeOwned>(table: Table, facts: Vec<Fact>) -> Result<BTreeMap<String, T>, StateError> {
    let decoded = |(key, stored): Fact| decode(table, &key, &stored).map(|revised| (key, revised.fact));
    facts.into_iter().map(decoded).collect()
}
