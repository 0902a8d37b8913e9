//! Webhooks: how a delivery is proved, and how a service is told where to push, and to stop.
//!
//! An implementation reads the secrets that it needs. What a delivery says is read elsewhere; whether there is another
//! attempt at a registration is not decided here. No error holds a secret.

use std::path::Path;

use http::HeaderMap;
use jiff::Timestamp;

use super::Async;
use super::source::SourceError;
use crate::language::webhook::{Scheme, VerifySpec};
use crate::language::{AuthorizationSpec, SourceSpec};
use crate::secret::{SecretError, SecretRef};

/// How many signatures of one delivery are looked at; services send one for each secret that is in force.
pub const MAX_SIGNATURES: usize = 16;

/// Where Stripe puts its signatures.
pub const STRIPE: &str = "stripe-signature";

/// Proves deliveries, and registers webhooks. Files of secrets are relative to `root`.
pub trait Webhooks: Send + Sync {
    /// Reads ahead those of the secrets that a vault or a program holds, so that no delivery waits for them. What could not
    /// be read, `verifier` tells.
    fn read_ahead<'a>(&'a self, verify: &'a VerifySpec, root: &'a Path) -> Async<'a, ()>;
    /// Reads the secrets that the deliveries of a source are verified with; those that were read ahead as they were then.
    fn verifier(&self, verify: &VerifySpec, root: &Path) -> Result<Box<dyn Verifier>, SecretError>;
    /// Tells a service where to push, in one attempt, and returns the id of what it has registered.
    fn register<'a>(
        &'a self,
        service: Service<'a>,
        announcement: Announcement<'a>,
    ) -> Async<'a, Result<String, WebhookError>>;
    /// Tells a service to stop. What it no longer has need not be removed.
    fn unregister<'a>(&'a self, service: Service<'a>, id: &'a str) -> Async<'a, Result<(), WebhookError>>;
}

/// What the deliveries of one source are verified with. Its debug form shows no secret.
pub trait Verifier: std::fmt::Debug + Send + Sync {
    /// Whether what proves a delivery is a signature of it, and no credential.
    fn wants_signature(&self) -> bool;
    /// Whether a delivery can be the service's own, as far as its headers and its query show it. A credential is proved
    /// by them; of a signature they only show that there is one.
    fn admit(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refused>;
    /// Whether a delivery is the service's own. `now` is our clock's.
    fn verify(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Refused>;
}

/// The service behind a source, as it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The source, with its webhook.
    pub source: &'a SourceSpec,
    /// How we prove who we are.
    pub authorization: Option<&'a AuthorizationSpec>,
    /// Where files of secrets are.
    pub root: &'a Path,
}

/// What the service is told.
#[derive(Debug, Clone, Copy)]
pub struct Announcement<'a> {
    /// Where to push.
    pub url: &'a str,
    /// The secret to sign with, where the request hands one over.
    pub secret: Option<&'a SecretRef>,
    /// The same for every attempt at one registration, and for no other.
    pub key: &'a str,
}

/// What arrived, as far as signatures are made over it.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte by byte as it came.
    pub body: &'a [u8],
    /// The URL as the service knows it: the Stack's `webhooks.url`, and the path after it.
    pub url: Option<&'a str>,
    /// The query of the URL, as it came.
    pub query: Option<&'a str>,
}

/// Why a delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header is missing.
    #[error("the header `{0}` is missing")]
    Missing(String),
    /// A header stands there more than once.
    #[error("the header `{0}` stands there more than once")]
    Doubled(String),
    /// A parameter of the query is missing.
    #[error("the parameter `{0}` is missing")]
    MissingParameter(String),
    /// A parameter of the query stands there more than once.
    #[error("the parameter `{0}` stands there more than once")]
    DoubledParameter(String),
    /// A header does not begin as it should.
    #[error("the header `{0}` does not begin with its prefix")]
    Prefix(String),
    /// A signature is not written as it should be.
    #[error("the header `{0}` holds no signature in the encoding that is expected")]
    Encoding(String),
    /// A header of signatures cannot be taken apart.
    #[error("the header `{0}` is not in the form that its scheme has")]
    Malformed(String),
    /// There is no signature of a version that we verify.
    #[error("the header `{header}` has no signature of version {version}")]
    Version {
        /// Which header.
        header: String,
        /// Which version is wanted.
        version: &'static str,
    },
    /// There are more signatures than secrets can be in force.
    #[error("the header `{0}` has more than {MAX_SIGNATURES} signatures")]
    TooMany(String),
    /// The time of the delivery is none.
    #[error("the time in the header `{0}` cannot be read")]
    Time(String),
    /// The delivery is older than the tolerance.
    #[error("the delivery is {0} s old")]
    TooOld(u64),
    /// The delivery is from later than the tolerance.
    #[error("the delivery is from {0} s in the future")]
    TooNew(u64),
    /// The URL is part of what is signed, and is not known.
    #[error("the URL is part of what is signed, but the Stack has no `webhooks.url`")]
    NoUrl,
    /// The signature, the token or the password is not right.
    #[error("the signature or the credential is not right")]
    Wrong,
}

/// Why a webhook was not registered or removed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The source says no requests that would do it.
    #[error("the source: its webhook cannot be registered")]
    NotRegistrable,
    /// The secret that the service is to sign with cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The service did not do it.
    #[error(transparent)]
    Service(#[from] SourceError),
}

/// The headers in which a signature stands, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignatureHeaders(Vec<String>);

impl SignatureHeaders {
    /// Those of a webhook whose deliveries are signed; none of one that is proved by a credential.
    pub fn of(verify: &VerifySpec) -> Option<Self> {
        Some(Self(match verify.scheme()? {
            Scheme::Hmac(spec) => {
                let timestamp = spec.timestamp.as_ref().map(|timestamp| timestamp.header.clone());
                std::iter::once(spec.header.clone()).chain(timestamp).collect()
            }
            Scheme::Stripe(_) => vec![STRIPE.to_owned()],
            Scheme::StandardWebhooks(spec) => {
                let prefix = spec.header_prefix.to_ascii_lowercase();
                ["id", "timestamp", "signature"].map(|name| format!("{prefix}{name}")).to_vec()
            }
            Scheme::Bearer(_) | Scheme::Basic(_) | Scheme::ApiKey(_) | Scheme::Query(_) => return None,
        }))
    }

    /// Whether each of them is there, once.
    pub fn are_in(&self, headers: &HeaderMap) -> Result<(), Refused> {
        self.0.iter().try_for_each(|name| single(headers, name).map(drop))
    }
}

/// The value of a header, which stands there once.
pub fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h [u8], Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| Refused::Missing(name.to_owned()))?;
    if values.next().is_some() {
        return Err(Refused::Doubled(name.to_owned()));
    }
    Ok(value.as_bytes())
}
