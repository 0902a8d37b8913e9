//! The port `Inbox` of a shared state: deliveries wait under their transfer, whichever machine they came to.
//!
//! A transfer's row of `inboxes` is locked while a delivery is put into its inbox, so that deliveries become visible in the
//! order of their sequences, and counts what waits. Which deliveries are known is held by the unique index of `seen`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use raccord_model::delivery;
use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::port::destination::Postponed;
use raccord_model::port::inbox::{Accept, Accepted, Delivery, DeliveryKind, Inbox, InboxError};
use raccord_model::port::state::Table;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresState;
use super::kind::word;
use super::read::number;
use crate::connections::{Parameter, Session};
use crate::error::Failure;

/// How many deliveries of one transfer wait at the most, and how many bytes those of all have. Several machines that accept
/// at the same moment may together go beyond the bytes by what each had under way.
const MOST_DELIVERIES: u64 = 1_000_000;
const MOST_BYTES: u64 = 1 << 30;

/// How many bytes of deliveries are read at once; one that is larger comes alone.
const READ: i64 = 8 * 1024 * 1024;

/// For how long a delivery is known again, and how many that have expired a new one drives out at the most.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
const PURGED: i64 = 4;

/// How many are known again, by the estimate that the server keeps; beyond, a new one drives out the oldest as if they had
/// expired. Counting them for each delivery would read them all.
const MOST_KNOWN: i64 = 10_000_000;

/// How many bytes of the digest of a delivery's name are kept.
const DIGEST: usize = 16;

/// Deliveries on their way into inboxes, with their bytes.
struct Incoming {
    transfers: BTreeSet<Uuid>,
    bytes: Vec<u8>,
}

/// Keeps what a delivery said, unless it is known already or there is no room for all of it.
async fn keep(session: &Session<'_>, accepts: &[Accept]) -> Result<Result<Accepted, InboxError>, Failure> {
    let mut incoming = Vec::with_capacity(accepts.len());
    for accept in accepts {
        if is_new(session, accept).await? {
            let transfers = accept.transfers.iter().map(|uid| uid.0).collect();
            incoming.push(Incoming { transfers, bytes: delivery::encode(&accept.delivery) });
        }
    }
    if incoming.is_empty() && !accepts.is_empty() {
        return Ok(Ok(Accepted::Replayed));
    }
    let wanted: BTreeSet<Uuid> = incoming.iter().flat_map(|one| one.transfers.iter().copied()).collect();
    let living = living(session, &wanted).await?;
    for one in &mut incoming {
        one.transfers.retain(|transfer| living.contains(transfer));
    }
    let all = bytes_of_all(session).await?;
    append(session, &incoming, all).await
}

/// Whether a delivery did not come before; from now on it did.
async fn is_new(session: &Session<'_>, accept: &Accept) -> Result<bool, Failure> {
    let Some(id) = &accept.id else { return Ok(true) };
    let name = name_of(id);
    let (now, expiry) = (micros(accept.delivery.received), expiry(accept.delivery.received));
    let remember = "INSERT INTO raccord_state.seen AS s (source, name, at) VALUES ($1, $2, $3) \
         ON CONFLICT (source, name) DO UPDATE SET at = excluded.at WHERE s.at < $4";
    let values: [Parameter<'_>; 4] =
        [(&accept.source.0, Type::UUID), (&name, Type::BYTEA), (&now, Type::INT8), (&expiry, Type::INT8)];
    let is_new = session.execute(remember, &values).await? > 0;
    if is_new {
        let forget = "DELETE FROM raccord_state.seen WHERE (source, name) IN (SELECT source, name \
             FROM raccord_state.seen WHERE at < (SELECT CASE WHEN reltuples > $4 THEN $3 ELSE $1 END \
             FROM pg_class WHERE oid = 'raccord_state.seen'::regclass) \
             ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)";
        let values: [Parameter<'_>; 4] =
            [(&expiry, Type::INT8), (&PURGED, Type::INT8), (&now, Type::INT8), (&MOST_KNOWN, Type::INT8)];
        session.execute(forget, &values).await?;
    }
    Ok(is_new)
}

/// What is kept of a delivery's name.
fn name_of(id: &str) -> Vec<u8> {
    let digest = blake3::hash(id.as_bytes());
    digest.as_bytes()[..DIGEST].to_vec()
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The instant before which deliveries are no longer known.
fn expiry(now: Timestamp) -> i64 {
    micros(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN))
}

/// Those of some transfers that have not been deleted; they cannot be until this transaction ends.
async fn living(session: &Session<'_>, wanted: &BTreeSet<Uuid>) -> Result<BTreeSet<Uuid>, Failure> {
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let keys: Vec<String> = wanted.iter().map(Uuid::to_string).collect();
    let kind = word(Table::Transfers);
    let query = "SELECT key FROM raccord_state.facts WHERE kind = $1 AND key = ANY($2) \
                 ORDER BY key FOR KEY SHARE";
    let rows = session.query(query, &[(&kind, Type::TEXT), (&keys, Type::TEXT_ARRAY)]).await?;
    Ok(rows.iter().filter_map(|row| row.get::<_, &str>(0).parse().ok()).collect())
}

async fn bytes_of_all(session: &Session<'_>) -> Result<u64, Failure> {
    let query = "SELECT coalesce(sum(bytes), 0)::bigint FROM raccord_state.inboxes";
    let row = session.query_opt(query, &[]).await?;
    Ok(row.map_or(0, |row| number(&row, 0)))
}

/// Puts deliveries into the inboxes of their transfers, in order.
async fn append(
    session: &Session<'_>,
    incoming: &[Incoming],
    bytes: u64,
) -> Result<Result<Accepted, InboxError>, Failure> {
    let mut by_transfer: BTreeMap<Uuid, Vec<&[u8]>> = BTreeMap::new();
    for Incoming { transfers, bytes } in incoming {
        for transfer in transfers {
            by_transfer.entry(*transfer).or_default().push(bytes);
        }
    }
    let length = |all: &[&[u8]]| all.iter().map(|one| length(one)).sum::<u64>();
    let more: u64 = by_transfer.values().map(|all| length(all)).sum();
    for (transfer, all) in by_transfer {
        let count = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let (first, deliveries) = reserve(session, transfer, count, length(&all)).await?;
        if deliveries + count > MOST_DELIVERIES || bytes.saturating_add(more) > MOST_BYTES {
            return Ok(Err(InboxError::Full { deliveries, bytes }));
        }
        let put = "INSERT INTO raccord_state.inbox (transfer, sequence, delivery) \
                   SELECT $1, $2 + n - 1, d FROM unnest($3::bytea[]) WITH ORDINALITY AS f(d, n)";
        let values: [Parameter<'_>; 3] =
            [(&transfer, Type::UUID), (&first, Type::INT8), (&all, Type::BYTEA_ARRAY)];
        session.execute(put, &values).await?;
    }
    Ok(Ok(Accepted::New))
}

/// Locks the inbox of a transfer and counts what is about to come; the first sequence, and how many waited before.
async fn reserve(
    session: &Session<'_>,
    transfer: Uuid,
    count: u64,
    bytes: u64,
) -> Result<(i64, u64), Failure> {
    // A state that was copied here gives no sequence again that was given before.
    let reserve = "INSERT INTO raccord_state.inboxes AS i (transfer, sequence, deliveries, bytes) \
         SELECT $1, last_sequence + $2, $2, $3 FROM raccord_state.head \
         ON CONFLICT (transfer) DO UPDATE SET sequence = i.sequence + $2, \
         deliveries = i.deliveries + $2, bytes = i.bytes + $3 RETURNING sequence, deliveries";
    let (count, bytes) = (count.cast_signed(), bytes.cast_signed());
    let values: [Parameter<'_>; 3] = [(&transfer, Type::UUID), (&count, Type::INT8), (&bytes, Type::INT8)];
    let row = session.query_opt(reserve, &values).await?;
    let row = row.ok_or(raccord_model::port::destination::DestinationError::Damaged)?;
    Ok((row.get::<_, i64>(0) - count + 1, number(&row, 1) - count.cast_unsigned()))
}

/// How many bytes a delivery counts for.
fn length(value: &[u8]) -> u64 {
    u64::try_from(value.len()).unwrap_or(u64::MAX)
}

/// The deliveries of a transfer after a sequence, so many as may be read at once.
async fn pending(
    session: &Session<'_>,
    transfer: Uid,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, Delivery)>, Failure> {
    let after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = "SELECT sequence, delivery FROM (SELECT sequence, delivery, \
         sum(octet_length(delivery)) OVER w AS bytes, row_number() OVER w AS number \
         FROM (SELECT sequence, delivery FROM raccord_state.inbox WHERE transfer = $1 AND sequence > $2 \
         ORDER BY sequence LIMIT $3) AS f WINDOW w AS (ORDER BY sequence)) AS g \
         WHERE bytes <= $4 OR number = 1 ORDER BY sequence";
    let values: [Parameter<'_>; 4] =
        [(&transfer.0, Type::UUID), (&after, Type::INT8), (&limit, Type::INT8), (&READ, Type::INT8)];
    let rows = session.query(query, &values).await?;
    rows.iter().map(|row| Ok((number(row, 0), delivery::decode(row.get(1))?))).collect()
}

async fn waiting(session: &Session<'_>, transfer: Uid) -> Result<u64, Failure> {
    let query = "SELECT deliveries FROM raccord_state.inboxes WHERE transfer = $1";
    let row = session.query_opt(query, &[(&transfer.0, Type::UUID)]).await?;
    Ok(row.map_or(0, |row| number(&row, 0)))
}

async fn waiting_transfers(session: &Session<'_>) -> Result<Vec<Uid>, Failure> {
    let query = "SELECT transfer FROM raccord_state.inboxes WHERE deliveries > 0 ORDER BY transfer";
    Ok(session.query(query, &[]).await?.iter().map(|row| Uid(row.get(0))).collect())
}

/// The sequence that came last of each transfer of which deliveries wait.
async fn arrivals(session: &Session<'_>) -> Result<BTreeMap<Uid, u64>, Failure> {
    let query = "SELECT transfer, sequence FROM raccord_state.inboxes WHERE deliveries > 0";
    Ok(session.query(query, &[]).await?.iter().map(|row| (Uid(row.get(0)), number(row, 1))).collect())
}

/// Locks the inbox of a transfer.
async fn lock(session: &Session<'_>, transfer: Uuid) -> Result<(), Failure> {
    let lock = "SELECT 1 FROM raccord_state.inboxes WHERE transfer = $1 FOR UPDATE";
    session.query(lock, &[(&transfer, Type::UUID)]).await?;
    Ok(())
}

/// Removes deliveries that a condition on `$2` names; how many there were.
async fn remove(
    session: &Session<'_>,
    transfer: Uuid,
    condition: &str,
    value: Parameter<'_>,
) -> Result<u64, Failure> {
    lock(session, transfer).await?;
    let remove = format!(
        "WITH gone AS (DELETE FROM raccord_state.inbox WHERE transfer = $1 AND {condition} \
         RETURNING octet_length(delivery) AS bytes), \
         sum AS (SELECT count(*) AS deliveries, coalesce(sum(bytes), 0)::bigint AS bytes FROM gone) \
         UPDATE raccord_state.inboxes AS i SET deliveries = i.deliveries - sum.deliveries, \
         bytes = i.bytes - sum.bytes FROM sum WHERE transfer = $1 RETURNING sum.deliveries"
    );
    let row = session.query_opt(&remove, &[(&transfer, Type::UUID), value]).await?;
    Ok(row.map_or(0, |row| number(&row, 0)))
}

async fn consume(session: &Session<'_>, transfer: Uid, sequences: &[u64]) -> Result<u64, Failure> {
    let sequences: Vec<i64> = sequences.iter().map(|sequence| sequence.cast_signed()).collect();
    remove(session, transfer.0, "sequence = ANY($2)", (&sequences, Type::INT8_ARRAY)).await
}

async fn discard(session: &Session<'_>, transfer: Uid, through: u64) -> Result<u64, Failure> {
    let through = i64::try_from(through).unwrap_or(i64::MAX);
    remove(session, transfer.0, "sequence <= $2", (&through, Type::INT8)).await
}

/// A transfer is no more: what waits of it goes.
pub(super) async fn end(session: &Session<'_>, transfer: Uuid) -> Result<(), Failure> {
    for table in ["inbox", "inboxes"] {
        let remove = format!("DELETE FROM raccord_state.{table} WHERE transfer = $1");
        session.execute(&remove, &[(&transfer, Type::UUID)]).await?;
    }
    Ok(())
}

/// Keeps with deliveries of a transfer when they are looked at again.
async fn postpone(session: &Session<'_>, transfer: Uid, postponed: &[Postponed]) -> Result<(), Failure> {
    for Postponed { sequence, retry: again } in postponed {
        let sequence = sequence.cast_signed();
        let query = "SELECT delivery FROM raccord_state.inbox WHERE transfer = $1 AND sequence = $2";
        let at: [Parameter<'_>; 2] = [(&transfer.0, Type::UUID), (&sequence, Type::INT8)];
        let Some(row) = session.query_opt(query, &at).await? else { continue };
        let before: &[u8] = row.get(0);
        let mut delivery = delivery::decode(before)?;
        if let DeliveryKind::Fetch { retry, .. } = &mut delivery.kind {
            *retry = Some(*again);
        }
        let later = delivery::encode(&delivery);
        let more = length(&later).cast_signed() - length(before).cast_signed();
        let keep = "WITH kept AS (UPDATE raccord_state.inbox SET delivery = $3 \
             WHERE transfer = $1 AND sequence = $2) \
             UPDATE raccord_state.inboxes SET bytes = bytes + $4 WHERE transfer = $1";
        let values: [Parameter<'_>; 4] =
            [(&transfer.0, Type::UUID), (&sequence, Type::INT8), (&later, Type::BYTEA), (&more, Type::INT8)];
        session.execute(keep, &values).await?;
    }
    Ok(())
}

fn not_read(failure: Failure) -> InboxError {
    InboxError::Read(failure.cause())
}

fn not_written(failure: Failure) -> InboxError {
    InboxError::Write(failure.cause())
}

impl Inbox for PostgresState {
    fn accept_all(&self, accepts: Vec<Accept>) -> Async<'_, Result<Accepted, InboxError>> {
        Box::pin(async move {
            let work = attempt!(accepts, |session| keep(session, &accepts));
            self.database.write(&work).await.map_err(not_written)?
        })
    }

    fn pending(
        &self,
        transfer: Uid,
        after: Option<u64>,
        limit: usize,
    ) -> Async<'_, Result<Vec<(u64, Delivery)>, InboxError>> {
        Box::pin(async move {
            let work = attempt!(|session| pending(session, transfer, after, limit));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn waiting(&self, transfer: Uid) -> Async<'_, Result<u64, InboxError>> {
        Box::pin(async move {
            let work = attempt!(|session| waiting(session, transfer));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn waiting_transfers(&self) -> Async<'_, Result<Vec<Uid>, InboxError>> {
        Box::pin(async move {
            let work = attempt!(|session| waiting_transfers(session));
            self.database.read(&work).await.map_err(not_read)
        })
    }

    fn arrivals(&self) -> Async<'_, Result<Option<BTreeMap<Uid, u64>>, InboxError>> {
        Box::pin(async move {
            let work = attempt!(|session| arrivals(session));
            self.database.read(&work).await.map(Some).map_err(not_read)
        })
    }

    fn take(&self, transfer: Uid, sequences: Vec<u64>) -> Async<'_, Result<u64, InboxError>> {
        Box::pin(async move {
            let work =
                attempt!(sequences, |session| async { consume(session, transfer, &sequences).await.map(Ok) });
            self.database.write(&work).await.map_err(not_written)?
        })
    }

    fn settle(
        &self,
        transfer: Uid,
        consumed: Vec<u64>,
        postponed: Vec<Postponed>,
    ) -> Async<'_, Result<(), InboxError>> {
        Box::pin(async move {
            let both = (consumed, postponed);
            let work = attempt!(both, |session| async {
                consume(session, transfer, &both.0).await?;
                postpone(session, transfer, &both.1).await.map(Ok)
            });
            self.database.write(&work).await.map_err(not_written)?
        })
    }

    fn discard(&self, transfer: Uid, through: u64) -> Async<'_, Result<u64, InboxError>> {
        Box::pin(async move {
            let work = attempt!(|session| async move { discard(session, transfer, through).await.map(Ok) });
            self.database.write(&work).await.map_err(not_written)?
        })
    }
}
