//! The port `Vault`: one sealed secret for each Authorization, in a table of the state.
//!
//! A secret is sealed inside of the transaction that gives it its revision, with a nonce of its own for every attempt.
//! Nothing here knows what a secret is good for, and none is ever said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::port::environment::Environment;
use raccord_model::port::upkeep::CheckReport;
use raccord_model::port::vault::{Kept, KeptInfo, MAX_SECRET, RefreshLease, Revision, Vault, VaultError};
use raccord_seal::{KeyId, Keyring, NONCE, Owner, Plain, Sealed};
use redb::{ReadTransaction, ReadableTable};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::error::StoreError;
use crate::table::{self, META_VAULT, Raw, Tables};
use crate::{Store, file, state};

/// Who refreshes which secret. It ends with the process, which alone has the state.
pub(crate) type Leases = Mutex<BTreeMap<Uid, RefreshLease>>;

/// The vault of an embedded store. Cloning shares it.
///
/// The key that secrets are sealed with is read from the file that `RACCORD_KEY_FILE` names, from `RACCORD_KEY`, or
/// from the file beside the state whose name ends with `.key`; the last is made when the first secret is sealed.
#[derive(Clone)]
pub struct StoreVault {
    store: Arc<Store>,
    keyring: Arc<Keyring>,
}

impl StoreVault {
    /// The vault of a store. The clock, the randomness and the variables are those of the environment.
    pub fn new(store: &Arc<Store>, environment: Arc<dyn Environment>) -> Self {
        let keyring = match store.shared.identity {
            Some(_) => Keyring::beside(environment, store.shared.path.clone(), file::make),
            // A state in memory alone has nothing beside it.
            None => Keyring::named(environment),
        };
        Self { store: Arc::clone(store), keyring: Arc::new(keyring) }
    }

    /// Opens every secret, for a check of the whole state. One whose key is not there is counted and no problem.
    pub(crate) fn check(&self, report: &mut CheckReport) -> Result<(), StoreError> {
        self.store.shared.read(|at| {
            let lineage = state::head(at)?.lineage;
            for pair in at.open_table(table::VAULT)?.iter()? {
                let (uid, value) = pair?;
                // What cannot be read was told by the check of the file.
                let (Ok(authorization), Ok(sealed)) = (owner(uid.value()), Sealed::decode(value.value()))
                else {
                    continue;
                };
                match open(&self.keyring, &sealed, &Owner { lineage, authorization }) {
                    Ok(_) => {}
                    Err(VaultError::NoKey { .. }) => report.unopened += 1,
                    Err(error) => report.problem(|| error.to_string()),
                }
            }
            Ok(())
        })
    }
}

impl Vault for StoreVault {
    fn get(&self, authorization: Uid) -> Async<'_, Result<Option<Kept>, VaultError>> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |at: &ReadTransaction| {
            let lineage = state::head(at)?.lineage;
            let vault = at.open_table(table::VAULT)?;
            let Some(value) = vault.get(table::uid(&authorization).as_slice())? else { return Ok(Ok(None)) };
            let sealed = Sealed::decode(value.value())?;
            let revision = sealed.header.revision;
            let opened = open(&keyring, &sealed, &Owner { lineage, authorization });
            Ok(opened.map(|secret| Some(Kept { revision, secret })))
        };
        Box::pin(async { self.store.read(work).await.map_err(StoreError::vault_read)? })
    }

    fn replace(
        &self,
        authorization: Uid,
        expected: Option<Revision>,
        secret: SecretString,
    ) -> Async<'_, Result<Revision, VaultError>> {
        let keyring = Arc::clone(&self.keyring);
        let change = Change { authorization, expected, secret };
        let work = move |tables: &mut Tables<'_>| replace(tables, &keyring, &change);
        Box::pin(self.store.writer.submit(true, StoreError::vault_write, work))
    }

    fn remove(&self, authorization: Uid) -> Async<'_, Result<bool, VaultError>> {
        let work = move |tables: &mut Tables<'_>| {
            Ok(Ok(tables.vault.remove(table::uid(&authorization).as_slice())?.is_some()))
        };
        Box::pin(self.store.writer.submit(true, StoreError::vault_write, work))
    }

    fn list(&self) -> Async<'_, Result<Vec<KeptInfo>, VaultError>> {
        Box::pin(async { self.store.read(list).await.map_err(StoreError::vault_read) })
    }

    fn lease(&self, authorization: Uid, most: Duration) -> Async<'_, Result<RefreshLease, VaultError>> {
        Box::pin(async move {
            // Held until the lease has its token, so that a later lease has a greater one.
            let mut leases = self.store.shared.leases.lock().await;
            let now = self.keyring.environment().now();
            if let Some(other) = leases.get(&authorization).filter(|other| other.until > now) {
                return Err(VaultError::Leased { authorization, until: other.until });
            }
            let work = |tables: &mut Tables<'_>| next(tables).map(Ok);
            let token = self.store.writer.submit(true, StoreError::vault_write, work).await?;
            let until = now.checked_add(most).unwrap_or(now);
            let lease = RefreshLease { authorization, token, until };
            leases.insert(authorization, lease.clone());
            Ok(lease)
        })
    }

    fn release(&self, lease: RefreshLease) -> Async<'_, Result<(), VaultError>> {
        Box::pin(async move {
            let mut leases = self.store.shared.leases.lock().await;
            if leases.get(&lease.authorization).is_some_and(|held| held.token == lease.token) {
                leases.remove(&lease.authorization);
            }
            Ok(())
        })
    }
}

/// What is to be kept in place of what.
struct Change {
    authorization: Uid,
    expected: Option<Revision>,
    secret: SecretString,
}

/// Keeps a secret, or refuses to and changes nothing.
fn replace(
    tables: &mut Tables<'_>,
    keyring: &Keyring,
    change: &Change,
) -> Result<Result<Revision, VaultError>, StoreError> {
    let (authorization, expected) = (change.authorization, change.expected);
    let bytes = change.secret.expose_secret().len();
    if bytes > MAX_SECRET {
        return Ok(Err(VaultError::TooLong { bytes }));
    }
    let place = table::uid(&authorization).as_slice();
    let found = match tables.vault.get(place)? {
        Some(value) => Some(Sealed::decode(value.value())?.header.revision),
        None => None,
    };
    if found != expected {
        return Ok(Err(VaultError::Conflict { authorization, expected, found }));
    }
    // All secrets of a state are sealed with one key: a new one is made only where nothing would be lost with it.
    let found_key = match sealed_with(&tables.vault)? {
        Some(id) => keyring.opening(id),
        None => keyring.first(),
    };
    let key = match found_key {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    let nonce = match keyring.environment().random().map(|random| random.first_chunk::<NONCE>().copied()) {
        Ok(nonce) => nonce.unwrap_or_default(),
        Err(error) => return Ok(Err(error.into())),
    };
    let owner = Owner { lineage: state::lineage(&tables.meta)?, authorization };
    let revision = Revision(next(tables)?);
    let plain = Plain { owner, revision, now: keyring.environment().now(), secret: &change.secret };
    let Some(sealed) = plain.seal(&key, nonce) else { return Ok(Err(VaultError::TooLong { bytes })) };
    tables.vault.insert(place, sealed.as_slice())?;
    Ok(Ok(revision))
}

/// The key that the secrets of a state are sealed with; none where none is kept.
fn sealed_with(vault: &impl ReadableTable<Raw, Raw>) -> Result<Option<KeyId>, StoreError> {
    let Some((_, value)) = vault.first()? else { return Ok(None) };
    Ok(Some(Sealed::decode(value.value())?.header.key_id))
}

/// The next number for a revision or a lease.
fn next(tables: &mut Tables<'_>) -> Result<u64, StoreError> {
    let last = match tables.meta.get(META_VAULT)? {
        Some(value) => value.value().try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Damaged)?,
        None => 0,
    };
    tables.meta.insert(META_VAULT, (last + 1).to_be_bytes().as_slice())?;
    Ok(last + 1)
}

fn open(keyring: &Keyring, sealed: &Sealed<'_>, owner: &Owner) -> Result<SecretString, VaultError> {
    let key = keyring.opening(sealed.header.key_id)?;
    sealed.open(&key, owner).ok_or(VaultError::Unopened { authorization: owner.authorization })
}

fn owner(key: &[u8]) -> Result<Uid, StoreError> {
    Uuid::from_slice(key).map(Uid).map_err(|_| StoreError::Damaged)
}

fn list(at: &ReadTransaction) -> Result<Vec<KeptInfo>, StoreError> {
    let info =
        |pair: Result<(redb::AccessGuard<'_, Raw>, redb::AccessGuard<'_, Raw>), redb::StorageError>| {
            let (uid, value) = pair?;
            let header = Sealed::decode(value.value())?.header;
            Ok(KeptInfo {
                authorization: owner(uid.value())?,
                revision: header.revision,
                replaced_at: header.replaced_at,
                key_id: header.key_id.to_string(),
            })
        };
    at.open_table(table::VAULT)?.iter()?.map(info).collect()
}

/// Looks whether every secret has the form of one; none is opened.
pub(crate) fn look(at: &ReadTransaction, report: &mut CheckReport) -> Result<(), StoreError> {
    for pair in at.open_table(table::VAULT)?.iter()? {
        let (uid, value) = pair?;
        report.secrets += 1;
        if owner(uid.value()).is_err() || Sealed::decode(value.value()).is_err() {
            let uid = owner(uid.value()).map_or_else(|_| "?".to_owned(), |uid| uid.to_string());
            report.problem(|| format!("the sealed secret of the authorization {uid} cannot be read"));
        }
    }
    Ok(())
}
