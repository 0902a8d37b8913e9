//! Writes what a batch leaves in the destination's own tables.

use raccord_model::checkpoint::Checkpoint;
use raccord_model::decide::{Tombstone, Working, tombstones_hold_from};
use raccord_model::fact::{Run, Uid};
use raccord_model::port::destination::{Batch, Reading};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::fence::{forget, id};
use crate::load::met;

/// How many tombstones that hold no longer a batch takes away.
const PURGED: i64 = 256;

/// What a batch leaves beside its rows and rejects.
pub(crate) struct Beside<'b> {
    pub(crate) batch: &'b Batch,
    pub(crate) checkpoint: Option<&'b Checkpoint>,
}

impl Beside<'_> {
    /// Writes all of it.
    pub(crate) fn write(&self, connection: &Connection, set: &Working) -> Result<(), Failure> {
        let (transfer, incarnation) = (self.batch.transfer, self.batch.target.incarnation);
        let buried = set.tombstones.changed().filter_map(|it| Some((it.key.as_slice(), it.now?)));
        bury(connection, incarnation, buried)?;
        dig_up(connection, incarnation, set)?;
        save_waiting(connection, incarnation, set)?;
        save_doomed(connection, transfer, set)?;
        save_marks(connection, transfer, set)?;
        if self.checkpoint.is_some() {
            self.save_partitions(connection, set)?;
        }
        if let Some(run) = &self.batch.record {
            save_run(connection, run)?;
        }
        self.save_transfer(connection)
    }

    fn save_partitions(&self, connection: &Connection, set: &Working) -> Result<(), Failure> {
        let transfer = self.batch.transfer;
        let put = "INSERT INTO _raccord_partitions (transfer, partition, run, attempt, known) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (transfer, partition) \
                   DO UPDATE SET run = excluded.run, attempt = excluded.attempt, known = excluded.known";
        let mut statement = connection.prepare(put)?;
        for changed in set.partitions.changed() {
            let Some(met) = changed.now else { continue };
            let known = serde_json::to_string(&met.known)?;
            let (partition, run) = (changed.key.0.as_bytes(), met.by.run.0.as_bytes());
            statement.execute(params![id(&transfer), partition, run, met.by.attempt, known])?;
        }
        if let Some(reading) = self.batch.accepts {
            accept(connection, transfer, reading)?;
        }
        if let Some(reading) = self.batch.completes {
            forget(connection, "marks", transfer)?;
            complete(connection, transfer, reading)?;
        }
        Ok(())
    }

    fn save_transfer(&self, connection: &Connection) -> Result<(), Failure> {
        let transfer = self.batch.transfer;
        if let Some(checkpoint) = self.checkpoint {
            save_checkpoint(connection, transfer, checkpoint)?;
        }
        if !self.batch.consumed.is_empty() {
            let settled = serde_json::to_string(&self.batch.consumed)?;
            let set = "UPDATE _raccord_transfers SET settled = ?2 WHERE transfer = ?1";
            connection.execute(set, params![id(&transfer), settled])?;
        }
        Ok(())
    }
}

/// Keeps where a transfer continues.
pub(crate) fn save_checkpoint(
    connection: &Connection,
    transfer: Uid,
    checkpoint: &Checkpoint,
) -> Result<(), Failure> {
    let json = serde_json::to_string(checkpoint)?;
    let set = "UPDATE _raccord_transfers SET checkpoint = ?2 WHERE transfer = ?1";
    connection.execute(set, params![id(&transfer), json])?;
    Ok(())
}

/// Keeps a run, as it is.
pub(crate) fn save_run(connection: &Connection, run: &Run) -> Result<(), Failure> {
    let json = serde_json::to_string(run)?;
    let put = "INSERT INTO _raccord_runs (run, transfer, record) VALUES (?1, ?2, ?3) \
               ON CONFLICT (run) DO UPDATE SET record = excluded.record";
    connection.execute(put, params![run.id.0.as_bytes(), id(&run.transfer_uid), json])?;
    Ok(())
}

/// Takes for proven how far a reading came in each partition.
fn accept(connection: &Connection, transfer: Uid, reading: Reading) -> Result<(), Failure> {
    let query = "SELECT partition, run, attempt, known FROM _raccord_partitions \
                 WHERE transfer = ?1 AND run = ?2 AND attempt = ?3";
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query(params![id(&transfer), reading.run.0.as_bytes(), reading.attempt])?;
    let mut accepted: Vec<(Vec<u8>, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let mut known = met(row, 1)?.known;
        if known.unproven.is_some() {
            known.accept();
            accepted.push((row.get(0)?, serde_json::to_string(&known)?));
        }
    }
    let set = "UPDATE _raccord_partitions SET known = ?3 WHERE transfer = ?1 AND partition = ?2";
    for (partition, known) in accepted {
        connection.execute(set, params![id(&transfer), partition, known])?;
    }
    Ok(())
}

/// Ends a reading that is complete: what it did not meet is forgotten.
pub(crate) fn complete(connection: &Connection, transfer: Uid, reading: Reading) -> Result<(), Failure> {
    accept(connection, transfer, reading)?;
    let forget = "DELETE FROM _raccord_partitions WHERE transfer = ?1 AND NOT (run = ?2 AND attempt = ?3)";
    connection.execute(forget, params![id(&transfer), reading.run.0.as_bytes(), reading.attempt])?;
    Ok(())
}

/// Remembers the ends of rows. One that no longer holds and stands there goes.
pub(crate) fn bury<'t>(
    connection: &Connection,
    incarnation: u64,
    buried: impl IntoIterator<Item = (&'t [u8], &'t Tombstone)>,
) -> Result<(), Failure> {
    let put = "INSERT INTO _raccord_tombstones (incarnation, key, transfer, version, swept, at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (incarnation, key) DO UPDATE \
               SET transfer = excluded.transfer, version = excluded.version, swept = excluded.swept, at = excluded.at";
    let mut statement = connection.prepare(put)?;
    for (key, it) in buried {
        let incarnation = incarnation.cast_signed();
        statement.execute(params![incarnation, key, id(&it.transfer), it.version, it.is_swept, it.at])?;
    }
    Ok(())
}

fn dig_up(connection: &Connection, incarnation: u64, set: &Working) -> Result<(), Failure> {
    let forget = "DELETE FROM _raccord_tombstones WHERE incarnation = ?1 AND key = ?2";
    let mut statement = connection.prepare(forget)?;
    for changed in set.tombstones.changed().filter(|changed| changed.now.is_none()) {
        statement.execute(params![incarnation.cast_signed(), changed.key])?;
    }
    Ok(())
}

/// Takes a few tombstones away that hold no longer.
pub(crate) fn purge_tombstones(connection: &Connection, now: jiff::Timestamp) -> Result<(), Failure> {
    let purge = "DELETE FROM _raccord_tombstones WHERE (incarnation, key) IN \
                 (SELECT incarnation, key FROM _raccord_tombstones WHERE at < ?1 LIMIT ?2)";
    connection.execute(purge, params![tombstones_hold_from(now), PURGED])?;
    Ok(())
}

fn save_waiting(connection: &Connection, incarnation: u64, set: &Working) -> Result<(), Failure> {
    let put = "INSERT INTO _raccord_waiting (incarnation, key, transfer, version, patch) \
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (incarnation, key, transfer) \
               DO UPDATE SET version = excluded.version, patch = excluded.patch";
    let remove = "DELETE FROM _raccord_waiting WHERE incarnation = ?1 AND key = ?2 AND transfer = ?3";
    let incarnation = incarnation.cast_signed();
    for changed in set.waiting.changed() {
        let (key, transfer) = changed.key;
        match changed.now {
            Some(now) => {
                connection.execute(put, params![incarnation, key, id(transfer), now.version, now.patch])?
            }
            None => connection.execute(remove, params![incarnation, key, id(transfer)])?,
        };
    }
    Ok(())
}

fn save_doomed(connection: &Connection, transfer: Uid, set: &Working) -> Result<(), Failure> {
    let put = "INSERT INTO _raccord_doomed (transfer, key, version) VALUES (?1, ?2, ?3) \
               ON CONFLICT (transfer, key) DO UPDATE SET version = excluded.version";
    let remove = "DELETE FROM _raccord_doomed WHERE transfer = ?1 AND key = ?2";
    let (mut put, mut remove) = (connection.prepare(put)?, connection.prepare(remove)?);
    for changed in set.doomed.changed() {
        match changed.now {
            Some(version) => put.execute(params![id(&transfer), changed.key, version])?,
            None => remove.execute(params![id(&transfer), changed.key])?,
        };
    }
    Ok(())
}

fn save_marks(connection: &Connection, transfer: Uid, set: &Working) -> Result<(), Failure> {
    let put = "INSERT INTO _raccord_marks (transfer, key, deleted, page, partition) \
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (transfer, key) \
               DO UPDATE SET deleted = excluded.deleted, page = excluded.page, partition = excluded.partition";
    let mut statement = connection.prepare(put)?;
    for changed in set.marks.changed().filter(|changed| changed.before != changed.now) {
        let Some(mark) = changed.now else { continue };
        let page = mark.spot.map(|spot| spot.page.cast_signed());
        let partition = mark.spot.and_then(|spot| spot.partition).map(|partition| partition.0.into_bytes());
        statement.execute(params![id(&transfer), changed.key, mark.is_deleted, page, partition])?;
    }
    Ok(())
}
