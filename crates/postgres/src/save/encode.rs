//! Rows as parameters of statements, and as the data of a `COPY`.

use bytes::{Bytes, BytesMut};
use raccord_model::decide::{Deed, Op, Refusal, Refused, Stored, UNOWNED};
use raccord_model::port::destination::DestinationError;
use raccord_model::row;
use raccord_model::value::Value;
use tokio_postgres::types::Type;

use crate::codec::many::{CopyData, Finished, Many, put};
use crate::codec::{self, Unstorable};
use crate::error::Failure;
use crate::keys::{self, KeyLists};
use crate::load::place_of;
use crate::table::{BESIDE, Column, Kind, Table};

/// The values of a row and its key, column by column.
fn each_value(
    table: &Table,
    op: &Op<'_>,
    mut take: impl FnMut(usize, &Column, Option<&Value<'_>>) -> Result<(), Unstorable>,
) -> Result<Result<(), Unstorable>, Failure> {
    let of_key = match keys::values(table, op.key) {
        Ok(values) => values,
        Err(unstorable) => return Ok(Err(unstorable)),
    };
    let mut fields = row::fields(&op.row.row)?;
    let mut field = fields.next().transpose()?;
    for (at, column) in table.columns.iter().enumerate() {
        let is_there = field.filter(|field| field.id == column.field);
        if let Some(found) = field
            && found.id < column.field
        {
            // A field that the table has no column for: it was made ready for another generation.
            return Err(DestinationError::Unprepared.into());
        }
        if is_there.is_some() {
            field = fields.next().transpose()?;
        }
        let part = table.key.iter().position(|key| *key == at);
        let key_value = part.and_then(|part| of_key.get(part)).map(|(_, value)| value);
        let own = match is_there {
            Some(field) if key_value.is_none() => field.value()?,
            _ => None,
        };
        if let Err(unstorable) = take(at, column, key_value.or(own.as_ref())) {
            return Ok(Err(unstorable));
        }
    }
    if field.is_some() {
        return Err(DestinationError::Unprepared.into());
    }
    Ok(Ok(()))
}

/// The rows that their columns cannot hold.
pub(super) fn unstorable(table: &Table, ops: &[Op<'_>]) -> Result<Refused, Failure> {
    let mut refused = Refused::new();
    let mut spare = BytesMut::new();
    for op in ops.iter().filter(|op| matches!(op.deed, Deed::Update | Deed::Create)) {
        let done = each_value(table, op, |_, column, value| {
            spare.clear();
            value.map_or(Ok(()), |value| codec::encode(column, value, &mut spare))
        });
        if let Err(Unstorable { field, reason }) = done? {
            let refusal = Refusal { field: Some(field), reason: reason.to_owned() };
            refused.insert((op.key.clone(), op.row.row.clone()), refusal);
        }
    }
    Ok(refused)
}

/// The data of a `COPY`.
pub(super) fn copy(table: &Table, ops: &[Op<'_>]) -> Result<Bytes, Failure> {
    let in_row = if table.side.is_none() { BESIDE.len() } else { 0 };
    let mut data = CopyData::new(table.columns.len() + in_row);
    for op in ops {
        let out = data.row();
        each_value(table, op, |_, column, value| {
            put(out, |out| value.map_or(Ok(false), |value| codec::encode(column, value, out).map(|()| true)))
                .map(drop)
        })??;
        for value in beside(op.row).into_iter().take(in_row) {
            let written: Result<bool, std::convert::Infallible> = put(out, |out| {
                out.extend_from_slice(value.as_deref().unwrap_or_default());
                Ok(value.is_some())
            });
            debug_assert!(written.is_ok(), "no error is possible");
        }
    }
    Ok(data.finish())
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

/// The parameters of [`Table::update`].
pub(super) fn lists(table: &Table, ops: &[Op<'_>], with_fields: bool) -> Result<Vec<Finished>, Failure> {
    let mut keys = KeyLists::new(table);
    let mut fields: Vec<Many> = Vec::new();
    if with_fields {
        fields.extend(table.columns.iter().map(|column| Many::new(column.kind.many())));
    }
    let in_row = if table.side.is_none() { BESIDE.as_slice() } else { &[] };
    let mut besides: Vec<Many> = in_row.iter().map(|it| Many::new(it.many.clone())).collect();
    let mut places = Many::new(Type::TID_ARRAY);
    for op in ops {
        keys.push(table, op.key)?;
        if with_fields {
            each_value(table, op, |at, column, value| push(fields.get_mut(at), column, value))??;
        }
        for (list, value) in besides.iter_mut().zip(beside(op.row)) {
            list.push(value.as_deref());
        }
        places.push(Some(&place_of(op.before.map_or(0, |before| before.place))));
    }
    let mut lists = keys.finish();
    let others = fields.into_iter().enumerate().filter(|(at, _)| !table.key.contains(at));
    lists.extend(others.map(|(_, list)| list.finish()));
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
        for (list, value) in besides.iter_mut().zip(beside(op.row)) {
            list.push(value.as_deref());
        }
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
