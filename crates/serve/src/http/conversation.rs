//! One request of the engine and the parts of its answer, whole or as a stream.
//!
//! What was asked is done, also when the caller goes away: it runs in a task of its own. A reader that is slow
//! makes the answer wait, so that nothing piles up; one that stalls is given up after a while, and what is under way
//! goes on without it.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Interval;
use uuid::Uuid;

use super::connections::Busy;
use super::problem::Refusal;
use super::{MAX_PARTS, NDJSON, Serving};
use crate::failure::Failure;
use crate::places::Taken;
use crate::request::{Reply, Request};
use crate::transport::{Caller, Part};

/// How long the first part of an answer is waited for, so that what fails at once has a status of its own.
const FIRST_PART: Duration = Duration::from_secs(10);

/// How often a silent answer shows that it is alive: proxies close what is silent for a minute.
const ALIVE: Duration = Duration::from_secs(15);

/// How many bytes of an answer are sent together, when they are there already.
const CHUNK: usize = 64 << 10;

/// A request under way.
pub(super) struct Conversation {
    parts: mpsc::Receiver<Part>,
}

/// What a conversation holds until its end: a place among those under way.
pub(super) struct Place {
    /// Its share of what may be asked at once.
    #[expect(dead_code, reason = "held until the end")]
    pub(super) request: Taken,
    /// Its share of the memory for uploaded configurations.
    #[expect(dead_code, reason = "held until the end")]
    pub(super) upload: Option<Taken>,
    /// The turn of its configuration, until all is done and only has to be told.
    pub(super) turn: Option<OwnedSemaphorePermit>,
    /// Its connection, which makes no room for others meanwhile.
    #[expect(dead_code, reason = "held until the end")]
    pub(super) busy: Option<Busy>,
    /// Where it is known under the name its caller gave it.
    #[expect(dead_code, reason = "held until the end")]
    pub(super) entry: Option<Entry>,
    /// Kept, so that its end is not taken for a wish to stop.
    #[expect(dead_code, reason = "held until the end")]
    pub(super) stop: watch::Sender<bool>,
    /// How long its reader may stall.
    pub(super) stall_time: Duration,
}

impl Conversation {
    /// Begins to answer a request.
    pub(super) fn begin(
        serving: Arc<dyn Serving>,
        request: Request,
        caller: Caller,
        (stop, mut place): (watch::Receiver<bool>, Place),
    ) -> Self {
        let (sender, parts) = mpsc::channel(MAX_PARTS);
        tokio::spawn(async move {
            let mut reader = Reader { parts: sender, stall_time: place.stall_time, is_gone: false };
            let outcome = {
                let mut replies = |reply: Reply| reader.hand_on(reply);
                serving.answer(request, caller, stop, &mut replies).await
            };
            drop(place.turn.take());
            reader.end(outcome.map_or_else(Part::Failed, |()| Part::Done)).await;
            drop(place);
        });
        Self { parts }
    }

    /// The whole answer.
    pub(super) async fn whole(mut self) -> Result<Vec<Reply>, Refusal> {
        let mut replies = Vec::new();
        loop {
            match self.parts.recv().await {
                Some(Part::Reply(reply)) => replies.push(*reply),
                Some(Part::Failed(failure)) => return Err(failure.into()),
                Some(Part::Done) => return Ok(replies),
                None => return Err(cut()),
            }
        }
    }

    /// The answer as it comes; what fails before anything was answered is a refusal.
    pub(super) async fn stream(mut self) -> Result<Response, Refusal> {
        let first = match tokio::time::timeout(FIRST_PART, self.parts.recv()).await {
            Ok(Some(Part::Failed(failure))) => return Err(failure.into()),
            Ok(Some(part)) => Some(part),
            Ok(None) => return Err(cut()),
            Err(_) => None,
        };
        let mut alive = tokio::time::interval(ALIVE);
        alive.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        alive.reset();
        let headers: [(HeaderName, HeaderValue); 3] = [
            (CONTENT_TYPE, HeaderValue::from_static(NDJSON)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // nginx would keep the parts until there are many.
            (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        let lines = Lines { first, parts: self.parts, alive };
        Ok((headers, Body::new(lines)).into_response())
    }
}

/// The task ended without a word: it panicked.
fn cut() -> Refusal {
    Failure::new(crate::FailureCode::Internal, "the answer broke off").into()
}

/// The reader of an answer.
struct Reader {
    parts: mpsc::Sender<Part>,
    stall_time: Duration,
    is_gone: bool,
}

impl Reader {
    fn hand_on(&mut self, reply: Reply) {
        if self.is_gone {
            return;
        }
        let part = match self.parts.try_send(Part::Reply(Box::new(reply))) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.is_gone = true;
                return;
            }
            Err(mpsc::error::TrySendError::Full(part)) => part,
        };
        let sent = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(self.parts.send_timeout(part, self.stall_time))
        });
        self.is_gone = sent.is_err();
    }

    async fn end(self, last: Part) {
        if !self.is_gone {
            // The reader may be gone or stall by now; what was done is done.
            drop(self.parts.send_timeout(last, self.stall_time).await);
        }
    }
}

/// The parts of an answer as lines of JSON.
struct Lines {
    first: Option<Part>,
    parts: mpsc::Receiver<Part>,
    alive: Interval,
}

impl Lines {
    fn add(chunk: &mut Vec<u8>, part: &Part) -> io::Result<()> {
        serde_json::to_writer(&mut *chunk, part)?;
        chunk.push(b'\n');
        Ok(())
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut chunk = Vec::new();
        if let Some(first) = self.first.take() {
            Self::add(&mut chunk, &first)?;
        }
        let mut is_over = false;
        while chunk.len() < CHUNK {
            match self.parts.poll_recv(context) {
                Poll::Ready(Some(part)) => Self::add(&mut chunk, &part)?,
                Poll::Ready(None) => {
                    is_over = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        if !chunk.is_empty() {
            self.alive.reset();
            return Poll::Ready(Some(Ok(Frame::data(chunk.into()))));
        }
        if is_over {
            return Poll::Ready(None);
        }
        match self.alive.poll_tick(context) {
            Poll::Ready(_) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"\n"))))),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The requests under way that their callers gave a name.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<HashMap<Name, watch::Sender<bool>>>);

/// A token's name and the name of one of its requests.
type Name = (String, Uuid);

/// A request among those under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    all: Arc<UnderWay>,
    name: Name,
}

impl UnderWay {
    /// Enters a request; `None` when its caller has another one of that name under way.
    pub(super) fn enter(self: &Arc<Self>, name: Name, stop: watch::Sender<bool>) -> Option<Entry> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(&name) {
            return None;
        }
        known.insert(name.clone(), stop);
        Some(Entry { all: Arc::clone(self), name })
    }

    /// Asks for an early end of a request. Whether there is one of that name.
    pub(super) fn stop(&self, name: &Name) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).inspect(|stop| _ = stop.send_replace(true)).is_some()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
