//! The vault: secrets that a service has issued to us and that change while we run, such as OAuth tokens. They are
//! sealed where they are kept, and each belongs to one Authorization.
//!
//! The vault never holds what a configuration refers to by `${env:…}` or `${file:…}`, and never shows a secret to
//! those who only ask what is kept.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{Async, Cause};
use crate::fact::Uid;

/// Which of the secrets that an Authorization has had. Later ones are greater, and none is given twice within a state,
/// whatever is removed in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A secret as it was kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Which it is.
    pub revision: Revision,
    /// The secret itself: a text that its Authorization understands, at most [`MAX_SECRET`] bytes long.
    pub secret: SecretString,
}

/// What may be said of a secret without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptInfo {
    /// Whose it is.
    pub authorization: Uid,
    /// Which it is.
    pub revision: Revision,
    /// Since when.
    pub replaced_at: Timestamp,
    /// The identity of the key that it is sealed with, in hexadecimal digits.
    pub key_id: String,
}

/// The right to refresh the secret of an Authorization, so that a refresh token that counts once is used once. It
/// ends when it is released or expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshLease {
    /// Whose secret.
    pub authorization: Uid,
    /// Greater than that of every lease before.
    pub token: u64,
    /// When it expires.
    pub until: Timestamp,
}

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 64 * 1024;

/// Keeps secrets sealed, one for each Authorization.
///
/// A refresh takes a lease, reads, asks the service, replaces what it has read, and only then uses the new secret:
///
/// ```
/// # use std::time::Duration;
/// # use raccord_model::fact::Uid;
/// # use raccord_model::port::vault::{Vault, VaultError};
/// # use secrecy::SecretString;
/// # async fn ask(_refresh: SecretString) -> SecretString { "new".into() }
/// async fn refresh(vault: &dyn Vault, authorization: Uid) -> Result<(), VaultError> {
///     let lease = vault.lease(authorization, Duration::from_mins(1)).await?;
///     if let Some(kept) = vault.get(authorization).await? {
///         let new = ask(kept.secret).await;
///         vault.replace(authorization, Some(kept.revision), new).await?;
///     }
///     vault.release(lease).await
/// }
/// ```
pub trait Vault: Send + Sync {
    /// The secret of an Authorization, if it has one.
    fn get(&self, authorization: Uid) -> Async<'_, Result<Option<Kept>, VaultError>>;
    /// Keeps a secret in place of the one that was read; durable when it returns. `expected` is the revision that was
    /// read, `None` when there was none. When another one is in force this is a [`VaultError::Conflict`], and nothing
    /// is changed.
    fn replace(
        &self,
        authorization: Uid,
        expected: Option<Revision>,
        secret: SecretString,
    ) -> Async<'_, Result<Revision, VaultError>>;
    /// Forgets the secret of an Authorization; durable when it returns. Says whether there was one. Needs no key.
    fn remove(&self, authorization: Uid) -> Async<'_, Result<bool, VaultError>>;
    /// What is kept, in the order of the uids; never the content. Needs no key.
    fn list(&self) -> Async<'_, Result<Vec<KeptInfo>, VaultError>>;
    /// Takes the right to refresh a secret for at most so long. While another caller has it this is a
    /// [`VaultError::Leased`].
    fn lease(&self, authorization: Uid, most: Duration) -> Async<'_, Result<RefreshLease, VaultError>>;
    /// Gives the right back. A lease that has expired, and perhaps is another caller's now, changes nothing.
    fn release(&self, lease: RefreshLease) -> Async<'_, Result<(), VaultError>>;
}

/// Why the vault did not do what was asked. Nothing was changed. No variant ever holds a secret or a key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Another caller replaced the secret first.
    #[error(
        "the secret of the authorization {authorization} has changed meanwhile: {}, not {}",
        shown(*found),
        shown(*expected)
    )]
    Conflict {
        /// Whose secret.
        authorization: Uid,
        /// The revision that the caller has read.
        expected: Option<Revision>,
        /// The revision in force.
        found: Option<Revision>,
    },
    /// Another caller refreshes the secret.
    #[error(
        "the secret of the authorization {authorization} is being refreshed, until {until} at the latest"
    )]
    Leased {
        /// Whose secret.
        authorization: Uid,
        /// When the other caller's lease expires.
        until: Timestamp,
    },
    /// There is no key of use where it is looked for.
    #[error("the key of the vault, {place}, {why}")]
    Key {
        /// Where it was looked for.
        place: String,
        /// What is wrong, or how to mend it.
        why: String,
    },
    /// There is no key, and secrets are sealed with one.
    #[error(
        "there is no key of the vault in {place}, and secrets are sealed with the key {sealed_with}: put it back, or \
         set RACCORD_KEY_FILE to where it is"
    )]
    NoKey {
        /// Where it was looked for.
        place: String,
        /// The identity of the key that is wanted.
        sealed_with: String,
    },
    /// The secrets are sealed with another key.
    #[error("{place} holds the key {found}, and secrets are sealed with the key {sealed_with}")]
    OtherKey {
        /// Where the key was read.
        place: String,
        /// The identity of the key that is wanted.
        sealed_with: String,
        /// The identity of the key that is there.
        found: String,
    },
    /// What is kept does not open although the key is the right one.
    #[error(
        "the secret of the authorization {authorization} does not open: what is kept was damaged, or sealed for \
         another place"
    )]
    Unopened {
        /// Whose secret.
        authorization: Uid,
    },
    /// The secret is longer than [`MAX_SECRET`].
    #[error("a secret of {bytes} bytes is too long to be kept; the most is {MAX_SECRET}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The system gives no random numbers.
    #[error("seal a secret")]
    Random(#[from] super::environment::RandomError),
    /// Reading failed.
    #[error("read the vault")]
    Read(#[source] Cause),
    /// Writing failed.
    #[error("write the vault")]
    Write(#[source] Cause),
}

/// A revision in a message.
fn shown(revision: Option<Revision>) -> String {
    revision.map_or_else(|| "no revision".to_owned(), |revision| format!("revision {revision}"))
}
