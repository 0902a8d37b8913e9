//! Sign-in by OpenID Connect: the page of the provider with PKCE, state and nonce; and who a person is, from a token whose
//! signature, issuer, audience, nonce and time are right. The port [`IdentityProvider`].
//!
//! It keeps no token and decides nothing about roles. What the provider says of itself is asked when it is needed first, so
//! that a daemon begins though its provider is away.

mod claims;
mod exchange;
mod transport;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::CoreProviderMetadata;
use openidconnect::{
    ClientId, ClientSecret, CsrfToken, DiscoveryError, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope,
};
use raccord_model::port::Async;
use raccord_model::port::authorization::Passed;
use raccord_model::port::environment::Environment;
use raccord_model::port::identity::{
    AuthorizationRequest, Callback, Identity, IdentityError, IdentityProvider,
};
use raccord_model::secret::SecretRef;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use self::exchange::{Client, client};
use self::transport::Transport;
use crate::client::is_safe;
use crate::secret::{SecretHost, SecretReader};

/// How long is used what a provider says of itself.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// For how long a provider that did not answer is not asked again.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// How long a provider is not asked anew for its keys though one is missing.
const NEW_KEYS: SignedDuration = SignedDuration::from_mins(1);

/// What is asked for beside the groups.
const SCOPES: [&str; 2] = ["profile", "email"];

/// How we sign people in.
#[derive(Debug, Clone)]
pub struct OpenIdSettings {
    /// The URL of the issuer, exactly as it writes it.
    pub issuer: String,
    /// What we are called there.
    pub client: String,
    /// How we prove to be that; none for a public client.
    pub secret: Option<SecretRef>,
    /// What is asked for beside `openid`, `profile` and `email`.
    pub scopes: Vec<String>,
    /// The claim that names the groups: a member, or a path of members with points.
    pub groups: String,
}

/// Settings with which no one can sign in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenIdError {
    /// It is no URL that may be asked.
    #[error("the issuer `{0}` is no URL that begins with https:// (or http:// on this machine)")]
    Issuer(String),
    /// No claim is named.
    #[error("the claim of the groups has no name")]
    Groups,
}

/// A provider of OpenID Connect.
pub struct OpenIdProvider {
    settings: OpenIdSettings,
    issuer: IssuerUrl,
    secrets: SecretReader,
    environment: Arc<dyn Environment>,
    known: Mutex<Known>,
}

/// What is known of the provider.
#[derive(Default)]
struct Known {
    metadata: Option<(Timestamp, Arc<CoreProviderMetadata>)>,
    failed: Option<(Timestamp, IdentityError)>,
}

/// How recent has to be what is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// As it mostly is.
    Fresh,
    /// As it is now, for a key is missing.
    Anew,
}

impl fmt::Debug for OpenIdProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenIdProvider").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl OpenIdProvider {
    /// The provider of these settings. Secrets are read relative to `root`. Nothing is asked yet.
    ///
    /// # Errors
    /// When no one can sign in with them.
    pub fn new(
        settings: OpenIdSettings,
        root: &Path,
        environment: Arc<dyn Environment>,
    ) -> Result<Self, OpenIdError> {
        let issuer = IssuerUrl::new(settings.issuer.clone()).ok().filter(|url| is_safe(url.url()));
        let issuer = issuer.ok_or_else(|| OpenIdError::Issuer(settings.issuer.clone()))?;
        if settings.groups.is_empty() {
            return Err(OpenIdError::Groups);
        }
        let secrets = SecretReader::at(root, &SecretHost::new(&environment));
        Ok(Self { settings, issuer, secrets, environment, known: Mutex::default() })
    }

    /// What the provider says of itself. One question goes out at a time; concurrent callers wait for its answer.
    async fn metadata(&self, wanted: Wanted) -> Result<Arc<CoreProviderMetadata>, IdentityError> {
        let mut known = self.known.lock().await;
        let now = self.environment.now();
        let age = |at: Timestamp| at.duration_until(now);
        let fresh = if wanted == Wanted::Anew { NEW_KEYS } else { FRESH };
        if let Some((_, metadata)) = known.metadata.as_ref().filter(|(at, _)| age(*at) < fresh) {
            return Ok(Arc::clone(metadata));
        }
        if let Some((_, error)) = known.failed.as_ref().filter(|(at, _)| age(*at) < PAUSE) {
            return Err(error.clone());
        }
        match self.discover().await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known { metadata: Some((now, Arc::clone(&metadata))), failed: None };
                Ok(metadata)
            }
            Err(error) => {
                tracing::warn!(%error, "the provider of OpenID Connect could not be asked about itself");
                known.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<CoreProviderMetadata, IdentityError> {
        let transport = self.transport()?;
        let asked = CoreProviderMetadata::discover_async(self.issuer.clone(), &transport).await;
        asked.map_err(|error| match error {
            DiscoveryError::Validation(why) => self.settings(why),
            DiscoveryError::Request(trouble) => self.unavailable(trouble.to_string()),
            DiscoveryError::Response(status, _, _) => {
                self.unavailable(format!("it answered {status} where it should say what it is"))
            }
            DiscoveryError::Parse(error) => {
                self.unavailable(format!("it does not say what it is: {}", error.path()))
            }
            error => self.unavailable(error.to_string()),
        })
    }

    fn transport(&self) -> Result<Transport, IdentityError> {
        Transport::new(self.issuer.url()).map_err(|trouble| self.unavailable(trouble.to_string()))
    }

    async fn secret(&self) -> Result<Option<SecretString>, IdentityError> {
        let Some(reference) = &self.settings.secret else { return Ok(None) };
        let secret = self.secrets.read(reference).await.map_err(|error| self.settings(error.to_string()))?;
        Ok(Some(secret))
    }

    fn client_of(&self, metadata: &CoreProviderMetadata, secret: Option<&SecretString>) -> Client {
        let id = ClientId::new(self.settings.client.clone());
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        client(metadata.clone(), id, secret)
    }

    fn redirect(&self, redirect: &str) -> Result<RedirectUrl, IdentityError> {
        RedirectUrl::new(redirect.to_owned())
            .map_err(|error| self.settings(format!("`{redirect}` is no URL to come back to: {error}")))
    }

    fn random(&self) -> Result<String, IdentityError> {
        Ok(URL_SAFE_NO_PAD.encode(self.environment.random()?))
    }

    async fn authorization_request(&self, redirect: &str) -> Result<AuthorizationRequest, IdentityError> {
        let metadata = self.metadata(Wanted::Fresh).await?;
        let (state, nonce, verifier) = (self.random()?, self.random()?, self.random()?);
        let proof = PkceCodeVerifier::new(verifier.clone());
        let (own_state, own_nonce) = (CsrfToken::new(state.clone()), Nonce::new(nonce.clone()));
        let client = self.client_of(&metadata, None).set_redirect_uri(self.redirect(redirect)?);
        let scopes = SCOPES.into_iter().chain(self.settings.scopes.iter().map(String::as_str));
        let (url, _, _) = client
            .authorize_url(exchange::code_flow(), move || own_state, move || own_nonce)
            .add_scopes(scopes.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&proof))
            .url();
        if !is_safe(&url) {
            return Err(self.settings("its page for signing in has no URL that begins with https://"));
        }
        Ok(AuthorizationRequest {
            url: url.into(),
            state: Passed::of(state),
            nonce: Passed::of(nonce),
            verifier: Passed::of(verifier),
        })
    }

    fn unavailable(&self, why: impl Into<String>) -> IdentityError {
        IdentityError::Unavailable { issuer: self.settings.issuer.clone(), why: why.into() }
    }

    fn settings(&self, why: impl Into<String>) -> IdentityError {
        IdentityError::Settings { issuer: self.settings.issuer.clone(), why: why.into() }
    }

    fn refused(&self, why: impl Into<String>) -> IdentityError {
        IdentityError::Refused { issuer: self.settings.issuer.clone(), why: why.into() }
    }

    fn unproved(&self, why: impl Into<String>) -> IdentityError {
        IdentityError::Unproved { issuer: self.settings.issuer.clone(), why: why.into() }
    }
}

impl IdentityProvider for OpenIdProvider {
    fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    fn client(&self) -> &str {
        &self.settings.client
    }

    fn begin<'a>(&'a self, redirect: &'a str) -> Async<'a, Result<AuthorizationRequest, IdentityError>> {
        Box::pin(self.authorization_request(redirect))
    }

    fn complete<'a>(&'a self, back: &'a Callback) -> Async<'a, Result<Identity, IdentityError>> {
        Box::pin(self.identify(back))
    }
}
