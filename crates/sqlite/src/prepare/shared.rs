//! Values that rows share in a column that is to be unique: no index can be made while there are any. They are counted, and never
//! shown.

use std::collections::BTreeMap;

use raccord_model::language::Manage;
use raccord_model::port::destination::EntityShape;
use rusqlite::Connection;

use super::catalog::Found;
use crate::error::Failure;
use crate::table::quoted;

/// Counts them.
pub(super) fn count(
    connection: &Connection,
    shape: &EntityShape,
    found: &Found,
) -> Result<BTreeMap<String, u64>, Failure> {
    let mut shared = BTreeMap::new();
    let is_table = |kind: &str| kind == "table" && shape.manage == Manage::Additive;
    let Some(relation) = found.relation.as_ref().filter(|relation| is_table(&relation.kind)) else {
        return Ok(shared);
    };
    for field in shape.fields.iter().filter(|field| field.unique) {
        let column = field.column.as_str();
        let is_there = relation.columns.iter().any(|found| found.name.eq_ignore_ascii_case(column));
        if !is_there || relation.unique_on(column).next().is_some() {
            continue;
        }
        let (table, name) = (quoted(&shape.table), quoted(column));
        let query = format!(
            "SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {table} WHERE {name} IS NOT NULL \
             GROUP BY {name} HAVING count(*) > 1)"
        );
        let rows: i64 = connection.query_row(&query, [], |row| row.get(0))?;
        if rows > 0 {
            shared.insert(column.to_owned(), rows.cast_unsigned());
        }
    }
    Ok(shared)
}
