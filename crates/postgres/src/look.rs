//! Which records are as they were when their rows were made of them, and other things that a run asks before it commits.

use std::collections::HashMap;

use raccord_model::checkpoint::PartitionId;
use raccord_model::decide::Key;
use raccord_model::fact::{Run, RunId, Uid};
use raccord_model::port::destination::{Candidates, DestinationError, KnownPartition, Prefetched};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::connections::Session;
use crate::error::Failure;
use crate::keys;
use crate::load::{self, met, parameters};

/// Which candidates are as they were.
pub(crate) async fn prefetch(
    session: &Session<'_>,
    transfer: Uid,
    incarnation: u64,
    candidates: &Candidates,
) -> Result<Prefetched, Failure> {
    let (entity, flags) =
        tokio::try_join!(load::entity(session, incarnation), load::flags(session, incarnation, transfer))?;
    let Some(entity) = entity else { return Ok(Prefetched::default()) };
    let at = entity.revision;
    if at == 0 || flags.has_doomed {
        // There are no rows, or some of them are to go although they are there.
        return Ok(Prefetched { same: Vec::new(), at });
    }
    let table = &entity.table;
    let all = (0..candidates.len()).filter_map(|number| candidates.get(number));
    let lists = keys::lists(table, all.map(|(key, _)| key));
    let beside = ["_raccord_owner", "_raccord_digest"].map(|name| format!(", {}", table.beside(name)));
    let query = table.select_keys(&beside.concat()) + &table.is_among(1);
    let mut found: HashMap<Key, (Option<Uuid>, Option<Vec<u8>>)> = HashMap::with_capacity(candidates.len());
    session
        .each(&query, &parameters(&lists), |row| {
            let first = table.key.len();
            let digest: Option<&[u8]> = row.try_get(first + 1)?;
            found.insert(keys::read(table, row, 0)?, (row.try_get(first)?, digest.map(<[u8]>::to_vec)));
            Ok(())
        })
        .await?;
    let is_same = |number: usize| {
        let (key, digest) = candidates.get(number)?;
        let (owner, known) = found.get(key)?;
        Some(*owner == Some(transfer.0) && known.as_deref() == Some(digest.to_bytes().as_slice()))
    };
    let same = (0..candidates.len()).map(|number| is_same(number).unwrap_or_default()).collect();
    Ok(Prefetched { same, at })
}

/// What is known of a partition.
pub(crate) async fn partition(
    session: &Session<'_>,
    transfer: Uid,
    id: PartitionId,
) -> Result<Option<KnownPartition>, Failure> {
    let query = "SELECT run, attempt, known FROM raccord.partitions WHERE transfer = $1 AND partition = $2";
    let row = session.query_opt(query, &[(&transfer.0, Type::UUID), (&id.0, Type::UUID)]).await?;
    row.map(|row| Ok(KnownPartition { cursor: met(&row, 0)?.known.cursor })).transpose()
}

/// The deliveries that the last commit has settled which settled any.
pub(crate) async fn settled(session: &Session<'_>, transfer: Uid) -> Result<Vec<u64>, Failure> {
    let query = "SELECT s FROM raccord.transfers, unnest(settled) AS s WHERE transfer = $1";
    let rows = session.query(query, &[(&transfer.0, Type::UUID)]).await?;
    Ok(rows.iter().map(|row| row.get::<_, i64>(0).cast_unsigned()).collect())
}

/// A run that was recorded.
pub(crate) async fn recorded(session: &Session<'_>, run: RunId) -> Result<Option<Run>, Failure> {
    let query = "SELECT record FROM raccord.runs WHERE run = $1";
    let row = session.query_opt(query, &[(&run.0, Type::UUID)]).await?;
    row.map(|row| Ok(serde_json::from_str(row.get(0))?)).transpose()
}

/// Whether we may make what we need, or it is there.
pub(crate) async fn probe(session: &Session<'_>) -> Result<(), Failure> {
    let query = "SELECT has_database_privilege(current_database(), 'CREATE') OR \
                 coalesce(has_schema_privilege(to_regnamespace('raccord'), 'USAGE'), false), \
                 current_setting('transaction_read_only') = 'off', current_setting('server_version_num')::int";
    let row = session.query_opt(query, &[]).await?.ok_or(DestinationError::Damaged)?;
    let denied = |error: ProbeError| Err(DestinationError::Denied(Box::new(error)).into());
    if !row.get::<_, bool>(0) {
        return denied(ProbeError::NoSchema);
    }
    if !row.get::<_, bool>(1) {
        return denied(ProbeError::ReadOnly);
    }
    if row.get::<_, i32>(2) < OLDEST {
        return denied(ProbeError::Old);
    }
    Ok(())
}

/// The oldest server that is tested.
const OLDEST: i32 = 140_000;

/// Why a database is of no use.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error(
        "the role may not create the schema `raccord` in the database: grant CREATE on the database, or USAGE and CREATE on that schema"
    )]
    NoSchema,
    #[error("the server is read-only: it is a standby, or made so")]
    ReadOnly,
    #[error("the server is older than PostgreSQL 14")]
    Old,
}
