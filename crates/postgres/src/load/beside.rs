//! What the destination's own tables know of the keys of a batch.

use raccord_model::checkpoint::{PartitionId, Spot};
use raccord_model::decide::partitions::Met;
use raccord_model::decide::{
    KeptReject, Mark, Tombstone, WAITING, Waiting, Working, identity, tombstones_hold_from,
};
use raccord_model::fact::{RejectId, RunId, Uid};
use raccord_model::language::Mode;
use raccord_model::port::destination::{Batch, DestinationError, Reading};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec::many::{Finished, Many};
use crate::connections::{Session, value};
use crate::error::Failure;
use crate::fence::signed;

fn bytes(row: &Row, at: usize) -> Vec<u8> {
    row.get::<_, &[u8]>(at).to_vec()
}

/// The ends of rows that hold still.
pub(super) async fn tombstones(
    session: &Session<'_>,
    batch: &Batch,
    keys: &Finished,
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT key, transfer, version, swept, at FROM raccord.tombstones \
                 WHERE incarnation = $1 AND key = ANY($2) AND at >= $3";
    let (incarnation, from) = (signed(batch.target.incarnation), tombstones_hold_from(batch.at));
    let values = [value(&incarnation, Type::INT8), (keys, Type::BYTEA_ARRAY), (&from, Type::INT8)];
    for row in session.query(query, &values).await? {
        let tombstone = Tombstone {
            transfer: Uid(row.get(1)),
            version: bytes(&row, 2),
            is_swept: row.get(3),
            at: row.get(4),
        };
        set.tombstones.found(bytes(&row, 0), tombstone);
    }
    Ok(())
}

/// The enrichments that wait for rows.
pub(super) async fn waiting(
    session: &Session<'_>,
    batch: &Batch,
    keys: &Finished,
    set: &mut Working,
) -> Result<(), Failure> {
    let query =
        "SELECT key, transfer, version, patch FROM raccord.waiting WHERE incarnation = $1 AND key = ANY($2)";
    let incarnation = signed(batch.target.incarnation);
    let values = [value(&incarnation, Type::INT8), (keys, Type::BYTEA_ARRAY)];
    for row in session.query(query, &values).await? {
        let waiting = Waiting { version: bytes(&row, 2), patch: bytes(&row, 3) };
        set.waiting.found((bytes(&row, 0), Uid(row.get(1))), waiting);
    }
    if batch.mode == Mode::Enrich {
        let query = format!(
            "SELECT count(*) FROM (SELECT 1 FROM raccord.waiting WHERE transfer = $1 AND incarnation = $2 LIMIT {WAITING}) w"
        );
        let values = [value(&batch.transfer.0, Type::UUID), (&incarnation, Type::INT8)];
        let row = session.query_opt(&query, &values).await?;
        set.own_waiting = row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned());
    }
    Ok(())
}

/// The deletions that wait for the end of the window.
pub(super) async fn doomed(
    session: &Session<'_>,
    batch: &Batch,
    keys: &Finished,
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT key, version FROM raccord.doomed WHERE transfer = $1 AND key = ANY($2)";
    for row in session.query(query, &[(&batch.transfer.0, Type::UUID), (keys, Type::BYTEA_ARRAY)]).await? {
        set.doomed.found(bytes(&row, 0), bytes(&row, 1));
    }
    Ok(())
}

/// The keys that the window has shown.
pub(super) async fn marks(
    session: &Session<'_>,
    batch: &Batch,
    keys: &Finished,
    set: &mut Working,
) -> Result<(), Failure> {
    let query =
        "SELECT key, deleted, page, partition FROM raccord.marks WHERE transfer = $1 AND key = ANY($2)";
    for row in session.query(query, &[(&batch.transfer.0, Type::UUID), (keys, Type::BYTEA_ARRAY)]).await? {
        let (page, partition): (Option<i64>, Option<Uuid>) = (row.get(2), row.get(3));
        let spot = |page: i64| Spot { partition: partition.map(PartitionId), page: page.cast_unsigned() };
        set.marks.found(bytes(&row, 0), Mark { is_deleted: row.get(1), spot: page.map(spot) });
    }
    Ok(())
}

/// The rejects that carry one of the keys, or are the same as one of the batch.
pub(super) async fn rejects(
    session: &Session<'_>,
    batch: &Batch,
    keys: &Finished,
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT id, key, version FROM raccord.rejects WHERE transfer = $1 AND (key = ANY($2) OR id = ANY($3))";
    let mut ids = Many::new(Type::BYTEA_ARRAY);
    batch.rejects.iter().for_each(|reject| ids.push(Some(&identity(reject).0)));
    let ids = ids.finish();
    let values = [value(&batch.transfer.0, Type::UUID), (keys, Type::BYTEA_ARRAY), (&ids, Type::BYTEA_ARRAY)];
    for row in session.query(query, &values).await? {
        let key: Option<&[u8]> = row.get(1);
        let kept = KeptReject { reject: None, key: key.map(<[u8]>::to_vec), version: bytes(&row, 2) };
        set.rejects.found(reject_id(&row, 0)?, kept);
    }
    Ok(())
}

pub(super) fn reject_id(row: &Row, at: usize) -> Result<RejectId, Failure> {
    let id = row.get::<_, &[u8]>(at).try_into().map_err(|_| DestinationError::Damaged)?;
    Ok(RejectId(id))
}

/// The partitions and parents that the batch speaks of.
pub(super) async fn partitions(
    session: &Session<'_>,
    batch: &Batch,
    set: &mut Working,
) -> Result<(), Failure> {
    let query = "SELECT partition, run, attempt, known FROM raccord.partitions WHERE transfer = $1 AND partition = ANY($2)";
    let mut ids = Many::new(Type::UUID_ARRAY);
    for mark in &batch.partitions {
        ids.push(Some(mark.id.0.as_bytes()));
        if let Some((parent, _)) = &mark.parent {
            ids.push(Some(parent.0.as_bytes()));
        }
    }
    let ids = ids.finish();
    for row in session.query(query, &[(&batch.transfer.0, Type::UUID), (&ids, Type::UUID_ARRAY)]).await? {
        set.partitions.found(PartitionId(row.get(0)), met(&row, 1)?);
    }
    Ok(())
}

/// What is known of a partition, from three columns.
pub(crate) fn met(row: &Row, first: usize) -> Result<Met, Failure> {
    let attempt = u32::try_from(row.get::<_, i64>(first + 1)).map_err(|_| DestinationError::Damaged)?;
    let by = Reading { run: RunId(row.get(first)), attempt };
    Ok(Met { by, known: serde_json::from_str(row.get(first + 2))? })
}
