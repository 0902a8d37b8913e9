//! What proves to the service who asks: API keys, bearer tokens, OAuth, session tokens. An authenticator adds to a
//! request and fetches tokens over the transport; it never sees an answer of a stream.

mod grant;
mod jwt;
mod legacy;
mod oauth;
mod quota;
mod rotate;
mod session;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde_json::Value;

use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::{Additions, Place};
use crate::request::RequestOption;
use crate::select::path::{Segment, get};
use crate::service::Service;
use crate::template::Template;
use crate::transport::{Async, Request, Response};

use jwt::Jwt;
pub use jwt::sign;
use legacy::LegacySession;
use oauth::OAuth;
use rotate::Rotation;
use session::Session;

/// An authenticator, compiled.
pub enum Authenticator {
    /// Nothing is added.
    None,
    /// A token that stands in the config.
    Stated(Credential, Template),
    /// User and password.
    Basic(Template, Template),
    /// A token that an OAuth server gives.
    OAuth(Box<OAuth>),
    /// A token that a login gives.
    Session(Box<Session>),
    /// A token that a login of the older kind gives.
    LegacySession(Box<LegacySession>),
    /// Several tokens of equal rights.
    Rotation(Box<Rotation>),
    /// A token that is signed here.
    Jwt(Box<Jwt>),
}

/// Where a token goes.
#[derive(Debug)]
pub enum Credential {
    /// `Authorization: Bearer …`
    Bearer,
    /// Wherever the manifest says.
    Key(RequestOption),
}

/// Tokens that were fetched.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The token that is sent with requests.
    pub access: SecretString,
    /// The token with which the next one is fetched.
    pub refresh: Option<SecretString>,
    /// Until when the access token is valid.
    pub expires: jiff::Timestamp,
}

/// Keeps tokens beyond a reading.
pub trait TokenStore: Send + Sync {
    /// Takes the right to fetch tokens; others who want it wait until what this returns is dropped.
    fn begin(&self) -> Async<'_, Result<Box<dyn Send>, TokenStoreError>>;
    /// The tokens as they were kept last, of those that came from this first refresh token of the config.
    fn load(&self, first: Option<SecretString>) -> Async<'_, Result<Option<Tokens>, TokenStoreError>>;
    /// Keeps tokens. They are not used before this is done.
    fn keep(&self, first: Option<SecretString>, tokens: Tokens) -> Async<'_, Result<(), TokenStoreError>>;
}

/// Why tokens cannot be loaded or kept. It holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TokenStoreError(pub String);

impl Authenticator {
    /// The authenticator that a component describes.
    ///
    /// # Errors
    /// When it is wrong, or cannot be used here.
    pub fn new(component: &Component, service: &Arc<Service>) -> Result<Self, Problem> {
        let needed = |name: &str| component.template(name).and_then(|it| component.required(name, it));
        Ok(match component.kind() {
            "NoAuth" => Self::None,
            "ApiKeyAuthenticator" => Self::Stated(Credential::key(component)?, needed("api_token")?),
            "BearerAuthenticator" => Self::Stated(Credential::Bearer, needed("api_token")?),
            "BasicHttpAuthenticator" => {
                let password = match component.template("password")? {
                    Some(password) => password,
                    None => component.template_of("password", "")?,
                };
                Self::Basic(needed("username")?, password)
            }
            "OAuthAuthenticator" => Self::OAuth(Box::new(OAuth::new(component, service)?)),
            "SessionTokenAuthenticator" => Self::Session(Box::new(Session::new(component, service)?)),
            "LegacySessionTokenAuthenticator" => {
                Self::LegacySession(Box::new(LegacySession::new(component)?))
            }
            "RateLimitedMultipleTokenAuthenticator" => {
                Self::Rotation(Box::new(Rotation::new(component, service)?))
            }
            "JwtAuthenticator" => Self::Jwt(Box::new(Jwt::new(component, service)?)),
            "SelectiveAuthenticator" => return Self::new(&selected(component, service)?, service),
            _ => return Err(component.unsupported()),
        })
    }

    /// What is added to a request. A token that is missing or has expired is fetched first.
    ///
    /// # Errors
    /// When a template has no value, or no token can be fetched.
    pub async fn credentials(&self, service: &Service) -> Result<Additions, ReadError> {
        let mut additions = Additions::default();
        match self {
            // Which of several tokens is used depends on the request.
            Self::None | Self::Rotation(_) => {}
            Self::Stated(credential, token) => {
                let token = token.text(&service.context())?;
                service.masks().add(&token);
                credential.add(&mut additions, token, service)?;
            }
            Self::Basic(user, password) => {
                let (user, password) = (user.text(&service.context())?, password.text(&service.context())?);
                let token = STANDARD.encode(format!("{user}:{password}"));
                service.masks().add(&password);
                service.masks().add(&token);
                additions.headers.insert("Authorization".to_owned(), Value::from(format!("Basic {token}")));
            }
            Self::OAuth(oauth) => {
                let token = oauth.token(service).await?;
                Credential::Bearer.add(&mut additions, token, service)?;
            }
            Self::Session(session) => {
                let token = session.token(service).await?;
                session.credential().add(&mut additions, token, service)?;
            }
            Self::LegacySession(session) => {
                let name = session.header(&service.context())?;
                additions.headers.insert(name, Value::from(session.token(service).await?));
            }
            Self::Jwt(jwt) => jwt.credential().add(&mut additions, jwt.token(service)?, service)?,
        }
        Ok(additions)
    }

    /// Puts credentials into a request that depend on it, after a wait where the service wants one.
    ///
    /// # Errors
    /// When nothing is left of any token, or it cannot be asked what is.
    pub async fn sign(&self, request: &mut Request, service: &Service) -> Result<(), ReadError> {
        match self {
            Self::Rotation(rotation) => rotation.sign(request, service).await,
            _ => Ok(()),
        }
    }

    /// Learns from an answer how much is left of the credentials of a request.
    pub async fn learn(&self, request: &Request, answer: &Response) {
        if let Self::Rotation(rotation) = self {
            rotation.learn(request, answer).await;
        }
    }

    /// Whether a request that came too often can be sent again at once with other credentials.
    pub async fn has_alternative(&self, request: &Request) -> bool {
        match self {
            Self::Rotation(rotation) => rotation.has_alternative(request).await,
            _ => false,
        }
    }

    /// Whether another token can be fetched when one is not accepted.
    pub fn can_refresh(&self) -> bool {
        matches!(self, Self::OAuth(_))
    }

    /// Replaces the token that a request was sent with, unless that was done already.
    ///
    /// # Errors
    /// When no token can be fetched.
    pub async fn refresh(&self, rejected: &Additions, service: &Service) -> Result<(), ReadError> {
        match self {
            Self::OAuth(oauth) => {
                let sent = rejected.headers.get("Authorization").and_then(Value::as_str).unwrap_or_default();
                oauth.replace(sent.trim_start_matches("Bearer "), service).await
            }
            _ => Ok(()),
        }
    }
}

impl Credential {
    /// Where an API key goes: `inject_into`, or the older `header`.
    fn key(component: &Component) -> Result<Self, Problem> {
        match (component.child("inject_into"), component.template("header")?) {
            (Some(option), None) => RequestOption::new(&option).map(Self::Key),
            (None, Some(header)) => Ok(Self::Key(RequestOption::named(Place::Header, header))),
            _ => Err(component.invalid("", "it has either `inject_into` or `header`")),
        }
    }

    fn add(&self, additions: &mut Additions, token: String, service: &Service) -> Result<(), ReadError> {
        match self {
            Self::Bearer => {
                additions.headers.insert("Authorization".to_owned(), Value::from(format!("Bearer {token}")));
            }
            Self::Key(option) => option.inject(additions, Value::String(token), &service.context())?,
        }
        // A header without a name is none.
        additions.headers.remove("");
        Ok(())
    }
}

/// The authenticator that the config chooses.
fn selected(component: &Component, service: &Service) -> Result<Component, Problem> {
    let path = component.required(
        "authenticator_selection_path",
        component.get("authenticator_selection_path").and_then(Value::as_array),
    )?;
    let path: Vec<Segment> = path.iter().map(Segment::of).collect();
    let chosen = match get(service.config(), &path) {
        Ok(Some(chosen)) => crate::request::text::python_text(chosen),
        Ok(None) => {
            return Err(component.invalid("authenticator_selection_path", "the config has no such value"));
        }
        Err(error) => return Err(component.invalid("authenticator_selection_path", error)),
    };
    let all = component.required("authenticators", component.child("authenticators"))?;
    all.child(&chosen)
        .ok_or_else(|| component.invalid("authenticators", "the one that the config names is not there"))
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Stated(..) => "Stated",
            Self::Basic(..) => "Basic",
            Self::OAuth(_) => "OAuth",
            Self::Session(_) => "Session",
            Self::LegacySession(_) => "LegacySession",
            Self::Rotation(_) => "Rotation",
            Self::Jwt(_) => "Jwt",
        })
    }
}
