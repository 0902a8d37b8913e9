//! One exchange with the service: what is asked for a page, how an answer is judged, and which records it holds. These
//! are the ports between what drives a reading (slices and pages) and what knows requests and bodies; nothing here does
//! either.

use std::fmt;

use serde_json::{Map, Value};

use crate::Json;
use crate::error::ReadError;
use crate::record::Record;
use crate::slice::Slice;
use crate::template::Context;
use crate::transport::{Async, Response};

/// Where a request carries something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In its query: `request_parameter`.
    Parameter,
    /// In its headers: `header`.
    Header,
    /// In the form that is its body: `body_data`.
    Form,
    /// In the JSON object that is its body: `body_json`.
    Json,
}

/// What paginator, partition, cursor and authenticator add to a request. Its `Debug` shows names alone.
#[derive(Clone, Default, PartialEq)]
pub struct Additions {
    /// The parameters of its query.
    pub parameters: Map<String, Value>,
    /// Its headers.
    pub headers: Map<String, Value>,
    /// The members of the form that is its body.
    pub form: Map<String, Value>,
    /// The members of the JSON object that is its body.
    pub json: Map<String, Value>,
}

/// What is asked for one page.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The slice that the page belongs to.
    pub slice: &'a Slice,
    /// The token of the page; none for the first one.
    pub token: Option<&'a Value>,
    /// Instead of the path that the requester has: an absolute URL or a path.
    pub path: Option<&'a str>,
    /// What is added to what the requester asks.
    pub additions: &'a Additions,
}

/// How an answer is judged once all retries are done.
#[derive(Debug)]
pub enum Outcome {
    /// It is taken as it is.
    Answer(Response),
    /// It is ignored: `IGNORE`. Where its status is an error, it holds no records and ends the pages.
    Ignored(Response),
    /// The pages are to be read again from the first: `RESET_PAGINATION`.
    ResetPagination,
    /// The same page is to be asked again, smaller: `REDUCE_PAGE_SIZE`, with what the manifest says of it.
    ReducePageSize(Option<String>),
    /// The slice is to be read in smaller parts: `SPLIT_REQUEST_WINDOW`, with what the manifest says of it.
    SplitWindow(Option<String>),
}

/// What was asked for and not answered with records, because the manifest ignores such an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The stream whose records it would have been.
    pub stream: String,
    /// The status of the answer.
    pub status: u16,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a request of the stream `{}` was answered {}", self.stream, self.status)
    }
}

/// What the answers of a requester are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Pages of records.
    Pages,
    /// Pages of records that name partitions of another stream.
    ParentPages,
    /// How something stands now: the status of a job, a login.
    Status,
}

/// Sends the request of a page, retries included: what a manifest calls a requester.
pub trait Requester: Send + Sync {
    /// Asks for a page. The context knows the config alone.
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Async<'a, Result<Outcome, ReadError>>;
}

/// The records of an answer.
#[derive(Debug, Default)]
pub struct Selected {
    /// Those that remain after filter, transformations and normalization.
    pub records: Vec<Record>,
    /// How many the extractor found.
    pub extracted: usize,
    /// Whether the whole answer was read, and is JSON. `false` says nothing.
    pub is_json: bool,
    /// What stood where they were looked for.
    pub answer_kind: AnswerKind,
}

/// What stands in an answer where its records were looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AnswerKind {
    /// A list, or whatever else may hold any number of them.
    #[default]
    List,
    /// An object, which is one record.
    One,
    /// Nothing, as the status of the answer says.
    Empty,
    /// Nothing, or null, in the words of half a sentence: an empty list may have been left out, and so may all records.
    Missing(String),
    /// What is no answer to what was asked, in the words of half a sentence.
    Wrong(String),
}

/// Where a complaint is looked for in an answer.
#[derive(Debug, Clone, Copy)]
pub struct ComplaintContext<'a> {
    /// What stands where the records were looked for.
    pub beside: Beside,
    /// The member in which they were looked for; none where it is the whole.
    pub member: Option<&'a str>,
}

/// What stands where the records were looked for, besides what may say that the request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// No list.
    Nothing,
    /// A list without records.
    EmptyList,
    /// An object, which is taken for a record.
    OneRecord,
    /// Records.
    Records,
}

/// Knows how services say in an answer with a status of success that a request failed.
pub trait Complaints: Send + Sync {
    /// What a body of JSON says went wrong, in its own words; none where it says nothing of the kind.
    fn find(&self, body: &[u8], context: ComplaintContext<'_>) -> Option<String>;
}

/// Finds the records in an answer: decoder, extractor, filter, transformations and normalization.
pub trait Selector: Send + Sync {
    /// The records of an answer.
    ///
    /// # Errors
    /// When the answer is not what the manifest says it is.
    fn select(&self, answer: &Response, slice: &Slice, token: Option<&Value>) -> Result<Selected, ReadError>;

    /// What templates of the paginator know as `response`: the first value that the decoder finds. Of an object it needs
    /// no more than the members that are named, if any are. `is_json` is what is known from the [`Selected`] of the answer.
    fn variable(&self, answer: &Response, is_json: bool, members: Option<&[String]>) -> Json;
}

impl fmt::Debug for Additions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |members: &Map<String, Value>| members.keys().cloned().collect::<Vec<_>>();
        f.debug_struct("Additions")
            .field("parameters", &names(&self.parameters))
            .field("headers", &names(&self.headers))
            .field("form", &names(&self.form))
            .field("json", &names(&self.json))
            .finish()
    }
}

impl Ask<'_> {
    /// A context that knows slice and token.
    pub fn context(&self, outer: &Context) -> Context {
        self.slice.context(outer).with("next_page_token", &token_variable(self.token))
    }
}

/// What templates know as `next_page_token`: null on the first page.
pub fn token_variable(token: Option<&Value>) -> Json {
    let member =
        |token: &Value| Value::Object(crate::object([("next_page_token".to_owned(), token.clone())]));
    Json::new(token.map_or(Value::Null, member))
}
