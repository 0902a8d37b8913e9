//! Values in the binary form of PostgreSQL, and back. What a column cannot keep as it is, is refused here, with the reason,
//! before anything is sent; the one thing that is narrowed are instants, to microseconds.

pub(crate) mod many;
pub(crate) mod numeric;

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use raccord_model::row::{self, FieldId, NotARow};
use raccord_model::value::{Instant, Value};

use crate::table::{Column, Kind};

/// Why a column cannot keep a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unstorable {
    /// The field.
    pub(crate) field: FieldId,
    /// In words that hold no value.
    pub(crate) reason: &'static str,
}

/// 2000-01-01, from which PostgreSQL counts, in days and in seconds since 1970.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_SECONDS: i64 = EPOCH_DAYS * 86_400;

/// The first day and the first instant that PostgreSQL has, in the year 4714 BC, counted its way.
const FIRST_DAY: i64 = -2_451_545;
const FIRST_MICROSECOND: i64 = -211_813_488_000_000_000;

/// The first byte of the binary form of `jsonb`.
const JSONB: u8 = 1;

const NUL: &str = "the text holds a NUL character, which PostgreSQL cannot keep";
const SMALL: &str = "the number is too large for the type of its column";
const EARLY: &str = "PostgreSQL has no dates before 4714 BC";
const LONG: &str = "the text is longer than its column";
const DIGITS: &str = "the number has more digits than its column";
const TYPE: &str = "the value is of another type than its column";

/// Writes a value at the end of a buffer, without its length.
pub(crate) fn encode(column: &Column, value: &Value<'_>, out: &mut BytesMut) -> Result<(), Unstorable> {
    let refuse = |reason| Unstorable { field: column.field, reason };
    match (&column.kind, value) {
        (Kind::Text | Kind::Named(_), Value::Text(text)) => put_text(column, text, out).map_err(refuse)?,
        (Kind::Int2, Value::Integer(number)) => {
            out.put_i16(i16::try_from(*number).map_err(|_| refuse(SMALL))?);
        }
        (Kind::Int4, Value::Integer(number)) => {
            out.put_i32(i32::try_from(*number).map_err(|_| refuse(SMALL))?);
        }
        (Kind::Int8, Value::Integer(number)) => out.put_i64(*number),
        (Kind::Numeric, Value::Decimal(number)) => {
            numeric::encode(number.as_str(), column.digits, out)
                .map_err(|numeric::TooLong| refuse(DIGITS))?;
        }
        (Kind::Boolean, Value::Boolean(value)) => out.put_u8(u8::from(*value)),
        (Kind::Date, Value::Date(days)) => {
            let days = i64::from(*days) - EPOCH_DAYS;
            let days = i32::try_from(days).ok().filter(|days| i64::from(*days) >= FIRST_DAY);
            out.put_i32(days.filter(|days| *days < i32::MAX).ok_or_else(|| refuse(EARLY))?);
        }
        (Kind::Timestamptz, Value::Datetime(instant)) => {
            out.put_i64(microseconds(*instant).ok_or_else(|| refuse(EARLY))?);
        }
        (Kind::TextArray, Value::Choices(choices)) => put_array(choices, out).ok_or_else(|| refuse(NUL))?,
        (Kind::Json, Value::Json(text)) => out.put_slice(text.as_bytes()),
        (Kind::Jsonb, Value::Json(text)) => {
            out.put_u8(JSONB);
            out.put_slice(text.as_bytes());
        }
        _ => return Err(refuse(TYPE)),
    }
    Ok(())
}

fn put_text(column: &Column, text: &str, out: &mut BytesMut) -> Result<(), &'static str> {
    if text.as_bytes().contains(&0) {
        return Err(NUL);
    }
    let longest = column.longest.and_then(|longest| usize::try_from(longest).ok());
    if longest.is_some_and(|longest| text.len() > longest && text.chars().count() > longest) {
        return Err(LONG);
    }
    out.put_slice(text.as_bytes());
    Ok(())
}

fn put_array(items: &[Cow<'_, str>], out: &mut BytesMut) -> Option<()> {
    let has_dimension = !items.is_empty();
    out.put_i32(i32::from(has_dimension));
    out.put_i32(0);
    out.put_u32(tokio_postgres::types::Type::TEXT.oid());
    if has_dimension {
        out.put_i32(i32::try_from(items.len()).ok()?);
        out.put_i32(1);
    }
    for item in items {
        if item.as_bytes().contains(&0) {
            return None;
        }
        out.put_i32(i32::try_from(item.len()).ok()?);
        out.put_slice(item.as_bytes());
    }
    Some(())
}

/// Microseconds since 2000, rounded down.
fn microseconds(instant: Instant) -> Option<i64> {
    let micros = instant.seconds.checked_sub(EPOCH_SECONDS)?.checked_mul(1_000_000)?;
    let micros = micros.checked_add(i64::from(instant.nanoseconds / 1_000))?;
    (FIRST_MICROSECOND..i64::MAX).contains(&micros).then_some(micros)
}

/// Reads a value. Nothing where there is something that no field can hold, such as an instant at infinity.
pub(crate) fn decode<'a>(kind: &Kind, bytes: &'a [u8]) -> Result<Option<Value<'a>>, NotARow> {
    Ok(Some(match kind {
        Kind::Text | Kind::Named(_) => Value::Text(Cow::Borrowed(text(bytes)?)),
        Kind::Int2 => Value::Integer(i64::from(i16::from_be_bytes(sized(bytes)?))),
        Kind::Int4 => Value::Integer(i64::from(i32::from_be_bytes(sized(bytes)?))),
        Kind::Int8 => Value::Integer(i64::from_be_bytes(sized(bytes)?)),
        Kind::Numeric => return Ok(numeric::decode(bytes)?.map(Value::Decimal)),
        Kind::Boolean => Value::Boolean(bytes == [1]),
        Kind::Date => {
            let days = i32::from_be_bytes(sized(bytes)?);
            if days == i32::MAX || days == i32::MIN {
                return Ok(None);
            }
            let days = i64::from(days) + EPOCH_DAYS;
            return Ok(i32::try_from(days).ok().map(Value::Date));
        }
        Kind::Timestamptz => {
            let micros = i64::from_be_bytes(sized(bytes)?);
            if micros == i64::MAX || micros == i64::MIN {
                return Ok(None);
            }
            let nanoseconds = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).map_err(|_| NotARow)?;
            let seconds = micros.div_euclid(1_000_000) + EPOCH_SECONDS;
            Value::Datetime(Instant { seconds, nanoseconds })
        }
        Kind::TextArray => Value::Choices(choices(bytes)?),
        Kind::Json => Value::Json(Cow::Borrowed(text(bytes)?)),
        Kind::Jsonb => {
            let (_, json) = bytes.split_first().ok_or(NotARow)?;
            Value::Json(canonical(text(json)?))
        }
    }))
}

/// The canonical text of JSON, which the database may have written another way.
fn canonical(json: &str) -> Cow<'_, str> {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let text = value.ok().and_then(|value| raccord_model::canonical::to_bytes(&value).ok());
    text.and_then(|bytes| String::from_utf8(bytes).ok()).map_or(Cow::Borrowed(json), Cow::Owned)
}

fn text(bytes: &[u8]) -> Result<&str, NotARow> {
    std::str::from_utf8(bytes).map_err(|_| NotARow)
}

fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N], NotARow> {
    bytes.try_into().map_err(|_| NotARow)
}

/// The texts of an array, as choices are kept: in order, each once.
fn choices(bytes: &[u8]) -> Result<Vec<Cow<'_, str>>, NotARow> {
    let mut rest = bytes;
    let mut number = || -> Result<i32, NotARow> {
        let (number, after) = rest.split_first_chunk().ok_or(NotARow)?;
        rest = after;
        Ok(i32::from_be_bytes(*number))
    };
    let (dimensions, _, _) = (number()?, number()?, number()?);
    if dimensions == 0 {
        return Ok(Vec::new());
    }
    let (count, _) = (number()?, number()?);
    let mut found = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk().ok_or(NotARow)?;
        rest = after;
        // One that is null says nothing.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else { continue };
        let (item, after) = rest.split_at_checked(length).ok_or(NotARow)?;
        rest = after;
        found.push(Cow::Borrowed(text(item)?));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A patch or a row as it comes back once it was stored: instants have microseconds. Nothing when it is so already.
pub(crate) fn narrowed(row: &[u8]) -> Result<Option<Vec<u8>>, NotARow> {
    let mut is_finer = false;
    for field in row::fields(row)? {
        is_finer |= field?.instant()?.is_some_and(|instant| instant.nanoseconds % 1_000 != 0);
    }
    if !is_finer {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(row.len());
    row::begin(&mut out);
    for field in row::fields(row)? {
        let field = field?;
        match field.instant()? {
            Some(Instant { seconds, nanoseconds }) => {
                let instant = Instant { seconds, nanoseconds: nanoseconds / 1_000 * 1_000 };
                row::push(&mut out, field.id, Some(&Value::Datetime(instant)));
            }
            _ => field.write(&mut out),
        }
    }
    Ok(Some(out))
}
