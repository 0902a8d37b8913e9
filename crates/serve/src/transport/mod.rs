//! How a request reaches the owner of the state: a local socket here, HTTP beside it.
//!
//! Both carry the same lines of JSON: one question, then parts of the answer until its end. Nothing here decides
//! what the answer is.

pub mod socket;

use raccord_model::port::Async;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::dispatch::Dispatcher;
use crate::failure::Failure;
use crate::reply::Replies;
use crate::request::{Reply, Request};

/// The version of what travels. Another one is refused in words instead of misread.
pub const PROTOCOL: u32 = 1;

/// The largest request: room for a configuration of about 200,000 resources.
pub const MAX_REQUEST: usize = 128 * 1024 * 1024;

/// The first line of a connection: what is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// [`PROTOCOL`] of the caller.
    pub protocol: u32,
    /// The version of the program that asks.
    pub version: String,
    /// Who asks, as generations and the audit log name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What is asked.
    pub request: Request,
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// A part of the answer.
    Reply(Box<Reply>),
    /// There is no answer, or no more of it.
    Failed(Failure),
    /// The answer is complete.
    Done,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As generations and the audit log name them; `None` leaves it to what the request says.
    pub name: Option<String>,
    /// Over which way.
    pub way: Way,
}

/// Over which way a caller asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The same user on the same machine.
    Local,
    /// With a token, over HTTP.
    Http,
}

impl Caller {
    /// The same user on the same machine.
    pub const fn local() -> Self {
        Self { name: None, way: Way::Local }
    }
}

/// The owner of the state, which answers.
pub trait Answering: Send + Sync {
    /// Answers a request, part by part. `stop` becomes true when the caller asks for an early end.
    fn answer<'a>(
        &'a self,
        request: Request,
        caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>>;
}

impl Answering for Dispatcher {
    fn answer<'a>(
        &'a self,
        request: Request,
        _caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move { self.handle(request, stop, replies).await.map_err(Failure::from) })
    }
}
