//! How the bytes of a file or an answer become records: formats, and what goes with each. Only the settings; what they mean
//! together is the compiler's.

use std::fmt;
use std::num::NonZeroU32;

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
    /// A sheet of a workbook, Office Open XML.
    Xlsx,
    /// Apache Parquet.
    Parquet,
}

impl RecordFormat {
    /// Whether its files are text, which is read from the beginning to the end.
    pub const fn is_text(self) -> bool {
        match self {
            Self::Csv | Self::Jsonl | Self::Json => true,
            Self::Xlsx | Self::Parquet => false,
        }
    }
}

/// A sheet of a workbook, by its name or by its number, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Sheet {
    /// Its number, from 1.
    Number(NonZeroU32),
    /// Its name.
    Name(String),
}

impl<'de> Deserialize<'de> for Sheet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = Sheet;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a sheet, or its number from 1")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sheet, E> {
                Ok(Sheet::Name(text.to_owned()))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Sheet, E> {
                let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
                number.map(Sheet::Number).ok_or_else(|| E::custom("sheets are numbered from 1"))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Sheet, E> {
                self.visit_u64(u64::try_from(number).unwrap_or_default())
            }
        }
        deserializer.deserialize_any(Either)
    }
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

/// Whether the last line of a CSV has an end as all others have: a file without it may be one that was cut off in its last cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LastLineEnd {
    /// A run that meets a file without it says so, and deletes nothing that a snapshot does not show before a person agrees.
    #[default]
    Expected,
    /// For programs that never write it: then a file that was cut off there is taken for a whole one.
    Optional,
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
