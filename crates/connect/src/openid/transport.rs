//! Carries the questions of the library of OpenID Connect: bounded in time and size, and no redirect is followed, for what
//! is sent is for its URL alone. It reads nothing of what it carries.

use std::fmt;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use raccord_model::port::Async;
use url::{Host, Url};

use crate::answer::{BodyError, read_body};
use crate::crypto::install_crypto;
use crate::network::Trouble;

/// How long one question may take altogether.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

/// What went wrong on the way, in words.
#[derive(Debug)]
pub(super) struct OnTheWay(String);

impl fmt::Display for OnTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OnTheWay {}

impl OnTheWay {
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
    pub(super) fn new(issuer: &Url) -> Result<Self, OnTheWay> {
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(TIMEOUT)
            .user_agent(concat!("raccord/", env!("CARGO_PKG_VERSION")));
        if issuer.scheme() == "http" {
            // There is no need to load the certificates of the system.
            builder = builder.tls_certs_only([]);
        }
        builder.build().map(Self).map_err(OnTheWay::of)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, OnTheWay> {
        let request = reqwest::Request::try_from(request).map_err(OnTheWay::of)?;
        if !is_safe(request.url()) {
            return Err(OnTheWay(format!("{} is not asked without TLS", host(request.url()))));
        }
        let response = self.0.execute(request).await.map_err(OnTheWay::of)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, MAX_ANSWER).await.map_err(|error| match error {
            BodyError::TooLarge => OnTheWay("its answer is larger than 1 MB".to_owned()),
            BodyError::Broken(error) => OnTheWay::of(error),
        })?;
        let mut answer = HttpResponse::new(body.to_vec());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Transport {
    type Error = OnTheWay;
    type Future = Async<'c, Result<HttpResponse, OnTheWay>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("it")
}

/// Whether nothing can be read or changed on the way: there is TLS, or it is this machine.
pub(super) fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    (url.scheme() == "https" && url.has_host()) || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_changed_on_the_way_is_not_asked() {
        let check = |url: &str, expected| assert_eq!(is_safe(&url.parse().unwrap()), expected, "{url}");
        check("https://login.example/realms/main", true);
        check("http://127.0.0.1:8080", true);
        check("http://[::1]:8080", true);
        check("http://localhost", true);
        check("http://login.example", false);
        check("http://localhost.evil.example", false);
        check("ftp://login.example", false);
        check("file:///etc/passwd", false);
    }
}
