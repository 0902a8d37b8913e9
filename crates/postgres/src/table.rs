//! The table of an entity as it was made ready: its columns, how they keep values, and the names to write of all this in SQL.
//! It is registered under the entity's incarnation; nothing here asks the database.

use std::fmt::Write;

use raccord_model::row::FieldId;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;

/// How a column keeps values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// `text`, `character varying`.
    Text,
    /// `smallint`.
    Int2,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `numeric`.
    Numeric,
    /// `boolean`.
    Boolean,
    /// `date`.
    Date,
    /// `timestamp with time zone`.
    Timestamptz,
    /// `text[]`.
    TextArray,
    /// `json`.
    Json,
    /// `jsonb`.
    Jsonb,
    /// A type with a name of its own that takes text, such as an enumeration: as it is written in SQL.
    Named(String),
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
    /// The longest text, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) longest: Option<u32>,
    /// The most digits before and after the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digits: Option<Digits>,
    /// Whether the database itself sees to it that no two rows share a value.
    #[serde(default)]
    pub(crate) is_unique: bool,
    /// Its number in the table, `attnum`: a column that is added in the place of another one of its name has another number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<i16>,
}

/// How many digits a number of a column may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digits {
    /// Before the point.
    pub(crate) whole: u32,
    /// After it.
    pub(crate) fraction: u32,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Table {
    /// The schema it stands in.
    pub(crate) schema: String,
    /// Its name.
    pub(crate) name: String,
    /// The columns of fields, by ascending field.
    pub(crate) columns: Vec<Column>,
    /// Which of them are the key, in order.
    pub(crate) key: Vec<usize>,
    /// The table of the schema `raccord` in which stands what is kept beside the rows; without one it stands in the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) side: Option<String>,
    /// Which object of the database it is, `oid`: the numbers of columns are compared within the same one alone, for a table that
    /// comes from a backup numbers them anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) oid: Option<u32>,
}

/// A column of what Raccord keeps beside the values of a row.
pub(crate) struct Beside {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type in SQL.
    pub(crate) sql: &'static str,
    /// The type of many of its values.
    pub(crate) many: Type,
}

/// The columns that Raccord keeps beside the values of a row: the transfer that owns it, the run that last wrote it, the
/// digest of the record it was made of, and the versions at which transfers have shown it.
pub(crate) const BESIDE: [Beside; 4] = [
    Beside { name: "_raccord_owner", sql: "uuid", many: Type::UUID_ARRAY },
    Beside { name: "_raccord_run", sql: "uuid", many: Type::UUID_ARRAY },
    Beside { name: "_raccord_digest", sql: "bytea", many: Type::BYTEA_ARRAY },
    Beside { name: "_raccord_versions", sql: "bytea", many: Type::BYTEA_ARRAY },
];

/// A name as it is written in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Kind {
    /// The type in SQL.
    pub(crate) fn sql(&self) -> &str {
        match self {
            Self::Text => "text",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamptz => "timestamptz",
            Self::TextArray => "text[]",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Named(name) => name,
        }
    }

    /// The type of many values, as they are sent.
    pub(crate) const fn many(&self) -> Type {
        match self {
            // Lists cannot be sent in a list: each goes as its text.
            Self::Text | Self::Named(_) | Self::TextArray => Type::TEXT_ARRAY,
            Self::Int2 => Type::INT2_ARRAY,
            Self::Int4 => Type::INT4_ARRAY,
            Self::Int8 => Type::INT8_ARRAY,
            Self::Numeric => Type::NUMERIC_ARRAY,
            Self::Boolean => Type::BOOL_ARRAY,
            Self::Date => Type::DATE_ARRAY,
            Self::Timestamptz => Type::TIMESTAMPTZ_ARRAY,
            Self::Json => Type::JSON_ARRAY,
            Self::Jsonb => Type::JSONB_ARRAY,
        }
    }

    /// What is written after a value that was sent as one of many.
    fn cast(&self) -> String {
        match self {
            Self::Named(name) => format!("::{name}"),
            Self::TextArray => "::text[]".to_owned(),
            _ => String::new(),
        }
    }
}

impl Table {
    /// Whether values are kept as in another one, whatever object of the database each is.
    pub(crate) fn keeps_as(&self, other: &Self) -> bool {
        let columns = |table: &Self| -> Vec<Column> {
            table.columns.iter().map(|column| Column { number: None, ..column.clone() }).collect()
        };
        let is =
            |table: &Self| (table.schema.clone(), table.name.clone(), table.key.clone(), table.side.clone());
        is(self) == is(other) && columns(self) == columns(other)
    }

    /// The table with its schema.
    pub(crate) fn qualified(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    /// The columns of the key, in order.
    pub(crate) fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|&at| self.columns.get(at))
    }

    /// Whether a column keeps instants, which PostgreSQL has to the microsecond.
    pub(crate) fn has_instants(&self) -> bool {
        self.columns.iter().any(|column| column.kind == Kind::Timestamptz)
    }

    /// Where the column of a field stands.
    pub(crate) fn column(&self, field: FieldId) -> Option<&Column> {
        let at = self.columns.binary_search_by_key(&field, |column| column.field).ok()?;
        self.columns.get(at)
    }

    /// The columns of fields, as they are read from `t`.
    fn read(columns: &mut dyn Iterator<Item = &Column>) -> String {
        let read = |column: &Column| {
            let name = quoted(&column.name);
            match column.kind {
                Kind::Named(_) => format!("t.{name}::text"),
                _ => format!("t.{name}"),
            }
        };
        columns.map(read).collect::<Vec<_>>().join(", ")
    }

    /// Selects whole rows: fields, what is kept beside them, and where they stand; a condition follows.
    pub(crate) fn select(&self) -> String {
        let fields = Self::read(&mut self.columns.iter());
        let beside = BESIDE.map(|it| self.beside(it.name)).join(", ");
        format!("SELECT {fields}, {beside}, t.ctid FROM {}", self.rows())
    }

    /// Selects keys; a condition follows.
    pub(crate) fn select_keys(&self, more: &str) -> String {
        format!("SELECT {}{more} FROM {}", Self::read(&mut self.key_columns()), self.rows())
    }

    /// The rows as `t`, with what is kept beside them.
    pub(crate) fn rows(&self) -> String {
        let table = self.qualified();
        let Some(side) = self.side_table() else { return format!("{table} t") };
        let same = self.key_columns().enumerate();
        let same = same.map(|(at, column)| format!("b.k{at} = t.{}", quoted(&column.name)));
        format!("{table} t LEFT JOIN {side} b ON {}", same.collect::<Vec<_>>().join(" AND "))
    }

    /// Removes the rows that transfers own.
    pub(crate) fn delete_owned(&self) -> String {
        let table = self.qualified();
        let Some(side) = self.side_table() else {
            return format!("DELETE FROM {table} t WHERE t._raccord_owner IS NOT NULL");
        };
        let same = self.key_columns().enumerate();
        let same = same.map(|(at, column)| format!("b.k{at} = t.{}", quoted(&column.name)));
        let same = same.collect::<Vec<_>>().join(" AND ");
        format!("DELETE FROM {table} t USING {side} b WHERE {same} AND b._raccord_owner IS NOT NULL")
    }

    /// One of [`BESIDE`], as it is read.
    pub(crate) fn beside(&self, name: &str) -> String {
        format!("{}.{name}", if self.side.is_some() { "b" } else { "t" })
    }

    /// The condition that the key of a row is among those that are sent from parameter `first` on, one of many for each
    /// column.
    pub(crate) fn is_among(&self, first: usize) -> String {
        let names = self.key_columns().map(|column| format!("t.{}", quoted(&column.name)));
        are_among(&names.collect::<Vec<_>>(), first)
    }

    /// The keys in the order of their bytes.
    pub(crate) fn key_order(&self) -> Vec<String> {
        let ordered = |column: &Column| {
            let collation = if column.kind == Kind::Text { " COLLATE \"C\"" } else { "" };
            format!("t.{}{collation}", quoted(&column.name))
        };
        self.key_columns().map(ordered).collect()
    }

    /// Takes rows in, all columns in their order.
    pub(crate) fn copy(&self) -> String {
        let fields = self.columns.iter().map(|column| quoted(&column.name));
        let beside = BESIDE.iter().map(|it| it.name.to_owned()).filter(|_| self.side.is_none());
        let all: Vec<String> = fields.chain(beside).collect();
        format!("COPY {} ({}) FROM STDIN (FORMAT binary)", self.qualified(), all.join(", "))
    }

    /// Changes rows that stand where they stood: the key, fields unless they stay, what is kept beside in the row, and the
    /// place, in the order of their parameters. Nothing when there is nothing to change.
    pub(crate) fn update(&self, with_fields: bool) -> Option<String> {
        let mut sets = Vec::new();
        let mut names: Vec<String> = (0..self.key.len()).map(|at| format!("k{at}")).collect();
        if with_fields {
            for (at, column) in self.columns.iter().enumerate() {
                if !self.key.contains(&at) {
                    sets.push(format!("{} = u.f{at}{}", quoted(&column.name), column.kind.cast()));
                    names.push(format!("f{at}"));
                }
            }
        }
        for (at, beside) in BESIDE.iter().enumerate().filter(|_| self.side.is_none()) {
            sets.push(format!("{} = u.b{at}", beside.name));
            names.push(format!("b{at}"));
        }
        names.push("place".to_owned());
        let (table, has_any) = (self.qualified(), !sets.is_empty());
        let sets = sets.join(", ");
        has_any.then(|| format!("UPDATE {table} t SET {sets}{}", self.sent(" FROM", &names)))
    }

    /// Removes rows that stand where they stood.
    pub(crate) fn delete(&self) -> String {
        let mut names: Vec<String> = (0..self.key.len()).map(|at| format!("k{at}")).collect();
        names.push("place".to_owned());
        format!("DELETE FROM {} t{}", self.qualified(), self.sent(" USING", &names))
    }

    /// Counts the rows of [`Table::delete`]'s parameters that stand where they stood.
    pub(crate) fn count_standing(&self) -> String {
        let mut names: Vec<String> = (0..self.key.len()).map(|at| format!("k{at}")).collect();
        names.push("place".to_owned());
        format!("SELECT count(*) FROM {} t{}", self.qualified(), self.sent(",", &names))
    }

    fn sent(&self, word: &str, names: &[String]) -> String {
        let lists: Vec<String> = (1..=names.len()).map(|at| format!("${at}")).collect();
        let mut text = format!("{word} unnest({}) AS u({}) WHERE ", lists.join(", "), names.join(", "));
        for (at, column) in self.key_columns().enumerate() {
            // Writing to a text cannot fail.
            let _: std::fmt::Result = write!(text, "t.{} = u.k{at} AND ", quoted(&column.name));
        }
        text + "t.ctid = u.place"
    }
}

/// The condition that what has these names is among the keys that are sent from parameter `first` on.
pub(crate) fn are_among(names: &[String], first: usize) -> String {
    if let [name] = names {
        return format!(" WHERE {name} = ANY(${first})");
    }
    let lists: Vec<String> = (0..names.len()).map(|at| format!("${}", first + at)).collect();
    format!(" WHERE ({}) IN (SELECT * FROM unnest({}))", names.join(", "), lists.join(", "))
}
