//! Writers of one fact that get in each other's way, in every order that chance makes: nothing of any is lost.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use proptest::prelude::*;
use raccord_model::canonical::Digest;
use raccord_model::fact::{Decided, Entry, Observed};
use raccord_model::key::Key;
use raccord_model::port::Async;
use raccord_model::port::state::{Fact, Head, Serial, Snapshot, SnapshotQuery};

use super::*;

/// A state in memory, as far as facts go.
struct MemoryState(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    serial: Serial,
    revision: Revision,
    facts: BTreeMap<(Table, String), Stored>,
}

impl MemoryState {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }
}

fn commit(memory: &mut Memory, commit: Commit) -> Result<Serial, StateError> {
    if let Some(expected) = commit.expected.filter(|expected| *expected != memory.serial) {
        return Err(StateError::Conflict { expected, found: memory.serial });
    }
    for Condition { table, key, revision: expected } in commit.conditions {
        let found = memory.facts.get(&(table, key.clone())).map(|stored| stored.revision);
        if found != expected {
            return Err(StateError::FactConflict { table, key, expected, found });
        }
    }
    memory.serial += u64::from(commit.expected.is_some());
    memory.revision += 1;
    let revision = memory.revision;
    for write in commit.writes {
        match write {
            Write::Put(table, key, bytes) => memory.facts.insert((table, key), Stored { bytes, revision }),
            Write::Remove(table, key) => memory.facts.remove(&(table, key)),
            _ => None,
        };
    }
    Ok(memory.serial)
}

impl State for MemoryState {
    fn head(&self) -> Async<'_, Result<Head, StateError>> {
        let serial = self.0.lock().unwrap().serial;
        let lineage = uuid::Uuid::nil();
        Box::pin(async move { Ok(Head { lineage, serial, generation: serial, stack: None, root: None }) })
    }

    fn index(&self) -> Async<'_, Result<BTreeMap<Key, Entry>, StateError>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }

    fn bodies(&self, digests: Vec<Digest>) -> Async<'_, Result<Vec<Option<Bytes>>, StateError>> {
        Box::pin(async move { Ok(vec![None; digests.len()]) })
    }

    fn get(&self, table: Table, key: String) -> Async<'_, Result<Option<Stored>, StateError>> {
        let found = self.0.lock().unwrap().facts.get(&(table, key)).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn scan(&self, _: Table, _: Scan) -> Async<'_, Result<Vec<Fact>, StateError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn snapshot(&self, _: SnapshotQuery) -> Async<'_, Result<Snapshot, StateError>> {
        Box::pin(async {
            let (head, index, bodies) = (self.head().await?, BTreeMap::new(), BTreeMap::new());
            Ok(Snapshot { head, index, bodies, named_runs: Vec::new(), facts: BTreeMap::new() })
        })
    }

    fn commit(&self, made: Commit) -> Async<'_, Result<Serial, StateError>> {
        let committed = commit(&mut self.0.lock().unwrap(), made);
        Box::pin(async move { committed })
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

const UID: Uid = Uid(uuid::Uuid::from_u128(7));

fn key() -> String {
    UID.to_string()
}

/// One who changes the fact of a transfer, between its reading and its writing.
struct Writer {
    is_apply: bool,
    /// How many changes are still to be made.
    left: u32,
    /// What was read, and, by an apply, under which serial.
    read: Option<(Transaction, TransferFact, Serial)>,
}

impl Writer {
    /// Reads, or writes what follows from what was read; one that is refused reads again.
    async fn step(&mut self, facts: &Facts) {
        let Some((mut transaction, fact, serial)) = self.read.take() else {
            let mut transaction = facts.transaction();
            let fact = transaction.get(Table::Transfers, &key()).await.unwrap().unwrap_or_default();
            self.read = Some((transaction, fact, facts.state.head().await.unwrap().serial));
            return;
        };
        let TransferFact { mut decided, mut observed } = fact;
        if self.is_apply {
            decided = Decided { epoch: decided.epoch + 1, reset: decided.epoch + 1 };
        } else {
            observed.consecutive_failures += 1;
        }
        transaction.put(Table::Transfers, &UID, &TransferFact { decided, observed }).unwrap();
        let Transaction { conditions, writes, .. } = transaction;
        let expected = self.is_apply.then_some(serial);
        match facts.state.commit(Commit { expected, conditions, writes, lease: None }).await {
            Ok(_) => self.left -= 1,
            Err(StateError::FactConflict { .. } | StateError::Conflict { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

proptest! {
    /// Runs that end and applies, interleaved between reading and writing in any way: each counts once.
    #[test]
    fn no_end_of_a_run_and_no_apply_is_lost(
        writers in prop::collection::vec((any::<bool>(), 1_u32..5), 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let facts = Facts::new(MemoryState::new());
        let writer = |&(is_apply, left): &(bool, u32)| Writer { is_apply, left, read: None };
        let mut under_way: Vec<Writer> = writers.iter().map(writer).collect();
        let mut order = order.into_iter();
        while !under_way.is_empty() {
            let next = order.next().map_or(0, |index| index.index(under_way.len()));
            block_on(under_way[next].step(&facts));
            under_way.retain(|writer| writer.left > 0);
        }
        let fact: TransferFact = block_on(facts.transfer(UID)).unwrap();
        let sum = |wanted: bool| -> u32 {
            writers.iter().filter(|(is_apply, _)| *is_apply == wanted).map(|(_, count)| count).sum()
        };
        prop_assert_eq!(fact.observed.consecutive_failures, sum(false));
        prop_assert_eq!(fact.decided.epoch, u64::from(sum(true)));
    }
}

#[test]
fn an_update_is_made_on_what_is_there_then() {
    let state = MemoryState::new();
    let facts = Facts::new(Arc::<MemoryState>::clone(&state));
    // Others change the fact so many times while it is being changed.
    for (others, is_made) in [(0, true), (1, true), (10, true), (ATTEMPTS, false)] {
        let left = std::cell::Cell::new(others);
        let before = block_on(facts.transfer(UID)).unwrap().observed.consecutive_failures;
        let add = |fact: Option<TransferFact>| {
            let fact = fact.unwrap_or_default();
            let consecutive_failures = fact.observed.consecutive_failures + 1;
            TransferFact { observed: Observed { consecutive_failures, ..fact.observed }, ..fact }
        };
        let made = block_on(facts.update(Table::Transfers, &key(), |fact| {
            if left.get() > 0 {
                left.set(left.get() - 1);
                let write = put(Table::Transfers, &UID, &add(fact.clone())).unwrap();
                commit(&mut state.0.lock().unwrap(), Commit { writes: vec![write], ..Commit::default() })
                    .unwrap();
            }
            add(fact)
        }));
        let after = block_on(facts.transfer(UID)).unwrap().observed.consecutive_failures;
        assert_eq!(after - before, others + u32::from(is_made), "{others}");
        match made {
            Ok(fact) => assert!(is_made && fact.observed.consecutive_failures == after, "{others}"),
            Err(StateError::Contended { table: Table::Transfers, attempts, .. }) => {
                assert!(!is_made && attempts == ATTEMPTS, "{others}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}
