//! The connectors `postgres`, `mysql` and `sqlite`: tables and queries of databases. Only the settings; which statements read
//! them is the compiler's.

mod changes;
mod columns;
mod connector;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::{CursorFormat, Scalar};
use crate::duration::Seconds;
use crate::language::is_default;
use crate::name::DataTypeName;

pub use changes::Changes;
pub use columns::Columns;

/// The settings of a Source with `connector: postgres`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresTables {
    /// The schema of the tables, in which queries find theirs, too. Default: public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The data types, by name.
    pub data_types: BTreeMap<DataTypeName, TableDataType>,
}

/// The settings of a Source with `connector: mysql`. The Authorization says which database is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MysqlTables {
    /// The data types, by name.
    pub data_types: BTreeMap<DataTypeName, TableDataType>,
}

/// The settings of a Source with `connector: sqlite`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqliteTables {
    /// The file of the database, relative to the directory of the YAML file.
    pub path: String,
    /// The data types, by name.
    pub data_types: BTreeMap<DataTypeName, TableDataType>,
}

/// One data type: the table or the query that holds it, and how it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableDataType {
    /// The table or the view. Default: the name of the data type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// A query, in place of a table. It is read as a table would be, a page at a time, and needs a `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The columns that tell rows apart: pages are asked for in their order. Default: the primary key of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Columns>,
    /// How only what has changed since the last run is asked for. Default: everything is read every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incremental: Option<TableIncremental>,
    /// PostgreSQL: changes come by logical replication, deletions included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// The column that says when a row changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableIncremental {
    /// The column. An index over it and the key makes reading it cheap.
    pub field: String,
    /// What its values are. Default: rfc3339, for columns that hold a date and a time.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub format: CursorFormat,
    /// The time zone of a column without one, a name of the IANA database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// What the very first run asks for. Default: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Scalar>,
    /// How far before the last value the next run begins: longer than the longest transaction that writes rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback: Option<Seconds>,
}

impl TableIncremental {
    /// By a column of times as it is proposed: what a transaction writes that is committed some minutes after it began is found.
    pub fn by(field: &str) -> Self {
        let (format, field) = (CursorFormat::default(), field.to_owned());
        Self { field, format, timezone: None, initial: None, lookback: Some(Self::LOOKBACK) }
    }

    /// The `lookback` that is proposed.
    pub const LOOKBACK: Seconds = Seconds(5 * 60);
}
