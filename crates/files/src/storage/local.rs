//! A directory of this machine as a storage. A file is written beside its place, made durable, and then given its name. What a kill
//! leaves of one begins with `.part-`, and is listed by nothing.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use raccord_model::failpoint::Failpoint;

use super::error::Doing;
use super::{Answer, ByteStream, Content, FilePath, Listed, Listing, Put, Storage, StorageError, Upload};

/// What the name of a file begins with that is still being written.
const PART: &str = ".part-";

/// How many bytes are read at a time.
const CHUNK: usize = 256 * 1024;

/// A directory. It need not be there before something is written.
#[derive(Debug, Clone)]
pub struct LocalStorage {
    root: PathBuf,
}

impl LocalStorage {
    /// The storage in a directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn at(&self, path: &FilePath) -> PathBuf {
        self.root.join(path.as_str())
    }
}

/// Does something that waits for the disk where that may be done.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let failed = |error: tokio::task::JoinError| StorageError::Unreachable(Box::new(error));
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

impl Storage for LocalStorage {
    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a FilePath>) -> Answer<'a, Listing> {
        let (root, prefix, after) = (self.root.clone(), prefix.to_owned(), after.cloned());
        Box::pin(blocking(move || {
            let mut files = Vec::new();
            walk(&root, &prefix, &mut |path, facts| files.extend(listed(path, facts)))?;
            files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
            files.retain(|file| after.as_ref().is_none_or(|after| file.path > *after));
            Ok(Listing { files, next: None })
        }))
    }

    fn read<'a>(&'a self, path: &'a FilePath, range: Option<Range<u64>>) -> Answer<'a, Content> {
        let (file, path) = (self.at(path), path.clone());
        Box::pin(blocking(move || {
            let failed = |error| StorageError::local(&path, Doing::Reading, error);
            let mut file = File::open(file).map_err(failed)?;
            let bytes = file.metadata().map_err(failed)?.len();
            let range = range.unwrap_or(0..bytes);
            file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
            let left = range.end.min(bytes).saturating_sub(range.start);
            Ok(Content { bytes, stream: chunks(Reading { file, left, path }) })
        }))
    }

    fn put<'a>(&'a self, path: &'a FilePath, content: Bytes, put: Put) -> Answer<'a, ()> {
        let (to, path) = (self.at(path), path.clone());
        Box::pin(blocking(move || {
            let mut part = Part::begin(to, path)?;
            part.write(&content)?;
            part.publish(put)
        }))
    }

    fn upload<'a>(&'a self, path: &'a FilePath) -> Answer<'a, Box<dyn Upload>> {
        let (to, path) = (self.at(path), path.clone());
        Box::pin(async move {
            let part = blocking(move || Part::begin(to, path)).await?;
            let upload: Box<dyn Upload> = Box::new(LocalUpload(Some(part)));
            Ok(upload)
        })
    }

    fn delete<'a>(&'a self, path: &'a FilePath) -> Answer<'a, ()> {
        let (file, path) = (self.at(path), path.clone());
        Box::pin(blocking(move || match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::local(&path, Doing::Writing, error))
            }
            _ => Ok(()),
        }))
    }

    fn discard_unfinished<'a>(&'a self, folder: &'a str, prefix: &'a str) -> Answer<'a, ()> {
        let (root, folder, prefix) = (self.root.clone(), folder.to_owned(), prefix.to_owned());
        Box::pin(blocking(move || {
            let mut unfinished = Vec::new();
            walk(&root, &folder, &mut |path, _| {
                let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
                let whole = name.strip_prefix(PART).and_then(|rest| rest.splitn(3, '-').nth(2));
                if whole.is_some_and(|whole| whole.starts_with(&prefix)) {
                    unfinished.push(root.join(path));
                }
            })?;
            for path in unfinished {
                // Another process may have removed it.
                drop(fs::remove_file(path));
            }
            Ok(())
        }))
    }
}

/// A file that is read.
struct Reading {
    file: File,
    left: u64,
    path: FilePath,
}

impl Reading {
    fn next(&mut self) -> Result<Bytes, StorageError> {
        let most = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; most];
        let read = self
            .file
            .read(&mut chunk)
            .map_err(|error| StorageError::local(&self.path, Doing::Reading, error))?;
        chunk.truncate(read);
        self.left =
            if read == 0 { 0 } else { self.left.saturating_sub(u64::try_from(read).unwrap_or(self.left)) };
        Ok(chunk.into())
    }
}

fn chunks(reading: Reading) -> ByteStream {
    Box::pin(stream::try_unfold(reading, |mut reading| async move {
        if reading.left == 0 {
            return Ok(None);
        }
        let (chunk, reading) = blocking(move || reading.next().map(|chunk| (chunk, reading))).await?;
        Ok((!chunk.is_empty()).then_some((chunk, reading)))
    }))
}

/// Looks at the files of a directory and of those below it whose paths begin with a prefix.
fn walk(root: &Path, prefix: &str, look: &mut dyn FnMut(&str, &fs::Metadata)) -> Result<(), StorageError> {
    // Nothing outside of the folder that the prefix names can begin with it.
    let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let failed = |error: io::Error| StorageError::Read { path: folder.clone(), source: Box::new(error) };
        let entries = match fs::read_dir(root.join(&folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let Some(name) = entry.file_name().to_str().map(ToOwned::to_owned) else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let facts = match entry.metadata() {
                // It went while we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                facts => facts.map_err(failed)?,
            };
            if facts.is_dir() {
                open.push(path);
            } else if path.starts_with(prefix) {
                look(&path, &facts);
            }
        }
    }
    Ok(())
}

/// A file as it is listed; nothing of one that is still being written.
fn listed(path: &str, facts: &fs::Metadata) -> Option<Listed> {
    let path = FilePath::new(path).ok().filter(|path| !path.name().starts_with(PART))?;
    let changed = facts.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    Some(Listed { path, bytes: facts.len(), changed, tag: None })
}

/// A file that is written beside its place.
struct Part {
    file: File,
    beside: PathBuf,
    to: PathBuf,
    path: FilePath,
    is_published: bool,
}

/// Distinguishes the files that this process writes.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Part {
    fn begin(to: PathBuf, path: FilePath) -> Result<Self, StorageError> {
        let failed = |error| StorageError::local(&path, Doing::Writing, error);
        let folder = to.parent().unwrap_or(Path::new("."));
        create_folders(folder).map_err(failed)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let beside = folder.join(format!("{PART}{}-{number}-{}", std::process::id(), path.name()));
        let file = File::create(&beside).map_err(failed)?;
        Ok(Self { file, beside, to, path, is_published: false })
    }

    fn failed(&self, error: io::Error) -> StorageError {
        StorageError::local(&self.path, Doing::Writing, error)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))
    }

    fn publish(mut self, put: Put) -> Result<(), StorageError> {
        self.file.sync_all().map_err(|error| self.failed(error))?;
        Failpoint::PublishBefore.pass();
        match put {
            Put::Replace => fs::rename(&self.beside, &self.to).map_err(|error| self.failed(error))?,
            // A rename would take the place of what is there; a second name does not.
            Put::IfAbsent => fs::hard_link(&self.beside, &self.to).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => StorageError::AlreadyThere(self.path.clone()),
                _ => self.failed(error),
            })?,
        }
        self.is_published = put == Put::Replace;
        sync_folder(self.to.parent().unwrap_or(Path::new("."))).map_err(|error| self.failed(error))?;
        Failpoint::PublishAfter.pass();
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_published {
            // What cannot be removed stays as what a kill leaves.
            drop(fs::remove_file(&self.beside));
        }
    }
}

/// Makes a folder and those above it, so that they are there after a loss of power too.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    create_folders(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(if above.as_os_str().is_empty() { Path::new(".") } else { above })
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A file on its way into a directory.
struct LocalUpload(Option<Part>);

/// An upload whose last write failed goes on no more.
#[derive(Debug, thiserror::Error)]
#[error("an earlier write of the file failed")]
struct FailedBefore;

impl LocalUpload {
    fn take(&mut self) -> Result<Part, StorageError> {
        self.0.take().ok_or_else(|| StorageError::Unreachable(Box::new(FailedBefore)))
    }
}

impl Upload for LocalUpload {
    fn write(&mut self, bytes: Bytes) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut part = self.take()?;
            self.0 = Some(blocking(move || part.write(&bytes).map(|()| part)).await?);
            Ok(())
        })
    }

    fn finish(mut self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async move {
            let part = self.take()?;
            blocking(move || part.publish(Put::Replace)).await
        })
    }
}
