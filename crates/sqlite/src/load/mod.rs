//! What a batch has to know, looked up key by key: the database is in the process, and a lookup costs microseconds.

mod beside;
mod rows;

use raccord_model::decide::{Flags, Key, Working, all_keys, changed_keys, key_of};
use raccord_model::fact::Uid;
use raccord_model::port::destination::{Batch, DestinationError};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Failure;
use crate::fence::id;
use crate::table::Table;

pub(crate) use beside::{met, partition_known};
pub(crate) use rows::{Lookup, stored, uuid_of};

/// An entity as it is registered.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) table: Table,
    /// How often its rows were changed.
    pub(crate) revision: u64,
}

/// The entity of an incarnation, if there is one.
pub(crate) fn entity(connection: &Connection, incarnation: u64) -> Result<Option<Entity>, Failure> {
    let query = "SELECT shape, revision FROM _raccord_entities WHERE incarnation = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    let found = connection.query_row(query, [incarnation.cast_signed()], read).optional()?;
    let Some((shape, revision)) = found else { return Ok(None) };
    Ok(Some(Entity { table: serde_json::from_str(&shape)?, revision: revision.cast_unsigned() }))
}

/// The same, which has to be there.
pub(crate) fn prepared(connection: &Connection, incarnation: u64) -> Result<Entity, Failure> {
    Ok(entity(connection, incarnation)?.ok_or(DestinationError::Unprepared)?)
}

/// Looks which of the destination's own tables are to be asked.
pub(crate) fn flags(connection: &Connection, incarnation: u64, transfer: Uid) -> Result<Flags, Failure> {
    let query = "SELECT EXISTS (SELECT 1 FROM _raccord_tombstones WHERE incarnation = ?1), \
                 EXISTS (SELECT 1 FROM _raccord_waiting WHERE incarnation = ?1), \
                 EXISTS (SELECT 1 FROM _raccord_doomed WHERE transfer = ?2), \
                 EXISTS (SELECT 1 FROM _raccord_rejects WHERE transfer = ?2)";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Flags {
            has_tombstones: row.get(0)?,
            has_waiting: row.get(1)?,
            has_doomed: row.get(2)?,
            has_rejects: row.get(3)?,
        })
    };
    Ok(connection.query_row(query, params![incarnation.cast_signed(), id(&transfer)], read)?)
}

/// Everything that a batch has to know.
pub(crate) fn working(
    connection: &Connection,
    entity: &Entity,
    batch: &Batch,
    flags: Flags,
) -> Result<Working, Failure> {
    let mut set = Working::default();
    let changes = changed_keys(batch);
    let of_rejects: Vec<Key> = batch.rejects.iter().filter_map(key_of).collect();
    let all = all_keys(&changes, &of_rejects);
    set.rows.reserve(changes.len());
    rows::load(connection, &entity.table, &changes, &mut set)?;
    if flags.has_tombstones {
        beside::tombstones(connection, batch, &changes, &mut set)?;
    }
    if flags.has_waiting {
        beside::waiting(connection, batch, &changes, &mut set)?;
    }
    if flags.has_doomed {
        beside::doomed(connection, batch, &changes, &mut set)?;
    }
    if batch.mark_seen {
        beside::marks(connection, batch, &all, &mut set)?;
    }
    if flags.has_rejects {
        beside::rejects(connection, batch, &all, &mut set)?;
    }
    beside::partitions(connection, batch, &mut set)?;
    rows::load_living(connection, batch.transfer, &mut set)?;
    rows::load_holders(connection, &entity.table, batch, &mut set)?;
    set.reset(&batch.target.unique)?;
    Ok(set)
}
