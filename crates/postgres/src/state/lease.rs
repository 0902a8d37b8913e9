//! The port `Lease` on a shared state: one row for each lease, changed by single statements.
//!
//! When a lease ends is judged by the clock of the database alone, which is one for all machines. A holder is known by a
//! claim of its own, so that an acquisition whose answer was lost is found to be its own when it is asked for again.

use std::time::Duration;

use raccord_model::port::Async;
use raccord_model::port::lease::{Held, Lease, LeaseError, LeaseToken};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresState;
use super::read::number;
use crate::connections::{Parameter, Session};
use crate::error::Failure;

/// What is asked of a lease.
pub(super) struct Ask {
    pub(super) name: String,
    pub(super) holder: String,
    pub(super) ttl: Duration,
    pub(super) claim: Uuid,
    pub(super) by_force: bool,
    /// The token is greater than this.
    pub(super) above: u64,
}

/// How long a lease lasts, in whole microseconds.
fn microseconds(ttl: Duration) -> i64 {
    // Beyond this no instant of the database can be reached.
    const MOST: i64 = 100 * 365 * 24 * 3_600 * 1_000_000;
    i64::try_from(ttl.as_micros()).unwrap_or(MOST).min(MOST)
}

/// Acquires a lease; its token, and when it ends. Nothing when another holder has it.
pub(super) async fn acquire(session: &Session<'_>, ask: &Ask) -> Result<Option<(u64, f64)>, Failure> {
    let acquire = "INSERT INTO raccord_state.leases AS l (name, token, holder, claim, until) \
         VALUES ($1, $6 + 1, $2, $3, clock_timestamp() + $4 * interval '1 microsecond') \
         ON CONFLICT (name) DO UPDATE SET token = greatest(l.token, $6) + 1, holder = excluded.holder, claim = excluded.claim, \
         until = excluded.until \
         WHERE $5 OR l.holder IS NULL OR l.until <= clock_timestamp() OR l.claim = excluded.claim \
         RETURNING token, extract(epoch FROM until)::float8";
    let ttl = microseconds(ask.ttl);
    let above = ask.above.cast_signed();
    let values: [Parameter<'_>; 6] = [
        (&ask.name, Type::TEXT),
        (&ask.holder, Type::TEXT),
        (&ask.claim, Type::UUID),
        (&ttl, Type::INT8),
        (&ask.by_force, Type::BOOL),
        (&above, Type::INT8),
    ];
    let row = session.query_opt(acquire, &values).await?;
    Ok(row.map(|row| (number(&row, 0), row.get(1))))
}

/// Prolongs a lease; false when it was lost or given back.
async fn renew(session: &Session<'_>, held: &Held) -> Result<bool, Failure> {
    let renew = "UPDATE raccord_state.leases SET until = clock_timestamp() + $3 * interval '1 microsecond' \
                 WHERE name = $1 AND token = $2 AND holder IS NOT NULL";
    let (token, ttl) = (held.token.cast_signed(), microseconds(held.ttl));
    let values: [Parameter<'_>; 3] = [(&held.name, Type::TEXT), (&token, Type::INT8), (&ttl, Type::INT8)];
    Ok(session.execute(renew, &values).await? > 0)
}

/// Gives a lease back. The row stays, for its token must never be given again.
pub(super) async fn release(session: &Session<'_>, name: &str, token: u64) -> Result<(), Failure> {
    let release =
        "UPDATE raccord_state.leases SET holder = NULL, claim = NULL WHERE name = $1 AND token = $2";
    session.execute(release, &[(&name, Type::TEXT), (&token.cast_signed(), Type::INT8)]).await?;
    Ok(())
}

/// Whether a lease is still held under a token; until the transaction ends it is not acquired by another holder then.
pub(super) async fn is_held(session: &Session<'_>, held: Option<&Held>) -> Result<bool, Failure> {
    let Some(held) = held else { return Ok(true) };
    let query =
        "SELECT 1 FROM raccord_state.leases WHERE name = $1 AND token = $2 AND holder IS NOT NULL FOR SHARE";
    let token = held.token.cast_signed();
    Ok(session.query_opt(query, &[(&held.name, Type::TEXT), (&token, Type::INT8)]).await?.is_some())
}

impl PostgresState {
    async fn acquired(&self, ask: Ask) -> Result<Option<Held>, LeaseError> {
        let (name, ttl) = (ask.name.clone(), ask.ttl);
        let work = attempt!(ask, |session| acquire(session, &ask));
        let acquired = self.database.repeatable(&work).await.map_err(failed)?;
        Ok(acquired.map(|(token, _)| Held { name, token, ttl }))
    }
}

fn failed(failure: Failure) -> LeaseError {
    LeaseError(failure.cause())
}

impl Lease for PostgresState {
    fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: Duration,
    ) -> Async<'_, Result<Option<Held>, LeaseError>> {
        let claim = self.database.environment.new_id();
        Box::pin(self.acquired(Ask { name, holder, ttl, claim, by_force: false, above: 0 }))
    }

    fn take_over(
        &self,
        name: String,
        holder: String,
        ttl: Duration,
        above: LeaseToken,
    ) -> Async<'_, Result<Held, LeaseError>> {
        let claim = self.database.environment.new_id();
        Box::pin(async move {
            let acquired = self.acquired(Ask { name, holder, ttl, claim, by_force: true, above }).await?;
            acquired.ok_or_else(|| LeaseError("the database refused what it must not refuse".into()))
        })
    }

    fn renew<'a>(&'a self, held: &'a Held) -> Async<'a, Result<bool, LeaseError>> {
        let held = held.clone();
        Box::pin(async move {
            let work = attempt!(held, |session| renew(session, &held));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }

    fn release(&self, held: Held) -> Async<'_, Result<(), LeaseError>> {
        Box::pin(async move {
            let work = attempt!(held, |session| release(session, &held.name, held.token));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }
}
