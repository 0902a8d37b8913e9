//! Parquet: rows as JSON, a row group after the other, so that a file is never in memory as a whole. Row groups that were
//! read before are passed over.

mod shape;
mod source;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Row;
use parquet::record::reader::{ReaderIter, TreeBuilder};
use raccord_model::port::records::{Fault, Records};
use raccord_model::port::source::SourceError;

use self::shape::Shape;
use self::source::Chunks;
use super::blob::SharedBlob;
use super::{Batch, Decoding, MAX_RECORD, PAGE_BYTES, unreadable};

/// The largest footer, which names every column of every row group and is read whole.
const MAX_FOOTER: u64 = 64 << 20;
/// What every file begins and ends with, and what one ends with whose footer is encrypted.
const MAGIC: &[u8] = b"PAR1";
const ENCRYPTED: &[u8] = b"PARE";
/// The length of the footer and the mark after it.
const TAIL: usize = 8;

/// The rows of a Parquet file.
struct ParquetRecords {
    name: String,
    chunks: Chunks,
    reader: SerializedFileReader<Chunks>,
    columns: Vec<(String, Shape)>,
    /// The names of the columns.
    names: Arc<[String]>,
    /// The row group that comes next.
    group: usize,
    rows: Option<ReaderIter>,
    /// How many rows were read or passed over.
    done: u64,
}

/// Reads the footer of a file.
pub(crate) fn open(blob: &SharedBlob, name: &str) -> Result<Box<dyn Decoding>, SourceError> {
    let answer = |message: String| SourceError::Answer { place: name.to_owned(), message };
    check_ends(blob, name)?;
    let chunks = Chunks::new(blob);
    let reader = unharmed((name, &chunks), "its footer", || SerializedFileReader::new(chunks.clone()))?;
    let columns = shape::of_records(reader.metadata().file_metadata().schema()).map_err(answer)?;
    let names = columns.iter().map(|(name, _)| name.clone()).collect();
    let name = name.to_owned();
    Ok(Box::new(ParquetRecords { name, chunks, reader, columns, names, group: 0, rows: None, done: 0 }))
}

/// Whether a file begins and ends as one of Parquet, with a footer that fits into it.
fn check_ends(blob: &SharedBlob, name: &str) -> Result<(), SourceError> {
    let answer = |message: &str| SourceError::Answer { place: name.to_owned(), message: message.to_owned() };
    let read = |at, length| blob.read_at(at, length).map_err(|error| unreadable(name, error));
    let beginning = read(0, MAGIC.len())?;
    let tail_length = u64::try_from(TAIL).unwrap_or_default();
    let tail = read(blob.len().saturating_sub(tail_length), TAIL)?;
    let (length, mark) = tail.split_at(tail.len().min(4));
    if beginning == ENCRYPTED || mark == ENCRYPTED {
        return Err(answer("it is encrypted, which is not read; write it without encryption"));
    }
    if beginning != MAGIC {
        return Err(answer("it is no Parquet file: it does not begin like one"));
    }
    if mark != MAGIC || blob.len() < 12 {
        return Err(answer("it is cut off: it does not end as a Parquet file does"));
    }
    let length = u64::from(u32::from_le_bytes(length.try_into().unwrap_or_default()));
    if length > MAX_FOOTER {
        let message = format!("its footer has {length} bytes, and may have {} MB", MAX_FOOTER >> 20);
        return Err(SourceError::Limit { place: name.to_owned(), message });
    }
    Ok(())
}

/// Does something of the library, which stops with a panic at some damage. `what` is being read.
fn unharmed<T>(
    (name, chunks): (&str, &Chunks),
    what: &str,
    work: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, SourceError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    if let Some(failure) = chunks.take_failure() {
        return Err(unreadable(name, failure));
    }
    let why = match done {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its parts contradict each other".to_owned(),
    };
    let message = match why.split_once("Disabled feature at compile time: ") {
        Some((_, codec)) => {
            format!(
                "{what} is compressed in a way that is not read ({codec}); snappy, gzip, zstd and lz4 are"
            )
        }
        None => format!("{what} cannot be read, it is damaged or of an unknown form: {why}"),
    };
    Err(SourceError::Answer { place: name.to_owned(), message })
}

impl ParquetRecords {
    /// The next row; `None` after the last one.
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        loop {
            if let Some(rows) = &mut self.rows {
                let place = format!("row {}", self.done + 1);
                let row = unharmed((&self.name, &self.chunks), &place, || rows.next().transpose())?;
                if row.is_some() {
                    self.done += 1;
                    return Ok(row);
                }
                self.rows = None;
                self.group += 1;
            }
            if self.group >= self.reader.num_row_groups() {
                return Ok(None);
            }
            let (reader, group) = (&self.reader, self.group);
            let rows = unharmed((&self.name, &self.chunks), &format!("row group {}", group + 1), || {
                let schema = reader.metadata().file_metadata().schema_descr_ptr();
                TreeBuilder::new().as_iter(schema, &*reader.get_row_group(group)?)
            })?;
            self.rows = Some(rows);
        }
    }
}

impl Decoding for ParquetRecords {
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError> {
        let (mut body, mut spans, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_last = false;
        while spans.len() + faults.len() < most && body.len() < PAGE_BYTES {
            let Some(row) = self.next_row()? else {
                is_last = true;
                break;
            };
            let start = body.len();
            match value::record(&row, &self.columns, &mut body) {
                Ok(()) if body.len() - start > MAX_RECORD => {
                    let message = format!("row {} is longer than {} MB", self.done, MAX_RECORD >> 20);
                    return Err(SourceError::Limit { place: self.name.clone(), message });
                }
                Ok(()) => spans.push(start..body.len()),
                Err(reason) => {
                    body.truncate(start);
                    let position = format!("{}, row {}", self.name, self.done);
                    faults.push(Fault { position, reason, payload: String::new() });
                }
            }
        }
        let columns = Some(Arc::clone(&self.names));
        Ok(Batch {
            records: Records::Json { body: Bytes::from(body), spans },
            faults,
            columns,
            is_last,
            is_cut: false,
        })
    }

    /// Passes over whole row groups.
    fn pass_over(&mut self, records: u64) -> u64 {
        while let Some(group) =
            (self.group < self.reader.num_row_groups()).then(|| self.reader.metadata().row_group(self.group))
        {
            let rows = u64::try_from(group.num_rows()).unwrap_or_default();
            if self.rows.is_some() || self.done + rows > records {
                break;
            }
            self.done += rows;
            self.group += 1;
        }
        self.done
    }
}
