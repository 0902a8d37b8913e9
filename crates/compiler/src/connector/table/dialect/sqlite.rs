//! The columns of SQLite in statements. A column may hold values of any type; their order and how they compare are the
//! same for all of them, so that only times need an expression of their own.

use super::Dialect;
use crate::connector::table::shape::{Column, Sort};

/// A column, as statements have it.
pub fn column(name: &str, type_name: &str, nullable: bool) -> Column {
    let plain = Dialect::Sqlite.column(name);
    let binary = format!("{plain} COLLATE BINARY");
    Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        nullable,
        sort: Sort::Any,
        select: plain.clone(),
        order: Some(plain),
        strict_order: Some(binary),
        around: (String::new(), String::new()),
    }
}
