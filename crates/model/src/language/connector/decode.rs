//! How the bytes of a file or an answer become records: formats, and what goes with each. Only the settings; what they mean
//! together is the compiler's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::language::is_default;
use crate::shorthand::{or_a, shorthand};

/// The formats of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RecordFormat {
    /// Comma-separated values, RFC 4180.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One JSON document that holds an array.
    #[default]
    Json,
}

/// What a CSV row is that has fewer cells than there are columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MissingCells {
    /// No record: it is rejected with its line.
    #[default]
    Reject,
    /// A record whose last cells are empty, for programs that leave them out.
    Empty,
}

/// How the records of an answer are written: `json`, `csv` or `jsonl` (the short form), or a map that says more of a CSV.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("RecordFormat"))]
pub struct Decode {
    /// The format.
    pub format: RecordFormat,
    /// CSV: the character between two columns. Default: a comma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// CSV without a header line: the names of its columns, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// CSV: the character with which lines begin that are comments. Default: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<char>,
    /// CSV: what a row is that has fewer cells than there are columns. Default: reject.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub missing_cells: MissingCells,
}

shorthand!(
    Decode,
    "`json`, `csv` or `jsonl`, or a map with `format`",
    |text: &str| {
        let format = match text {
            "csv" => Ok(RecordFormat::Csv),
            "jsonl" => Ok(RecordFormat::Jsonl),
            "json" => Ok(RecordFormat::Json),
            other => Err(format!("`{other}` is no format: csv, jsonl and json are")),
        };
        format.map(|format| Decode { format, ..Decode::default() })
    },
    known: &["csv", "jsonl", "json"]
);
