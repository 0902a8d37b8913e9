//! The port `State`, its writing half: one commit, made or refused.
//!
//! What a commit was decided on is locked before anything is written: the head when it names a serial, and every fact that
//! it names. A fact that must not be there is put in its place first, empty, so that the unique index lets no other writer
//! put it meanwhile; what the commit itself does not put there goes again before it ends.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::canonical::Digest;
use raccord_model::fact::Entry;
use raccord_model::key::Key;
use raccord_model::port::state::{Commit, Condition, Head, Revision, Serial, StateError, Table, Write};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::inbox;
use super::kind::word;
use super::lease;
use super::putting::transfer_of;
use super::read;
use crate::connections::{Parameter, Session};
use crate::error::Failure;

/// The revision of a fact that is there for the sake of its place alone, and that no other transaction ever sees.
const PLACE: i64 = -1;

/// A fact by the word of its table and its key.
type At<'c> = (&'static str, &'c str);

/// Makes the changes of a commit, or refuses it.
pub(crate) async fn make(
    session: &Session<'_>,
    commit: &Commit,
) -> Result<Result<Serial, StateError>, Failure> {
    let changes = Changes::of(commit);
    // Sent together, and answered in this order.
    let lock = if changes.lock_head { " FOR UPDATE" } else { "" };
    let (before, is_held, held) = tokio::try_join!(
        read::head(session, lock),
        lease::is_held(session, commit.lease.as_ref()),
        hold(session, &commit.conditions),
    )?;
    if let (Some(lease), false) = (&commit.lease, is_held) {
        return Ok(Err(StateError::LeaseLost { name: lease.name.clone(), held: lease.token }));
    }
    if let Some(expected) = commit.expected.filter(|expected| *expected != before.serial) {
        return Ok(Err(StateError::Conflict { expected, found: before.serial }));
    }
    let places = match held {
        Ok(places) => places,
        Err(refused) => return Ok(Err(refused)),
    };
    changes.write_facts(session).await?;
    let unused: Vec<At<'_>> = places.into_iter().filter(|at| !changes.puts(*at)).collect();
    remove(session, &unused).await?;
    changes.write_resources(session).await?;
    let after = changes.head_after(&before, commit.expected.is_some());
    if after != before {
        write_head(session, &after).await?;
    }
    Ok(Ok(after.serial))
}

/// Locks what the conditions name, or finds the first that does not hold. Returns the places of facts that are not there.
async fn hold<'c>(
    session: &Session<'_>,
    conditions: &'c [Condition],
) -> Result<Result<Vec<At<'c>>, StateError>, Failure> {
    if conditions.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let all: BTreeSet<At<'_>> =
        conditions.iter().map(|condition| (word(condition.table), condition.key.as_str())).collect();
    let (kinds, keys): (Vec<&str>, Vec<&str>) = all.iter().copied().unzip();
    let values: [Parameter<'_>; 2] = [(&kinds, Type::TEXT_ARRAY), (&keys, Type::TEXT_ARRAY)];
    // Those that are to be absent first: their insertion waits for other transactions that put or remove them.
    let absent: BTreeSet<At<'_>> = conditions
        .iter()
        .filter(|condition| condition.revision.is_none())
        .map(|condition| (word(condition.table), condition.key.as_str()))
        .collect();
    let places = reserve(session, &absent).await?;
    let lock = "SELECT kind, key, revision FROM raccord_state.facts \
                WHERE (kind, key) IN (SELECT * FROM unnest($1::text[], $2::text[])) \
                ORDER BY kind, key FOR NO KEY UPDATE";
    let rows = session.query(lock, &values).await?;
    let found: BTreeMap<(&str, &str), i64> =
        rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
    for condition in conditions {
        let at = (word(condition.table), condition.key.as_str());
        let found: Option<Revision> =
            found.get(&at).filter(|revision| **revision != PLACE).map(|revision| revision.cast_unsigned());
        if found != condition.revision {
            let (table, key, expected) = (condition.table, condition.key.clone(), condition.revision);
            return Ok(Err(StateError::FactConflict { table, key, expected, found }));
        }
    }
    Ok(Ok(absent.into_iter().filter(|at| places.contains(&(at.0.to_owned(), at.1.to_owned()))).collect()))
}

/// Puts empty facts where none is.
async fn reserve(
    session: &Session<'_>,
    absent: &BTreeSet<At<'_>>,
) -> Result<BTreeSet<(String, String)>, Failure> {
    if absent.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (kinds, keys): (Vec<&str>, Vec<&str>) = absent.iter().copied().unzip();
    let reserve = "INSERT INTO raccord_state.facts (kind, key, value, revision) \
                   SELECT kind, key, ''::bytea, $3 FROM unnest($1::text[], $2::text[]) AS f(kind, key) \
                   ON CONFLICT DO NOTHING RETURNING kind, key";
    let values: [Parameter<'_>; 3] =
        [(&kinds, Type::TEXT_ARRAY), (&keys, Type::TEXT_ARRAY), (&PLACE, Type::INT8)];
    let rows = session.query(reserve, &values).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Removes facts.
async fn remove(session: &Session<'_>, facts: &[At<'_>]) -> Result<(), Failure> {
    if facts.is_empty() {
        return Ok(());
    }
    let (kinds, keys): (Vec<&str>, Vec<&str>) = facts.iter().copied().unzip();
    let remove = "DELETE FROM raccord_state.facts \
                  WHERE (kind, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))";
    session.execute(remove, &[(&kinds, Type::TEXT_ARRAY), (&keys, Type::TEXT_ARRAY)]).await?;
    Ok(())
}

/// What a commit leaves behind: the last word about each thing, in an order in which all writers take their locks.
#[derive(Default)]
struct Changes<'c> {
    facts: BTreeMap<At<'c>, Option<&'c [u8]>>,
    /// Transfers that are removed, if only for a moment: what waits of them goes.
    ended: BTreeSet<Uuid>,
    index: BTreeMap<&'c Key, Option<&'c Entry>>,
    bodies: BTreeMap<&'c Digest, Option<&'c [u8]>>,
    head: Option<(&'c str, &'c str, u64)>,
    lock_head: bool,
}

impl<'c> Changes<'c> {
    fn of(commit: &'c Commit) -> Self {
        let mut changes = Self { lock_head: commit.expected.is_some(), ..Self::default() };
        for write in &commit.writes {
            match write {
                Write::Index(key, entry) => {
                    changes.index.insert(key, Some(entry));
                }
                Write::Unindex(key) => {
                    changes.index.insert(key, None);
                }
                Write::Body(digest, body) => {
                    changes.bodies.insert(digest, Some(body));
                }
                Write::DropBody(digest) => {
                    changes.bodies.insert(digest, None);
                }
                Write::Put(table, key, value) => {
                    changes.facts.insert((word(*table), key), Some(value));
                }
                Write::Remove(table, key) => {
                    changes.facts.insert((word(*table), key), None);
                    let uid: Option<Uuid> = key.parse().ok().filter(|_| *table == Table::Transfers);
                    changes.ended.extend(uid);
                }
                Write::Head { stack, root, generation } => {
                    changes.head = Some((stack.as_str(), root, *generation));
                    changes.lock_head = true;
                }
            }
        }
        changes
    }

    fn puts(&self, at: At<'_>) -> bool {
        self.facts.get(&at).is_some_and(Option::is_some)
    }

    async fn write_facts(&self, session: &Session<'_>) -> Result<(), Failure> {
        let gone: Vec<At<'_>> =
            self.facts.iter().filter(|(_, value)| value.is_none()).map(|(at, _)| *at).collect();
        remove(session, &gone).await?;
        for transfer in &self.ended {
            inbox::end(session, *transfer).await?;
        }
        let put: Vec<(At<'_>, &[u8])> =
            self.facts.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect();
        if put.is_empty() {
            return Ok(());
        }
        let kinds: Vec<&str> = put.iter().map(|((kind, _), _)| *kind).collect();
        let keys: Vec<&str> = put.iter().map(|((_, key), _)| *key).collect();
        let values: Vec<&[u8]> = put.iter().map(|(_, value)| *value).collect();
        let transfers: Vec<Option<Uuid>> =
            put.iter().map(|((kind, _), value)| transfer_of(kind, value)).collect();
        // One number for the whole commit, taken once everything is locked that it was decided on.
        let write = "WITH number AS MATERIALIZED (SELECT nextval('raccord_state.revisions') AS revision) \
             INSERT INTO raccord_state.facts (kind, key, value, transfer, revision) \
             SELECT f.kind, f.key, f.value, f.transfer, number.revision \
             FROM number, unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[]) AS f(kind, key, value, transfer) \
             ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, transfer = excluded.transfer, \
             revision = excluded.revision";
        let parameters: [Parameter<'_>; 4] = [
            (&kinds, Type::TEXT_ARRAY),
            (&keys, Type::TEXT_ARRAY),
            (&values, Type::BYTEA_ARRAY),
            (&transfers, Type::UUID_ARRAY),
        ];
        session.execute(write, &parameters).await?;
        Ok(())
    }

    async fn write_resources(&self, session: &Session<'_>) -> Result<(), Failure> {
        let gone: Vec<String> =
            self.index.iter().filter(|(_, entry)| entry.is_none()).map(|(key, _)| key.to_string()).collect();
        if !gone.is_empty() {
            let remove = "DELETE FROM raccord_state.resources WHERE key = ANY($1)";
            session.execute(remove, &[(&gone, Type::TEXT_ARRAY)]).await?;
        }
        let put: Vec<(String, &Entry)> =
            self.index.iter().filter_map(|(key, entry)| Some((key.to_string(), (*entry)?))).collect();
        if !put.is_empty() {
            let keys: Vec<&str> = put.iter().map(|(key, _)| key.as_str()).collect();
            let uids: Vec<Uuid> = put.iter().map(|(_, entry)| entry.uid.0).collect();
            let digests: Vec<&[u8]> = put.iter().map(|(_, entry)| entry.digest.0.as_slice()).collect();
            let write = "INSERT INTO raccord_state.resources (key, uid, digest) \
                 SELECT * FROM unnest($1::text[], $2::uuid[], $3::bytea[]) \
                 ON CONFLICT (key) DO UPDATE SET uid = excluded.uid, digest = excluded.digest";
            let parameters: [Parameter<'_>; 3] =
                [(&keys, Type::TEXT_ARRAY), (&uids, Type::UUID_ARRAY), (&digests, Type::BYTEA_ARRAY)];
            session.execute(write, &parameters).await?;
        }
        self.write_bodies(session).await
    }

    async fn write_bodies(&self, session: &Session<'_>) -> Result<(), Failure> {
        let gone: Vec<&[u8]> = self
            .bodies
            .iter()
            .filter(|(_, body)| body.is_none())
            .map(|(digest, _)| digest.0.as_slice())
            .collect();
        if !gone.is_empty() {
            let remove = "DELETE FROM raccord_state.bodies WHERE digest = ANY($1)";
            session.execute(remove, &[(&gone, Type::BYTEA_ARRAY)]).await?;
        }
        let put: Vec<(&[u8], &[u8])> =
            self.bodies.iter().filter_map(|(digest, body)| Some((digest.0.as_slice(), (*body)?))).collect();
        if put.is_empty() {
            return Ok(());
        }
        let (digests, bodies): (Vec<&[u8]>, Vec<&[u8]>) = put.into_iter().unzip();
        let write = "INSERT INTO raccord_state.bodies (digest, body) SELECT * FROM unnest($1::bytea[], $2::bytea[]) \
                     ON CONFLICT (digest) DO UPDATE SET body = excluded.body";
        session.execute(write, &[(&digests, Type::BYTEA_ARRAY), (&bodies, Type::BYTEA_ARRAY)]).await?;
        Ok(())
    }

    fn head_after(&self, before: &Head, is_apply: bool) -> Head {
        let mut head = before.clone();
        head.serial += u64::from(is_apply);
        if let Some((stack, root, generation)) = self.head {
            // A name that was one stays one.
            head.stack = stack.parse().ok();
            head.root = Some(root.to_owned());
            head.generation = generation;
        }
        head
    }
}

/// Replaces the head, its lineage apart.
pub(super) async fn write_head(session: &Session<'_>, head: &Head) -> Result<(), Failure> {
    let write = "UPDATE raccord_state.head SET serial = $1, generation = $2, stack = $3, root = $4";
    let (serial, generation) = (head.serial.cast_signed(), head.generation.cast_signed());
    let stack = head.stack.as_ref().map(raccord_model::Name::as_str);
    let values: [Parameter<'_>; 4] =
        [(&serial, Type::INT8), (&generation, Type::INT8), (&stack, Type::TEXT), (&head.root, Type::TEXT)];
    session.execute(write, &values).await?;
    Ok(())
}
