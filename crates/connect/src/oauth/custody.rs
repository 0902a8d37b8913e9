//! Where tokens are kept: the vault, under the identity that an Authorization has in the state. One that was not applied
//! has no identity, and its tokens live as long as the process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use raccord_model::fact::Uid;
use raccord_model::port::Cause;
use raccord_model::port::source::SourceError;
use raccord_model::port::state::{State, StateError};
use raccord_model::port::vault::{Kept, RefreshLease, Revision, Vault, VaultError};
use raccord_model::{Key, Kind, Name};
use secrecy::SecretString;

use super::tokens::Tokens;

/// How long one who renews may take. More than a question with all its attempts.
const LEASE: Duration = Duration::from_mins(1);

/// How long one waits before it looks again whether another who renews is done.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The vault, and whose secrets are in it. Cloning shares both.
#[derive(Clone)]
pub struct Custody {
    /// Where secrets are sealed.
    pub vault: Arc<dyn Vault>,
    /// Where identities are.
    pub state: Arc<dyn State>,
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custody")
    }
}

impl Custody {
    /// Removes what belongs to nothing of the generation in force. Returns how many those were.
    pub(crate) async fn forget_gone(&self) -> Result<usize, Cause> {
        // In this order: what is authorized meanwhile is not on the list yet.
        let kept = self.vault.list().await?;
        if kept.is_empty() {
            return Ok(0);
        }
        let index = self.state.index().await?;
        let mut gone = 0;
        for info in kept {
            if !index.values().any(|entry| entry.uid == info.authorization)
                && self.vault.remove(info.authorization).await?
            {
                gone += 1;
            }
        }
        Ok(gone)
    }
}

/// Keeps the tokens of one Authorization.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    custody: Option<Custody>,
    key: Key,
    /// For a configuration that is only looked at: tokens of other settings are left alone.
    is_apart: bool,
}

/// Tokens as they are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Which they are; none where there are none.
    pub(crate) revision: Option<Revision>,
    /// The tokens; none where they are of a form that is not ours.
    pub(crate) tokens: Option<Tokens>,
}

impl Keeper {
    /// Of the Authorization of this name.
    pub(crate) fn new(custody: Option<Custody>, name: &Name, is_apart: bool) -> Self {
        Self { custody, key: Key::new(Kind::Authorization, name.clone()), is_apart }
    }

    /// Of the Source of this name, whose manifest has an authorization of its own.
    pub(crate) fn of_source(custody: Custody, name: &Name) -> Self {
        Self { custody: Some(custody), key: Key::new(Kind::Source, name.clone()), is_apart: false }
    }

    /// Whose tokens these are.
    pub(crate) fn name(&self) -> &Name {
        &self.key.name
    }

    pub(crate) fn is_apart(&self) -> bool {
        self.is_apart
    }

    /// The vault and the identity; none where nothing can be kept.
    pub(crate) async fn place(&self) -> Result<Option<Place<'_>>, SourceError> {
        let Some(custody) = &self.custody else { return Ok(None) };
        let index = custody.state.index().await.map_err(|error: StateError| self.failed(error))?;
        let place = |uid| Place { keeper: self, vault: custody.vault.as_ref(), uid };
        Ok(index.get(&self.key).map(|entry| place(entry.uid)))
    }

    /// Gives the right to renew back.
    pub(crate) async fn release(&self, lease: RefreshLease) {
        let Some(custody) = &self.custody else { return };
        if let Err(error) = custody.vault.release(lease).await {
            // It expires by itself.
            tracing::warn!(%error, "the right to renew tokens could not be given back");
        }
    }

    fn failed(&self, error: impl Into<Cause>) -> SourceError {
        SourceError::Custody { authorization: self.key.name.to_string(), source: error.into() }
    }
}

/// The place of one secret.
pub(crate) struct Place<'k> {
    keeper: &'k Keeper,
    vault: &'k dyn Vault,
    /// The identity.
    pub(crate) uid: Uid,
}

impl Place<'_> {
    /// The tokens as they are kept.
    pub(crate) async fn load(&self) -> Result<Known, SourceError> {
        let (revision, secret) = self.secret().await?;
        Ok(Known { revision, tokens: secret.as_ref().and_then(Tokens::of_secret) })
    }

    /// The secret as it is kept, with its revision.
    pub(crate) async fn secret(&self) -> Result<(Option<Revision>, Option<SecretString>), SourceError> {
        let kept = self.vault.get(self.uid).await.map_err(|error| self.keeper.failed(error))?;
        Ok(kept.map_or((None, None), |Kept { revision, secret }| (Some(revision), Some(secret))))
    }

    /// Keeps tokens; they may be used when this returns.
    pub(crate) async fn keep(
        &self,
        expected: Option<Revision>,
        tokens: &Tokens,
    ) -> Result<Revision, SourceError> {
        self.keep_secret(expected, tokens.to_secret()).await
    }

    /// Keeps a secret in place of the one that was read.
    pub(crate) async fn keep_secret(
        &self,
        expected: Option<Revision>,
        secret: SecretString,
    ) -> Result<Revision, SourceError> {
        let replaced = self.vault.replace(self.uid, expected, secret).await;
        replaced.map_err(|error| self.keeper.failed(error))
    }

    /// The right to renew, once no other has it.
    pub(crate) async fn lease(&self) -> Result<RefreshLease, SourceError> {
        self.lease_for(LEASE).await
    }

    /// The same for at most so long.
    pub(crate) async fn lease_for(&self, most: Duration) -> Result<RefreshLease, SourceError> {
        loop {
            match self.vault.lease(self.uid, most).await {
                Err(VaultError::Leased { .. }) => tokio::time::sleep(LOOK_AGAIN).await,
                other => return other.map_err(|error| self.keeper.failed(error)),
            }
        }
    }

    /// Gives the right back.
    pub(crate) async fn release(&self, lease: RefreshLease) {
        self.keeper.release(lease).await;
    }
}
