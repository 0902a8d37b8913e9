//! Foreign keys of other tables that SQLite checks only when the transaction ends, where no row can be rejected any more: whether
//! rows refer to one that was deleted is asked right after.

use std::collections::BTreeMap;

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use crate::error::Failure;
use crate::table::{Table, quoted};

/// The foreign keys that refer to a table so. What a foreign key cascades to is not followed.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    keys: Vec<ForeignKey>,
}

#[derive(Debug)]
struct ForeignKey {
    /// The table whose rows refer.
    child: String,
    /// Selects the values of a row that they refer to.
    select: String,
    /// Asks whether there is a row that refers to such values.
    exists: String,
}

/// What rows of others refer to in one row, by foreign key.
pub(crate) type Referred = Vec<Option<Vec<Value>>>;

impl Deferred {
    pub(crate) fn of(connection: &Connection, table: &Table) -> Result<Self, Failure> {
        // Which foreign key of a table is deferred stands in its text alone; to ask about the others, too, does no harm.
        let query = "SELECT s.name, f.id, f.\"from\", coalesce(f.\"to\", \
                         (SELECT name FROM pragma_table_info(?1) WHERE pk = f.seq + 1), '') \
                     FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
                     WHERE s.type = 'table' AND s.name <> ?1 COLLATE NOCASE AND f.\"table\" = ?1 COLLATE NOCASE \
                         AND f.on_delete = 'NO ACTION' AND s.sql LIKE '%DEFERRED%' ORDER BY s.name, f.id, f.seq";
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([&table.name])?;
        let mut found = BTreeMap::<(String, i64), (Vec<String>, Vec<String>)>::new();
        while let Some(row) = rows.next()? {
            let (from, to): (String, String) = (row.get(2)?, row.get(3)?);
            let (froms, tos) = found.entry((row.get(0)?, row.get(1)?)).or_default();
            froms.push(format!("{} = ?{}", quoted(&from), froms.len() + 1));
            tos.push(format!("t.{}", quoted(&to)));
        }
        let key = |((child, _), (from, to)): ((String, i64), (Vec<String>, Vec<String>))| ForeignKey {
            select: format!("SELECT {} FROM {} AS t{}", to.join(", "), quoted(&table.name), table.is_key(1)),
            exists: format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {})", quoted(&child), from.join(" AND ")),
            child,
        };
        Ok(Self { keys: found.into_iter().map(key).collect() })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What is referred to in the row that has this key, before it is deleted.
    pub(crate) fn referred(
        &self,
        connection: &Connection,
        key: &[ToSqlOutput<'_>],
    ) -> Result<Referred, rusqlite::Error> {
        let of = |foreign: &ForeignKey| {
            let mut statement = connection.prepare(&foreign.select)?;
            let count = statement.column_count();
            let read = |row: &rusqlite::Row<'_>| (0..count).map(|at| row.get(at)).collect();
            statement.query_row(params_from_iter(key), read).optional()
        };
        self.keys.iter().map(of).collect()
    }

    /// Why the row that had these values cannot be deleted, if so.
    pub(crate) fn reason_to_stay(
        &self,
        connection: &Connection,
        referred: &Referred,
    ) -> Result<Option<String>, rusqlite::Error> {
        for (foreign, values) in self.keys.iter().zip(referred) {
            let Some(values) = values else { continue };
            let mut statement = connection.prepare(&foreign.exists)?;
            if statement.query_row(params_from_iter(values), |row| row.get(0))? {
                return Ok(Some(format!("rows of the table {} refer to it", foreign.child)));
            }
        }
        Ok(None)
    }
}
