//! The tables of a file as entities that could keep their rows in them: keys, types, and what is left out of each and why. It reads
//! the schema alone, and changes nothing.

use std::path::Path;
use std::time::Duration;

use raccord_model::existing::{ExistingColumn, ExistingTable};
use raccord_model::language::{Field, FieldType};
use raccord_model::port::destination::DestinationError;
use rusqlite::Connection;

use crate::error::Failure;
use crate::open::{Access, open};
use crate::prepare::{FoundColumn, Relation, misfit, relation};

/// How long the lock of another program is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tables of a file, in the order of their names. Raccord's own and those of SQLite are none of them.
///
/// # Errors
/// When the file cannot be read.
pub fn tables(path: &Path) -> Result<Vec<ExistingTable>, DestinationError> {
    let read = || {
        let connection = open(path, Access::Read, PATIENCE)?;
        let query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                     AND name NOT LIKE '\\_raccord\\_%' ESCAPE '\\' ORDER BY name";
        let mut statement = connection.prepare(query)?;
        let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut tables = Vec::new();
        for name in names {
            if let Some(found) = relation(&connection, &name)?.filter(|found| found.kind == "table") {
                tables.push(table(&connection, &found)?);
            }
        }
        Ok(tables)
    };
    read().map_err(Failure::of_reading)
}

fn table(connection: &Connection, found: &Relation) -> Result<ExistingTable, Failure> {
    let mut table = ExistingTable { name: found.name.clone(), ..ExistingTable::default() };
    let mut key: Vec<&FoundColumn> = found.columns.iter().filter(|column| column.key_part > 0).collect();
    key.sort_by_key(|column| column.key_part);
    table.key = key.iter().map(|column| column.name.clone()).collect();
    for column in found.columns.iter().filter(|column| !column.name.starts_with("_raccord_")) {
        if is_time(&column.declared) && has_index(connection, &found.name, &column.name)? {
            table.indexed_times.push(column.name.clone());
        }
        match field(found, column) {
            Ok(field) => table.columns.push(ExistingColumn { name: column.name.clone(), field }),
            Err(why) => table.left_out.push((column.name.clone(), why)),
        }
    }
    Ok(table)
}

fn is_time(declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    declared.starts_with("DATETIME") || declared.starts_with("TIMESTAMP") || declared == "TEXT"
}

/// Whether an index begins with a column.
fn has_index(connection: &Connection, table: &str, column: &str) -> Result<bool, Failure> {
    let query = "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x \
                 WHERE x.seqno = 0 AND x.name = ?2 COLLATE NOCASE AND NOT l.partial)";
    Ok(connection.query_row(query, [table, column], |row| row.get(0))?)
}

/// The field that a column can keep the values of, or why there is none.
fn field(found: &Relation, column: &FoundColumn) -> Result<Field, String> {
    if column.is_generated {
        return Err("the database makes its values".to_owned());
    }
    let declared = column.declared.to_ascii_uppercase();
    let begins = |words: &[&str]| words.iter().any(|word| declared.starts_with(word));
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    let field_type = if begins(&["BOOL"]) {
        FieldType::Boolean
    } else if begins(&["DATETIME", "TIMESTAMP"]) {
        FieldType::Datetime
    } else if declared == "DATE" {
        FieldType::Date
    } else if declared == "JSON" {
        FieldType::Json
    } else if has(&["INT"]) {
        FieldType::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        FieldType::Text
    } else {
        let declared = if declared.is_empty() { "no type" } else { &column.declared };
        return Err(format!("no type of field keeps the values of {declared}"));
    };
    if let Some(why) = misfit(field_type, &column.declared, found.is_strict) {
        return Err(format!("a column of type {} {why}", column.declared));
    }
    let is_in_key = column.key_part > 0;
    let mut field = Field::of(field_type);
    field.required = column.is_not_null && !is_in_key;
    field.unique = !is_in_key && found.unique_on(&column.name).next().is_some();
    Ok(field)
}
