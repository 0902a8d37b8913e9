//! The tables of a shared state, in the schema `raccord_state`: what they are, and how those of an earlier version become
//! those of this one.
//!
//! Versions are changed in two moves, so that a newer daemon works beside an older one: a step that only adds raises the
//! version; what it replaced is removed by a step of a later release, which raises the oldest version that may still work
//! with the tables too.

use raccord_model::port::destination::DestinationError;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::connections::Session;
use crate::error::{Failure, Sort};

/// One step from a layout to the next. A step that was released never changes.
struct Step {
    statements: &'static str,
    /// The oldest version of the layout whose programs can still work with the tables after the step.
    oldest: i32,
}

/// The steps from nothing to the present layout: the number of those that were taken is its version.
const STEPS: [Step; 2] = [
    Step { statements: include_str!("layout/1.sql"), oldest: 1 },
    Step { statements: include_str!("layout/2.sql"), oldest: 1 },
];

/// The version that this program knows.
pub(crate) const VERSION: i32 = 2;

/// What is there before the first step: the row that is locked while steps are taken.
const BEGINNING: &str = "BEGIN; SET LOCAL client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS raccord_state; \
    CREATE TABLE IF NOT EXISTS raccord_state.layout (one boolean PRIMARY KEY DEFAULT true CHECK (one), \
    version integer NOT NULL, oldest integer NOT NULL); \
    INSERT INTO raccord_state.layout (version, oldest) VALUES (0, 0) ON CONFLICT DO NOTHING; COMMIT";

/// Another process may make the schema or the table at the same moment; then it is there the next time.
const TRIES: u32 = 5;

/// The layout is of a version of Raccord that this one cannot work with.
#[derive(Debug, thiserror::Error)]
#[error(
    "the schema `raccord_state` has version {found}, which wants a Raccord that knows version {oldest} at least; this \
     one knows {VERSION}: use the newer one"
)]
struct TooNew {
    found: i32,
    oldest: i32,
}

/// Whether there is a state that this program can work with, and whether steps are still to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// No state was ever begun here.
    Nothing,
    /// It was begun by an older version, or is only half begun.
    Older,
    /// It can be used as it is.
    Ready,
}

/// What there is. Changes nothing.
pub(crate) async fn look(session: &Session<'_>) -> Result<Found, Failure> {
    let there = session.query_opt("SELECT to_regclass('raccord_state.layout') IS NOT NULL", &[]).await?;
    if !there.is_some_and(|row| row.get(0)) {
        return Ok(Found::Nothing);
    }
    let version = version(session, "").await?;
    if version < VERSION {
        return Ok(if version == 0 { Found::Nothing } else { Found::Older });
    }
    let head = session.query_opt("SELECT 1 FROM raccord_state.head", &[]).await?;
    Ok(if head.is_some() { Found::Ready } else { Found::Nothing })
}

/// The version that is there; refused when this program is too old for it. `lock` is added to the query.
async fn version(session: &Session<'_>, lock: &str) -> Result<i32, Failure> {
    let query = format!("SELECT version, oldest FROM raccord_state.layout{lock}");
    let row = session.query_opt(&query, &[]).await?;
    let (found, oldest) = row.map_or((0, 0), |row| (row.get(0), row.get(1)));
    if oldest > VERSION {
        return Err(DestinationError::Denied(Box::new(TooNew { found, oldest })).into());
    }
    Ok(found)
}

/// Makes the row that is locked while steps are taken.
pub(crate) async fn begin(session: &Session<'_>) -> Result<(), Failure> {
    let mut attempt = 1;
    while let Err(failure) = session.run(BEGINNING).await {
        if attempt >= TRIES || failure.sort() != Sort::Row {
            return Err(failure);
        }
        session.run("ROLLBACK").await?;
        attempt += 1;
    }
    Ok(())
}

/// Locks that row until the transaction ends; the version that is there, 0 when no step was ever taken.
pub(crate) async fn lock(session: &Session<'_>) -> Result<i32, Failure> {
    version(session, " FOR UPDATE").await
}

/// Takes the steps that are missing, in the transaction that has the lock.
pub(crate) async fn take_steps(session: &Session<'_>, found: i32) -> Result<(), Failure> {
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        session.run(step.statements).await?;
    }
    if found < VERSION {
        let oldest = STEPS.last().map_or(0, |step| step.oldest);
        let raise = "UPDATE raccord_state.layout SET version = $1, oldest = $2";
        session.execute(raise, &[(&VERSION, Type::INT4), (&oldest, Type::INT4)]).await?;
    }
    Ok(())
}

/// How long a wait for a lock may take, and how long this process may be silent meanwhile.
pub(crate) const BEGIN: &str =
    "BEGIN; SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '20s'";

/// Takes the steps that are missing, in one transaction, and begins a state with this lineage when there is none.
pub(crate) async fn migrate(session: &Session<'_>, lineage: Uuid) -> Result<(), Failure> {
    begin(session).await?;
    session.run(BEGIN).await?;
    let found = lock(session).await?;
    take_steps(session, found).await?;
    let begin = "INSERT INTO raccord_state.head (lineage) VALUES ($1) ON CONFLICT DO NOTHING";
    session.execute(begin, &[(&lineage, Type::UUID)]).await?;
    session.run("COMMIT").await
}
