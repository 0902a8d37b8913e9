//! The columns of MySQL and MariaDB in statements. A number is compared with a number, and a time with a time: compared with a
//! text, both would become floating-point numbers.

use super::Dialect;
use crate::connector::table::shape::{Column, Sort};

/// The type of a column, as far as statements have to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A whole number, of any size.
    Integer,
    /// `decimal`, with so many digits behind the point.
    Decimal(u8),
    /// `float` and `double`.
    Float,
    /// `char`, `varchar` and the like.
    Text,
    /// `binary`, `varbinary`, `blob`, `bit`.
    Bytes,
    /// `date`.
    Date,
    /// `datetime`.
    Datetime,
    /// `timestamp`, which is read in UTC.
    Timestamp,
    /// `time`.
    Time,
    /// `enum` and `set`, whose own order is not that of their texts.
    Named,
    /// `json`.
    Json,
    /// `geometry`, whose bytes are those of the server.
    Geometry,
}

/// A column, as statements have it.
pub fn column(name: &str, type_name: &str, of: ColumnType, nullable: bool) -> Column {
    const DIALECT: Dialect = Dialect::Mysql;
    let plain = DIALECT.column(name);
    // Values are sent as UTF-8, whatever the character set of the column.
    let binary = format!("CAST(CONVERT({plain} USING utf8mb4) AS BINARY)");
    let cast = |to: &str| ("CAST(".to_owned(), format!(" AS {to})"));
    let bare = || (String::new(), String::new());
    let (sort, order, strict, around) = match of {
        ColumnType::Integer => (Sort::Number, Some(plain.clone()), Some(plain.clone()), bare()),
        ColumnType::Decimal(scale) => {
            let exact = cast(&format!("DECIMAL(65,{scale})"));
            (Sort::Number, Some(plain.clone()), Some(plain.clone()), exact)
        }
        ColumnType::Text => (Sort::Text, Some(plain.clone()), Some(binary), bare()),
        ColumnType::Bytes => (Sort::Other, Some(plain.clone()), Some(plain.clone()), bare()),
        ColumnType::Date => (Sort::Day, Some(plain.clone()), Some(plain.clone()), cast("DATE")),
        ColumnType::Datetime => (Sort::Local, Some(plain.clone()), Some(plain.clone()), cast("DATETIME(6)")),
        ColumnType::Timestamp => (Sort::Zoned, Some(plain.clone()), Some(plain.clone()), cast("DATETIME(6)")),
        ColumnType::Time => (Sort::Other, Some(plain.clone()), Some(plain.clone()), cast("TIME(6)")),
        ColumnType::Named => (Sort::Other, Some(binary.clone()), Some(binary), bare()),
        ColumnType::Float | ColumnType::Json | ColumnType::Geometry => (Sort::Other, None, None, bare()),
    };
    Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        nullable,
        sort,
        select: plain,
        order,
        strict_order: strict,
        around,
    }
}
