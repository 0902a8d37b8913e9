//! The items of a copied state as rows of the tables of a shared one: each page of a section with one statement.

use raccord_model::fact::Run;
use raccord_model::port::copying::{Item, Section};
use raccord_model::port::destination::DestinationError;
use raccord_model::port::state::Table;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::kind::word;
use crate::connections::{Parameter, Session};
use crate::error::Failure;

fn damaged() -> Failure {
    DestinationError::Damaged.into()
}

/// A key that is text.
pub(super) fn text(key: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(key).map_err(|_| damaged())
}

/// A uid and what stands behind it.
pub(super) fn key_and_rest(key: &[u8]) -> Result<(Uuid, &[u8]), Failure> {
    let (uid, rest) = key.split_first_chunk().ok_or_else(damaged)?;
    Ok((Uuid::from_bytes(*uid), rest))
}

/// A uid and a number behind it.
pub(super) fn key_and_number(key: &[u8]) -> Result<(Uuid, i64), Failure> {
    let (uid, rest) = key_and_rest(key)?;
    Ok((uid, number(rest)?))
}

/// A number of 64 bits, of which the database takes the first for a sign.
pub(super) fn number(bytes: &[u8]) -> Result<i64, Failure> {
    bytes.try_into().map(i64::from_be_bytes).map_err(|_| damaged())
}

/// Adds items to a section.
pub(super) async fn put(session: &Session<'_>, section: Section, items: &[Item]) -> Result<(), Failure> {
    let values: Vec<&[u8]> = items.iter().map(|item| item.value.as_slice()).collect();
    match section {
        Section::Resources => put_resources(session, items).await,
        Section::Bodies => {
            let digests: Vec<&[u8]> = items.iter().map(|item| item.key.as_slice()).collect();
            let put = "INSERT INTO raccord_state.bodies (digest, body) SELECT * FROM unnest($1::bytea[], $2::bytea[])";
            insert(session, put, &[(&digests, Type::BYTEA_ARRAY), (&values, Type::BYTEA_ARRAY)]).await
        }
        Section::Facts(table) => put_facts(session, table, items).await,
        Section::Leases => {
            let names = items.iter().map(|item| text(&item.key)).collect::<Result<Vec<_>, _>>()?;
            let tokens = values.iter().map(|value| number(value)).collect::<Result<Vec<_>, _>>()?;
            let put = "INSERT INTO raccord_state.leases (name, token, until) \
                       SELECT *, now() FROM unnest($1::text[], $2::bigint[])";
            insert(session, put, &[(&names, Type::TEXT_ARRAY), (&tokens, Type::INT8_ARRAY)]).await
        }
        Section::Inbox => put_inbox(session, items).await,
        Section::Remembered => put_remembered(session, items).await,
        Section::Vault => {
            let owners = items.iter().map(|item| Ok(key_and_rest(&item.key)?.0));
            let owners = owners.collect::<Result<Vec<_>, Failure>>()?;
            let put = "INSERT INTO raccord_state.vault (owner, sealed) SELECT * FROM unnest($1::uuid[], $2::bytea[])";
            insert(session, put, &[(&owners, Type::UUID_ARRAY), (&values, Type::BYTEA_ARRAY)]).await
        }
        Section::Position => Err(damaged()),
    }
}

async fn insert(session: &Session<'_>, statement: &str, values: &[Parameter<'_>]) -> Result<(), Failure> {
    session.execute(statement, values).await?;
    Ok(())
}

async fn put_resources(session: &Session<'_>, items: &[Item]) -> Result<(), Failure> {
    let (mut keys, mut uids, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    for Item { key, value } in items {
        let (uid, digest) = key_and_rest(value)?;
        keys.push(text(key)?);
        uids.push(uid);
        digests.push(digest);
    }
    let put = "INSERT INTO raccord_state.resources (key, uid, digest) \
               SELECT * FROM unnest($1::text[], $2::uuid[], $3::bytea[])";
    let values: [Parameter<'_>; 3] =
        [(&keys, Type::TEXT_ARRAY), (&uids, Type::UUID_ARRAY), (&digests, Type::BYTEA_ARRAY)];
    insert(session, put, &values).await
}

async fn put_facts(session: &Session<'_>, table: Table, items: &[Item]) -> Result<(), Failure> {
    let kind = word(table);
    let (mut keys, mut values, mut revisions, mut transfers) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Item { key, value } in items {
        let (revision, value) = value.split_first_chunk::<8>().ok_or_else(damaged)?;
        keys.push(text(key)?);
        values.push(value);
        revisions.push(i64::from_be_bytes(*revision));
        transfers.push(transfer_of(kind, value));
    }
    let put = "INSERT INTO raccord_state.facts (kind, key, value, revision, transfer) \
               SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::uuid[])";
    let values: [Parameter<'_>; 5] = [
        (&kind, Type::TEXT),
        (&keys, Type::TEXT_ARRAY),
        (&values, Type::BYTEA_ARRAY),
        (&revisions, Type::INT8_ARRAY),
        (&transfers, Type::UUID_ARRAY),
    ];
    insert(session, put, &values).await
}

/// The transfer of a run, for the index of runs; none for one that cannot be read, which a check tells.
pub(super) fn transfer_of(kind: &str, value: &[u8]) -> Option<Uuid> {
    if kind != word(Table::Runs) {
        return None;
    }
    raccord_model::fact::read::<Run>(value).ok().map(|run| run.transfer_uid.0)
}

async fn put_inbox(session: &Session<'_>, items: &[Item]) -> Result<(), Failure> {
    let (mut transfers, mut sequences, mut deliveries) = (Vec::new(), Vec::new(), Vec::new());
    for Item { key, value } in items {
        let (transfer, sequence) = key_and_number(key)?;
        transfers.push(transfer);
        sequences.push(sequence);
        deliveries.push(value.as_slice());
    }
    let put = "WITH put AS (INSERT INTO raccord_state.inbox (transfer, sequence, delivery) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) \
         RETURNING transfer, sequence, octet_length(delivery) AS bytes) \
         INSERT INTO raccord_state.inboxes AS i (transfer, sequence, deliveries, bytes) \
         SELECT transfer, max(sequence), count(*), sum(bytes) FROM put GROUP BY transfer \
         ON CONFLICT (transfer) DO UPDATE SET sequence = greatest(i.sequence, excluded.sequence), \
         deliveries = i.deliveries + excluded.deliveries, bytes = i.bytes + excluded.bytes";
    let values: [Parameter<'_>; 3] =
        [(&transfers, Type::UUID_ARRAY), (&sequences, Type::INT8_ARRAY), (&deliveries, Type::BYTEA_ARRAY)];
    insert(session, put, &values).await
}

async fn put_remembered(session: &Session<'_>, items: &[Item]) -> Result<(), Failure> {
    let (mut sources, mut names, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for Item { key, value } in items {
        let (source, name) = key_and_rest(key)?;
        sources.push(source);
        names.push(name);
        // In the item it compares like bytes.
        times.push(number(value)? ^ i64::MIN);
    }
    let put = "INSERT INTO raccord_state.seen (source, name, at) \
               SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bigint[])";
    let values: [Parameter<'_>; 3] =
        [(&sources, Type::UUID_ARRAY), (&names, Type::BYTEA_ARRAY), (&times, Type::INT8_ARRAY)];
    insert(session, put, &values).await
}
