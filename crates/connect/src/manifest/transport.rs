//! Sends the requests of a manifest's reading with the HTTP client of this crate. An answer that is larger than allowed
//! is refused, and no message holds a query or a header.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use raccord_manifest::transport::{Async, Request, Response, Transport, TransportError};
use raccord_model::bytes_size::ByteSize;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};

use super::redirect::redirected;
use crate::answer::{BodyError, corrupt, read_body, unasked_encoding};
use crate::client;
use crate::clock::Now;
use crate::network::Trouble;

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
        let client = Self::builder(limits).build();
        let client = client.map_err(|error| TransportError::Refused(Trouble::of(error).plain))?;
        Ok(Self::over(client, now, seed, limits))
    }

    /// What makes a client with these limits.
    pub(crate) fn builder(limits: Limits) -> reqwest::ClientBuilder {
        client::builder().connect_timeout(limits.connect).read_timeout(limits.silence)
    }

    /// The same over connections that were made otherwise.
    pub(crate) fn over(client: reqwest::Client, now: Now, seed: u64, limits: Limits) -> Self {
        Self { client, now, random: Mutex::new(fastrand::Rng::with_seed(seed)), limits }
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
            let trouble = Trouble::of(error);
            if let Some(message) = trouble.of_our_certificate() {
                return TransportError::Refused(format!(
                    "the service does not accept our certificate: {message}"
                ));
            }
            let plain = trouble.plain;
            if is_ours { TransportError::Refused(plain) } else { TransportError::Unreachable(plain) }
        })
    }

    async fn whole(&self, answer: reqwest::Response) -> Result<Response, TransportError> {
        let status = answer.status().as_u16();
        let received = answer.headers().clone();
        let body = read_body(answer, self.limits.body.0).await.map_err(|error| match error {
            BodyError::TooLarge => {
                TransportError::Refused(format!("the answer is larger than {}", self.limits.body))
            }
            BodyError::Broken(error) => TransportError::Unreachable(Trouble::of(error).plain),
            BodyError::Corrupt(error) => TransportError::Unreachable(corrupt(&error)),
        })?;
        if let Some(message) = unasked_encoding(&received, &body) {
            return Err(TransportError::Refused(message));
        }
        let headers = received.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn transport(body: u64) -> HttpTransport {
        let limits = Limits { body: ByteSize(body), ..Limits::default() };
        HttpTransport::new(Arc::new(jiff::Timestamp::now), 1, limits).unwrap()
    }

    fn request(method: &str, url: String) -> Request {
        let headers = [("X-Key", "secret"), ("Accept", "a/b")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Request { method: method.to_owned(), url, headers, body: Some(Bytes::from_static(b"{}")) }
    }

    async fn answers(server: &MockServer, at: &str, answer: ResponseTemplate) {
        Mock::given(path(at)).respond_with(answer).mount(server).await;
    }

    #[tokio::test]
    async fn every_status_is_an_answer() {
        let server = MockServer::start().await;
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"unpacked").unwrap();
        let packed = ResponseTemplate::new(500)
            .insert_header("Content-Encoding", "gzip")
            .insert_header("X-Left", "5")
            .set_body_bytes(packed.finish().unwrap());
        Mock::given(method("POST")).and(path("/x")).respond_with(packed).mount(&server).await;
        let answer = transport(100).send(request("POST", format!("{}/x?a=1", server.uri()))).await.unwrap();
        assert_eq!((answer.status, answer.body.as_ref()), (500, b"unpacked".as_ref()));
        assert!(answer.headers.contains(&("x-left".to_owned(), "5".to_owned())));
        let sent = &server.received_requests().await.unwrap()[0];
        assert_eq!((sent.url.query(), sent.body.as_slice()), (Some("a=1"), b"{}".as_ref()));
        assert_eq!(sent.headers.get("x-key").map(HeaderValue::as_bytes), Some(b"secret".as_ref()));
    }

    #[tokio::test]
    async fn no_credentials_go_to_another_origin() {
        let (own, other) = (MockServer::start().await, MockServer::start().await);
        let to = |url: String| ResponseTemplate::new(302).insert_header("Location", url);
        answers(&own, "/near", to("/end".to_owned())).await;
        answers(&own, "/far", to(format!("{}/end", other.uri()))).await;
        answers(&own, "/end", ResponseTemplate::new(200)).await;
        answers(&other, "/end", ResponseTemplate::new(200)).await;
        answers(&own, "/circle", to("/circle".to_owned())).await;
        let check = async |at: &str, server: &MockServer, has_key: bool| {
            let answer = transport(100).send(request("POST", format!("{}{at}", own.uri()))).await.unwrap();
            assert_eq!(answer.status, 200);
            let last = server.received_requests().await.unwrap().pop().unwrap();
            assert_eq!((last.method.as_str(), last.url.path()), ("GET", "/end"));
            assert_eq!(
                (last.headers.contains_key("x-key"), last.headers.contains_key("accept")),
                (has_key, true)
            );
        };
        check("/near", &own, true).await;
        check("/far", &other, false).await;
        let error = transport(100).send(request("GET", format!("{}/circle", own.uri()))).await.unwrap_err();
        assert_eq!(error.to_string(), "there are more than 30 redirects");
    }

    #[tokio::test]
    async fn what_cannot_be_sent_or_is_too_large_is_refused() {
        let server = MockServer::start().await;
        answers(&server, "/large", ResponseTemplate::new(200).set_body_string("12345678901")).await;
        let error = transport(10).send(request("GET", format!("{}/large", server.uri()))).await.unwrap_err();
        assert!(matches!(&error, TransportError::Refused(why) if why.contains("larger")), "{error}");
        let mut wrong = request("GET", format!("{}/x", server.uri()));
        wrong.headers.push(("a\nb".to_owned(), "x".to_owned()));
        let error = transport(10).send(wrong).await.unwrap_err();
        assert_eq!(error.to_string(), "the name of a header of the request cannot be sent");
        let error = transport(10).send(request("GET", "http://127.0.0.1:9/".to_owned())).await.unwrap_err();
        assert!(matches!(error, TransportError::Unreachable(_)), "{error}");
    }
}
