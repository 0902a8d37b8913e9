//! Rows in their binary form to JSON. Nothing is lost: numbers keep all their digits, instants their microseconds; what JSON has no
//! form for is a text.

use std::ops::RangeInclusive;

use jiff::civil;
use jiff::{SignedDuration, Timestamp};
use raccord_compiler::connector::table::{Column, RecordText, Value, postgres};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::failure::RowFailure;
use crate::codec::many::Raw;
use crate::codec::numeric;

/// The member that says whether a row was deleted, as JSON.
const DELETED: &str = "\"_deleted\"";

/// 2000-01-01, from which PostgreSQL counts, in seconds since 1970.
const EPOCH: i64 = 946_684_800;

/// The days in whose form as ISO 8601 PostgreSQL reads them: of the years 1 to 9999, but for the last two days.
const ISO_DAYS: RangeInclusive<i64> = -730_119..=2_921_937;

/// The Julian day of 2000-01-01.
const JULIAN: i64 = 2_451_545;

/// How the columns of a relation are read.
#[derive(Debug, Clone)]
pub(super) struct Cells(Vec<Cell>);

/// A column: the name of its member as JSON, and how its values are read.
#[derive(Debug, Clone)]
struct Cell {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Timestamptz,
    Timestamp,
    Date,
    Uuid,
    Json,
    Jsonb,
    Bytea,
}

impl Kind {
    fn of(column: &Column) -> Self {
        match column.type_name.as_str() {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "oid" => Self::Oid,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "numeric" => Self::Numeric,
            "timestamptz" => Self::Timestamptz,
            "timestamp" => Self::Timestamp,
            "date" => Self::Date,
            "uuid" => Self::Uuid,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "bytea" => Self::Bytea,
            // Arrays are selected as JSON, and all others as their text.
            name if !postgres::is_read(name) && column.select.starts_with("to_json(") => Self::Json,
            _ => Self::Text,
        }
    }
}

impl Kind {
    /// Whether values of a type are read as this.
    fn fits(self, of: &Type) -> bool {
        let expected: &[Type] = match self {
            Self::Bool => &[Type::BOOL],
            Self::Int2 => &[Type::INT2],
            Self::Int4 => &[Type::INT4],
            Self::Int8 => &[Type::INT8],
            Self::Oid => &[Type::OID],
            Self::Float4 => &[Type::FLOAT4],
            Self::Float8 => &[Type::FLOAT8],
            Self::Numeric => &[Type::NUMERIC],
            Self::Text => &[Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME],
            Self::Timestamptz => &[Type::TIMESTAMPTZ],
            Self::Timestamp => &[Type::TIMESTAMP],
            Self::Date => &[Type::DATE],
            Self::Uuid => &[Type::UUID],
            // Arrays come as the text of their JSON.
            Self::Json => &[Type::JSON, Type::TEXT],
            Self::Jsonb => &[Type::JSONB],
            Self::Bytea => &[Type::BYTEA],
        };
        expected.contains(of)
    }
}

impl Cells {
    pub(super) fn of(columns: &[Column]) -> Self {
        let cell = |column: &Column| Cell { name: RecordText::quote(&column.name), kind: Kind::of(column) };
        Self(columns.iter().map(cell).collect())
    }

    /// The name of a column whose values come in another type than it had when the reading was planned; none where all fit.
    pub(super) fn retyped<'r>(&self, row: &'r Row) -> Option<&'r str> {
        let mut columns = row.columns().iter().zip(&self.0);
        columns.find(|(column, cell)| !cell.kind.fits(column.type_())).map(|(column, _)| column.name())
    }

    /// Writes the members of a row.
    pub(super) fn write(&self, row: &Row, text: &mut RecordText) -> Result<(), RowFailure> {
        (0..self.0.len()).try_for_each(|at| self.write_one(row, at, text))
    }

    /// Marks a row that is there, beside its members.
    pub(super) fn mark(text: &mut RecordText) {
        text.name(DELETED);
        text.raw(false);
    }

    /// Writes the members of a row that is there, and of one that is gone those of its key; `at` is where the row says so.
    pub(super) fn write_changed(
        &self,
        row: &Row,
        (at, key): (usize, &[usize]),
        text: &mut RecordText,
    ) -> Result<(), RowFailure> {
        let is_gone: bool = row.try_get(at)?;
        let wanted = |number: &usize| !is_gone || key.contains(number);
        for number in (0..self.0.len()).filter(wanted) {
            self.write_one(row, number, text)?;
        }
        text.name(DELETED);
        text.raw(is_gone);
        Ok(())
    }

    fn write_one(&self, row: &Row, at: usize, text: &mut RecordText) -> Result<(), RowFailure> {
        let Some(cell) = self.0.get(at) else { return Ok(()) };
        text.name(&cell.name);
        if let Some(Raw(bytes)) = row.try_get::<_, Option<Raw<'_>>>(at)? {
            return write(cell.kind, bytes, text);
        }
        text.null();
        Ok(())
    }

    /// The text of a part of a key, as the replication has it, in the form in which it is compared.
    pub(super) fn key_part(&self, at: usize, text: String) -> Value {
        if self.0.get(at).is_none_or(|cell| cell.kind != Kind::Bytea) {
            return Value::Text(text);
        }
        let digits: Vec<u8> = text
            .bytes()
            .skip(2)
            .filter_map(|digit| char::from(digit).to_digit(16))
            .filter_map(|digit| u8::try_from(digit).ok())
            .collect();
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| sum * 16 + digit)).collect();
        let mut encoded = RecordText::new();
        encoded.bytes(&bytes);
        Value::Text(encoded.as_str().trim_matches('"').to_owned())
    }

    /// The value of a column that rows are compared by.
    pub(super) fn value(&self, row: &Row, at: usize) -> Result<Value, RowFailure> {
        let Some(Raw(bytes)) = row.try_get::<_, Option<Raw<'_>>>(at)? else { return Ok(Value::Null) };
        let kind = self.0.get(at).map_or(Kind::Text, |cell| cell.kind);
        Ok(match kind {
            Kind::Int2 => Value::Integer(i64::from(i16::from_be_bytes(sized(bytes)?))),
            Kind::Int4 => Value::Integer(i64::from(i32::from_be_bytes(sized(bytes)?))),
            Kind::Int8 => Value::Integer(i64::from_be_bytes(sized(bytes)?)),
            Kind::Text => Value::Text(utf8(bytes)?.to_owned()),
            _ => {
                if let Some(day) = julian(kind, bytes)? {
                    return Ok(Value::Text(day));
                }
                let mut text = RecordText::new();
                write(kind, bytes, &mut text)?;
                Value::Text(text.as_str().trim_matches('"').to_owned())
            }
        })
    }
}

fn write(kind: Kind, bytes: &[u8], text: &mut RecordText) -> Result<(), RowFailure> {
    match kind {
        Kind::Bool => text.raw(bytes == [1]),
        Kind::Int2 => text.integer(i16::from_be_bytes(sized(bytes)?)),
        Kind::Int4 => text.integer(i32::from_be_bytes(sized(bytes)?)),
        Kind::Int8 => text.integer(i64::from_be_bytes(sized(bytes)?)),
        Kind::Oid => text.integer(u32::from_be_bytes(sized(bytes)?)),
        Kind::Float4 => match f32::from_be_bytes(sized(bytes)?) {
            value if value.is_finite() => text.raw(value),
            value => text.float(f64::from(value)),
        },
        Kind::Float8 => text.float(f64::from_be_bytes(sized(bytes)?)),
        Kind::Numeric => match numeric::decode(bytes).map_err(|_| RowFailure::Form)? {
            Some(number) => text.raw(number.as_str()),
            None => text.plain(not_a_number(bytes)),
        },
        Kind::Text => text.text(utf8(bytes)?),
        Kind::Timestamptz => instant(i64::from_be_bytes(sized(bytes)?), text),
        Kind::Timestamp => local(i64::from_be_bytes(sized(bytes)?), text),
        Kind::Date => day(i32::from_be_bytes(sized(bytes)?), text),
        Kind::Uuid => text.plain(Uuid::from_bytes(sized(bytes)?)),
        Kind::Json => text.raw(utf8(bytes)?),
        Kind::Jsonb => text.raw(utf8(bytes.get(1..).unwrap_or_default())?),
        Kind::Bytea => text.bytes(bytes),
    }
    Ok(())
}

/// What a `numeric` is called that is no number.
fn not_a_number(bytes: &[u8]) -> &'static str {
    match bytes.get(4..6) {
        Some([0xd0, _]) => "Infinity",
        Some([0xf0, _]) => "-Infinity",
        _ => "NaN",
    }
}

/// A day or an instant before the year 1 or after 9999 by its Julian day, which PostgreSQL reads for all that it has.
fn julian(kind: Kind, bytes: &[u8]) -> Result<Option<String>, RowFailure> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let (day, micros) = match kind {
        Kind::Date => match i32::from_be_bytes(sized(bytes)?) {
            i32::MAX | i32::MIN => return Ok(None),
            days => (i64::from(days), 0),
        },
        Kind::Timestamp | Kind::Timestamptz => match i64::from_be_bytes(sized(bytes)?) {
            i64::MAX | i64::MIN => return Ok(None),
            micros => (micros.div_euclid(DAY), micros.rem_euclid(DAY)),
        },
        _ => return Ok(None),
    };
    if ISO_DAYS.contains(&day) {
        return Ok(None);
    }
    let time = civil::Time::midnight().wrapping_add(SignedDuration::from_micros(micros));
    let day = day + JULIAN;
    Ok(Some(match kind {
        Kind::Date => format!("J{day}"),
        Kind::Timestamptz => format!("J{day} {time}Z"),
        _ => format!("J{day} {time}"),
    }))
}

fn instant(micros: i64, text: &mut RecordText) {
    match micros {
        i64::MAX => text.plain("infinity"),
        i64::MIN => text.plain("-infinity"),
        micros => {
            let since = micros.checked_add(EPOCH * 1_000_000);
            match since.and_then(|micros| Timestamp::from_microsecond(micros).ok()) {
                Some(instant) => text.plain(instant),
                // Beyond the year 9999, which no field holds.
                None => text.plain(format_args!("{micros} microseconds after 2000-01-01")),
            }
        }
    }
}

fn local(micros: i64, text: &mut RecordText) {
    const FROM: civil::DateTime = civil::datetime(2000, 1, 1, 0, 0, 0, 0);
    match micros {
        i64::MAX => text.plain("infinity"),
        i64::MIN => text.plain("-infinity"),
        micros => match FROM.checked_add(SignedDuration::from_micros(micros)) {
            Ok(shown) => text.plain(shown),
            Err(_) => text.plain(format_args!("{micros} microseconds after 2000-01-01")),
        },
    }
}

fn day(days: i32, text: &mut RecordText) {
    const FROM: civil::Date = civil::date(2000, 1, 1);
    match days {
        i32::MAX => text.plain("infinity"),
        i32::MIN => text.plain("-infinity"),
        days => match FROM.checked_add(SignedDuration::from_hours(i64::from(days) * 24)) {
            Ok(shown) => text.plain(shown),
            Err(_) => text.plain(format_args!("{days} days after 2000-01-01")),
        },
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, RowFailure> {
    std::str::from_utf8(bytes).map_err(|_| RowFailure::Form)
}

fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N], RowFailure> {
    bytes.try_into().map_err(|_| RowFailure::Form)
}
