//! The connector `file`: CSV (RFC 4180), JSON Lines, JSON arrays, each plain or gzip; XLSX and Parquet.

mod connector;
mod place;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decode::{LastLineEnd, MissingCells, RecordFormat, Sheet};
use super::records::RecordsPlace;
use crate::language::is_default;
use crate::name::DataTypeName;

pub use place::{RemotePath, Scheme};

/// The settings of a Source with `connector: file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileSettings {
    /// The data types, by name.
    pub data_types: BTreeMap<DataTypeName, FileDataType>,
}

/// One data type: the files that hold it and how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileDataType {
    /// A path or a glob, relative to the directory of the YAML file, or in a bucket (`s3://BUCKET/…`, `gs://…`, `az://CONTAINER/…`) or on
    /// a server (`sftp://HOST/…`). Files are read in the order of their names.
    pub path: String,
    /// The format; by default what the file's extension says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<RecordFormat>,
    /// How the file is compressed; by default what the extension says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// CSV: the character between two columns. Default: a comma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The encoding of the text, a label of the WHATWG Encoding Standard. Default: utf-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// CSV or XLSX without a line that names its columns: their names, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// CSV: the character with which lines begin that are comments. Default: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<char>,
    /// CSV: what a row is that has fewer cells than there are columns. Default: reject.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub missing_cells: MissingCells,
    /// CSV: whether the last line of a file has an end. Default: expected.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub last_line_end: LastLineEnd,
    /// XLSX: the sheet, by its name or its number. Default: the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<Sheet>,
    /// XLSX: the row that names the columns, from 1. Default: the first row that is not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_row: Option<NonZeroU32>,
    /// JSON: where the array of records is. Default: the whole document. An object stands for an array when each of its members is an object: they are the records.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub records: RecordsPlace,
}

/// The compressions of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Compression {
    /// None.
    None,
    /// gzip, RFC 1952.
    Gzip,
}
