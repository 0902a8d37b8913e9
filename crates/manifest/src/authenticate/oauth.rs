//! `OAuthAuthenticator`: access tokens from a refresh token or from the client's own credentials. One token is fetched
//! at a time, for all that need it; a refresh token that the server replaced is kept before it is used.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use super::grant::{Grant, Paths};
use super::{TokenStore, TokenStoreError, Tokens};
use crate::component::{Component, Problem};
use crate::error::{FailureKind, ReadError};
use crate::failure::message_of;
use crate::request::url;
use crate::service::Service;
use crate::transport::{Request, Response};

/// An OAuth client, compiled, and its tokens.
pub struct OAuth {
    grant: Grant,
    tokens: Mutex<Known>,
}

/// What is known of the tokens.
#[derive(Default)]
struct Known {
    tokens: Option<Tokens>,
    is_loaded: bool,
}

/// For how long a token is fetched again when the server fails.
const MAX_SECONDS: u64 = 300;

/// How long a token is valid when the server does not say it.
const LIFETIME: Duration = Duration::from_hours(1);

impl OAuth {
    pub(super) fn new(component: &Component, service: &Arc<Service>) -> Result<Self, Problem> {
        Ok(Self { grant: Grant::new(component, service)?, tokens: Mutex::new(Known::default()) })
    }

    /// The access token of now.
    pub(super) async fn token(&self, service: &Service) -> Result<String, ReadError> {
        if let Some(token) = self.grant.fixed_token(&service.context())? {
            service.masks().add(&token);
            return Ok(token);
        }
        let mut known = self.tokens.lock().await;
        self.load(&mut known, service).await?;
        let now = service.transport().now();
        match &known.tokens {
            Some(tokens) if now <= tokens.expires => Ok(tokens.access.expose_secret().to_owned()),
            _ => self.fetch(&mut known, service).await,
        }
    }

    /// Fetches another token, unless the rejected one was replaced already.
    pub(super) async fn replace(&self, rejected: &str, service: &Service) -> Result<(), ReadError> {
        let mut known = self.tokens.lock().await;
        match &known.tokens {
            Some(tokens) if tokens.access.expose_secret() != rejected => Ok(()),
            _ => self.fetch(&mut known, service).await.map(drop),
        }
    }

    /// The tokens that were kept, or stand in the config.
    async fn load(&self, known: &mut Known, service: &Service) -> Result<(), ReadError> {
        if known.is_loaded {
            return Ok(());
        }
        if let Some(store) = self.store(service) {
            known.tokens = store.load(self.first(service)?).await.map_err(|error| unkept(&error))?;
        }
        if known.tokens.is_none() {
            known.tokens = self.grant.stated_tokens(service)?;
        }
        for token in
            known.tokens.iter().flat_map(|tokens| [Some(&tokens.access), tokens.refresh.as_ref()]).flatten()
        {
            service.masks().add(token.expose_secret());
        }
        known.is_loaded = true;
        Ok(())
    }

    /// Where tokens outlive the reading, for a client whose refresh tokens are replaced.
    fn store<'s>(&self, service: &'s Service) -> Option<&'s Arc<dyn TokenStore>> {
        service.tokens().filter(|_| self.grant.paths().is_some())
    }

    /// The refresh token of the config.
    fn first(&self, service: &Service) -> Result<Option<SecretString>, ReadError> {
        Ok(self.grant.stated_tokens(service)?.and_then(|tokens| tokens.refresh))
    }

    async fn fetch(&self, known: &mut Known, service: &Service) -> Result<String, ReadError> {
        let Some(store) = self.store(service) else { return self.ask(known, service).await };
        // Other readings have the same refresh token: only one of them may use it.
        let _alone = store.begin().await.map_err(|error| unkept(&error))?;
        if let Some(kept) = store.load(self.first(service)?).await.map_err(|error| unkept(&error))? {
            let access = kept.access.expose_secret().to_owned();
            let is_news = known.tokens.as_ref().is_none_or(|tokens| tokens.access.expose_secret() != access);
            let is_valid = service.transport().now() <= kept.expires;
            for token in [Some(&kept.access), kept.refresh.as_ref()].into_iter().flatten() {
                service.masks().add(token.expose_secret());
            }
            known.tokens = Some(kept);
            if is_news && is_valid {
                return Ok(access);
            }
        }
        self.ask(known, service).await
    }

    async fn ask(&self, known: &mut Known, service: &Service) -> Result<String, ReadError> {
        let refresh = known.tokens.as_ref().and_then(|tokens| tokens.refresh.clone());
        let request = self.grant.request(refresh.as_ref(), service)?;
        let url = url::shown(&request.url);
        let answer = self.send(&request, &url, service).await?;
        let fail = |message: &str| ReadError::Answer { url: url.clone(), message: message.to_owned() };
        let body: Value = serde_json::from_slice(&answer.body).map_err(|_| fail("the answer is no JSON"))?;
        let names = self.grant.names(&service.context())?;
        let access =
            find(&body, &names.access, 0).and_then(text).ok_or_else(|| fail("there is no access token"))?;
        service.masks().add(&access);
        // What is not used here is secret all the same.
        for token in ["refresh_token", "id_token"].into_iter().filter_map(|name| find(&body, name, 0)) {
            service.masks().add(&text(token).unwrap_or_default());
        }
        let expires = self.expiry(&body, &names.expires, known, service.transport().now());
        let expires = expires.ok_or_else(|| fail("it is not clear when the token expires"))?;
        let replaced =
            self.grant.paths().and_then(|paths: &Paths| find(&body, &paths.refresh_name, 0)).and_then(text);
        if let Some(refresh) = &replaced {
            service.masks().add(refresh);
        }
        let tokens = Tokens {
            access: SecretString::from(access.clone()),
            refresh: replaced.map(SecretString::from).or(refresh),
            expires,
        };
        if let Some(store) = self.store(service) {
            store.keep(self.first(service)?, tokens.clone()).await.map_err(|error| unkept(&error))?;
        }
        known.tokens = Some(tokens);
        Ok(access)
    }

    /// When the token of an answer expires; none where the answer says it in a way that is not understood.
    fn expiry(&self, body: &Value, name: &str, known: &Known, now: Timestamp) -> Option<Timestamp> {
        if let Some(stated) = find(body, name, 0) {
            return self.grant.expiry(stated, now);
        }
        let valid = known.tokens.as_ref().map(|tokens| tokens.expires).filter(|expires| *expires > now);
        Some(valid.unwrap_or_else(|| now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX)))
    }

    async fn send(&self, request: &Request, url: &str, service: &Service) -> Result<Response, ReadError> {
        let transport = service.transport();
        let mut waited = 0;
        let mut wait = 1;
        loop {
            let answer = transport.send(request.clone()).await;
            let again = match &answer {
                Ok(answer) => answer.status == 429 || answer.status >= 500,
                Err(error) => matches!(error, crate::transport::TransportError::Unreachable(_)),
            };
            if again && waited < MAX_SECONDS {
                transport.sleep(Duration::from_secs(wait)).await;
                waited += wait;
                wait *= 2;
                continue;
            }
            let answer = answer.map_err(|source| ReadError::Transport { url: url.to_owned(), source })?;
            if answer.status < 400 {
                return Ok(answer);
            }
            let failure = if again { FailureKind::Transient } else { FailureKind::Config };
            let message = service.masks().mask(&message_of(&answer).unwrap_or_default());
            return Err(ReadError::Status { status: answer.status, url: url.to_owned(), message, failure });
        }
    }
}

fn unkept(error: &TokenStoreError) -> ReadError {
    ReadError::Settings(error.to_string())
}

/// The first value of this name, however deep it stands, within reason.
fn find<'a>(value: &'a Value, name: &str, depth: u8) -> Option<&'a Value> {
    if depth > 5 {
        return None;
    }
    match value {
        Value::Object(members) => match members.get(name) {
            Some(found) => Some(found).filter(|found| !found.is_null()),
            None => members.values().find_map(|inner| find(inner, name, depth + 1)),
        },
        Value::Array(items) => items.iter().find_map(|item| find(item, name, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn text(value: &Value) -> Option<String> {
    Some(crate::request::text::python_text(value)).filter(|text| !text.is_empty())
}

/// The names of what an answer holds.
pub(super) struct Names {
    pub(super) access: String,
    pub(super) expires: String,
}
