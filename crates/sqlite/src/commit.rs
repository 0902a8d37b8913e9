//! One commit: the fence, what has to be known, what is decided, and what is written, in one transaction.

use std::sync::{Mutex, PoisonError};

use raccord_model::decide::{
    self, Bounds, Decision, Flags, Refused, Storage, Working, guard, is_outdated, keeps_all,
};
use raccord_model::fact::{Tally, Uid};
use raccord_model::port::destination::{Batch, DestinationError};
use raccord_model::row::NotARow;
use rusqlite::Connection;

use crate::error::Failure;
use crate::fence::{self, id};
use crate::load;
use crate::save::{self, Beside};
use crate::table::Table;

/// A batch on its way, over as many attempts as it takes.
#[derive(Debug)]
pub(crate) struct Commit {
    batch: Batch,
    /// The rows that the table did not take.
    refused: Mutex<Refused>,
}

/// Every value is kept as it is.
#[expect(clippy::unnecessary_wraps, reason = "destinations that narrow values may fail at it")]
const fn whole(_: &[u8]) -> Result<Option<Vec<u8>>, NotARow> {
    Ok(None)
}

impl Commit {
    pub(crate) const fn new(batch: Batch) -> Self {
        Self { batch, refused: Mutex::new(Refused::new()) }
    }

    /// Whether rows that were refused are news, so that the next attempt decides about them otherwise.
    pub(crate) fn learns(&self, more: &Refused) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let before = refused.len();
        refused.extend(more.iter().map(|(row, why)| (row.clone(), why.clone())));
        refused.len() > before
    }

    /// One attempt, in the transaction of a connection.
    pub(crate) fn attempt(&self, connection: &Connection) -> Result<Tally, Failure> {
        let batch = &self.batch;
        let (transfer, incarnation) = (batch.transfer, batch.target.incarnation);
        fence::check(connection, transfer, batch.fence)?;
        let entity = load::prepared(connection, incarnation)?;
        let flags = load::flags(connection, incarnation, transfer)?;
        if keeps_all(batch, entity.revision, flags) {
            let mut set = Working::default();
            let decision = self.decide(&mut set)?;
            return self.write_beside(connection, &set, decision, flags);
        }
        let mut set = load::working(connection, &entity, batch, flags)?;
        if let Some(guard) = guard::of(batch) {
            let owned = count_owned(connection, &entity.table, transfer)?;
            guard::check(batch, guard, &set, owned)?;
        }
        if is_outdated(batch, &set) {
            return Err(DestinationError::Outdated.into());
        }
        if flags.has_tombstones {
            save::purge_tombstones(connection, batch.at)?;
        }
        let decision = self.decide(&mut set)?;
        let ops = decide::ops(&set);
        if !ops.is_empty() {
            save::write_rows(connection, &entity.table, &ops)?;
            revise(connection, incarnation)?;
        }
        self.write_beside(connection, &set, decision, flags)
    }

    fn decide(&self, set: &mut Working) -> Result<Decision, Failure> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let storage = Storage { defaults: &self.batch.target.defaults, refused: &refused, narrow: whole };
        Ok(decide::batch(&self.batch, storage, set)?)
    }

    fn write_beside(
        &self,
        connection: &Connection,
        set: &Working,
        decision: Decision,
        flags: Flags,
    ) -> Result<Tally, Failure> {
        let batch = &self.batch;
        let Decision { mut tally, mut checkpoint } = decision;
        let (most, age) = batch.keep_rejects;
        let bounds = Bounds::at(batch.at, most, age);
        tally.newly_rejected =
            save::save_rejects(connection, batch.transfer, set, bounds, flags.has_rejects)?;
        if let Some(checkpoint) = &mut checkpoint {
            checkpoint.count(&tally);
        }
        Beside { batch, checkpoint: checkpoint.as_ref() }.write(connection, set)?;
        Ok(tally)
    }
}

/// Rows of an incarnation have changed.
pub(crate) fn revise(connection: &Connection, incarnation: u64) -> Result<(), Failure> {
    let revise = "UPDATE _raccord_entities SET revision = revision + 1 WHERE incarnation = ?1";
    connection.execute(revise, [incarnation.cast_signed()])?;
    Ok(())
}

/// How many rows of a table a transfer owns.
pub(crate) fn count_owned(connection: &Connection, table: &Table, owner: Uid) -> Result<u64, Failure> {
    let query =
        format!("SELECT count(*) FROM {} WHERE {} = ?1", table.rows(), table.beside("_raccord_owner"));
    let count: i64 = connection.query_row(&query, [id(&owner)], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}
