//! The components of a stream, under the names of Airbyte's low-code language.
//!
//! The short form of a connector lowers to them and only they are executed. They are plain data: what a
//! request looks like, how pages follow each other, never how bytes travel.

use std::collections::BTreeSet;
use std::time::Duration;

use raccord_model::DataTypeName;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::http::{Method, MissingList, RecordsPlace, WaitUnit};
use raccord_model::language::connector::{Compression, FileFormat, MissingCells};
use raccord_model::rate::Rate;
use url::Url;

use super::cursor::{FieldCursor, IncrementalCursor};
use super::template::{BodyTemplate, PathTemplate};
use super::token::TokenCursor;
use crate::select::RecordList;

/// One data type of a source, ready to be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// Local files.
    File(FileStream),
    /// A REST endpoint.
    Http(Box<HttpStream>),
}

impl Stream {
    /// Whether the pages of the data type, or of one of its parents, are asked for by their position: then a record
    /// that comes or goes at the service moves the others from page to page.
    pub fn is_positional(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Http(stream) => {
                let mut at = &**stream;
                while let (false, Some(router)) = (at.paginator.is_by_position(), &at.partition_router) {
                    at = &router.stream;
                }
                at.paginator.is_by_position()
            }
        }
    }

    /// Whether each record of another data type leads to a partition of its own.
    pub const fn has_parent(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Http(stream) => stream.partition_router.is_some(),
        }
    }

    /// How often a window is read at the most until it is clean, the first time included.
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::File(_) => 1,
            Self::Http(stream) => stream.error_handler.attempts,
        }
    }

    /// How only what has changed is asked for; `None` when everything is read every time.
    pub fn cursor(&self) -> Option<&IncrementalCursor> {
        match self {
            Self::File(_) => None,
            Self::Http(stream) => stream.cursor.as_ref(),
        }
    }

    /// The field of the records that says how far a reading came, when it is one.
    pub fn field_cursor(&self) -> Option<&FieldCursor> {
        self.cursor().and_then(IncrementalCursor::field)
    }

    /// The token of the service that says so, when it is one.
    pub fn token_cursor(&self) -> Option<&TokenCursor> {
        self.cursor().and_then(IncrementalCursor::token)
    }

    /// Whether every field of the records is a text, as in a CSV.
    pub fn has_texts_alone(&self) -> bool {
        matches!(self, Self::File(stream) if stream.format == FileFormat::Csv)
    }
}

/// Files that hold one data type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStream {
    /// The data type's name.
    pub data_type: DataTypeName,
    /// A path or glob, relative to the root.
    pub path: String,
    /// How the text is to be read.
    pub format: FileFormat,
    /// The compression; `None` is what the name of each file that matches says.
    pub compression: Option<Compression>,
    /// CSV: the byte between two columns.
    pub delimiter: u8,
    /// The encoding, unless a byte order mark says otherwise.
    pub encoding: &'static encoding_rs::Encoding,
    /// CSV: the columns, when no header line names them.
    pub columns: Vec<String>,
    /// CSV: the byte with which lines begin that are comments.
    pub comment: Option<u8>,
    /// CSV: what a row is that has fewer cells than there are columns.
    pub missing_cells: MissingCells,
    /// JSON: where the records are.
    pub extractor: Extractor,
}

/// A REST endpoint with all that is needed to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpStream {
    /// The data type's name.
    pub data_type: DataTypeName,
    /// What one request looks like.
    pub requester: Requester,
    /// How pages follow each other.
    pub paginator: Paginator,
    /// How many records a page is asked to hold.
    pub page_size: Option<PageSize>,
    /// What says that a page is the last one.
    pub ending: Ending,
    /// How records that continue on the next page are put together.
    pub completion: Option<Completion>,
    /// Where the records are in an answer.
    pub extractor: Extractor,
    /// Where an answer says that something went wrong.
    pub errors: Option<ErrorPlace>,
    /// How only what has changed is asked for.
    pub cursor: Option<IncrementalCursor>,
    /// The records that each lead to a chain of pages.
    pub partition_router: Option<PartitionRouter>,
    /// What is done about failed requests.
    pub error_handler: ErrorHandler,
    /// What is never exceeded.
    pub limits: Limits,
}

/// What one request looks like, before pagination and credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The URL that the path continues; without query, fragment and user information.
    pub url_base: Url,
    /// The path after it.
    pub path: PathTemplate,
    /// The method.
    pub method: Method,
    /// The query parameters, in the order in which they are sent.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case, the data type's own over those of the source.
    pub headers: Vec<(String, String)>,
    /// The JSON body of a POST.
    pub body: Option<BodyTemplate>,
}

/// Where a request takes a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A query parameter.
    Query(String),
    /// A member of the JSON body.
    Body(FieldPath),
}

/// Where an answer holds the next page's URL or cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// A path in the body.
    Body(FieldPath),
    /// A header.
    Header(String),
    /// A path in the last record of the page.
    LastRecord(FieldPath),
}

/// How pages follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paginator {
    /// There is one page.
    NoPagination,
    /// The answer holds the URL of the next page.
    NextUrl(TokenPlace),
    /// The `Link` header (RFC 8288) holds it.
    Link {
        /// The relation that leads to the next page.
        rel: String,
    },
    /// Pages are numbered.
    PageIncrement {
        /// What takes the number.
        param: Target,
        /// The number of the first page.
        from: u64,
    },
    /// Records are skipped.
    OffsetIncrement {
        /// What takes the number of records to skip.
        param: Target,
    },
    /// Each answer holds a cursor to the next.
    CursorPagination {
        /// Where the cursor is.
        cursor: TokenPlace,
        /// What takes it; without one the cursor is an object whose members are all sent back.
        param: Option<Target>,
    },
    /// Each page begins at the greatest value of the incremental field that came so far.
    ByValue,
}

impl Paginator {
    /// Whether pages are asked for by their position: then records that move between two of them may be missed.
    pub const fn is_by_position(&self) -> bool {
        matches!(self, Self::PageIncrement { .. } | Self::OffsetIncrement { .. })
    }
}

/// Where an answer holds a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberPlace {
    /// A path in the body.
    Body(FieldPath),
    /// A header, in lower case.
    Header(String),
}

/// A boolean that says whether there are more pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoreFlag {
    /// Where it is in the body.
    pub path: FieldPath,
    /// What it is while there are more: true for `while`, false for `until`.
    pub more_when: bool,
}

/// What says whether a page is the last one, beside the way to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// The number of all records.
    pub total: Option<NumberPlace>,
    /// The number of all pages.
    pub pages: Option<NumberPlace>,
    /// Whether there are more pages.
    pub more: Option<MoreFlag>,
    /// What is answered beyond the last page.
    pub statuses: BTreeSet<u16>,
}

/// How records that continue on the next page are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Where the mark is that ends them.
    pub path: FieldPath,
    /// The field of a record by which its parts are known.
    pub key: FieldPath,
}

/// Where an answer says that something went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPlace {
    /// The path in the body.
    pub path: FieldPath,
    /// Whether the answer is asked for again.
    pub retry: bool,
    /// The path of the message in the body.
    pub message: Option<FieldPath>,
}

/// How many records a page is asked to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSize {
    /// What takes the number.
    pub param: Target,
    /// The number.
    pub size: u64,
}

/// Where the records are in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extractor {
    /// The path of the outermost list, or of the object.
    pub records: FieldPath,
    /// The paths of the lists in the elements of the list before.
    pub inner: Vec<FieldPath>,
    /// Whether an object stands there whose members are the records.
    pub members: bool,
    /// Whether an answer without it has no records, instead of being wrong.
    pub may_be_missing: bool,
}

impl Extractor {
    /// Where the settings say that records are.
    pub(super) fn of(place: &RecordsPlace) -> Self {
        let (records, inner) = place.lists();
        Self {
            records: records.clone(),
            inner: inner.to_vec(),
            members: place.members.is_some(),
            may_be_missing: place.missing == MissingList::Empty,
        }
    }

    /// What splits the list into records.
    pub fn list(&self) -> RecordList {
        RecordList::new(&self.inner, self.members, self.may_be_missing)
    }
}

/// The records that each lead to a chain of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRouter {
    /// The data type that they are of.
    pub parent: DataTypeName,
    /// What tells one of them from another.
    pub key: FieldPath,
    /// The statuses with which the children of one may be refused without the reading being incomplete.
    pub skip: BTreeSet<u16>,
    /// How that is read.
    pub stream: Box<HttpStream>,
}

/// What is done about failed requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorHandler {
    /// How many requests at the most, the first one included.
    pub attempts: u32,
    /// Where the service says how long to wait.
    pub wait: WaitPlace,
    /// The longest single wait.
    pub max_wait: Duration,
}

/// Where a service says how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitPlace {
    /// A header: a number in the unit, or an HTTP date.
    Header(String, WaitUnit),
    /// A number in the body.
    Body(FieldPath, WaitUnit),
}

/// What is never exceeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long one request may take.
    pub timeout: Duration,
    /// The largest answer in bytes, after decompression.
    pub max_body: u64,
    /// The most pages of the data type in one run.
    pub max_pages: u64,
    /// The most requests in a period, for the whole source.
    pub rate_limit: Option<Rate>,
    /// Other origins that may be followed to, in their ASCII form and without credentials.
    pub allowed_origins: BTreeSet<String>,
    /// Whether a URL of any other origin is asked for at our own.
    pub keeps_origin: bool,
}
