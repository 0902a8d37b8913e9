//! The table that keeps what Raccord knows of the rows of a table which it must not alter: the key, and the columns that otherwise
//! stand in the rows. It is in the same file, and written in the transaction of the rows. Nothing here asks the file.

use crate::table::{BESIDE, BESIDE_TYPE, Table, quoted};

/// What the table of an incarnation is called.
pub(crate) fn name_of(incarnation: u64) -> String {
    format!("_raccord_rows_{incarnation}")
}

impl Table {
    fn side_key(&self) -> Vec<String> {
        (0..self.key.len()).map(|at| format!("_raccord_k{at}")).collect()
    }

    /// The statements that make it. What stands in the rows, from a time when Raccord was allowed to, is taken over.
    pub(crate) fn make_side(&self, is_in_rows: bool) -> Vec<String> {
        let Some(side) = &self.side else { return Vec::new() };
        let key = self.side_key();
        let columns = key.iter().zip(self.key_columns());
        let columns = columns.map(|(name, column)| format!("{name} {} NOT NULL", column.kind.sql()));
        let beside = BESIDE.iter().map(|name| format!("{name} {BESIDE_TYPE}"));
        let all = columns.chain(beside).collect::<Vec<_>>().join(", ");
        let mut statements = vec![format!(
            "CREATE TABLE {side} ({all}, PRIMARY KEY ({})) STRICT, WITHOUT ROWID",
            key.join(", ")
        )];
        if is_in_rows {
            let keys = self.key_columns().map(|column| quoted(&column.name));
            let names: Vec<String> = keys.chain(BESIDE.map(str::to_owned)).collect();
            let table = quoted(&self.name);
            statements.push(format!("INSERT INTO {side} SELECT {} FROM {table}", names.join(", ")));
        }
        statements
    }

    /// The statements that take what stands in the side table of `before` into the rows, which have room for it now.
    pub(crate) fn take_in(&self, before: &Self) -> Vec<String> {
        let Some(side) = &before.side else { return Vec::new() };
        let sets: Vec<String> = BESIDE.iter().map(|name| format!("{name} = b.{name}")).collect();
        let same = self.side_key().into_iter().zip(self.key_columns());
        let same = same.map(|(name, column)| format!("b.{name} = t.{} COLLATE BINARY", quoted(&column.name)));
        let (table, same) = (quoted(&self.name), same.collect::<Vec<_>>().join(" AND "));
        vec![
            format!("UPDATE {table} AS t SET {} FROM {side} AS b WHERE {same}", sets.join(", ")),
            format!("DROP TABLE {side}"),
        ]
    }

    /// Writes what is kept beside a row: the columns of [`BESIDE`] and the key are its parameters.
    pub(crate) fn write_side(&self) -> Option<String> {
        let side = self.side.as_ref()?;
        let names: Vec<String> =
            BESIDE.iter().map(|name| (*name).to_owned()).chain(self.side_key()).collect();
        let values: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        Some(format!("INSERT OR REPLACE INTO {side} ({}) VALUES ({})", names.join(", "), values.join(", ")))
    }

    /// Removes what is kept beside a row, whose key are its parameters.
    pub(crate) fn delete_side(&self) -> Option<String> {
        let side = self.side.as_ref()?;
        let key = self.side_key().into_iter().enumerate();
        let key: Vec<String> = key.map(|(at, name)| format!("{name} = ?{}", at + 1)).collect();
        Some(format!("DELETE FROM {side} WHERE {}", key.join(" AND ")))
    }
}
