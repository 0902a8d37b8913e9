//! Facts as values: reads them from the state and prepares their writing. Decides nothing.

use std::sync::Arc;

use raccord_model::fact::{IntegrationFact, Run, RunId, TransferFact, Uid, read, write};
use raccord_model::port::state::{Commit, Scan, State, StateError, Table, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The facts of a state.
#[derive(Clone)]
pub struct Facts {
    state: Arc<dyn State>,
}

impl Facts {
    /// The facts of a state.
    pub fn new(state: Arc<dyn State>) -> Self {
        Self { state }
    }

    /// One fact.
    pub async fn get<T: DeserializeOwned>(&self, table: Table, key: &str) -> Result<Option<T>, StateError> {
        let bytes = self.state.get(table, key.to_owned()).await?;
        bytes.map(|bytes| decode(table, key, &bytes)).transpose()
    }

    /// What is known of a transfer.
    pub async fn transfer(&self, uid: Uid) -> Result<TransferFact, StateError> {
        Ok(self.get(Table::Transfers, &uid.to_string()).await?.unwrap_or_default())
    }

    /// What is known of an integration.
    pub async fn integration(&self, uid: Uid) -> Result<IntegrationFact, StateError> {
        Ok(self.get(Table::Integrations, &uid.to_string()).await?.unwrap_or_default())
    }

    /// One run.
    pub async fn run(&self, id: RunId) -> Result<Option<Run>, StateError> {
        self.get(Table::Runs, &id.to_string()).await
    }

    /// Runs, newest first.
    pub async fn runs(&self, limit: usize) -> Result<Vec<Run>, StateError> {
        let scan = Scan { newest_first: true, limit: Some(limit), ..Scan::default() };
        Ok(self.scan(Table::Runs, scan).await?.into_iter().map(|(_, run)| run).collect())
    }

    /// The runs of a transfer, newest first.
    pub async fn runs_of(&self, transfer: Uid, limit: usize) -> Result<Vec<Run>, StateError> {
        let scan = Scan { of: Some(transfer), newest_first: true, limit: Some(limit), ..Scan::default() };
        Ok(self.scan(Table::Runs, scan).await?.into_iter().map(|(_, run)| run).collect())
    }

    /// Several facts with their keys.
    pub async fn scan<T: DeserializeOwned>(
        &self,
        table: Table,
        scan: Scan,
    ) -> Result<Vec<(String, T)>, StateError> {
        let facts = self.state.scan(table, scan).await?;
        facts.into_iter().map(|(key, bytes)| decode(table, &key, &bytes).map(|fact| (key, fact))).collect()
    }

    /// Writes facts together, durably.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<(), StateError> {
        self.state.commit(Commit { expected: None, writes }).await.map(drop)
    }
}

fn decode<T: DeserializeOwned>(table: Table, key: &str, bytes: &[u8]) -> Result<T, StateError> {
    read(bytes).map_err(|source| StateError::Fact { table, key: key.to_owned(), source })
}

/// The writing of one fact.
pub fn put<T: Serialize>(table: Table, key: &impl ToString, fact: &T) -> Result<Write, StateError> {
    let key = key.to_string();
    match write(fact) {
        Ok(bytes) => Ok(Write::Put(table, key, bytes)),
        Err(source) => Err(StateError::Fact { table, key, source }),
    }
}
