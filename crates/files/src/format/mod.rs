//! Formats: rows to the bytes of files. What a row holds is in its file as it was, or the row is refused; the one thing that is
//! narrowed are instants in Parquet, to microseconds. Nothing here knows where a file lies.

mod csv;
mod json_lines;
#[cfg(feature = "parquet")]
mod parquet;
mod text;

use std::sync::Arc;

use raccord_model::language::project::FieldType;
use raccord_model::port::Cause;
use raccord_model::value::Value;

/// How the bytes of a file are formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header, as RFC 4180 has them.
    Csv,
    /// Apache Parquet, compressed with Snappy.
    Parquet,
}

impl Format {
    /// The ending of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Whether this program can write it.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Jsonl | Self::Csv => true,
            Self::Parquet => cfg!(feature = "parquet"),
        }
    }
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What it is called.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A text, also one of an e-mail address, a URL or an option.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// An exact decimal number.
    Decimal,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// An instant.
    Datetime,
    /// A list of options.
    Choices,
    /// A JSON value.
    Json,
}

impl From<FieldType> for ColumnKind {
    fn from(of: FieldType) -> Self {
        match of {
            FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Choice => {
                Self::Text
            }
            FieldType::Integer => Self::Integer,
            FieldType::Decimal => Self::Decimal,
            FieldType::Boolean => Self::Boolean,
            FieldType::Date => Self::Date,
            FieldType::Datetime => Self::Datetime,
            FieldType::Choices => Self::Choices,
            FieldType::Json => Self::Json,
        }
    }
}

/// A value of a row, or that there is none.
pub type Cell<'a> = Option<Value<'a>>;

/// Makes the bytes of one file.
pub trait Encoder: Send {
    /// Adds a row: a cell for each column, in their order. Of one that is refused nothing is added.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError>;
    /// How many bytes of memory wait to be taken.
    fn pending(&self) -> usize;
    /// Takes the bytes that are ready.
    fn take(&mut self) -> Vec<u8>;
    /// Ends the file. What it ends with is to be taken then.
    fn finish(&mut self) -> Result<(), EncodeError>;
}

/// Why a row is not in a file.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The format cannot keep a value as it is.
    #[error("the value of `{column}` {reason}")]
    Unkept {
        /// The number of the column.
        number: usize,
        /// What it is called.
        column: String,
        /// In words that hold no value.
        reason: &'static str,
    },
    /// The library of the format failed.
    #[error("the file cannot be formed")]
    Library(#[source] Cause),
}

/// A format that this program was built without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this raccord was built without the feature `{0}`; a released binary has it")]
pub struct NotBuiltIn(pub &'static str);

/// Begins a file with these columns.
pub fn encoder(format: Format, columns: &Arc<[Column]>) -> Result<Box<dyn Encoder>, NotBuiltIn> {
    match format {
        Format::Jsonl => Ok(Box::new(json_lines::JsonLines::new(columns))),
        Format::Csv => Ok(Box::new(csv::Csv::new(columns))),
        #[cfg(feature = "parquet")]
        Format::Parquet => Ok(Box::new(parquet::Parquet::new(Arc::clone(columns)))),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(NotBuiltIn("parquet")),
    }
}
