//! Posts JSON to a webhook that users gave us. Its URL is enough to write there, so the URL is a secret:
//! no error and no Debug output holds it.
//!
//! Nothing is retried here, no redirect is followed, and little of an answer is read.

use std::fmt;
use std::time::Duration;

use raccord_model::port::Async;
use raccord_model::port::alert::{PostError, Poster};
use raccord_model::secret::TextOrSecret;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use crate::answer::read_beginning;
use crate::client::builder_for;
use crate::mask::Masker;
use crate::network::Trouble;
use crate::secret::SecretReader;

/// How long one exchange may take altogether.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of what is said about an error is kept, in characters.
const MAX_SAID: usize = 300;
/// A part of a URL's path from this length on may be what makes it secret.
const SECRET_PART: usize = 8;

/// Posts to webhooks.
pub(crate) struct HttpPoster {
    secrets: SecretReader,
}

impl fmt::Debug for HttpPoster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpPoster")
    }
}

impl HttpPoster {
    /// Where URLs are read that are not written down.
    pub(crate) const fn new(secrets: SecretReader) -> Self {
        Self { secrets }
    }

    async fn hand_over(&self, url: &TextOrSecret, body: &Value) -> Result<(), PostError> {
        let text = self.secrets.read_text(url).await?;
        let url = Url::parse(text.expose_secret()).ok().filter(Url::has_host);
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(PostError::NotAUrl)?;
        let masker = masker(&url);
        let unreachable = |error: reqwest::Error| {
            let message = masker.excerpt(Trouble::of(error).plain.as_bytes(), MAX_SAID);
            PostError::Unreachable(message)
        };
        let client = builder_for([url.as_str()]).timeout(TIMEOUT).build().map_err(unreachable)?;
        let request = client.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let response = request.send().await.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(());
        }
        let status = response.status().as_u16();
        let said = masker.excerpt(&read_beginning(response).await, MAX_SAID);
        let message = if said.is_empty() { "nothing was said".to_owned() } else { said };
        Err(PostError::Status { status, message })
    }
}

impl Poster for HttpPoster {
    fn post<'a>(&'a self, url: &'a TextOrSecret, body: &'a Value) -> Async<'a, Result<(), PostError>> {
        Box::pin(self.hand_over(url, body))
    }
}

/// Hides the URL, and the parts of it that may be quoted alone.
fn masker(url: &Url) -> Masker {
    let mut masker = Masker::default();
    masker.hide(url.as_str());
    masker.hide(url.path());
    let parts = url.path().split('/').chain(url.query()).chain([url.username()]).chain(url.password());
    for part in parts.filter(|part| part.len() >= SECRET_PART) {
        masker.hide(part);
    }
    masker
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use serde_json::json;
    use wiremock::matchers::{body_json, header, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn poster(url: String) -> HttpPoster {
        HttpPoster::new(SecretReader::new(Arc::new(move |_: &str| Some(url.clone())), Path::new(".")))
    }

    async fn post(url: &str) -> Result<(), PostError> {
        poster(url.to_owned()).post(&"${env:HOOK}".parse().unwrap(), &json!({ "text": "hello" })).await
    }

    #[tokio::test]
    async fn a_document_is_posted() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(header("content-type", "application/json"))
            .and(body_json(json!({ "text": "hello" })))
            .respond_with(ResponseTemplate::new(200))
            .expect(1)
            .mount(&server)
            .await;
        assert_eq!(post(&format!("{}/hooks/hunter22", server.uri())).await, Ok(()));
    }

    #[tokio::test]
    async fn what_goes_wrong_is_said_without_the_url() {
        let server = MockServer::start().await;
        for (status, is_permanent) in [(302, true), (404, true), (429, false), (503, false)] {
            server.reset().await;
            let url = format!("{}/hooks/hunter22?token=correct-horse", server.uri());
            let answer = ResponseTemplate::new(status)
                .insert_header("location", "/elsewhere")
                .set_body_string(format!("no hunter22 at {url}, token=correct-horse"));
            Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
            let error = post(&url).await.unwrap_err();
            assert_eq!(error.is_permanent(), is_permanent, "{error}");
            let message = "no *** at ***, ***".to_owned();
            assert_eq!(error, PostError::Status { status, message });
        }
    }

    #[tokio::test]
    async fn nobody_is_there() {
        for (url, is_permanent) in
            [("http://127.0.0.1:1/hunter22", false), ("ftp://x.example/hunter22", true), ("hunter22", true)]
        {
            let error = post(url).await.unwrap_err();
            assert_eq!(error.is_permanent(), is_permanent, "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter22"), "{error}");
        }
    }
}
