//! Sends requests and gets answers: credentials, the rate limit, redirects, retries.
//!
//! Credentials go to the service's own origin alone, and no message holds a query or a secret.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use raccord_compiler::connector::{ErrorHandler, HttpStream, Limits};
use raccord_model::bytes_size::ByteSize;
use raccord_model::port::exhausted::is_exhausted;
use raccord_model::port::source::SourceError;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::complaint::Complaint;
use super::lag::behind;
use super::link::in_ascii;
use super::origin::{Origins, Trust, shown};
use super::retry::{asked_wait, backoff, is_transient, named_wait};
use super::strip::strip;
use crate::answer::{Answer, BodyError, corrupt, read_beginning, read_body, unasked_encoding};
use crate::credentials::{Credentials, Issue, Verdict};
use crate::mask::Masker;
use crate::network::Trouble;
use crate::shared::{SourceShared, builder};

/// How many redirects are followed one after the other.
const MAX_REDIRECTS: usize = 5;
/// How much of what a service says about an error is kept.
const MAX_MESSAGE: usize = 300;

/// A request without credentials.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// Sends the requests of one data type.
#[derive(Debug)]
pub(crate) struct Exchange {
    client: reqwest::Client,
    /// The client for the service itself: it shows our certificate, where we have one.
    own: reqwest::Client,
    shared: SourceShared,
    credentials: Arc<dyn Credentials>,
    /// A secret that the requests themselves carry.
    carried: Option<SecretString>,
    origins: Origins,
    handler: ErrorHandler,
    limits: Limits,
    redirects: usize,
}

/// How one attempt failed.
enum Failure {
    /// Another attempt may succeed, after the wait if the service names one.
    Transient(SourceError, Option<Duration>),
    /// The service has refused the credentials; none where it was sent none.
    Refused(SourceError, Option<Issue>),
    /// It will fail again.
    Final(SourceError),
}

impl Exchange {
    /// Has the secrets read: one that is not there is told before anything is asked.
    pub(crate) async fn begin(
        stream: &HttpStream,
        shared: &SourceShared,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self, SourceError> {
        credentials.begin().await?;
        let client = shared.client()?;
        let own = credentials.connections().client("source", builder).await?;
        Ok(Self {
            own: own.unwrap_or_else(|| client.clone()),
            client,
            shared: shared.clone(),
            credentials,
            carried: None,
            origins: Origins::new(
                &stream.requester.url_base,
                &stream.limits.allowed_origins,
                stream.limits.keeps_origin,
            ),
            handler: stream.error_handler.clone(),
            limits: stream.limits.clone(),
            redirects: MAX_REDIRECTS,
        })
    }

    /// The same, for requests that carry a secret beside the credentials: it is masked like those, and no redirect is
    /// followed, for it is for the service itself.
    #[must_use]
    pub(crate) fn carrying(self, secret: SecretString) -> Self {
        Self { redirects: 0, carried: Some(secret), ..self }
    }

    /// Finds in texts what may not be kept or said.
    pub(crate) fn masker(&self) -> Arc<Masker> {
        let masker = self.credentials.masker();
        let Some(carried) = &self.carried else { return masker };
        let mut masker = Masker::clone(&masker);
        masker.hide(carried.expose_secret());
        Arc::new(masker)
    }

    fn strip(&self, url: &mut Url) {
        strip(url, &self.credentials.parameters(), &self.masker());
    }

    /// Makes a URL that a service gave fit to be kept: without credentials, at an origin that may be asked. The
    /// error says why it cannot be.
    pub(crate) fn clean(&self, url: &mut Url) -> Result<(), String> {
        self.origins.keep(url);
        self.strip(url);
        if self.origins.trust(url).is_none() {
            return Err(leads_away(url));
        }
        if self.repeats_credential(url.as_str()) {
            return Err("the next page's URL repeats a credential of ours, which may not be kept".to_owned());
        }
        Ok(())
    }

    /// Whether a text that is to be kept holds a credential.
    pub(crate) fn repeats_credential(&self, text: &str) -> bool {
        self.masker().is_in(text)
    }

    /// Sends a request until it is answered, it fails for good, or it was tried often enough. Once it is sent again at
    /// once, when its credentials are refused and there are newer ones.
    pub(crate) async fn send(&self, outgoing: &Outgoing) -> Result<Answer, SourceError> {
        let (mut failures, mut renewed) = (0, false);
        loop {
            match self.attempt(outgoing).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Refused(error, Some(refused))) if !renewed => {
                    self.renew(error, refused).await?;
                    renewed = true;
                }
                Err(Failure::Final(error) | Failure::Refused(error, _)) => return Err(error),
                Err(Failure::Transient(error, asked)) => {
                    failures += 1;
                    self.pause(failures, error, asked, &outgoing.url).await?;
                }
            }
        }
    }

    /// Asks for newer credentials than those that the service has refused. Gives the refusal back when there are none.
    async fn renew(&self, refusal: SourceError, refused: Issue) -> Result<(), SourceError> {
        match self.credentials.rejected(refused).await? {
            Verdict::GiveUp => Err(refusal),
            Verdict::Retry => {
                tracing::info!(%refusal, "the credentials have changed since; the request is repeated with the new ones");
                Ok(())
            }
        }
    }

    /// Waits before another attempt, as long as the service asks, else longer each time. Gives the error back when there were
    /// enough attempts.
    pub(crate) async fn pause(
        &self,
        failures: u32,
        error: SourceError,
        asked: Option<Duration>,
        url: &Url,
    ) -> Result<(), SourceError> {
        if failures >= self.handler.attempts {
            return Err(error);
        }
        let wait = match asked {
            Some(wait) if wait > self.handler.max_wait => return Err(self.too_long(wait, url)),
            Some(wait) => wait,
            None => backoff(failures, self.handler.max_wait, self.shared.random()),
        };
        tracing::warn!(%error, failures, wait_ms = wait.as_millis(), "the request is repeated");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// How long an answer asks us to wait.
    pub(crate) fn asked_wait(&self, headers: &HeaderMap, body: &[u8]) -> Option<Duration> {
        asked_wait(&self.handler.wait, headers, body, self.now())
    }

    fn now(&self) -> SystemTime {
        SystemTime::try_from((self.shared.now)()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Sends a request once and follows where it leads.
    async fn attempt(&self, outgoing: &Outgoing) -> Result<Answer, Failure> {
        let (mut outgoing, mut from) = (outgoing.clone(), None);
        for _ in 0..=self.redirects {
            self.origins.keep(&mut outgoing.url);
            let trust = self.trust(&outgoing.url, from.as_ref())?;
            self.shared.pace.ready().await;
            let (request, carried) = self.request(&outgoing, trust).await.map_err(Failure::Final)?;
            let client = if carried.is_some() { &self.own } else { &self.client };
            let response = client.execute(request).await;
            let response = response.map_err(|error| self.unreachable(&outgoing.url, error))?;
            match redirection(&outgoing.url, &response) {
                None => return self.accept(outgoing.url, response, carried).await,
                Some(next) => {
                    // 303 says where the answer can be read; the others repeat the request elsewhere.
                    if response.status() == 303 {
                        outgoing.method = Method::GET;
                        outgoing.body = None;
                    }
                    from = Some(std::mem::replace(&mut outgoing.url, next));
                    self.strip(&mut outgoing.url);
                }
            }
        }
        let message = match self.redirects {
            0 => {
                "it redirects, but what was sent is for this URL alone; mend `baseUrl` or the path".to_owned()
            }
            most => format!("it redirects more than {most} times"),
        };
        Err(Failure::Final(self.wrong_answer(&outgoing.url, &message)))
    }

    /// Whether a URL is the service's own; `from`: what has sent us there.
    fn trust(&self, url: &Url, from: Option<&Url>) -> Result<Trust, Failure> {
        let is_encrypted = |from: &Url| {
            (from.scheme(), url.scheme()) == ("http", "https") && from.host_str() == url.host_str()
        };
        let why = || if from.is_some_and(is_encrypted) { wants_https(url) } else { leads_away(url) };
        let away = || Failure::Final(self.wrong_answer(url, &why()));
        self.origins.trust(url).ok_or_else(away)
    }

    /// The request as it is sent, and which credentials it carries.
    async fn request(
        &self,
        outgoing: &Outgoing,
        trust: Trust,
    ) -> Result<(Request, Option<Issue>), SourceError> {
        let mut request = Request::new(outgoing.method.clone(), outgoing.url.clone());
        *request.headers_mut() = outgoing.headers.clone();
        *request.body_mut() = outgoing.body.clone().map(reqwest::Body::from);
        *request.timeout_mut() = Some(self.limits.timeout);
        let carried = match trust {
            Trust::Own => Some(self.credentials.apply(&mut request).await?),
            Trust::Allowed => None,
        };
        Ok((request, carried))
    }

    /// Takes the body of a good answer, or says what a bad one means.
    async fn accept(&self, url: Url, response: Response, carried: Option<Issue>) -> Result<Answer, Failure> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if response.status().is_success() {
            let behind = behind(&headers, self.now());
            let body = read_body(response, self.limits.max_body).await;
            let body = body.map_err(|error| self.body_failure(&url, error))?;
            if let Some(message) = unasked_encoding(&headers, &body) {
                return Err(Failure::Final(self.wrong_answer(&url, &message)));
            }
            return Ok(Answer { status, url, headers, body, behind });
        }
        let body = read_beginning(response).await;
        let shown = self.show(&url);
        let names_wait = named_wait(&self.handler.wait, &headers, &body, self.now()).is_some();
        if is_transient(status, &headers, names_wait) {
            let wait = self.asked_wait(&headers, &body);
            let message = self.message(&body);
            return Err(Failure::Transient(SourceError::Status { status, url: shown, message }, wait));
        }
        let refusal =
            |url: String| SourceError::Unauthorized { status, url, credentials: self.credentials_sent() };
        Err(match status {
            401 => Failure::Refused(refusal(shown), carried),
            // It may be said of one record, or of a right that no newer credentials would have.
            403 => Failure::Final(refusal(shown)),
            _ => Failure::Final(SourceError::Status { status, url: shown, message: self.message(&body) }),
        })
    }

    fn body_failure(&self, url: &Url, error: BodyError) -> Failure {
        match error {
            BodyError::Broken(error) => self.unreachable(url, error),
            BodyError::Corrupt(error) => {
                let (url, message) = (self.show(url), corrupt(&error));
                Failure::Transient(SourceError::Unreachable { url, message }, None)
            }
            BodyError::TooLarge => {
                let limit = ByteSize(self.limits.max_body);
                let message =
                    format!("the answer is larger than {limit}; raise `maxBody` or ask for smaller pages");
                Failure::Final(SourceError::Limit { place: self.show(url), message })
            }
        }
    }

    fn unreachable(&self, url: &Url, error: reqwest::Error) -> Failure {
        if is_exhausted(&error) || descriptors_are_out() {
            let message = self.masker().mask(&Trouble::of(error).plain);
            return Failure::Transient(SourceError::Exhausted { message }, None);
        }
        let message = if error.is_timeout() {
            format!("nothing complete came within {} s", self.limits.timeout.as_secs())
        } else {
            let trouble = Trouble::of(error);
            if let Some(message) = trouble.of_our_certificate() {
                let (url, message) = (self.show(url), message.to_owned());
                return Failure::Final(SourceError::CertificateRefused { url, message });
            }
            let masker = self.masker();
            tracing::debug!(cause = masker.mask(&trouble.chain), "the library says why");
            masker.mask(&trouble.plain)
        };
        Failure::Transient(SourceError::Unreachable { url: self.show(url), message }, None)
    }

    fn too_long(&self, wait: Duration, url: &Url) -> SourceError {
        let (wait, longest) = (wait.as_secs(), self.handler.max_wait.as_secs());
        let message =
            format!("the service asks us to wait for {wait} s, longer than `retry.maxWait` of {longest} s");
        SourceError::Limited { place: self.show(url), message }
    }

    /// The error that an answer is not what the settings say, with every secret masked.
    pub(crate) fn wrong_answer(&self, url: &Url, message: &str) -> SourceError {
        SourceError::Answer { place: self.show(url), message: self.masker().mask(message) }
    }

    /// What a good answer says went wrong, with every secret masked.
    pub(crate) fn complained(&self, status: u16, complaint: &Complaint) -> String {
        format!("it answered {status} with an error: {}", self.message(complaint.message.as_bytes()))
    }

    /// A URL as it may be shown.
    pub(crate) fn show(&self, url: &Url) -> String {
        self.masker().mask(&shown(url))
    }

    /// Which credentials were sent: the Authorization, and where its secrets are read.
    fn credentials_sent(&self) -> String {
        let references = self.credentials.references();
        match (self.shared.authorization(), references.is_empty()) {
            (_, true) => "none were sent".to_owned(),
            (Some(name), false) => format!("Authorization `{name}`, {}", references.join(", ")),
            (None, false) => references.join(", "),
        }
    }

    fn message(&self, body: &[u8]) -> String {
        let said = self.masker().excerpt(body, MAX_MESSAGE);
        if said.is_empty() { "nothing was said".to_owned() } else { said }
    }
}

/// Whether nothing more can be opened here. Looking up a name fails without saying so then.
fn descriptors_are_out() -> bool {
    std::fs::File::open("/dev/null").is_err_and(|error| is_exhausted(&error))
}

/// Why a URL that a service gave is not followed.
fn leads_away(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!(
        "the service leads away from its own origin; if that is meant, add `{origin}` to `allowedOrigins` (no credential is sent there)"
    )
}

/// Why a redirect from http to https is not followed: what was sent went over the line as it is, each time.
fn wants_https(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!(
        "the service answers http with a redirect to https: write https into `baseUrl`, which begins with `{origin}` then"
    )
}

/// Where an answer sends us instead.
fn redirection(url: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    url.join(&in_ascii(response.headers().get(LOCATION)?.as_bytes())).ok()
}
