//! The destination's own tables, in the schema `raccord` of the database: what they are, and how those of an earlier version
//! become those of this one. Nothing here knows the tables of entities.

use raccord_model::port::destination::DestinationError;

use crate::connections::Session;
use crate::error::Failure;

/// The steps from nothing to the present layout: the number of those that were taken is its version. A step that was
/// released never changes.
const STEPS: [&str; 1] = [include_str!("layout/1.sql")];

/// The lock under which it is changed: any number that no other program uses. It ends with its transaction.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305453110512841)";

/// The layout is of a version of Raccord that is newer than this one.
#[derive(Debug, thiserror::Error)]
#[error(
    "the schema `raccord` of the database has version {found}, and this version of Raccord knows {known}"
)]
struct TooNew {
    found: usize,
    known: usize,
}

/// Whether there is a layout, as the catalog itself says it: a function such as `to_regclass` may answer from what the server
/// remembers of a name that was unknown before a wait for the lock.
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
                        ON n.oid = c.relnamespace WHERE n.nspname = 'raccord' AND c.relname = 'layout')";

/// How many steps were taken; none when there is no schema.
pub(crate) async fn version(session: &Session<'_>) -> Result<usize, Failure> {
    let there = session.query_opt(IS_THERE, &[]).await?;
    if !there.is_some_and(|row| row.get(0)) {
        return Ok(0);
    }
    let row = session.query_opt("SELECT version FROM raccord.layout", &[]).await?;
    let version = row.map_or(0, |row| row.get::<_, i32>(0));
    let found = usize::try_from(version).unwrap_or_default();
    if found > STEPS.len() {
        let known = STEPS.len();
        return Err(DestinationError::Denied(Box::new(TooNew { found, known })).into());
    }
    Ok(found)
}

/// Whether it is as this version needs it.
pub(crate) const fn is_current(version: usize) -> bool {
    version == STEPS.len()
}

/// How long a wait for a lock may take, and how long this process may be silent meanwhile. What was committed during the wait is
/// seen after it.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '20s'; \
                                SET LOCAL client_min_messages = warning";

/// Makes it so, in one transaction.
pub(crate) async fn migrate(session: &Session<'_>) -> Result<(), Failure> {
    session.run(BEGIN).await?;
    session.query(LOCK, &[]).await?;
    let taken = version(session).await?;
    for step in STEPS.iter().skip(taken) {
        session.run(step).await?;
    }
    session.run(&format!("UPDATE raccord.layout SET version = {}; COMMIT", STEPS.len())).await
}
