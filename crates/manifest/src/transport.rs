//! The port through which a reading reaches the world: requests, waits, the clock, randomness. It has no implementation
//! here but for tests.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

/// A future that is sent between threads.
pub type Async<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends requests, waits and tells the time.
pub trait Transport: Send + Sync {
    /// Sends a request once and follows redirects. Every status is an answer.
    fn send(&self, request: Request) -> Async<'_, Result<Response, TransportError>>;
    /// Waits.
    fn sleep(&self, duration: Duration) -> Async<'_, ()>;
    /// The wall-clock time; `RACCORD_NOW` may freeze it.
    fn now(&self) -> jiff::Timestamp;
    /// A number from 0 up to 1.
    fn random(&self) -> f64;
}

/// A request, credentials included.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`…
    pub method: String,
    /// The whole URL with its query.
    pub url: String,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names as they came, and values; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The whole body, its content encoding removed.
    pub body: Bytes,
}

/// Why there is no answer. It holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The service could not be reached, or broke off. Another attempt may succeed.
    #[error("{0}")]
    Unreachable(String),
    /// The request cannot be sent, or its answer is beyond a limit.
    #[error("{0}")]
    Refused(String),
}

impl std::fmt::Debug for Request {
    /// Without query, headers and body: they may hold credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("Request").field("method", &self.method).field("url", &url).finish_non_exhaustive()
    }
}
