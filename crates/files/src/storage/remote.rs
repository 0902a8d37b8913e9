//! The port to files that lie elsewhere and are only read: what a source needs of a bucket or a server, and no more. A part of
//! a file is of the file that was listed, or it is an error.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Answer, Listed, RemotePlace, StorageError};

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

/// The error that a feature is absent.
#[cfg(not(all(feature = "object-stores", feature = "sftp")))]
fn without(feature: &str) -> StorageError {
    StorageError::Settings(format!(
        "this raccord was built without the feature `{feature}`; a released binary has it, and so has one that is built with \
         `--features {feature}`"
    ))
}
