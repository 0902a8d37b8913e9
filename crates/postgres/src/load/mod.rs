//! What a batch has to know, looked up with a few queries for all of its keys together. It locks the entity first, so that no
//! two transfers decide about the same row at once.

mod beside;
mod rows;

use raccord_model::decide::{Flags, Key, Working, all_keys, changed_keys, key_of};
use raccord_model::fact::Uid;
use raccord_model::port::destination::{Batch, DestinationError};
use tokio_postgres::types::Type;

use crate::codec::many::many_bytes;
use crate::connections::{Session, value};
use crate::error::Failure;
use crate::fence::signed;
use crate::table::Table;

pub(crate) use beside::met;
pub(crate) use rows::{by_keys, parameters, place_of, stored};

/// An entity as it is registered.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) table: Table,
    /// How often its rows were changed.
    pub(crate) revision: u64,
}

const ENTITY: &str = "SELECT shape, revision FROM raccord.entities WHERE incarnation = $1";

/// The entity of an incarnation, if there is one.
pub(crate) async fn entity(session: &Session<'_>, incarnation: u64) -> Result<Option<Entity>, Failure> {
    read_entity(session, incarnation, ENTITY).await
}

/// The same, locked until the end of the transaction.
pub(crate) async fn locked_entity(session: &Session<'_>, incarnation: u64) -> Result<Entity, Failure> {
    let found = read_entity(session, incarnation, &format!("{ENTITY} FOR UPDATE")).await?;
    Ok(found.ok_or(DestinationError::Unprepared)?)
}

async fn read_entity(
    session: &Session<'_>,
    incarnation: u64,
    query: &str,
) -> Result<Option<Entity>, Failure> {
    let row = session.query_opt(query, &[(&signed(incarnation), Type::INT8)]).await?;
    let Some(row) = row else { return Ok(None) };
    let table = serde_json::from_str(row.get(0))?;
    Ok(Some(Entity { table, revision: row.get::<_, i64>(1).cast_unsigned() }))
}

/// Looks which tables are to be asked.
pub(crate) async fn flags(session: &Session<'_>, incarnation: u64, transfer: Uid) -> Result<Flags, Failure> {
    let query = "SELECT EXISTS (SELECT 1 FROM raccord.tombstones WHERE incarnation = $1), \
                 EXISTS (SELECT 1 FROM raccord.waiting WHERE incarnation = $1), \
                 EXISTS (SELECT 1 FROM raccord.doomed WHERE transfer = $2), \
                 EXISTS (SELECT 1 FROM raccord.rejects WHERE transfer = $2)";
    let incarnation = signed(incarnation);
    let values = [value(&incarnation, Type::INT8), (&transfer.0, Type::UUID)];
    let row = session.query_opt(query, &values).await?.ok_or(DestinationError::Damaged)?;
    Ok(Flags {
        has_tombstones: row.get(0),
        has_waiting: row.get(1),
        has_doomed: row.get(2),
        has_rejects: row.get(3),
    })
}

/// Everything that a batch has to know.
pub(crate) async fn working(
    session: &Session<'_>,
    entity: &Entity,
    batch: &Batch,
    flags: Flags,
) -> Result<Working, Failure> {
    let mut set = Working::default();
    let changes = changed_keys(batch);
    set.rows.reserve(changes.len());
    rows::load(session, entity, batch, &changes, &mut set).await?;
    if flags.has_tombstones || flags.has_waiting || flags.has_doomed {
        let keys = many_bytes(changes.iter().copied());
        if flags.has_tombstones {
            beside::tombstones(session, batch, &keys, &mut set).await?;
        }
        if flags.has_waiting {
            beside::waiting(session, batch, &keys, &mut set).await?;
        }
        if flags.has_doomed {
            beside::doomed(session, batch, &keys, &mut set).await?;
        }
    }
    if batch.mark_seen || flags.has_rejects {
        let of_rejects: Vec<Key> = batch.rejects.iter().filter_map(key_of).collect();
        let keys = many_bytes(all_keys(&changes, &of_rejects));
        if batch.mark_seen {
            beside::marks(session, batch, &keys, &mut set).await?;
        }
        if flags.has_rejects {
            beside::rejects(session, batch, &keys, &mut set).await?;
        }
    }
    if !batch.partitions.is_empty() {
        beside::partitions(session, batch, &mut set).await?;
    }
    rows::load_living(session, batch.transfer, &mut set).await?;
    rows::load_holders(session, &entity.table, batch, &mut set).await?;
    set.reset(&batch.target.unique)?;
    Ok(set)
}
