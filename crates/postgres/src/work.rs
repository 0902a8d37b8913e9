//! Work in a transaction: begun, done again when others were in the way or the connection was lost, and committed. Whether a
//! commit was made whose answer never came is read from the database, and never guessed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::port::environment::Environment;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::connections::{Connections, Session, value};
use crate::error::{Failure, Sort};
use crate::layout;
use crate::settings::SettingsSource;

/// How often work is begun, in all.
const ATTEMPTS: u32 = 6;

/// How long is waited before the second attempt; it is doubled with each, and up to half of it is added by chance.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// How often it is asked whether a commit was made, and how long is waited between: so long as a restart may take.
const QUESTIONS: u32 = 60;
const BETWEEN: Duration = Duration::from_millis(500);

/// A transaction that only reads: all at one moment, whatever is committed meanwhile, with [`BEGIN`]'s price of random access.
const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '300s'; \
                    SET LOCAL random_page_cost = 1";

/// How long one statement, and one wait for a lock, may take. Rows are looked up by their keys, a page of them at once: with the
/// price that the server has for random access by default, it would rather read a whole table of a million rows each time. A process
/// that is stopped within a transaction keeps its locks for less time than others wait for them.
pub(crate) const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '300s'; SET LOCAL lock_timeout = '30s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '20s'; SET LOCAL random_page_cost = 1";

/// The database, and whether its layout is known to be right.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) connections: Connections,
    has_layout: AtomicBool,
    environment: Environments,
    /// A lock for each transfer: what looks up whether its commit was made finds the token of no other of this process.
    transfers: Mutex<HashMap<Uid, Arc<tokio::sync::Mutex<()>>>>,
}

/// Where identities come from.
struct Environments(Arc<dyn Environment>);

impl std::fmt::Debug for Environments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

/// What one attempt does.
pub(crate) type Attempt<T> = dyn for<'s> Fn(&'s Session<'s>) -> Async<'s, Result<T, Failure>> + Send + Sync;

/// A function as work.
pub(crate) fn work<T, F>(attempt: F) -> F
where
    F: for<'s> Fn(&'s Session<'s>) -> Async<'s, Result<T, Failure>> + Send + Sync + 'static,
{
    attempt
}

impl Database {
    pub(crate) fn new(settings: SettingsSource, environment: Arc<dyn Environment>) -> Self {
        let has_layout = AtomicBool::new(false);
        let (connections, transfers) = (Connections::new(settings), Mutex::new(HashMap::new()));
        Self { connections, has_layout, environment: Environments(environment), transfers }
    }

    /// A connection, to a database that has the layout; nothing when it does not.
    pub(crate) async fn look(&self) -> Result<Option<Session<'_>>, Failure> {
        let session = self.connections.session().await?;
        if !self.has_layout.load(Ordering::Relaxed) {
            if !layout::is_current(layout::version(&session).await?) {
                session.keep();
                return Ok(None);
            }
            self.has_layout.store(true, Ordering::Relaxed);
        }
        Ok(Some(session))
    }

    /// A connection, to a database that has the layout from now on.
    async fn ready(&self) -> Result<Session<'_>, Failure> {
        if let Some(session) = self.look().await? {
            return Ok(session);
        }
        let session = self.connections.session().await?;
        layout::migrate(&session).await?;
        Ok(session)
    }

    /// Reads: once more when the connection turns out to be gone.
    pub(crate) async fn read<T>(&self, work: &Attempt<T>, nothing: T) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            let done = async {
                let Some(session) = self.look().await? else { return Ok(None) };
                let done = session.read_within(LOOK, work(&session)).await?;
                session.run("COMMIT").await?;
                session.keep();
                Ok(Some(done))
            };
            match done.await {
                Ok(done) => return Ok(done.unwrap_or(nothing)),
                Err(failure) if attempt < ATTEMPTS && is_passing(&failure) => wait(attempt).await,
                Err(failure) => return Err(failure),
            }
            attempt += 1;
        }
    }

    /// Does a single statement, of which a repetition changes nothing more.
    pub(crate) async fn repeatable<T>(&self, work: &Attempt<T>) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            let done = async {
                let session = self.ready().await?;
                let done = work(&session).await?;
                session.keep();
                Ok(done)
            };
            match done.await {
                Err(failure) if attempt < ATTEMPTS && is_passing(&failure) => wait(attempt).await,
                done => return done,
            }
            attempt += 1;
        }
    }

    /// Writes in one transaction. With a transfer, whose row the work has locked, a commit without an answer is looked up.
    pub(crate) async fn write<T: Send>(
        &self,
        transfer: Option<Uid>,
        work: &Attempt<T>,
    ) -> Result<T, Failure> {
        let lock = transfer.map(|transfer| self.lock_of(transfer));
        let _guard = match &lock {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(transfer, work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            if attempt >= ATTEMPTS || !is_passing(&failure) {
                return Err(failure);
            }
            wait(attempt).await;
            attempt += 1;
        }
    }

    fn lock_of(&self, transfer: Uid) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.transfers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(transfer).or_default())
    }

    async fn attempt<T: Send>(&self, transfer: Option<Uid>, work: &Attempt<T>) -> Result<T, Failure> {
        let session = self.ready().await?;
        session.run(BEGIN).await?;
        let done = match work(&session).await {
            Ok(done) => done,
            Err(failure) => {
                // One that cannot be undone is closed, and the server undoes it.
                if session.run("ROLLBACK").await.is_ok() {
                    session.keep();
                }
                return Err(failure);
            }
        };
        let token = self.environment.0.new_id();
        match Self::commit(&session, transfer.map(|transfer| (transfer, token))).await {
            Ok(()) => {
                session.keep();
                Ok(done)
            }
            Err(failure) if failure.sort() == Sort::Lost => {
                drop(session);
                match transfer {
                    Some(transfer) if self.was_committed(transfer, token).await? => Ok(done),
                    _ => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// Commits, and leaves a token with the transfer if there is one: both are sent together. Without the token there is no commit.
    async fn commit(session: &Session<'_>, left: Option<(Uid, Uuid)>) -> Result<(), Failure> {
        let Some((transfer, token)) = left else { return session.run("COMMIT").await };
        let set = "UPDATE raccord.transfers SET token = $2 WHERE transfer = $1";
        let values = [value(&transfer.0, Type::UUID), value(&token, Type::UUID)];
        let (left, committed) = tokio::join!(session.execute(set, &values), session.run("COMMIT"));
        left.and(committed)
    }

    /// Whether the transaction was committed that left this token. The lock waits for its end, should it still be under way.
    async fn was_committed(&self, transfer: Uid, token: Uuid) -> Result<bool, Failure> {
        let mut question = 1;
        loop {
            let asked = async {
                let session = self.connections.session().await?;
                session.run("BEGIN").await?;
                let query = "SELECT token FROM raccord.transfers WHERE transfer = $1 FOR UPDATE";
                let row = session.query_opt(query, &[(&transfer.0, Type::UUID)]).await?;
                let found: Option<Uuid> = row.and_then(|row| row.get(0));
                session.run("ROLLBACK").await?;
                session.keep();
                Ok(found == Some(token))
            };
            match asked.await {
                Err(failure) if question < QUESTIONS && is_passing(&failure) => {
                    tokio::time::sleep(BETWEEN).await;
                }
                answer => return answer,
            }
            question += 1;
        }
    }
}

fn is_passing(failure: &Failure) -> bool {
    matches!(failure.sort(), Sort::Lost | Sort::Contended)
}

async fn wait(attempt: u32) {
    let wait = FIRST_WAIT * 2_u32.saturating_pow(attempt - 1);
    let by_chance = fastrand::u32(0..=500);
    tokio::time::sleep(wait + wait * by_chance / 1_000).await;
}
