//! The port `Storage`: a tree of files, in a directory or in a bucket. Paths are relative to its root, with `/` between their
//! parts, and never leave it. It knows nothing of what files hold, and never changes a file in part.

mod error;
mod local;
#[cfg(feature = "object-stores")]
mod object;
mod path;
mod place;
mod remote;
#[cfg(feature = "sftp")]
mod sftp;

use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use raccord_model::port::Async;

pub use error::StorageError;
pub use local::LocalStorage;
pub use path::{FilePath, InvalidPath};
pub use place::{AzureAccess, GcsAccess, RemotePlace, S3Access, SftpAccess, SftpSecret};
pub use remote::{RemoteStorage, open_remote, open_tree};

/// What a storage answers.
pub type Answer<'a, T> = Async<'a, Result<T, StorageError>>;

/// The bytes of a file as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StorageError>> + Send>>;

/// A file that is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub path: FilePath,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was last written.
    pub changed: Option<Timestamp>,
    /// Changes with its content: an entity tag, where the storage has such.
    pub tag: Option<String>,
}

/// Files in the order of their paths, and whether there are more behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files.
    pub files: Vec<Listed>,
    /// Where the next part begins; nothing at the end.
    pub next: Option<FilePath>,
}

/// The content of a file, or of a part of it.
pub struct Content {
    /// How many bytes the whole file has.
    pub bytes: u64,
    /// What was asked for.
    pub stream: ByteStream,
}

/// What may be at a path that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Anything: it is replaced.
    Replace,
    /// Nothing: of several that put a file there, one succeeds, and the others hear [`StorageError::AlreadyThere`].
    IfAbsent,
}

/// A tree of files. Whatever is killed when: a file is at its path whole, or it is not there.
pub trait Storage: Send + Sync {
    /// A part of the files whose paths begin with a prefix, also those in folders below, in the order of their paths; those
    /// after a path alone. An implementation decides how many that are. A folder that is not there has none.
    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a FilePath>) -> Answer<'a, Listing>;
    /// Reads a file, or the part of it that is within a range.
    fn read<'a>(&'a self, path: &'a FilePath, range: Option<Range<u64>>) -> Answer<'a, Content>;
    /// Writes a small file whole. It is durable when this returns.
    fn put<'a>(&'a self, path: &'a FilePath, content: Bytes, put: Put) -> Answer<'a, ()>;
    /// Begins a file of any size. It is not at its path before it is finished.
    fn upload<'a>(&'a self, path: &'a FilePath) -> Answer<'a, Box<dyn Upload>>;
    /// Removes a file; one that is not there is removed already.
    fn delete<'a>(&'a self, path: &'a FilePath) -> Answer<'a, ()>;
    /// How many uploads may be under way at once: a storage that keeps parts of them in memory takes fewer.
    fn most_open(&self) -> usize {
        usize::MAX
    }
    /// Removes what uploads have left that were never finished: those into a folder, which ends with `/`, or into one below, of files
    /// whose names begin with a prefix. A storage that forgets them by itself has nothing to do.
    fn discard_unfinished<'a>(&'a self, _folder: &'a str, _prefix: &'a str) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A file on its way. Dropped before it is finished, it never was.
pub trait Upload: Send {
    /// Adds bytes.
    fn write(&mut self, bytes: Bytes) -> Answer<'_, ()>;
    /// Puts the file at its path, in the place of what is there; it is durable when this returns.
    fn finish(self: Box<Self>) -> Answer<'static, ()>;
}

/// Reads a small file whole.
pub async fn read_whole(storage: &dyn Storage, path: &FilePath, most: u64) -> Result<Vec<u8>, StorageError> {
    use futures_util::TryStreamExt as _;

    let Content { bytes, mut stream } = storage.read(path, None).await?;
    if bytes > most {
        return Err(StorageError::TooLarge { path: path.clone(), most });
    }
    let mut whole = Vec::new();
    while let Some(part) = stream.try_next().await? {
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}
