//! Webhooks: a push is handed on as it came, and its status is all that its sender learns.
//!
//! Whether it is genuine, the source's configuration decides. What holds for everybody is here, the same for a source
//! that is there and for one that is not: how much is read at the most, and that nothing is read of a delivery whose
//! head alone shows that it proves nothing to any source.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::body::{BodyError, Incoming};
use super::intake::Share;
use super::parameter::Values;
use super::problem::Refusal;
use super::route::MAX_EVENT;
use super::{MAX_BODY, Push, PushHead, Received, Serving};

/// After how many seconds a delivery that could not be made durable is to be sent again.
const AGAIN: u64 = 5;

/// A push before its body is read.
pub(super) struct Pushed {
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// The query of its URL.
    pub(super) query: Option<String>,
    /// Its body.
    pub(super) body: Body,
    /// Who sends it.
    pub(super) peer: IpAddr,
}

/// A push that has come in whole; what it takes of the memory for what is not proved is kept as long as its bytes.
pub(super) struct Whole {
    push: Push,
    _share: Option<Share>,
}

/// Reads a push, unless its head alone shows that it is to be refused.
pub(super) async fn read(
    serving: &dyn Serving,
    values: Result<Values, Refusal>,
    Pushed { headers, query, body, peer }: Pushed,
    (share, time): (Share, Duration),
) -> Result<Whole, Response> {
    let addressed = values.and_then(|values| {
        Ok((
            values.need("stack")?,
            values.need("source")?,
            values.get("dataType")?,
            values.word("event", MAX_EVENT)?,
        ))
    });
    // A place that cannot be is refused like one that is not there.
    let Ok((stack, source, data_type, event)) = addressed else { return Err(status(Received::Refused)) };
    let query = query.as_deref();
    let head = PushHead { stack: &stack, source: &source, headers: &headers, query, peer };
    serving.admit(&head).map_err(status)?;
    let incoming = Incoming::new(&headers, body, share, time);
    let read = incoming.whole(serving.largest_push().max(MAX_BODY)).await;
    let (body, share) = read.map_err(|error| {
        if error == BodyError::TooLarge {
            serving.push_was_too_large(&source, peer);
        }
        if error == BodyError::Crowded {
            status(Received::Unavailable)
        } else {
            error.status().into_response()
        }
    })?;
    let query = query.map(str::to_owned);
    let push = Push { stack, source, data_type, event, headers, query, body, peer };
    Ok(Whole { push, _share: share })
}

/// Hands a push on.
pub(super) async fn receive(serving: &dyn Serving, whole: Whole) -> Response {
    let Whole { push, _share } = whole;
    status(serving.receive(push).await)
}

/// There is no place for another request now.
pub(super) fn busy() -> Response {
    status(Received::Unavailable)
}

fn status(received: Received) -> Response {
    let again = |seconds: u64| [(RETRY_AFTER, seconds.to_string())];
    match received {
        Received::Accepted | Received::Replayed | Received::Ignored => StatusCode::NO_CONTENT.into_response(),
        Received::Refused => StatusCode::FORBIDDEN.into_response(),
        Received::Unreadable => StatusCode::BAD_REQUEST.into_response(),
        Received::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Received::TooMany { retry_after } => {
            let seconds = retry_after.as_secs().max(1);
            (StatusCode::TOO_MANY_REQUESTS, again(seconds)).into_response()
        }
        Received::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, again(AGAIN)).into_response(),
    }
}
