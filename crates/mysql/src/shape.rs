//! What the database says of a relation: its columns with their types, and what tells its rows apart.

use mysql_async::consts::{ColumnFlags, ColumnType as Wire};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use raccord_compiler::connector::table::mysql::{ColumnType, column};
use raccord_compiler::connector::table::{Column, Dialect, Relation, Shape};

/// The character set of what is no text.
const BINARY: u16 = 63;

/// Why a relation has no shape.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShapeError {
    /// The server says so.
    #[error(transparent)]
    Library(#[from] Error),
    /// A type that is not read.
    #[error(
        "the column `{0}` is of type {1}, which is not read: leave it out with a `query`, or select ST_AsGeoJSON of it"
    )]
    Unread(String, &'static str),
}

/// The indexes of a table, with the names of their columns in order; an expression and a part of a column have none.
const INDEXES: &str = "
    SELECT INDEX_NAME, COLUMN_NAME, SUB_PART IS NULL AND COLUMN_NAME IS NOT NULL, NON_UNIQUE = 0
    FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY INDEX_NAME, SEQ_IN_INDEX";

/// The shape of a relation.
pub(crate) async fn of(connection: &mut Conn, relation: &Relation) -> Result<Shape, ShapeError> {
    let from = match relation {
        Relation::Table { name, .. } => Dialect::Mysql.quote(name),
        Relation::Query(query) => format!("(\n{query}\n) AS r"),
    };
    let statement = connection.prep(format!("SELECT * FROM {from}")).await?;
    let mut shape = Shape::default();
    for told in statement.columns().iter() {
        shape.columns.push(told_column(told)?);
    }
    connection.close(statement).await?;
    if let Relation::Table { name, .. } = relation {
        let rows: Vec<(String, Option<String>, bool, bool)> = connection.exec(INDEXES, (name,)).await?;
        let mut indexes: Vec<(String, Vec<String>, (bool, bool))> = Vec::new();
        for (index, column, is_whole, is_unique) in rows {
            if indexes.last().is_none_or(|(last, ..)| *last != index) {
                indexes.push((index, Vec::new(), (true, is_unique)));
            }
            if let Some((_, columns, (is_sound, _))) = indexes.last_mut() {
                columns.extend(column);
                *is_sound &= is_whole;
            }
        }
        for (name, columns, (_, is_unique)) in indexes.into_iter().filter(|(.., (is_whole, _))| *is_whole) {
            if name == "PRIMARY" {
                shape.primary.clone_from(&columns);
            }
            shape.indexed.extend(columns.first().cloned());
            if is_unique {
                shape.unique.push(columns);
            }
        }
    }
    Ok(shape)
}

fn told_column(told: &mysql_async::Column) -> Result<Column, ShapeError> {
    let (name, flags) = (told.name_str(), told.flags());
    let is_binary = told.character_set() == BINARY;
    let (type_name, of) = match told.column_type() {
        _ if flags.intersects(ColumnFlags::ENUM_FLAG | ColumnFlags::SET_FLAG) => ("enum", ColumnType::Named),
        Wire::MYSQL_TYPE_TINY
        | Wire::MYSQL_TYPE_SHORT
        | Wire::MYSQL_TYPE_INT24
        | Wire::MYSQL_TYPE_LONG
        | Wire::MYSQL_TYPE_LONGLONG
        | Wire::MYSQL_TYPE_YEAR => ("integer", ColumnType::Integer),
        Wire::MYSQL_TYPE_DECIMAL | Wire::MYSQL_TYPE_NEWDECIMAL => {
            ("decimal", ColumnType::Decimal(told.decimals()))
        }
        Wire::MYSQL_TYPE_FLOAT | Wire::MYSQL_TYPE_DOUBLE => ("double", ColumnType::Float),
        Wire::MYSQL_TYPE_DATE | Wire::MYSQL_TYPE_NEWDATE => ("date", ColumnType::Date),
        Wire::MYSQL_TYPE_DATETIME | Wire::MYSQL_TYPE_DATETIME2 => ("datetime", ColumnType::Datetime),
        Wire::MYSQL_TYPE_TIMESTAMP | Wire::MYSQL_TYPE_TIMESTAMP2 => ("timestamp", ColumnType::Timestamp),
        Wire::MYSQL_TYPE_TIME | Wire::MYSQL_TYPE_TIME2 => ("time", ColumnType::Time),
        Wire::MYSQL_TYPE_JSON => ("json", ColumnType::Json),
        Wire::MYSQL_TYPE_BIT => ("bit", ColumnType::Bytes),
        Wire::MYSQL_TYPE_GEOMETRY => return Err(ShapeError::Unread(name.into_owned(), "geometry")),
        _ if is_binary => ("binary", ColumnType::Bytes),
        _ => ("text", ColumnType::Text),
    };
    Ok(column(&name, type_name, of, !flags.contains(ColumnFlags::NOT_NULL_FLAG)))
}
