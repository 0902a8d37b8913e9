//! Rows as parameters of statements, and as the data of a `COPY`.

use bytes::Bytes;
use raccord_model::decide::{Deed, Op, Refusal, Refused, Stored, UNOWNED};
use raccord_model::port::destination::{DestinationError, RecordDigest};
use raccord_model::row;
use raccord_model::value::Value;
use tokio_postgres::types::Type;

use crate::codec::many::{CopyData, Finished, Many, put, put_bytes};
use crate::codec::{self, Unstorable};
use crate::error::Failure;
use crate::keys::{self, KeyLists};
use crate::load::place_of;
use crate::table::{BESIDE, Column, Kind, Table};

/// The values of a row, column by column.
fn each_value(
    table: &Table,
    op: &Op<'_>,
    mut take: impl FnMut(usize, &Column, Option<&Value<'_>>) -> Result<(), Unstorable>,
) -> Result<Result<(), Unstorable>, Failure> {
    // The row has a part of its key as a field, too, but for an instant that is finer than its column.
    let mut of_key = None;
    if table.key_columns().any(|column| column.kind == Kind::Timestamptz) {
        match keys::values(table, op.key) {
            Ok(values) => of_key = Some(values),
            Err(unstorable) => return Ok(Err(unstorable)),
        }
    }
    let mut fields = row::fields(&op.row.row)?;
    let mut field = fields.next().transpose()?;
    for (at, column) in table.columns.iter().enumerate() {
        if let Some(found) = field
            && found.id < column.field
        {
            // A field that the table has no column for: it was made ready for another generation.
            return Err(DestinationError::Unprepared.into());
        }
        let mut value = None;
        if let Some(found) = field.filter(|field| field.id == column.field) {
            value = found.value()?;
            field = fields.next().transpose()?;
        }
        if value.is_none()
            && let Some(part) = table.key.iter().position(|key| *key == at)
        {
            let values = match of_key.take() {
                Some(values) => values,
                None => keys::values(table, op.key)?,
            };
            value = values.get(part).cloned();
            of_key = Some(values);
        }
        if let Err(unstorable) = take(at, column, value.as_ref()) {
            return Ok(Err(unstorable));
        }
    }
    if field.is_some() {
        return Err(DestinationError::Unprepared.into());
    }
    Ok(Ok(()))
}

/// What is written with one statement, in the form in which it is sent.
#[derive(Debug)]
pub(super) struct Prepared<'o, 's> {
    /// What is done to the rows.
    pub(super) deed: Deed,
    /// The rows.
    pub(super) ops: &'o [Op<'s>],
    /// What is sent of them.
    pub(super) data: Data,
}

/// What is sent of rows.
#[derive(Debug)]
pub(super) enum Data {
    /// The parameters of a statement.
    Lists(Vec<Finished>),
    /// The data of a `COPY`.
    Copy(Bytes),
}

/// What is to be sent of rows, a part for each thing that is done to some of them one after the other; or the rows that their
/// columns cannot hold.
pub(super) fn prepared<'o, 's>(
    table: &Table,
    ops: &'o [Op<'s>],
) -> Result<Result<Vec<Prepared<'o, 's>>, Refused>, Failure> {
    let (mut refused, mut all) = (Refused::new(), Vec::new());
    for ops in ops.chunk_by(|a, b| a.deed == b.deed) {
        let Some(&Op { deed, .. }) = ops.first() else { continue };
        let data = match deed {
            Deed::Delete => Data::Lists(places(table, ops)?),
            Deed::Update => Data::Lists(lists(table, ops, &mut refused)?),
            Deed::Touch => Data::Lists(touched(table, ops)?),
            Deed::Create => Data::Copy(copy(table, ops, &mut refused)?),
        };
        all.push(Prepared { deed, ops, data });
    }
    Ok(if refused.is_empty() { Ok(all) } else { Err(refused) })
}

/// Keeps a row that its columns cannot hold.
fn refuse(refused: &mut Refused, op: &Op<'_>, Unstorable { field, reason }: Unstorable) {
    let refusal = Refusal { field: Some(field), reason: reason.to_owned() };
    refused.insert((op.key.clone(), op.row.row.clone()), refusal);
}

/// The data of a `COPY`, which is worth nothing when a row was refused.
fn copy(table: &Table, ops: &[Op<'_>], refused: &mut Refused) -> Result<Bytes, Failure> {
    let in_row = if table.side.is_none() { BESIDE.len() } else { 0 };
    let columns = table.columns.len() + in_row;
    // Each value has its length before it; an integer takes at most seven bytes more than in a row.
    let bytes = ops.iter().map(|op| op.row.row.len() + columns * 12 + 64).sum();
    let mut data = CopyData::new(columns, bytes);
    for op in ops {
        let out = data.row();
        let written = each_value(table, op, |_, column, value| {
            put(out, |out| value.map_or(Ok(false), |value| codec::encode(column, value, out).map(|()| true)))
                .map(drop)
        })?;
        if let Err(unstorable) = written {
            refuse(refused, op, unstorable);
        }
        let beside = Aside::of(op.row);
        for value in beside.values().into_iter().take(in_row) {
            put_bytes(out, value);
        }
    }
    Ok(data.finish())
}

/// What is kept beside a row, as bytes.
struct Aside<'r> {
    owner: Option<&'r [u8]>,
    run: &'r [u8],
    digest: Option<[u8; 16]>,
    versions: Option<Vec<u8>>,
}

impl<'r> Aside<'r> {
    fn of(row: &'r Stored) -> Self {
        Self {
            owner: (row.owner != UNOWNED).then_some(row.owner.0.as_bytes().as_slice()),
            run: row.run.0.as_bytes(),
            digest: row.digest.map(RecordDigest::to_bytes),
            versions: row.versions.encode(),
        }
    }

    /// In the order of [`BESIDE`].
    fn values(&self) -> [Option<&[u8]>; BESIDE.len()] {
        [self.owner, Some(self.run), self.digest.as_ref().map(<[u8; 16]>::as_slice), self.versions.as_deref()]
    }
}

/// The keys and places of rows.
pub(super) fn places(table: &Table, ops: &[Op<'_>]) -> Result<Vec<Finished>, Failure> {
    let (mut keys, mut places) = (KeyLists::new(table), Many::new(Type::TID_ARRAY));
    for op in ops {
        keys.push(table, op.key)?;
        places.push(Some(&place_of(op.before.map_or(0, |before| before.place))));
    }
    let mut lists = keys.finish();
    lists.push(places.finish());
    Ok(lists)
}

/// The parameters of [`Table::update`], which are worth nothing when a row was refused.
fn lists(table: &Table, ops: &[Op<'_>], refused: &mut Refused) -> Result<Vec<Finished>, Failure> {
    let mut fields: Vec<Many> = table.columns.iter().map(|column| Many::new(column.kind.many())).collect();
    for op in ops {
        let pushed = each_value(table, op, |at, column, value| push(fields.get_mut(at), column, value))?;
        if let Err(unstorable) = pushed {
            refuse(refused, op, unstorable);
        }
    }
    let others = fields.into_iter().enumerate().filter(|(at, _)| !table.key.contains(at));
    around(table, ops, others.map(|(_, list)| list.finish()))
}

/// The same where the fields stay as they are.
fn touched(table: &Table, ops: &[Op<'_>]) -> Result<Vec<Finished>, Failure> {
    around(table, ops, std::iter::empty())
}

/// The keys of rows before their fields, and after them what is kept beside the rows and where they are.
fn around(
    table: &Table,
    ops: &[Op<'_>],
    fields: impl Iterator<Item = Finished>,
) -> Result<Vec<Finished>, Failure> {
    let mut keys = KeyLists::new(table);
    let in_row = if table.side.is_none() { BESIDE.as_slice() } else { &[] };
    let mut besides: Vec<Many> = in_row.iter().map(|it| Many::new(it.many.clone())).collect();
    let mut places = Many::new(Type::TID_ARRAY);
    for op in ops {
        keys.push(table, op.key)?;
        besides.iter_mut().zip(Aside::of(op.row).values()).for_each(|(list, value)| list.push(value));
        places.push(Some(&place_of(op.before.map_or(0, |before| before.place))));
    }
    let mut lists = keys.finish();
    lists.extend(fields);
    lists.extend(besides.into_iter().map(Many::finish));
    lists.push(places.finish());
    Ok(lists)
}

/// The parameters of [`Table::write_side`], or, of rows that are gone, those of [`Table::delete_side`].
pub(super) fn side(table: &Table, ops: &[Op<'_>], is_gone: bool) -> Result<Vec<Finished>, Failure> {
    let mut keys = KeyLists::new(table);
    let mut besides: Vec<Many> = BESIDE.iter().map(|it| Many::new(it.many.clone())).collect();
    for op in ops {
        keys.push(table, op.key)?;
        besides.iter_mut().zip(Aside::of(op.row).values()).for_each(|(list, value)| list.push(value));
    }
    let mut lists = keys.finish();
    lists.extend(besides.into_iter().map(Many::finish).filter(|_| !is_gone));
    Ok(lists)
}

fn push(list: Option<&mut Many>, column: &Column, value: Option<&Value<'_>>) -> Result<(), Unstorable> {
    let Some(list) = list else { return Ok(()) };
    match value {
        None => list.push(None),
        Some(Value::Choices(choices)) if column.kind == Kind::TextArray => {
            list.push(Some(literal(choices).as_bytes()));
        }
        Some(value) => list.push_with(|out| codec::encode(column, value, out).map(|()| true))?,
    }
    Ok(())
}

/// A list of texts as PostgreSQL writes it.
fn literal(items: &[std::borrow::Cow<'_, str>]) -> String {
    let quoted =
        |item: &std::borrow::Cow<'_, str>| format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", items.iter().map(quoted).collect::<Vec<_>>().join(","))
}
