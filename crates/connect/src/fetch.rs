//! Fetches a text from a URL, once and without credentials: the manifest of a connector that is going to be locked.
//!
//! It follows redirects, but never from https to anything else, and reads no more than its limit. It judges no text.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use url::Url;

use crate::answer::{BodyError, corrupt, read_body};
use crate::client::{builder_for, is_safe};
use crate::network::Trouble;

/// How long a fetch may take altogether.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest text, in bytes.
const MAX_TEXT: u64 = 16 << 20;
/// How many redirects are followed one after the other.
const MAX_REDIRECTS: usize = 5;

/// Why a text was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL is not one of a file that anybody may have.
    #[error("it is no URL that begins with https:// (or http:// on this machine)")]
    Url,
    /// Nothing complete came.
    #[error("{0}")]
    Unreachable(String),
    /// Something else came.
    #[error("it answered {0}")]
    Status(u16),
    /// There is more than may be read.
    #[error("it is larger than {} MB", MAX_TEXT >> 20)]
    TooLarge,
    /// It is no text.
    #[error("it is not UTF-8 text")]
    NotUtf8,
}

/// The text that a URL leads to, without byte order mark.
///
/// # Errors
/// When it cannot be had, or is no text.
pub async fn fetch_text(url: &str) -> Result<String, FetchError> {
    let url = Url::parse(url).ok().filter(may_be_fetched).ok_or(FetchError::Url)?;
    let unreachable = |error: reqwest::Error| FetchError::Unreachable(Trouble::of(error).plain);
    let builder = builder_for([url.as_str()]).redirect(Policy::custom(redirect)).timeout(TIMEOUT);
    let client = builder.build().map_err(unreachable)?;
    let response = client.get(url).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let text = read_body(response, MAX_TEXT).await.map_err(|error| match error {
        BodyError::TooLarge => FetchError::TooLarge,
        BodyError::Broken(error) => unreachable(error),
        BodyError::Corrupt(error) => FetchError::Unreachable(corrupt(&error)),
    })?;
    let text = String::from_utf8(text.to_vec()).map_err(|_| FetchError::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// What is fetched without TLS may be changed on the way, except on this machine.
fn may_be_fetched(url: &Url) -> bool {
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_plain && is_safe(url)
}

fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("it redirects too often");
    }
    let was_secure = attempt.previous().iter().any(|url| url.scheme() == "https");
    if !may_be_fetched(attempt.url()) || (was_secure && attempt.url().scheme() != "https") {
        return attempt.error("it redirects to a place that is not secure");
    }
    attempt.follow()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_changed_on_the_way_is_not_fetched() {
        for (url, expected) in [
            ("https://hub.example/shop.yaml", true),
            ("https://hub.example/shop.yaml?raw=1", true),
            ("http://127.0.0.1:8080/shop.yaml", true),
            ("http://[::1]/shop.yaml", true),
            ("http://localhost/shop.yaml", true),
            ("http://hub.example/shop.yaml", false),
            ("https://me:pw@hub.example/shop.yaml", false),
            ("https://hub.example/shop.yaml#x", false),
            ("file:///etc/passwd", false),
            ("ftp://hub.example/x", false),
        ] {
            assert_eq!(may_be_fetched(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
