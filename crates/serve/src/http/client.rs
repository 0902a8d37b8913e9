//! The other end of `POST /v1/requests`: what `--server` asks a daemon elsewhere through.
//!
//! The answer is handed on part by part as it comes. The token goes to the server that was named and nowhere else:
//! no redirect is followed, and beyond loopback nothing is sent without TLS unless told so.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use uuid::Uuid;

use super::problem::Problem;
use super::{NDJSON, PROTOCOL_HEADER, REQUEST_HEADER};
use crate::failure::Failure;
use crate::reply::Replies;
use crate::request::Request;
use crate::transport::{PROTOCOL, Part};

/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How long the server may be silent. It sends an empty line every few seconds, so this is for one that is gone; it is
/// longer than an upload may take.
const SILENCE: Duration = Duration::from_mins(3);

/// How often a connection that is silent is probed.
const PROBE: Duration = Duration::from_secs(30);

/// The longest part of an answer, in bytes: the plan of a large configuration.
const MAX_LINE: usize = 128 << 20;

/// The longest description of a failure, in bytes.
const MAX_PROBLEM: usize = 1 << 20;

/// Why a daemon elsewhere did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not the address of a server.
    #[error("`{server}` is no address of a server: {problem}")]
    Address {
        /// What was given.
        server: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The token would travel in the clear.
    #[error(
        "{0} is reached without TLS, and the token would travel in the clear: use https, or say --insecure"
    )]
    Insecure(Url),
    /// The token has characters that no token has.
    #[error("the token is none: it has characters that cannot be sent")]
    Token,
    /// The server cannot be reached.
    #[error("reach {server}")]
    Reach {
        /// Where.
        server: Url,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server went away in the middle.
    #[error("{0} ended before it had answered; what it had reported done is kept")]
    Cut(Url, #[source] Option<reqwest::Error>),
    /// What it said is no answer of ours.
    #[error("{0} gave an answer that is none")]
    Answer(Url, #[source] Option<serde_json::Error>),
    /// It answered as no Raccord does: another program, or a proxy in front of it.
    #[error("{0} answered with {1}; is it the address of a raccord?")]
    Status(Url, StatusCode),
}

/// A daemon elsewhere.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    server: Url,
    authorization: HeaderValue,
}

impl Remote {
    /// The address that is asked.
    pub const fn url(&self) -> &Url {
        &self.server
    }

    /// A daemon at an address, to be asked with a token. `insecure` sends it without TLS too.
    pub fn new(server: &str, token: &SecretString, insecure: bool) -> Result<Self, ClientError> {
        let server = address(server)?;
        let is_plain = server.scheme() == "http";
        if is_plain && !insecure && !is_loopback(&server) {
            return Err(ClientError::Insecure(server));
        }
        let token = format!("Bearer {}", token.expose_secret().trim());
        let mut authorization = HeaderValue::from_str(&token).map_err(|_| ClientError::Token)?;
        authorization.set_sensitive(true);
        // A provider that was chosen before serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME)
            .read_timeout(SILENCE)
            .tcp_keepalive(PROBE)
            .user_agent(concat!("raccord/", env!("CARGO_PKG_VERSION")));
        if is_plain {
            // A proxy would see the token; and there is nothing to verify.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let client = builder.build();
        let client = client.map_err(|source| ClientError::Reach { server: server.clone(), source })?;
        Ok(Self { client, server, authorization })
    }

    /// Asks; every part of the answer is handed on as it comes. `stop` becomes true when a person wants an early end,
    /// which is asked for by the `id` of the request.
    pub async fn ask(
        &self,
        (id, request): (Uuid, &Request),
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<Result<(), Failure>, ClientError> {
        let body = serde_json::to_vec(request).map_err(|error| self.none(Some(error)))?;
        let asking = self
            .to(Method::POST, "v1/requests")
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, NDJSON)
            .header(PROTOCOL_HEADER, PROTOCOL)
            .header(REQUEST_HEADER, id.to_string())
            .body(body);
        let wish = async {
            self.pass_on(stop, id).await;
            std::future::pending().await
        };
        let answer = async {
            let response = asking.send().await;
            let response =
                response.map_err(|source| ClientError::Reach { server: self.server.clone(), source })?;
            if response.status() == StatusCode::OK {
                self.read(response, replies).await
            } else {
                self.failure(response).await.map(Err)
            }
        };
        tokio::select! {
            answered = answer => answered,
            never = wish => never,
        }
    }

    fn to(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.server.clone();
        url.set_path(&format!("{}{path}", self.server.path()));
        self.client.request(method, url).header(AUTHORIZATION, self.authorization.clone())
    }

    /// Tells the server when the caller wants an early end.
    async fn pass_on(&self, mut stop: watch::Receiver<bool>, id: Uuid) {
        if stop.wait_for(|stop| *stop).await.is_ok()
            && let Err(error) = self.to(Method::DELETE, &format!("v1/requests/{id}")).send().await
        {
            tracing::warn!(%error, "the server could not be told to end early");
        }
    }

    /// Hands the lines of an answer on.
    async fn read(
        &self,
        mut response: Response,
        replies: &mut Replies<'_>,
    ) -> Result<Result<(), Failure>, ClientError> {
        let mut pending = Vec::new();
        let cut = |error| ClientError::Cut(self.server.clone(), error);
        while let Some(chunk) = response.chunk().await.map_err(|error| cut(Some(error)))? {
            // What was there already holds no end of a line.
            let mut from = pending.len();
            pending.extend_from_slice(&chunk);
            let mut begin = 0;
            while let Some(length) = pending[from..].iter().position(|byte| *byte == b'\n') {
                let line = &pending[begin..from + length];
                begin = from + length + 1;
                from = begin;
                if line.is_empty() {
                    continue;
                }
                match serde_json::from_slice(line).map_err(|error| self.none(Some(error)))? {
                    Part::Reply(reply) => replies(*reply),
                    Part::Failed(failure) => return Ok(Err(failure)),
                    Part::Done => return Ok(Ok(())),
                }
            }
            pending.drain(..begin);
            if pending.len() > MAX_LINE {
                return Err(self.none(None));
            }
        }
        Err(cut(None))
    }

    /// What the server says is wrong.
    async fn failure(&self, mut response: Response) -> Result<Failure, ClientError> {
        let status = response.status();
        let other = || ClientError::Status(self.server.clone(), status);
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_PROBLEM {
                return Err(other());
            }
        }
        serde_json::from_slice::<Problem>(&body).map(Failure::from).map_err(|_| other())
    }

    fn none(&self, error: Option<serde_json::Error>) -> ClientError {
        ClientError::Answer(self.server.clone(), error)
    }
}

/// The address of a server; its path ends with a slash.
fn address(text: &str) -> Result<Url, ClientError> {
    let wrong = |problem| ClientError::Address { server: shown(text), problem };
    let mut url = Url::parse(text).map_err(|_| wrong("write it as https://HOST:PORT"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("write it as https://HOST:PORT"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("the token is given with --token or RACCORD_TOKEN, not in the address"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has no query and no fragment"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// What may be shown of an address that is none: it may hold what is no address at all.
fn shown(text: &str) -> String {
    let before = text.split(['?', '#']).next().unwrap_or_default();
    match before.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => before.to_owned(),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(server: &str, insecure: bool, expected: Result<&str, &str>) {
        let token = SecretString::from("rcd_secret");
        match (Remote::new(server, &token, insecure), expected) {
            (Ok(remote), Ok(expected)) => {
                let asking = remote.to(Method::POST, "v1/requests").build().unwrap();
                assert_eq!(asking.url().as_str(), expected);
                assert!(!format!("{remote:?}{asking:?}").contains("secret"));
            }
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
                assert!(!format!("{error:?}").contains("secret"));
            }
            (found, _) => panic!("{server}: {found:?}"),
        }
    }

    #[test]
    fn the_token_is_sent_where_nobody_listens_in() {
        check("https://raccord.example", false, Ok("https://raccord.example/v1/requests"));
        check("https://raccord.example:8443/", false, Ok("https://raccord.example:8443/v1/requests"));
        check("https://example.com/raccord", false, Ok("https://example.com/raccord/v1/requests"));
        check("http://127.0.0.1:8080", false, Ok("http://127.0.0.1:8080/v1/requests"));
        check("http://[::1]:8080", false, Ok("http://[::1]:8080/v1/requests"));
        check("http://localhost:8080", false, Ok("http://localhost:8080/v1/requests"));
        check("http://raccord.example", false, Err("in the clear"));
        check("http://10.0.0.7:8080", false, Err("in the clear"));
        check("http://10.0.0.7:8080", true, Ok("http://10.0.0.7:8080/v1/requests"));
        check("http://127.0.0.1.example", false, Err("in the clear"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_secret() {
        for server in ["raccord.example", "ftp://raccord.example", "", "https://", "/run/raccord.sock"] {
            check(server, false, Err("is no address of a server"));
        }
        check("https://ci:secret@raccord.example", false, Err("not in the address"));
        check("https://raccord.example/?token=secret", false, Err("no query"));
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_none() {
        let error = Remote::new("https://a.example", &"rcd_\u{7}secret".into(), false).unwrap_err();
        assert!(matches!(error, ClientError::Token));
    }
}
