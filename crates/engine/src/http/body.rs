//! Reading the body of a request: no more than it may have, no longer than it may take, and only what it says it is.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::de::DeserializeOwned;

use super::problem::Refusal;
use super::{LINGER_BYTES, LINGER_TIME};
use crate::failure::FailureCode;

/// The media types that a body may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// How much may be read, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// So many bytes.
    pub(super) bytes: usize,
    /// So long.
    pub(super) time: Duration,
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It has more bytes than it may.
    TooLarge,
    /// It took longer than it may.
    TooSlow,
    /// It ended too early.
    Cut,
}

impl BodyError {
    /// The status that says it.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut => StatusCode::BAD_REQUEST,
        }
    }
}

/// The whole body.
pub(super) async fn read(headers: &HeaderMap, body: Body, bounds: Bounds) -> Result<Bytes, BodyError> {
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bounds.bytes) {
        return Err(BodyError::TooLarge);
    }
    match tokio::time::timeout(bounds.time, to_bytes(body, bounds.bytes)).await {
        Err(_) => Err(BodyError::TooSlow),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Cut),
    }
}

/// Whether the reason lies in the length, somewhere down the causes.
fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| cause.to_string() == "length limit exceeded")
}

/// The same for routes that answer with problems.
pub(super) async fn read_or_refuse(
    headers: &HeaderMap,
    body: Body,
    bounds: Bounds,
) -> Result<Bytes, Refusal> {
    let refuse = |error: BodyError| {
        let message = match error {
            BodyError::TooLarge => format!("the body has more than {} MB", bounds.bytes >> 20),
            BodyError::TooSlow => format!("the body did not come within {} s", bounds.time.as_secs()),
            BodyError::Cut => "the body ended too early".to_owned(),
        };
        Refusal::new(error.status(), FailureCode::Invalid, message)
    };
    read(headers, body, bounds).await.map_err(refuse)
}

/// What a body says it is, when that is one of the media types that are taken.
pub(super) fn media(headers: &HeaderMap, taken: &[Media]) -> Result<Media, Refusal> {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let media = match essence.as_str() {
        "application/json" => Some(Media::Json),
        "application/yaml" => Some(Media::Yaml),
        _ => None,
    };
    media.filter(|media| taken.contains(media)).ok_or_else(|| {
        let taken: Vec<&str> = taken.iter().map(|media| media.as_str()).collect();
        let message = format!("the body is to be {}, and says so in Content-Type", taken.join(" or "));
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, FailureCode::Invalid, message)
    })
}

impl Media {
    /// As it is written.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
        }
    }
}

/// A body as JSON of a type.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::invalid(format!("the body cannot be read: {error}")))
}

/// A body as a JSON object: a list of its members without their names is not taken for it.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::invalid("the body is to be a JSON object"));
    }
    json(bytes)
}

/// A body of which what nobody reads is taken in and thrown away, up to a point. A caller that is refused early would
/// otherwise find the connection broken while it still writes, and never see why.
pub(super) fn lingering(body: Body) -> Body {
    if body.is_end_stream() { body } else { Body::new(Lingering(Some(body))) }
}

struct Lingering(Option<Body>);

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.0 {
            None => Poll::Ready(None),
            Some(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take().filter(|body| !body.is_end_stream()) {
            tokio::spawn(tokio::time::timeout(LINGER_TIME, throw_away(rest)));
        }
    }
}

async fn throw_away(mut body: Body) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(fewer) => left = fewer,
            None => return,
        }
    }
}
