//! What the destination's own tables know of the keys of a batch.

use raccord_model::checkpoint::{PartitionId, Spot};
use raccord_model::decide::partitions::Met;
use raccord_model::decide::{
    KeptReject, Mark, Tombstone, WAITING, Waiting, Working, identity, tombstones_hold_from,
};
use raccord_model::fact::{RejectId, RunId, Uid};
use raccord_model::language::Mode;
use raccord_model::port::destination::{Batch, DestinationError, Reading};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Statement, params};
use uuid::Uuid;

use crate::error::Failure;
use crate::fence::id;

/// An identity that is kept in one of our own tables.
fn uuid_at(row: &Row<'_>, at: usize) -> rusqlite::Result<Uuid> {
    Uuid::from_slice(row.get_ref(at)?.as_blob()?).map_err(|_| FromSqlError::InvalidType.into())
}

/// Takes each row that a statement finds.
fn each(
    statement: &mut Statement<'_>,
    parameters: impl Params,
    mut take: impl FnMut(&Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

/// The ends of rows that hold still.
pub(super) fn tombstones(
    connection: &Connection,
    batch: &Batch,
    keys: &[&[u8]],
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT transfer, version, swept, at FROM _raccord_tombstones \
                 WHERE incarnation = ?1 AND key = ?2 AND at >= ?3";
    let mut statement = connection.prepare(query)?;
    let (incarnation, from) = (batch.target.incarnation.cast_signed(), tombstones_hold_from(batch.at));
    for key in keys {
        each(&mut statement, params![incarnation, key, from], |row| {
            let transfer = Uid(uuid_at(row, 0)?);
            let (version, is_swept, at) = (row.get(1)?, row.get(2)?, row.get(3)?);
            set.tombstones.found(key.to_vec(), Tombstone { transfer, version, is_swept, at });
            Ok(())
        })?;
    }
    Ok(())
}

/// The enrichments that wait for rows.
pub(super) fn waiting(
    connection: &Connection,
    batch: &Batch,
    keys: &[&[u8]],
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT transfer, version, patch FROM _raccord_waiting WHERE incarnation = ?1 AND key = ?2";
    let mut statement = connection.prepare(query)?;
    let incarnation = batch.target.incarnation.cast_signed();
    for key in keys {
        each(&mut statement, params![incarnation, key], |row| {
            let waiting = Waiting { version: row.get(1)?, patch: row.get(2)? };
            set.waiting.found((key.to_vec(), Uid(uuid_at(row, 0)?)), waiting);
            Ok(())
        })?;
    }
    if batch.mode == Mode::Enrich {
        let query = format!(
            "SELECT count(*) FROM (SELECT 1 FROM _raccord_waiting WHERE transfer = ?1 AND incarnation = ?2 LIMIT {WAITING})"
        );
        let count = |row: &Row<'_>| row.get::<_, i64>(0);
        let count = connection.query_row(&query, params![id(&batch.transfer), incarnation], count)?;
        set.own_waiting = count.cast_unsigned();
    }
    Ok(())
}

/// The deletions that wait for the end of the window.
pub(super) fn doomed(
    connection: &Connection,
    batch: &Batch,
    keys: &[&[u8]],
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT version FROM _raccord_doomed WHERE transfer = ?1 AND key = ?2";
    let mut statement = connection.prepare(query)?;
    for key in keys {
        let found = statement.query_row(params![id(&batch.transfer), key], |row| row.get(0)).optional()?;
        if let Some(version) = found {
            set.doomed.found(key.to_vec(), version);
        }
    }
    Ok(())
}

/// The keys that the window has shown.
pub(super) fn marks(
    connection: &Connection,
    batch: &Batch,
    keys: &[&[u8]],
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT deleted, page, partition FROM _raccord_marks WHERE transfer = ?1 AND key = ?2";
    let mut statement = connection.prepare(query)?;
    for key in keys {
        each(&mut statement, params![id(&batch.transfer), key], |row| {
            let page: Option<i64> = row.get(1)?;
            let partition = match row.get_ref(2)? {
                rusqlite::types::ValueRef::Null => None,
                _ => Some(PartitionId(uuid_at(row, 2)?)),
            };
            let spot = page.map(|page| Spot { partition, page: page.cast_unsigned() });
            set.marks.found(key.to_vec(), Mark { is_deleted: row.get(0)?, spot });
            Ok(())
        })?;
    }
    Ok(())
}

/// The rejects that carry one of the keys, or are the same as one of the batch.
pub(super) fn rejects(
    connection: &Connection,
    batch: &Batch,
    keys: &[&[u8]],
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT id, key, version FROM _raccord_rejects WHERE transfer = ?1 AND ";
    let mut found = |row: &Row<'_>| {
        let reject = row.get_ref(0)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok());
        let reject = RejectId(reject.ok_or(DestinationError::Damaged)?);
        set.rejects.found(reject, KeptReject { reject: None, key: row.get(1)?, version: row.get(2)? });
        Ok(())
    };
    let mut by_key = connection.prepare(&format!("{query}key = ?2"))?;
    for key in keys {
        each(&mut by_key, params![id(&batch.transfer), key], &mut found)?;
    }
    let mut by_id = connection.prepare(&format!("{query}id = ?2"))?;
    for reject in &batch.rejects {
        each(&mut by_id, params![id(&batch.transfer), identity(reject).0], &mut found)?;
    }
    Ok(())
}

/// The partitions and parents that the batch speaks of.
pub(super) fn partitions(connection: &Connection, batch: &Batch, set: &mut Working) -> Result<(), Failure> {
    for mark in &batch.partitions {
        for partition in std::iter::once(mark.id).chain(mark.parent.map(|(parent, _)| parent)) {
            if let Some(met) = partition_known(connection, batch.transfer, partition)? {
                set.partitions.found(partition, met);
            }
        }
    }
    Ok(())
}

/// What is known of a partition.
pub(crate) fn partition_known(
    connection: &Connection,
    transfer: Uid,
    partition: PartitionId,
) -> Result<Option<Met>, Failure> {
    let query = "SELECT run, attempt, known FROM _raccord_partitions WHERE transfer = ?1 AND partition = ?2";
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query(params![id(&transfer), partition.0.as_bytes()])?;
    rows.next()?.map(|row| met(row, 0)).transpose()
}

/// What is known of a partition, from three columns.
pub(crate) fn met(row: &Row<'_>, first: usize) -> Result<Met, Failure> {
    let by = Reading { run: RunId(uuid_at(row, first)?), attempt: row.get(first + 1)? };
    let known: String = row.get(first + 2)?;
    Ok(Met { by, known: serde_json::from_str(&known)? })
}
