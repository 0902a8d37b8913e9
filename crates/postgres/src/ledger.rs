//! The port `Ledger`: what is kept, read with queries. Its one change is that rejects go once they were replayed.

use std::collections::HashMap;

use jiff::Timestamp;
use raccord_model::decide::{Key, Stored, nanoseconds};
use raccord_model::fact::{Reject, RejectId, Uid};
use raccord_model::port::destination::{
    DestinationError, Kept, KeptQuery, RejectPlace, RejectQuery, RowQuery, Said, StoredRow,
};
use tokio_postgres::types::Type;

use crate::codec::many::many_bytes;
use crate::commit::count_owned;
use crate::connections::{Session, value};
use crate::error::Failure;
use crate::keys;
use crate::load::{self, parameters, stored};
use crate::sweep::checkpoint;
use crate::table::Table;

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// Rows in the order of their keys.
pub(crate) async fn rows(session: &Session<'_>, query: &RowQuery) -> Result<Vec<StoredRow>, Failure> {
    let Some(entity) = load::entity(session, query.incarnation).await? else { return Ok(Vec::new()) };
    let table = &entity.table;
    let order = table.key_order();
    let mut lists = Vec::new();
    let mut conditions = Vec::new();
    if let Some(key) = &query.key {
        lists = keys::lists(table, [key.as_slice()]);
        conditions.push(table.is_among(1).replacen(" WHERE ", "", 1));
    }
    if let Some(after) = &query.after {
        let first = lists.len();
        lists.extend(keys::lists(table, [after.as_slice()]));
        conditions.push(after_condition(table, &order, first));
    }
    let condition =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let most = limit(query.limit);
    let text =
        format!("{}{condition} ORDER BY {} LIMIT ${}", table.select(), order.join(", "), lists.len() + 1);
    let mut values = parameters(&lists);
    values.push((&most, Type::INT8));
    let found = session.query(&text, &values).await?;
    found.iter().map(|row| Ok(shown(stored(table, row)?))).collect()
}

/// What the window under way of a transfer has said of keys.
pub(crate) async fn said(
    session: &Session<'_>,
    transfer: Uid,
    keys: &[Vec<u8>],
) -> Result<Option<Vec<Said>>, Failure> {
    let list: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let parameters = [value(&transfer.0, Type::UUID), value(&list, Type::BYTEA_ARRAY)];
    let doomed = "SELECT key, version FROM raccord.doomed WHERE transfer = $1 AND key = ANY($2)";
    let shown = "SELECT key FROM raccord.marks WHERE transfer = $1 AND key = ANY($2) AND NOT deleted";
    let mut found: HashMap<Vec<u8>, Said> = HashMap::new();
    for row in session.query(shown, &parameters).await? {
        found.insert(row.get::<_, &[u8]>(0).to_vec(), Said::Shown);
    }
    for row in session.query(doomed, &parameters).await? {
        found.insert(row.get::<_, &[u8]>(0).to_vec(), Said::Deleted(row.get::<_, &[u8]>(1).to_vec()));
    }
    Ok(Some(keys.iter().map(|key| found.remove(key).unwrap_or(Said::Nothing)).collect()))
}

/// The condition that a key comes after one that is sent in lists of one, after the first so many parameters.
fn after_condition(table: &Table, order: &[String], first: usize) -> String {
    let sent = |at: usize| format!("(${})[1]", first + at + 1);
    let all: Vec<String> = (0..table.key.len()).map(sent).collect();
    format!("({}) > ({})", order.join(", "), all.join(", "))
}

fn shown((key, row): (Key, Stored)) -> StoredRow {
    let version = row.versions.of(row.owner).to_vec();
    StoredRow { key, row: row.row, owner: row.owner, run: row.run, version }
}

/// How many rows an incarnation has.
pub(crate) async fn count(session: &Session<'_>, incarnation: u64) -> Result<u64, Failure> {
    let Some(entity) = load::entity(session, incarnation).await? else { return Ok(0) };
    let query = format!("SELECT count(*) FROM {}", entity.table.qualified());
    let row = session.query_opt(&query, &[]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned()))
}

/// How many of them a transfer owns.
pub(crate) async fn owned(session: &Session<'_>, incarnation: u64, owner: Uid) -> Result<u64, Failure> {
    let Some(entity) = load::entity(session, incarnation).await? else { return Ok(0) };
    count_owned(session, &entity.table, owner).await
}

/// The transfers that own some of them, and how many each.
pub(crate) async fn owners(session: &Session<'_>, incarnation: u64) -> Result<Vec<(Uid, u64)>, Failure> {
    let Some(entity) = load::entity(session, incarnation).await? else { return Ok(Vec::new()) };
    let (rows, owner) = (entity.table.rows(), entity.table.beside("_raccord_owner"));
    let query = format!(
        "SELECT {owner}, count(*) FROM {rows} WHERE {owner} IS NOT NULL GROUP BY {owner} ORDER BY {owner}"
    );
    let rows = session.query(&query, &[]).await?;
    Ok(rows.iter().map(|row| (Uid(row.get(0)), row.get::<_, i64>(1).cast_unsigned())).collect())
}

fn id_of(bytes: &[u8]) -> Result<RejectId, Failure> {
    Ok(RejectId(bytes.try_into().map_err(|_| DestinationError::Damaged)?))
}

/// Rejects, newest first.
pub(crate) async fn rejects(
    session: &Session<'_>,
    query: &RejectQuery,
) -> Result<Vec<(RejectId, Reject)>, Failure> {
    let text = "SELECT id, reject FROM raccord.rejects WHERE ($1::uuid IS NULL OR transfer = $1) \
                AND ($2::bytea IS NULL OR id = $2) AND ($3::bytea IS NULL OR key = $3) \
                ORDER BY at DESC, id DESC LIMIT $4";
    let transfer = query.transfer.map(|Uid(uid)| uid);
    let id = query.id.map(|RejectId(id)| id.to_vec());
    let most = limit(query.limit);
    let values =
        [value(&transfer, Type::UUID), (&id, Type::BYTEA), (&query.key, Type::BYTEA), (&most, Type::INT8)];
    let found = session.query(text, &values).await?;
    found.iter().map(|row| Ok((id_of(row.get(0))?, serde_json::from_str(row.get(1))?))).collect()
}

/// Where the rejects of a transfer stand, the oldest first.
pub(crate) async fn reject_places(
    session: &Session<'_>,
    transfer: Uid,
    after: Option<(Timestamp, RejectId)>,
    most: usize,
) -> Result<Vec<RejectPlace>, Failure> {
    let text = "SELECT id, reject FROM raccord.rejects WHERE transfer = $1 \
                AND ($2::bigint IS NULL OR (at, id) > ($2, $3)) ORDER BY at, id LIMIT $4";
    let at = after.map(|(at, _)| nanoseconds(at));
    let id = after.map(|(_, RejectId(id))| id.to_vec());
    let most = limit(most);
    let values = [value(&transfer.0, Type::UUID), (&at, Type::INT8), (&id, Type::BYTEA), (&most, Type::INT8)];
    let found = session.query(text, &values).await?;
    let place = |row: &tokio_postgres::Row| {
        let reject: Reject = serde_json::from_str(row.get(1))?;
        Ok(RejectPlace { at: reject.at, id: id_of(row.get(0))?, position: reject.position })
    };
    found.iter().map(place).collect()
}

/// What is kept of transfers.
pub(crate) async fn kept(session: &Session<'_>, queries: &[KeptQuery]) -> Result<Vec<Kept>, Failure> {
    let mut all = Vec::with_capacity(queries.len());
    for query in queries {
        all.push(Kept {
            checkpoint: checkpoint(session, query.transfer).await?,
            rows: owned(session, query.incarnation, query.transfer).await?,
            rejects: count_rejects(session, query.transfer).await?,
        });
    }
    Ok(all)
}

/// How many rejects of a transfer are kept.
pub(crate) async fn count_rejects(session: &Session<'_>, transfer: Uid) -> Result<u64, Failure> {
    let query = "SELECT count(*) FROM raccord.rejects WHERE transfer = $1";
    let row = session.query_opt(query, &[(&transfer.0, Type::UUID)]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned()))
}

/// Takes rejects away.
pub(crate) async fn drop_rejects(
    session: &Session<'_>,
    transfer: Uid,
    ids: &[RejectId],
) -> Result<(), Failure> {
    let ids = many_bytes(ids.iter().map(|id| id.0.as_slice()));
    let remove = "DELETE FROM raccord.rejects WHERE transfer = $1 AND id = ANY($2)";
    session.execute(remove, &[(&transfer.0, Type::UUID), (&ids, Type::BYTEA_ARRAY)]).await?;
    Ok(())
}
