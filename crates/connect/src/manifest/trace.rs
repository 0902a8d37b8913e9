//! A way to the service that tells of every request and answer. What is masked is in none of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raccord_manifest::service::Masks;
use raccord_manifest::transport::{Async, Request, Response, Transport, TransportError};

/// How much of a body is told, in bytes.
const MAX_BODY: usize = 2_000;

/// Hears what is told, a line at a time.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Tells what passes over another transport.
pub(super) struct Traced {
    inner: Arc<dyn Transport>,
    masks: Masks,
    tell: Tell,
}

impl Traced {
    pub(super) fn new(inner: Arc<dyn Transport>, masks: Masks, tell: Tell) -> Self {
        Self { inner, masks, tell }
    }

    fn say(&self, mark: &str, text: &str) {
        for line in self.masks.mask(text).lines() {
            (self.tell)(&format!("{mark} {line}"));
        }
    }

    fn headers(&self, mark: &str, headers: &[(String, String)]) {
        for (name, value) in headers {
            self.say(mark, &format!("{name}: {value}"));
        }
    }

    fn body(&self, mark: &str, body: &Bytes) {
        let shown = String::from_utf8_lossy(body.get(..MAX_BODY).unwrap_or(body));
        self.say(mark, &shown);
        if body.len() > MAX_BODY {
            self.say(mark, &format!("… {} bytes in all", body.len()));
        }
    }
}

impl Transport for Traced {
    fn send(&self, request: Request) -> Async<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            self.say(">", &format!("{} {}", request.method, request.url));
            self.headers(">", &request.headers);
            if let Some(body) = &request.body {
                self.body(">", body);
            }
            let answer = self.inner.send(request).await;
            match &answer {
                Ok(response) => {
                    self.say("<", &response.status.to_string());
                    self.headers("<", &response.headers);
                    self.body("<", &response.body);
                }
                Err(error) => self.say("<", &error.to_string()),
            }
            answer
        })
    }

    fn sleep(&self, duration: Duration) -> Async<'_, ()> {
        self.say("-", &format!("waits {} ms", duration.as_millis()));
        self.inner.sleep(duration)
    }

    fn now(&self) -> jiff::Timestamp {
        self.inner.now()
    }

    fn random(&self) -> f64 {
        self.inner.random()
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").finish_non_exhaustive()
    }
}
