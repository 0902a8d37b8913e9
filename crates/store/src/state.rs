//! The port `State`: head, index, bodies and facts.
//!
//! A commit that names a serial, or revisions of facts, is refused before anything is written when others are in
//! force, so that it leaves nothing behind in the transaction it shares with others.

use std::collections::BTreeMap;

use bytes::Bytes;
use raccord_model::canonical::Digest;
use raccord_model::fact::{Entry, Observed, Uid};
use raccord_model::key::Key;
use raccord_model::port::Async;
use raccord_model::port::state::{
    Commit, Fact, Head, Scan, Serial, Snapshot, SnapshotQuery, State, StateError, Stored, Table, Write,
};
use redb::{ReadTransaction, ReadableTable};

use crate::Store;
use crate::destination;
use crate::error::StoreError;
use crate::fact::{put, run_of};
use crate::inbox;
use crate::revision;
use crate::table::{self, META_HEAD, Raw, Tables, Under};

impl State for Store {
    fn head(&self) -> Async<'_, Result<Head, StateError>> {
        Box::pin(async { self.read(head).await.map_err(StoreError::state_read) })
    }

    fn index(&self) -> Async<'_, Result<BTreeMap<Key, Entry>, StateError>> {
        Box::pin(async { self.read(index).await.map_err(StoreError::state_read) })
    }

    fn bodies(&self, digests: Vec<Digest>) -> Async<'_, Result<Vec<Option<Bytes>>, StateError>> {
        Box::pin(
            async move { self.read(move |at| bodies(at, &digests)).await.map_err(StoreError::state_read) },
        )
    }

    fn get(&self, table: Table, key: String) -> Async<'_, Result<Option<Stored>, StateError>> {
        let work = move |at: &ReadTransaction| {
            let reader = FactReader::open(at, table)?;
            reader.get(key.as_bytes())
        };
        Box::pin(async { self.read(work).await.map_err(StoreError::state_read) })
    }

    fn scan(&self, table: Table, scan: Scan) -> Async<'_, Result<Vec<Fact>, StateError>> {
        Box::pin(
            async move { self.read(move |at| facts(at, table, &scan)).await.map_err(StoreError::state_read) },
        )
    }

    fn snapshot(&self, query: SnapshotQuery) -> Async<'_, Result<Snapshot, StateError>> {
        let work = move |at: &ReadTransaction| snapshot(at, &query);
        Box::pin(async { self.read(work).await.map_err(StoreError::state_read) })
    }

    fn commit(&self, commit: Commit) -> Async<'_, Result<Serial, StateError>> {
        let work = move |tables: &mut Tables<'_>| apply(tables, &commit);
        Box::pin(self.writer.submit(true, StoreError::state_write, work))
    }
}

/// Reads the head.
pub(crate) fn head(at: &ReadTransaction) -> Result<Head, StoreError> {
    head_of(&at.open_table(table::META)?)
}

fn head_of(meta: &impl ReadableTable<Raw, Raw>) -> Result<Head, StoreError> {
    let json = meta.get(META_HEAD)?.ok_or(StoreError::Damaged)?;
    Ok(serde_json::from_slice(json.value())?)
}

/// Which state it is.
pub(crate) fn lineage(meta: &impl ReadableTable<Raw, Raw>) -> Result<uuid::Uuid, StoreError> {
    Ok(head_of(meta)?.lineage)
}

/// Reads one entry of the index.
pub(crate) fn entry(key: &[u8], value: &[u8]) -> Result<(Key, Entry), StoreError> {
    let key = std::str::from_utf8(key).ok().and_then(|text| text.parse().ok()).ok_or(StoreError::Damaged)?;
    Ok((key, serde_json::from_slice(value)?))
}

fn index(at: &ReadTransaction) -> Result<BTreeMap<Key, Entry>, StoreError> {
    at.open_table(table::INDEX)?
        .iter()?
        .map(|pair| {
            let (key, value) = pair?;
            entry(key.value(), value.value())
        })
        .collect()
}

fn bodies(at: &ReadTransaction, digests: &[Digest]) -> Result<Vec<Option<Bytes>>, StoreError> {
    let bodies = at.open_table(table::BODIES)?;
    let body = |digest: &Digest| {
        Ok(bodies.get(digest.0.as_slice())?.map(|value| Bytes::copy_from_slice(value.value())))
    };
    digests.iter().map(body).collect()
}

fn snapshot(at: &ReadTransaction, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
    let index = if query.without_index { BTreeMap::new() } else { index(at)? };
    let mut found = BTreeMap::new();
    if query.bodies {
        let table = at.open_table(table::BODIES)?;
        for digest in index.values().map(|entry| entry.digest) {
            if let Some(body) = table.get(digest.0.as_slice())? {
                found.insert(digest, Bytes::copy_from_slice(body.value()));
            }
        }
    }
    let mut facts = BTreeMap::new();
    for &table in &query.tables {
        facts.insert(table, self::facts(at, table, &Scan::default())?);
    }
    let named_runs = if query.named_runs { named_runs(at)? } else { Vec::new() };
    Ok(Snapshot { head: head(at)?, index, bodies: found, named_runs, facts })
}

/// The runs that the facts of transfers name.
fn named_runs(at: &ReadTransaction) -> Result<Vec<Fact>, StoreError> {
    let runs = FactReader::open(at, Table::Runs)?;
    let mut found = BTreeMap::new();
    for pair in at.open_table(table::TRANSFERS)?.iter()? {
        let observed: Observed = serde_json::from_slice(pair?.1.value())?;
        let held = observed.deliveries_held.map(|held| held.run);
        for id in observed.last_run.into_iter().chain(held) {
            let key = id.to_string();
            if let Some(stored) = runs.get(key.as_bytes())? {
                found.insert(key, stored);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Reads the facts of one table.
struct FactReader {
    table: Table,
    facts: redb::ReadOnlyTable<Raw, Raw>,
    revisions: redb::ReadOnlyTable<Raw, Raw>,
}

impl FactReader {
    fn open(at: &ReadTransaction, table: Table) -> Result<Self, StoreError> {
        let facts = at.open_table(table::facts(table))?;
        Ok(Self { table, facts, revisions: at.open_table(table::REVISIONS)? })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.facts.get(key)?.map(|value| self.stored(key, value.value())).transpose()
    }

    fn stored(&self, key: &[u8], value: &[u8]) -> Result<Stored, StoreError> {
        let revision = revision::of(&self.revisions, self.table, key)?;
        Ok(Stored { bytes: value.to_vec(), revision })
    }

    fn owned(&self, pair: Pair) -> Result<Fact, StoreError> {
        let (key, value) = pair?;
        let stored = self.stored(key.value(), value.value())?;
        Ok((text(key.value().to_vec())?, stored))
    }
}

/// What a range of redb yields.
type Pair = Result<(redb::AccessGuard<'static, Raw>, redb::AccessGuard<'static, Raw>), redb::StorageError>;

fn text(key: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(key).map_err(|_| StoreError::Damaged)
}

fn facts(at: &ReadTransaction, table: Table, scan: &Scan) -> Result<Vec<Fact>, StoreError> {
    if let (Table::Runs, Some(transfer)) = (table, scan.of) {
        return runs_of(at, transfer, scan);
    }
    let reader = FactReader::open(at, table)?;
    let under = Under::new(&[scan.prefix.as_bytes()]);
    let range = reader.facts.range::<&[u8]>(under.bounds())?;
    let limit = scan.limit.unwrap_or(usize::MAX);
    if scan.newest_first {
        range.rev().take(limit).map(|pair| reader.owned(pair)).collect()
    } else {
        range.take(limit).map(|pair| reader.owned(pair)).collect()
    }
}

/// The runs of a transfer, found by their index.
fn runs_of(at: &ReadTransaction, transfer: Uid, scan: &Scan) -> Result<Vec<Fact>, StoreError> {
    let reader = FactReader::open(at, Table::Runs)?;
    let under = Under::new(&[table::uid(&transfer)]);
    let limit = scan.limit.unwrap_or(usize::MAX);
    let range = at.open_table(table::RUNS_OF)?.range::<&[u8]>(under.bounds())?;
    let key =
        |pair: Pair| Ok::<_, StoreError>(pair?.0.value().get(under.len()..).unwrap_or_default().to_vec());
    let keys: Vec<Vec<u8>> = if scan.newest_first {
        range.rev().take(limit).map(key).collect::<Result<_, _>>()?
    } else {
        range.take(limit).map(key).collect::<Result<_, _>>()?
    };
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(stored) = reader.get(&key)? {
            found.push((text(key)?, stored));
        }
    }
    Ok(found)
}

/// Makes the changes of a commit, or refuses it.
fn apply(tables: &mut Tables<'_>, commit: &Commit) -> Result<Result<Serial, StateError>, StoreError> {
    let before = head_of(&tables.meta)?;
    let mut head = before.clone();
    if let Some(expected) = commit.expected {
        if expected != before.serial {
            return Ok(Err(StateError::Conflict { expected, found: before.serial }));
        }
        head.serial += 1;
    }
    if let Some(refused) = revision::refuse(tables, &commit.conditions)? {
        return Ok(Err(refused));
    }
    let is_of_facts = |write: &Write| matches!(write, Write::Put(..) | Write::Remove(..));
    let revision = if commit.writes.iter().any(is_of_facts) { revision::next(tables)? } else { 0 };
    let mut json = Vec::new();
    for write in &commit.writes {
        if let (Some(_), Write::Put(Table::Transfers, key, fact)) = (commit.expected, write) {
            destination::begin_anew(tables, key, fact)?;
        }
        match write {
            Write::Put(table, key, value) => put(tables, (*table, key), value, revision)?,
            Write::Remove(table, key) => remove(tables, *table, key)?,
            resource => keep(tables, resource, &mut head, &mut json)?,
        }
    }
    if head != before {
        tables.meta.insert(META_HEAD, serde_json::to_vec(&head)?.as_slice())?;
    }
    Ok(Ok(head.serial))
}

fn remove(tables: &mut Tables<'_>, table: Table, key: &str) -> Result<(), StoreError> {
    let before = tables.facts(table).remove(key.as_bytes())?.map(|value| value.value().to_vec());
    revision::forget(tables, table, key.as_bytes())?;
    let before = before.filter(|_| table == Table::Runs);
    if let Some(place) = before.and_then(|run| run_of(key.as_bytes(), &run)) {
        tables.runs_of.remove(place.as_slice())?;
    }
    // What waits of a transfer goes with it, so that none is ever without its transfer.
    if let (Table::Transfers, Ok(uid)) = (table, key.parse()) {
        inbox::empty(tables, Uid(uid))?;
        destination::end(tables, Uid(uid))?;
    }
    Ok(())
}

/// Makes a change of the generation: of the index, the bodies or the head.
fn keep(
    tables: &mut Tables<'_>,
    write: &Write,
    head: &mut Head,
    json: &mut Vec<u8>,
) -> Result<(), StoreError> {
    match write {
        Write::Index(key, entry) => {
            json.clear();
            serde_json::to_writer(&mut *json, entry)?;
            tables.index.insert(key.to_string().as_bytes(), json.as_slice())?;
        }
        Write::Unindex(key) => {
            tables.index.remove(key.to_string().as_bytes())?;
        }
        Write::Body(digest, body) => {
            tables.bodies.insert(digest.0.as_slice(), body.as_ref())?;
        }
        Write::DropBody(digest) => {
            tables.bodies.remove(digest.0.as_slice())?;
        }
        Write::Head { stack, root, generation } => {
            head.stack = Some(stack.clone());
            head.root = Some(root.clone());
            head.generation = *generation;
        }
        // Facts have revisions.
        Write::Put(..) | Write::Remove(..) => {}
    }
    Ok(())
}
