//! Writes what a batch leaves in the destination's own tables.

use std::hash::Hash;

use raccord_model::checkpoint::Checkpoint;
use raccord_model::decide::{Overlay, Tombstone, Working, tombstones_hold_from};
use raccord_model::fact::{Run, Uid};
use raccord_model::port::destination::{Batch, Reading};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec::many::{Finished, Many};
use crate::connections::{Parameter, Session, value};
use crate::error::Failure;
use crate::fence::signed;
use crate::load::met;

/// How many tombstones that hold no longer a batch takes away.
const PURGED: i64 = 256;

/// Columns of rows that are to be written together.
struct Columns(Vec<Many>);

impl Columns {
    fn new(types: &[Type]) -> Self {
        Self(types.iter().map(|of| Many::new(of.clone())).collect())
    }

    fn push(&mut self, values: &[Option<&[u8]>]) {
        self.0.iter_mut().zip(values).for_each(|(column, value)| column.push(*value));
    }

    fn finish(self) -> Vec<Finished> {
        self.0.into_iter().map(Many::finish).collect()
    }
}

/// Runs a statement with one value and columns after it.
async fn run(
    session: &Session<'_>,
    statement: &str,
    first: Parameter<'_>,
    columns: &[Finished],
) -> Result<(), Failure> {
    let mut values = vec![first];
    values.extend(crate::load::parameters(columns));
    session.execute(statement, &values).await?;
    Ok(())
}

/// Removes rows of a table by what they belong to and their keys.
async fn remove<'k>(
    session: &Session<'_>,
    statement: &str,
    first: Parameter<'_>,
    keys: impl IntoIterator<Item = &'k [u8]>,
) -> Result<(), Failure> {
    let keys = crate::codec::many::many_bytes(keys);
    session.execute(statement, &[first, (&keys, Type::BYTEA_ARRAY)]).await?;
    Ok(())
}

/// The keys of an overlay under which nothing is any more.
fn gone<K: Hash + Eq, V>(overlay: &Overlay<K, V>) -> Vec<&K> {
    overlay.changed().filter(|changed| changed.now.is_none()).map(|changed| changed.key).collect()
}

/// What a batch leaves beside its rows and rejects.
pub(crate) struct Beside<'b> {
    pub(crate) batch: &'b Batch,
    pub(crate) checkpoint: Option<&'b Checkpoint>,
}

impl Beside<'_> {
    /// Writes all of it.
    pub(crate) async fn write(&self, session: &Session<'_>, set: &Working) -> Result<(), Failure> {
        let (transfer, incarnation) = (self.batch.transfer, self.batch.target.incarnation);
        let buried: Vec<_> =
            set.tombstones.changed().filter_map(|it| Some((it.key.as_slice(), it.now?))).collect();
        remember_tombstones(session, incarnation, &buried).await?;
        forget_tombstones(session, incarnation, set).await?;
        save_waiting(session, incarnation, set).await?;
        save_doomed(session, transfer, set).await?;
        save_marks(session, transfer, set).await?;
        if self.checkpoint.is_some() {
            self.save_partitions(session, set).await?;
        }
        if let Some(run) = &self.batch.record {
            save_run(session, run).await?;
        }
        self.save_transfer(session).await
    }

    async fn save_partitions(&self, session: &Session<'_>, set: &Working) -> Result<(), Failure> {
        let batch = self.batch;
        let mut columns =
            Columns::new(&[Type::UUID_ARRAY, Type::UUID_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY]);
        let mut is_empty = true;
        for changed in set.partitions.changed() {
            let Some(met) = changed.now else { continue };
            is_empty = false;
            let known = serde_json::to_vec(&met.known)?;
            let attempt = i64::from(met.by.attempt).to_be_bytes();
            columns.push(&[
                Some(changed.key.0.as_bytes().as_slice()),
                Some(met.by.run.0.as_bytes().as_slice()),
                Some(attempt.as_slice()),
                Some(&known),
            ]);
        }
        if !is_empty {
            let put = "INSERT INTO raccord.partitions (transfer, partition, run, attempt, known) \
                       SELECT $1, * FROM unnest($2, $3, $4, $5) ON CONFLICT (transfer, partition) \
                       DO UPDATE SET run = excluded.run, attempt = excluded.attempt, known = excluded.known";
            run(session, put, (&batch.transfer.0, Type::UUID), &columns.finish()).await?;
        }
        if let Some(reading) = batch.accepts {
            accept(session, batch.transfer, reading).await?;
        }
        if let Some(reading) = batch.completes {
            forget(session, "marks", batch.transfer).await?;
            complete(session, batch.transfer, reading).await?;
        }
        Ok(())
    }

    async fn save_transfer(&self, session: &Session<'_>) -> Result<(), Failure> {
        let transfer = &self.batch.transfer.0;
        if let Some(checkpoint) = self.checkpoint {
            save_checkpoint(session, self.batch.transfer, checkpoint).await?;
        }
        if !self.batch.consumed.is_empty() {
            let mut settled = Many::new(Type::INT8_ARRAY);
            self.batch.consumed.iter().for_each(|sequence| settled.push(Some(&sequence.to_be_bytes())));
            let set = "UPDATE raccord.transfers SET settled = $2 WHERE transfer = $1";
            session.execute(set, &[(transfer, Type::UUID), (&settled.finish(), Type::INT8_ARRAY)]).await?;
        }
        Ok(())
    }
}

/// Keeps where a transfer continues.
pub(crate) async fn save_checkpoint(
    session: &Session<'_>,
    transfer: Uid,
    checkpoint: &Checkpoint,
) -> Result<(), Failure> {
    let json = serde_json::to_string(checkpoint)?;
    let set = "UPDATE raccord.transfers SET checkpoint = $2 WHERE transfer = $1";
    session.execute(set, &[(&transfer.0, Type::UUID), (&json, Type::TEXT)]).await?;
    Ok(())
}

/// Keeps a run, as it is.
pub(crate) async fn save_run(session: &Session<'_>, run: &Run) -> Result<(), Failure> {
    let json = serde_json::to_string(run)?;
    let put = "INSERT INTO raccord.runs (run, transfer, record) VALUES ($1, $2, $3) \
               ON CONFLICT (run) DO UPDATE SET record = excluded.record";
    let values = [value(&run.id.0, Type::UUID), (&run.transfer_uid.0, Type::UUID), (&json, Type::TEXT)];
    session.execute(put, &values).await?;
    Ok(())
}

/// Forgets what a table knows of a transfer.
pub(crate) async fn forget(session: &Session<'_>, table: &str, transfer: Uid) -> Result<(), Failure> {
    let forget = format!("DELETE FROM raccord.{table} WHERE transfer = $1");
    session.execute(&forget, &[(&transfer.0, Type::UUID)]).await?;
    Ok(())
}

/// Takes for proven how far a reading came in each partition.
async fn accept(session: &Session<'_>, transfer: Uid, reading: Reading) -> Result<(), Failure> {
    let query = "SELECT partition, run, attempt, known FROM raccord.partitions \
                 WHERE transfer = $1 AND run = $2 AND attempt = $3";
    let attempt = i64::from(reading.attempt);
    let values = [value(&transfer.0, Type::UUID), (&reading.run.0, Type::UUID), (&attempt, Type::INT8)];
    let mut columns = Columns::new(&[Type::UUID_ARRAY, Type::TEXT_ARRAY]);
    for row in session.query(query, &values).await? {
        let mut known = met(&row, 1)?.known;
        if known.unproven.is_some() {
            known.accept();
            let id: Uuid = row.get(0);
            columns.push(&[Some(id.as_bytes().as_slice()), Some(&serde_json::to_vec(&known)?)]);
        }
    }
    let set = "UPDATE raccord.partitions p SET known = u.known FROM unnest($2, $3) AS u(partition, known) \
               WHERE p.transfer = $1 AND p.partition = u.partition";
    run(session, set, (&transfer.0, Type::UUID), &columns.finish()).await
}

/// Ends a reading that is complete: what it did not meet is forgotten.
pub(crate) async fn complete(session: &Session<'_>, transfer: Uid, reading: Reading) -> Result<(), Failure> {
    accept(session, transfer, reading).await?;
    let forget = "DELETE FROM raccord.partitions WHERE transfer = $1 AND NOT (run = $2 AND attempt = $3)";
    let attempt = i64::from(reading.attempt);
    let values = [value(&transfer.0, Type::UUID), (&reading.run.0, Type::UUID), (&attempt, Type::INT8)];
    session.execute(forget, &values).await?;
    Ok(())
}

/// Remembers the ends of rows. One that no longer holds and stands there goes.
pub(crate) async fn remember_tombstones(
    session: &Session<'_>,
    incarnation: u64,
    buried: &[(&[u8], &Tombstone)],
) -> Result<(), Failure> {
    if buried.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::new(&[
        Type::BYTEA_ARRAY,
        Type::UUID_ARRAY,
        Type::BYTEA_ARRAY,
        Type::BOOL_ARRAY,
        Type::INT8_ARRAY,
    ]);
    for (key, tombstone) in buried {
        columns.push(&[
            Some(key),
            Some(tombstone.transfer.0.as_bytes().as_slice()),
            Some(&tombstone.version),
            Some(&[u8::from(tombstone.is_swept)]),
            Some(tombstone.at.to_be_bytes().as_slice()),
        ]);
    }
    let put = "INSERT INTO raccord.tombstones (incarnation, key, transfer, version, swept, at) \
               SELECT $1, * FROM unnest($2, $3, $4, $5, $6) ON CONFLICT (incarnation, key) DO UPDATE \
               SET transfer = excluded.transfer, version = excluded.version, swept = excluded.swept, at = excluded.at";
    run(session, put, (&signed(incarnation), Type::INT8), &columns.finish()).await
}

async fn forget_tombstones(session: &Session<'_>, incarnation: u64, set: &Working) -> Result<(), Failure> {
    let gone = gone(&set.tombstones);
    if gone.is_empty() {
        return Ok(());
    }
    let forget = "DELETE FROM raccord.tombstones WHERE incarnation = $1 AND key = ANY($2)";
    let keys = gone.into_iter().map(Vec::as_slice);
    remove(session, forget, (&signed(incarnation), Type::INT8), keys).await
}

/// Takes a few tombstones away that hold no longer.
pub(crate) async fn purge_tombstones(session: &Session<'_>, now: jiff::Timestamp) -> Result<(), Failure> {
    let purge = "DELETE FROM raccord.tombstones WHERE ctid = ANY(ARRAY(SELECT ctid FROM raccord.tombstones WHERE at < $1 LIMIT $2))";
    session.execute(purge, &[(&tombstones_hold_from(now), Type::INT8), (&PURGED, Type::INT8)]).await?;
    Ok(())
}

async fn save_waiting(session: &Session<'_>, incarnation: u64, set: &Working) -> Result<(), Failure> {
    let mut put = Columns::new(&[Type::BYTEA_ARRAY, Type::UUID_ARRAY, Type::BYTEA_ARRAY, Type::BYTEA_ARRAY]);
    let mut gone = Columns::new(&[Type::BYTEA_ARRAY, Type::UUID_ARRAY]);
    let (mut puts, mut goes) = (false, false);
    for changed in set.waiting.changed() {
        let (key, transfer) = changed.key;
        let transfer = Some(transfer.0.as_bytes().as_slice());
        if let Some(now) = changed.now {
            put.push(&[Some(key), transfer, Some(&now.version), Some(&now.patch)]);
            puts = true;
        } else {
            gone.push(&[Some(key), transfer]);
            goes = true;
        }
    }
    let incarnation = signed(incarnation);
    if puts {
        let statement = "INSERT INTO raccord.waiting (incarnation, key, transfer, version, patch) \
                         SELECT $1, * FROM unnest($2, $3, $4, $5) ON CONFLICT (incarnation, key, transfer) \
                         DO UPDATE SET version = excluded.version, patch = excluded.patch";
        run(session, statement, (&incarnation, Type::INT8), &put.finish()).await?;
    }
    if goes {
        let statement = "DELETE FROM raccord.waiting w USING unnest($2, $3) AS u(key, transfer) \
                         WHERE w.incarnation = $1 AND w.key = u.key AND w.transfer = u.transfer";
        run(session, statement, (&incarnation, Type::INT8), &gone.finish()).await?;
    }
    Ok(())
}

async fn save_doomed(session: &Session<'_>, transfer: Uid, set: &Working) -> Result<(), Failure> {
    let mut put = Columns::new(&[Type::BYTEA_ARRAY, Type::BYTEA_ARRAY]);
    let mut puts = false;
    for changed in set.doomed.changed() {
        if let Some(version) = changed.now {
            put.push(&[Some(changed.key), Some(version)]);
            puts = true;
        }
    }
    let transfer = value(&transfer.0, Type::UUID);
    if puts {
        let statement = "INSERT INTO raccord.doomed (transfer, key, version) SELECT $1, * FROM unnest($2, $3) \
                         ON CONFLICT (transfer, key) DO UPDATE SET version = excluded.version";
        run(session, statement, transfer.clone(), &put.finish()).await?;
    }
    let gone = gone(&set.doomed);
    if gone.is_empty() {
        return Ok(());
    }
    let statement = "DELETE FROM raccord.doomed WHERE transfer = $1 AND key = ANY($2)";
    remove(session, statement, transfer, gone.into_iter().map(Vec::as_slice)).await
}

async fn save_marks(session: &Session<'_>, transfer: Uid, set: &Working) -> Result<(), Failure> {
    let mut put = Columns::new(&[Type::BYTEA_ARRAY, Type::BOOL_ARRAY, Type::INT8_ARRAY, Type::UUID_ARRAY]);
    let mut puts = false;
    for changed in set.marks.changed().filter(|changed| changed.before != changed.now) {
        let Some(mark) = changed.now else { continue };
        puts = true;
        let page = mark.spot.map(|spot| spot.page.to_be_bytes());
        let partition = mark.spot.and_then(|spot| spot.partition);
        put.push(&[
            Some(changed.key),
            Some(&[u8::from(mark.is_deleted)]),
            page.as_ref().map(<[u8; 8]>::as_slice),
            partition.as_ref().map(|id| id.0.as_bytes().as_slice()),
        ]);
    }
    if !puts {
        return Ok(());
    }
    let statement = "INSERT INTO raccord.marks (transfer, key, deleted, page, partition) \
                     SELECT $1, * FROM unnest($2, $3, $4, $5) ON CONFLICT (transfer, key) \
                     DO UPDATE SET deleted = excluded.deleted, page = excluded.page, partition = excluded.partition";
    run(session, statement, (&transfer.0, Type::UUID), &put.finish()).await
}
