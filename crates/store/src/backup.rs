//! A copy of the state, of one consistent moment, made while the state is in use.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{ReadTransaction, ReadableTable};

use crate::error::StoreError;
use crate::file::Draft;
use crate::{Store, open, table};

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file already.
    #[error("{} exists already; a backup never replaces a file", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// The file cannot be created.
    #[error("create the backup {}", path.display())]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The state cannot be read, or its copy not written.
    #[error("copy the state to {}", path.display())]
    Copy {
        /// Where to.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Store {
    /// Copies the state into a new file, which is then a state of its own with the same lineage. Takes as long
    /// as the file is large; others read and write meanwhile.
    pub fn backup(&self, to: &Path) -> Result<(), BackupError> {
        let exists = || BackupError::Exists { path: to.to_owned() };
        let create = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => exists(),
            _ => BackupError::Create { path: to.to_owned(), source },
        };
        if to.try_exists().map_err(create)? {
            return Err(exists());
        }
        let (draft, file) = Draft::create(to, &std::process::id().to_string())
            .map_err(|source| BackupError::Create { path: to.to_owned(), source })?;
        self.shared
            .read(|at| copy(at, file))
            .map_err(|broken| BackupError::Copy { path: to.to_owned(), source: Box::new(broken) })?;
        draft.publish(to).map_err(create)
    }
}

fn copy(from: &ReadTransaction, file: File) -> Result<(), StoreError> {
    let database = open::builder().create_with_backend(FileBackend::new(file)?)?;
    let transaction = database.begin_write()?;
    for &definition in table::ALL {
        let source = from.open_table(definition)?;
        let mut target = transaction.open_table(definition)?;
        for entry in source.iter()? {
            let (key, value) = entry?;
            target.insert(key.value(), value.value())?;
        }
    }
    transaction.commit()?;
    Ok(())
}
