//! The components of a stream of the connector `http`, under the names of Airbyte's low-code language.
//!
//! The short form of a connector lowers to them and only they are executed. They are plain data: what a
//! request looks like, how pages follow each other, never how bytes travel.

use std::collections::BTreeSet;
use std::time::Duration;

use raccord_model::DataTypeName;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::RecordFormat;
use raccord_model::language::connector::http::{Method, WaitUnit};
use raccord_model::port::records::Page;
use raccord_model::rate::Rate;
use serde_json::Value;
use url::Url;

use super::graphql::{self, GraphQlBody};
use super::remarks;
use crate::connector::cursor::IncrementalCursor;
use crate::connector::decode::Decoder;
use crate::connector::records::Extractor;
use crate::connector::stream::Component;
use crate::connector::template::{BodyTemplate, PathTemplate, Target};

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
    /// How an answer becomes records, where it is no JSON.
    pub decoder: Option<Decoder>,
    /// Where an answer says that something went wrong.
    pub errors: Option<ErrorPlace>,
    /// How only what has changed is asked for.
    pub cursor: Option<IncrementalCursor>,
    /// What leads to a chain of pages each.
    pub partition_router: Option<PartitionRouter>,
    /// What is done about failed requests.
    pub error_handler: ErrorHandler,
    /// What is never exceeded.
    pub limits: Limits,
}

impl HttpStream {
    /// Whether it is asked for in GraphQL.
    pub const fn is_graphql(&self) -> bool {
        matches!(self.requester.body, Some(RequestBody::GraphQl(_)))
    }

    /// The data type whose records lead to partitions of this one.
    pub fn above(&self) -> Option<&Self> {
        self.partition_router.as_ref().and_then(PartitionRouter::above)
    }
}

impl Component for HttpStream {
    fn is_positional(&self) -> bool {
        let mut at = self;
        while let (false, Some(above)) = (at.paginator.is_by_position(), at.above()) {
            at = above;
        }
        at.paginator.is_by_position()
    }

    fn has_parent(&self) -> bool {
        self.partition_router.is_some()
    }

    fn attempts(&self) -> u32 {
        self.error_handler.attempts
    }

    fn cursor(&self) -> Option<&IncrementalCursor> {
        self.cursor.as_ref()
    }

    fn has_texts_alone(&self) -> bool {
        self.decoder.as_ref().is_some_and(|decoder| decoder.format == RecordFormat::Csv)
    }

    fn remarks(&self, page: &Page) -> Vec<String> {
        remarks::of(self, page)
    }
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
    /// The body of a POST.
    pub body: Option<RequestBody>,
}

impl Requester {
    /// The fields of the parent record that a request takes: those of the path, in the order in which it takes them, and behind
    /// them those of the body.
    pub fn parent_fields(&self) -> Vec<FieldPath> {
        let in_body = self.body.iter().flat_map(|body| body.template().parent_fields());
        self.path.fields().cloned().chain(in_body).collect()
    }
}

/// The body of a request, always JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// What the settings say.
    Json(BodyTemplate),
    /// A query in GraphQL and its variables.
    GraphQl(GraphQlBody),
}

impl RequestBody {
    /// The part of it in which names may stand.
    const fn template(&self) -> &BodyTemplate {
        match self {
            Self::Json(template) => template,
            Self::GraphQl(body) => &body.variables,
        }
    }

    /// The names that it takes, or what is wrong with one of its texts.
    pub(super) fn names(&self) -> Result<Vec<String>, String> {
        self.template().names()
    }

    /// Where those names stand in the settings of a data type.
    pub(super) const fn place(&self) -> &'static [&'static str] {
        match self {
            Self::Json(_) => &["body"],
            Self::GraphQl(_) => &graphql::VARIABLES,
        }
    }

    /// The body of one request.
    pub fn render(&self, value_of: &dyn Fn(&str) -> Option<Value>) -> Value {
        match self {
            Self::Json(template) => template.render(value_of),
            Self::GraphQl(body) => body.render(value_of),
        }
    }
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
    NoPagination {
        /// Whether `pagination: none` says so: then an answer is whole, whatever in it looks as if there were more.
        is_declared: bool,
    },
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
        /// What it is for the first page: 0, or 1 where the records are counted from 1.
        from: u64,
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
    /// Whether `total: none` says that nothing in an answer counts the records, whatever looks like it.
    pub is_uncounted: bool,
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

/// What leads to a chain of pages each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionRouter {
    /// The records of another data type.
    Parents(ParentRouter),
    /// All combinations of values that the settings list.
    List(ListRouter),
}

impl PartitionRouter {
    /// The statuses with which a partition may be refused without the reading being incomplete.
    pub fn skips(&self, status: u16) -> bool {
        match self {
            Self::Parents(router) => router.skip.contains(&status),
            Self::List(_) => false,
        }
    }

    /// The data type whose records lead to them.
    pub fn above(&self) -> Option<&HttpStream> {
        match self {
            Self::Parents(router) => Some(&router.stream),
            Self::List(_) => None,
        }
    }

    /// The names by which a request takes the values of a list.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Parents(_) => &[],
            Self::List(router) => &router.names,
        }
    }
}

/// The records that each lead to a chain of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentRouter {
    /// The data type that they are of.
    pub parent: DataTypeName,
    /// What tells one of them from another.
    pub key: FieldPath,
    /// The statuses with which the children of one may be refused without the reading being incomplete.
    pub skip: BTreeSet<u16>,
    /// How that is read.
    pub stream: Box<HttpStream>,
}

/// The values that each lead to a chain of pages, in all their combinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRouter {
    /// What they are called.
    pub names: Vec<String>,
    /// One of each name, in the order of the names.
    pub combinations: Vec<Vec<String>>,
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
