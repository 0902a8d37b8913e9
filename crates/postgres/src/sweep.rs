//! The end of a window: the rows that go because its records say so, or because a snapshot did not show them. And the
//! beginning of one, and the end of an incarnation.

use std::collections::HashSet;

use raccord_model::checkpoint::Checkpoint;
use raccord_model::classify::is_older;
use raccord_model::decide::{
    Bounds, Counts, Going, Tombstone, Undeletable, Versions, held, staying, swept, tries_again,
};
use raccord_model::fact::Uid;
use raccord_model::port::destination::{DestinationError, Fence, KEPT_BY_A_TRIGGER, Sweep, Swept};
use tokio_postgres::types::Type;

use crate::codec::many::{Raw, many_bytes};
use crate::commit::{count_owned, revise};
use crate::connections::{Session, value};
use crate::error::{Failure, Sort, reason_to_stay};
use crate::fence::{self, signed};
use crate::keys;
use crate::load::{self, by_keys, parameters};
use crate::owned::{forget_incarnation, has_owners};
use crate::save;
use crate::table::Table;

/// Begins a window whose keys are marked: what an earlier one has marked is forgotten, and so is that window.
pub(crate) async fn begin(session: &Session<'_>, transfer: Uid, fence: Fence) -> Result<(), Failure> {
    fence::check(session, transfer, fence).await?;
    save::forget(session, "marks", transfer).await?;
    save::forget(session, "doomed", transfer).await?;
    let Some(mut checkpoint) = checkpoint(session, transfer).await? else { return Ok(()) };
    if checkpoint.window.take().is_some() {
        save::save_checkpoint(session, transfer, &checkpoint).await?;
    }
    Ok(())
}

/// Where a transfer continues.
pub(crate) async fn checkpoint(session: &Session<'_>, transfer: Uid) -> Result<Option<Checkpoint>, Failure> {
    let query = "SELECT checkpoint FROM raccord.transfers WHERE transfer = $1";
    let row = session.query_opt(query, &[(&transfer.0, Type::UUID)]).await?;
    let json: Option<&str> = row.as_ref().and_then(|row| row.get(0));
    Ok(json.map(serde_json::from_str).transpose()?)
}

/// Deletes the rows of a transfer that its complete window has proved to be gone, unless they are too many.
pub(crate) async fn sweep(session: &Session<'_>, sweep: &Sweep) -> Result<Swept, Failure> {
    let transfer = sweep.transfer;
    fence::check(session, transfer, sweep.fence).await?;
    let entity = load::locked_entity(session, sweep.target.incarnation).await?;
    let table = &entity.table;
    let marked = marked(session, table, sweep).await?;
    let shown = if sweep.snapshot { Some(shown(session, transfer).await?) } else { None };
    let unseen = match &shown {
        Some(shown) => unseen(session, table, transfer, shown).await?,
        None => Vec::new(),
    };
    let counts = Counts {
        unseen: length(&unseen),
        marked: length(&marked),
        owned: count_owned(session, table, transfer).await?,
        has_marks: has_marks(session, transfer).await?,
    };
    if let Some(held) = held(sweep, counts, unseen.iter().chain(&marked)) {
        return Ok(held);
    }
    let all: Vec<Going> = unseen.into_iter().chain(marked).collect();
    if let Some(shown) = &shown {
        drop_unseen_rejects(session, transfer, &all, shown).await?;
    }
    let kept = remove(session, table, sweep, &all).await?;
    let further = keep(session, sweep, &kept).await?;
    let (staying, counts) = counts.without(&kept, further);
    revise(session, sweep.target.incarnation).await?;
    save::forget(session, "marks", transfer).await?;
    save::forget(session, "doomed", transfer).await?;
    if let Some(reading) = sweep.completes {
        save::complete(session, transfer, reading).await?;
    }
    let mut checkpoint = sweep.checkpoint.clone();
    checkpoint.count_swept(counts.unseen, staying);
    save::save_checkpoint(session, transfer, &checkpoint).await?;
    if let Some(run) = &sweep.record {
        save::save_run(session, &swept(run, counts)).await?;
    }
    Ok(Swept::Done { unseen: counts.unseen, marked: counts.marked, staying })
}

/// Keeps the rows that stay as rejects, as far as there is room; returns how many there are beside.
async fn keep(session: &Session<'_>, sweep: &Sweep, kept: &[Undeletable<'_>]) -> Result<u64, Failure> {
    if kept.is_empty() {
        return Ok(0);
    }
    let stored = save::stored_rejects(session, sweep.transfer).await?;
    let (set, further) = staying(sweep, kept, &stored);
    let (most, age) = sweep.keep_rejects;
    save::save_rejects(session, sweep.transfer, &set, Bounds::at(sweep.at, most, age), true).await?;
    Ok(further)
}

fn length<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

async fn has_marks(session: &Session<'_>, transfer: Uid) -> Result<bool, Failure> {
    let query = "SELECT EXISTS (SELECT 1 FROM raccord.marks WHERE transfer = $1)";
    let row = session.query_opt(query, &[(&transfer.0, Type::UUID)]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// The rows of a transfer that records say are deleted, and that are no newer.
async fn marked(session: &Session<'_>, table: &Table, sweep: &Sweep) -> Result<Vec<Going>, Failure> {
    let query = "SELECT key, version FROM raccord.doomed WHERE transfer = $1 ORDER BY key";
    let doomed = session.query(query, &[(&sweep.transfer.0, Type::UUID)]).await?;
    if doomed.is_empty() {
        return Ok(Vec::new());
    }
    let said: std::collections::BTreeMap<&[u8], &[u8]> =
        doomed.iter().map(|row| (row.get::<_, &[u8]>(0), row.get::<_, &[u8]>(1))).collect();
    let mut found = Vec::new();
    for (key, row) in by_keys(session, table, said.keys().copied()).await? {
        let Some(version) = said.get(key.as_slice()) else { continue };
        let known = row.versions.of(sweep.transfer).to_vec();
        if row.owner == sweep.transfer && !is_older(version, &known) {
            found.push(Going { key, said: Some(version.to_vec()), known });
        }
    }
    Ok(found)
}

/// The keys that the window has shown, those of records that say that they are deleted too.
async fn shown(session: &Session<'_>, transfer: Uid) -> Result<HashSet<Vec<u8>>, Failure> {
    let shown = "SELECT key FROM raccord.marks WHERE transfer = $1 AND NOT deleted \
                 UNION ALL SELECT key FROM raccord.doomed WHERE transfer = $1";
    let own = [value(&transfer.0, Type::UUID)];
    let mut seen = HashSet::new();
    session
        .each(shown, &own, |row| {
            let Raw(key) = row.try_get(0)?;
            seen.insert(key.to_vec());
            Ok(())
        })
        .await?;
    Ok(seen)
}

/// The rows of a transfer that the window did not show.
async fn unseen(
    session: &Session<'_>,
    table: &Table,
    transfer: Uid,
    shown: &HashSet<Vec<u8>>,
) -> Result<Vec<Going>, Failure> {
    let own = [value(&transfer.0, Type::UUID)];
    let [owner, versions] = ["_raccord_owner", "_raccord_versions"].map(|name| table.beside(name));
    let query = table.select_keys(&format!(", {versions}")) + &format!(" WHERE {owner} = $1");
    let mut found = Vec::new();
    session
        .each(&query, &own, |row| {
            let key = keys::read(table, row, 0)?;
            if !shown.contains(&key) {
                let versions: Option<&[u8]> = row.try_get(table.key.len())?;
                let known = Versions::decode(versions.unwrap_or_default())?.of(transfer).to_vec();
                found.push(Going { key, said: None, known });
            }
            Ok(())
        })
        .await?;
    Ok(found)
}

/// Takes the rejects of records away that a snapshot did not show and that have no row to go.
async fn drop_unseen_rejects(
    session: &Session<'_>,
    transfer: Uid,
    going: &[Going],
    shown: &HashSet<Vec<u8>>,
) -> Result<(), Failure> {
    let query = "SELECT id, key FROM raccord.rejects WHERE transfer = $1 AND key IS NOT NULL";
    let rejects = session.query(query, &[(&transfer.0, Type::UUID)]).await?;
    if rejects.is_empty() {
        return Ok(());
    }
    let going: HashSet<&[u8]> = going.iter().map(|going| going.key.as_slice()).collect();
    let is_gone = |row: &&tokio_postgres::Row| {
        let key: &[u8] = row.get(1);
        !shown.contains(key) && !going.contains(key)
    };
    let ids = many_bytes(rejects.iter().filter(is_gone).map(|row| row.get::<_, &[u8]>(0)));
    let remove = "DELETE FROM raccord.rejects WHERE transfer = $1 AND id = ANY($2)";
    session.execute(remove, &[(&transfer.0, Type::UUID), (&ids, Type::BYTEA_ARRAY)]).await?;
    Ok(())
}

/// How many rows one statement removes.
const TOGETHER: usize = 5_000;

/// Removes rows. Those that the database keeps are returned: they were tried again as long as others went, which may have
/// referred to them, and each time in the other order.
async fn remove<'g>(
    session: &Session<'_>,
    table: &Table,
    sweep: &Sweep,
    all: &'g [Going],
) -> Result<Vec<Undeletable<'g>>, Failure> {
    if !all.is_empty() {
        session.run("SET CONSTRAINTS ALL IMMEDIATE").await?;
    }
    let (mut open, mut pass): (Vec<&Going>, u32) = (all.iter().collect(), 1);
    loop {
        let mut kept = remove_once(session, table, sweep, &open).await?;
        if !tries_again(pass, open.len(), kept.len()) {
            kept.sort_by(|(one, _), (other, _)| one.key.cmp(&other.key));
            return Ok(kept);
        }
        pass += 1;
        open = kept.into_iter().rev().map(|(going, _)| going).collect();
    }
}

/// Removes rows in this order, remembers their ends, and takes the rejects of their keys away. Where the database does not let
/// rows go, smaller and smaller parts are tried, until it is known which stay: these are returned.
async fn remove_once<'g>(
    session: &Session<'_>,
    table: &Table,
    sweep: &Sweep,
    all: &[&'g Going],
) -> Result<Vec<Undeletable<'g>>, Failure> {
    let transfer = sweep.transfer;
    let (mut open, mut kept): (Vec<&[&'g Going]>, Vec<_>) =
        (all.chunks(TOGETHER).rev().collect(), Vec::new());
    while let Some(part) = open.pop() {
        session.run("SAVEPOINT part").await?;
        match delete(session, table, part).await {
            Ok(()) => session.run("RELEASE SAVEPOINT part").await?,
            Err(failure) if failure.sort() == Sort::Row => {
                session.run("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part").await?;
                match (part, &failure) {
                    ([going], Failure::Database(error)) => kept.push((*going, reason_to_stay(error))),
                    ([going], Failure::LeftOut) => kept.push((*going, KEPT_BY_A_TRIGGER.to_owned())),
                    ([_], _) => return Err(failure),
                    _ => {
                        let (first, second) = part.split_at(part.len() / 2);
                        open.extend([second, first].into_iter().filter(|part| !part.is_empty()));
                    }
                }
                continue;
            }
            Err(failure) => return Err(failure),
        }
        let buried: Vec<(&[u8], Tombstone)> =
            part.iter().filter_map(|going| Some((going.key.as_slice(), going.tombstone(sweep)?))).collect();
        bury(session, sweep, &buried).await?;
        supersede(session, transfer, part).await?;
    }
    Ok(kept)
}

/// Deletes rows, and what is kept beside them elsewhere.
async fn delete(session: &Session<'_>, table: &Table, part: &[&Going]) -> Result<(), Failure> {
    let lists = keys::lists(table, part.iter().map(|going| going.key.as_slice()));
    let delete = format!("DELETE FROM {} t{}", table.qualified(), table.is_among(1));
    let gone = session.execute(&delete, &parameters(&lists)).await?;
    if gone != length(part) {
        let standing = format!("SELECT count(*) FROM {} t{}", table.qualified(), table.is_among(1));
        let stay = session.query_opt(&standing, &parameters(&lists)).await?;
        let is_kept = stay.is_some_and(|row| row.get::<_, i64>(0) > 0);
        return Err(if is_kept { Failure::LeftOut } else { Failure::Moved });
    }
    if let Some(delete) = table.delete_side() {
        session.execute(&delete, &parameters(&lists)).await?;
    }
    Ok(())
}

/// Remembers the ends of rows, unless a later one by the same transfer is known.
async fn bury(session: &Session<'_>, sweep: &Sweep, buried: &[(&[u8], Tombstone)]) -> Result<(), Failure> {
    if buried.is_empty() {
        return Ok(());
    }
    let query = "SELECT key, version FROM raccord.tombstones \
                 WHERE incarnation = $1 AND transfer = $2 AND key = ANY($3)";
    let keys = many_bytes(buried.iter().map(|(key, _)| *key));
    let incarnation = signed(sweep.target.incarnation);
    let values =
        [value(&incarnation, Type::INT8), (&sweep.transfer.0, Type::UUID), (&keys, Type::BYTEA_ARRAY)];
    let rows = session.query(query, &values).await?;
    let before: std::collections::HashMap<&[u8], &[u8]> =
        rows.iter().map(|row| (row.get::<_, &[u8]>(0), row.get::<_, &[u8]>(1))).collect();
    let is_later = |key: &[u8], tombstone: &Tombstone| {
        before.get(key).is_none_or(|before| !is_older(&tombstone.version, before))
    };
    let all: Vec<(&[u8], &Tombstone)> =
        buried.iter().filter(|(key, it)| is_later(key, it)).map(|(key, it)| (*key, it)).collect();
    save::remember_tombstones(session, sweep.target.incarnation, &all).await
}

/// Takes the rejects of keys away that are not newer than what was said of them.
async fn supersede(session: &Session<'_>, transfer: Uid, all: &[&Going]) -> Result<(), Failure> {
    let query = "SELECT id, key, version FROM raccord.rejects WHERE transfer = $1 AND key = ANY($2)";
    let keys = many_bytes(all.iter().map(|going| going.key.as_slice()));
    let rows = session.query(query, &[(&transfer.0, Type::UUID), (&keys, Type::BYTEA_ARRAY)]).await?;
    let said: std::collections::HashMap<&[u8], &[u8]> =
        all.iter().map(|going| (going.key.as_slice(), going.said.as_deref().unwrap_or_default())).collect();
    let goes = |row: &&tokio_postgres::Row| {
        let said = said.get(row.get::<_, &[u8]>(1)).copied().unwrap_or_default();
        !is_older(said, row.get::<_, &[u8]>(2))
    };
    let ids = many_bytes(rows.iter().filter(goes).map(|row| row.get::<_, &[u8]>(0)));
    let remove = "DELETE FROM raccord.rejects WHERE transfer = $1 AND id = ANY($2)";
    session.execute(remove, &[(&transfer.0, Type::UUID), (&ids, Type::BYTEA_ARRAY)]).await?;
    Ok(())
}

/// Forgets an incarnation. Its table stays, and the rows in it; returns how many of them transfers of ours own.
pub(crate) async fn collect(session: &Session<'_>, incarnation: u64) -> Result<u64, Failure> {
    let entity = match load::locked_entity(session, incarnation).await {
        Ok(entity) => entity,
        Err(Failure::Refused(DestinationError::Unprepared)) => return Ok(0),
        Err(failure) => return Err(failure),
    };
    let table = &entity.table;
    let mut count = 0;
    // A table that a person has taken away has no rows to tell of.
    if has_owners(session, table).await? {
        let (rows, owner) = (table.rows(), table.beside("_raccord_owner"));
        let query = format!("SELECT count(*) FROM {rows} WHERE {owner} IS NOT NULL");
        let row = session.query_opt(&query, &[]).await?;
        count = row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned());
    }
    forget_incarnation(session, incarnation, table).await?;
    Ok(count)
}
