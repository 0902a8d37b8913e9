//! The log of a folder: numbered entries, each created where none is yet, so that of several processes one has a number. What an
//! entry names counts, and nothing else. Every so often an entry is followed by all that led to it, and reading begins there.

use bytes::Bytes;
use jiff::Timestamp;
use raccord_model::port::destination::DestinationError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error;
use super::world::{Change, World};
use crate::storage::{FilePath, Put, Storage, StorageError, read_whole};

/// Where the entries are.
const LOG: &str = "_raccord/log/";
/// Where the sums of entries are.
const SUMS: &str = "_raccord/sums/";
/// Where it is tried out whether files are created on a condition.
const PROOFS: &str = "_raccord/proofs/";
/// After how many entries they are summed up.
const SUM_EVERY: u64 = 64;
/// The largest entry or sum.
const MOST_BYTES: u64 = 256 << 20;
/// The version of the form of both.
const VERSION: u8 = 1;

/// An entry of the log, or the sum of all up to one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    version: u8,
    /// Which it is: a storage may have taken an entry and not said so.
    id: Uuid,
    at: Timestamp,
    changes: Vec<Change>,
}

/// What the log says, as far as it was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// The number of the last entry; 0 of an empty log.
    serial: u64,
    /// The last entry.
    last: Uuid,
    pub(crate) world: World,
}

/// What became of an attempt to add an entry.
pub(crate) enum Added {
    Done,
    /// Another process has added one, which is to be read first.
    Behind,
}

fn place(folder: &str, serial: u64) -> Result<FilePath, DestinationError> {
    FilePath::new(&format!("{folder}{serial:010}.json")).map_err(error::path)
}

fn number(path: &FilePath) -> Option<u64> {
    path.name().strip_suffix(".json")?.parse().ok()
}

async fn read(storage: &dyn Storage, path: &FilePath) -> Result<Entry, DestinationError> {
    let bytes = read_whole(storage, path, MOST_BYTES).await.map_err(error::read)?;
    let entry: Entry = serde_json::from_slice(&bytes).map_err(|_| DestinationError::Damaged)?;
    if entry.version == VERSION { Ok(entry) } else { Err(DestinationError::Damaged) }
}

impl Log {
    /// Reads the log of a folder.
    pub(crate) async fn open(storage: &dyn Storage) -> Result<Self, DestinationError> {
        let mut log = Self::default();
        let sums = listed(storage, SUMS, None).await?;
        if let Some(serial) = sums.last().copied() {
            let entry = read(storage, &place(SUMS, serial)?).await?;
            log.take(serial, &entry);
        }
        log.catch_up(storage).await?;
        Ok(log)
    }

    /// Reads the entries that were added since, and says which those are.
    pub(crate) async fn catch_up(&mut self, storage: &dyn Storage) -> Result<Vec<Uuid>, DestinationError> {
        let after = place(LOG, self.serial)?;
        let mut ids = Vec::new();
        for serial in listed(storage, LOG, Some(&after)).await? {
            if serial != self.serial + 1 {
                return Err(DestinationError::Damaged);
            }
            let entry = read(storage, &place(LOG, serial)?).await?;
            self.take(serial, &entry);
            ids.push(entry.id);
        }
        Ok(ids)
    }

    fn take(&mut self, serial: u64, entry: &Entry) {
        entry.changes.iter().for_each(|change| self.world.apply(change));
        (self.serial, self.last) = (serial, entry.id);
    }

    /// Adds an entry behind the last one that was read.
    pub(crate) async fn add(
        &mut self,
        storage: &dyn Storage,
        (id, at): (Uuid, Timestamp),
        changes: &[Change],
    ) -> Result<Added, DestinationError> {
        let entry = Entry { version: VERSION, id, at, changes: changes.to_vec() };
        let serial = self.serial + 1;
        let bytes = serde_json::to_vec(&entry).map_err(|_| DestinationError::Damaged)?;
        match storage.put(&place(LOG, serial)?, Bytes::from(bytes), Put::IfAbsent).await {
            Ok(()) => {}
            Err(StorageError::AlreadyThere(_)) => return Ok(Added::Behind),
            Err(other) => return Err(error::write(other)),
        }
        self.take(serial, &entry);
        if serial.is_multiple_of(SUM_EVERY) {
            self.sum_up(storage, at).await?;
        }
        Ok(Added::Done)
    }

    /// Writes all that led here. Another process may have done so: it came to the same.
    async fn sum_up(&self, storage: &dyn Storage, at: Timestamp) -> Result<(), DestinationError> {
        let sum = Entry { version: VERSION, id: self.last, at, changes: self.world.changes() };
        let bytes = serde_json::to_vec(&sum).map_err(|_| DestinationError::Damaged)?;
        let put = storage.put(&place(SUMS, self.serial)?, Bytes::from(bytes), Put::Replace).await;
        put.map_err(error::write)
    }

    /// Proves that a storage creates a file only where none is: one that replaces it without a word would let two processes have one
    /// number of the log, and lose what one of them wrote.
    pub(crate) async fn prove_conditions(storage: &dyn Storage, id: Uuid) -> Result<(), DestinationError> {
        let path = FilePath::new(&format!("{PROOFS}{}", id.simple())).map_err(error::path)?;
        let put = || storage.put(&path, Bytes::from_static(b"{}"), Put::IfAbsent);
        put().await.map_err(error::write)?;
        let again = put().await;
        storage.delete(&path).await.map_err(error::write)?;
        match again {
            Err(StorageError::AlreadyThere(_)) => Ok(()),
            Ok(()) => Err(error::write(StorageError::Unconditional)),
            Err(other) => Err(error::write(other)),
        }
    }

    /// The number of the last entry that was read.
    pub(crate) const fn serial(&self) -> u64 {
        self.serial
    }
}

/// The numbers in a folder, in their order.
async fn listed(
    storage: &dyn Storage,
    folder: &str,
    after: Option<&FilePath>,
) -> Result<Vec<u64>, DestinationError> {
    let mut found = Vec::new();
    let mut after = after.cloned();
    loop {
        let listing = storage.list(folder, after.as_ref()).await.map_err(error::read)?;
        found.extend(listing.files.iter().filter_map(|file| number(&file.path)));
        match listing.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}
