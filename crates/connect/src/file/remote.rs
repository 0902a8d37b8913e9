//! Files in buckets and on servers: which a path means, and their bytes, read by parts as they are needed. A file that is
//! replaced meanwhile ends the reading, for its parts would not belong together.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use glob::{MatchOptions, Pattern};
use raccord_files::storage::{Listed, RemoteStorage, StorageError, open_remote};
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::connector::file::RemotePath;
use raccord_model::port::source::SourceError;
use tokio::runtime::Handle;

use super::access::StorageSecrets;
use super::matching::{Fingerprint, Located, Matched};
use crate::decode::Blob;
use crate::secret::SecretReader;

/// The first part that is read of a text, and the largest: each is twice the one before.
const FIRST_PART: u64 = 64 * 1024;
const LARGEST_PART: u64 = 4 << 20;
/// Parts of a file that is read here and there, and how many of them are kept.
const BLOCK: u64 = 256 * 1024;
const BLOCKS: usize = 64;
/// How long a part may take with all attempts to read it.
const PATIENCE: Duration = Duration::from_mins(5);

/// How names are compared with patterns: as those of local files are.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A place with files, and what reaches it.
#[derive(Clone)]
pub(crate) struct RemoteFiles {
    storage: Arc<dyn RemoteStorage>,
    /// The path as it is written.
    written: String,
    /// The authorization in words, without what its secrets are.
    credentials: String,
}

impl RemoteFiles {
    /// Reads the secrets and makes what reaches the place. Nothing is asked of it yet.
    pub(crate) async fn open(
        place: &RemotePath<'_>,
        written: &str,
        authorization: Option<&AuthorizationSpec>,
        secrets: &SecretReader,
    ) -> Result<Self, SourceError> {
        let access = StorageSecrets::of(secrets).place(place, authorization).await?;
        let credentials = authorization.map_or_else(
            || "of the environment".to_owned(),
            |authorization| format!("of type {}", authorization.type_name()),
        );
        let storage = open_remote(&access).map_err(|error| unreached(written, &credentials, error))?;
        Ok(Self { storage, written: written.to_owned(), credentials })
    }

    /// The files that the path means, in the order of their names.
    pub(crate) async fn find(&self) -> Result<Vec<Matched>, SourceError> {
        let answer = |message: String| SourceError::Answer { place: self.written.clone(), message };
        let place = RemotePath::of(&self.written).map_err(answer)?;
        let place = place.ok_or_else(|| answer("it leads to no bucket and no server".to_owned()))?;
        let pattern = Pattern::new(place.path).map_err(|error| answer(error.to_string()))?;
        let keeps = |name: &str| pattern.matches_with(name, OPTIONS);
        let files = self.storage.list_below(place.folder(), place.levels(), &keeps).await;
        let files = files.map_err(|error| unreached(&self.written, &self.credentials, error))?;
        if files.is_empty() {
            return Err(answer("no file is there".to_owned()));
        }
        Ok(files.into_iter().map(matched).collect())
    }

    /// The bytes of a file, for a thread that may wait.
    pub(crate) fn blob(&self, file: &Listed, runtime: &Handle) -> RemoteBlob {
        RemoteBlob {
            files: self.clone(),
            file: file.clone(),
            runtime: runtime.clone(),
            blocks: Arc::default(),
        }
    }
}

/// A file as it was listed.
fn matched(file: Listed) -> Matched {
    let modified = file.changed.map_or(0, |at| u128::try_from(at.as_nanosecond()).unwrap_or_default());
    let print = Fingerprint { size: file.bytes, modified, tag: file.tag.clone() };
    Matched { name: file.path.to_string(), print, located: Located::Elsewhere(file) }
}

/// What a storage failed with, as the reader of a source says it.
fn unreached(place: &str, credentials: &str, error: StorageError) -> SourceError {
    let place = place.to_owned();
    let because = |error: &StorageError| {
        std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default()
    };
    match error {
        StorageError::Denied(cause) => SourceError::Refused {
            place,
            message: format!("it refuses the credentials {credentials}: {cause}"),
        },
        StorageError::HostKey(message) => SourceError::Refused { place, message },
        StorageError::Settings(message) => SourceError::Settings { place, message },
        StorageError::Changed(path) => {
            SourceError::PageRefused { message: format!("{path} was replaced while it was read") }
        }
        error @ StorageError::Unreachable(_) => {
            SourceError::Unreachable { url: place, message: format!("{error}{}", because(&error)) }
        }
        error @ (StorageError::TooMany { .. } | StorageError::TooLarge { .. }) => {
            SourceError::Limit { place, message: error.to_string() }
        }
        error @ (StorageError::NotFound(_)
        | StorageError::NoBucket(_)
        | StorageError::AlreadyThere(_)
        | StorageError::Unconditional
        | StorageError::Read { .. }
        | StorageError::Write { .. }) => {
            SourceError::Answer { place, message: format!("{error}{}", because(&error)) }
        }
    }
}

/// A file elsewhere. What was read of it here and there is kept for a while.
#[derive(Clone)]
pub(crate) struct RemoteBlob {
    files: RemoteFiles,
    file: Listed,
    runtime: Handle,
    blocks: Arc<Mutex<VecDeque<(u64, Bytes)>>>,
}

impl RemoteBlob {
    /// Reads a part. Only a thread that may block comes here.
    fn read_part(&self, from: u64, to: u64) -> io::Result<Bytes> {
        let part = self.files.storage.read_part(&self.file, from..to);
        let part = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, part).await });
        let part = part.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        let name = format!("{} ({})", self.file.path, self.files.written);
        part.map_err(|error| io::Error::other(unreached(&name, &self.files.credentials, error)))
    }

    fn block(&self, number: u64) -> io::Result<Bytes> {
        let known = |blocks: &VecDeque<(u64, Bytes)>| {
            blocks.iter().find(|(known, _)| *known == number).map(|(_, block)| block.clone())
        };
        if let Some(block) = known(&self.blocks.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(block);
        }
        let block = self.read_part(number * BLOCK, (number + 1) * BLOCK)?;
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.push_back((number, block.clone()));
        if blocks.len() > BLOCKS {
            blocks.pop_front();
        }
        Ok(block)
    }

    /// The bytes from a place on, one after the other.
    pub(crate) fn stream(self, from: u64) -> RemoteStream {
        RemoteStream { blob: self, at: from, next: FIRST_PART, part: Bytes::new() }
    }
}

impl Blob for RemoteBlob {
    fn len(&self) -> u64 {
        self.file.bytes
    }

    fn read_at(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let end = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)).min(self.file.bytes);
        if end <= at {
            return Ok(Bytes::new());
        }
        if end - at > BLOCK {
            return self.read_part(at, end);
        }
        let mut bytes = Vec::with_capacity(length);
        let mut from = at;
        while from < end {
            let block = self.block(from / BLOCK)?;
            let offset = usize::try_from(from % BLOCK).unwrap_or_default();
            let left = usize::try_from(end - from).unwrap_or_default();
            let part = block.get(offset..block.len().min(offset + left)).unwrap_or_default();
            if part.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(part);
            from += u64::try_from(part.len()).unwrap_or_default();
        }
        Ok(bytes.into())
    }
}

/// A file elsewhere from its beginning to its end.
pub(crate) struct RemoteStream {
    blob: RemoteBlob,
    at: u64,
    /// How much is asked for next.
    next: u64,
    part: Bytes,
}

impl Read for RemoteStream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() && self.at < self.blob.file.bytes {
            let end = (self.at + self.next).min(self.blob.file.bytes);
            self.part = self.blob.read_part(self.at, end)?;
            self.at += u64::try_from(self.part.len()).unwrap_or_default();
            self.next = (self.next * 2).min(LARGEST_PART);
        }
        let length = self.part.len().min(to.len());
        to[..length].copy_from_slice(&self.part.split_to(length));
        Ok(length)
    }
}
