//! Webhooks: a push is handed on as it came, and its status is all that its sender learns.
//!
//! Whether it is genuine, the source's configuration decides, and whether it is too large when a body of any kind may
//! be as large; here are only the limits that hold for everybody.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::body::{self, BodyError, Bounds};
use super::parameter::Values;
use super::problem::Refusal;
use super::route::MAX_EVENT;
use super::{Push, Received, Serving};

/// After how many seconds a delivery that could not be made durable is to be sent again.
const AGAIN: u64 = 5;

/// A push before its body is read.
pub(super) struct Pushed {
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its body.
    pub(super) body: Body,
    /// Who sends it.
    pub(super) peer: IpAddr,
}

/// Hands a push on.
pub(super) async fn receive(
    serving: &dyn Serving,
    values: Result<Values, Refusal>,
    Pushed { headers, body, peer }: Pushed,
    bounds: Bounds,
) -> Response {
    let addressed = values.and_then(|values| {
        Ok((
            values.need("stack")?,
            values.need("source")?,
            values.get("dataType")?,
            values.word("event", MAX_EVENT)?,
        ))
    });
    // A place that cannot be is refused like one that is not there.
    let Ok((stack, source, data_type, event)) = addressed else { return status(Received::Refused) };
    let bytes =
        serving.largest_push(&stack, &source).map_or(bounds.bytes, |largest| largest.max(bounds.bytes));
    let body = match body::read(&headers, body, Bounds { bytes, ..bounds }).await {
        Ok(body) => body,
        Err(error) => {
            if error == BodyError::TooLarge {
                serving.push_was_too_large(&source, peer);
            }
            return error.status().into_response();
        }
    };
    let push = Push { stack, source, data_type, event, headers, body, peer };
    status(serving.receive(push).await)
}

fn status(received: Received) -> Response {
    let again = |seconds: u64| [(RETRY_AFTER, seconds.to_string())];
    match received {
        Received::Accepted | Received::Replayed | Received::Ignored => StatusCode::NO_CONTENT.into_response(),
        Received::Refused => StatusCode::FORBIDDEN.into_response(),
        Received::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Received::TooMany { retry_after } => {
            let seconds = retry_after.as_secs().max(1);
            (StatusCode::TOO_MANY_REQUESTS, again(seconds)).into_response()
        }
        Received::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, again(AGAIN)).into_response(),
    }
}
