//! The port `Vault` of a shared state: one sealed secret for each Authorization. The database holds sealed bytes alone; the
//! key is where each machine's environment says, and never goes there.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::port::environment::Environment;
use raccord_model::port::vault::{Kept, KeptInfo, MAX_SECRET, RefreshLease, Revision, Vault, VaultError};
use raccord_seal::{KeyId, Keyring, NONCE, Owner, Plain, Sealed};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::types::Type;

use super::lease::{self, Ask};
use super::{PostgresState, read};
use crate::connections::{Parameter, Session};
use crate::error::Failure;

/// The vault of a shared state. Cloning shares it.
///
/// The key that secrets are sealed with is read from the file that `RACCORD_KEY_FILE` names, or from `RACCORD_KEY`; it is
/// the same on all machines, and none is ever made.
#[derive(Debug, Clone)]
pub struct PostgresVault {
    pub(super) state: PostgresState,
    pub(super) keyring: Arc<Keyring>,
}

impl PostgresVault {
    /// The vault of a state. The randomness and the variables are those of the environment.
    pub fn new(state: &PostgresState, environment: Arc<dyn Environment>) -> Self {
        Self { state: state.clone(), keyring: Arc::new(Keyring::named(environment)) }
    }
}

/// What is to be kept in place of what.
struct Change {
    authorization: Uid,
    expected: Option<Revision>,
    secret: SecretString,
    keyring: Arc<Keyring>,
}

/// Opens a secret.
pub(super) fn open(
    keyring: &Keyring,
    sealed: &Sealed<'_>,
    owner: &Owner,
) -> Result<SecretString, VaultError> {
    let key = keyring.opening(sealed.header.key_id)?;
    sealed.open(&key, owner).ok_or(VaultError::Unopened { authorization: owner.authorization })
}

async fn get(
    session: &Session<'_>,
    authorization: Uid,
    keyring: &Keyring,
) -> Result<Result<Option<Kept>, VaultError>, Failure> {
    let query = "SELECT v.sealed, h.lineage FROM raccord_state.vault AS v, raccord_state.head AS h WHERE v.owner = $1";
    let Some(row) = session.query_opt(query, &[(&authorization.0, Type::UUID)]).await? else {
        return Ok(Ok(None));
    };
    let sealed = Sealed::decode(row.get(0))?;
    let opened = open(keyring, &sealed, &Owner { lineage: row.get(1), authorization });
    Ok(opened.map(|secret| Some(Kept { revision: sealed.header.revision, secret })))
}

/// Keeps a secret, or refuses to and changes nothing.
async fn replace(session: &Session<'_>, change: &Change) -> Result<Result<Revision, VaultError>, Failure> {
    let (authorization, expected) = (change.authorization, change.expected);
    // The head is locked, so that the first secret of a state is sealed by one alone, and with one key.
    let lineage = read::head(session, " FOR UPDATE").await?.lineage;
    let query = "SELECT sealed FROM raccord_state.vault WHERE owner = $1 FOR UPDATE";
    let row = session.query_opt(query, &[(&authorization.0, Type::UUID)]).await?;
    let found = match &row {
        Some(row) => Some(Sealed::decode(row.get(0))?.header.revision),
        None => None,
    };
    if found != expected {
        return Ok(Err(VaultError::Conflict { authorization, expected, found }));
    }
    let keyring = &change.keyring;
    let key = match sealed_with(session).await? {
        Some(id) => keyring.opening(id),
        None => keyring.first(),
    };
    let key = match key {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    let random = match keyring.environment().random() {
        Ok(random) => random,
        Err(error) => return Ok(Err(error.into())),
    };
    let nonce = random.first_chunk::<NONCE>().copied().unwrap_or_default();
    let next = session.query_opt("SELECT nextval('raccord_state.vault_revisions')", &[]).await?;
    let revision = Revision(next.map_or(0, |row| read::number(&row, 0)));
    let owner = Owner { lineage, authorization };
    let plain = Plain { owner, revision, now: keyring.environment().now(), secret: &change.secret };
    let Some(sealed) = plain.seal(&key, nonce) else {
        return Ok(Err(VaultError::TooLong { bytes: change.secret.expose_secret().len() }));
    };
    let keep = "INSERT INTO raccord_state.vault (owner, sealed) VALUES ($1, $2) \
                ON CONFLICT (owner) DO UPDATE SET sealed = excluded.sealed";
    session.execute(keep, &[(&authorization.0, Type::UUID), (&sealed, Type::BYTEA)]).await?;
    Ok(Ok(revision))
}

/// The key that the secrets of a state are sealed with; none where none is kept.
async fn sealed_with(session: &Session<'_>) -> Result<Option<KeyId>, Failure> {
    let row = session.query_opt("SELECT sealed FROM raccord_state.vault LIMIT 1", &[]).await?;
    row.map(|row| Ok(Sealed::decode(row.get(0))?.header.key_id)).transpose()
}

async fn remove(session: &Session<'_>, authorization: Uid) -> Result<bool, Failure> {
    let remove = "DELETE FROM raccord_state.vault WHERE owner = $1";
    Ok(session.execute(remove, &[(&authorization.0, Type::UUID)]).await? > 0)
}

async fn list(session: &Session<'_>) -> Result<Vec<KeptInfo>, Failure> {
    let rows = session.query("SELECT owner, sealed FROM raccord_state.vault ORDER BY owner", &[]).await?;
    let info = |row: &tokio_postgres::Row| {
        let header = Sealed::decode(row.get(1))?.header;
        Ok(KeptInfo {
            authorization: Uid(row.get(0)),
            revision: header.revision,
            replaced_at: header.replaced_at,
            key_id: header.key_id.to_string(),
        })
    };
    rows.iter().map(info).collect()
}

/// Takes the right to refresh; when another caller has it, when that ends.
async fn lease(
    session: &Session<'_>,
    authorization: Uid,
    ask: &Ask,
) -> Result<Result<RefreshLease, VaultError>, Failure> {
    if let Some((token, until)) = lease::acquire(session, ask).await? {
        return Ok(Ok(RefreshLease { authorization, token, until: instant(until) }));
    }
    let query = "SELECT extract(epoch FROM until)::float8 FROM raccord_state.leases WHERE name = $1";
    let values: [Parameter<'_>; 1] = [(&ask.name, Type::TEXT)];
    let until = session.query_opt(query, &values).await?.map_or(0.0, |row| row.get(0));
    Ok(Err(VaultError::Leased { authorization, until: instant(until) }))
}

/// An instant of the database's clock, to the millisecond: it is for people and for how long to wait.
fn instant(seconds: f64) -> Timestamp {
    let since = jiff::SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
    Timestamp::UNIX_EPOCH.checked_add(since).unwrap_or(Timestamp::MAX)
}

fn name_of(authorization: Uid) -> String {
    format!("refresh/{authorization}")
}

fn not_read(failure: Failure) -> VaultError {
    VaultError::Read(failure.cause())
}

fn not_written(failure: Failure) -> VaultError {
    VaultError::Write(failure.cause())
}

impl Vault for PostgresVault {
    fn get(&self, authorization: Uid) -> Async<'_, Result<Option<Kept>, VaultError>> {
        Box::pin(async move {
            let keyring = Arc::clone(&self.keyring);
            let work = attempt!(keyring, |session| get(session, authorization, &keyring));
            self.state.database.read(&work).await.map_err(not_read)?
        })
    }

    fn replace(
        &self,
        authorization: Uid,
        expected: Option<Revision>,
        secret: SecretString,
    ) -> Async<'_, Result<Revision, VaultError>> {
        Box::pin(async move {
            let bytes = secret.expose_secret().len();
            if bytes > MAX_SECRET {
                return Err(VaultError::TooLong { bytes });
            }
            let change = Change { authorization, expected, secret, keyring: Arc::clone(&self.keyring) };
            let work = attempt!(change, |session| replace(session, &change));
            self.state.database.write(&work).await.map_err(not_written)?
        })
    }

    fn remove(&self, authorization: Uid) -> Async<'_, Result<bool, VaultError>> {
        Box::pin(async move {
            let work = attempt!(|session| async move { remove(session, authorization).await.map(Ok) });
            self.state.database.write(&work).await.map_err(not_written)?
        })
    }

    fn list(&self) -> Async<'_, Result<Vec<KeptInfo>, VaultError>> {
        Box::pin(async {
            let work = attempt!(|session| list(session));
            self.state.database.read(&work).await.map_err(not_read)
        })
    }

    fn lease(&self, authorization: Uid, most: Duration) -> Async<'_, Result<RefreshLease, VaultError>> {
        Box::pin(async move {
            let claim = self.keyring.environment().new_id();
            let (name, holder) = (name_of(authorization), "a refresh".to_owned());
            let ask = Ask { name, holder, ttl: most, claim, by_force: false, above: 0 };
            let work = attempt!(ask, |session| lease(session, authorization, &ask));
            self.state.database.repeatable(&work).await.map_err(not_written)?
        })
    }

    fn release(&self, lease: RefreshLease) -> Async<'_, Result<(), VaultError>> {
        Box::pin(async move {
            let RefreshLease { authorization, token, .. } = lease;
            let name = name_of(authorization);
            let work = attempt!(name, |session| lease::release(session, &name, token));
            self.state.database.repeatable(&work).await.map_err(not_written)
        })
    }
}
