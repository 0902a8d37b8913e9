//! Records on their way from a source: a page of them, each as raw JSON or as a row over a shared header.
//! Never a tree.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::checkpoint::{PageToken, PartitionId, Shift, SourceState, Spot, Token};

/// A page of records.
#[derive(Debug, Clone)]
pub struct Page {
    /// The records.
    pub records: Records,
    /// The parent record of all of them, as raw JSON, when the data type has a parent.
    pub parent: Option<Bytes>,
    /// The partition that they are of, when the data type has a parent.
    pub partition: Option<PartitionId>,
    /// Whether it is the last page of that partition.
    pub ends_partition: bool,
    /// The partitions that the reading has come to the end of since the page before, in their order. The last one is that of
    /// this page when it ends with it.
    pub passed: Vec<Passed>,
    /// What stood where a record was expected.
    pub faults: Vec<Fault>,
    /// Parent records, met since the page before, whose children cannot be asked for.
    pub parent_faults: Vec<Fault>,
    /// Where this page is, in words: `page 3`, `customers.csv`.
    pub position: String,
    /// The names of the columns of the file, the table or the query that its records come from; `None` where a record has the members that it likes.
    pub columns: Option<Arc<[String]>>,
    /// Where it stands among the pages of its partition, when there are several and they are asked for by their position.
    pub spot: Option<Spot>,
    /// What the source itself saw of pages that shift.
    pub shift: Option<Shift>,
    /// Where the next page begins; `None` when the window is complete.
    pub next: Option<PageToken>,
    /// Whether pages are asked for by their position, a number of pages or of records: then a record that moves
    /// between two pages while they are read may be shown twice, or not at all.
    pub by_position: bool,
    /// How many records the service says that there are in all pages of the chain that this one belongs to: with a
    /// parent, those of one parent record. `None` when it says nothing.
    pub total: Option<u64>,
    /// The token that counts so far, of those that the pages of this chain have shown: after the last page, the one from which
    /// the next reading goes on. With a parent, that of a whole chain stands with its partition.
    pub token: Option<Token>,
    /// What the source itself says that it has read, this page included, and nothing that it could not read. It is committed
    /// with the page, and handed back once its window counts. That of a window that lacks something counts, too, unless the
    /// window is to be read again for another reason.
    pub state: Option<SourceState>,
    /// How many chains were begun again since the page before, because the service no longer knew their token.
    pub expired: u64,
    /// How many pages since the page before have shown another token than the one that counts.
    pub varied: u64,
    /// What has said in an answer since the page before that there is more, to which nothing leads: half a sentence.
    pub more_available: Option<String>,
    /// By how many seconds the clock that stamps changes is behind ours at the most, as the answers since the page before say
    /// it; 0 where it is not, or where nothing says so.
    pub behind: u64,
    /// What was asked for since the page before and not answered, as the settings allow: half a sentence. The window proves no
    /// deletion then.
    pub passed_over: Option<String>,
    /// A file that has come to its end since the page before, and ends as one does that was cut off.
    pub cut: Option<String>,
    /// What takes credentials out of what is kept of a record that is rejected; `None` where there are none.
    pub mask: Option<Mask>,
}

/// Takes credentials out of a text. A service may repeat what it was sent, in records too.
#[derive(Clone)]
pub struct Mask(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl Mask {
    /// What a function does.
    pub fn new(mask: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(mask))
    }

    /// The text without credentials.
    pub fn apply(&self, text: &str) -> String {
        (self.0)(text)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

impl Page {
    /// A page without records that ends its window.
    pub fn empty() -> Self {
        Self {
            records: Records::Json { body: Bytes::new(), spans: Vec::new() },
            parent: None,
            partition: None,
            ends_partition: false,
            passed: Vec::new(),
            faults: Vec::new(),
            parent_faults: Vec::new(),
            position: String::new(),
            columns: None,
            spot: None,
            shift: None,
            next: None,
            by_position: false,
            total: None,
            token: None,
            state: None,
            expired: 0,
            varied: 0,
            more_available: None,
            behind: 0,
            passed_over: None,
            cut: None,
            mask: None,
        }
    }
}

/// A partition that a reading has come to the end of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Which.
    pub partition: PartitionId,
    /// Its parent record, and where that stood among the pages of the parents, when these are asked for by their position.
    pub parent: Option<(PartitionId, Spot)>,
    /// Whether it is one of the data type that is read, and not of one of its parents.
    pub is_own: bool,
    /// What became of it.
    pub how: How,
    /// The token from which its next reading goes on, when it was read to its end and the service gave one.
    pub token: Option<Token>,
}

/// What became of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It was read to its end.
    Read,
    /// It was passed over, as the settings allow.
    Skipped {
        /// The HTTP status.
        status: u16,
    },
    /// It could not be read, or not to its end.
    Failed {
        /// The HTTP status, when that was it.
        status: Option<u16>,
        /// Why, in words, without a secret.
        message: String,
    },
}

/// The records of a page.
#[derive(Debug, Clone)]
pub enum Records {
    /// Raw JSON objects inside one body.
    Json {
        /// The body.
        body: Bytes,
        /// Where each record is in it.
        spans: Vec<Range<usize>>,
    },
    /// Raw JSON objects that each stand inside of another record, which is the parent of each.
    Nested {
        /// The body.
        body: Bytes,
        /// Where each record is in it.
        spans: Vec<Range<usize>>,
        /// Where the record is that each stands in; those of one parent follow each other.
        outers: Vec<Range<usize>>,
    },
    /// Rows of text cells over one header.
    Rows(Rows),
    /// Rows of a table.
    Table(TableRows),
}

/// Rows of a table: raw JSON objects that all have the same members in the same order, so that a value is found by its place.
#[derive(Debug, Clone)]
pub struct TableRows {
    /// The names of the members.
    pub columns: Arc<[String]>,
    /// The text that all objects are in.
    pub text: String,
    /// Where each object is in it.
    pub spans: Vec<Range<usize>>,
    /// Where each value is in it, row by row; a multiple of the number of columns.
    pub values: Vec<Range<usize>>,
}

/// Rows of text cells over one header.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The names of the columns.
    pub header: Arc<[String]>,
    /// The text of all cells, one after the other.
    pub text: String,
    /// Where each cell ends in `text`, row by row; a multiple of the number of columns.
    pub ends: Vec<usize>,
    /// The line on which each row begins, from 1.
    pub lines: Vec<u64>,
}

/// One record, borrowed from its page.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// Raw JSON text.
    Json(&'a [u8]),
    /// Raw JSON text inside of another record.
    Nested {
        /// The record.
        raw: &'a [u8],
        /// The record that it stands in.
        outer: &'a [u8],
    },
    /// A row.
    Row(Row<'a>),
    /// A row of a table.
    TableRow(TableRow<'a>),
}

/// One row of a table, borrowed from its page.
#[derive(Debug, Clone, Copy)]
pub struct TableRow<'a> {
    /// The rows it belongs to.
    rows: &'a TableRows,
    /// Its number, from 0.
    at: usize,
}

impl<'a> TableRow<'a> {
    /// The row as raw JSON.
    pub fn raw(&self) -> &'a str {
        self.rows.spans.get(self.at).and_then(|span| self.rows.text.get(span.clone())).unwrap_or_default()
    }

    /// The value in a column, as raw JSON; `None` beyond the last column.
    pub fn value(&self, column: usize) -> Option<&'a str> {
        let width = self.rows.columns.len();
        if column >= width {
            return None;
        }
        let span = self.rows.values.get(self.at * width + column)?;
        self.rows.text.get(span.clone())
    }
}

/// One row, borrowed from its page.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The rows it belongs to.
    rows: &'a Rows,
    /// Its number, from 0.
    at: usize,
}

impl<'a> Row<'a> {
    /// The names of the columns.
    pub fn header(&self) -> &'a [String] {
        &self.rows.header
    }

    /// The text of a cell; `None` beyond the last column.
    pub fn cell(&self, column: usize) -> Option<&'a str> {
        let width = self.rows.header.len();
        if column >= width {
            return None;
        }
        let index = self.at * width + column;
        let end = *self.rows.ends.get(index)?;
        let start = if index == 0 { 0 } else { *self.rows.ends.get(index - 1)? };
        self.rows.text.get(start..end)
    }
}

/// Something that stood where a record was expected: a line that is not JSON, a row with too few cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `line 17`.
    pub position: String,
    /// Why it is not a record.
    pub reason: String,
    /// What stood there, cut to a printable length.
    pub payload: String,
}

impl Records {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Json { spans, .. } | Self::Nested { spans, .. } => spans.len(),
            Self::Rows(rows) => rows.lines.len(),
            Self::Table(rows) => rows.spans.len(),
        }
    }

    /// The names of the columns, where a value is found by its place.
    pub const fn header(&self) -> Option<&Arc<[String]>> {
        match self {
            Self::Rows(rows) => Some(&rows.header),
            Self::Table(rows) => Some(&rows.columns),
            Self::Json { .. } | Self::Nested { .. } => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).map(|at| self.at(at))
    }

    /// The record with a number, from 0.
    pub fn get(&self, at: usize) -> Option<Record<'_>> {
        (at < self.len()).then(|| self.at(at))
    }

    fn at(&self, at: usize) -> Record<'_> {
        match self {
            Self::Json { body, spans } => Record::Json(slice(body, spans, at)),
            Self::Nested { body, spans, outers } => {
                Record::Nested { raw: slice(body, spans, at), outer: slice(body, outers, at) }
            }
            Self::Rows(rows) => Record::Row(Row { rows, at }),
            Self::Table(rows) => Record::TableRow(TableRow { rows, at }),
        }
    }
}

/// The part of a body at one of its spans.
fn slice<'a>(body: &'a Bytes, spans: &[Range<usize>], at: usize) -> &'a [u8] {
    spans.get(at).and_then(|span| body.get(span.clone())).unwrap_or_default()
}

impl<'a> Record<'a> {
    /// The record that it stands in, as raw JSON.
    pub const fn outer(&self) -> Option<&'a [u8]> {
        match self {
            Self::Nested { outer, .. } => Some(outer),
            Self::Json(_) | Self::Row(_) | Self::TableRow(_) => None,
        }
    }

    /// The record as raw JSON; `None` of a row of texts, which has none.
    pub fn raw(&self) -> Option<&'a [u8]> {
        match self {
            Self::Json(raw) | Self::Nested { raw, .. } => Some(raw),
            Self::TableRow(row) => Some(row.raw().as_bytes()),
            Self::Row(_) => None,
        }
    }

    /// The record as one line of JSON: raw JSON as it came, a row as an object of texts.
    pub fn to_json(&self) -> String {
        match self {
            Self::Json(raw) | Self::Nested { raw, .. } => String::from_utf8_lossy(raw).into_owned(),
            Self::Row(row) => {
                let cells = row.header().iter().enumerate().map(|(at, name)| {
                    (name.clone(), serde_json::Value::from(row.cell(at).unwrap_or_default()))
                });
                serde_json::Value::Object(cells.collect()).to_string()
            }
            Self::TableRow(row) => row.raw().to_owned(),
        }
    }
}
