//! A stream, made of its components: what reading it needs. It remembers nothing of a reading, so that one stream can be
//! read many times, at the same time too.

mod delegate;
mod jobs;
mod properties;
mod retrieval;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::component::{Component, Problem};
use crate::cursor::{CountRule, DatetimeRule, Migration};
use crate::error::ReadError;
use crate::exchange::{Additions, Requester, Role, Selector};
use crate::partition::Router;
use crate::read::Reading;
use crate::select;
use crate::slice::Slice;
use crate::template::Context;
use crate::transport::Transport;

pub(crate) use jobs::{JobRetrieval, JobStatus, MOST_ATTEMPTS, POLL_WAIT, TIMEOUT_MINUTES};
pub(crate) use properties::{
    Endpoint, Properties, Source, member as properties_member, merge as merge_members,
};
pub(crate) use retrieval::{KnownRecords, PageRetrieval, SliceOn};

use delegate::Delegation;

/// A stream that can be read.
pub struct Stream {
    name: String,
    retrieval: Retrieval,
    router: Option<Router>,
    cursor: CursorRule,
    migrations: Vec<Migration>,
    delegation: Option<Delegation>,
    context: Context,
    transport: Arc<dyn Transport>,
}

/// How the records of a slice are got.
pub(crate) enum Retrieval {
    /// Page by page: `SimpleRetriever`.
    Pages(Box<PageRetrieval>),
    /// By a job of the service: `AsyncRetriever`.
    Jobs(Box<JobRetrieval>),
}

/// What says how far a stream is read.
#[derive(Debug)]
pub enum CursorRule {
    /// Nothing: it is read from the start each time.
    None,
    /// A date of its records.
    Dates(Box<DatetimeRule>),
    /// A number of its records.
    Count(CountRule),
}

/// Makes the parts of a stream that know requests and bodies.
pub trait Parts {
    /// A requester of a stream.
    ///
    /// # Errors
    /// When a component of it is wrong or not known.
    fn requester(&self, component: &Component, within: Use<'_>) -> Result<Arc<dyn Requester>, Problem>;

    /// A selector of a stream.
    ///
    /// # Errors
    /// When a component of it is wrong or not known.
    fn selector(&self, parts: select::Parts<'_>) -> Result<Arc<dyn Selector>, Problem>;
}

/// What a requester is for.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// The stream that it reads.
    pub stream: &'a str,
    /// What its answers are.
    pub role: Role,
}

/// What streams are made with.
pub struct Builder<'a> {
    /// Makes requesters and selectors.
    pub parts: &'a dyn Parts,
    /// A context that knows the config, as paginators need it.
    pub config: crate::Json,
    /// A context that knows config and clock.
    pub context: Context,
    /// Waits, and tells the time.
    pub transport: Arc<dyn Transport>,
    /// What the answers of their requesters are.
    pub role: Role,
}

impl Builder<'_> {
    /// The same for streams whose records name partitions of another one.
    pub(crate) fn of_parents(&self) -> Self {
        let (config, context) = (self.config.clone(), self.context.clone());
        Self {
            parts: self.parts,
            config,
            context,
            transport: self.transport.clone(),
            role: Role::ParentPages,
        }
    }

    /// What a requester of a stream is for.
    fn within<'a>(&self, stream: &'a str) -> Use<'a> {
        Use { stream, role: self.role }
    }

    /// The stream that a component is.
    ///
    /// # Errors
    /// When a component of it is wrong or not known.
    pub fn stream(&self, component: &Component) -> Result<Arc<Stream>, Problem> {
        match component.kind() {
            "StateDelegatingStream" => delegate::build(component, self).map(Arc::new),
            _ => Stream::build(component, self).map(Arc::new),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Stream {
    fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        if component.kind() != "DeclarativeStream" {
            return Err(component.unsupported());
        }
        if let Some(uploader) = component.child("file_uploader") {
            return Err(uploader.unsupported());
        }
        let retriever = component.required("retriever", component.child("retriever"))?;
        let name = component.str("name").unwrap_or_default().to_owned();
        let router = Router::of_retriever(&retriever, builder)?;
        let retrieval = match retriever.kind() {
            "SimpleRetriever" => {
                PageRetrieval::build(&retriever, component, builder).map(Box::new).map(Retrieval::Pages)?
            }
            "AsyncRetriever" => {
                JobRetrieval::build(&retriever, component, builder).map(Box::new).map(Retrieval::Jobs)?
            }
            _ => return Err(retriever.unsupported()),
        };
        let cursor = CursorRule::build(component, router.is_some())?;
        if is_lazy(router.as_ref()) {
            refuse_lazy(&retriever, &cursor)?;
        }
        Ok(Self {
            retrieval,
            cursor,
            router,
            migrations: Migration::of_stream(component)?,
            delegation: None,
            context: builder.context.clone(),
            transport: builder.transport.clone(),
            name,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Begins to read it where a state says, or from the start.
    ///
    /// # Errors
    /// When the state cannot be used, or a template has no value.
    pub fn read(self: &Arc<Self>, state: Option<&Value>) -> Result<Reading, ReadError> {
        match &self.delegation {
            Some(delegation) if delegation.applies(self, state)? => delegation.full().read(None),
            _ => Reading::begin(self.clone(), state),
        }
    }

    /// The member of records that its cursor reads.
    ///
    /// # Errors
    /// When the template of its name has no value.
    pub fn cursor_field(&self, context: &Context) -> Result<Option<String>, ReadError> {
        match &self.cursor {
            CursorRule::None => Ok(None),
            CursorRule::Dates(rule) => rule.field(context).map(Some),
            CursorRule::Count(rule) => rule.field(context).map(Some),
        }
    }

    /// What a request carries of a slice.
    ///
    /// # Errors
    /// When a template has no value.
    pub(crate) fn slice_additions(&self, slice: &Slice) -> Result<Additions, ReadError> {
        let context = self.context();
        let mut additions = match &self.router {
            None => Additions::default(),
            Some(router) => router.additions(slice, &context)?,
        };
        match &self.cursor {
            CursorRule::None => {}
            CursorRule::Dates(rule) => additions.overlay(rule.additions(slice, &context)?),
            CursorRule::Count(rule) => additions.overlay(rule.additions(slice, &context)?),
        }
        Ok(additions)
    }

    /// Whether first pages stand in the records of parents.
    pub(crate) fn is_lazy(&self) -> bool {
        is_lazy(self.router.as_ref())
    }

    pub(crate) fn context(&self) -> Context {
        self.context.clone()
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.transport.now()
    }

    pub(crate) fn retrieval(&self) -> &Retrieval {
        &self.retrieval
    }

    pub(crate) fn router(&self) -> Option<&Router> {
        self.router.as_ref()
    }

    pub(crate) fn cursor(&self) -> &CursorRule {
        &self.cursor
    }

    pub(crate) fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        self.transport.as_ref()
    }
}

/// Whether first pages stand in the records of parents.
fn is_lazy(router: Option<&Router>) -> bool {
    matches!(router, Some(Router::Substream(substream)) if substream.is_lazy())
}

/// Refuses what makes no sense where the first page of a partition stands in a parent's record.
fn refuse_lazy(retriever: &Component, cursor: &CursorRule) -> Result<(), Problem> {
    let why = "first pages that stand in a parent's record (`lazy_read_pointer`) exclude it";
    if matches!(cursor, CursorRule::Dates(rule) if rule.is_stepped()) {
        return Err(retriever
            .invalid("partition_router", "a cursor with `step` and `lazy_read_pointer` exclude each other"));
    }
    for name in ["page_size_reduction", "request_window_splitting"] {
        if retriever.get(name).is_some() {
            return Err(retriever.invalid(name, why));
        }
    }
    match retriever.child("decoder") {
        Some(decoder) if decoder.kind() != "JsonDecoder" => Err(retriever.invalid("decoder", why)),
        _ => Ok(()),
    }
}

impl CursorRule {
    fn build(stream: &Component, has_partitions: bool) -> Result<Self, Problem> {
        let Some(component) = stream.child("incremental_sync") else { return Ok(Self::None) };
        match component.kind() {
            "DatetimeBasedCursor" => DatetimeRule::build(&component).map(|rule| Self::Dates(Box::new(rule))),
            "IncrementingCountCursor" if has_partitions => {
                Err(component.invalid("", "a counting cursor and partitions exclude each other"))
            }
            "IncrementingCountCursor" => CountRule::build(&component).map(Self::Count),
            _ => Err(component.unsupported()),
        }
    }
}
