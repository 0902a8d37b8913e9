//! Which processes work on a shared state at the moment: each leaves a row that ends by itself unless it is renewed. It
//! decides nothing; leases and fences do.

use std::time::Duration;

use raccord_model::port::Cause;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresState;
use crate::connections::{Parameter, Session};
use crate::error::Failure;

/// What a process does with the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// It runs what is due.
    Daemon,
    /// It waits for its turn to do so.
    Standby,
    /// It does one thing and ends.
    Verb,
}

impl MemberKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Standby => "standby",
            Self::Verb => "verb",
        }
    }

    /// One that a later version has added is taken for what does one thing.
    fn of(word: &str) -> Self {
        [Self::Daemon, Self::Standby].into_iter().find(|kind| kind.word() == word).unwrap_or(Self::Verb)
    }
}

/// A process that works on the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which it is.
    pub id: Uuid,
    /// What sort of work it does.
    pub kind: MemberKind,
    /// What it is and where, for people.
    pub description: String,
    /// For how many milliseconds it is still taken to be there; judged by the clock of the database.
    pub remaining: u64,
    /// How many runs it makes.
    pub runs: u64,
}

/// The members of a state cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("reach the list of those who use the state")]
pub struct MemberError(#[source] Cause);

async fn enter(
    session: &Session<'_>,
    id: Uuid,
    (kind, description): (MemberKind, &str),
    milliseconds: i64,
) -> Result<(), Failure> {
    let enter = "INSERT INTO raccord_state.members (id, kind, description, until) \
         VALUES ($1, $4, $2, clock_timestamp() + $3 * interval '1 millisecond') \
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, description = excluded.description, until = excluded.until";
    let kind = kind.word();
    let values: [Parameter<'_>; 4] =
        [(&id, Type::UUID), (&description, Type::TEXT), (&milliseconds, Type::INT8), (&kind, Type::TEXT)];
    session.execute(enter, &values).await?;
    // Those that ended without a word.
    session.run("DELETE FROM raccord_state.members WHERE until < clock_timestamp() - interval '1 day'").await
}

async fn leave(session: &Session<'_>, id: Uuid) -> Result<(), Failure> {
    let leave = "DELETE FROM raccord_state.members WHERE id = $1";
    session.execute(leave, &[(&id, Type::UUID)]).await?;
    Ok(())
}

async fn members(session: &Session<'_>) -> Result<Vec<Member>, Failure> {
    let query = "SELECT id, description, kind, (extract(epoch FROM until - clock_timestamp()) * 1000)::bigint, \
         (SELECT count(*) FROM raccord_state.queue q WHERE q.worker = m.id AND q.ended IS NULL) \
         FROM raccord_state.members m WHERE until > clock_timestamp() ORDER BY id";
    let rows = session.query(query, &[]).await?;
    let member = |row: &tokio_postgres::Row| Member {
        id: row.get(0),
        description: row.get(1),
        kind: MemberKind::of(row.get(2)),
        remaining: u64::try_from(row.get::<_, i64>(3)).unwrap_or_default(),
        runs: u64::try_from(row.get::<_, i64>(4)).unwrap_or_default(),
    };
    Ok(rows.iter().map(member).collect())
}

fn failed(failure: Failure) -> MemberError {
    MemberError(failure.cause())
}

impl PostgresState {
    /// Says that a process works on the state, for so long unless it says so again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn enter(
        &self,
        id: Uuid,
        kind: MemberKind,
        description: &str,
        ttl: Duration,
    ) -> Result<(), MemberError> {
        let (description, ttl) = (description.to_owned(), i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        let work = attempt!(description, |session| enter(session, id, (kind, &description), ttl));
        self.database.repeatable(&work).await.map_err(failed)
    }

    /// Says that it does no more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn leave(&self, id: Uuid) -> Result<(), MemberError> {
        let work = attempt!(|session| leave(session, id));
        self.database.repeatable(&work).await.map_err(failed)
    }

    /// The processes that work on the state.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn members(&self) -> Result<Vec<Member>, MemberError> {
        let work = attempt!(|session| members(session));
        self.database.read(&work).await.map_err(failed)
    }
}
