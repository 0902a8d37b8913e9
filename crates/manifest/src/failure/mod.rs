//! How an answer, or its absence, is judged: taken, ignored, tried again, or a failure; and how long to wait before the
//! next attempt. These are decisions: nothing here sends, sleeps or reads a clock.

mod filter;
mod message;
mod standard;
mod tries;
mod wait;

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::Json;
use crate::component::{Component, Problem};
use crate::error::{FailureKind, ReadError};
use crate::paginate::header_variable;
use crate::template::Context;
use crate::transport::{Response, TransportError};

use filter::ResponseFilter;
pub use tries::{Tries, Wait};
use wait::Strategy;

/// What is done with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is taken.
    Success,
    /// It is a failure.
    Fail,
    /// The request is sent again.
    Retry,
    /// It is taken, whatever its status.
    Ignore,
    /// The pages are read again from the first.
    ResetPagination,
    /// The request is sent again, for the service asks for patience.
    RateLimited,
    /// The access token is replaced, and the request is sent again.
    RefreshThenRetry,
    /// The page is asked for again, smaller.
    ReducePageSize,
    /// The slice is read in smaller parts.
    SplitWindow,
}

/// How an answer is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is done.
    pub action: Action,
    /// Whose failure it is, if it is one.
    pub failure: FailureKind,
    /// What the manifest, the rules or the service say of it.
    pub message: Option<String>,
}

/// An answer, or why there is none, and what of it was looked into already.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The answer.
    pub answer: Result<&'a Response, &'a TransportError>,
    /// The URL without query and credentials.
    pub url: &'a str,
    body: OnceCell<Json>,
}

/// An error handler, compiled.
#[derive(Debug)]
pub enum ErrorHandler {
    /// Rules in their order, then the standard ones.
    Default(DefaultHandler),
    /// Several handlers, in their order.
    Composite(Vec<ErrorHandler>),
}

/// A `DefaultErrorHandler`.
#[derive(Debug)]
pub struct DefaultHandler {
    filters: Vec<ResponseFilter>,
    strategies: Vec<Strategy>,
    max_retries: u32,
}

/// How often a request is sent again where nothing else is said.
const MAX_RETRIES: u32 = 5;

impl<'a> Seen<'a> {
    /// An answer to a request to this URL.
    pub fn new(answer: Result<&'a Response, &'a TransportError>, url: &'a str) -> Self {
        Self { answer, url, body: OnceCell::new() }
    }

    /// The body as JSON; an empty object where it is none.
    fn body(&self) -> &Json {
        self.body.get_or_init(|| {
            let body = self.answer.ok().and_then(|answer| serde_json::from_slice(&answer.body).ok());
            Arc::new(body.unwrap_or_else(|| Value::Object(Map::new())))
        })
    }

    /// What templates know of an answer: `response`, `headers`, `request_url`.
    fn context(&self, outer: &Context) -> Context {
        let headers = self.answer.map_or(&[][..], |answer| answer.headers.as_slice());
        outer
            .with("response", self.body())
            .with("headers", &header_variable(headers))
            .with("request_url", &Arc::new(Value::from(self.url)))
    }
}

impl ErrorHandler {
    /// The handler that a component describes; the standard one where there is none.
    ///
    /// # Errors
    /// When it is wrong, or cannot be used here.
    pub fn new(component: Option<&Component>, config: &Context) -> Result<Self, Problem> {
        let Some(component) = component else {
            let handler =
                DefaultHandler { filters: Vec::new(), strategies: Vec::new(), max_retries: MAX_RETRIES };
            return Ok(Self::Default(handler));
        };
        match component.kind() {
            "DefaultErrorHandler" => DefaultHandler::new(component, config).map(Self::Default),
            "CompositeErrorHandler" => {
                let handlers = component.children("error_handlers");
                if handlers.is_empty() {
                    return Err(component.invalid("error_handlers", "it is empty"));
                }
                let handler = |handler: &Component| Self::new(Some(handler), config);
                Ok(Self::Composite(handlers.iter().map(handler).collect::<Result<_, _>>()?))
            }
            _ => Err(component.unsupported()),
        }
    }

    /// How often a request is sent again at most.
    pub fn max_retries(&self) -> u32 {
        match self {
            Self::Default(handler) => handler.max_retries,
            Self::Composite(handlers) => handlers.first().map_or(MAX_RETRIES, Self::max_retries),
        }
    }

    /// How an answer is judged. The context knows the config.
    ///
    /// # Errors
    /// When a template has no value.
    pub fn verdict(&self, seen: &Seen<'_>, config: &Context) -> Result<Verdict, ReadError> {
        match self {
            Self::Default(handler) => handler.verdict(seen, config),
            Self::Composite(handlers) => {
                let mut last = None;
                for handler in handlers {
                    let verdict = handler.verdict(seen, config)?;
                    let is_final = !matches!(
                        verdict.action,
                        Action::Fail | Action::RateLimited | Action::RefreshThenRetry
                    );
                    if is_final {
                        return Ok(verdict);
                    }
                    last = Some(verdict);
                }
                Ok(last.unwrap_or_else(|| standard::verdict(seen)))
            }
        }
    }

    /// The wait in seconds that the manifest asks for before the next attempt; none where the standard one counts.
    /// `attempt` is 1 after the first. `now` is in seconds since 1970; `random` is a number from 0 up to 1.
    ///
    /// # Errors
    /// When the service asks for a longer wait than the manifest allows, or a template has no value.
    pub fn wait(&self, seen: &Seen<'_>, at: Moment<'_>) -> Result<Option<f64>, ReadError> {
        for strategy in self.strategies() {
            if let Some(seconds) = strategy.wait(seen, at)?.filter(|seconds| *seconds != 0.0) {
                return Ok(Some(seconds));
            }
        }
        Ok(None)
    }

    fn strategies(&self) -> Vec<&Strategy> {
        match self {
            Self::Default(handler) => handler.strategies.iter().collect(),
            Self::Composite(handlers) => handlers.iter().flat_map(Self::strategies).collect(),
        }
    }
}

/// When a wait is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Knows the config.
    pub config: &'a Context,
    /// How often the request was sent so far.
    pub attempt: u32,
    /// Seconds since 1970.
    pub now: f64,
    /// A number from 0 up to 1.
    pub random: f64,
}

impl DefaultHandler {
    fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let max_retries = match component.template("max_retries")? {
            None => MAX_RETRIES,
            Some(template) => {
                let value =
                    template.value(config).map_err(|error| component.invalid("max_retries", error))?;
                let number = match &value {
                    Value::String(text) => text.trim().parse().ok(),
                    other => other.as_i64(),
                };
                let number =
                    number.ok_or_else(|| component.invalid("max_retries", "an integer is expected"))?;
                u32::try_from(number).unwrap_or(0)
            }
        };
        let filters = component.children("response_filters");
        let strategies = component.children("backoff_strategies");
        Ok(Self {
            filters: filters.iter().map(ResponseFilter::new).collect::<Result<_, _>>()?,
            strategies: strategies.iter().map(|it| Strategy::new(it, config)).collect::<Result<_, _>>()?,
            max_retries,
        })
    }

    fn verdict(&self, seen: &Seen<'_>, config: &Context) -> Result<Verdict, ReadError> {
        for filter in &self.filters {
            if let Some(verdict) = filter.verdict(seen, config)? {
                return Ok(verdict);
            }
        }
        Ok(standard::verdict(seen))
    }
}

/// What a service says of its error, where its body is JSON with a usual name for that.
pub fn message_of(answer: &Response) -> Option<String> {
    message::message(answer)
}

#[cfg(test)]
mod tests;
