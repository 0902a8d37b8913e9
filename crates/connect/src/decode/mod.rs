//! Bytes to records: CSV, JSON Lines and JSON, for files and for answers alike; XLSX and Parquet for files. It knows neither
//! where the bytes come from nor what becomes of the records.

mod absent;
mod blob;
#[cfg(feature = "parquet")]
mod columnar;
mod csv;
mod json;
mod json_lines;
mod listed;
mod quotes;
mod text;
mod whole;
#[cfg(feature = "xlsx")]
mod workbook;

use std::io;
use std::sync::Arc;

use raccord_compiler::connector::Decoder;
use raccord_model::language::connector::RecordFormat;
use raccord_model::port::records::{Fault, Records};
use raccord_model::port::source::SourceError;
use serde::{Deserialize, Serialize};

use self::csv::CsvRecords;
use self::json_lines::LineRecords;

pub(crate) use blob::{Blob, LocalBlob, SharedBlob};
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
    /// The names of the columns, where the format has columns.
    pub(crate) columns: Option<Arc<[String]>>,
    /// Whether there is nothing more.
    pub(crate) is_last: bool,
    /// Whether the text has ended as one does that was cut off.
    pub(crate) is_cut: bool,
}

impl Batch {
    /// How many records were read, good or not.
    pub(crate) fn count(&self) -> usize {
        self.records.len() + self.faults.len()
    }
}

/// Where a record begins in a text that is not compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spot {
    /// The byte, from 0.
    pub(crate) byte: u64,
    /// The line, from 1.
    pub(crate) line: u64,
}

/// Records that are being decoded, in the shape of their format.
pub(crate) trait Decoding: Send {
    /// The next records, at most `most`.
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError>;
    /// Passes over records of a file that was just opened, without reading them, as far as the format allows: up to so
    /// many. Returns how many.
    fn pass_over(&mut self, _records: u64) -> u64 {
        0
    }
    /// Where the next record begins, where the format knows it.
    fn spot(&self) -> Option<Spot> {
        None
    }
}

/// Begins to decode a text. `name` says in messages where the text stands, and `size` is its length in bytes, if it is known.
pub(crate) fn decode(
    content: Content,
    name: &str,
    size: Option<u64>,
    decoder: &Decoder,
) -> Result<Box<dyn Decoding>, SourceError> {
    Ok(match decoder.format {
        RecordFormat::Csv => Box::new(CsvRecords::open(content, name, decoder)?),
        RecordFormat::Jsonl => Box::new(LineRecords::new(content, name)),
        RecordFormat::Json => Box::new(json::open(content, name, size, decoder)?),
        RecordFormat::Xlsx | RecordFormat::Parquet => {
            let message = "xlsx and parquet are formats of files".to_owned();
            return Err(SourceError::Settings { place: name.to_owned(), message });
        }
    })
}

/// Goes on to decode a text at a spot that was told before. `content` is the text from its beginning, and `rest` its bytes from
/// the spot on, after the last one before it, if there is one.
pub(crate) fn decode_from(
    content: Content,
    (before, rest): (Option<u8>, Content),
    spot: Spot,
    name: &str,
    decoder: &Decoder,
) -> Result<Box<dyn Decoding>, SourceError> {
    if decoder.format == RecordFormat::Csv {
        return Ok(Box::new(CsvRecords::open(content, name, decoder)?.from((before, rest), spot, decoder)));
    }
    Ok(Box::new(LineRecords::from(rest, name, spot)))
}

/// Begins to decode a workbook.
#[cfg_attr(not(feature = "xlsx"), expect(unused_variables, reason = "nothing reads it"))]
pub(crate) fn decode_workbook(
    blob: &SharedBlob,
    name: &str,
    decoder: &Decoder,
) -> Result<Box<dyn Decoding>, SourceError> {
    #[cfg(feature = "xlsx")]
    return workbook::open(&**blob, name, decoder);
    #[cfg(not(feature = "xlsx"))]
    return Err(absent::without("xlsx", name));
}

/// Begins to decode a Parquet file.
#[cfg_attr(not(feature = "parquet"), expect(unused_variables, reason = "nothing reads it"))]
pub(crate) fn decode_parquet(blob: &SharedBlob, name: &str) -> Result<Box<dyn Decoding>, SourceError> {
    #[cfg(feature = "parquet")]
    return columnar::open(blob, name);
    #[cfg(not(feature = "parquet"))]
    return Err(absent::without("parquet", name));
}

/// The error that a text cannot be read.
fn unreadable(name: &str, error: io::Error) -> SourceError {
    // What a bucket or a server said is an error of its own already.
    let error = match error.downcast::<SourceError>() {
        Ok(said) => return said,
        Err(error) => error,
    };
    SourceError::File { path: name.to_owned(), source: Box::new(error) }
}

/// The error that a record is longer than allowed.
fn record_too_long(name: &str, line: u64) -> SourceError {
    SourceError::Limit {
        place: name.to_owned(),
        message: format!("the record on line {line} is longer than {} MB", MAX_RECORD >> 20),
    }
}
