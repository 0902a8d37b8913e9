//! `LegacySessionTokenAuthenticator`: a session token that the config states, as long as the service accepts it, or one
//! that user and password give. It asks once whether the stated one is accepted, and logs in once a day.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::component::{Component, Problem};
use crate::error::{FailureKind, ReadError};
use crate::failure::message_of;
use crate::request::text::python_text;
use crate::request::url;
use crate::service::Service;
use crate::template::{Context, Template};
use crate::transport::{Request, Response};

/// A session token of the older kind, compiled.
pub struct LegacySession {
    base: Template,
    header: Template,
    stated: Template,
    member: Template,
    user: Template,
    password: Option<Template>,
    login: Template,
    validation: Template,
    known: Mutex<Option<(SecretString, Timestamp)>>,
}

/// How long a token is used.
const LIFETIME: Duration = Duration::from_hours(24);

impl LegacySession {
    pub(super) fn new(component: &Component) -> Result<Self, Problem> {
        let needed = |name: &str| component.template(name).and_then(|it| component.required(name, it));
        // What the config need not have may be missing.
        let optional =
            |name: &str| component.template(name)?.map_or_else(|| component.template_of(name, ""), Ok);
        Ok(Self {
            header: needed("header")?,
            login: needed("login_url")?,
            member: needed("session_token_response_key")?,
            validation: needed("validate_session_url")?,
            base: optional("api_url")?,
            stated: optional("session_token")?,
            user: optional("username")?,
            password: component.template("password")?,
            known: Mutex::new(None),
        })
    }

    /// The name of the header.
    pub(super) fn header(&self, context: &Context) -> Result<String, ReadError> {
        Ok(self.header.text(context)?)
    }

    /// The token of now.
    pub(super) async fn token(&self, service: &Service) -> Result<String, ReadError> {
        let mut known = self.known.lock().await;
        let now = service.transport().now();
        if let Some((token, expires)) = known.as_ref()
            && *expires > now
        {
            return Ok(token.expose_secret().to_owned());
        }
        let context = service.context();
        let stated = self.stated.text(&context)?;
        service.masks().add(&stated);
        let token = if !stated.is_empty() && self.is_accepted(&stated, service).await? {
            stated
        } else {
            self.log_in(service).await?
        };
        service.masks().add(&token);
        let expires = now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        *known = Some((SecretString::from(token.clone()), expires));
        Ok(token)
    }

    async fn is_accepted(&self, token: &str, service: &Service) -> Result<bool, ReadError> {
        let context = service.context();
        let headers = vec![(self.header.text(&context)?, token.to_owned())];
        let (answer, url) = self.ask("GET", &self.validation, (headers, None), service).await?;
        match answer.status {
            401 => Ok(false),
            status if status < 400 => Ok(true),
            _ => Err(refused(&answer, url, service)),
        }
    }

    async fn log_in(&self, service: &Service) -> Result<String, ReadError> {
        let context = service.context();
        let user = self.user.text(&context)?;
        let password = self.password.as_ref().map(|password| password.text(&context)).transpose()?;
        let password =
            password.filter(|password| !password.is_empty() && !user.is_empty()).ok_or_else(|| {
                let message =
                    "the session token is not accepted, and there are no user and password to get one with";
                ReadError::Settings(message.to_owned())
            })?;
        service.masks().add(&password);
        let body = Bytes::from(json!({"username": user, "password": password}).to_string());
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let (answer, url) = self.ask("POST", &self.login, (headers, Some(body)), service).await?;
        if answer.status >= 400 {
            return Err(refused(&answer, url, service));
        }
        let member = self.member.text(&context)?;
        let token =
            serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| body.get(&member).cloned());
        let token = token.filter(|token| !token.is_null());
        let message = format!("its answer has no `{member}`");
        token.map(|token| python_text(&token)).ok_or(ReadError::Answer { url, message })
    }

    /// Asks a path of the service, and says at which URL.
    async fn ask(
        &self,
        method: &str,
        path: &Template,
        (headers, body): (Vec<(String, String)>, Option<Bytes>),
        service: &Service,
    ) -> Result<(Response, String), ReadError> {
        let context = service.context();
        let url = format!("{}{}", self.base.text(&context)?, path.text(&context)?);
        let url = url::prepared(&url, "").map_err(|error| ReadError::Settings(error.to_string()))?;
        let shown = url::shown(&url);
        let request = Request { method: method.to_owned(), url, headers, body };
        match service.transport().send(request).await {
            Ok(answer) => Ok((answer, shown)),
            Err(source) => Err(ReadError::Transport { url: shown, source }),
        }
    }
}

fn refused(answer: &Response, url: String, service: &Service) -> ReadError {
    let message = service.masks().mask(&message_of(answer).unwrap_or_default());
    ReadError::Status { status: answer.status, url, message, failure: FailureKind::Config }
}
