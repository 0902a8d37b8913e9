//! Bytes to records: CSV, JSON Lines and JSON, for files and for answers alike. It knows neither where the bytes come from
//! nor what becomes of the records.

mod csv;
mod json;
mod json_lines;
mod quotes;
mod text;
mod whole;

use std::io;

use raccord_compiler::connector::Decoder;
use raccord_model::language::connector::RecordFormat;
use raccord_model::port::records::{Fault, Records};
use raccord_model::port::source::SourceError;

use self::csv::CsvRecords;
use self::json::JsonRecords;
use self::json_lines::LineRecords;

pub(crate) use text::{BUFFER, Content, text};
pub(crate) use whole::{Whole, whole};

/// How much text a page holds, give or take a record.
pub(crate) const PAGE_BYTES: usize = 4 << 20;
/// The longest record.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// What was decoded for a page.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Records,
    pub(crate) faults: Vec<Fault>,
    /// Whether there is nothing more.
    pub(crate) is_last: bool,
}

impl Batch {
    /// How many records were read, good or not.
    pub(crate) fn count(&self) -> usize {
        self.records.len() + self.faults.len()
    }
}

/// Records that are being decoded, in the shape of their format.
pub(crate) trait Decoding: Send {
    /// The next records, at most `most`.
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError>;
}

/// Begins to decode. `name` says in messages where the text stands, and `size` is its length in bytes, if it is known.
pub(crate) fn decode(
    content: Content,
    name: &str,
    size: Option<u64>,
    decoder: &Decoder,
) -> Result<Box<dyn Decoding>, SourceError> {
    Ok(match decoder.format {
        RecordFormat::Csv => Box::new(CsvRecords::open(content, name, decoder)?),
        RecordFormat::Jsonl => Box::new(LineRecords::new(content, name)),
        RecordFormat::Json => Box::new(JsonRecords::open(content, name, size, decoder)?),
    })
}

/// The error that a text cannot be read.
fn unreadable(name: &str, error: io::Error) -> SourceError {
    SourceError::File { path: name.to_owned(), source: Box::new(error) }
}

/// The error that a record is longer than allowed.
fn record_too_long(name: &str, line: u64) -> SourceError {
    SourceError::Limit {
        place: name.to_owned(),
        message: format!("the record on line {line} is longer than {} MB", MAX_RECORD >> 20),
    }
}
