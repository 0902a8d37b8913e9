//! The end of a window: the rows that go because its records say so, or because a snapshot did not show them. And the
//! beginning of one, and the end of an incarnation.

use std::collections::HashSet;

use raccord_model::checkpoint::Checkpoint;
use raccord_model::classify::is_older;
use raccord_model::decide::{
    Bounds, Counts, Going, Undeletable, Versions, held, staying, swept, tries_again,
};
use raccord_model::fact::Uid;
use raccord_model::port::destination::{Fence, KEPT_BY_A_TRIGGER, Sweep, Swept};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension as _, Statement, params, params_from_iter};

use crate::codec;
use crate::commit::{count_owned, revise};
use crate::deferred::Deferred;
use crate::error::{Failure, is_of_a_reference, is_of_a_row};
use crate::fence::{self, forget, id};
use crate::load::{self, Lookup};
use crate::owned::{forget_incarnation, has_owners};
use crate::save;
use crate::table::Table;

/// Begins a window whose keys are marked: what an earlier one has marked is forgotten, and so is that window.
pub(crate) fn begin(connection: &Connection, transfer: Uid, fence: Fence) -> Result<(), Failure> {
    fence::check(connection, transfer, fence)?;
    forget(connection, "marks", transfer)?;
    forget(connection, "doomed", transfer)?;
    let Some(mut checkpoint) = checkpoint(connection, transfer)? else { return Ok(()) };
    if checkpoint.window.take().is_some() {
        save::save_checkpoint(connection, transfer, &checkpoint)?;
    }
    Ok(())
}

/// Where a transfer continues.
pub(crate) fn checkpoint(connection: &Connection, transfer: Uid) -> Result<Option<Checkpoint>, Failure> {
    let query = "SELECT checkpoint FROM _raccord_transfers WHERE transfer = ?1";
    let json: Option<Option<String>> =
        connection.query_row(query, [id(&transfer)], |row| row.get(0)).optional()?;
    Ok(json.flatten().map(|json| serde_json::from_str(&json)).transpose()?)
}

/// Deletes the rows of a transfer that its complete window has proved to be gone, unless they are too many.
pub(crate) fn sweep(connection: &Connection, sweep: &Sweep) -> Result<Swept, Failure> {
    let transfer = sweep.transfer;
    fence::check(connection, transfer, sweep.fence)?;
    let entity = load::prepared(connection, sweep.target.incarnation)?;
    let table = &entity.table;
    let marked = marked(connection, table, transfer)?;
    let shown = if sweep.snapshot { Some(shown(connection, transfer)?) } else { None };
    let unseen = match &shown {
        Some(shown) => unseen(connection, table, transfer, shown)?,
        None => Vec::new(),
    };
    let counts = Counts {
        unseen: length(&unseen),
        marked: length(&marked),
        owned: count_owned(connection, table, transfer)?,
        has_marks: has_marks(connection, transfer)?,
    };
    if let Some(held) = held(sweep, counts, unseen.iter().chain(&marked)) {
        return Ok(held);
    }
    let all: Vec<Going> = unseen.into_iter().chain(marked).collect();
    if let Some(shown) = &shown {
        drop_unseen_rejects(connection, transfer, &all, shown)?;
    }
    let kept = remove(connection, table, sweep, &all)?;
    let further = keep(connection, sweep, &kept)?;
    let (staying, counts) = counts.without(&kept, further);
    revise(connection, sweep.target.incarnation)?;
    forget(connection, "marks", transfer)?;
    forget(connection, "doomed", transfer)?;
    if let Some(reading) = sweep.completes {
        save::complete(connection, transfer, reading)?;
    }
    let mut checkpoint = sweep.checkpoint.clone();
    checkpoint.count_swept(counts.unseen, staying);
    save::save_checkpoint(connection, transfer, &checkpoint)?;
    if let Some(run) = &sweep.record {
        save::save_run(connection, &swept(run, counts))?;
    }
    Ok(Swept::Done { unseen: counts.unseen, marked: counts.marked, staying })
}

/// Keeps the rows that stay as rejects, as far as there is room; returns how many there are beside.
fn keep(connection: &Connection, sweep: &Sweep, kept: &[Undeletable<'_>]) -> Result<u64, Failure> {
    if kept.is_empty() {
        return Ok(0);
    }
    let stored = save::stored_rejects(connection, sweep.transfer)?;
    let (set, further) = staying(sweep, kept, &stored);
    let (most, age) = sweep.keep_rejects;
    save::save_rejects(connection, sweep.transfer, &set, Bounds::at(sweep.at, most, age), true)?;
    Ok(further)
}

fn length<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

fn has_marks(connection: &Connection, transfer: Uid) -> Result<bool, Failure> {
    let query = "SELECT EXISTS (SELECT 1 FROM _raccord_marks WHERE transfer = ?1)";
    Ok(connection.query_row(query, [id(&transfer)], |row| row.get(0))?)
}

/// The rows of a transfer that records say are deleted, and that are no newer.
fn marked(connection: &Connection, table: &Table, transfer: Uid) -> Result<Vec<Going>, Failure> {
    let query = "SELECT key, version FROM _raccord_doomed WHERE transfer = ?1 ORDER BY key";
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([id(&transfer)])?;
    let mut lookup = Lookup::of(connection, table)?;
    let mut found = Vec::new();
    while let Some(doomed) = rows.next()? {
        let (key, version): (Vec<u8>, Vec<u8>) = (doomed.get(0)?, doomed.get(1)?);
        let Some(row) = lookup.find(&key)? else { continue };
        let known = row.versions.of(transfer).to_vec();
        if row.owner == transfer && !is_older(&version, &known) {
            found.push(Going { key, said: Some(version), known });
        }
    }
    Ok(found)
}

/// The keys that the window has shown, those of records that say that they are deleted too.
fn shown(connection: &Connection, transfer: Uid) -> Result<HashSet<Vec<u8>>, Failure> {
    let shown = "SELECT key FROM _raccord_marks WHERE transfer = ?1 AND NOT deleted \
                 UNION ALL SELECT key FROM _raccord_doomed WHERE transfer = ?1";
    let mut statement = connection.prepare(shown)?;
    Ok(statement.query_map([id(&transfer)], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The rows of a transfer that the window did not show.
fn unseen(
    connection: &Connection,
    table: &Table,
    transfer: Uid,
    shown: &HashSet<Vec<u8>>,
) -> Result<Vec<Going>, Failure> {
    let [owner, versions] = ["_raccord_owner", "_raccord_versions"].map(|name| table.beside(name));
    let query = table.select_keys(&format!(", {versions}")) + &format!(" WHERE {owner} = ?1");
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([id(&transfer)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(key) = codec::read_key(table, row, 0)?.filter(|key| !shown.contains(key)) else { continue };
        let versions: Option<Vec<u8>> = row.get(table.key.len())?;
        let known = Versions::decode(&versions.unwrap_or_default())?.of(transfer).to_vec();
        found.push(Going { key, said: None, known });
    }
    Ok(found)
}

/// Takes the rejects of records away that a snapshot did not show and that have no row to go.
fn drop_unseen_rejects(
    connection: &Connection,
    transfer: Uid,
    going: &[Going],
    shown: &HashSet<Vec<u8>>,
) -> Result<(), Failure> {
    let query = "SELECT id, key FROM _raccord_rejects WHERE transfer = ?1 AND key IS NOT NULL";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let rejects: Vec<(Vec<u8>, Vec<u8>)> =
        connection.prepare(query)?.query_map([id(&transfer)], read)?.collect::<Result<_, _>>()?;
    if rejects.is_empty() {
        return Ok(());
    }
    let going: HashSet<&[u8]> = going.iter().map(|going| going.key.as_slice()).collect();
    let mut remove = connection.prepare("DELETE FROM _raccord_rejects WHERE transfer = ?1 AND id = ?2")?;
    for (reject, key) in &rejects {
        if !shown.contains(key) && !going.contains(key.as_slice()) {
            remove.execute(params![id(&transfer), reject])?;
        }
    }
    Ok(())
}

/// Removes rows. Those that the table keeps are returned: they were tried again as long as others went, which may have referred
/// to them, and each time in the other order.
fn remove<'g>(
    connection: &Connection,
    table: &Table,
    sweep: &Sweep,
    all: &'g [Going],
) -> Result<Vec<Undeletable<'g>>, Failure> {
    let (mut open, mut pass): (Vec<&Going>, u32) = (all.iter().collect(), 1);
    loop {
        let mut kept = remove_once(connection, table, sweep, &open)?;
        if !tries_again(pass, open.len(), kept.len()) {
            kept.sort_by(|(one, _), (other, _)| one.key.cmp(&other.key));
            return Ok(kept);
        }
        pass += 1;
        open = kept.into_iter().rev().map(|(going, _)| going).collect();
    }
}

/// Removes rows in this order, remembers their ends, and takes the rejects of their keys away. Those that the table keeps are
/// returned.
fn remove_once<'g>(
    connection: &Connection,
    table: &Table,
    sweep: &Sweep,
    open: &[&'g Going],
) -> Result<Vec<Undeletable<'g>>, Failure> {
    let mut kept = Vec::new();
    let mut remover = Remover::of(connection, table)?;
    for going in open {
        if let Some(reason) = remover.remove(&going.key)? {
            kept.push((*going, reason));
        } else {
            bury(connection, sweep, going)?;
            supersede(connection, sweep.transfer, going)?;
        }
    }
    Ok(kept)
}

/// Removes rows one by one.
struct Remover<'c> {
    connection: &'c Connection,
    table: &'c Table,
    delete: Statement<'c>,
    delete_side: Option<Statement<'c>>,
    deferred: Deferred,
    /// Why rows stay to which others refer, once it was asked.
    referred_to: Option<String>,
}

impl<'c> Remover<'c> {
    fn of(connection: &'c Connection, table: &'c Table) -> Result<Self, Failure> {
        Ok(Self {
            connection,
            table,
            delete: connection.prepare(&table.delete())?,
            delete_side: table.delete_side().map(|text| connection.prepare(&text)).transpose()?,
            deferred: Deferred::of(connection, table)?,
            referred_to: None,
        })
    }

    /// Removes a row, and what is kept beside it elsewhere; or says why the table keeps it.
    fn remove(&mut self, key: &[u8]) -> Result<Option<String>, Failure> {
        let key = codec::key_of(self.table, key)?;
        let key = codec::parameters(&key)?;
        let stays = if self.deferred.is_empty() { self.delete(&key)? } else { self.delete_or_undo(&key)? };
        if let (None, Some(delete_side)) = (&stays, &mut self.delete_side) {
            delete_side.execute(params_from_iter(&key))?;
        }
        Ok(stays)
    }

    fn delete(&mut self, key: &[ToSqlOutput<'_>]) -> Result<Option<String>, Failure> {
        let error = match self.delete.execute(params_from_iter(key)) {
            Ok(0) => return Ok(Some(KEPT_BY_A_TRIGGER.to_owned())),
            Ok(_) => return Ok(None),
            Err(error) if is_of_a_row(&error) && !self.connection.is_autocommit() => error,
            Err(error) => return Err(error.into()),
        };
        if !is_of_a_reference(&error) {
            return Ok(Some(save::reason_to_stay(self.connection, self.table, &error)?));
        }
        if self.referred_to.is_none() {
            self.referred_to = Some(save::reason_to_stay(self.connection, self.table, &error)?);
        }
        Ok(self.referred_to.clone())
    }

    /// Removes a row unless rows of others still refer to it, whose foreign keys are checked at the end alone.
    fn delete_or_undo(&mut self, key: &[ToSqlOutput<'_>]) -> Result<Option<String>, Failure> {
        let connection = self.connection;
        connection.execute_batch("SAVEPOINT one")?;
        let referred = self.deferred.referred(connection, key)?;
        let mut stays = self.delete(key)?;
        if stays.is_none() {
            stays = self.deferred.reason_to_stay(connection, &referred)?;
        }
        let end = if stays.is_some() { "ROLLBACK TO one; RELEASE one" } else { "RELEASE one" };
        connection.execute_batch(end)?;
        Ok(stays)
    }
}

/// Remembers the end of a row, unless a later one by the same transfer is known.
fn bury(connection: &Connection, sweep: &Sweep, going: &Going) -> Result<(), Failure> {
    let Some(tombstone) = going.tombstone(sweep) else { return Ok(()) };
    let query =
        "SELECT version FROM _raccord_tombstones WHERE incarnation = ?1 AND key = ?2 AND transfer = ?3";
    let incarnation = sweep.target.incarnation;
    let values = params![incarnation.cast_signed(), going.key, id(&sweep.transfer)];
    let before: Option<Vec<u8>> = connection.query_row(query, values, |row| row.get(0)).optional()?;
    if before.is_some_and(|before| is_older(&tombstone.version, &before)) {
        return Ok(());
    }
    save::bury(connection, incarnation, [(going.key.as_slice(), &tombstone)])
}

/// Takes the rejects of a key away that are not newer than what was said of it.
fn supersede(connection: &Connection, transfer: Uid, going: &Going) -> Result<(), Failure> {
    let query = "SELECT id, version FROM _raccord_rejects WHERE transfer = ?1 AND key = ?2";
    let mut statement = connection.prepare(query)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let rejects: Vec<(Vec<u8>, Vec<u8>)> =
        statement.query_map(params![id(&transfer), going.key], read)?.collect::<Result<_, _>>()?;
    let said = going.said.as_deref().unwrap_or_default();
    let remove = "DELETE FROM _raccord_rejects WHERE transfer = ?1 AND id = ?2";
    for (reject, _) in rejects.iter().filter(|(_, version)| !is_older(said, version)) {
        connection.execute(remove, params![id(&transfer), reject])?;
    }
    Ok(())
}

/// Forgets an incarnation. Its table stays, and the rows in it; returns how many of them transfers of ours own.
pub(crate) fn collect(connection: &Connection, incarnation: u64) -> Result<u64, Failure> {
    let Some(entity) = load::entity(connection, incarnation)? else { return Ok(0) };
    let table = &entity.table;
    let mut count: i64 = 0;
    // A table that a person has taken away has no rows to tell of.
    if has_owners(connection, table)? {
        let (rows, owner) = (table.rows(), table.beside("_raccord_owner"));
        let query = format!("SELECT count(*) FROM {rows} WHERE {owner} IS NOT NULL");
        count = connection.query_row(&query, [], |row| row.get(0))?;
    }
    forget_incarnation(connection, incarnation, table)?;
    Ok(count.cast_unsigned())
}
