//! Stores: where the records of a project are kept, and what tables and columns are called where a store keeps rows in
//! tables. It says nothing about how a store works.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;
use super::project::FieldType;
use super::reference::ByNameOrInline;
use super::{AuthorizationSpec, Entity, Field};
use crate::exclusive::{exactly_one, only_with};
use crate::name::Ident;
use crate::shorthand::{or_a, shorthand};

/// The schema of a database in which tables stand when a store names none.
pub const DEFAULT_SCHEMA: &str = "public";

/// The longest name of a table or a column that PostgreSQL keeps whole, in bytes.
pub const MAX_SQL_NAME: usize = 63;

/// Where records are kept; `embedded` is short for `{type: embedded}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("StoreType"))]
pub struct Store {
    /// What sort of store it is.
    #[serde(rename = "type")]
    pub store_type: StoreType,
    /// How the database is reached: an Authorization of type `database`, or its name. For files in a bucket one of type `s3`,
    /// `gcs` or `azure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// The schema in which the tables stand. Default: public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The file of a SQLite database, or the folder in which each entity has a folder of files. Relative to the root of the
    /// configuration. A folder can be one of a bucket: `s3://BUCKET/FOLDER`, `gs://…`, `az://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The format of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// Whether files are appended to or replaced. Default: append.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<FileMode>,
    /// By what files are apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<PartitionBy>,
}

/// The formats of files that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FileFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What becomes of files when records come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FileMode {
    /// Each record that comes is a line more, with what happened in a column `_op`.
    #[default]
    Append,
    /// Each complete reading takes the place of the one before.
    Snapshot,
}

/// By which values files are apart: those of a field, or the day, month or year of a date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("date field"), transform = only_with("by", "date"))]
pub struct PartitionBy {
    /// A date or a datetime, which each entity has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Ident>,
    /// How much of the date makes a folder. Default: the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PartitionUnit>,
    /// A field, which each entity has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
}

/// How much of a date makes a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PartitionUnit {
    /// Its day.
    Day,
    /// Its month.
    Month,
    /// Its year.
    Year,
}

impl PartitionUnit {
    /// How many characters of `2025-01-31` that is.
    pub const fn length(self) -> usize {
        match self {
            Self::Day => 10,
            Self::Month => 7,
            Self::Year => 4,
        }
    }
}

impl PartitionBy {
    /// The field.
    pub fn field_name(&self) -> Option<&Ident> {
        self.date.as_ref().or(self.field.as_ref())
    }

    /// How much of its values makes a folder; nothing where that is all of them.
    pub fn unit(&self) -> Option<PartitionUnit> {
        self.date.is_some().then(|| self.by.unwrap_or(PartitionUnit::Day))
    }

    /// Whether the values of a type can be parts of paths.
    pub fn fits(&self, of: FieldType) -> bool {
        match self.date {
            Some(_) => matches!(of, FieldType::Date | FieldType::Datetime),
            None => !matches!(of, FieldType::Json | FieldType::Choices),
        }
    }
}

/// The sorts of stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StoreType {
    /// The state file itself: rows are committed together with everything else.
    #[default]
    Embedded,
    /// A PostgreSQL database: each entity is a table.
    Postgres,
    /// A file of SQLite: each entity is a table.
    Sqlite,
    /// A folder of files: each entity is a folder in it.
    Files,
}

/// A text that names no sort of store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a store; write `embedded`, or a map such as {{type: postgres, authorization: NAME}}")]
pub struct UnknownStore(String);

shorthand!(Store, "`embedded` or a map with `type`", Store::from_name, Store::short);

impl Store {
    fn from_name(text: &str) -> Result<Self, UnknownStore> {
        if text == "embedded" { Ok(Self::default()) } else { Err(UnknownStore(text.to_owned())) }
    }

    fn short(&self) -> Option<String> {
        (*self == Self::default()).then(|| "embedded".to_owned())
    }

    /// Whether rows are kept in the state.
    pub fn is_embedded(&self) -> bool {
        self.store_type == StoreType::Embedded
    }

    /// A table of this store as people are shown it: with the schema, the file or the folder that it stands in.
    pub fn shown_table(&self, table: &str) -> String {
        match self.store_type {
            StoreType::Embedded => table.to_owned(),
            StoreType::Postgres => format!("{}.{table}", self.schema()),
            StoreType::Sqlite => format!("{}:{table}", self.path.as_deref().unwrap_or_default()),
            StoreType::Files => format!("{}/{table}", self.path.as_deref().unwrap_or_default()),
        }
    }

    /// The schema in which the tables stand.
    pub fn schema(&self) -> &str {
        self.schema.as_deref().unwrap_or(DEFAULT_SCHEMA)
    }
}

/// What Raccord may change of an entity's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Manage {
    /// The table, and columns that are missing, are added; nothing is dropped or narrowed.
    #[default]
    Additive,
    /// Nothing: the table is there, and only its rows are written.
    None,
}

impl Entity {
    /// What its table is called; without `table`, like the entity, in snake case.
    pub fn table_name(&self, name: &Ident) -> String {
        self.table.clone().unwrap_or_else(|| snake_case(name.as_str()))
    }

    /// Whether it says something that has a meaning in a table alone.
    pub fn says_something_of_a_table(&self) -> bool {
        self.table.is_some()
            || !is_default(&self.manage)
            || self.fields.values().any(|field| field.column.is_some())
    }
}

impl Field {
    /// What its column is called; without `column`, like the field, in snake case.
    pub fn column_name(&self, name: &Ident) -> String {
        self.column.clone().unwrap_or_else(|| snake_case(name.as_str()))
    }
}

/// A name as SQL is used to it: `orderItem` as `order_item`, `vatID` as `vat_id`, `HTTPStatus` as `http_status`.
pub fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let begins_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                let ends_capitals = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && ends_capitals)
            });
        if begins_word {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_sql_is_used_to_them() {
        let cases = [
            ("city", "city"),
            ("externalId", "external_id"),
            ("vatID", "vat_id"),
            ("HTTPStatus", "http_status"),
            ("line2Text", "line2_text"),
            ("created_at", "created_at"),
            ("_x", "_x"),
            ("A", "a"),
        ];
        for (name, expected) in cases {
            assert_eq!(snake_case(name), expected, "{name}");
        }
    }

    #[test]
    fn the_canonical_form_of_the_embedded_store_is_its_name() {
        let read = |text: &str| serde_json::from_str::<Store>(text).unwrap();
        for text in [r#""embedded""#, r#"{"type":"embedded"}"#] {
            assert_eq!(serde_json::to_string(&read(text)).unwrap(), r#""embedded""#);
        }
        let postgres = r#"{"type":"postgres","authorization":"warehouse","schema":"crm"}"#;
        assert_eq!(serde_json::to_string(&read(postgres)).unwrap(), postgres);
        assert!(serde_json::from_str::<Store>(r#""postgres""#).is_err());
    }
}
