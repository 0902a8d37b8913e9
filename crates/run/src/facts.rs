//! Facts as values: reads them from the state, and writes what follows from them without losing what others write
//! meanwhile. Decides nothing.
//!
//! No lock is held between a reading and its writing. A [`Transaction`] remembers the revision of each fact that it has
//! read, and its commit is refused when one of them is another by then; the caller decides anew on what is there now.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::fact::{IntegrationFact, Run, RunId, TransferFact, Uid, read, write};
use raccord_model::port::lease::Held;
use raccord_model::port::state::{
    Commit, Condition, Revision, Scan, State, StateError, Stored, Table, Write,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How often a change is decided anew because others have changed what it was decided on. Of those that collide one
/// succeeds each time, so that it takes as many attempts as there are writers of one fact at once.
const ATTEMPTS: u32 = 256;

/// A fact, and which writing of it that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revised<T> {
    /// The fact.
    pub fact: T,
    /// Its revision.
    pub revision: Revision,
}

/// The facts of a state.
#[derive(Clone)]
pub struct Facts {
    state: Arc<dyn State>,
    /// What was read together beforehand.
    fetched: Arc<BTreeMap<(Table, String), Option<Stored>>>,
}

impl Facts {
    /// The facts of a state.
    pub fn new(state: Arc<dyn State>) -> Self {
        Self { state, fetched: Arc::default() }
    }

    /// The same, with what is under some keys read together: for a piece of work that soon asks for each of them once.
    pub async fn fetch(self, keys: Vec<(Table, String)>) -> Result<Self, StateError> {
        if keys.is_empty() {
            return Ok(self);
        }
        let found = self.state.get_all(keys.clone()).await?;
        Ok(Self { fetched: Arc::new(keys.into_iter().zip(found).collect()), ..self })
    }

    /// One fact.
    pub async fn get<T: DeserializeOwned>(&self, table: Table, key: &str) -> Result<Option<T>, StateError> {
        Ok(self.get_revised(table, key).await?.map(|revised| revised.fact))
    }

    /// One fact with its revision, for a commit that is made elsewhere.
    pub async fn get_revised<T: DeserializeOwned>(
        &self,
        table: Table,
        key: &str,
    ) -> Result<Option<Revised<T>>, StateError> {
        let at = (table, key.to_owned());
        let stored = match self.fetched.get(&at) {
            Some(stored) => stored.clone(),
            None => self.state.get(at.0, at.1).await?,
        };
        stored.map(|stored| decode(table, key, &stored)).transpose()
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
        let found = self.scan_revised(table, scan).await?;
        Ok(found.into_iter().map(|(key, revised)| (key, revised.fact)).collect())
    }

    /// Several facts with their keys and revisions, for a commit that is made elsewhere.
    pub async fn scan_revised<T: DeserializeOwned>(
        &self,
        table: Table,
        scan: Scan,
    ) -> Result<Vec<(String, Revised<T>)>, StateError> {
        let facts = self.state.scan(table, scan).await?;
        facts.into_iter().map(|(key, stored)| decode(table, &key, &stored).map(|fact| (key, fact))).collect()
    }

    /// Writes facts together, durably, whatever is there. For facts that have one writer, or are written once.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<(), StateError> {
        self.commit_under(None, writes).await
    }

    /// The same under a lease: [`StateError::LeaseLost`] once another holder has it.
    pub async fn commit_under(&self, lease: Option<Held>, writes: Vec<Write>) -> Result<(), StateError> {
        self.state.commit(Commit { writes, lease, ..Commit::default() }).await.map(drop)
    }

    /// Begins a change of facts that depends on what is there.
    pub fn transaction(&self) -> Transaction {
        Transaction { facts: self.clone(), conditions: Vec::new(), lease: None, writes: Vec::new() }
    }

    /// Changes one fact by a pure function, which may be called several times. Returns what was written.
    pub async fn update<T: Serialize + DeserializeOwned>(
        &self,
        table: Table,
        key: &str,
        change: impl Fn(Option<T>) -> T,
    ) -> Result<T, StateError> {
        // What was read beforehand would be as old at each attempt.
        let facts = Self::new(Arc::clone(&self.state));
        let mut retries = Retries::default();
        loop {
            let mut transaction = facts.transaction();
            let fact = change(transaction.get(table, key).await?);
            transaction.put(table, &key, &fact)?;
            if retries.settle(transaction.commit().await)? {
                return Ok(fact);
            }
        }
    }
}

/// A change of facts that depends on what is there: everything that is read through it must still be so when it is
/// committed.
pub struct Transaction {
    facts: Facts,
    conditions: Vec<Condition>,
    lease: Option<Held>,
    writes: Vec<Write>,
}

impl Transaction {
    /// One fact, which the commit depends on.
    pub async fn get<T: DeserializeOwned>(
        &mut self,
        table: Table,
        key: &str,
    ) -> Result<Option<T>, StateError> {
        let found = self.facts.get_revised(table, key).await?;
        let revision = found.as_ref().map(|revised| revised.revision);
        self.conditions.push(Condition { table, key: key.to_owned(), revision });
        Ok(found.map(|revised| revised.fact))
    }

    /// Makes the commit depend on a fact that was read elsewhere: it must still have this revision, or not be there.
    pub fn given(&mut self, table: Table, key: String, revision: Option<Revision>) {
        self.conditions.push(Condition { table, key, revision });
    }

    /// Makes the commit depend on a lease: it is refused once another holder has it.
    pub fn under(&mut self, lease: Option<Held>) {
        self.lease = lease;
    }

    /// Puts a fact.
    pub fn put<T: Serialize>(
        &mut self,
        table: Table,
        key: &impl ToString,
        fact: &T,
    ) -> Result<(), StateError> {
        self.writes.push(put(table, key, fact)?);
        Ok(())
    }

    /// Takes a fact away.
    pub fn remove(&mut self, table: Table, key: String) {
        self.writes.push(Write::Remove(table, key));
    }

    /// Adds changes that were prepared elsewhere.
    pub fn extend(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.writes.extend(writes);
    }

    /// Whether there is nothing to be written.
    pub const fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Writes everything together, durably, or nothing: [`StateError::FactConflict`] when something that was read is
    /// another by now.
    pub async fn commit(self) -> Result<(), StateError> {
        if self.writes.is_empty() {
            return Ok(());
        }
        let Self { facts, conditions, lease, writes } = self;
        facts.state.commit(Commit { expected: None, conditions, lease, writes }).await.map(drop)
    }
}

/// Counts how often a change was decided anew.
#[derive(Debug, Default)]
pub struct Retries(u32);

impl Retries {
    /// Judges an attempt: true when it succeeded, false when it is to be made again on what is there now. An error is
    /// one that another attempt does not mend, [`StateError::Contended`] after too many.
    pub fn settle(&mut self, committed: Result<(), StateError>) -> Result<bool, StateError> {
        match committed {
            Ok(()) => Ok(true),
            Err(StateError::FactConflict { table, key, .. }) => {
                self.0 += 1;
                if self.0 < ATTEMPTS {
                    return Ok(false);
                }
                Err(StateError::Contended { table, key, attempts: self.0 })
            }
            Err(other) => Err(other),
        }
    }
}

/// A fact as a value.
pub(crate) fn decode<T: DeserializeOwned>(
    table: Table,
    key: &str,
    stored: &Stored,
) -> Result<Revised<T>, StateError> {
    let fact =
        read(&stored.bytes).map_err(|source| StateError::Fact { table, key: key.to_owned(), source })?;
    Ok(Revised { fact, revision: stored.revision })
}

/// The writing of one fact.
pub fn put<T: Serialize>(table: Table, key: &impl ToString, fact: &T) -> Result<Write, StateError> {
    let key = key.to_string();
    match write(fact) {
        Ok(bytes) => Ok(Write::Put(table, key, bytes)),
        Err(source) => Err(StateError::Fact { table, key, source }),
    }
}

#[cfg(test)]
mod tests;
