//! The columns of PostgreSQL in statements. Types that the reader decodes are selected as they are, arrays as JSON, and
//! every other type as its text.

use super::Dialect;
use crate::connector::table::shape::{Column, Sort};

/// The types that are read in their binary form, and what their values are.
const READ: &[(&str, Sort)] = &[
    ("bool", Sort::Other),
    ("int2", Sort::Number),
    ("int4", Sort::Number),
    ("int8", Sort::Number),
    ("oid", Sort::Number),
    ("float4", Sort::Number),
    ("float8", Sort::Number),
    ("numeric", Sort::Number),
    ("text", Sort::Text),
    ("varchar", Sort::Text),
    ("bpchar", Sort::Text),
    ("name", Sort::Text),
    ("timestamptz", Sort::Zoned),
    ("timestamp", Sort::Local),
    ("date", Sort::Day),
    ("uuid", Sort::Other),
    ("json", Sort::Other),
    ("jsonb", Sort::Other),
    ("bytea", Sort::Other),
];

/// The types among all others that have an order in which their text can be compared with their values.
const ORDERED: &[&str] =
    &["time", "timetz", "interval", "inet", "cidr", "macaddr", "macaddr8", "money", "citext"];

/// The type of a column.
#[derive(Debug, Clone, Copy)]
pub struct ColumnType<'t> {
    /// The schema that it is in.
    pub schema: &'t str,
    /// Its name.
    pub name: &'t str,
    /// What kind of type it is.
    pub kind: TypeKind,
}

/// What kind of type a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    /// A type of its own.
    Simple,
    /// A list of names.
    Enum,
    /// Several values of another type.
    Array,
    /// Anything else: a range, a row.
    Other,
}

/// Whether values of a type are read in their binary form.
pub fn is_read(name: &str) -> bool {
    READ.iter().any(|(read, _)| *read == name)
}

/// A column, as statements have it.
pub fn column(name: &str, of: ColumnType<'_>, nullable: bool) -> Column {
    const DIALECT: Dialect = Dialect::Postgres;
    let (quoted, plain) = (DIALECT.quote(name), DIALECT.column(name));
    let is_own = of.schema == "pg_catalog";
    let read = READ.iter().find(|(read, _)| is_own && *read == of.name);
    let sort = read.map_or(Sort::Other, |(_, sort)| *sort);
    let select = match (read, of.kind) {
        (Some(_), _) => plain.clone(),
        (None, TypeKind::Array) => format!("to_json({plain})::text AS {quoted}"),
        (None, _) => format!("{plain}::text AS {quoted}"),
    };
    let type_name = format!("{}.{}", DIALECT.quote(of.schema), DIALECT.quote(of.name));
    let around = if is_own && of.name == "bytea" {
        ("decode(".to_owned(), "::text, 'base64')".to_owned())
    } else {
        (String::new(), format!("::text::{type_name}"))
    };
    let is_json = matches!(of.name, "json" | "jsonb") && is_own;
    let has_order = !is_json && (read.is_some() || of.kind == TypeKind::Enum || ORDERED.contains(&of.name));
    let strict = match (sort, of.name) {
        (Sort::Text, _) => format!("{plain} COLLATE \"C\""),
        // It takes texts that differ in case for equal.
        (_, "citext") => format!("{plain}::text COLLATE \"C\""),
        _ => plain.clone(),
    };
    Column {
        name: name.to_owned(),
        type_name: if is_own { of.name.to_owned() } else { format!("{}.{}", of.schema, of.name) },
        nullable,
        sort,
        select,
        order: has_order.then_some(plain),
        strict_order: has_order.then_some(strict),
        around,
    }
}
