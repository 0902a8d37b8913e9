//! `Mapping`: project field from third-party field, the primary key first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;
use crate::field_path::FieldPath;
use crate::name::Ident;
use crate::shorthand::{or_a, shorthand};

/// What a Mapping says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingSpec {
    /// The entity's key fields, exactly: each from a third-party field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub primary_key: BTreeMap<Ident, MappedField>,
    /// The other fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Ident, MappedField>,
}

/// Where the value of one field comes from; a path is short for `{from: path}`.
///
/// Exactly one of `from`, `const` and `expr` stands here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["from"] }, { "required": ["const"] }, { "required": ["expr"] }]))]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct MappedField {
    /// The path of the third-party field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<FieldPath>,
    /// The same value for every record.
    #[serde(default, rename = "const", skip_serializing_if = "Option::is_none")]
    pub constant: Option<serde_json::Value>,
    /// A minijinja expression over the record's fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// What is done to the value, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transform: Vec<Transform>,
    /// What an empty value (null or an empty text) means. Default: clear.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub on_empty: OnEmpty,
    /// What it means that the record does not have the field at all; of an expression, none of its fields. Default: the same as `onEmpty`, so clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing: Option<OnMissing>,
    /// The time zone of a date and time that names none, a name of the IANA database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

shorthand!(MappedField, "a path, or a map with `from`, `const` or `expr`", |text: &str| text
    .parse()
    .map(|path| MappedField { from: Some(path), ..MappedField::default() }));

/// What an empty value means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnEmpty {
    /// The field is emptied.
    #[default]
    Clear,
    /// The field gets its default.
    Default,
    /// The field keeps what it has.
    Ignore,
    /// The record is rejected.
    Reject,
}

/// What it means that a record does not have a field at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnMissing {
    /// The field keeps what it has.
    Keep,
    /// The field is emptied.
    Clear,
    /// The field gets its default.
    Default,
    /// The record is rejected.
    Reject,
}

/// One step of a field's way from text to text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Transform {
    /// Removes white space at both ends.
    Trim,
    /// Lower-case letters, by Unicode's rules.
    Lowercase,
    /// Upper-case letters, by Unicode's rules.
    Uppercase,
    /// Keeps the digits 0 to 9 alone.
    Digits,
    /// Keeps the first N characters.
    Truncate(u32),
    /// Replaces every occurrence of a text.
    Replace(Replace),
    /// Reads a date or instant in a strftime format: `%d/%m/%Y`.
    ParseDate(String),
    /// Writes a date or instant in a strftime format.
    FormatDate(String),
    /// Cuts a text into a list.
    Split(String),
    /// Joins a list into a text.
    Join(String),
    /// Looks the value up in a table; a value that is not there is empty, or `default`.
    Lookup(Lookup),
    /// Reads milliseconds since 1970, exactly, as an instant.
    UnixMillis,
    /// Reads a text as JSON: a list, an object or any other value, as a cell of a CSV holds it.
    ParseJson,
    /// Writes characters that can be written in several ways in one of them.
    Normalize(NormalForm),
}

/// A normal form of Unicode (UAX #15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NormalForm {
    /// Composed: `é` is one character, however it was written. It looks the same.
    Nfc,
}

/// What is replaced by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replace {
    /// The text looked for, at least one character.
    pub find: String,
    /// The text put in its place.
    pub with: String,
}

/// A table from a value to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lookup {
    /// The table.
    pub table: BTreeMap<String, String>,
    /// What a value that is not in the table becomes. Default: empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}
