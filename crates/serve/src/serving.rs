//! What the HTTP server asks of the owner of a state beside requests: whether it is ready, its metrics, and to take deliveries. It
//! knows nothing of connections, routes or answers.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use raccord_model::port::Async;
use raccord_model::{DataTypeName, Name};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use crate::transport::Answering;

/// The owner of the state, as HTTP needs it.
pub trait Serving: Answering {
    /// Counts what has changed: a run has come further or ended, another generation is in force. The pages that are open
    /// look again then.
    fn changes(&self) -> watch::Receiver<u64>;
    /// Which daemon works, in words, when this one stands by and changes nothing.
    fn stands_by(&self) -> Option<String> {
        None
    }
    /// Whether it is ready, and what is not as it should be.
    fn readiness(&self) -> Readiness;
    /// Metrics as Prometheus reads them.
    fn metrics(&self) -> Async<'_, String>;
    /// How many bytes a delivery may have to whichever source allows the most: so many are read of every one, so that
    /// no sender learns which source is there.
    fn largest_push(&self) -> usize;
    /// Looks at the head of a delivery before its body is read, and refuses what cannot be proved any more.
    fn admit(&self, head: &PushHead<'_>) -> Result<(), Received>;
    /// Hears of a delivery that was refused before its body was read, because it is larger than it may be.
    fn push_was_too_large(&self, source: &Name, peer: IpAddr);
    /// Takes a webhook delivery. When it is [`Received::Accepted`], it is durable.
    fn receive(&self, push: Push) -> Async<'_, Received>;
}

/// Whether the daemon is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether it answers and runs what is due.
    pub ready: bool,
    /// What is not as it should be, in words: the last configuration is bad, an integration is disabled. With
    /// `?strict` anything here makes it not ready. Only for callers with a token that has the role read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// A webhook delivery of which nothing but the head has come.
#[derive(Debug, Clone, Copy)]
pub struct PushHead<'p> {
    /// The stack that the URL names.
    pub stack: &'p Name,
    /// The source that the URL names.
    pub source: &'p Name,
    /// The headers.
    pub headers: &'p HeaderMap,
    /// The query of the URL.
    pub query: Option<&'p str>,
    /// Who sends it.
    pub peer: IpAddr,
}

/// A webhook delivery as it came.
#[derive(Debug, Clone)]
pub struct Push {
    /// The stack that the URL names.
    pub stack: Name,
    /// The source that the URL names.
    pub source: Name,
    /// The data type, when the URL names it.
    pub data_type: Option<DataTypeName>,
    /// The event, when the URL names it.
    pub event: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The query of the URL, which may hold a key and is written nowhere.
    pub query: Option<String>,
    /// The body, exactly as it came: signatures are over its bytes.
    pub body: Bytes,
    /// Who sent it.
    pub peer: IpAddr,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is durable.
    Accepted,
    /// It was durable already.
    Replayed,
    /// It is genuine, and nothing wants it.
    Ignored,
    /// It is not genuine, or there is no such place: the sender learns nothing.
    Refused,
    /// It is genuine, and cannot be read: it is not kept.
    Unreadable,
    /// It is larger than its source allows.
    TooLarge,
    /// Its source has sent too many.
    TooMany {
        /// When to come back.
        retry_after: Duration,
    },
    /// It could not be made durable; it is to be sent again.
    Unavailable,
}
