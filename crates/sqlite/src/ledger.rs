//! The port `Ledger`: what is kept, read with queries. Its one change is that rejects go once they were replayed.

use jiff::Timestamp;
use raccord_model::decide::{Key, Stored, UNOWNED, nanoseconds};
use raccord_model::fact::{Reject, RejectId, Uid};
use raccord_model::port::destination::{
    DestinationError, Kept, KeptQuery, RejectPlace, RejectQuery, RowQuery, Said, StoredRow,
};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use crate::codec;
use crate::commit::count_owned;
use crate::error::Failure;
use crate::fence::id;
use crate::load::{self, stored, uuid_of};
use crate::sweep::checkpoint;
use crate::table::{Table, quoted};

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// Rows in the order of their keys.
pub(crate) fn rows(connection: &Connection, query: &RowQuery) -> Result<Vec<StoredRow>, Failure> {
    let Some(entity) = load::entity(connection, query.incarnation)? else { return Ok(Vec::new()) };
    let table = &entity.table;
    let (mut text, mut values) = (table.select(), Vec::new());
    let mut word = " WHERE ";
    let keys = [query.key.as_deref().map(|key| (key, "=")), query.after.as_deref().map(|key| (key, ">"))];
    for (key, sign) in keys.into_iter().flatten() {
        let Ok(parts) = codec::key_of(table, key) else { return Ok(Vec::new()) };
        let places: Vec<String> = (1..=parts.len()).map(|at| format!("?{}", values.len() + at)).collect();
        text.push_str(&format!("{word}({}) {sign} ({})", table.key_order(), places.join(", ")));
        values.extend(parts);
        word = " AND ";
    }
    text.push_str(&format!(" ORDER BY {} LIMIT {}", table.key_order(), limit(query.limit)));
    let encoded: Vec<ToSqlOutput<'_>> =
        values.iter().map(|(column, value)| codec::encode(column, value)).collect::<Result<_, _>>()?;
    let mut statement = connection.prepare(&text)?;
    let mut found = statement.query(params_from_iter(encoded))?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.extend(stored(table, row)?.map(shown));
    }
    Ok(all)
}

/// What the window under way of a transfer has said of keys.
pub(crate) fn said(
    connection: &Connection,
    transfer: Uid,
    keys: &[Vec<u8>],
) -> Result<Option<Vec<Said>>, Failure> {
    let doomed = "SELECT version FROM _raccord_doomed WHERE transfer = ?1 AND key = ?2";
    let shown = "SELECT 1 FROM _raccord_marks WHERE transfer = ?1 AND key = ?2 AND NOT deleted";
    let (mut doomed, mut shown) = (connection.prepare(doomed)?, connection.prepare(shown)?);
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let version = doomed.query_row(params![id(&transfer), key], |row| row.get(0)).optional()?;
        found.push(match version {
            Some(version) => Said::Deleted(version),
            None if shown.exists(params![id(&transfer), key])? => Said::Shown,
            None => Said::Nothing,
        });
    }
    Ok(Some(found))
}

fn shown((key, row): (Key, Stored)) -> StoredRow {
    let version = row.versions.of(row.owner).to_vec();
    StoredRow { key, row: row.row, owner: row.owner, run: row.run, version }
}

fn count_of(connection: &Connection, table: &Table) -> Result<u64, Failure> {
    let query = format!("SELECT count(*) FROM {}", quoted(&table.name));
    let count: i64 = connection.query_row(&query, [], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// How many rows an incarnation has.
pub(crate) fn count(connection: &Connection, incarnation: u64) -> Result<u64, Failure> {
    let entity = load::entity(connection, incarnation)?;
    entity.map_or(Ok(0), |entity| count_of(connection, &entity.table))
}

/// How many of them a transfer owns.
pub(crate) fn owned(connection: &Connection, incarnation: u64, owner: Uid) -> Result<u64, Failure> {
    let entity = load::entity(connection, incarnation)?;
    entity.map_or(Ok(0), |entity| count_owned(connection, &entity.table, owner))
}

/// The transfers that own some of them, and how many each.
pub(crate) fn owners(connection: &Connection, incarnation: u64) -> Result<Vec<(Uid, u64)>, Failure> {
    let Some(entity) = load::entity(connection, incarnation)? else { return Ok(Vec::new()) };
    let (rows, owner) = (entity.table.rows(), entity.table.beside("_raccord_owner"));
    let query = format!(
        "SELECT {owner}, count(*) FROM {rows} WHERE {owner} IS NOT NULL GROUP BY {owner} ORDER BY {owner}"
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(1)?;
        let owner = uuid_of(row, 0)?.map_or(UNOWNED, Uid);
        found.push((owner, count.cast_unsigned()));
    }
    Ok(found)
}

fn id_of(row: &Row<'_>) -> Result<RejectId, Failure> {
    let bytes = row.get_ref(0)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok());
    Ok(RejectId(bytes.ok_or(DestinationError::Damaged)?))
}

/// Rejects, newest first.
pub(crate) fn rejects(
    connection: &Connection,
    query: &RejectQuery,
) -> Result<Vec<(RejectId, Reject)>, Failure> {
    let text = "SELECT id, reject FROM _raccord_rejects WHERE (?1 IS NULL OR transfer = ?1) \
                AND (?2 IS NULL OR id = ?2) AND (?3 IS NULL OR key = ?3) ORDER BY at DESC, id DESC LIMIT ?4";
    let transfer = query.transfer.map(|Uid(uid)| uid.into_bytes());
    let reject = query.id.map(|RejectId(id)| id);
    let mut statement = connection.prepare(text)?;
    let mut found = statement.query(params![transfer, reject, query.key, limit(query.limit)])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let json: String = row.get(1)?;
        all.push((id_of(row)?, serde_json::from_str(&json)?));
    }
    Ok(all)
}

/// Where the rejects of a transfer stand, the oldest first.
pub(crate) fn reject_places(
    connection: &Connection,
    transfer: Uid,
    after: Option<(Timestamp, RejectId)>,
    most: usize,
) -> Result<Vec<RejectPlace>, Failure> {
    let text = "SELECT id, reject FROM _raccord_rejects WHERE transfer = ?1 \
                AND (?2 IS NULL OR (at, id) > (?2, ?3)) ORDER BY at, id LIMIT ?4";
    let at = after.map(|(at, _)| nanoseconds(at));
    let after = after.map(|(_, RejectId(id))| id);
    let mut statement = connection.prepare(text)?;
    let mut found = statement.query(params![id(&transfer), at, after, limit(most)])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let json: String = row.get(1)?;
        let reject: Reject = serde_json::from_str(&json)?;
        all.push(RejectPlace { at: reject.at, id: id_of(row)?, position: reject.position });
    }
    Ok(all)
}

/// What is kept of transfers.
pub(crate) fn kept(connection: &Connection, queries: &[KeptQuery]) -> Result<Vec<Kept>, Failure> {
    let kept = |query: &KeptQuery| {
        Ok(Kept {
            checkpoint: checkpoint(connection, query.transfer)?,
            rows: owned(connection, query.incarnation, query.transfer)?,
            rejects: count_rejects(connection, query.transfer)?,
        })
    };
    queries.iter().map(kept).collect()
}

/// How many rejects of a transfer are kept.
pub(crate) fn count_rejects(connection: &Connection, transfer: Uid) -> Result<u64, Failure> {
    let query = "SELECT count(*) FROM _raccord_rejects WHERE transfer = ?1";
    let count: i64 = connection.query_row(query, [id(&transfer)], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Takes rejects away.
pub(crate) fn drop_rejects(connection: &Connection, transfer: Uid, ids: &[RejectId]) -> Result<(), Failure> {
    let mut remove = connection.prepare("DELETE FROM _raccord_rejects WHERE transfer = ?1 AND id = ?2")?;
    for RejectId(reject) in ids {
        remove.execute(params![id(&transfer), reject])?;
    }
    Ok(())
}
