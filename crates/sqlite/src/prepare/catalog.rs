//! What the schema of a file says of a table: read with a few queries, judged elsewhere.

use std::collections::BTreeMap;

use raccord_model::fact::Uid;
use raccord_model::port::destination::{EntityShape, OtherEntity};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::error::Failure;
use crate::layout;
use crate::side;
use crate::table::Table;

/// Everything that is asked before a table is made or used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) relation: Option<Relation>,
    /// Under which project the incarnation is registered, and with which table.
    pub(crate) registered: Option<(Uid, Table)>,
    /// Whether the table is there that keeps what is kept beside the rows of the incarnation.
    pub(crate) has_side: bool,
    /// The entity of another incarnation whose table this is.
    pub(crate) other_entity: Option<OtherEntity>,
    /// Of the columns that are to be unique from now on: how many rows share a value with others, where some do.
    pub(crate) shared: BTreeMap<String, u64>,
    /// Of the columns that are to keep values of another type from now on: how many values are none, where some are.
    pub(crate) retyped: BTreeMap<String, u64>,
}

/// What stands under the table's name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relation {
    /// As it is written in the file.
    pub(crate) name: String,
    /// `table`, `view`, `virtual`, `shadow` or `index`.
    pub(crate) kind: String,
    pub(crate) is_strict: bool,
    /// The statement that made it.
    pub(crate) sql: String,
    pub(crate) columns: Vec<FoundColumn>,
    /// Each unique index that covers whole values of all rows.
    pub(crate) unique: Vec<UniqueIndex>,
    pub(crate) triggers: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoundColumn {
    pub(crate) name: String,
    /// The type as it was declared; empty without one.
    pub(crate) declared: String,
    pub(crate) is_not_null: bool,
    pub(crate) has_default: bool,
    pub(crate) is_generated: bool,
    /// Its place in the primary key, from 1 on; 0 when it is no part of it.
    pub(crate) key_part: i64,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UniqueIndex {
    pub(crate) columns: Vec<IndexColumn>,
    /// What it is called, when a statement made it: one that is part of the table cannot be dropped.
    pub(crate) name: Option<String>,
}

/// A column of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexColumn {
    pub(crate) name: String,
    /// Whether texts that differ in bytes can be equal.
    pub(crate) is_loose: bool,
}

/// Reads all of it.
pub(crate) fn read(connection: &Connection, shape: &EntityShape) -> Result<Found, Failure> {
    let mut found = Found { relation: relation(connection, &shape.table)?, ..Found::default() };
    if layout::is_current(connection)? {
        registered(connection, shape, &mut found)?;
        let query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        let side = side::name_of(shape.incarnation);
        found.has_side = connection.query_row(query, [side], |_| Ok(())).optional()?.is_some();
    }
    Ok(found)
}

fn registered(connection: &Connection, shape: &EntityShape, found: &mut Found) -> Result<(), Failure> {
    let query = "SELECT incarnation, project, entity, shape FROM _raccord_entities ORDER BY incarnation";
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let table: Table = serde_json::from_str(&row.get::<_, String>(3)?)?;
        let project = row.get_ref(1)?.as_blob().ok().and_then(|bytes| Uuid::from_slice(bytes).ok());
        let (project, entity) = (Uid(project.unwrap_or_default()), row.get::<_, String>(2)?);
        if row.get::<_, i64>(0)? == shape.incarnation.cast_signed() {
            found.registered = Some((project, table));
        } else if table.name.eq_ignore_ascii_case(&shape.table)
            && (project, &entity) != (shape.project, &shape.entity.to_string())
        {
            let is_elsewhere = project != shape.project;
            found.other_entity = Some(OtherEntity { entity, project, is_elsewhere });
        }
    }
    Ok(())
}

/// What stands under a name. Names are the same whatever their capitals.
pub(crate) fn relation(connection: &Connection, table: &str) -> Result<Option<Relation>, Failure> {
    let query = "SELECT s.name, coalesce(l.type, s.type), coalesce(l.strict, 0), coalesce(s.sql, '') \
                 FROM sqlite_schema s LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name \
                 WHERE s.name = ?1 COLLATE NOCASE AND s.type IN ('table', 'view', 'index')";
    let read = |row: &Row<'_>| {
        let (name, kind, is_strict, sql) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Relation { name, kind, is_strict, sql, ..Relation::default() })
    };
    let Some(mut relation) = connection.query_row(query, [table], read).optional()? else { return Ok(None) };
    if relation.kind == "table" {
        relation.columns = columns(connection, &relation.name)?;
        relation.unique = unique(connection, &relation)?;
        let query = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE ORDER BY name";
        let mut statement = connection.prepare(query)?;
        relation.triggers =
            statement.query_map([&relation.name], |row| row.get(0))?.collect::<Result<_, _>>()?;
    }
    Ok(Some(relation))
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<FoundColumn>, Failure> {
    let query = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, hidden IN (2, 3), pk FROM pragma_table_xinfo(?1)";
    let column = |row: &Row<'_>| {
        Ok(FoundColumn {
            name: row.get(0)?,
            declared: row.get(1)?,
            is_not_null: row.get(2)?,
            has_default: row.get(3)?,
            is_generated: row.get(4)?,
            key_part: row.get(5)?,
        })
    };
    let mut statement = connection.prepare(query)?;
    Ok(statement.query_map([table], column)?.collect::<Result<_, _>>()?)
}

impl Relation {
    /// The unique indexes on exactly this column, which take different texts for different.
    pub(crate) fn unique_on<'r>(&'r self, column: &'r str) -> impl Iterator<Item = &'r UniqueIndex> {
        self.unique.iter().filter(move |index| {
            matches!(index.columns.as_slice(), [one] if one.name.eq_ignore_ascii_case(column) && !one.is_loose)
        })
    }
}

fn unique(connection: &Connection, relation: &Relation) -> Result<Vec<UniqueIndex>, Failure> {
    let mut all = Vec::new();
    let keys: Vec<&FoundColumn> = relation.columns.iter().filter(|column| column.key_part > 0).collect();
    if let [column] = keys.as_slice()
        && column.declared.eq_ignore_ascii_case("integer")
    {
        // The number of the row itself, of which there is no index.
        let columns = vec![IndexColumn { name: column.name.clone(), is_loose: false }];
        all.push(UniqueIndex { columns, name: None });
    }
    let query =
        "SELECT name, origin = 'c' FROM pragma_index_list(?1) WHERE \"unique\" AND NOT partial ORDER BY seq";
    let mut statement = connection.prepare(query)?;
    let names: Vec<(String, bool)> = statement
        .query_map([&relation.name], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let query = "SELECT name, upper(coll) <> 'BINARY' FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno";
    let mut statement = connection.prepare(query)?;
    for (name, is_made) in names {
        let mut rows = statement.query(params![name])?;
        let mut columns = Vec::new();
        let mut is_whole = true;
        while let Some(row) = rows.next()? {
            // An expression has no name.
            match row.get::<_, Option<String>>(0)? {
                Some(name) => columns.push(IndexColumn { name, is_loose: row.get(1)? }),
                None => is_whole = false,
            }
        }
        if is_whole {
            all.push(UniqueIndex { columns, name: is_made.then_some(name) });
        }
    }
    Ok(all)
}
