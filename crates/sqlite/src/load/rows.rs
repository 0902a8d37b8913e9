//! Rows of a table as the model knows them, and which rows hold the unique values that a batch may take.

use std::collections::BTreeSet;

use raccord_model::decide::{Key, Stored, UNOWNED, Versions, Working, taken_values};
use raccord_model::fact::{RunId, Uid};
use raccord_model::port::destination::{Batch, DestinationError, RecordDigest};
use raccord_model::row::{self, push_key};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params_from_iter};
use uuid::Uuid;

use crate::codec::{self, Unstorable};
use crate::error::Failure;
use crate::fence::id;
use crate::table::{Table, quoted};

/// An identity in a column; nothing where another program has left something else.
pub(crate) fn uuid_of(row: &Row<'_>, at: usize) -> Result<Option<Uuid>, Failure> {
    Ok(row.get_ref(at)?.as_blob().ok().and_then(|bytes| Uuid::from_slice(bytes).ok()))
}

/// A row and its key, as [`Table::select`] reads them; nothing of one whose key is none of ours.
pub(crate) fn stored(table: &Table, row: &Row<'_>) -> Result<Option<(Key, Stored)>, Failure> {
    let (mut bytes, mut parts) = (Vec::with_capacity(256), vec![None; table.key.len()]);
    row::begin(&mut bytes);
    for (at, column) in table.columns.iter().enumerate() {
        let Some(value) = codec::decode(column.kind, row.get_ref(at)?) else { continue };
        row::push(&mut bytes, column.field, Some(&value));
        let part = table.key.iter().position(|key| *key == at);
        if let Some(part) = part.and_then(|part| parts.get_mut(part)) {
            *part = Some(value);
        }
    }
    let mut key = Vec::with_capacity(32);
    for part in parts {
        let Some(value) = part else { return Ok(None) };
        if push_key(&mut key, &value).is_err() {
            return Ok(None);
        }
    }
    let first = table.columns.len();
    let bytes_of = |at: usize| row.get_ref(first + at).map(|value| value.as_blob().unwrap_or_default());
    let digest: Option<[u8; 16]> = bytes_of(2)?.try_into().ok();
    let stored = Stored {
        owner: uuid_of(row, first)?.map_or(UNOWNED, Uid),
        run: RunId(uuid_of(row, first + 1)?.unwrap_or_default()),
        digest: digest.map(RecordDigest::from_bytes),
        versions: Versions::decode(bytes_of(3)?)?,
        row: bytes,
        place: 0,
    };
    Ok(Some((key, stored)))
}

/// Finds rows by their keys.
pub(crate) struct Lookup<'c> {
    table: &'c Table,
    statement: Statement<'c>,
}

impl<'c> Lookup<'c> {
    pub(crate) fn of(connection: &'c Connection, table: &'c Table) -> Result<Self, Failure> {
        let statement = connection.prepare(&(table.select() + &table.is_key(1)))?;
        Ok(Self { table, statement })
    }

    /// The row with a key, if there is one. A key that the columns cannot hold is in no row.
    pub(crate) fn find(&mut self, key: &[u8]) -> Result<Option<Stored>, Failure> {
        let Ok(values) = codec::key_of(self.table, key) else { return Ok(None) };
        let Ok(parameters) = codec::parameters(&values) else { return Ok(None) };
        let mut rows = self.statement.query(params_from_iter(parameters))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(stored(self.table, row)?.map(|(_, stored)| stored))
    }
}

/// The rows that the changes of a batch may change.
pub(super) fn load(
    connection: &Connection,
    table: &Table,
    keys: &[&[u8]],
    set: &mut Working,
) -> Result<(), Failure> {
    let mut lookup = Lookup::of(connection, table)?;
    for key in keys {
        if let Some(stored) = lookup.find(key)? {
            set.rows.found(key.to_vec(), stored);
        }
    }
    Ok(())
}

/// Which owners of the rows are transfers still.
pub(super) fn load_living(connection: &Connection, transfer: Uid, set: &mut Working) -> Result<(), Failure> {
    let owners = set.rows.iter().map(|(_, row)| row.owner);
    let others: BTreeSet<Uid> = owners.filter(|owner| *owner != transfer && *owner != UNOWNED).collect();
    set.living.insert(transfer);
    let query = "SELECT 1 FROM _raccord_transfers WHERE transfer = ?1 AND NOT ended";
    for owner in others {
        if connection.query_row(query, [id(&owner)], |_| Ok(())).optional()?.is_some() {
            set.living.insert(owner);
        }
    }
    Ok(())
}

/// The rows outside of the batch that hold a unique value which a row of the batch has or may take.
pub(super) fn load_holders(
    connection: &Connection,
    table: &Table,
    batch: &Batch,
    set: &mut Working,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    for (field, values) in taken_values(batch, set)? {
        let Some(column) = table.column(field) else { continue };
        let condition = format!(" WHERE t.{} = ?1 COLLATE BINARY", quoted(&column.name));
        let mut statement = connection.prepare(&(table.select_keys("") + &condition))?;
        for value in values {
            let Some(decoded) = row::tagged_value(&value)? else { continue };
            // What cannot be stored is no row's.
            let Ok(parameter) = codec::encode(column, &decoded) else { continue };
            let mut rows = statement.query([parameter])?;
            while let Some(row) = rows.next()? {
                if let Some(key) = codec::read_key(table, row, 0)? {
                    found.push((field, value.clone(), key));
                }
            }
        }
    }
    found.retain(|(_, _, key)| set.rows.get(key.as_slice()).is_none());
    set.others = found;
    Ok(())
}

impl From<Unstorable> for Failure {
    fn from(_: Unstorable) -> Self {
        Self::Refused(DestinationError::Damaged)
    }
}
