//! `SessionTokenAuthenticator`: a token that a login request gives, for as long as it is valid.

use std::sync::Arc;

use jiff::{Span, Timestamp, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use super::Credential;
use crate::Json;
use crate::component::{Component, Problem};
use crate::decode::Decoder;
use crate::error::ReadError;
use crate::exchange::{Additions, Ask, Outcome, Requester, Role};
use crate::record::Record;
use crate::request::RequestOption;
use crate::request::text::python_text;
use crate::select::path::{Segment, get, shown};
use crate::send::HttpRequester;
use crate::service::Service;
use crate::slice::Slice;
use crate::template::Template;

/// A login, compiled, and its token.
pub struct Session {
    login: HttpRequester,
    decoder: Decoder,
    path: Vec<Segment>,
    lifetime: Option<Span>,
    credential: Credential,
    shape: Option<Template>,
    token: Mutex<Option<(SecretString, Timestamp)>>,
}

impl Session {
    pub(super) fn new(component: &Component, service: &Arc<Service>) -> Result<Self, Problem> {
        let login = component.required("login_requester", component.child("login_requester"))?;
        let path = component
            .required("session_token_path", component.get("session_token_path").and_then(Value::as_array))?;
        let lifetime = component
            .str("expiration_duration")
            .map(|text| {
                text.parse().map_err(|_| component.invalid("expiration_duration", "a duration is expected"))
            })
            .transpose()?;
        let how = component.required("request_authentication", component.child("request_authentication"))?;
        let (credential, shape) = match how.kind() {
            "Bearer" => (Credential::Bearer, None),
            "ApiKey" => {
                let option = how.required("inject_into", how.child("inject_into"))?;
                (Credential::Key(RequestOption::new(&option)?), how.template("api_token")?)
            }
            _ => return Err(how.unsupported()),
        };
        Ok(Self {
            login: HttpRequester::new(&login, service, Role::Status)?,
            decoder: Decoder::new(component.child("decoder").as_ref())?,
            path: path.iter().map(Segment::of).collect(),
            lifetime,
            credential,
            shape: shape.filter(|shape| !shape.source().is_empty()),
            token: Mutex::new(None),
        })
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The token as it is sent. Without a lifetime, each request logs in.
    pub(super) async fn token(&self, service: &Service) -> Result<String, ReadError> {
        let mut known = self.token.lock().await;
        let now = service.transport().now();
        let token = match known.as_ref() {
            Some((token, expires)) if *expires >= now => token.expose_secret().to_owned(),
            _ => {
                let token = self.log_in().await?;
                service.masks().add(&token);
                if let Some(lifetime) = self.lifetime {
                    let expires = now.to_zoned_datetime(TimeZone::UTC).checked_add(lifetime);
                    let expires = expires.map_or(Timestamp::MAX, |expires| expires.timestamp());
                    *known = Some((SecretString::from(token.clone()), expires));
                }
                token
            }
        };
        match &self.shape {
            Some(shape) => {
                let context = service.context().with("session_token", &Json::new(Value::from(token)));
                Ok(shape.text(&context)?)
            }
            None => Ok(token),
        }
    }

    async fn log_in(&self) -> Result<String, ReadError> {
        let (slice, additions) = (Slice::default(), Additions::default());
        let ask = Ask { slice: &slice, token: None, path: None, additions: &additions };
        let missing = |message: String| ReadError::Answer { url: "the login".to_owned(), message };
        let (Outcome::Answer(answer) | Outcome::Ignored(answer)) = self.login.ask(ask).await? else {
            return Err(missing("it was not answered with a token".to_owned()));
        };
        let documents = self.decoder.documents(&answer)?;
        let document = documents.first().map(Record::value).unwrap_or_default();
        match get(&document, &self.path) {
            Ok(Some(token)) if !token.is_null() => Ok(python_text(token)),
            _ => Err(missing(format!("its answer has no `{}`", shown(&self.path)))),
        }
    }
}
