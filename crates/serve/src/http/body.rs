//! Reading the body of a request: no more than it may have, no longer than it may take, and only what it says it is.
//!
//! What has come counts in the [`Intake`](super::intake::Intake) until it is known that its sender may send so much.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use raccord_model::bytes_size::ByteSize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::intake::{Crowded, Share};
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

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It has more bytes than it may.
    TooLarge,
    /// It took longer than it may.
    TooSlow,
    /// It ended too early.
    Cut,
    /// It had to make room for others.
    Crowded,
}

impl From<Crowded> for BodyError {
    fn from(_: Crowded) -> Self {
        Self::Crowded
    }
}

impl BodyError {
    /// The status that says it.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut => StatusCode::BAD_REQUEST,
            Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A body on its way in, with what has come so far.
pub(super) struct Incoming {
    body: Body,
    come: Vec<u8>,
    announced: Option<usize>,
    share: Option<Share>,
    end: Instant,
    is_complete: bool,
}

impl Incoming {
    /// A body of which nothing has come, that may take so long.
    pub(super) fn new(headers: &HeaderMap, body: Body, share: Share, time: Duration) -> Self {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let end = Instant::now() + time;
        Self { body, come: Vec::new(), announced, share: Some(share), end, is_complete: false }
    }

    /// Refuses a body that says itself that it is larger.
    pub(super) fn announces_at_most(&self, most: usize) -> Result<(), BodyError> {
        if self.announced.is_some_and(|length| length > most) { Err(BodyError::TooLarge) } else { Ok(()) }
    }

    /// Reads on until more than so many bytes have come, or all there are.
    pub(super) async fn beginning(&mut self, bytes: usize) -> Result<&[u8], BodyError> {
        while !self.is_complete && self.come.len() <= bytes {
            self.frame().await?;
        }
        Ok(&self.come)
    }

    /// Reads on to the end, unless that makes more bytes than it may have. The share is kept as long as the bytes are.
    pub(super) async fn whole(mut self, most: usize) -> Result<(Bytes, Option<Share>), BodyError> {
        self.announces_at_most(most)?;
        if self.beginning(most).await?.len() > most {
            return Err(BodyError::TooLarge);
        }
        if let Some(share) = &self.share {
            share.complete();
        }
        Ok((self.come.into(), self.share))
    }

    /// Its sender may send so much, within a time of its own: it no longer counts among the unproved.
    pub(super) fn prove(&mut self, time: Duration) {
        self.share = None;
        self.end = Instant::now() + time;
    }

    async fn frame(&mut self) -> Result<(), BodyError> {
        let Self { body, share, end, .. } = self;
        let crowded_out = async {
            match share {
                Some(share) => share.crowded_out().await,
                None => std::future::pending().await,
            }
        };
        let next = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = tokio::select! {
            () = crowded_out => return Err(BodyError::Crowded),
            frame = tokio::time::timeout_at(*end, next) => frame.map_err(|_| BodyError::TooSlow)?,
        };
        match frame {
            None => self.is_complete = true,
            Some(Err(_)) => return Err(BodyError::Cut),
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else { return Ok(()) };
                if let Some(share) = &self.share {
                    share.grow(data.len())?;
                }
                self.come.extend_from_slice(data);
            }
        }
        Ok(())
    }
}

/// How a route that answers with problems says that a body could not be read.
pub(super) fn refuse(error: BodyError, most: usize) -> Refusal {
    let message = match error {
        BodyError::TooLarge => {
            format!("the body has more than {}", ByteSize(u64::try_from(most).unwrap_or(u64::MAX)))
        }
        BodyError::TooSlow => "the body did not come in time".to_owned(),
        BodyError::Cut => "the body ended too early".to_owned(),
        BodyError::Crowded => return Refusal::unavailable("too much is being sent at once"),
    };
    Refusal::new(error.status(), FailureCode::Invalid, message)
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

/// A body of which what is left unread is taken in and thrown away, up to a point. A caller that is refused early would
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
