//! The table of the schema `raccord` that keeps what Raccord knows of the rows of a table which it must not alter: the key, and the
//! columns that otherwise stand in the rows. It is written in the transaction of the rows. Nothing here asks the database.

use crate::table::{BESIDE, Table, are_among, quoted};

/// What the table of an incarnation is called.
pub(crate) fn name_of(incarnation: u64) -> String {
    format!("rows_{incarnation}")
}

fn of_key(table: &Table, alias: &str) -> Vec<String> {
    (0..table.key.len()).map(|at| format!("{alias}k{at}")).collect()
}

impl Table {
    /// The table that keeps what is kept beside the rows, with its schema.
    pub(crate) fn side_table(&self) -> Option<String> {
        Some(format!("raccord.{}", quoted(self.side.as_ref()?)))
    }

    /// The statements that make it: the columns of the key are as those of the table. What stands in the rows, from a time when
    /// Raccord was allowed to, is taken over.
    pub(crate) fn make_side(&self, is_in_rows: bool) -> Vec<String> {
        let Some(side) = self.side_table() else { return Vec::new() };
        let keys = self.key_columns().enumerate();
        let keys = keys.map(|(at, column)| format!("t.{} AS k{at}", quoted(&column.name)));
        let beside = BESIDE.iter().map(|it| {
            if is_in_rows { format!("t.{}", it.name) } else { format!("NULL::{} AS {}", it.sql, it.name) }
        });
        let all: Vec<String> = keys.chain(beside).collect();
        let rows = if is_in_rows { "WITH DATA" } else { "WITH NO DATA" };
        let (table, key) = (self.qualified(), of_key(self, "").join(", "));
        vec![
            format!("CREATE TABLE {side} AS SELECT {} FROM {table} t {rows}", all.join(", ")),
            format!("ALTER TABLE {side} ADD PRIMARY KEY ({key})"),
        ]
    }

    /// The statements that take what stands in the side table of `before` into the rows, which have room for it now.
    pub(crate) fn take_in(&self, before: &Self) -> Vec<String> {
        let Some(side) = before.side_table() else { return Vec::new() };
        let sets: Vec<String> = BESIDE.iter().map(|it| format!("{0} = b.{0}", it.name)).collect();
        let same = self.key_columns().enumerate();
        let same: Vec<String> =
            same.map(|(at, column)| format!("b.k{at} = t.{}", quoted(&column.name))).collect();
        let (table, sets, same) = (self.qualified(), sets.join(", "), same.join(" AND "));
        vec![format!("UPDATE {table} t SET {sets} FROM {side} b WHERE {same}"), format!("DROP TABLE {side}")]
    }

    /// Writes what is kept beside rows: the key and the columns of [`BESIDE`], in the order of their parameters.
    pub(crate) fn write_side(&self) -> Option<String> {
        let side = self.side_table()?;
        let (keys, names) = (of_key(self, ""), BESIDE.iter().map(|it| it.name.to_owned()));
        let all: Vec<String> = keys.iter().cloned().chain(names).collect();
        let lists: Vec<String> = (1..=all.len()).map(|at| format!("${at}")).collect();
        let sets: Vec<String> = BESIDE.iter().map(|it| format!("{0} = excluded.{0}", it.name)).collect();
        let (all, lists, keys, sets) = (all.join(", "), lists.join(", "), keys.join(", "), sets.join(", "));
        Some(format!(
            "INSERT INTO {side} ({all}) SELECT * FROM unnest({lists}) ON CONFLICT ({keys}) DO UPDATE SET {sets}"
        ))
    }

    /// Removes what is kept beside the rows whose keys are sent.
    pub(crate) fn delete_side(&self) -> Option<String> {
        let side = self.side_table()?;
        Some(format!("DELETE FROM {side} b{}", are_among(&of_key(self, "b."), 1)))
    }
}
