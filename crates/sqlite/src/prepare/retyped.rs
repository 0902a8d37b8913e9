//! Values of columns whose field has another type from now on. Many types are kept as texts, so that a column can keep the new one
//! and yet hold values of the old one, which would be read as nothing. They are counted, and never shown.

use std::collections::BTreeMap;

use raccord_model::port::destination::EntityShape;
use rusqlite::Connection;
use rusqlite::types::{ToSql as _, ToSqlOutput, Value as Owned, ValueRef};

use super::catalog::Found;
use super::fit::kind_of;
use crate::codec;
use crate::error::Failure;
use crate::table::{Column, quoted};

/// Counts them, for each column that was registered with another type.
pub(super) fn count(
    connection: &Connection,
    shape: &EntityShape,
    found: &Found,
) -> Result<BTreeMap<String, u64>, Failure> {
    let mut retyped = BTreeMap::new();
    let (Some(relation), Some((_, before))) = (&found.relation, &found.registered) else {
        return Ok(retyped);
    };
    for field in &shape.fields {
        let is_it = |name: &str| name.eq_ignore_ascii_case(&field.column);
        let was = before.columns.iter().find(|column| is_it(&column.name));
        let is_there = relation.kind == "table" && relation.columns.iter().any(|column| is_it(&column.name));
        let kind = kind_of(field.field_type);
        let Some(was) = was.filter(|was| is_there && was.kind != kind) else { continue };
        let column = Column { kind, ..was.clone() };
        let (table, name) = (quoted(&shape.table), quoted(&field.column));
        let mut statement =
            connection.prepare(&format!("SELECT {name} FROM {table} WHERE {name} IS NOT NULL"))?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += u64::from(!is_kept_so(&column, row.get_ref(0)?));
        }
        if count > 0 {
            retyped.insert(field.column.clone(), count);
        }
    }
    Ok(retyped)
}

/// Whether a value stands in the column as it would be written there.
fn is_kept_so(column: &Column, found: ValueRef<'_>) -> bool {
    let Some(value) = codec::decode(column.kind, found) else { return false };
    let Ok(written) = codec::encode(column, &value) else { return false };
    match written.to_sql() {
        Ok(ToSqlOutput::Borrowed(written)) => written == found,
        Ok(ToSqlOutput::Owned(Owned::Text(text))) => ValueRef::Text(text.as_bytes()) == found,
        Ok(ToSqlOutput::Owned(Owned::Integer(number))) => ValueRef::Integer(number) == found,
        _ => false,
    }
}
