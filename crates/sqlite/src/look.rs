//! Which records are as they were when their rows were made of them, and other things that a run asks before it commits.

use raccord_model::fact::{Run, RunId, Uid};
use raccord_model::port::destination::{Candidates, Prefetched};
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use crate::codec;
use crate::error::Failure;
use crate::fence::id;
use crate::load;

/// Which candidates are as they were.
pub(crate) fn prefetch(
    connection: &Connection,
    transfer: Uid,
    incarnation: u64,
    candidates: &Candidates,
) -> Result<Prefetched, Failure> {
    let Some(entity) = load::entity(connection, incarnation)? else { return Ok(Prefetched::default()) };
    let at = entity.revision;
    let flags = load::flags(connection, incarnation, transfer)?;
    if at == 0 || flags.has_doomed {
        // There are no rows, or some of them are to go although they are there.
        return Ok(Prefetched { same: Vec::new(), at });
    }
    let table = &entity.table;
    let beside = ["_raccord_owner", "_raccord_digest"].map(|name| format!(", {}", table.beside(name)));
    let query = table.select_keys(&beside.concat()) + &table.is_key(1);
    let mut statement = connection.prepare(&query)?;
    let mut same = Vec::with_capacity(candidates.len());
    for number in 0..candidates.len() {
        let Some((key, digest)) = candidates.get(number) else {
            same.push(false);
            continue;
        };
        let values = codec::key_of(table, key).unwrap_or_default();
        let parts = values.iter().map(|(column, value)| codec::encode(column, value));
        let Ok(parts) = parts.collect::<Result<Vec<_>, _>>() else {
            same.push(false);
            continue;
        };
        if parts.len() != table.key.len() {
            same.push(false);
            continue;
        }
        let mut rows = statement.query(params_from_iter(parts))?;
        let is_same = match rows.next()? {
            Some(row) => {
                let first = table.key.len();
                let bytes = |at: usize| row.get_ref(at).map(|value| value.as_blob().unwrap_or_default());
                bytes(first)? == id(&transfer) && bytes(first + 1)? == digest.to_bytes()
            }
            None => false,
        };
        same.push(is_same);
    }
    Ok(Prefetched { same, at })
}

/// The deliveries that the last commit has settled which settled any.
pub(crate) fn settled(connection: &Connection, transfer: Uid) -> Result<Vec<u64>, Failure> {
    let query = "SELECT settled FROM _raccord_transfers WHERE transfer = ?1";
    let json: Option<String> = connection.query_row(query, [id(&transfer)], |row| row.get(0)).optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?.unwrap_or_default())
}

/// A run that was recorded.
pub(crate) fn recorded(connection: &Connection, run: RunId) -> Result<Option<Run>, Failure> {
    let query = "SELECT record FROM _raccord_runs WHERE run = ?1";
    let json: Option<String> =
        connection.query_row(query, [run.0.as_bytes()], |row| row.get(0)).optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}
