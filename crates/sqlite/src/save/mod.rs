//! Writes the difference that a batch makes to rows, one row after the other: which of them the table does not take is known at
//! once, and the transaction is begun anew without them.

mod beside;
mod rejects;

use raccord_model::decide::{Deed, Op, Refusal, Refused, Stored, UNOWNED};
use raccord_model::port::destination::{DestinationError, KEPT_BY_A_TRIGGER, LEFT_OUT_BY_A_TRIGGER};
use raccord_model::row::{self, FieldId, NotARow};
use raccord_model::value::Value;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, Statement, params_from_iter};

use crate::codec::{self, Unstorable};
use crate::deferred::{Deferred, Referred};
use crate::error::{Failure, is_of_a_reference, is_of_a_row, reason};
use crate::table::{BESIDE, Table};

pub(crate) use beside::{Beside, bury, complete, purge_tombstones, save_checkpoint, save_run};
pub(crate) use rejects::{save as save_rejects, stored as stored_rejects};

/// Writes rows. When the table does not take some of them, these are [`Failure::Rows`], and nothing of the transaction counts.
pub(crate) fn write_rows(connection: &Connection, table: &Table, ops: &[Op<'_>]) -> Result<(), Failure> {
    let mut refused = Refused::new();
    if let Some(give_up) = table.give_up() {
        let mut statement = connection.prepare(&give_up)?;
        for op in ops.iter().filter(|op| op.deed == Deed::Update) {
            if gives_up(table, op)? {
                let done = on_key(table, op, &mut statement);
                take(connection, (table, op), done, &mut refused)?;
            }
        }
    }
    for ops in ops.chunk_by(|a, b| a.deed == b.deed) {
        let Some(first) = ops.first() else { continue };
        let text = match first.deed {
            Deed::Delete => Some(table.delete()),
            Deed::Update => table.update(true),
            Deed::Touch => table.update(false),
            Deed::Create => Some(table.insert()),
        };
        let beside = if first.deed == Deed::Delete { table.delete_side() } else { table.write_side() };
        let mut statement = text.map(|text| connection.prepare(&text)).transpose()?;
        let mut beside = beside.map(|text| connection.prepare(&text)).transpose()?;
        let is_delete = first.deed == Deed::Delete;
        let deferred = if is_delete { Deferred::of(connection, table)? } else { Deferred::default() };
        for op in ops {
            let referred = referred(connection, (table, op), &deferred)?;
            let done = match &mut statement {
                Some(statement) => write(table, op, statement),
                // What is kept beside the row stands elsewhere, and nothing else changes.
                None => Ok(1),
            };
            let done = match (&mut beside, done) {
                (Some(beside), Ok(1)) => write_beside(table, op, beside),
                (_, done) => done,
            };
            let stays = deferred.reason_to_stay(connection, &referred)?.filter(|_| matches!(done, Ok(1)));
            if let Some(reason) = stays {
                let refusal = Refusal { field: None, reason };
                refused.entry((op.key.clone(), Vec::new())).or_insert(refusal);
                continue;
            }
            take(connection, (table, op), done, &mut refused)?;
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::Rows(refused)) }
}

/// What rows of others refer to in a row that goes, where that is checked at the end alone.
fn referred(
    connection: &Connection,
    (table, op): (&Table, &Op<'_>),
    deferred: &Deferred,
) -> Result<Referred, Failure> {
    if deferred.is_empty() {
        return Ok(Referred::new());
    }
    let Ok(key) = codec::key_of(table, op.key) else { return Ok(Referred::new()) };
    let Ok(key) = codec::parameters(&key) else { return Ok(Referred::new()) };
    Ok(deferred.referred(connection, &key)?)
}

/// How a statement on one row ended.
type Written = Result<usize, Ended>;

/// Why a statement on one row was not carried out.
enum Ended {
    Unstorable(Unstorable),
    Failed(Failure),
}

impl From<Unstorable> for Ended {
    fn from(unstorable: Unstorable) -> Self {
        Self::Unstorable(unstorable)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<rusqlite::Error> for Ended {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotARow> for Ended {
    fn from(error: NotARow) -> Self {
        Self::Failed(error.into())
    }
}

/// Notes a row that the table does not take; any other failure is one of the whole batch.
fn take(
    connection: &Connection,
    (table, op): (&Table, &Op<'_>),
    done: Written,
    refused: &mut Refused,
) -> Result<(), Failure> {
    let refusal = match done {
        Ok(1) => return Ok(()),
        // The lock of the file keeps everything else out.
        Ok(_) => {
            let reason = if op.deed == Deed::Delete { KEPT_BY_A_TRIGGER } else { LEFT_OUT_BY_A_TRIGGER };
            Refusal { field: None, reason: reason.to_owned() }
        }
        Err(Ended::Unstorable(Unstorable { field, reason })) => {
            Refusal { field: Some(field), reason: reason.to_owned() }
        }
        Err(Ended::Failed(Failure::Database(error))) if is_of_a_row(&error) => {
            let (reason, column) = match op.deed {
                Deed::Delete => (reason_to_stay(connection, table, &error)?, None),
                Deed::Create | Deed::Update | Deed::Touch => reason(&error),
            };
            let is_it =
                |name: &str| table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            Refusal { field: column.as_deref().and_then(is_it).map(|column| column.field), reason }
        }
        Err(Ended::Failed(failure)) => return Err(failure),
    };
    let row = if op.deed == Deed::Delete { Vec::new() } else { op.row.row.clone() };
    refused.entry((op.key.clone(), row)).or_insert(refusal);
    if connection.is_autocommit() {
        // A trigger has undone the transaction: what followed would stand alone.
        return Err(Failure::Rows(std::mem::take(refused)));
    }
    Ok(())
}

/// Why a row cannot be deleted, with the tables whose rows may refer to it: SQLite does not name the one.
pub(crate) fn reason_to_stay(
    connection: &Connection,
    table: &Table,
    error: &rusqlite::Error,
) -> Result<String, Failure> {
    if !is_of_a_reference(error) {
        return Ok(reason(error).0);
    }
    let query = "SELECT DISTINCT s.name FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
                 WHERE s.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE ORDER BY 1";
    let mut statement = connection.prepare(query)?;
    let names: Vec<String> =
        statement.query_map([&table.name], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(match names.as_slice() {
        [] => "rows of another table refer to it".to_owned(),
        [name] => format!("rows of the table {name} refer to it"),
        names => format!("rows of one of the tables {} refer to it", names.join(", ")),
    })
}

/// Runs a statement whose parameters are the key of a row.
fn on_key(table: &Table, op: &Op<'_>, statement: &mut Statement<'_>) -> Written {
    let key = codec::key_of(table, op.key)?;
    Ok(statement.execute(params_from_iter(codec::parameters(&key)?))?)
}

fn write(table: &Table, op: &Op<'_>, statement: &mut Statement<'_>) -> Written {
    if op.deed == Deed::Delete {
        return on_key(table, op, statement);
    }
    let key = codec::key_of(table, op.key)?;
    let key = codec::parameters(&key)?;
    let beside = beside(op.row);
    let beside = beside.iter().filter(|_| table.side.is_none()).map(|bytes| blob(bytes.as_ref()));
    if op.deed == Deed::Touch {
        return Ok(statement.execute(params_from_iter(beside.chain(key)))?);
    }
    let values = values(table, op)?;
    let is_update = op.deed == Deed::Update;
    let mut fields = Vec::with_capacity(values.len() + BESIDE.len() + table.key.len());
    for (at, (column, value)) in table.columns.iter().zip(&values).enumerate() {
        if is_update && table.key.contains(&at) {
            continue;
        }
        fields.push(match value {
            Some(value) => codec::encode(column, value)?,
            None => ToSqlOutput::Owned(Owned::Null),
        });
    }
    fields.extend(beside);
    if is_update {
        fields.extend(key);
    }
    Ok(statement.execute(params_from_iter(fields))?)
}

/// A value that is kept beside a row.
fn blob(bytes: Option<&Vec<u8>>) -> ToSqlOutput<'_> {
    match bytes {
        Some(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        None => ToSqlOutput::Owned(Owned::Null),
    }
}

/// Writes or removes what is kept beside a row in a table of its own. Of a row without an owner there may be nothing.
fn write_beside(table: &Table, op: &Op<'_>, statement: &mut Statement<'_>) -> Written {
    if op.deed == Deed::Delete {
        return on_key(table, op, statement).map(|_| 1);
    }
    let key = codec::key_of(table, op.key)?;
    let beside = beside(op.row);
    let values = beside.iter().map(|bytes| blob(bytes.as_ref())).chain(codec::parameters(&key)?);
    Ok(statement.execute(params_from_iter(values))?)
}

/// The values of a row and its key, column by column.
fn values<'o>(table: &Table, op: &Op<'o>) -> Result<Vec<Option<Value<'o>>>, Ended> {
    let mut of_key: Vec<_> =
        codec::key_of(table, op.key)?.into_iter().map(|(_, value)| Some(value)).collect();
    let mut fields = row::fields(&op.row.row)?;
    let mut field = fields.next().transpose()?;
    let mut all = Vec::with_capacity(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        if field.is_some_and(|field| field.id < column.field) {
            // A field that the table has no column for: it was made ready for another generation.
            return Err(Failure::from(DestinationError::Unprepared).into());
        }
        let own = field.filter(|field| field.id == column.field);
        if own.is_some() {
            field = fields.next().transpose()?;
        }
        let part = table.key.iter().position(|key| *key == at);
        all.push(match part.and_then(|part| of_key.get_mut(part)) {
            Some(value) => value.take(),
            None => own.map(|field| field.value()).transpose()?.flatten(),
        });
    }
    if field.is_some() {
        return Err(Failure::from(DestinationError::Unprepared).into());
    }
    Ok(all)
}

/// What is kept beside a row, in the order of [`BESIDE`].
fn beside(row: &Stored) -> [Option<Vec<u8>>; BESIDE.len()] {
    [
        Some(row.owner).filter(|owner| *owner != UNOWNED).map(|owner| owner.0.as_bytes().to_vec()),
        Some(row.run.0.as_bytes().to_vec()),
        row.digest.map(|digest| digest.to_bytes().to_vec()),
        row.versions.encode(),
    ]
}

/// Whether a row has another unique value than it had, or none any more: another row of the batch may take the former one.
fn gives_up(table: &Table, op: &Op<'_>) -> Result<bool, Failure> {
    let Some(before) = op.before else { return Ok(false) };
    let unique = |row: &[u8]| -> Result<Vec<(FieldId, Vec<u8>)>, NotARow> {
        let mut all = Vec::new();
        for field in row::fields(row)? {
            let field = field?;
            if table.column(field.id).is_some_and(|column| column.is_passed_on) {
                all.push((field.id, field.bytes().to_vec()));
            }
        }
        Ok(all)
    };
    Ok(unique(&before.row)? != unique(&op.row.row)?)
}
