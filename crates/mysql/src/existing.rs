//! The tables of a database as data types to read and as entities that could hold their rows: keys, types, and what is left out of
//! each and why. It reads the catalog alone.

use std::collections::BTreeSet;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use raccord_model::existing::{ExistingColumn, ExistingTable};
use raccord_model::language::{Field, FieldType};
use raccord_model::port::Cause;
use raccord_model::port::destination::DestinationError;

use crate::connect::{self, ConnectError, SettingsSource};
use crate::failure::{is_refusal, refused};

/// The columns of all tables of the database, with what their indexes say of them.
const COLUMNS: &str = "
    SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.IS_NULLABLE = 'YES',
        c.GENERATION_EXPRESSION IS NOT NULL AND c.GENERATION_EXPRESSION <> '',
        COALESCE((SELECT s.SEQ_IN_INDEX FROM information_schema.STATISTICS s WHERE s.TABLE_SCHEMA = c.TABLE_SCHEMA
            AND s.TABLE_NAME = c.TABLE_NAME AND s.COLUMN_NAME = c.COLUMN_NAME AND s.INDEX_NAME = 'PRIMARY'), 0),
        EXISTS (SELECT 1 FROM information_schema.STATISTICS s WHERE s.TABLE_SCHEMA = c.TABLE_SCHEMA
            AND s.TABLE_NAME = c.TABLE_NAME AND s.COLUMN_NAME = c.COLUMN_NAME AND s.SEQ_IN_INDEX = 1)
    FROM information_schema.COLUMNS c JOIN information_schema.TABLES t
        ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
    WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE'
    ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION";

/// A column as the catalog shows it.
struct Found {
    table: String,
    name: String,
    /// The name of the type alone, and all of it.
    data_type: String,
    column_type: String,
    is_nullable: bool,
    is_generated: bool,
    /// Its place in the primary key, from 1 on; 0 when it is no part of it.
    key_part: u64,
    /// Whether an index begins with it.
    is_indexed: bool,
}

/// The tables of a database, in the order of their names.
///
/// # Errors
/// When the database cannot be reached, or does not show its catalog.
pub async fn tables(settings: &SettingsSource) -> Result<Vec<ExistingTable>, DestinationError> {
    let settings = (settings.0)().await.map_err(DestinationError::Denied)?;
    let mut connection = connect::connect(&settings).await.map_err(|error| match error {
        error @ (ConnectError::Url | ConnectError::NoAuthorities) => {
            DestinationError::Denied(Cause::from(error))
        }
        ConnectError::Library(Error::Server(said)) if is_refusal(said.code) => {
            DestinationError::Denied(Cause::from(refused(said.code)))
        }
        error => DestinationError::Unreachable(Cause::from(error)),
    })?;
    let found = columns(&mut connection).await.map_err(|error| DestinationError::Read(error.into()))?;
    // What was asked is answered; how the connection ends says nothing more.
    drop(connection.disconnect().await);
    Ok(tables_of(&found))
}

async fn columns(connection: &mut Conn) -> Result<Vec<Found>, Error> {
    type Row = (String, String, String, String, bool, bool, u64, bool);
    let rows: Vec<Row> = connection.query(COLUMNS).await?;
    let found =
        |(table, name, data_type, column_type, is_nullable, is_generated, key_part, is_indexed): Row| Found {
            table,
            name,
            data_type,
            column_type,
            is_nullable,
            is_generated,
            key_part,
            is_indexed,
        };
    Ok(rows.into_iter().map(found).collect())
}

/// Columns, in the order of their tables, as tables.
fn tables_of(found: &[Found]) -> Vec<ExistingTable> {
    let one = |columns: &[Found]| {
        let name = columns.first().map(|column| column.table.clone()).unwrap_or_default();
        let mut table = ExistingTable { name, ..ExistingTable::default() };
        let mut key: Vec<&Found> = columns.iter().filter(|column| column.key_part > 0).collect();
        key.sort_by_key(|column| column.key_part);
        table.key = key.iter().map(|column| column.name.clone()).collect();
        for column in columns {
            let is_time = matches!(column.data_type.as_str(), "datetime" | "timestamp");
            table.indexed_times.extend((is_time && column.is_indexed).then(|| column.name.clone()));
            match field(column) {
                Ok(field) => table.columns.push(ExistingColumn { name: column.name.clone(), field }),
                Err(why) => table.left_out.push((column.name.clone(), why)),
            }
        }
        table
    };
    found.chunk_by(|a, b| a.table == b.table).map(one).collect()
}

/// The field that can hold the values of a column, or why there is none.
fn field(column: &Found) -> Result<Field, String> {
    if column.is_generated {
        return Err("the database makes its values".to_owned());
    }
    let is_flag = column.column_type == "tinyint(1)";
    let field_type = match column.data_type.as_str() {
        "tinyint" if is_flag => FieldType::Boolean,
        "bigint" if column.column_type.contains("unsigned") => FieldType::Decimal,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => FieldType::Integer,
        "decimal" => FieldType::Decimal,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "time" => FieldType::Text,
        "enum" => FieldType::Choice,
        "date" => FieldType::Date,
        "timestamp" => FieldType::Datetime,
        "datetime" => {
            return Err(
                "it has no time zone: give the mapping a `timezone`, and the entity a field".to_owned()
            );
        }
        "json" => FieldType::Json,
        _ => return Err(format!("no type of field keeps the values of {}", column.column_type)),
    };
    let mut field = Field::of(field_type);
    field.options =
        if field_type == FieldType::Choice { words(&column.column_type) } else { BTreeSet::new() };
    field.required = !column.is_nullable && column.key_part == 0;
    Ok(field)
}

/// The words of `enum('a','b''c')`.
fn words(column_type: &str) -> BTreeSet<String> {
    let inner = column_type.strip_prefix("enum('").and_then(|rest| rest.strip_suffix("')"));
    let words = inner.unwrap_or_default().split("','").map(|word| word.replace("''", "'"));
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_enumeration_are_read() {
        for (text, expected) in
            [("enum('a','b')", &["a", "b"][..]), ("enum('it''s','x y')", &["it's", "x y"]), ("enum('')", &[])]
        {
            assert_eq!(words(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
