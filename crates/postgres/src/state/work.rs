//! Work on the state in a transaction: done again when others were in the way or the connection was lost, and committed
//! once. Whether a commit was made whose answer never came is read from the database, and never guessed.
//!
//! A transaction leaves a token of its own in the table `commits`. To learn what became of it the same token is put there
//! again: the unique index makes that wait for the end of the first transaction, and it fails when that was committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use raccord_model::backoff::doubled;
use raccord_model::port::environment::Environment;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::connections::{Connections, Session};
use crate::error::{Failure, Sort};
use crate::settings::SettingsSource;
use crate::work::Attempt;

/// How often work is begun, in all, that others are in the way of.
const CONTENDED_ATTEMPTS: u32 = 12;

/// How often work is begun whose connection is lost: some 30 seconds long, in which a server restarts.
const LOST_ATTEMPTS: u32 = 20;

/// How long is waited before the second attempt, and at the most before a later one; up to half is added by chance.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long one statement, and one wait for a lock, may take. A process that is stopped within a transaction keeps its locks
/// for less time than its leases last, so that another one that takes over is not kept waiting.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '60s'; \
                     SET LOCAL lock_timeout = '15s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// One moment for several queries.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '60s'; \
                              SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// After how many commits of this process tokens are removed that no question is asked about any more.
const PURGED_EVERY: u32 = 500;
const PURGE: &str = "DELETE FROM raccord_state.commits WHERE at < now() - interval '1 hour'";

/// The database of a state.
pub(crate) struct StateDatabase {
    pub(crate) connections: Connections,
    pub(crate) environment: Arc<dyn Environment>,
    commits: AtomicU32,
    offers: AtomicI64,
    removed: AtomicU64,
}

impl std::fmt::Debug for StateDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateDatabase").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// How long is waited after so many attempts, with a chance of 0 to 255.
fn wait_after(attempt: u32, chance: u8) -> Duration {
    let wait = doubled(FIRST_WAIT, attempt, LONGEST_WAIT);
    wait + wait * u32::from(chance) / 512
}

/// Whether work that failed so often is begun once more.
fn is_tried_again(sort: Sort, attempt: u32) -> bool {
    match sort {
        Sort::Lost => attempt < LOST_ATTEMPTS,
        Sort::Contended => attempt < CONTENDED_ATTEMPTS,
        Sort::Row | Sort::Denied | Sort::Other => false,
    }
}

impl StateDatabase {
    pub(crate) fn new(settings: SettingsSource, environment: Arc<dyn Environment>) -> Self {
        Self {
            connections: Connections::new(settings),
            environment,
            commits: AtomicU32::new(0),
            offers: AtomicI64::new(0),
            removed: AtomicU64::new(0),
        }
    }

    /// A number for what is offered to the queue: greater than those of all offers of this process before.
    pub(crate) fn next_offer(&self) -> i64 {
        self.offers.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Counts rows that were removed; whether another `every` of them are gone by now.
    pub(crate) fn counts_removed(&self, rows: u64, every: u64) -> bool {
        let before = self.removed.fetch_add(rows, Ordering::Relaxed);
        before / every < (before + rows) / every
    }

    /// Waits before the next attempt; the failure itself when none helps any more.
    async fn again(&self, failure: Failure, attempt: &mut u32) -> Result<(), Failure> {
        if !is_tried_again(failure.sort(), *attempt) {
            return Err(failure);
        }
        // Without chance two that are in each other's way may stay so a little longer.
        let chance = self.environment.random().map_or(0, |[chance, ..]| chance);
        tokio::time::sleep(wait_after(*attempt, chance)).await;
        *attempt += 1;
        Ok(())
    }

    /// Reads with single queries.
    pub(crate) async fn read<T>(&self, work: &Attempt<T>) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            match self.read_once(work).await {
                Err(failure) => self.again(failure, &mut attempt).await?,
                done => return done,
            }
        }
    }

    /// Does something once that is no part of any work, and that may fail.
    pub(crate) async fn once<T>(&self, work: &Attempt<T>) {
        drop(self.read_once(work).await);
    }

    async fn read_once<T>(&self, work: &Attempt<T>) -> Result<T, Failure> {
        let session = self.connections.session().await?;
        let done = work(&session).await?;
        session.keep();
        Ok(done)
    }

    /// Reads several things of one moment.
    pub(crate) async fn read_together<T>(&self, work: &Attempt<T>) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            match self.read_moment(work).await {
                Err(failure) => self.again(failure, &mut attempt).await?,
                done => return done,
            }
        }
    }

    async fn read_moment<T>(&self, work: &Attempt<T>) -> Result<T, Failure> {
        let session = self.connections.session().await?;
        let done = session.read_within(BEGIN_SNAPSHOT, work(&session)).await?;
        session.run("COMMIT").await?;
        session.keep();
        Ok(done)
    }

    /// Does one statement, or several that each stand for themselves, of which a repetition changes nothing more.
    pub(crate) async fn repeatable<T>(&self, work: &Attempt<T>) -> Result<T, Failure> {
        self.read(work).await
    }

    /// Writes in one transaction, which is committed once. A refusal leaves no trace.
    pub(crate) async fn write<T, E>(&self, work: &Attempt<Result<T, E>>) -> Result<Result<T, E>, Failure> {
        let mut attempt = 1;
        loop {
            match self.attempt(work).await {
                Err(failure) => self.again(failure, &mut attempt).await?,
                done => return done,
            }
        }
    }

    async fn attempt<T, E>(&self, work: &Attempt<Result<T, E>>) -> Result<Result<T, E>, Failure> {
        let session = self.connections.session().await?;
        session.run(BEGIN).await?;
        let done = match work(&session).await {
            Ok(Ok(done)) => done,
            not_done => {
                // A session that cannot undo what was done is closed, and the server undoes it.
                if session.run("ROLLBACK").await.is_ok() {
                    session.keep();
                }
                return not_done;
            }
        };
        self.commit(session).await.map(|()| Ok(done))
    }

    /// Commits the transaction of a session. When the answer is lost what became of it is asked.
    pub(crate) async fn commit(&self, session: Session<'_>) -> Result<(), Failure> {
        let token = self.environment.new_id();
        match session.run(&format!("{}; COMMIT", leave(token, false))).await {
            Ok(()) => {
                self.purge(session).await;
                Ok(())
            }
            Err(failure) if failure.sort() == Sort::Lost => {
                drop(session);
                if self.was_committed(token).await? { Ok(()) } else { Err(failure) }
            }
            Err(failure) => Err(failure),
        }
    }

    /// Removes old tokens now and then. It is no part of any work: when it fails, a later one does it.
    async fn purge(&self, session: Session<'_>) {
        let is_due = self.commits.fetch_add(1, Ordering::Relaxed) % PURGED_EVERY == PURGED_EVERY - 1;
        if !is_due || session.run(PURGE).await.is_ok() {
            session.keep();
        }
    }

    /// Whether the transaction was committed that left this token. From now on it cannot be any more.
    async fn was_committed(&self, token: Uuid) -> Result<bool, Failure> {
        let mut attempt = 1;
        loop {
            match self.ask(token).await {
                Err(failure) => self.again(failure, &mut attempt).await?,
                answer => return answer,
            }
        }
    }

    async fn ask(&self, token: Uuid) -> Result<bool, Failure> {
        let session = self.connections.session().await?;
        let ask = format!("{} ON CONFLICT DO NOTHING", leave(token, true));
        session.execute(&ask, &[]).await?;
        // A question may have been put before, and its answer lost as well.
        let found = "SELECT question FROM raccord_state.commits WHERE token = $1";
        let found = session.query_opt(found, &[(&token, Type::UUID)]).await?;
        session.keep();
        Ok(found.is_some_and(|row| !row.get::<_, bool>(0)))
    }
}

/// The statement that leaves a token: that of the transaction itself, or of the question what became of it.
fn leave(token: Uuid, is_question: bool) -> String {
    format!("INSERT INTO raccord_state.commits (token, question) VALUES ('{token}', {is_question})")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds that a setting gets.
    fn seconds(begin: &str, setting: &str) -> u32 {
        let (_, value) = begin.split_once(&format!("{setting} = '")).unwrap();
        value.split_once("s'").unwrap().0.parse().unwrap()
    }

    #[test]
    fn a_silent_transaction_ends_before_others_give_up_waiting_for_it() {
        for begin in [BEGIN, super::super::layout::BEGIN, crate::work::BEGIN, crate::layout::BEGIN] {
            let silence = seconds(begin, "idle_in_transaction_session_timeout");
            assert!(silence < seconds(begin, "lock_timeout"), "{begin}");
        }
    }

    #[test]
    fn waits_grow_to_a_longest_and_chance_adds_up_to_half() {
        for (attempt, chance, milliseconds) in
            [(1, 0, 50), (2, 0, 100), (1, 255, 74), (3, 128, 250), (9, 0, 2_000), (99, 255, 2_996)]
        {
            assert_eq!(wait_after(attempt, chance).as_millis(), milliseconds, "{attempt} {chance}");
        }
    }

    #[test]
    fn work_is_tried_again_where_that_may_help() {
        for (sort, attempt, expected) in [
            (Sort::Lost, 1, true),
            (Sort::Lost, LOST_ATTEMPTS, false),
            (Sort::Contended, 1, true),
            (Sort::Contended, CONTENDED_ATTEMPTS, false),
            (Sort::Row, 1, false),
            (Sort::Denied, 1, false),
            (Sort::Other, 1, false),
        ] {
            assert_eq!(is_tried_again(sort, attempt), expected, "{sort:?} {attempt}");
        }
    }
}
