//! Carries the questions of the library of OpenID Connect: bounded in time and size, and no redirect is followed, for what
//! is sent is for its URL alone. It reads nothing of what it carries.

use std::fmt;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use raccord_model::port::Async;
use url::Url;

use crate::answer::{BodyError, corrupt, read_body};
use crate::client::{builder_for, is_safe};
use crate::network::Trouble;

/// How long one question may take altogether.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

/// What went wrong on the way, in words.
#[derive(Debug)]
pub(super) struct TransportError(String);

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TransportError {}

impl TransportError {
    fn of(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self(format!("nothing complete came within {} s", TIMEOUT.as_secs()));
        }
        Self(Trouble::of(error).plain)
    }
}

/// The connection to a provider.
pub(super) struct Transport(reqwest::Client);

impl Transport {
    /// To a provider at this URL.
    pub(super) fn new(issuer: &Url) -> Result<Self, TransportError> {
        let client = builder_for([issuer.as_str()]).timeout(TIMEOUT).build();
        client.map(Self).map_err(TransportError::of)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(TransportError::of)?;
        if !is_safe(request.url()) {
            return Err(TransportError(format!("{} is not asked without TLS", host(request.url()))));
        }
        let response = self.0.execute(request).await.map_err(TransportError::of)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, MAX_ANSWER).await.map_err(|error| match error {
            BodyError::TooLarge => TransportError("its answer is larger than 1 MB".to_owned()),
            BodyError::Broken(error) => TransportError::of(error),
            BodyError::Corrupt(error) => TransportError(corrupt(&error)),
        })?;
        let mut answer = HttpResponse::new(body.to_vec());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Transport {
    type Error = TransportError;
    type Future = Async<'c, Result<HttpResponse, TransportError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("it")
}
