//! Writes the difference that a batch makes to rows: a few statements for all of them, and where the database refuses one,
//! smaller and smaller parts, until it is known which rows it does not take.

mod beside;
mod encode;
mod rejects;

use raccord_model::decide::{Deed, Op, Refusal, Refused, Working, ops};
use raccord_model::port::destination::{DestinationError, KEPT_BY_A_TRIGGER, LEFT_OUT_BY_A_TRIGGER};

use crate::connections::Session;
use crate::error::{Failure, Sort, column_of, reason, reason_to_stay};
use crate::load::parameters;
use crate::table::Table;

use encode::{Data, Prepared};

pub(crate) use beside::{
    Beside, complete, forget, purge_tombstones, remember_tombstones, save_checkpoint, save_run,
};
pub(crate) use rejects::{save as save_rejects, stored as stored_rejects};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// All together: what the database refuses ends the transaction.
    Together,
    /// So that the rows are found which it refuses.
    InParts,
}

/// What is to be written of rows.
pub(crate) struct Rows<'s>(Vec<Op<'s>>);

impl<'s> Rows<'s> {
    /// The difference that a working set makes.
    pub(crate) fn of(set: &'s Working) -> Self {
        Self(ops(set))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes them; returns those that cannot be kept, if any, and then nothing of what was written counts.
    pub(crate) async fn write(
        &self,
        session: &Session<'_>,
        table: &Table,
        care: Care,
    ) -> Result<Refused, Failure> {
        match (encode::prepared(table, &self.0)?, care) {
            (Err(unstorable), _) => Ok(unstorable),
            (Ok(prepared), Care::Together) => write(session, table, prepared).await.map(|()| Refused::new()),
            (Ok(_), Care::InParts) => in_parts(session, table, &self.0).await,
        }
    }
}

async fn write(session: &Session<'_>, table: &Table, prepared: Vec<Prepared<'_, '_>>) -> Result<(), Failure> {
    for Prepared { deed, ops, data } in prepared {
        let done = match data {
            Data::Lists(lists) => {
                let statement = match deed {
                    Deed::Delete => Some(table.delete()),
                    _ => table.update(deed == Deed::Update),
                };
                match statement {
                    Some(statement) => Some(session.execute(&statement, &parameters(&lists)).await?),
                    None => None,
                }
            }
            Data::Copy(rows) => {
                let taken = session.copy(&table.copy(), rows).await?;
                if usize::try_from(taken) != Ok(ops.len()) {
                    return Err(Failure::LeftOut);
                }
                None
            }
        };
        if done.is_some_and(|done| usize::try_from(done) != Ok(ops.len())) {
            // A row that still stands where it stood was kept from it by a trigger. Else another client has changed or removed
            // one since it was looked up.
            let places = encode::places(table, ops)?;
            let stay = session.query_opt(&table.count_standing(), &parameters(&places)).await?;
            let is_kept = stay.is_some_and(|row| row.get::<_, i64>(0) > 0);
            return Err(if is_kept { Failure::LeftOut } else { Failure::Moved });
        }
        write_side(session, table, (deed, ops)).await?;
    }
    Ok(())
}

/// Writes some of the rows, each of which its columns can hold.
async fn write_part(session: &Session<'_>, table: &Table, ops: &[Op<'_>]) -> Result<(), Failure> {
    match encode::prepared(table, ops)? {
        Ok(prepared) => write(session, table, prepared).await,
        Err(_) => Err(DestinationError::Damaged.into()),
    }
}

/// Writes what is kept beside rows where it stands in a table of its own.
async fn write_side(
    session: &Session<'_>,
    table: &Table,
    (deed, ops): (Deed, &[Op<'_>]),
) -> Result<(), Failure> {
    let is_gone = deed == Deed::Delete;
    let statement = if is_gone { table.delete_side() } else { table.write_side() };
    let Some(statement) = statement else { return Ok(()) };
    let lists = encode::side(table, ops, is_gone)?;
    session.execute(&statement, &parameters(&lists)).await?;
    Ok(())
}

/// Writes all that can be written, and finds what cannot.
async fn in_parts(session: &Session<'_>, table: &Table, ops: &[Op<'_>]) -> Result<Refused, Failure> {
    session.run("SET CONSTRAINTS ALL IMMEDIATE").await?;
    let mut refused = Refused::new();
    let mut open = vec![ops];
    while let Some(part) = open.pop() {
        session.run("SAVEPOINT part").await?;
        let failure = match write_part(session, table, part).await {
            Ok(()) => {
                session.run("RELEASE SAVEPOINT part").await?;
                continue;
            }
            Err(failure) if failure.sort() == Sort::Row => failure,
            Err(failure) => return Err(failure),
        };
        session.run("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part").await?;
        if let [op] = part {
            let row = if op.deed == Deed::Delete { Vec::new() } else { op.row.row.clone() };
            refused.insert((op.key.clone(), row), refusal(table, op.deed, &failure));
        } else {
            // The first half is tried first: a later row may need a value that an earlier one gives up.
            let (first, second) = part.split_at(part.len() / 2);
            open.extend([second, first].into_iter().filter(|part| !part.is_empty()));
        }
    }
    Ok(refused)
}

fn refusal(table: &Table, deed: Deed, failure: &Failure) -> Refusal {
    let Failure::Database(error) = failure else {
        let reason = if deed == Deed::Delete { KEPT_BY_A_TRIGGER } else { LEFT_OUT_BY_A_TRIGGER };
        return Refusal { field: None, reason: reason.to_owned() };
    };
    let column = column_of(error).and_then(|name| table.columns.iter().find(|column| column.name == name));
    let reason = if deed == Deed::Delete { reason_to_stay(error) } else { reason(error) };
    Refusal { field: column.map(|column| column.field), reason }
}
