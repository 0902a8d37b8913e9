//! Revisions of facts: which writing of a fact the file holds, and whether it is still the one that a commit was
//! decided on.
//!
//! They stand in a table of their own, so that the facts themselves are as the versions before wrote them and read
//! them. Numbers come from one counter for the whole file and none is ever used twice: a fact that was removed and
//! put again is not taken for the one that was there.

use raccord_model::port::state::{Condition, Revision, StateError, Table};
use redb::ReadableTable;

use crate::error::StoreError;
use crate::table::{META_REVISION, Raw, Tables};

/// The byte of a table in the keys of revisions. Never changed, for it is in files.
const fn tag(table: Table) -> u8 {
    match table {
        Table::Generations => b'g',
        Table::Transfers => b't',
        Table::Entities => b'e',
        Table::Integrations => b'i',
        Table::Runs => b'r',
        Table::Steps => b's',
        Table::Outbox => b'o',
        Table::Tokens => b'k',
        Table::Sessions => b'n',
        Table::Audit => b'a',
        Table::Webhooks => b'w',
        Table::Told => b'l',
    }
}

fn place(table: Table, key: &[u8]) -> Vec<u8> {
    [&[tag(table)], key].concat()
}

/// The revision of a fact that is there.
pub(crate) fn of(
    revisions: &impl ReadableTable<Raw, Raw>,
    table: Table,
    key: &[u8],
) -> Result<Revision, StoreError> {
    // A fact without one was written by a version that kept none.
    revisions.get(place(table, key).as_slice())?.map_or(Ok(0), |value| number(value.value()))
}

fn number(bytes: &[u8]) -> Result<Revision, StoreError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Damaged)
}

/// The first condition that does not hold, as the refusal of the commit.
pub(crate) fn refuse(
    tables: &mut Tables<'_>,
    conditions: &[Condition],
) -> Result<Option<StateError>, StoreError> {
    for Condition { table, key, revision: expected } in conditions {
        let is_there = tables.facts(*table).get(key.as_bytes())?.is_some();
        let found = if is_there { Some(of(&tables.revisions, *table, key.as_bytes())?) } else { None };
        if found != *expected {
            let (table, key, expected) = (*table, key.clone(), *expected);
            return Ok(Some(StateError::FactConflict { table, key, expected, found }));
        }
    }
    Ok(None)
}

/// The revision for the facts that a commit writes. It is used up.
pub(crate) fn next(tables: &mut Tables<'_>) -> Result<Revision, StoreError> {
    let last = tables.meta.get(META_REVISION)?.map_or(Ok(0), |value| number(value.value()))?;
    let next = last.checked_add(1).ok_or(StoreError::Damaged)?;
    tables.meta.insert(META_REVISION, next.to_be_bytes().as_slice())?;
    Ok(next)
}

/// Notes the revision of a fact that is put.
pub(crate) fn note(
    tables: &mut Tables<'_>,
    table: Table,
    key: &[u8],
    revision: Revision,
) -> Result<(), StoreError> {
    tables.revisions.insert(place(table, key).as_slice(), revision.to_be_bytes().as_slice())?;
    Ok(())
}

/// Forgets the revision of a fact that is removed.
pub(crate) fn forget(tables: &mut Tables<'_>, table: Table, key: &[u8]) -> Result<(), StoreError> {
    tables.revisions.remove(place(table, key).as_slice())?;
    Ok(())
}
