//! The embedded store: one redb file that holds the state, its facts and the records.
//!
//! It implements the ports `State`, `Destination`, `Ledger`, `Inbox`, `Lease` and `Vault`, and is the only room that knows redb. It never
//! reads a clock to stamp data, never resolves a name, and never looks into a row beyond what `model::row` offers.

mod backup;
mod check;
mod copying;
mod counter;
mod destination;
mod error;
mod fact;
mod file;
mod holder;
mod inbox;
mod info;
mod lease;
mod ledger;
mod open;
mod record;
mod revision;
mod state;
mod table;
mod upkeep;
mod vault;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use redb::{Database, ReadTransaction, ReadableDatabase};

pub use backup::BackupError;
pub use check::CheckError;
pub use copying::StoreDraft;
pub use holder::{Holder, holder};
pub use info::InfoError;
pub use lease::EmbeddedLeases;
pub use open::{OpenError, Opener};
pub use upkeep::StoreMaintenance;
pub use vault::StoreVault;

use crate::error::StoreError;
use crate::file::Identity;
use crate::holder::Note;
use crate::writer::Writer;

/// A state file that this process has open. Dropping it makes everything durable and lets the file go.
#[derive(Debug)]
pub struct Store {
    // The order of the fields is the order in which they go: the writer ends first, and the note is taken away
    // while the file is still ours.
    writer: Writer,
    /// Nothing for a state that is no file.
    _note: Option<Note>,
    shared: Arc<Shared>,
}

/// What readers and the writer share.
#[derive(Debug)]
struct Shared {
    /// Locked for writing only by a check, which must be alone with the file.
    database: RwLock<Database>,
    path: PathBuf,
    /// Which file that is; none for a state in memory alone.
    identity: Option<Identity>,
    /// What failed first. After a failure of the disk redb refuses everything and no longer says why.
    failed: OnceLock<StoreError>,
    /// Who refreshes which secret of the vault.
    leases: vault::Leases,
}

impl Shared {
    /// What readers and the writer share of a file.
    fn of(database: Database, path: &Path, identity: Option<Identity>) -> Self {
        Self {
            database: RwLock::new(database),
            path: path.to_owned(),
            identity,
            failed: OnceLock::new(),
            leases: vault::Leases::default(),
        }
    }

    /// Whether the path still leads to the file that is open: otherwise what is written is gone with this process.
    fn is_in_place(&self) -> Result<(), StoreError> {
        let Some(opened) = self.identity else { return Ok(()) };
        match Identity::of(&self.path) {
            Ok(identity) if identity == opened => Ok(()),
            Ok(_) => Err(StoreError::Lost("replaced by another file")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StoreError::Lost("removed or renamed"))
            }
            // A path that cannot be looked at says nothing of the file.
            Err(_) => Ok(()),
        }
    }

    /// Reads from one consistent moment.
    fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let reading = || {
            let transaction = database.begin_read()?;
            work(&transaction)
        };
        error::guarded(reading).map_err(|broken| self.explain(broken))
    }

    /// Puts what failed first in place of its consequences.
    fn explain(&self, broken: StoreError) -> StoreError {
        if broken.is_consequence() {
            return self.failed.get().cloned().unwrap_or(broken);
        }
        if matches!(broken, StoreError::File(_) | StoreError::Full(_)) {
            self.failed.get_or_init(|| broken.clone());
        }
        broken
    }
}

impl Store {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Reads from one consistent moment, on a thread that may wait for the disk.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&ReadTransaction) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.read(work)).await.map_err(|_| StoreError::Closed)?
    }
}
