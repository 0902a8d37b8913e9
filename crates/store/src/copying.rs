//! A state that is copied as a whole: its sections page by page, and a file that becomes a state only when all of it is there.
//!
//! Indexes and counters are made anew while items come in; records are never copied.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::port::copying::{
    CopyError, CopySource, CopyTarget, Item, PAGE_BYTES, PAGE_ITEMS, POSITION, Records, Section,
};
use raccord_model::port::state::{Head, Table};
use redb::backends::FileBackend;
use redb::{Database, Durability, ReadTransaction, ReadableDatabase};
use uuid::Uuid;

use crate::counter::{self, Counter};
use crate::error::{StoreError, guarded};
use crate::file::{self, Draft};
use crate::table::{self, FORMAT, META, META_FORMAT, META_HEAD, Tables, Under};
use crate::{Store, fact, inbox, open, revision, state};

/// A state file on its way, under another name; dropped before it is published, it is removed.
pub struct StoreDraft {
    database: Arc<Database>,
    draft: Draft,
    path: PathBuf,
}

impl std::fmt::Debug for StoreDraft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreDraft").field("path", &self.path).finish_non_exhaustive()
    }
}

impl StoreDraft {
    /// Begins a state file.
    ///
    /// # Errors
    /// When there is a file already, or none can be made.
    pub fn begin(path: &Path) -> Result<Self, CopyError> {
        let failed = |error: std::io::Error| CopyError::Write(error.into());
        if path.try_exists().map_err(failed)? {
            return Err(occupied(path));
        }
        file::create_directory(file::parent(path)).map_err(failed)?;
        file::clear_drafts(path);
        let (draft, file) = Draft::create(path, "copy").map_err(failed)?;
        let begin = || {
            let database = open::builder().create_with_backend(FileBackend::new(file)?)?;
            write(&database, Durability::Immediate, |tables| {
                tables.meta.insert(META_FORMAT, FORMAT.to_be_bytes().as_slice())?;
                Ok(())
            })?;
            Ok(database)
        };
        let database = guarded(begin).map_err(written)?;
        Ok(Self { database: Arc::new(database), draft, path: path.to_owned() })
    }

    /// Gives the file its name: from now on it is a state.
    ///
    /// # Errors
    /// When there is a file of this name meanwhile, or it cannot be named.
    pub fn publish(self) -> Result<(), CopyError> {
        let Self { database, draft, path } = self;
        // Closing it is the last that is written.
        drop(database);
        draft.publish(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => occupied(&path),
            _ => CopyError::Write(error.into()),
        })
    }
}

fn occupied(path: &Path) -> CopyError {
    CopyError::Occupied(format!("{} is there already, and a copy never replaces a file", path.display()))
}

fn written(broken: StoreError) -> CopyError {
    CopyError::Write(Box::new(broken))
}

fn not_read(broken: StoreError) -> CopyError {
    CopyError::Read(Box::new(broken))
}

/// One commit. Nothing needs to be durable before the last one, for a draft is no state.
fn write(
    database: &Database,
    durability: Durability,
    work: impl FnOnce(&mut Tables<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability)?;
    {
        let mut tables = Tables::open(&transaction)?;
        work(&mut tables)?;
    }
    Ok(transaction.commit()?)
}

impl CopySource for Store {
    fn page(&self, section: Section, after: Option<Vec<u8>>) -> Async<'_, Result<Vec<Item>, CopyError>> {
        let work = move |at: &ReadTransaction| page(at, section, after.as_deref());
        Box::pin(async { self.read(work).await.map_err(not_read) })
    }

    fn records(&self) -> Async<'_, Result<Records, CopyError>> {
        let work = |at: &ReadTransaction| {
            let counters = at.open_table(table::COUNTERS)?;
            let rows = counter::rows(&counters)?.iter().map(|(_, count)| count).sum();
            let rejects = counter::rejects(&counters)?.iter().map(|(_, count)| count).sum();
            Ok(Records { rows, rejects })
        };
        Box::pin(async move { self.read(work).await.map_err(not_read) })
    }
}

impl CopySource for StoreDraft {
    fn page(&self, section: Section, after: Option<Vec<u8>>) -> Async<'_, Result<Vec<Item>, CopyError>> {
        let database = Arc::clone(&self.database);
        let work = move || guarded(|| page(&database.begin_read()?, section, after.as_deref()));
        Box::pin(async {
            let found = tokio::task::spawn_blocking(work).await;
            found.unwrap_or(Err(StoreError::Closed)).map_err(not_read)
        })
    }

    fn records(&self) -> Async<'_, Result<Records, CopyError>> {
        Box::pin(std::future::ready(Ok(Records::default())))
    }
}

impl CopyTarget for StoreDraft {
    fn put(&self, section: Section, items: Vec<Item>) -> Async<'_, Result<(), CopyError>> {
        let database = Arc::clone(&self.database);
        let is_last = section == Section::Position;
        let durability = if is_last { Durability::Immediate } else { Durability::None };
        let work = move || guarded(|| write(&database, durability, |tables| put(tables, section, &items)));
        Box::pin(async {
            let put = tokio::task::spawn_blocking(work).await;
            put.unwrap_or(Err(StoreError::Closed)).map_err(written)
        })
    }
}

/// Where the items of a section are kept.
const fn definition(section: Section) -> table::Definition {
    match section {
        Section::Resources => table::INDEX,
        Section::Bodies => table::BODIES,
        Section::Facts(of) => table::facts(of),
        Section::Leases => table::LEASES,
        Section::Inbox => table::INBOX,
        Section::Remembered => table::SEEN_DELIVERIES,
        Section::Vault => table::VAULT,
        Section::Position => META,
    }
}

fn page(at: &ReadTransaction, section: Section, after: Option<&[u8]>) -> Result<Vec<Item>, StoreError> {
    if section == Section::Position {
        return position(at, after);
    }
    let revisions = at.open_table(table::REVISIONS)?;
    let kept = at.open_table(definition(section))?;
    let all = Under::new(&[]);
    let under = after.map_or_else(|| Under::new(&[]), |after| all.after(after));
    let (mut found, mut bytes) = (Vec::new(), 0);
    for pair in kept.range::<&[u8]>(under.bounds())?.take(PAGE_ITEMS) {
        let (key, value) = pair?;
        let (key, value) = (key.value(), value.value());
        bytes += key.len() + value.len();
        if bytes > PAGE_BYTES && !found.is_empty() {
            break;
        }
        let value = match section {
            Section::Resources => {
                let entry = state::entry(key, value)?.1;
                [entry.uid.0.as_bytes().as_slice(), &entry.digest.0].concat()
            }
            Section::Facts(of) => [&revision::of(&revisions, of, key)?.to_be_bytes(), value].concat(),
            _ => value.to_vec(),
        };
        found.push(Item { key: key.to_vec(), value });
    }
    Ok(found)
}

/// The head, and the numbers that were given last: 0 of what was never given.
fn position(at: &ReadTransaction, after: Option<&[u8]>) -> Result<Vec<Item>, StoreError> {
    let meta = at.open_table(META)?;
    let mut found = Vec::new();
    for key in POSITION.map(str::as_bytes).into_iter().filter(|key| after.is_none_or(|after| *key > after)) {
        let value = match meta.get(key)? {
            Some(value) => value.value().to_vec(),
            None => vec![0; 8],
        };
        found.push(Item { key: key.to_vec(), value });
    }
    Ok(found)
}

fn put(tables: &mut Tables<'_>, section: Section, items: &[Item]) -> Result<(), StoreError> {
    for item in items {
        put_item(tables, section, item)?;
    }
    Ok(())
}

fn put_item(tables: &mut Tables<'_>, section: Section, Item { key, value }: &Item) -> Result<(), StoreError> {
    match section {
        Section::Resources => {
            let (uid, digest) = value.split_at_checked(16).ok_or(StoreError::Damaged)?;
            let uid = Uuid::from_slice(uid).map(Uid).map_err(|_| StoreError::Damaged)?;
            let digest = digest.try_into().map(raccord_model::Digest).map_err(|_| StoreError::Damaged)?;
            let entry = serde_json::to_vec(&raccord_model::fact::Entry { uid, digest })?;
            tables.index.insert(key.as_slice(), entry.as_slice())?;
        }
        Section::Bodies => {
            tables.bodies.insert(key.as_slice(), value.as_slice())?;
        }
        Section::Facts(of) => put_fact(tables, of, key, value)?,
        Section::Leases => {
            tables.leases.insert(key.as_slice(), value.as_slice())?;
        }
        Section::Inbox => {
            let uid = key.first_chunk().ok_or(StoreError::Damaged)?;
            tables.inbox.insert(key.as_slice(), value.as_slice())?;
            inbox::count_one(tables, Uid(Uuid::from_bytes(*uid)), value)?;
        }
        Section::Remembered => {
            tables.seen_deliveries.insert(key.as_slice(), value.as_slice())?;
            tables.seen_times.insert([value.as_slice(), key].concat().as_slice(), [].as_slice())?;
            counter::add(&mut tables.counters, Counter::Seen, 1)?;
        }
        Section::Vault => {
            tables.vault.insert(key.as_slice(), value.as_slice())?;
        }
        Section::Position => put_position(tables, key, value)?,
    }
    Ok(())
}

fn put_fact(tables: &mut Tables<'_>, of: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let (revision, json) = value.split_first_chunk().ok_or(StoreError::Damaged)?;
    let key = std::str::from_utf8(key).map_err(|_| StoreError::Damaged)?;
    fact::put(tables, (of, key), json, u64::from_be_bytes(*revision))
}

fn put_position(tables: &mut Tables<'_>, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    if key == META_HEAD {
        let head: Head = serde_json::from_slice(value)?;
        tables.meta.insert(META_HEAD, serde_json::to_vec(&head)?.as_slice())?;
    } else if counter::number(value)? > 0 {
        // A number that was never given is not there.
        tables.meta.insert(key, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{META_REVISION, META_SEQUENCE, META_VAULT};

    #[test]
    fn the_position_has_the_names_of_the_file() {
        assert_eq!(POSITION.map(str::as_bytes), [META_HEAD, META_REVISION, META_SEQUENCE, META_VAULT]);
    }
}
