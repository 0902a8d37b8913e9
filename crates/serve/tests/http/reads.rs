//! A state that counts how often the configuration in force was read whole: with thousands of resources that takes most of an
//! answer's time, so that it must not happen for each question.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use raccord_model::fact::Entry;
use raccord_model::port::Async;
use raccord_model::port::state::{
    Commit, Fact, Head, Scan, Serial, Snapshot, SnapshotQuery, State, StateError, Stored, Table,
};
use raccord_model::{Digest, Key};

/// A state, and how often it was read whole.
pub(crate) struct Reads {
    state: Arc<dyn State>,
    whole: AtomicUsize,
}

impl Reads {
    pub(crate) fn of(state: &Arc<dyn State>) -> Arc<Self> {
        Arc::new(Self { state: Arc::clone(state), whole: AtomicUsize::new(0) })
    }

    /// How often the index or the bodies were read since the last time.
    pub(crate) fn take(&self) -> usize {
        self.whole.swap(0, Ordering::SeqCst)
    }

    fn count(&self) {
        self.whole.fetch_add(1, Ordering::SeqCst);
    }
}

impl State for Reads {
    fn head(&self) -> Async<'_, Result<Head, StateError>> {
        self.state.head()
    }

    fn index(&self) -> Async<'_, Result<BTreeMap<Key, Entry>, StateError>> {
        self.count();
        self.state.index()
    }

    fn bodies(&self, digests: Vec<Digest>) -> Async<'_, Result<Vec<Option<Bytes>>, StateError>> {
        self.count();
        self.state.bodies(digests)
    }

    fn get(&self, table: Table, key: String) -> Async<'_, Result<Option<Stored>, StateError>> {
        self.state.get(table, key)
    }

    fn scan(&self, table: Table, scan: Scan) -> Async<'_, Result<Vec<Fact>, StateError>> {
        self.state.scan(table, scan)
    }

    fn snapshot(&self, query: SnapshotQuery) -> Async<'_, Result<Snapshot, StateError>> {
        if !query.without_index || query.bodies {
            self.count();
        }
        self.state.snapshot(query)
    }

    fn commit(&self, commit: Commit) -> Async<'_, Result<Serial, StateError>> {
        self.state.commit(commit)
    }
}
