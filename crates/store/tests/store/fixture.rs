//! A store in a directory of its own, and short ways to say what goes in and what is there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
pub(crate) use raccord_conformance::block_on;
pub(crate) use raccord_conformance::fixture::{
    INC, at, batch, checkpoint, keys, reject, rows, run_of, sweep, transfer, upsert,
};
use raccord_model::fact::{Decided, Run, TransferFact, Uid, read, write};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::state::{Commit, Scan, State, Table, Write};
use raccord_store::{Opener, Store};
use tempfile::TempDir;
use uuid::Uuid;

/// A directory for a state.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(".raccord").join("state.redb")
    }

    /// Opens the store. The transfers `A` to `F` are applied.
    pub(crate) fn open(&self) -> Store {
        let store = self.open_as_it_is();
        // Tests open a store inside a runtime, and another one cannot be entered on their thread.
        std::thread::scope(|scope| scope.spawn(|| block_on(apply_transfers(&store))).join().unwrap());
        store
    }

    pub(crate) fn open_as_it_is(&self) -> Store {
        Store::open(&self.path(), &opener("test")).unwrap()
    }
}

/// An environment with some variables, whose clock is set by the test.
pub(crate) struct World {
    variables: BTreeMap<String, String>,
    now: Mutex<Timestamp>,
    drawn: AtomicU64,
}

impl World {
    pub(crate) fn of(variables: &[(&str, &str)]) -> Arc<Self> {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Arc::new(Self { variables, now: Mutex::new(at(0)), drawn: AtomicU64::new(0) })
    }

    pub(crate) fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap() = now;
    }
}

impl Environment for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        // Every draw differs, in this process and in others.
        let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(self.new_id().as_bytes());
        bytes[16..24].copy_from_slice(&drawn.to_be_bytes());
        Ok(bytes)
    }
}

/// What an apply of new transfers writes, for those that are not there.
pub(crate) async fn apply_transfers(store: &Store) {
    let mut writes = Vec::new();
    for uid in ('A'..='F').map(transfer) {
        if store.get(Table::Transfers, uid.to_string()).await.unwrap().is_none() {
            let fact = write(&TransferFact::default()).unwrap();
            writes.push(Write::Put(Table::Transfers, uid.to_string(), fact));
        }
    }
    if !writes.is_empty() {
        State::commit(store, Commit { expected: None, writes, ..Commit::default() }).await.unwrap();
    }
}

pub(crate) fn opener(verb: &str) -> Opener {
    Opener { verb: verb.to_owned(), at: at(0), lineage: Uuid::from_u128(0xABCD) }
}

/// Raises a transfer's epoch, as an apply does.
pub(crate) async fn raise_epoch(store: &Store, letter: char, epoch: u64) {
    let fact = TransferFact { decided: Decided { epoch, reset: 0 }, ..TransferFact::default() };
    let put = Write::Put(Table::Transfers, transfer(letter).to_string(), serde_json::to_vec(&fact).unwrap());
    State::commit(store, Commit { expected: None, writes: vec![put], ..Commit::default() }).await.unwrap();
}

/// Deletes a transfer, as an apply does.
pub(crate) async fn delete_transfer(store: &Store, letter: char) {
    let remove = Write::Remove(Table::Transfers, transfer(letter).to_string());
    State::commit(store, Commit { expected: None, writes: vec![remove], ..Commit::default() }).await.unwrap();
}

/// Nothing in the file disagrees with anything else in it.
pub(crate) fn assert_sound(store: &Store) {
    assert_eq!(store.check().unwrap().problems, Vec::<String>::new());
}

/// The runs of a transfer by the index, newest first.
pub(crate) async fn runs(store: &Store, letter: char) -> Vec<Run> {
    runs_of(store, transfer(letter)).await
}

/// The same of a transfer by its identity.
pub(crate) async fn runs_of(store: &Store, transfer: Uid) -> Vec<Run> {
    let scan = Scan { of: Some(transfer), newest_first: true, ..Scan::default() };
    let found = State::scan(store, Table::Runs, scan).await.unwrap();
    found.into_iter().map(|(_, fact)| read(&fact.bytes).unwrap()).collect()
}

/// Lists runs.
pub(crate) async fn put_runs(store: &Store, runs: &[Run]) {
    let put = |run: &Run| Write::Put(Table::Runs, run.id.to_string(), write(run).unwrap());
    let writes = runs.iter().map(put).collect();
    State::commit(store, Commit { expected: None, writes, ..Commit::default() }).await.unwrap();
}
