//! Values as SQLite keeps them, and back. What a column cannot keep as it is, is refused here, with the reason, before anything
//! is written. Nothing is narrowed.

use std::borrow::Cow;

use jiff::civil;
use raccord_model::decimal::Decimal;
use raccord_model::row::{FieldId, NotARow, key_values, push_key};
use raccord_model::value::{Instant, Value, days_since_epoch};
use rusqlite::Row;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};

use crate::table::{Column, Kind, Table};

/// Why a column cannot keep a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unstorable {
    /// The field.
    pub(crate) field: FieldId,
    /// In words that hold no value.
    pub(crate) reason: &'static str,
}

const NUL: &str = "the text holds a NUL character, at which functions of SQLite end a text";
const YEARS: &str = "the date is outside of the years -9999 to 9999";
const TYPE: &str = "the value is of another type than its column";
const PARTS: &str = "the key has another number of parts than the key of its table";

/// A value as a column keeps it.
pub(crate) fn encode<'v>(column: &Column, value: &'v Value<'_>) -> Result<ToSqlOutput<'v>, Unstorable> {
    let refuse = |reason| Unstorable { field: column.field, reason };
    let text = |text: &'v str| {
        let has_nul = text.as_bytes().contains(&0);
        if has_nul { Err(refuse(NUL)) } else { Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))) }
    };
    let owned = |text: String| ToSqlOutput::Owned(Owned::Text(text));
    Ok(match (column.kind, value) {
        (Kind::Text, Value::Text(value)) | (Kind::Json, Value::Json(value)) => text(value)?,
        (Kind::Integer, Value::Integer(number)) => ToSqlOutput::Owned(Owned::Integer(*number)),
        (Kind::Decimal, Value::Decimal(number)) => text(number.as_str())?,
        (Kind::Boolean, Value::Boolean(value)) => ToSqlOutput::Owned(Owned::Integer(i64::from(*value))),
        (Kind::Date, Value::Date(days)) => {
            let midnight = Instant { seconds: i64::from(*days) * 86_400, nanoseconds: 0 };
            owned(midnight.civil().ok_or_else(|| refuse(YEARS))?.date().to_string())
        }
        (Kind::Datetime, Value::Datetime(instant)) => {
            // Without a zone, as SQLite itself writes the time in UTC: so texts compare as instants do, `datetime('now')` too.
            owned(instant.civil().ok_or_else(|| refuse(YEARS))?.to_string().replacen('T', " ", 1))
        }
        (Kind::Choices, Value::Choices(choices)) => {
            if choices.iter().any(|choice| choice.as_bytes().contains(&0)) {
                return Err(refuse(NUL));
            }
            owned(serde_json::to_string(choices).map_err(|_| refuse(TYPE))?)
        }
        _ => return Err(refuse(TYPE)),
    })
}

/// Reads a value. Nothing where another program has left something that the field cannot hold.
pub(crate) fn decode(kind: Kind, found: ValueRef<'_>) -> Option<Value<'_>> {
    if let (Kind::Integer | Kind::Boolean, ValueRef::Integer(number)) = (kind, found) {
        let is_boolean = kind == Kind::Boolean;
        return Some(if is_boolean { Value::Boolean(number != 0) } else { Value::Integer(number) });
    }
    let ValueRef::Text(bytes) = found else { return None };
    let text = std::str::from_utf8(bytes).ok()?;
    match kind {
        Kind::Text => Some(Value::Text(Cow::Borrowed(text))),
        Kind::Integer | Kind::Boolean => None,
        Kind::Decimal => text.parse::<Decimal>().ok().map(Value::Decimal),
        Kind::Date => text.parse::<civil::Date>().ok().map(|date| Value::Date(days_since_epoch(date))),
        Kind::Datetime => {
            let shown: civil::DateTime = text.parse().ok()?;
            Instant::at(shown, jiff::tz::Offset::UTC).map(Value::Datetime)
        }
        Kind::Choices => {
            let mut choices: Vec<Cow<'_, str>> =
                serde_json::from_str::<Vec<String>>(text).ok()?.into_iter().map(Cow::Owned).collect();
            choices.sort();
            choices.dedup();
            Some(Value::Choices(choices))
        }
        Kind::Json => Some(Value::Json(canonical(text)?)),
    }
}

/// The canonical text of JSON, which another program may have written another way.
fn canonical(json: &str) -> Option<Cow<'_, str>> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    let bytes = raccord_model::canonical::to_bytes(&value).ok()?;
    if bytes == json.as_bytes() {
        return Some(Cow::Borrowed(json));
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// The values of a key, in the order of its columns, each with its column.
pub(crate) fn key_of<'t>(
    table: &'t Table,
    key: &[u8],
) -> Result<Vec<(&'t Column, Value<'static>)>, Unstorable> {
    let field = table.key_columns().next().map_or(0, |column| column.field);
    let refuse = Unstorable { field, reason: PARTS };
    let values = key_values(key).map_err(|NotARow| refuse.clone())?;
    if values.len() != table.key.len() {
        return Err(refuse);
    }
    Ok(table.key_columns().zip(values).collect())
}

/// Values as parameters of a statement, in their order.
pub(crate) fn parameters<'v>(
    values: &'v [(&Column, Value<'static>)],
) -> Result<Vec<ToSqlOutput<'v>>, Unstorable> {
    values.iter().map(|(column, value)| encode(column, value)).collect()
}

/// The key in the columns of a row, which begin at `first`, in the order of the key. Nothing where another program has left a
/// key that is none of ours.
pub(crate) fn read_key(
    table: &Table,
    row: &Row<'_>,
    first: usize,
) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    let mut key = Vec::with_capacity(32);
    for (at, column) in table.key_columns().enumerate() {
        let value = decode(column.kind, row.get_ref(first + at)?);
        if value.is_none_or(|value| push_key(&mut key, &value).is_err()) {
            return Ok(None);
        }
    }
    Ok(Some(key))
}
