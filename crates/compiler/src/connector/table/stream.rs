//! A stream of rows: the relation that is read, and by what its rows are told apart.

use raccord_model::DataTypeName;
use raccord_model::checkpoint::SourceState;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::table::Changes;
use raccord_model::port::records::Page;

use super::dialect::Dialect;
use crate::connector::cursor::{FieldCursor, IncrementalCursor, is_instant};
use crate::connector::stream::Component;

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// A table or a view.
    Table {
        /// Its schema, where the dialect has them.
        schema: Option<String>,
        /// Its name.
        name: String,
    },
    /// A query.
    Query(String),
}

/// The rows of one data type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStream {
    /// The data type's name.
    pub data_type: DataTypeName,
    /// How the database speaks.
    pub dialect: Dialect,
    /// The file of the database, relative to the root, where it is one.
    pub path: Option<String>,
    /// Where a query finds tables that it names without a schema; none where the database decides.
    pub schema: Option<String>,
    /// What is read.
    pub relation: Relation,
    /// The columns that tell rows apart; empty where the primary key does.
    pub key: Vec<String>,
    /// The column that says when a row changed.
    pub field: Option<String>,
    /// The rule of its values, with that column.
    pub cursor: Option<IncrementalCursor>,
    /// Where logical replication finds what has changed, and the member that marks deletions.
    pub changes: Option<(Changes, FieldPath)>,
}

impl TableStream {
    /// What is read, for messages.
    pub fn place(&self) -> String {
        match &self.relation {
            Relation::Table { schema: Some(schema), name } => format!("{schema}.{name}"),
            Relation::Table { schema: None, name } => name.clone(),
            Relation::Query(_) => format!("the query of `{}`", self.data_type),
        }
    }
}

/// What is missed where no run begins before the last value. A number or a text cannot be gone back from.
fn without_lookback(cursor: &FieldCursor) -> Option<String> {
    (cursor.lookback.is_none() && is_instant(cursor.format)).then(|| {
        format!(
            "without `lookback` what a transaction has written is never found whose commit came after that of a later one: write \
             `incremental: {{field: {}, lookback: 5m}}`, longer than the longest transaction that writes",
            cursor.names()
        )
    })
}

impl Component for TableStream {
    fn cursor(&self) -> Option<&IncrementalCursor> {
        self.cursor.as_ref()
    }

    fn keeps_state(&self) -> bool {
        self.changes.is_some()
    }

    fn deleted(&self) -> Option<&FieldPath> {
        self.changes.as_ref().map(|(_, deleted)| deleted)
    }

    fn remarks(&self, _page: &Page) -> Vec<String> {
        self.cursor
            .as_ref()
            .and_then(IncrementalCursor::field)
            .and_then(without_lookback)
            .into_iter()
            .collect()
    }

    fn describe(state: &SourceState) -> Option<String> {
        let (_, position) = state.as_str().split_once(':')?;
        let position = position.split(';').next()?;
        Some(format!("changes up to {position}"))
    }
}
