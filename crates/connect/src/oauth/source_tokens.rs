//! Tokens of manifests: what `refresh_token_updater` describes is kept in the vault under the identity of the Source, for
//! each first refresh token of its settings. Those settings are never written.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use raccord_manifest::authenticate::{TokenStore, TokenStoreError, Tokens};
use raccord_manifest::transport::Async;
use raccord_model::failpoint::Failpoint;
use raccord_model::port::source::SourceError;
use raccord_model::port::vault::{RefreshLease, Revision};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::custody::{Keeper, Place};
use super::tokens::digest;

/// How long a question for tokens may take, with all its attempts.
const LEASE: Duration = Duration::from_mins(6);

/// How many first refresh tokens are known of a Source. A manifest has one of them, or one for each way to log in.
const FIRST_TOKENS: usize = 8;

/// The version of the form.
const VERSION: u32 = 1;

/// Keeps the tokens of a manifest's Source.
#[derive(Debug)]
pub(crate) struct SourceTokens {
    keeper: Keeper,
    /// What is known where nothing can be kept.
    unkept: Mutex<Kept>,
}

/// The form in which they are kept: by what tells the first refresh token from others.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    tokens: BTreeMap<String, One>,
}

#[derive(Clone, Serialize, Deserialize)]
struct One {
    access: String,
    refresh: Option<String>,
    expires: Timestamp,
    since: u64,
}

impl std::fmt::Debug for One {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("One")
    }
}

impl Kept {
    fn of(secret: &SecretString) -> Self {
        let kept = serde_json::from_str(secret.expose_secret()).ok();
        kept.filter(|kept: &Self| kept.version == VERSION).unwrap_or_default()
    }

    fn get(&self, first: Option<&SecretString>) -> Option<Tokens> {
        self.tokens.get(&name(first)).map(|one| Tokens {
            access: one.access.clone().into(),
            refresh: one.refresh.clone().map(SecretString::from),
            expires: one.expires,
        })
    }

    fn put(&mut self, first: Option<&SecretString>, tokens: &Tokens) {
        let since = self.tokens.values().map(|one| one.since).max().unwrap_or(0) + 1;
        let one = One {
            access: tokens.access.expose_secret().to_owned(),
            refresh: tokens.refresh.as_ref().map(|token| token.expose_secret().to_owned()),
            expires: tokens.expires,
            since,
        };
        self.version = VERSION;
        self.tokens.insert(name(first), one);
        // Settings that were changed leave theirs behind.
        while self.tokens.len() > FIRST_TOKENS {
            let oldest = self.tokens.iter().min_by_key(|(_, one)| one.since).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.tokens.remove(&name));
        }
    }

    fn to_secret(&self) -> SecretString {
        // Texts and numbers always have a form.
        SecretString::from(serde_json::to_string(self).unwrap_or_default())
    }
}

/// What tells a first refresh token from others.
fn name(first: Option<&SecretString>) -> String {
    first.map(|first| digest(first.expose_secret().as_bytes())).unwrap_or_default()
}

impl SourceTokens {
    pub(crate) fn new(keeper: Keeper) -> Self {
        Self { keeper, unkept: Mutex::default() }
    }

    async fn known(&self, place: &Place<'_>) -> Result<(Option<Revision>, Kept), TokenStoreError> {
        let (revision, secret) = place.secret().await.map_err(|error| failed(&error))?;
        Ok((revision, secret.as_ref().map(Kept::of).unwrap_or_default()))
    }

    async fn place(&self) -> Result<Option<Place<'_>>, TokenStoreError> {
        self.keeper.place().await.map_err(|error| failed(&error))
    }
}

/// The error with its causes.
fn failed(error: &SourceError) -> TokenStoreError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    TokenStoreError(format!("{error}{}", cause.unwrap_or_default()))
}

/// The right to ask for tokens. Dropping it gives it back.
struct Right {
    keeper: Keeper,
    lease: Option<RefreshLease>,
}

impl Drop for Right {
    fn drop(&mut self) {
        let (Some(lease), Ok(runtime)) = (self.lease.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let keeper = self.keeper.clone();
        // Without a runtime it expires by itself.
        drop(runtime.spawn(async move { keeper.release(lease).await }));
    }
}

impl TokenStore for SourceTokens {
    fn begin(&self) -> Async<'_, Result<Box<dyn Send>, TokenStoreError>> {
        Box::pin(async {
            let lease = match self.place().await? {
                Some(place) => Some(place.lease_for(LEASE).await.map_err(|error| failed(&error))?),
                None => None,
            };
            Failpoint::TokenBefore.pass();
            let right: Box<dyn Send> = Box::new(Right { keeper: self.keeper.clone(), lease });
            Ok(right)
        })
    }

    fn load(&self, first: Option<SecretString>) -> Async<'_, Result<Option<Tokens>, TokenStoreError>> {
        Box::pin(async move {
            if let Some(place) = self.place().await? {
                return Ok(self.known(&place).await?.1.get(first.as_ref()));
            }
            let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(unkept.get(first.as_ref()))
        })
    }

    fn keep(&self, first: Option<SecretString>, tokens: Tokens) -> Async<'_, Result<(), TokenStoreError>> {
        Box::pin(async move {
            let Some(place) = self.place().await? else {
                let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
                unkept.put(first.as_ref(), &tokens);
                return Ok(());
            };
            Failpoint::TokenAnswered.pass();
            let (revision, mut kept) = self.known(&place).await?;
            kept.put(first.as_ref(), &tokens);
            place.keep_secret(revision, kept.to_secret()).await.map_err(|error| failed(&error))?;
            Failpoint::TokenKept.pass();
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(access: &str) -> Tokens {
        Tokens { access: access.into(), refresh: Some("r".into()), expires: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn tokens_are_those_of_their_first_refresh_token() {
        let mut kept = Kept::default();
        let first = |number: usize| Some(SecretString::from(format!("first-{number}")));
        for number in 0..FIRST_TOKENS + 2 {
            kept.put(first(number).as_ref(), &tokens(&format!("access-{number}")));
        }
        let kept = Kept::of(&kept.to_secret());
        let of =
            |number| kept.get(first(number).as_ref()).map(|tokens| tokens.access.expose_secret().to_owned());
        assert_eq!((of(0), of(1)), (None, None));
        assert_eq!(of(2).as_deref(), Some("access-2"));
        assert_eq!(of(FIRST_TOKENS + 1).as_deref(), Some(&*format!("access-{}", FIRST_TOKENS + 1)));
        assert!(kept.get(None).is_none());
        assert!(!format!("{kept:?}").contains("access-"));
    }
}
