//! What tells an open page that something has changed: a stream of server-sent events. It says that there is news and never
//! what: the page asks for itself again, under the same guard as before.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use tokio::sync::watch;

use super::server::Console;
use super::visit::Visit;
use crate::failure::{Failure, FailureCode};
use crate::places::Taken;

/// How many streams there are at once.
pub(super) const STREAMS: usize = 256;

/// How many of them of one reader: a browser opens no more than six connections.
pub(super) const STREAMS_OF_ONE: usize = 16;

/// How long news is gathered before it is told.
const GATHER: Duration = Duration::from_millis(500);

/// How often a silent stream says that it lives, and looks whether its session does.
const ALIVE: Duration = Duration::from_secs(15);

/// What a stream has heard.
enum Heard {
    /// Something has changed.
    News,
    /// Nothing, for a while.
    Nothing,
    /// The daemon ends.
    End,
}

/// A stream under way.
struct Stream {
    console: Arc<Console>,
    headers: HeaderMap,
    changes: watch::Receiver<u64>,
    end: watch::Receiver<bool>,
    /// Held until the end.
    _place: Taken,
}

/// The stream of a reader.
pub(super) fn follow(visit: &Visit) -> Result<Response, Failure> {
    let console = Arc::clone(&visit.console);
    let name = visit.reader.name.clone().unwrap_or_default();
    let place = console.streams.try_take(Some(&name));
    let place = place.ok_or_else(|| {
        Failure::new(FailureCode::Unavailable, "there are too many open pages: this one does not follow")
    })?;
    let stream = Stream {
        changes: console.serving.changes(),
        end: console.end.clone(),
        headers: visit.headers.clone(),
        console,
        _place: place,
    };
    let events = unfold(stream, async |mut stream| {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    // nginx would keep events until there are many.
    Ok(([("x-accel-buffering", "no")], Sse::new(Box::pin(events))).into_response())
}

impl Stream {
    /// The next event; none when the daemon or the session ends.
    async fn next(&mut self) -> Option<Event> {
        let heard = tokio::select! {
            changed = self.changes.changed() => if changed.is_ok() { Heard::News } else { Heard::End },
            ended = self.end.wait_for(|end| *end) => {
                drop(ended);
                Heard::End
            }
            () = tokio::time::sleep(ALIVE) => Heard::Nothing,
        };
        let event = match heard {
            Heard::News => {
                tokio::time::sleep(GATHER).await;
                Event::default().data(self.changes.borrow_and_update().to_string())
            }
            Heard::Nothing => Event::default().comment("alive"),
            Heard::End => return None,
        };
        self.console.is_still_in(&self.headers).await.then_some(event)
    }
}
