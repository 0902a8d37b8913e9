//! Files that lie elsewhere: the port to those that are only read, with what a source needs of a bucket or a server and no more,
//! and what opens a place. A part of a file is of the file that was listed, or it is an error.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Answer, Listed, RemotePlace, Storage, StorageError};

/// How many files may be listed.
#[cfg(any(feature = "object-stores", feature = "sftp"))]
pub(crate) const MAX_FILES: usize = 100_000;
/// How many entries may be looked at for them.
#[cfg(any(feature = "object-stores", feature = "sftp"))]
pub(crate) const MAX_ENTRIES: usize = 1_000_000;

/// Files that lie elsewhere.
pub trait RemoteStorage: Send + Sync {
    /// The files in a folder and, so many levels deep, in those below it, in the order of their paths; `None` is all levels. A
    /// folder that is not there has none. `keeps` says which are wanted: of the others there may be more.
    fn list_below<'a>(
        &'a self,
        folder: &'a str,
        levels: Option<usize>,
        keeps: &'a (dyn Fn(&str) -> bool + Send + Sync),
    ) -> Answer<'a, Vec<Listed>>;
    /// Reads a part of a file as it was listed; what is beyond its end is not there. A file that was replaced since is
    /// [`StorageError::Changed`].
    fn read_part<'a>(&'a self, file: &'a Listed, range: Range<u64>) -> Answer<'a, Bytes>;
}

/// The storage at a place. Nothing is asked of it yet.
///
/// # Errors
/// When what is to reach it cannot be used, or this program was built without what reads such a place.
pub fn open_remote(place: &RemotePlace) -> Result<Arc<dyn RemoteStorage>, StorageError> {
    match place {
        #[cfg(feature = "object-stores")]
        RemotePlace::S3 { .. } | RemotePlace::Gcs { .. } | RemotePlace::Azure { .. } => {
            Ok(Arc::new(super::object::ObjectStorage::open(place)?))
        }
        #[cfg(not(feature = "object-stores"))]
        RemotePlace::S3 { .. } | RemotePlace::Gcs { .. } | RemotePlace::Azure { .. } => {
            Err(without("object-stores"))
        }
        #[cfg(feature = "sftp")]
        RemotePlace::Sftp { host, port, from_home, access } => {
            Ok(Arc::new(super::sftp::SftpStorage::new((host, *port), *from_home, access)?))
        }
        #[cfg(not(feature = "sftp"))]
        RemotePlace::Sftp { .. } => Err(without("sftp")),
    }
}

/// A folder of a bucket to which rows are written. Nothing is asked of it yet.
///
/// # Errors
/// When what is to reach it cannot be used, this program was built without what reaches such a place, or the place is a server of
/// SFTP: none of them creates a file on the condition that none is there.
#[cfg(feature = "object-stores")]
pub fn open_tree(place: &RemotePlace, folder: &str) -> Result<Arc<dyn Storage>, StorageError> {
    if matches!(place, RemotePlace::Sftp { .. }) {
        return Err(StorageError::Unconditional);
    }
    let objects = super::object::ObjectStorage::open(place)?;
    Ok(Arc::new(super::object::ObjectTree::new(objects, folder.trim_end_matches('/').to_owned())))
}

/// A folder of a bucket, which this binary cannot reach.
///
/// # Errors
/// Always.
#[cfg(not(feature = "object-stores"))]
pub fn open_tree(_place: &RemotePlace, _folder: &str) -> Result<Arc<dyn Storage>, StorageError> {
    Err(without("object-stores"))
}

/// The error that a feature is absent.
#[cfg(not(all(feature = "object-stores", feature = "sftp")))]
fn without(feature: &str) -> StorageError {
    StorageError::Settings(format!(
        "this raccord was built without the feature `{feature}`; a released binary has it, and so has one that is built with \
         `--features {feature}`"
    ))
}
