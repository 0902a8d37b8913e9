//! Runs a statement, and writes its rows as JSON: a number is a number, a text a text, and bytes are Base64.

use raccord_compiler::connector::table::{Collector, Column, RecordText, Statement, Value};
use rusqlite::types::{Value as Bound, ValueRef};
use rusqlite::{Connection, Row};

use super::failure::ReadError;

/// The columns of a relation: the name of each, and the same as JSON.
#[derive(Debug, Clone)]
pub(super) struct Cells(Vec<(String, String)>);

impl Cells {
    pub(super) fn of(columns: &[Column]) -> Self {
        let cell = |column: &Column| (column.name.clone(), RecordText::quote(&column.name));
        Self(columns.iter().map(cell).collect())
    }

    fn write(&self, row: &Row<'_>, text: &mut RecordText) -> Result<(), ReadError> {
        for (at, (name, quoted)) in self.0.iter().enumerate() {
            text.name(quoted);
            match row.get_ref(at)? {
                ValueRef::Null => text.null(),
                ValueRef::Integer(number) => text.integer(number),
                ValueRef::Real(number) => text.float(number),
                ValueRef::Text(bytes) => text.text(utf8(name, bytes)?),
                ValueRef::Blob(bytes) => text.bytes(bytes),
            }
        }
        Ok(())
    }

    fn value(&self, row: &Row<'_>, at: usize) -> Result<Value, ReadError> {
        Ok(match row.get_ref(at)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number.to_bits()),
            ValueRef::Text(bytes) => {
                let name = self.0.get(at).map_or("", |(name, _)| name);
                Value::Text(utf8(name, bytes)?.to_owned())
            }
            ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        })
    }
}

fn utf8<'b>(column: &str, bytes: &'b [u8]) -> Result<&'b str, ReadError> {
    std::str::from_utf8(bytes).map_err(|_| ReadError::NotUtf8(column.to_owned()))
}

/// Hands the rows of a statement to a collector for as long as it wants them.
pub(super) fn collect(
    connection: &Connection,
    statement: &Statement,
    cells: &Cells,
    collector: &mut Collector,
) -> Result<(), ReadError> {
    let mut prepared = connection.prepare(&statement.text)?;
    let mut rows = prepared.query(rusqlite::params_from_iter(statement.values.iter().map(bound)))?;
    while let Some(row) = rows.next()? {
        if !collector.row(|at| cells.value(row, at), |text| cells.write(row, text))? {
            break;
        }
    }
    Ok(())
}

/// Whether a statement has a row.
pub(super) fn has_any(connection: &Connection, statement: &Statement) -> Result<bool, ReadError> {
    Ok(connection.prepare(&statement.text)?.exists([])?)
}

fn bound(value: &Value) -> Bound {
    match value {
        Value::Text(text) => Bound::Text(text.clone()),
        Value::Integer(number) => Bound::Integer(*number),
        Value::Unsigned(number) => i64::try_from(*number).map_or(Bound::Null, Bound::Integer),
        Value::Real(bits) => Bound::Real(f64::from_bits(*bits)),
        Value::Bytes(bytes) => Bound::Blob(bytes.clone()),
        Value::Null => Bound::Null,
    }
}
