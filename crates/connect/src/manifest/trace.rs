//! A way to the service that tells of every request and answer. What is masked is in none of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use raccord_manifest::service::Masks;
use raccord_manifest::transport::{Async, Request, Response, Transport, TransportError};

/// How much of a body is told, in characters, and how much of it is looked at, in bytes.
const MAX_BODY: usize = 2_000;
const MAX_READ: usize = 64 * 1024;

/// Hears what is told, a line at a time.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Tells what passes over another transport.
pub(super) struct Traced {
    inner: Arc<dyn Transport>,
    masks: Masks,
    tell: Tell,
    /// The last answer. It is told when the next thing happens: a token in it is masked only once it was read.
    answer: Mutex<Option<Result<Response, String>>>,
}

impl Traced {
    pub(super) fn new(inner: Arc<dyn Transport>, masks: Masks, tell: Tell) -> Self {
        Self { inner, masks, tell, answer: Mutex::default() }
    }

    fn say(&self, mark: &str, text: &str) {
        for line in super::masked(&self.masks, text).lines() {
            (self.tell)(&format!("{mark} {line}"));
        }
    }

    fn headers(&self, mark: &str, headers: &[(String, String)]) {
        for (name, value) in headers {
            self.say(mark, &format!("{name}: {value}"));
        }
    }

    fn body(&self, mark: &str, body: &Bytes) {
        // Masked before it is cut: half a secret is one, too.
        let read = String::from_utf8_lossy(body.get(..MAX_READ).unwrap_or(body));
        let masked = super::masked(&self.masks, &read);
        let shown: String = masked.chars().take(MAX_BODY).collect();
        self.say(mark, &shown);
        if shown.len() < masked.len() || body.len() > MAX_READ {
            self.say(mark, &format!("… {} bytes in all", body.len()));
        }
    }

    /// Tells the last answer, unless that was done.
    fn tell_answer(&self) {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answer {
            Some(Ok(response)) => {
                self.say("<", &response.status.to_string());
                self.headers("<", &response.headers);
                self.body("<", &response.body);
            }
            Some(Err(message)) => self.say("<", &message),
            None => {}
        }
    }
}

impl Transport for Traced {
    fn send(&self, request: Request) -> Async<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            self.tell_answer();
            self.say(">", &format!("{} {}", request.method, request.url));
            self.headers(">", &request.headers);
            if let Some(body) = &request.body {
                self.body(">", body);
            }
            let answer = self.inner.send(request).await;
            let told = answer.as_ref().map(Response::clone).map_err(ToString::to_string);
            *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
            answer
        })
    }

    fn sleep(&self, duration: Duration) -> Async<'_, ()> {
        self.tell_answer();
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

impl Drop for Traced {
    fn drop(&mut self) {
        self.tell_answer();
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").finish_non_exhaustive()
    }
}
