//! Tells a service where to push, and to stop: with the client, the credentials and the limits of its source.
//!
//! One attempt is made; whether and when there is another, the step decides that it belongs to.

use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::scalar::Scalar;
use raccord_compiler::select::{Found, Selector};
use raccord_compiler::webhook::{Content, Registrar};
use raccord_model::language::webhook::{CreateMethod, DeleteMethod};
use raccord_model::port::source::SourceError;
use raccord_model::port::webhook::{Announcement, WebhookError};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::answer::{Answer, to_utf8};
use crate::credentials::Credentials;
use crate::http::{Exchange, Outgoing, headers};
use crate::shared::SourceShared;

/// A request with this header is carried out once, however often it comes; who does not know it ignores it.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Tells the service where to push, and returns the id of what it has registered.
pub(super) async fn register(
    registrar: &Registrar,
    credentials: Arc<dyn Credentials>,
    shared: &SourceShared,
    announcement: Announcement<'_>,
) -> Result<String, WebhookError> {
    let secret = match announcement.secret {
        Some(secret) => Some(shared.secrets.read(secret).await?),
        None => None,
    };
    let exchange = exchange(registrar, credentials, shared).await?;
    // A service that refuses a secret may repeat it, and where a redirect leads it has no business.
    let exchange = match &secret {
        Some(secret) => exchange.carrying(secret.clone()),
        None => exchange,
    };
    let create = &registrar.create;
    let (media_type, body) = content(&create.content, announcement.url, secret.as_ref());
    let mut outgoing = outgoing(registrar, &exchange, &create.path)?;
    outgoing.method = match create.method {
        CreateMethod::Post => Method::POST,
        CreateMethod::Put => Method::PUT,
    };
    outgoing.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(key) = HeaderValue::from_str(announcement.key) {
        outgoing.headers.insert(IDEMPOTENCY_KEY, key);
    }
    outgoing.body = Some(body);
    let answer = exchange.send(&outgoing).await?;
    Ok(id(registrar, &exchange, answer)?)
}

/// Tells the service to stop. What it no longer has need not be removed.
pub(super) async fn unregister(
    registrar: &Registrar,
    credentials: Arc<dyn Credentials>,
    shared: &SourceShared,
    id: &str,
) -> Result<(), WebhookError> {
    let exchange = exchange(registrar, credentials, shared).await?;
    let mut outgoing = outgoing(registrar, &exchange, &registrar.delete.path(id))?;
    outgoing.method = match registrar.delete.method {
        DeleteMethod::Delete => Method::DELETE,
        DeleteMethod::Post => Method::POST,
    };
    match exchange.send(&outgoing).await {
        Ok(_) | Err(SourceError::Status { status: 404 | 410, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn exchange(
    registrar: &Registrar,
    credentials: Arc<dyn Credentials>,
    shared: &SourceShared,
) -> Result<Exchange, SourceError> {
    Exchange::begin(&registrar.stream, shared, credentials).await
}

fn outgoing(registrar: &Registrar, exchange: &Exchange, path: &str) -> Result<Outgoing, SourceError> {
    let requester = &registrar.stream.requester;
    let base = requester.url_base.as_str().trim_end_matches('/');
    let slash = if path.starts_with(['/', '?']) { "" } else { "/" };
    let wrong = |message: String| exchange.wrong_answer(&requester.url_base, &message);
    let url = Url::parse(&format!("{base}{slash}{path}"));
    let url = url.map_err(|error| wrong(format!("the path of the registration is wrong: {error}")))?;
    let headers = headers(&requester.headers).map_err(wrong)?;
    Ok(Outgoing { method: Method::POST, url, headers, body: None })
}

fn content(content: &Content, url: &str, secret: Option<&SecretString>) -> (&'static str, Bytes) {
    let value_of = |name: &str| match name {
        "url" => Some(Value::from(url)),
        "secret" => secret.map(|secret| Value::from(secret.expose_secret())),
        _ => None,
    };
    match content {
        Content::Json(body) => ("application/json", body.render(&value_of).to_string().into()),
        Content::Form(fields) => {
            let mut form = Serializer::new(String::new());
            for (name, text) in fields {
                form.append_pair(name, text.render(&value_of).as_str().unwrap_or_default());
            }
            ("application/x-www-form-urlencoded", form.finish().into())
        }
    }
}

/// The id in the answer, without which nothing could be removed again.
fn id(registrar: &Registrar, exchange: &Exchange, answer: Answer) -> Result<String, SourceError> {
    let Answer { url, headers, body, .. } = answer;
    let path = &registrar.create.id;
    let body = to_utf8(&headers, body).map_err(|message| exchange.wrong_answer(&url, &message))?;
    let mut found = Found::default();
    let is_json = Selector::new([path]).select(&body, &mut found).is_ok();
    let raw = found.values.first().copied().flatten().filter(|_| is_json);
    let id = raw.and_then(|raw| Scalar::from_json(raw).as_text().map(std::borrow::Cow::into_owned));
    // Dots alone would climb up in the path that removes.
    let id = id.filter(|id| !matches!(id.as_str(), "" | "." | ".."));
    id.ok_or_else(|| {
        let message =
            format!("`id: {path}` leads to no id in the answer, so what was registered cannot be removed");
        exchange.wrong_answer(&url, &message)
    })
}
