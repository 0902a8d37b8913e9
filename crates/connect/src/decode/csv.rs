//! CSV (RFC 4180): rows over one header. A row that does not fit it is a fault, not a guess.

use std::io::{self, Read};
use std::sync::Arc;

use csv::{ByteRecord, ErrorKind};
use raccord_compiler::connector::Decoder;
use raccord_model::language::connector::{LastLineEnd, MissingCells};
use raccord_model::port::records::{Fault, Records, Rows};
use raccord_model::port::source::SourceError;

use super::quotes::{Misquoted, Quotes};
use super::text::Content;
use super::{Batch, Decoding, MAX_RECORD, PAGE_BYTES, Spot, record_too_long, unreadable};
use crate::mask::excerpt;

/// How much of a row that is not a record is kept.
const MAX_PAYLOAD: usize = 200;

/// The records of a CSV.
pub(crate) struct CsvRecords {
    name: String,
    reader: csv::Reader<Metered>,
    fill_missing: bool,
    /// Whether the last line has an end in a text that is whole.
    ends_its_lines: bool,
    header: Arc<[String]>,
    row: ByteRecord,
    /// What comes before what is read.
    before: Spot,
}

/// Why a row with a text after a closing quote is no record.
const MISQUOTED: &str = "a text follows a closing quote; a quote inside of quotes is written twice";

/// What comes after the last byte of a file: a row of its own, unless a quote is still open there. The parser itself
/// takes the end of a file for the end of the quote. No delimiter is a NUL.
const AFTER_THE_END: &[u8] = b"\n\0";

/// Lets only so much through before it is asked again: an opened quote must not swallow the whole file. After the
/// file it gives [`AFTER_THE_END`].
struct Metered {
    content: Content,
    left: usize,
    /// How many bytes of the file came so far.
    length: u64,
    /// The last of them, and before them the one that stands there.
    last: Option<u8>,
    /// What is to come after the end, once the file has ended.
    after: Option<&'static [u8]>,
    quotes: Quotes,
}

impl Metered {
    /// How long the file is, once it has ended.
    fn end(&self) -> Option<u64> {
        self.after.map(|_| self.length)
    }
}

impl Read for Metered {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if let Some(after) = &mut self.after {
            return after.read(to);
        }
        if self.left == 0 {
            return Err(io::Error::other("a record is too long"));
        }
        let length = to.len().min(self.left);
        let read = self.content.read(&mut to[..length])?;
        self.left -= read;
        self.length += u64::try_from(read).unwrap_or(u64::MAX);
        self.last = to[..read].last().copied().or(self.last);
        self.quotes.watch(&to[..read]);
        if read == 0 && length > 0 {
            self.quotes.watch(b"\n");
            return self.after.insert(AFTER_THE_END).read(to);
        }
        Ok(read)
    }
}

impl CsvRecords {
    pub(crate) fn open(content: Content, name: &str, decoder: &Decoder) -> Result<Self, SourceError> {
        let reader = reader((Some(b'\n'), content), decoder);
        let header = decoder.columns.clone().into();
        let fill_missing = decoder.missing_cells == MissingCells::Empty;
        let mut records = Self {
            name: name.to_owned(),
            reader,
            fill_missing,
            ends_its_lines: decoder.last_line_end == LastLineEnd::Expected,
            header,
            row: ByteRecord::new(),
            before: START,
        };
        if decoder.columns.is_empty() {
            records.header = records.read_header()?;
        }
        Ok(records)
    }

    /// The same from a spot on.
    pub(crate) fn from(self, rest: (Option<u8>, Content), spot: Spot, decoder: &Decoder) -> Self {
        let before = Spot { byte: spot.byte, line: spot.line - 1 };
        Self { reader: reader(rest, decoder), before, ..self }
    }

    /// Whether a text that was read to its end has ended within a line. What is cut off there has a last cell like any other.
    fn is_cut(&self) -> bool {
        self.ends_its_lines && !matches!(self.reader.get_ref().last, Some(b'\n' | b'\r'))
    }

    /// A line of the reader as one of the file.
    const fn line(&self, of_reader: u64) -> u64 {
        self.before.line + of_reader
    }

    /// The names of the columns. A file without any line has none, and no records either.
    fn read_header(&mut self) -> Result<Arc<[String]>, SourceError> {
        if !self.read_row()? {
            let message = "the file is empty: it lacks even the line that names its columns; name them with `columns` \
                           where no file has that line";
            return Err(self.answer(message.to_owned()));
        }
        if let Some(what) = self.row.get(0).and_then(foreign) {
            return Err(self.answer(format!("it is {what}, not CSV; save it as CSV and name that file")));
        }
        if self.misquoted()? {
            return Err(self.answer(format!("its first line is not RFC 4180: {MISQUOTED}")));
        }
        let mut header: Vec<String> = Vec::with_capacity(self.row.len());
        for (at, name) in self.row.iter().enumerate() {
            let name = str::from_utf8(name).map_err(|_| {
                self.answer("its first line is not UTF-8; name the `encoding` of the file".to_owned())
            })?;
            if let Some(before) = header.iter().position(|known| known == name) {
                let message = format!("the columns {} and {} are both called `{name}`", before + 1, at + 1);
                return Err(self.answer(message));
            }
            header.push(name.to_owned());
        }
        Ok(header.into())
    }

    /// Reads the next row. Returns whether there was one.
    fn read_row(&mut self) -> Result<bool, SourceError> {
        self.reader.get_mut().left = MAX_RECORD;
        let read = self.reader.read_byte_record(&mut self.row);
        let is_row = read.map_err(|error| {
            let line = self.before.line + self.reader.position().line();
            if self.reader.get_ref().left == 0 {
                return record_too_long(&self.name, line);
            }
            match error.into_kind() {
                ErrorKind::Io(error) => unreadable(&self.name, error),
                other => self.answer(format!("line {line}: {other:?}")),
            }
        })?;
        Ok(is_row && !self.is_after_the_end()?)
    }

    /// Whether the row in hand is the one that stands after the end of the file. In the last cell of any other row that
    /// reaches as far a quote is open.
    fn is_after_the_end(&self) -> Result<bool, SourceError> {
        let Some(end) = self.reader.get_ref().end() else { return Ok(false) };
        let after = end + u64::try_from(AFTER_THE_END.len()).unwrap_or_default();
        if self.reader.position().byte() < after {
            return Ok(false);
        }
        if self.row.len() == 1 && self.row.get(0) == AFTER_THE_END.get(1..) {
            return Ok(true);
        }
        let open = self.row.iter().next_back().unwrap_or_default();
        let breaks = open.split(|byte| *byte == b'\n').skip(1).count();
        let line = self.line(self.reader.position().line());
        let line = line.saturating_sub(u64::try_from(breaks).unwrap_or_default());
        Err(self.answer(format!("the quote opened on line {line} is never closed")))
    }

    /// Whether a text follows a closing quote in the row in hand. When it is uncertain where the row ends, nothing that
    /// comes after it is certain, and that is an error.
    fn misquoted(&mut self) -> Result<bool, SourceError> {
        let end = self.reader.position().byte();
        match self.reader.get_mut().quotes.take_before(end) {
            None => Ok(false),
            Some(Misquoted::Row) => Ok(true),
            Some(Misquoted::Rest) => {
                let line = self.line(self.row.position().map_or(0, csv::Position::line));
                let message = format!("line {line}: {MISQUOTED}, and it is uncertain where the record ends");
                Err(self.answer(message))
            }
        }
    }

    fn answer(&self, message: String) -> SourceError {
        SourceError::Answer { place: self.name.clone(), message }
    }

    /// Appends the row in hand; the error says why it is not a record.
    fn keep(&self, rows: &mut Rows, line: u64) -> Result<(), String> {
        let (wanted, found) = (self.header.len(), self.row.len());
        if found > wanted || (found < wanted && !self.fill_missing) {
            return Err(format!("it has {found} cells, the header has {wanted}"));
        }
        let cells = self.row.as_slice();
        if cells.contains(&0) {
            return Err("it has a NUL character".to_owned());
        }
        let invalid = || "it is not UTF-8; name the `encoding` of the file".to_owned();
        let text = str::from_utf8(cells).map_err(|_| invalid())?;
        let ends = || (0..found).filter_map(|cell| self.row.range(cell)).map(|range| range.end);
        // Two halves of a character in neighbouring cells are valid only together.
        if !ends().all(|end| text.is_char_boundary(end)) {
            return Err(invalid());
        }
        let start = rows.text.len();
        rows.text.push_str(text);
        rows.ends.extend(ends().map(|end| start + end));
        rows.ends.resize(rows.ends.len() + wanted - found, rows.text.len());
        rows.lines.push(line);
        Ok(())
    }

    fn fault(&self, line: u64, reason: String) -> Fault {
        let cells: Vec<_> = self.row.iter().map(String::from_utf8_lossy).collect();
        let payload = excerpt(&cells.join(","), MAX_PAYLOAD);
        Fault { position: format!("{}, line {line}", self.name), reason, payload }
    }
}

/// The beginning of a file.
const START: Spot = Spot { byte: 0, line: 0 };

fn reader((last, content): (Option<u8>, Content), decoder: &Decoder) -> csv::Reader<Metered> {
    let quotes = Quotes::new(decoder.delimiter, decoder.comment);
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(decoder.delimiter)
        .comment(decoder.comment)
        .buffer_capacity(64 * 1024)
        .from_reader(Metered { content, left: MAX_RECORD, length: 0, last, after: None, quotes })
}

/// What a file is whose first bytes say that it is no text.
fn foreign(beginning: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 4] = [
        (b"PK\x03\x04", "a document of a spreadsheet program (XLSX), or another zip archive"),
        (b"\xD0\xCF\x11\xE0", "a document of a spreadsheet program (XLS)"),
        (b"%PDF-", "a PDF"),
        (b"\x1F\x8B", "compressed with gzip, which its name or `compression: gzip` must say"),
    ];
    KNOWN.iter().find(|(start, _)| beginning.starts_with(start)).map(|(_, what)| *what)
}

impl Decoding for CsvRecords {
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError> {
        let header = Arc::clone(&self.header);
        let mut rows = Rows { header, text: String::new(), ends: Vec::new(), lines: Vec::new() };
        let (mut faults, mut is_last) = (Vec::new(), false);
        while rows.lines.len() + faults.len() < most && rows.text.len() < PAGE_BYTES {
            if !self.read_row()? {
                is_last = true;
                break;
            }
            let line = self.line(self.row.position().map_or(0, csv::Position::line));
            let kept = if self.misquoted()? { Err(MISQUOTED.to_owned()) } else { self.keep(&mut rows, line) };
            if let Err(reason) = kept {
                faults.push(self.fault(line, reason));
            }
        }
        let columns = Some(Arc::clone(&self.header));
        Ok(Batch { records: Records::Rows(rows), faults, columns, is_last, is_cut: is_last && self.is_cut() })
    }

    fn spot(&self) -> Option<Spot> {
        let position = self.reader.position();
        Some(Spot { byte: self.before.byte + position.byte(), line: self.line(position.line()) })
    }
}
