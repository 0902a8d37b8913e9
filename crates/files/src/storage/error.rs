//! Why a storage did not do what was asked. No message holds what a file contains, or a secret.

use std::io;

use raccord_model::port::Cause;

use super::FilePath;

/// Why a storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such file.
    #[error("there is no file `{0}`")]
    NotFound(FilePath),
    /// There is no such bucket, or container of Azure.
    #[error("there is no {0}; look at its name, and at the region and the endpoint of the authorization")]
    NoBucket(String),
    /// A file that was to be new is there already.
    #[error("the file `{0}` is there already")]
    AlreadyThere(FilePath),
    /// A file cannot be created on the condition that none is there: of several processes each would believe that it wrote the
    /// file.
    #[error(
        "the storage does not create a file on the condition that none is there, by which one commit is told from another"
    )]
    Unconditional,
    /// A file that is read whole is larger than that.
    #[error("the file `{path}` has more than {most} bytes")]
    TooLarge {
        /// Which.
        path: FilePath,
        /// How many it may have.
        most: u64,
    },
    /// A file was replaced after it was listed.
    #[error("the file `{0}` was replaced while it was read")]
    Changed(FilePath),
    /// There is more to look at than the limits allow.
    #[error("more than {most} {what} are below `{place}`; name a folder nearer to the files")]
    TooMany {
        /// Below what.
        place: String,
        /// How many there may be.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// What is to prove who we are, or who the server is, cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The server is not the one that is expected: it shows another key.
    #[error("{0}")]
    HostKey(String),
    /// The storage cannot be reached: what is asked may succeed later.
    #[error("the storage cannot be reached")]
    Unreachable(#[source] Cause),
    /// Who we are, or what we may do.
    #[error("the storage refuses us")]
    Denied(#[source] Cause),
    /// Reading failed.
    #[error("read `{path}`")]
    Read {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// Writing failed.
    #[error("write `{path}`")]
    Write {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

/// What was done when something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Reading,
    Writing,
}

impl StorageError {
    /// What an operation on a path of this machine failed with.
    pub(crate) fn local(path: &FilePath, doing: Doing, error: io::Error) -> Self {
        match (error.kind(), doing) {
            (io::ErrorKind::NotFound, Doing::Reading) => Self::NotFound(path.clone()),
            (io::ErrorKind::PermissionDenied, _) => Self::Denied(Box::new(error)),
            (_, Doing::Reading) => Self::Read { path: path.to_string(), source: Box::new(error) },
            (_, Doing::Writing) => Self::Write { path: path.to_string(), source: Box::new(error) },
        }
    }
}
