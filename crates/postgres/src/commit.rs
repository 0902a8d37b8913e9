//! One commit: the fence, what has to be known, what is decided, and what is written, in one transaction.

use std::sync::atomic::{AtomicBool, Ordering};

use raccord_model::decide::{
    self, Bounds, Decision, Flags, Narrow, Refused, Storage, Working, guard, is_outdated, keeps_all,
};
use raccord_model::fact::{Tally, Uid};
use raccord_model::port::destination::{Batch, DestinationError};
use tokio_postgres::types::Type;

use crate::codec;
use crate::connections::Session;
use crate::error::{Failure, Sort};
use crate::fence::{self, signed};
use crate::load::{self, Entity};
use crate::save::{self, Beside, Care, Rows};
use crate::table::Table;

/// A batch on its way, over as many attempts as it takes.
#[derive(Debug)]
pub(crate) struct Commit {
    batch: Batch,
    /// Whether the database has refused a row: then it is found out which.
    is_careful: AtomicBool,
}

impl Commit {
    pub(crate) const fn new(batch: Batch) -> Self {
        Self { batch, is_careful: AtomicBool::new(false) }
    }

    pub(crate) const fn transfer(&self) -> Uid {
        self.batch.transfer
    }

    /// Whether a failure was of a row and the next attempt will find out which.
    pub(crate) fn becomes_careful(&self, failure: &Failure) -> bool {
        failure.sort() == Sort::Row && !self.is_careful.swap(true, Ordering::Relaxed)
    }

    fn care(&self) -> Care {
        if self.is_careful.load(Ordering::Relaxed) { Care::InParts } else { Care::Together }
    }

    /// One attempt, in the transaction of a session.
    pub(crate) async fn attempt(&self, session: &Session<'_>) -> Result<Tally, Failure> {
        let batch = &self.batch;
        let (transfer, incarnation) = (batch.transfer, batch.target.incarnation);
        // Sent together, and answered in this order.
        let ((), entity, flags) = tokio::try_join!(
            fence::check(session, transfer, batch.fence),
            load::locked_entity(session, incarnation),
            load::flags(session, incarnation, transfer),
        )?;
        if keeps_all(batch, entity.revision, flags) {
            return self.keep(session, flags).await;
        }
        let mut set = load::working(session, &entity, batch, flags).await?;
        if let Some(guard) = guard::of(batch) {
            let owned = count_owned(session, &entity.table, transfer).await?;
            guard::check(batch, guard, &set, owned)?;
        }
        if is_outdated(batch, &set) {
            return Err(DestinationError::Outdated.into());
        }
        if flags.has_tombstones {
            save::purge_tombstones(session, batch.at).await?;
        }
        let decision = self.write_rows(session, &entity, &mut set).await?;
        self.write_beside(session, &set, decision, flags).await
    }

    /// Decides, and writes rows, until all are written that can be.
    async fn write_rows(
        &self,
        session: &Session<'_>,
        entity: &Entity,
        set: &mut Working,
    ) -> Result<Decision, Failure> {
        let batch = &self.batch;
        let defaults: &[u8] = &batch.target.defaults;
        let narrowed = if defaults.is_empty() { None } else { codec::narrowed(defaults)? };
        let defaults = narrowed.as_deref().unwrap_or(defaults);
        let narrow: Narrow = if entity.table.has_instants() { codec::narrowed } else { |_| Ok(None) };
        let care = self.care();
        let mut refused = Refused::new();
        if care == Care::InParts {
            session.run("SAVEPOINT rows").await?;
        }
        loop {
            let decision = decide::batch(batch, Storage { defaults, refused: &refused, narrow }, set)?;
            let rows = Rows::of(set);
            let more = rows.write(session, &entity.table, care).await?;
            if more.is_empty() {
                if !rows.is_empty() {
                    revise(session, batch.target.incarnation).await?;
                }
                return Ok(decision);
            }
            if care == Care::InParts {
                session.run("ROLLBACK TO SAVEPOINT rows").await?;
            }
            // Each of them is decided otherwise the next time, so that this comes to an end.
            refused.extend(more);
            set.reset(&batch.target.unique)?;
        }
    }

    async fn write_beside(
        &self,
        session: &Session<'_>,
        set: &Working,
        decision: Decision,
        flags: Flags,
    ) -> Result<Tally, Failure> {
        let batch = &self.batch;
        let Decision { mut tally, mut checkpoint } = decision;
        let (most, age) = batch.keep_rejects;
        let bounds = Bounds::at(batch.at, most, age);
        tally.newly_rejected =
            save::save_rejects(session, batch.transfer, set, bounds, flags.has_rejects).await?;
        if let Some(checkpoint) = &mut checkpoint {
            checkpoint.count(&tally);
        }
        Beside { batch, checkpoint: checkpoint.as_ref() }.write(session, set).await?;
        Ok(tally)
    }

    /// All rows stay as they are: nothing of them has to be known.
    async fn keep(&self, session: &Session<'_>, flags: Flags) -> Result<Tally, Failure> {
        let mut set = Working::default();
        let storage = Storage { defaults: &[], refused: &Refused::new(), narrow: codec::narrowed };
        let decision = decide::batch(&self.batch, storage, &mut set)?;
        self.write_beside(session, &set, decision, flags).await
    }
}

/// Rows of an incarnation have changed.
pub(crate) async fn revise(session: &Session<'_>, incarnation: u64) -> Result<(), Failure> {
    let revise = "UPDATE raccord.entities SET revision = revision + 1 WHERE incarnation = $1";
    session.execute(revise, &[(&signed(incarnation), Type::INT8)]).await?;
    Ok(())
}

/// How many rows of a table a transfer owns.
pub(crate) async fn count_owned(session: &Session<'_>, table: &Table, owner: Uid) -> Result<u64, Failure> {
    let query =
        format!("SELECT count(*) FROM {} WHERE {} = $1", table.rows(), table.beside("_raccord_owner"));
    let row = session.query_opt(&query, &[(&owner.0, Type::UUID)]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned()))
}
