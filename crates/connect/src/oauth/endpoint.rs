//! Asks a server's endpoints: one form, one answer of JSON. It follows no redirect, for a form with secrets is for its
//! URL alone, and says of an answer its status and its code only.

use std::time::Duration;

use raccord_model::language::authorization::{ClientAuth, OAuth2};
use raccord_model::port::exhausted::is_exhausted;
use raccord_model::port::source::SourceError;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::answer::{Refusal, code, refusal};
use super::grant::{Client, Question};
use crate::answer::read_beginning;
use crate::client::{builder, builder_for};
use crate::mask::Masker;
use crate::network::Trouble;
use crate::secret::SecretReader;
use crate::tls::TlsConnections;

/// How long one question may take altogether.
const TIMEOUT: Duration = Duration::from_secs(14);

/// How often a question is asked; with its waits that takes less than the lease of the vault.
const ATTEMPTS: u32 = 3;

/// How long it waits before it asks again; longer each time.
const WAIT: Duration = Duration::from_secs(1);

/// The longest text about a refusal that is shown, in characters.
const MAX_SAID: usize = 200;

/// An answer that gives nothing.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What it means.
    pub(crate) refusal: Refusal,
    /// The same as an error of a source.
    pub(crate) error: SourceError,
    /// Its code, or its status.
    pub(crate) code: String,
}

/// The endpoints of one server.
#[derive(Debug)]
pub(crate) struct Endpoint {
    client: reqwest::Client,
}

impl Endpoint {
    /// Prepares to ask the server of an Authorization.
    pub(crate) async fn of(oauth: &OAuth2, secrets: &SecretReader) -> Result<Self, SourceError> {
        let connections = TlsConnections::with(oauth.tls.as_deref(), secrets);
        if let Some(client) = connections.client("tokens", || builder().timeout(TIMEOUT)).await? {
            return Ok(Self { client });
        }
        let urls = std::iter::once(&oauth.token_url).chain(&oauth.device_url).map(String::as_str);
        let client =
            builder_for(urls).timeout(TIMEOUT).build().map_err(|error| SourceError::Unreachable {
                url: oauth.token_url.clone(),
                message: format!("no HTTP client could be made: {}", Trouble::of(error).chain),
            })?;
        Ok(Self { client })
    }

    /// Asks until there is an answer that is not for the moment alone, or often enough.
    pub(crate) async fn ask(
        &self,
        url: &str,
        oauth: &OAuth2,
        (client, question): (&Client, &Question),
    ) -> Result<Vec<u8>, Refused> {
        let mut attempt = 1;
        loop {
            match self.ask_once(url, oauth, (client, question)).await {
                Err(refused) if refused.refusal == Refusal::Transient && attempt < ATTEMPTS => {
                    tracing::warn!(error = %refused.error, attempt, "the question for a token is repeated");
                    tokio::time::sleep(WAIT * attempt).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn ask_once(
        &self,
        url: &str,
        oauth: &OAuth2,
        (client, question): (&Client, &Question),
    ) -> Result<Vec<u8>, Refused> {
        let shown = shown(url);
        let request = self.client.post(url).header(ACCEPT, "application/json");
        let request = match (oauth.client_auth, &client.secret) {
            (ClientAuth::Basic, Some(secret)) => {
                // RFC 6749, 2.3.1: both are encoded as in a form first.
                request.basic_auth(encoded(&client.id), Some(encoded(secret)))
            }
            (ClientAuth::Basic, None) | (ClientAuth::Body, _) => request,
        };
        let form = form(oauth, client, question);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(unreachable(shown, error)),
        };
        let status = response.status().as_u16();
        let body = read_beginning(response).await;
        let code = code(&body);
        // Some servers answer errors with a status of success.
        if (200..300).contains(&status) && code.is_none() {
            return Ok(body);
        }
        let refusal =
            if (300..400).contains(&status) { Refusal::Settings } else { refusal(status, code.as_deref()) };
        let said = masker(client, question).excerpt(description(&body).as_bytes(), MAX_SAID);
        let code = code.unwrap_or_else(|| status.to_string());
        Err(refused(refusal, (status, shown), (code, said), oauth))
    }
}

/// The error for a refusal.
fn refused(
    refusal: Refusal,
    (status, url): (u16, String),
    (code, said): (String, String),
    oauth: &OAuth2,
) -> Refused {
    let said = if said.is_empty() { code.clone() } else { format!("{code}: {said}") };
    let error = match refusal {
        Refusal::Client => {
            let secret = oauth.client_secret.as_ref().map(|reference| format!(", {reference}"));
            let credentials = format!("`clientId`{}; it says {said}", secret.unwrap_or_default());
            SourceError::Unauthorized { status, url, credentials }
        }
        Refusal::Settings if status == 404 || (300..400).contains(&status) => SourceError::Settings {
            place: "tokenUrl".to_owned(),
            message: format!("{url} answered {status}, so that it is not where tokens are issued"),
        },
        Refusal::Settings => SourceError::Settings {
            place: "the authorization".to_owned(),
            message: format!("{url} refuses what is asked: {said}"),
        },
        _ => SourceError::Status { status, url, message: said },
    };
    Refused { refusal, error, code }
}

fn unreachable(url: String, error: reqwest::Error) -> Refused {
    let is_local = is_exhausted(&error);
    let trouble = (!error.is_timeout()).then(|| Trouble::of(error));
    if let Some(message) = trouble.as_ref().and_then(Trouble::of_our_certificate) {
        let error = SourceError::CertificateRefused { url, message: message.to_owned() };
        return Refused { refusal: Refusal::Client, error, code: "no answer".to_owned() };
    }
    let message = trouble.map_or_else(
        || format!("nothing complete came within {} s", TIMEOUT.as_secs()),
        |trouble| trouble.plain,
    );
    let error =
        if is_local { SourceError::Exhausted { message } } else { SourceError::Unreachable { url, message } };
    Refused { refusal: Refusal::Transient, error, code: "no answer".to_owned() }
}

/// Finds what a question carries that may not be shown.
fn masker(client: &Client, question: &Question) -> Masker {
    let mut masker = client.masker.clone();
    for (name, value) in &question.parameters {
        if SECRET.contains(&name.as_str()) {
            masker.hide(value.expose_secret());
        }
    }
    masker
}

/// The parameters of a question that are secret.
const SECRET: [&str; 5] = ["refresh_token", "assertion", "code", "code_verifier", "device_code"];

/// The parameters in the form of a body.
fn form(oauth: &OAuth2, client: &Client, question: &Question) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &question.parameters {
        form.append_pair(name, value.expose_secret());
    }
    let is_in_header = oauth.client_auth == ClientAuth::Basic && client.secret.is_some();
    if !is_in_header {
        form.append_pair("client_id", client.id.expose_secret());
        if let Some(secret) = &client.secret {
            form.append_pair("client_secret", secret.expose_secret());
        }
    }
    form.finish()
}

fn encoded(text: &SecretString) -> String {
    url::form_urlencoded::byte_serialize(text.expose_secret().as_bytes()).collect()
}

/// What the answer says of the error in words; nothing where it is not what the standard says. Servers repeat there what
/// they were sent, and all of that is masked.
fn description(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("error_description").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// A URL without its query.
fn shown(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "the server".to_owned() };
    url.set_query(None);
    url.to_string()
}
