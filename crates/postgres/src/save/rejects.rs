//! Keeps the rejects of a batch, and no more than may be kept. Those that went because they were too many are remembered, so
//! that they are not new when they come again.

use std::collections::HashSet;

use raccord_model::decide::{Bounds, KeptReject, OtherReject, REMEMBERED, Working, nanoseconds};
use raccord_model::fact::{RejectId, Uid};
use raccord_model::port::destination::DestinationError;
use tokio_postgres::types::Type;

use crate::codec::many::{Finished, Many, many_bytes};
use crate::connections::{Session, value};
use crate::error::Failure;
use crate::fence::signed;

/// Writes what became of rejects; returns how many are new. `had_any` says whether there were any before.
pub(crate) async fn save(
    session: &Session<'_>,
    transfer: Uid,
    set: &Working,
    bounds: Bounds,
    had_any: bool,
) -> Result<u64, Failure> {
    for OtherReject { transfer, id, kept } in &set.other_rejects {
        put(session, *transfer, std::iter::once((id, kept))).await?;
    }
    let changed: Vec<_> = set.rejects.changed().collect();
    if changed.is_empty() && !had_any {
        return Ok(0);
    }
    let gone = changed.iter().filter(|changed| changed.now.is_none());
    let gone = many_bytes(gone.map(|changed| changed.key.0.as_slice()));
    let own = value(&transfer.0, Type::UUID);
    let remove = "DELETE FROM raccord.rejects WHERE transfer = $1 AND id = ANY($2)";
    session.execute(remove, &[own.clone(), (&gone, Type::BYTEA_ARRAY)]).await?;
    put(session, transfer, changed.iter().filter_map(|it| Some((it.key, it.now?)))).await?;
    let new = changed.iter().filter(|changed| changed.before.is_none() && changed.now.is_some());
    let new: Vec<&[u8]> = new.map(|changed| changed.key.0.as_slice()).collect();
    let (count, new) = (new.len(), many_bytes(new));
    let known = recall(session, transfer, &new, bounds).await?;
    bound(session, transfer, bounds).await?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX).saturating_sub(known))
}

/// Which rejects of a transfer are kept.
pub(crate) async fn stored(session: &Session<'_>, transfer: Uid) -> Result<HashSet<RejectId>, Failure> {
    let query = "SELECT id FROM raccord.rejects WHERE transfer = $1";
    let rows = session.query(query, &[(&transfer.0, Type::UUID)]).await?;
    let id = |row: &tokio_postgres::Row| row.get::<_, &[u8]>(0).try_into().map(RejectId);
    Ok(rows.iter().map(id).collect::<Result<_, _>>().map_err(|_| DestinationError::Damaged)?)
}

async fn put(
    session: &Session<'_>,
    transfer: Uid,
    rejects: impl Iterator<Item = (&RejectId, &KeptReject)>,
) -> Result<(), Failure> {
    let types = [Type::BYTEA_ARRAY, Type::BYTEA_ARRAY, Type::BYTEA_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY];
    let mut columns = types.map(Many::new);
    let mut is_empty = true;
    for (id, kept) in rejects {
        let KeptReject { reject: Some(reject), key, version } = kept else { continue };
        is_empty = false;
        let [ids, keys, versions, times, texts] = &mut columns;
        ids.push(Some(&id.0));
        keys.push(key.as_deref());
        versions.push(Some(version));
        times.push(Some(&nanoseconds(reject.at).to_be_bytes()));
        texts.push(Some(&serde_json::to_vec(reject)?));
    }
    if is_empty {
        return Ok(());
    }
    let put = "INSERT INTO raccord.rejects (transfer, id, key, version, at, reject) \
               SELECT $1, * FROM unnest($2, $3, $4, $5, $6) ON CONFLICT (transfer, id) DO UPDATE \
               SET key = excluded.key, version = excluded.version, at = excluded.at, reject = excluded.reject";
    let lists = columns.map(Many::finish);
    let mut values = vec![value(&transfer.0, Type::UUID)];
    values.extend(crate::load::parameters(&lists));
    session.execute(put, &values).await?;
    Ok(())
}

/// How many of the new ones were remembered. They are kept now, and need not be any longer.
async fn recall(
    session: &Session<'_>,
    transfer: Uid,
    new: &Finished,
    bounds: Bounds,
) -> Result<u64, Failure> {
    let recall = "DELETE FROM raccord.forgotten WHERE transfer = $1 AND id = ANY($2) RETURNING at";
    let rows = session.query(recall, &[(&transfer.0, Type::UUID), (new, Type::BYTEA_ARRAY)]).await?;
    let known = rows.iter().filter(|row| row.get::<_, i64>(0) >= bounds.oldest).count();
    Ok(u64::try_from(known).unwrap_or(u64::MAX))
}

/// Takes away those that are too old, and the oldest of those that are too many.
async fn bound(session: &Session<'_>, transfer: Uid, bounds: Bounds) -> Result<(), Failure> {
    let own = value(&transfer.0, Type::UUID);
    let query = "SELECT count(*), count(*) FILTER (WHERE at < $2) FROM raccord.rejects WHERE transfer = $1";
    let row = session.query_opt(query, &[own.clone(), (&bounds.oldest, Type::INT8)]).await?;
    let (all, old) = row.map_or((0, 0), |row| (row.get::<_, i64>(0), row.get::<_, i64>(1)));
    if old > 0 {
        let remove = "DELETE FROM raccord.rejects WHERE transfer = $1 AND at < $2";
        session.execute(remove, &[own.clone(), (&bounds.oldest, Type::INT8)]).await?;
    }
    let surplus = all.saturating_sub(signed(bounds.most.min(i64::MAX.cast_unsigned()))) - old;
    if surplus <= 0 {
        return Ok(());
    }
    let remove = "WITH gone AS (DELETE FROM raccord.rejects WHERE transfer = $1 AND id IN \
                  (SELECT id FROM raccord.rejects WHERE transfer = $1 ORDER BY at, id LIMIT $2) RETURNING id), \
                  old AS (DELETE FROM raccord.forgotten WHERE transfer = $1 AND at < $3) \
                  INSERT INTO raccord.forgotten (transfer, id, at) SELECT $1, id, $4 FROM gone \
                  LIMIT greatest(0, $5 - (SELECT count(*) FROM raccord.forgotten WHERE transfer = $1 AND at >= $3)) \
                  ON CONFLICT (transfer, id) DO UPDATE SET at = excluded.at";
    let values = [
        own,
        (&surplus, Type::INT8),
        (&bounds.oldest, Type::INT8),
        (&bounds.now, Type::INT8),
        (&signed(REMEMBERED), Type::INT8),
    ];
    session.execute(remove, &values).await?;
    Ok(())
}
