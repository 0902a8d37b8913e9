//! The table of an entity as it was made ready: its columns, how they keep values, and the statements on it. It is registered
//! under the entity's incarnation; nothing here asks the database.

use raccord_model::row::FieldId;
use serde::{Deserialize, Serialize};

/// How a column keeps values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// As they are.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// The digits as text: SQLite has no decimal numbers, and its numbers with a point are binary ones of 64 bits.
    Decimal,
    /// 0 or 1.
    Boolean,
    /// `2026-01-31`.
    Date,
    /// `2026-01-31 09:30:00.25`, in UTC.
    Datetime,
    /// A list of texts as JSON.
    Choices,
    /// JSON as text.
    Json,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Column {
    /// The field whose values it keeps.
    pub(crate) field: FieldId,
    /// Its name.
    pub(crate) name: String,
    /// How it keeps them.
    pub(crate) kind: Kind,
    /// Whether an index sees to it that no two rows share a value, and the column may be null: then a row gives its value up
    /// before another takes it.
    #[serde(default)]
    pub(crate) is_passed_on: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: String,
    /// The columns of fields, by ascending field.
    pub(crate) columns: Vec<Column>,
    /// Which of them are the key, in order.
    pub(crate) key: Vec<usize>,
    /// The table in which stands what is kept beside the rows; without one it stands in the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) side: Option<String>,
}

/// The columns that Raccord keeps beside the values of a row: the transfer that owns it, the run that last wrote it, the
/// digest of the record it was made of, and the versions at which transfers have shown it.
pub(crate) const BESIDE: [&str; 4] =
    ["_raccord_owner", "_raccord_run", "_raccord_digest", "_raccord_versions"];

/// The type of each of them.
pub(crate) const BESIDE_TYPE: &str = "BLOB";

/// A name as it is written in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Kind {
    /// The type of a column in SQL.
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Integer | Self::Boolean => "INTEGER",
            Self::Text | Self::Decimal | Self::Date | Self::Datetime | Self::Choices | Self::Json => "TEXT",
        }
    }
}

impl Table {
    /// The columns of the key, in order.
    pub(crate) fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|&at| self.columns.get(at))
    }

    /// The column of a field.
    pub(crate) fn column(&self, field: FieldId) -> Option<&Column> {
        let at = self.columns.binary_search_by_key(&field, |column| column.field).ok()?;
        self.columns.get(at)
    }

    fn names<'c>(columns: impl Iterator<Item = &'c Column>) -> Vec<String> {
        columns.map(|column| quoted(&column.name)).collect()
    }

    /// The columns, as they are read from `t`.
    fn read<'c>(columns: impl Iterator<Item = &'c Column>) -> Vec<String> {
        columns.map(|column| format!("t.{}", quoted(&column.name))).collect()
    }

    /// The rows as `t`, with what is kept beside them.
    pub(crate) fn rows(&self) -> String {
        let table = quoted(&self.name);
        let Some(side) = &self.side else { return format!("{table} AS t") };
        let same = Self::read(self.key_columns()).into_iter().enumerate();
        let same = same.map(|(at, name)| format!("b._raccord_k{at} = {name} COLLATE BINARY"));
        format!("{table} AS t LEFT JOIN {side} AS b ON {}", same.collect::<Vec<_>>().join(" AND "))
    }

    /// Removes the rows that transfers own.
    pub(crate) fn delete_owned(&self) -> String {
        let table = quoted(&self.name);
        let Some(side) = &self.side else {
            return format!("DELETE FROM {table} AS t WHERE t._raccord_owner IS NOT NULL");
        };
        let same = Self::read(self.key_columns()).into_iter().enumerate();
        let same = same.map(|(at, name)| format!("b._raccord_k{at} = {name} COLLATE BINARY AND "));
        let same: String = same.collect();
        format!(
            "DELETE FROM {table} AS t WHERE EXISTS (SELECT 1 FROM {side} AS b WHERE {same}b._raccord_owner IS NOT NULL)"
        )
    }

    /// One of [`BESIDE`], as it is read.
    pub(crate) fn beside(&self, name: &str) -> String {
        format!("{}.{name}", if self.side.is_some() { "b" } else { "t" })
    }

    /// Selects whole rows: fields, and what is kept beside them; a condition follows.
    pub(crate) fn select(&self) -> String {
        let mut names = Self::read(self.columns.iter());
        names.extend(BESIDE.map(|name| self.beside(name)));
        format!("SELECT {} FROM {}", names.join(", "), self.rows())
    }

    /// Selects keys and more; a condition follows.
    pub(crate) fn select_keys(&self, more: &str) -> String {
        let names = Self::read(self.key_columns());
        format!("SELECT {}{more} FROM {}", names.join(", "), self.rows())
    }

    /// The condition that a row has the key whose parts are the parameters from `first` on, in the order of bytes.
    pub(crate) fn is_key(&self, first: usize) -> String {
        let parts = Self::read(self.key_columns()).into_iter().enumerate();
        let parts = parts.map(|(at, name)| format!("{name} = ?{} COLLATE BINARY", first + at));
        format!(" WHERE {}", parts.collect::<Vec<_>>().join(" AND "))
    }

    /// The columns of the key, as rows are ordered by them.
    pub(crate) fn key_order(&self) -> String {
        Self::read(self.key_columns()).join(", ")
    }

    /// Takes a row in, all columns in their order. What the table says about conflicts counts for nothing: a row that is in the
    /// way stays.
    pub(crate) fn insert(&self) -> String {
        let mut names = Self::names(self.columns.iter());
        names.extend(self.beside_in_rows());
        let values: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let (table, names, values) = (quoted(&self.name), names.join(", "), values.join(", "));
        format!("INSERT OR ABORT INTO {table} ({names}) VALUES ({values})")
    }

    /// What is kept beside a row in the row itself.
    pub(crate) fn beside_in_rows(&self) -> impl Iterator<Item = String> {
        BESIDE.iter().map(|name| (*name).to_owned()).filter(|_| self.side.is_none())
    }

    /// Changes a row: the fields that are no part of the key, unless they stay, and what is kept beside in the row; then its
    /// key. Nothing when there is nothing to change.
    pub(crate) fn update(&self, with_fields: bool) -> Option<String> {
        let mut names = Vec::new();
        if with_fields {
            let fields = self.columns.iter().enumerate().filter(|(at, _)| !self.key.contains(at));
            names = Self::names(fields.map(|(_, column)| column));
        }
        names.extend(self.beside_in_rows());
        let sets: Vec<String> =
            names.iter().enumerate().map(|(at, name)| format!("{name} = ?{}", at + 1)).collect();
        let (table, condition) = (quoted(&self.name), self.is_key(names.len() + 1));
        (!sets.is_empty()).then(|| format!("UPDATE OR ABORT {table} AS t SET {}{condition}", sets.join(", ")))
    }

    /// Has a row give up its unique values; nothing when no column has any.
    pub(crate) fn give_up(&self) -> Option<String> {
        let unique = self.columns.iter().enumerate();
        let unique = unique.filter(|(at, column)| column.is_passed_on && !self.key.contains(at));
        let sets: Vec<String> =
            unique.map(|(_, column)| format!("{} = NULL", quoted(&column.name))).collect();
        let (table, condition) = (quoted(&self.name), self.is_key(1));
        (!sets.is_empty()).then(|| format!("UPDATE OR ABORT {table} AS t SET {}{condition}", sets.join(", ")))
    }

    /// Removes a row.
    pub(crate) fn delete(&self) -> String {
        format!("DELETE FROM {} AS t{}", quoted(&self.name), self.is_key(1))
    }
}
