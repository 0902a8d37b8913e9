//! Sends the requests of a manifest's reading with the HTTP client of this crate. An answer that is larger than allowed
//! is refused, and no message holds a query or a header.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use raccord_manifest::transport::{Async, Request, Response, Transport, TransportError};
use raccord_model::bytes_size::ByteSize;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};

use super::redirect::redirected;
use crate::http::answer::{BodyError, read_body};
use crate::network::Trouble;
use crate::shared::{Now, install_crypto};

/// How many redirects are followed one after the other.
const MAX_REDIRECTS: usize = 30;

/// What an answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a connection may take to come about.
    pub connect: Duration,
    /// How long nothing may come.
    pub silence: Duration,
    /// How large a body may be.
    pub body: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(15), silence: Duration::from_mins(5), body: ByteSize(1 << 30) }
    }
}

/// The way to a service over HTTP.
pub struct HttpTransport {
    client: reqwest::Client,
    now: Now,
    random: Mutex<fastrand::Rng>,
    limits: Limits,
}

impl HttpTransport {
    /// A way to services. `seed` is where the randomness of waits comes from.
    ///
    /// # Errors
    /// When the certificates of the system cannot be read.
    pub fn new(now: Now, seed: u64, limits: Limits) -> Result<Self, TransportError> {
        install_crypto();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(limits.connect)
            .read_timeout(limits.silence)
            .user_agent(concat!("raccord/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| TransportError::Refused(Trouble::of(error).plain))?;
        Ok(Self { client, now, random: Mutex::new(fastrand::Rng::with_seed(seed)), limits })
    }

    async fn follow(&self, mut request: Request) -> Result<Response, TransportError> {
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.once(&request).await?;
            let location = answer.headers().get(LOCATION).map(text);
            match redirected(&request, answer.status().as_u16(), location.as_deref()) {
                Some(next) => request = next,
                None => return self.whole(answer).await,
            }
        }
        Err(TransportError::Refused(format!("there are more than {MAX_REDIRECTS} redirects")))
    }

    async fn once(&self, request: &Request) -> Result<reqwest::Response, TransportError> {
        let wrong = |what: &str| TransportError::Refused(format!("the {what} of the request cannot be sent"));
        let method = request.method.parse::<reqwest::Method>().map_err(|_| wrong("method"))?;
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("name of a header"))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong("value of a header"))?;
            headers.append(name, value);
        }
        let mut outgoing = self.client.request(method, &request.url).headers(headers);
        if let Some(body) = &request.body {
            outgoing = outgoing.body(body.clone());
        }
        outgoing.send().await.map_err(|error| {
            let is_ours = error.is_builder();
            let plain = Trouble::of(error).plain;
            if is_ours { TransportError::Refused(plain) } else { TransportError::Unreachable(plain) }
        })
    }

    async fn whole(&self, answer: reqwest::Response) -> Result<Response, TransportError> {
        let status = answer.status().as_u16();
        let headers =
            answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let body = read_body(answer, self.limits.body.0).await.map_err(|error| match error {
            BodyError::TooLarge => {
                TransportError::Refused(format!("the answer is larger than {}", self.limits.body))
            }
            BodyError::Broken(error) => TransportError::Unreachable(Trouble::of(error).plain),
        })?;
        Ok(Response { status, headers, body })
    }
}

/// The value of a header. What is not UTF-8 is Latin-1.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> Async<'_, Result<Response, TransportError>> {
        Box::pin(self.follow(request))
    }

    fn sleep(&self, duration: Duration) -> Async<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn now(&self) -> jiff::Timestamp {
        (self.now)()
    }

    fn random(&self) -> f64 {
        self.random.lock().map_or(0.5, |mut random| random.f64())
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("limits", &self.limits).finish_non_exhaustive()
    }
}
