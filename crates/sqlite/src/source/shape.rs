//! What a file says of a relation: its columns, and what tells its rows apart.

use raccord_compiler::connector::table::sqlite::column;
use raccord_compiler::connector::table::{Relation, Shape};
use rusqlite::Connection;

use super::failure::ReadError;

/// A column as `table_xinfo` tells it.
struct Told {
    name: String,
    type_name: String,
    is_filled: bool,
    /// Its place in the primary key, from 1; 0 outside of it.
    key: i64,
}

/// The shape of a relation; none where the table is not there.
pub(super) fn of(connection: &Connection, relation: &Relation) -> Result<Option<Shape>, ReadError> {
    match relation {
        Relation::Query(query) => {
            let statement = connection.prepare(&format!("SELECT * FROM (\n{query}\n) AS r"))?;
            let columns = statement.column_names().map(|name| column(name, "", true)).collect();
            Ok(Some(Shape { columns, ..Shape::default() }))
        }
        Relation::Table { name, .. } => table(connection, name),
    }
}

fn table(connection: &Connection, name: &str) -> Result<Option<Shape>, ReadError> {
    let query = "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1";
    let mut statement = connection.prepare(query)?;
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Told> {
        Ok(Told { name: row.get(0)?, type_name: row.get(1)?, is_filled: row.get(2)?, key: row.get(3)? })
    };
    let told = statement.query_map([name], read)?.collect::<rusqlite::Result<Vec<Told>>>()?;
    if told.is_empty() {
        return Ok(None);
    }
    let mut key: Vec<&Told> = told.iter().filter(|it| it.key > 0).collect();
    key.sort_by_key(|it| it.key);
    // Only such a key is the number of the row, which always is there.
    let is_number = |it: &Told| key.len() == 1 && it.key > 0 && it.type_name.eq_ignore_ascii_case("integer");
    let columns =
        told.iter().map(|it| column(&it.name, &it.type_name, !it.is_filled && !is_number(it))).collect();
    let primary = key.iter().map(|it| it.name.clone()).collect();
    let (unique, indexed) = indexes(connection, name, &key)?;
    Ok(Some(Shape { columns, primary, unique, indexed }))
}

/// The columns of each unique index that covers all rows, and those with which any such index begins.
fn indexes(
    connection: &Connection,
    table: &str,
    key: &[&Told],
) -> Result<(Vec<Vec<String>>, Vec<String>), ReadError> {
    let query = "SELECT name, \"unique\" FROM pragma_index_list(?) WHERE NOT partial";
    let mut statement = connection.prepare(query)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let names = statement.query_map([table], read)?.collect::<rusqlite::Result<Vec<(String, bool)>>>()?;
    let mut unique = Vec::new();
    let mut indexed: Vec<String> = key.first().map(|it| it.name.clone()).into_iter().collect();
    for (name, is_unique) in names {
        let mut statement = connection.prepare("SELECT name FROM pragma_index_info(?) ORDER BY seqno")?;
        // An expression has no name, and tells rows apart by something else than a column.
        let columns = statement.query_map([&name], |row| row.get::<_, Option<String>>(0))?;
        let columns = columns.collect::<rusqlite::Result<Vec<Option<String>>>>()?;
        indexed.extend(columns.first().cloned().flatten());
        unique.extend(columns.into_iter().collect::<Option<Vec<String>>>().filter(|_| is_unique));
    }
    Ok((unique, indexed))
}
