//! Keeps the rejects of a batch, and no more than may be kept. Those that went because they were too many are remembered, so
//! that they are not new when they come again.

use std::collections::HashSet;

use raccord_model::decide::{Bounds, KeptReject, REMEMBERED, Working, nanoseconds};
use raccord_model::fact::{RejectId, Uid};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Failure;
use crate::fence::id;

/// Writes what became of rejects; returns how many are new. `had_any` says whether there were any before.
pub(crate) fn save(
    connection: &Connection,
    transfer: Uid,
    set: &Working,
    bounds: Bounds,
    had_any: bool,
) -> Result<u64, Failure> {
    if set.rejects.changed().next().is_none() && set.other_rejects.is_empty() && !had_any {
        return Ok(0);
    }
    let remove = "DELETE FROM _raccord_rejects WHERE transfer = ?1 AND id = ?2";
    let put = "INSERT INTO _raccord_rejects (transfer, id, key, version, at, reject) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (transfer, id) DO UPDATE \
               SET key = excluded.key, version = excluded.version, at = excluded.at, reject = excluded.reject";
    let (mut remove, mut put) = (connection.prepare(remove)?, connection.prepare(put)?);
    let mut keep = |transfer: Uid, reject_id: RejectId, kept: &KeptReject| -> Result<(), Failure> {
        let Some(reject) = &kept.reject else { return Ok(()) };
        let (at, json) = (nanoseconds(reject.at), serde_json::to_string(reject)?);
        put.execute(params![id(&transfer), reject_id.0, kept.key, kept.version, at, json])?;
        Ok(())
    };
    for other in &set.other_rejects {
        keep(other.transfer, other.id, &other.kept)?;
    }
    let mut new = 0;
    for changed in set.rejects.changed() {
        let Some(kept) = changed.now else {
            remove.execute(params![id(&transfer), changed.key.0])?;
            continue;
        };
        keep(transfer, *changed.key, kept)?;
        if changed.before.is_none() && !was_known(connection, transfer, changed.key.0, bounds)? {
            new += 1;
        }
    }
    bound(connection, transfer, bounds)?;
    Ok(new)
}

/// Which rejects of a transfer are kept.
pub(crate) fn stored(connection: &Connection, transfer: Uid) -> Result<HashSet<RejectId>, Failure> {
    let mut statement = connection.prepare("SELECT id FROM _raccord_rejects WHERE transfer = ?1")?;
    let ids = statement.query_map([id(&transfer)], |row| row.get(0).map(RejectId))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Whether a reject is remembered. It is kept now, and need not be any longer.
fn was_known(
    connection: &Connection,
    transfer: Uid,
    reject: [u8; 8],
    bounds: Bounds,
) -> Result<bool, Failure> {
    let recall = "DELETE FROM _raccord_forgotten WHERE transfer = ?1 AND id = ?2 RETURNING at";
    let at: Option<i64> =
        connection.query_row(recall, params![id(&transfer), reject], |row| row.get(0)).optional()?;
    Ok(at.is_some_and(|at| at >= bounds.oldest))
}

/// Takes away those that are too old, and the oldest of those that are too many.
fn bound(connection: &Connection, transfer: Uid, bounds: Bounds) -> Result<(), Failure> {
    let old = "DELETE FROM _raccord_rejects WHERE transfer = ?1 AND at < ?2";
    connection.execute(old, params![id(&transfer), bounds.oldest])?;
    let count = |table: &str| -> Result<u64, Failure> {
        let query = format!("SELECT count(*) FROM {table} WHERE transfer = ?1");
        let count: i64 = connection.query_row(&query, [id(&transfer)], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    };
    let surplus = count("_raccord_rejects")?.saturating_sub(bounds.most);
    if surplus == 0 {
        return Ok(());
    }
    let old = "DELETE FROM _raccord_forgotten WHERE transfer = ?1 AND at < ?2";
    connection.execute(old, params![id(&transfer), bounds.oldest])?;
    let room = REMEMBERED.saturating_sub(count("_raccord_forgotten")?);
    let remember = "INSERT INTO _raccord_forgotten (transfer, id, at) \
                    SELECT transfer, id, ?2 FROM _raccord_rejects WHERE transfer = ?1 ORDER BY at, id LIMIT ?3 \
                    ON CONFLICT (transfer, id) DO UPDATE SET at = excluded.at";
    connection.execute(remember, params![id(&transfer), bounds.now, surplus.min(room).cast_signed()])?;
    let remove = "DELETE FROM _raccord_rejects WHERE transfer = ?1 AND id IN \
                  (SELECT id FROM _raccord_rejects WHERE transfer = ?1 ORDER BY at, id LIMIT ?2)";
    connection.execute(remove, params![id(&transfer), surplus.cast_signed()])?;
    Ok(())
}
