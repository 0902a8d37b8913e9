//! The port `State`, its reading half: head, index, bodies and facts.

use std::collections::BTreeMap;

use bytes::Bytes;
use raccord_model::canonical::Digest;
use raccord_model::fact::{Entry, Observed, Uid};
use raccord_model::key::Key;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::state::{Fact, Head, Scan, Snapshot, SnapshotQuery, Stored, Table};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::kind::{after_all, word};
use crate::connections::{Parameter, Session};
use crate::error::Failure;

fn damaged() -> Failure {
    DestinationError::Damaged.into()
}

/// Where the state stands. `lock` is added to the query.
pub(crate) async fn head(session: &Session<'_>, lock: &str) -> Result<Head, Failure> {
    let query = format!("SELECT lineage, serial, generation, stack, root FROM raccord_state.head{lock}");
    let row = session.query_opt(&query, &[]).await?.ok_or_else(damaged)?;
    let stack: Option<String> = row.get(3);
    let stack = stack.map(|stack| stack.parse().map_err(|_| damaged())).transpose()?;
    Ok(Head {
        lineage: row.get(0),
        serial: number(&row, 1),
        generation: number(&row, 2),
        stack,
        root: row.get(4),
    })
}

/// A number of 64 bits, of which the database takes the first for a sign.
pub(crate) fn number(row: &Row, at: usize) -> u64 {
    row.get::<_, i64>(at).cast_unsigned()
}

pub(crate) fn digest(bytes: &[u8]) -> Result<Digest, Failure> {
    bytes.try_into().map(Digest).map_err(|_| damaged())
}

/// Every resource of the generation in force.
pub(crate) async fn index(session: &Session<'_>) -> Result<BTreeMap<Key, Entry>, Failure> {
    let rows = session.query("SELECT key, uid, digest FROM raccord_state.resources", &[]).await?;
    let entry = |row: &Row| {
        let key = row.get::<_, &str>(0).parse().map_err(|_| damaged())?;
        Ok((key, Entry { uid: Uid(row.get(1)), digest: digest(row.get(2))? }))
    };
    rows.iter().map(entry).collect()
}

/// The bodies that are there under some digests.
pub(crate) async fn bodies(
    session: &Session<'_>,
    digests: impl Iterator<Item = Digest>,
) -> Result<BTreeMap<Digest, Bytes>, Failure> {
    let digests: Vec<Vec<u8>> = digests.map(|digest| digest.0.to_vec()).collect();
    let query = "SELECT digest, body FROM raccord_state.bodies WHERE digest = ANY($1)";
    let rows = session.query(query, &[(&digests, Type::BYTEA_ARRAY)]).await?;
    let body = |row: &Row| Ok((digest(row.get(0))?, Bytes::copy_from_slice(row.get(1))));
    rows.iter().map(body).collect()
}

/// One fact.
pub(crate) async fn fact(session: &Session<'_>, table: Table, key: &str) -> Result<Option<Stored>, Failure> {
    let query = "SELECT value, revision FROM raccord_state.facts WHERE kind = $1 AND key = $2";
    let row = session.query_opt(query, &[(&word(table), Type::TEXT), (&key, Type::TEXT)]).await?;
    Ok(row.map(|row| Stored { bytes: row.get(0), revision: number(&row, 1) }))
}

/// The facts under some keys, in their order.
pub(crate) async fn all_facts(
    session: &Session<'_>,
    keys: &[(Table, String)],
) -> Result<Vec<Option<Stored>>, Failure> {
    let kinds: Vec<&str> = keys.iter().map(|(table, _)| word(*table)).collect();
    let names: Vec<&str> = keys.iter().map(|(_, key)| key.as_str()).collect();
    let query = "SELECT k.at, f.value, f.revision FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(kind, key, at) \
                 JOIN raccord_state.facts f ON f.kind = k.kind AND f.key = k.key";
    let mut found: BTreeMap<u64, Stored> = session
        .query(query, &[(&kinds, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)])
        .await?
        .iter()
        .map(|row| (number(row, 0), Stored { bytes: row.get(1), revision: number(row, 2) }))
        .collect();
    Ok((1..).take(keys.len()).map(|at| found.remove(&at)).collect())
}

/// Several facts, in the order of their keys.
pub(crate) async fn facts(session: &Session<'_>, table: Table, scan: &Scan) -> Result<Vec<Fact>, Failure> {
    let kind = word(table);
    let transfer = scan.of.filter(|_| table == Table::Runs).map(|uid| uid.0);
    let end = after_all(&scan.prefix);
    let limit = scan.limit.and_then(|most| i64::try_from(most).ok());
    let mut values: Vec<Parameter<'_>> = vec![(&kind, Type::TEXT)];
    let mut query = "SELECT key, value, revision FROM raccord_state.facts WHERE kind = $1".to_owned();
    if let Some(transfer) = &transfer {
        values.push((transfer, Type::UUID));
        query.push_str(" AND transfer = $2");
    } else {
        values.push((&scan.prefix, Type::TEXT));
        query.push_str(" AND key >= $2");
        if let Some(end) = &end {
            values.push((end, Type::TEXT));
            query.push_str(" AND key < $3");
        }
    }
    query.push_str(if scan.newest_first { " ORDER BY key DESC" } else { " ORDER BY key" });
    if let Some(limit) = &limit {
        values.push((limit, Type::INT8));
        query.push_str(&format!(" LIMIT ${}", values.len()));
    }
    Ok(session.query(&query, &values).await?.iter().map(shown).collect())
}

fn shown(row: &Row) -> Fact {
    (row.get(0), Stored { bytes: row.get(1), revision: number(row, 2) })
}

/// Several things, in the transaction of one moment.
pub(crate) async fn snapshot(session: &Session<'_>, query: &SnapshotQuery) -> Result<Snapshot, Failure> {
    let head = head(session, "").await?;
    let index = if query.without_index { BTreeMap::new() } else { index(session).await? };
    let digests = index.values().map(|entry| entry.digest);
    let bodies = if query.bodies { bodies(session, digests).await? } else { BTreeMap::new() };
    let mut facts = BTreeMap::new();
    for &table in &query.tables {
        facts.insert(table, self::facts(session, table, &Scan::default()).await?);
    }
    let named_runs = if query.named_runs { named_runs(session).await? } else { Vec::new() };
    Ok(Snapshot { head, index, bodies, named_runs, facts })
}

/// The runs that the facts of transfers name.
async fn named_runs(session: &Session<'_>) -> Result<Vec<Fact>, Failure> {
    let mut keys = Vec::new();
    for (_, fact) in facts(session, Table::Transfers, &Scan::default()).await? {
        let observed: Observed = serde_json::from_slice(&fact.bytes)?;
        let held = observed.deliveries_held.map(|held| held.run);
        keys.extend(observed.last_run.into_iter().chain(held).map(|run| run.to_string()));
    }
    let query =
        "SELECT key, value, revision FROM raccord_state.facts WHERE kind = $1 AND key = ANY($2) ORDER BY key";
    let kind = word(Table::Runs);
    let rows = session.query(query, &[(&kind, Type::TEXT), (&keys, Type::TEXT_ARRAY)]).await?;
    Ok(rows.iter().map(shown).collect())
}
