//! Tokens while they are in use: one object for each Authorization, which every reader asks whenever it sends a request.
//!
//! A token is renewed by one task at a time, which no caller that waits for it can end: what a server has issued is kept
//! before anybody uses it, and between the two nothing waits for anything else.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use raccord_model::failpoint::Failpoint;
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::{OAuth2, Rotation};
use raccord_model::port::Async;
use raccord_model::port::source::SourceError;
use raccord_model::port::vault::Revision;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::answer::{Refusal, issued};
use super::custody::{Keeper, Known, Place};
use super::endpoint::{Endpoint, Refused};
use super::grant::{Client, Question, Unasked, question, refreshing};
use super::tokens::{Tokens, binding};
use crate::clock::Now;
use crate::credentials::{Credentials, FORMER, Issue, Verdict};
use crate::mask::Masker;
use crate::secret::SecretReader;
use crate::tls::TlsConnections;

/// A token that was asked for because the one before was refused is not replaced again for so long: the service
/// refuses us, not the token.
const PATIENCE: Duration = Duration::from_secs(10);

/// The credentials of an Authorization that a server issues tokens for.
pub(crate) struct OAuthCredentials(Arc<Shared>);

struct Shared {
    oauth: OAuth2,
    binding: String,
    secrets: SecretReader,
    connections: TlsConnections,
    now: Now,
    keeper: Keeper,
    endpoint: Mutex<Option<Arc<Endpoint>>>,
    /// Held by the one who renews.
    renewing: tokio::sync::Mutex<()>,
    current: RwLock<Current>,
}

/// What is in force.
#[derive(Default)]
struct Current {
    /// How often there were new tokens.
    issue: u64,
    tokens: Option<InForce>,
    revision: Option<Revision>,
    /// What finds the tokens before, the latest first.
    former: VecDeque<Masker>,
    /// What finds the client's own secrets.
    client: Masker,
    /// What finds all of them.
    masker: Arc<Masker>,
    /// When a token was asked for because the one before was refused.
    refused_at: Option<Instant>,
}

struct InForce {
    tokens: Tokens,
    value: HeaderValue,
    masker: Masker,
}

impl Current {
    /// Puts tokens in force.
    fn take(&mut self, new: InForce, revision: Option<Revision>) {
        if let Some(old) = self.tokens.take() {
            self.former.push_front(old.masker);
            self.former.truncate(FORMER);
        }
        self.issue += 1;
        self.tokens = Some(new);
        self.revision = revision;
        self.mask_anew();
    }

    fn mask_anew(&mut self) {
        let own = self.tokens.as_ref().map(|tokens| &tokens.masker);
        let all = self.former.iter().chain(own).fold(self.client.clone(), Masker::and);
        self.masker = Arc::new(all);
    }
}

impl fmt::Debug for OAuthCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OAuthCredentials").field(self.0.keeper.name()).finish()
    }
}

/// Why there are no new tokens.
enum NotRenewed {
    /// The server has said that what we ask with counts no more.
    Revoked(Refused),
    /// Anything else.
    Failed(SourceError),
}

impl OAuthCredentials {
    /// Reads and asks nothing yet.
    pub(crate) fn new(oauth: &OAuth2, secrets: &SecretReader, now: Now, keeper: Keeper) -> Self {
        Self(Arc::new(Shared {
            oauth: oauth.clone(),
            binding: binding(oauth),
            secrets: secrets.clone(),
            connections: TlsConnections::with(oauth.tls.as_deref(), secrets),
            now,
            keeper,
            endpoint: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            current: RwLock::default(),
        }))
    }

    /// Has new tokens asked for, in a task of its own: a reader that is stopped must not end it between the server's
    /// answer and the vault.
    async fn renew(&self, refused: Option<Issue>) -> Result<Verdict, SourceError> {
        let shared = Arc::clone(&self.0);
        let task = tokio::spawn(async move { shared.renew(refused).await });
        task.await.unwrap_or_else(|error| {
            Err(SourceError::Custody {
                authorization: self.0.keeper.name().to_string(),
                source: error.into(),
            })
        })
    }
}

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&Current) -> T) -> T {
        look(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Current) -> T) -> T {
        change(&mut self.current.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// What asks for tokens. One that shows a certificate is made anew each time, with the certificate of now.
    async fn endpoint(&self) -> Result<Arc<Endpoint>, SourceError> {
        let known = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(endpoint) = known.filter(|_| self.oauth.tls.is_none()) {
            return Ok(endpoint);
        }
        let made = Arc::new(Endpoint::of(&self.oauth, &self.secrets).await?);
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Who asks, and has the masker know the secrets.
    async fn client(&self) -> Result<Client, SourceError> {
        let client = Client::read(&self.oauth, &self.secrets).await?;
        self.change(|current| {
            current.client = client.masker.clone();
            current.mask_anew();
        });
        Ok(client)
    }

    /// The token of now, unless it has to be renewed first.
    fn usable(&self) -> Option<(Issue, HeaderValue)> {
        let now = (self.now)();
        self.with(|current| {
            let in_force = current.tokens.as_ref().filter(|tokens| tokens.tokens.is_usable(now))?;
            Some((Issue(current.issue), in_force.value.clone()))
        })
    }

    /// Puts tokens in force that are kept.
    fn take(&self, tokens: Tokens, revision: Option<Revision>) -> Result<(), SourceError> {
        let prefix = match (&self.oauth.prefix, &self.oauth.header) {
            (Some(prefix), _) => prefix,
            (None, None) => "Bearer ",
            (None, Some(_)) => "",
        };
        let text = SecretString::from(format!("{prefix}{}", tokens.access.expose_secret()));
        let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| SourceError::Answer {
            place: self.oauth.token_url.clone(),
            message: "the token has characters that cannot stand in a header".to_owned(),
        })?;
        value.set_sensitive(true);
        let mut masker = Masker::default();
        tokens.hide_in(&mut masker);
        self.change(|current| current.take(InForce { tokens, value, masker }, revision));
        Ok(())
    }

    /// Whether what is kept is of use: issued for these settings and this first refresh token, and not what is in force.
    fn has_news(&self, known: &Known) -> bool {
        let is_newer = self.with(|current| current.tokens.is_none() || known.revision > current.revision);
        is_newer && known.tokens.as_ref().is_some_and(|tokens| tokens.binding == self.binding)
    }

    async fn renew(&self, refused: Option<Issue>) -> Result<Verdict, SourceError> {
        let _alone = self.renewing.lock().await;
        // Another reader may have been refused with the same token, or found it too old.
        let is_done = match refused {
            Some(refused) => self.with(|current| Issue(current.issue) != refused),
            None => self.usable().is_some(),
        };
        if is_done {
            return Ok(Verdict::Retry);
        }
        if refused.is_some() && self.is_in_vain() {
            return Ok(Verdict::GiveUp);
        }
        if let Some(place) = self.keeper.place().await? {
            let lease = place.lease().await?;
            let renewed = self.renew_in(&place).await;
            place.release(lease).await;
            renewed?;
        } else {
            let tokens = self.with(|current| current.tokens.as_ref().map(|known| known.tokens.clone()));
            let issued = self.ask(tokens.as_ref()).await.map_err(|error| self.told(error))?;
            self.take(issued, None)?;
        }
        self.change(|current| current.refused_at = refused.map(|_| Instant::now()));
        Ok(Verdict::Retry)
    }

    /// Whether the token that was refused took the place of a refused one a moment ago, and has not ended since.
    fn is_in_vain(&self) -> bool {
        let now = (self.now)();
        self.with(|current| {
            let is_recent = current.refused_at.is_some_and(|at| at.elapsed() < PATIENCE);
            is_recent && current.tokens.as_ref().is_some_and(|known| known.tokens.is_usable(now))
        })
    }

    /// Renews what is in the vault, unless another has.
    async fn renew_in(&self, place: &Place<'_>) -> Result<(), SourceError> {
        let known = place.load().await?;
        let has_news = self.has_news(&known);
        let Known { revision, tokens } = known;
        let ours = tokens.filter(|tokens| tokens.binding == self.binding);
        if let Some(tokens) = ours.as_ref().filter(|tokens| has_news && tokens.is_usable((self.now)())) {
            return self.take(tokens.clone(), revision);
        }
        Failpoint::TokenBefore.pass();
        match self.ask(ours.as_ref()).await {
            Ok(issued) => {
                Failpoint::TokenAnswered.pass();
                // A configuration that is only looked at leaves alone what others use.
                let is_ours = ours.is_some() || revision.is_none() || !self.keeper.is_apart();
                let revision = if is_ours { Some(place.keep(revision, &issued).await?) } else { None };
                Failpoint::TokenKept.pass();
                self.take(issued, revision)
            }
            Err(error) => {
                if let (NotRenewed::Revoked(_), Some(tokens)) = (&error, ours) {
                    let revoked = Tokens { revoked: Some((self.now)()), ..tokens };
                    // What is told of it stands without.
                    if let Err(error) = place.keep(revision, &revoked).await {
                        tracing::warn!(%error, "that tokens were revoked could not be kept");
                    }
                }
                Err(self.told(error))
            }
        }
    }

    /// Asks the server for the next tokens.
    async fn ask(&self, kept: Option<&Tokens>) -> Result<Tokens, NotRenewed> {
        let client = self.client().await.map_err(NotRenewed::Failed)?;
        let asked = question(&self.oauth, (&client, &self.secrets), kept, (self.now)()).await;
        let asked = asked.map_err(|unasked| match unasked {
            Unasked::NoGrant => NotRenewed::Failed(self.no_grant(kept)),
            Unasked::Failed(error) => NotRenewed::Failed(error),
        })?;
        match self.answer(&client, &asked).await {
            Err(NotRenewed::Revoked(refused)) if self.oauth.rotation == Rotation::OldUntilUsed => {
                let former = kept.and_then(|kept| kept.former.clone());
                let Some(former) = former else { return Err(NotRenewed::Revoked(refused)) };
                let again = refreshing(former, asked.seed, &self.oauth);
                self.answer(&client, &again).await
            }
            other => other,
        }
    }

    async fn answer(&self, client: &Client, asked: &Question) -> Result<Tokens, NotRenewed> {
        let endpoint = self.endpoint().await.map_err(NotRenewed::Failed)?;
        let answer = endpoint.ask(&self.oauth.token_url, &self.oauth, (client, asked)).await;
        let body = answer.map_err(|refused| match refused.refusal {
            Refusal::Grant if asked.refresh.is_some() => NotRenewed::Revoked(refused),
            Refusal::Grant => NotRenewed::Failed(not_accepted(refused.error)),
            _ => NotRenewed::Failed(refused.error),
        })?;
        self.read(&body, asked).map_err(NotRenewed::Failed)
    }

    /// The tokens of an answer.
    fn read(&self, body: &[u8], asked: &Question) -> Result<Tokens, SourceError> {
        let now = (self.now)();
        tokens(body, asked, &self.oauth, now)
    }

    /// The error that people are told.
    fn told(&self, error: NotRenewed) -> SourceError {
        let refused = match error {
            NotRenewed::Failed(error) => return error,
            NotRenewed::Revoked(refused) => refused,
        };
        match (self.oauth.rotation, refused.error) {
            // The old token counts until the new one is used: it may be had again.
            (Rotation::OldUntilUsed, SourceError::Status { status, url, message }) => {
                let name = self.keeper.name();
                let message = format!("{message}; if that stays so, run `raccord authorize {name}`");
                SourceError::Status { status, url, message }
            }
            (_, error) => {
                tracing::debug!(%error, "the server refuses the refresh token");
                let why = format!(
                    "the server no longer accepts what was agreed for `{}` ({})",
                    self.keeper.name(),
                    refused.code
                );
                SourceError::Ungranted { authorization: self.keeper.name().to_string(), why }
            }
        }
    }

    fn no_grant(&self, kept: Option<&Tokens>) -> SourceError {
        let name = self.keeper.name();
        let why = match kept {
            Some(_) => format!("the token of `{name}` has ended, and the server gave none to renew it with"),
            None => format!("nobody has authorized `{name}` yet"),
        };
        SourceError::Ungranted { authorization: name.to_string(), why }
    }

    /// Takes what another has put into the vault.
    async fn look(&self) -> Result<(), SourceError> {
        let Some(place) = self.keeper.place().await? else { return Ok(()) };
        let known = place.load().await?;
        if self.has_news(&known)
            && let Known { revision, tokens: Some(tokens) } = known
        {
            self.take(tokens, revision)?;
        }
        Ok(())
    }
}

/// An assertion or a secret that is not accepted is no failure of the server.
fn not_accepted(error: SourceError) -> SourceError {
    match error {
        SourceError::Status { status, url, message } => {
            SourceError::Unauthorized { status, url, credentials: format!("it says {message}") }
        }
        other => other,
    }
}

/// The tokens of an answer, with what of those before still counts.
pub(super) fn tokens(
    body: &[u8],
    asked: &Question,
    oauth: &OAuth2,
    now: jiff::Timestamp,
) -> Result<Tokens, SourceError> {
    let wrong = |why: &str| SourceError::Answer { place: oauth.token_url.clone(), message: why.to_owned() };
    let issued = issued(body, now).map_err(wrong)?;
    let is_rotated = issued.refresh.is_some();
    let former = asked.refresh.clone().filter(|_| is_rotated && oauth.rotation == Rotation::OldUntilUsed);
    Ok(Tokens {
        access: issued.access,
        refresh: issued.refresh.or_else(|| asked.refresh.clone()),
        former,
        since: now,
        expires: issued.expires,
        binding: binding(oauth),
        seed: asked.seed.clone(),
        revoked: None,
    })
}

impl Credentials for OAuthCredentials {
    fn begin(&self) -> Async<'_, Result<(), SourceError>> {
        Box::pin(async {
            self.0.client().await?;
            self.0.look().await
        })
    }

    fn apply<'a>(&'a self, request: &'a mut Request) -> Async<'a, Result<Issue, SourceError>> {
        Box::pin(async {
            let mut usable = self.0.usable();
            if usable.is_none() {
                self.renew(None).await?;
                // A server whose tokens have ended when they come is not asked for ever.
                usable = self.0.with(|current| {
                    let tokens = current.tokens.as_ref()?;
                    Some((Issue(current.issue), tokens.value.clone()))
                });
            }
            let (issue, value) = usable.ok_or_else(|| self.0.no_grant(None))?;
            let name = match &self.0.oauth.header {
                None => AUTHORIZATION,
                Some(name) => HeaderName::from_bytes(name.as_bytes()).map_err(|_| SourceError::Settings {
                    place: "header".to_owned(),
                    message: format!("`{name}` is not the name of a header"),
                })?,
            };
            request.headers_mut().insert(name, value);
            Ok(issue)
        })
    }

    fn rejected(&self, refused: Issue) -> Async<'_, Result<Verdict, SourceError>> {
        Box::pin(self.renew(Some(refused)))
    }

    fn connections(&self) -> &TlsConnections {
        &self.0.connections
    }

    fn parameters(&self) -> Vec<&str> {
        Vec::new()
    }

    fn masker(&self) -> Arc<Masker> {
        self.0.with(|current| Arc::clone(&current.masker))
    }

    fn prepare_masker(&self) -> Async<'_, bool> {
        Box::pin(async { self.0.client().await.is_ok() })
    }

    fn references(&self) -> Vec<String> {
        let oauth = &self.0.oauth;
        let references = oauth.client_secret.iter().chain(&oauth.refresh_token);
        let references: Vec<String> = references.map(ToString::to_string).collect();
        if references.is_empty() { vec!["a token of the vault".to_owned()] } else { references }
    }

    fn belong_to(&self, authorization: Option<&AuthorizationSpec>, secrets: &SecretReader) -> bool {
        matches!(authorization, Some(AuthorizationSpec::OAuth2(other)) if **other == self.0.oauth)
            && self.0.secrets.is_rooted_like(secrets)
    }
}
