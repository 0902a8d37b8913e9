//! Everything that a state holds of its generation in force, as it is at one moment: for questions about the whole. Reads
//! alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::EntityRef;
use raccord_model::fact::{EntityFact, IntegrationFact, Notice, Run, RunId, StepFact, TransferFact, Uid};
use raccord_model::port::state::{Fact, Snapshot, SnapshotQuery, State, StateError, Table};
use serde::de::DeserializeOwned;

use crate::applied::{Applied, AppliedError};
use crate::entity::entity_key;
use crate::facts::decode;
use crate::ports::RunnerError;

/// What a state holds at one moment.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The generation in force.
    pub applied: Applied,
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
    /// Reads it.
    pub async fn read(state: &Arc<dyn State>) -> Result<Self, AppliedError> {
        let tables =
            vec![Table::Transfers, Table::Integrations, Table::Entities, Table::Steps, Table::Outbox];
        let query = SnapshotQuery { bodies: true, named_runs: true, tables };
        let Snapshot { head, index, bodies, named_runs, mut facts } = state.snapshot(query).await?;
        let mut of = |table| facts.remove(&table).unwrap_or_default();
        Ok(Self {
            applied: Applied::of(head, index, &bodies)?,
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
