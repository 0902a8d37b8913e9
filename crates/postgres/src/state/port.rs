//! The port `State` of a shared state: each call is a piece of work in a transaction. It decides nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use raccord_model::canonical::Digest;
use raccord_model::fact::Entry;
use raccord_model::key::Key;
use raccord_model::port::Async;
use raccord_model::port::state::{
    Commit, Fact, Head, Scan, Serial, Snapshot, SnapshotQuery, State, StateError, Stored, Table,
};

use super::{PostgresState, commit, read};
use crate::error::Failure;

fn not_read(failure: Failure) -> StateError {
    StateError::Read(failure.cause())
}

impl State for PostgresState {
    fn head(&self) -> Async<'_, Result<Head, StateError>> {
        Box::pin(async {
            let work = attempt!(|session| read::head(session, ""));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn index(&self) -> Async<'_, Result<BTreeMap<Key, Entry>, StateError>> {
        Box::pin(async {
            let work = attempt!(|session| read::index(session));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn bodies(&self, digests: Vec<Digest>) -> Async<'_, Result<Vec<Option<Bytes>>, StateError>> {
        Box::pin(async move {
            let asked = digests.clone();
            let work = attempt!(asked, |session| read::bodies(session, asked.iter().copied()));
            let found = self.database.read(&work).await.map_err(not_read)?;
            Ok(digests.iter().map(|digest| found.get(digest).cloned()).collect())
        })
    }

    fn get(&self, table: Table, key: String) -> Async<'_, Result<Option<Stored>, StateError>> {
        Box::pin(async move {
            let work = attempt!(key, |session| read::fact(session, table, &key));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn get_all(&self, keys: Vec<(Table, String)>) -> Async<'_, Result<Vec<Option<Stored>>, StateError>> {
        Box::pin(async move {
            let work = attempt!(keys, |session| read::all_facts(session, &keys));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn scan(&self, table: Table, scan: Scan) -> Async<'_, Result<Vec<Fact>, StateError>> {
        Box::pin(async move {
            let work = attempt!(scan, |session| read::facts(session, table, &scan));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn snapshot(&self, query: SnapshotQuery) -> Async<'_, Result<Snapshot, StateError>> {
        Box::pin(async move {
            let work = attempt!(query, |session| read::snapshot(session, &query));
            self.database.read_together(&work).await.map_err(not_read)
        })
    }

    fn commit(&self, commit: Commit) -> Async<'_, Result<Serial, StateError>> {
        Box::pin(async move {
            let work = attempt!(commit, |session| commit::make(session, &commit));
            let made = self.database.write(&work).await;
            made.map_err(|failure| StateError::Write(failure.cause()))?
        })
    }
}
