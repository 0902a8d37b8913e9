//! The port `Queue` on a shared state: one small table of runs that are to be made, and one of the budgets that their
//! requests are paid from.
//!
//! Each call is a single statement, or several of which a repetition changes nothing more. When a worker loses what it has is
//! judged by the clock of the database alone. It decides nothing: what is offered the scheduler has decided on, and what may be
//! stored the fence of the destination does.

use std::collections::BTreeMap;
use std::time::Duration;

use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::lease::Held;
use raccord_model::port::queue::{
    Ending, Offer, Queue, QueueError, Queued, RunProgress, SharedBudget, Taken,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresState;
use super::read::number;
use crate::connections::{Parameter, Session};
use crate::error::Failure;

/// For how many microseconds a worker has what it took, unless it renews it.
const TTL: i64 = 15_000_000;

/// After how many removed rows of this process the table is tidied up. The server does so by itself once a minute at the most:
/// by then it would look through the places of tens of thousands of rows that are gone, for each of the few that are there.
const TIDIED_EVERY: u64 = 500;
const TIDY: &str = "VACUUM (SKIP_LOCKED, TRUNCATE false) raccord_state.queue";

/// What is read of a row, in the order of [`offer_of`].
macro_rules! columns {
    ($of:literal) => {
        concat!(
            $of,
            "transfer, ",
            $of,
            "id, ",
            $of,
            "cause, ",
            $of,
            "generation, ",
            $of,
            "reading, ",
            $of,
            "budget, ",
            $of,
            "budget_window"
        )
    };
}

/// Only while a lease is held: its row is locked, so that it is not lost before the statement has ended.
const HELD: &str =
    "SELECT 1 FROM raccord_state.leases WHERE name = $1 AND token = $2 AND holder IS NOT NULL FOR SHARE";

/// Takes the readings that have waited longest and whose budget no other worker has; a reading is taken by the row of it that
/// comes first, so that no two workers have a part each.
const TAKE: &str = concat!(
    "WITH free AS (SELECT q.reading, q.budget, q.budget_window FROM raccord_state.queue q \
       WHERE q.ended IS NULL AND (q.worker IS NULL OR q.until <= clock_timestamp()) \
       AND q.offered <= clock_timestamp() - $3 * interval '1 microsecond' \
       AND NOT EXISTS (SELECT 1 FROM raccord_state.queue o \
         WHERE o.reading = q.reading AND o.ended IS NULL AND o.transfer < q.transfer) \
       AND NOT EXISTS (SELECT 1 FROM raccord_state.budgets b \
         WHERE b.name = q.budget AND b.worker <> $1 AND b.until > clock_timestamp()) \
       ORDER BY q.offered, q.transfer LIMIT $2 FOR UPDATE OF q SKIP LOCKED), \
     held AS (INSERT INTO raccord_state.budgets AS b (name, worker, budget_window, until) \
       SELECT DISTINCT ON (budget) budget, $1, budget_window, \
         clock_timestamp() + ($4 + budget_window) * interval '1 microsecond' \
       FROM free WHERE budget IS NOT NULL ORDER BY budget \
       ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, budget_window = excluded.budget_window, \
         until = greatest(b.until, excluded.until) \
       WHERE b.worker = excluded.worker OR b.until <= clock_timestamp() RETURNING name), \
     taken AS (UPDATE raccord_state.queue q SET worker = $1, reclaimed = q.worker IS NOT NULL OR q.reclaimed, \
         until = clock_timestamp() + $4 * interval '1 microsecond' \
       FROM free f WHERE q.reading = f.reading AND q.ended IS NULL \
       AND (f.budget IS NULL OR f.budget IN (SELECT name FROM held)) \
       RETURNING ",
    columns!("q."),
    ", q.stop, q.reclaimed) \
     SELECT * FROM taken UNION ALL SELECT ",
    columns!(""),
    ", stop, true FROM raccord_state.queue WHERE worker = $1 AND ended IS NULL"
);

fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}

fn damaged() -> Failure {
    DestinationError::Damaged.into()
}

fn failed(failure: Failure) -> QueueError {
    QueueError(failure.cause())
}

fn offer_of(row: &Row) -> Result<Offer, Failure> {
    let (name, window): (Option<String>, Option<i64>) = (row.get(5), row.get(6));
    let budget = name.zip(window).map(|(name, window)| SharedBudget {
        name,
        window: Duration::from_micros(u64::try_from(window).unwrap_or_default()),
    });
    Ok(Offer {
        transfer: Uid(row.get(0)),
        id: row.get(1),
        cause: serde_json::from_str(row.get(2)).map_err(|_| damaged())?,
        generation: number(row, 3),
        reading: row.get(4),
        budget,
    })
}

/// Something of the form of JSON that may be missing.
fn json<T: serde::de::DeserializeOwned>(row: &Row, at: usize) -> Result<Option<T>, Failure> {
    let text: Option<&str> = row.get(at);
    text.map(serde_json::from_str).transpose().map_err(|_| damaged())
}

/// Offers are numbered, so that one that is done again, or comes late by a connection that was given up, is done once and in
/// its order: then its run may have ended already.
async fn offer(session: &Session<'_>, (under, offer): (&Held, i64), offers: &[Offer]) -> Result<(), Failure> {
    let insert = format!(
        "WITH held AS ({HELD}), turn AS (UPDATE raccord_state.scheduler SET token = $2, number = $10 \
           WHERE (token, number) < ($2, $10) AND EXISTS (SELECT 1 FROM held) RETURNING 1) \
         INSERT INTO raccord_state.queue (transfer, id, cause, generation, reading, budget, budget_window) \
         SELECT transfer, id, cause, generation, reading, budget, budget_window FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::uuid[], $8::text[], $9::bigint[]) \
         WITH ORDINALITY AS o(transfer, id, cause, generation, reading, budget, budget_window, place), \
         turn ORDER BY place ON CONFLICT (transfer) DO NOTHING"
    );
    let all = |of: fn(&Offer) -> Uuid| -> Vec<Uuid> { offers.iter().map(of).collect() };
    let causes: Vec<String> =
        offers.iter().map(|offer| serde_json::to_string(&offer.cause)).collect::<Result<_, _>>()?;
    let generations: Vec<i64> = offers.iter().map(|offer| offer.generation.cast_signed()).collect();
    let budgets: Vec<Option<&str>> =
        offers.iter().map(|offer| offer.budget.as_ref().map(|budget| budget.name.as_str())).collect();
    let windows: Vec<Option<i64>> =
        offers.iter().map(|offer| offer.budget.as_ref().map(|budget| microseconds(budget.window))).collect();
    let token = under.token.cast_signed();
    let values: [Parameter<'_>; 10] = [
        (&under.name, Type::TEXT),
        (&token, Type::INT8),
        (&all(|offer| offer.transfer.0), Type::UUID_ARRAY),
        (&all(|offer| offer.id), Type::UUID_ARRAY),
        (&causes, Type::TEXT_ARRAY),
        (&generations, Type::INT8_ARRAY),
        (&all(|offer| offer.reading), Type::UUID_ARRAY),
        (&budgets, Type::TEXT_ARRAY),
        (&windows, Type::INT8_ARRAY),
        (&offer, Type::INT8),
    ];
    session.execute(&insert, &values).await?;
    Ok(())
}

/// Changes the rows of some offers while a lease is held.
async fn under(session: &Session<'_>, change: &str, held: &Held, offers: &[Uuid]) -> Result<(), Failure> {
    let change = format!("WITH held AS ({HELD}) {change} WHERE id = ANY($3) AND EXISTS (SELECT 1 FROM held)");
    let (token, offers) = (held.token.cast_signed(), offers.to_vec());
    let values: [Parameter<'_>; 3] =
        [(&held.name, Type::TEXT), (&token, Type::INT8), (&offers, Type::UUID_ARRAY)];
    session.execute(&change, &values).await?;
    Ok(())
}

async fn rows(session: &Session<'_>) -> Result<Vec<Queued>, Failure> {
    let query = concat!("SELECT ", columns!(""), ", stop, progress, ended FROM raccord_state.queue");
    let queued = |row: &Row| {
        let offer = offer_of(row)?;
        Ok(Queued { offer, stop: row.get(7), progress: json(row, 8)?, ended: json(row, 9)? })
    };
    session.query(query, &[]).await?.iter().map(queued).collect()
}

async fn take(session: &Session<'_>, worker: Uuid, most: i64, waited: i64) -> Result<Vec<Taken>, Failure> {
    let values: [Parameter<'_>; 4] =
        [(&worker, Type::UUID), (&most, Type::INT8), (&waited, Type::INT8), (&TTL, Type::INT8)];
    let rows = session.query(TAKE, &values).await?;
    let taken = |row: &Row| {
        let offer = offer_of(row)?;
        Ok((offer.id, Taken { offer, stop: row.get(7), reclaimed: row.get(8) }))
    };
    // What this worker takes again after its time was over is there as it was, too.
    let taken: BTreeMap<Uuid, Taken> = rows.iter().rev().map(taken).collect::<Result<_, Failure>>()?;
    Ok(taken.into_values().collect())
}

async fn renew(session: &Session<'_>, worker: Uuid, progress: &[(Uuid, String)]) -> Result<u32, Failure> {
    let renew = "UPDATE raccord_state.queue q SET until = clock_timestamp() + $2 * interval '1 microsecond', \
         progress = coalesce((SELECT t.progress FROM unnest($3::uuid[], $4::text[]) t(id, progress) WHERE t.id = q.id), q.progress) \
         WHERE worker = $1 AND ended IS NULL";
    let (ids, texts): (Vec<Uuid>, Vec<&str>) = progress.iter().map(|(id, text)| (*id, text.as_str())).unzip();
    let values: [Parameter<'_>; 4] =
        [(&worker, Type::UUID), (&TTL, Type::INT8), (&ids, Type::UUID_ARRAY), (&texts, Type::TEXT_ARRAY)];
    if session.execute(renew, &values).await? > 0 {
        let budgets = "UPDATE raccord_state.budgets b \
             SET until = clock_timestamp() + ($2 + budget_window) * interval '1 microsecond' \
             WHERE worker = $1 AND EXISTS (SELECT 1 FROM raccord_state.queue q \
               WHERE q.budget = b.name AND q.worker = $1 AND q.ended IS NULL)";
        session.execute(budgets, &[(&worker, Type::UUID), (&TTL, Type::INT8)]).await?;
    }
    let daemons =
        "SELECT count(*) FROM raccord_state.members WHERE kind <> 'verb' AND until > clock_timestamp()";
    let row = session.query_opt(daemons, &[]).await?;
    Ok(row.map_or(1, |row| u32::try_from(row.get::<_, i64>(0)).unwrap_or(1)))
}

/// Another worker may have the budgets that this one has no runs of any more, as soon as no request counts.
const LET_BUDGETS_GO: &str = "UPDATE raccord_state.budgets b \
     SET until = least(until, clock_timestamp() + budget_window * interval '1 microsecond') \
     WHERE worker = $1 AND NOT EXISTS (SELECT 1 FROM raccord_state.queue q \
       WHERE q.budget = b.name AND q.worker = $1 AND q.ended IS NULL)";

async fn end(session: &Session<'_>, worker: Uuid, id: Uuid, ending: &str) -> Result<(), Failure> {
    let end = "UPDATE raccord_state.queue SET ended = $3 WHERE id = $2 AND worker = $1 AND ended IS NULL \
         RETURNING budget IS NOT NULL";
    let values: [Parameter<'_>; 3] = [(&worker, Type::UUID), (&id, Type::UUID), (&ending, Type::TEXT)];
    if session.query_opt(end, &values).await?.is_some_and(|row| row.get(0)) {
        session.execute(LET_BUDGETS_GO, &[(&worker, Type::UUID)]).await?;
    }
    Ok(())
}

async fn hand_over(session: &Session<'_>, worker: Uuid, id: Uuid) -> Result<(), Failure> {
    let give = "UPDATE raccord_state.queue SET worker = NULL, until = NULL, reclaimed = true \
         WHERE id = $2 AND worker = $1 AND ended IS NULL";
    session.execute(give, &[(&worker, Type::UUID), (&id, Type::UUID)]).await?;
    session.execute(LET_BUDGETS_GO, &[(&worker, Type::UUID)]).await?;
    Ok(())
}

impl Queue for PostgresState {
    fn offer<'a>(&'a self, held: &'a Held, offers: Vec<Offer>) -> Async<'a, Result<(), QueueError>> {
        let what = (held.clone(), self.database.next_offer(), offers);
        Box::pin(async move {
            let work = attempt!(what, |session| offer(session, (&what.0, what.1), &what.2));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }

    fn stop<'a>(&'a self, held: &'a Held, offers: Vec<Uuid>) -> Async<'a, Result<(), QueueError>> {
        let what = (held.clone(), offers);
        Box::pin(async move {
            let change = "UPDATE raccord_state.queue SET stop = true";
            let work = attempt!(what, |session| under(session, change, &what.0, &what.1));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }

    fn remove<'a>(&'a self, held: &'a Held, offers: Vec<Uuid>) -> Async<'a, Result<(), QueueError>> {
        let what = (held.clone(), offers);
        Box::pin(async move {
            let change = "DELETE FROM raccord_state.queue";
            let removed = u64::try_from(what.1.len()).unwrap_or_default();
            let work = attempt!(what, |session| under(session, change, &what.0, &what.1));
            self.database.repeatable(&work).await.map_err(failed)?;
            if self.database.counts_removed(removed, TIDIED_EVERY) {
                // It is no part of any work: where it is not allowed or not known, the server does it in its own time.
                self.database.once(&attempt!(|session| session.run(TIDY))).await;
            }
            Ok(())
        })
    }

    fn rows(&self) -> Async<'_, Result<Vec<Queued>, QueueError>> {
        Box::pin(async {
            let work = attempt!(|session| rows(session));
            self.database.read(&work).await.map_err(failed)
        })
    }

    fn take(&self, worker: Uuid, most: u32, waited: Duration) -> Async<'_, Result<Vec<Taken>, QueueError>> {
        let (most, waited) = (i64::from(most), microseconds(waited));
        Box::pin(async move {
            let work = attempt!(|session| take(session, worker, most, waited));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }

    fn renew(&self, worker: Uuid, progress: Vec<(Uuid, RunProgress)>) -> Async<'_, Result<u32, QueueError>> {
        Box::pin(async move {
            let text = |(id, progress)| Ok((id, serde_json::to_string(&progress)?));
            let progress: Result<Vec<(Uuid, String)>, serde_json::Error> =
                progress.into_iter().map(text).collect();
            let progress = progress.map_err(|error| failed(error.into()))?;
            let work = attempt!(progress, |session| renew(session, worker, &progress));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }

    fn end(&self, worker: Uuid, offer: Uuid, ending: Ending) -> Async<'_, Result<(), QueueError>> {
        Box::pin(async move {
            let text = serde_json::to_string(&ending).map_err(|error| failed(error.into()))?;
            let work = attempt!(text, |session| end(session, worker, offer, &text));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }

    fn hand_over(&self, worker: Uuid, offer: Uuid) -> Async<'_, Result<(), QueueError>> {
        Box::pin(async move {
            let work = attempt!(|session| hand_over(session, worker, offer));
            self.database.repeatable(&work).await.map_err(failed)
        })
    }
}
