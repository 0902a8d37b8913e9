//! A folder of a bucket as a storage to which rows are written. An object is at its key whole or not at all: small ones are put at
//! once, larger ones in parts that are joined at the end. It never lists what is on its way.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload,
};
use raccord_model::failpoint::Failpoint;

use super::{ObjectStorage, Said, failed, listed, status_in};
use crate::storage::error::Doing;
use crate::storage::{Answer, Content, FilePath, Listed, Listing, Put, Storage, StorageError, Upload};

/// How many bytes a part has; S3 takes none below 5 MiB but the last.
const PART: usize = 8 << 20;
/// How many files are listed at a time.
const LISTED: usize = 10_000;
/// How many files are on their way at a time: each has a part in memory.
const MOST_OPEN: usize = 8;

/// A folder of a bucket.
#[derive(Debug)]
pub(crate) struct ObjectTree {
    objects: ObjectStorage,
    /// The folder, without `/` at its end.
    root: String,
}

impl ObjectTree {
    /// The folder of a bucket; an empty one is the bucket itself.
    pub(crate) const fn new(objects: ObjectStorage, root: String) -> Self {
        Self { objects, root }
    }

    fn store(&self) -> &dyn ObjectStore {
        self.objects.store.as_ref()
    }

    /// The key of what is at a path below the folder.
    fn key(&self, below: &str) -> Result<Path, StorageError> {
        let key = if self.root.is_empty() { below.to_owned() } else { format!("{}/{below}", self.root) };
        Path::parse(key).map_err(|error| StorageError::Settings(Said::of(&error).to_string()))
    }

    /// An object as a file below the folder.
    fn below(&self, file: Listed) -> Result<Listed, StorageError> {
        if self.root.is_empty() {
            return Ok(file);
        }
        let key = file.path.as_str();
        let below = key.strip_prefix(self.root.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let path = FilePath::new(below.unwrap_or(key))
            .map_err(|error| StorageError::Read { path: key.to_owned(), source: Box::new(error) })?;
        Ok(Listed { path, ..file })
    }
}

impl Storage for ObjectTree {
    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a FilePath>) -> Answer<'a, Listing> {
        Box::pin(async move {
            // The library lists whole folders.
            let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
            let folder = self.key(folder)?;
            let objects = match after {
                Some(after) => self.store().list_with_offset(Some(&folder), &self.key(after.as_str())?),
                None => self.store().list(Some(&folder)),
            };
            let found: Vec<_> =
                objects.take(LISTED).try_collect().await.map_err(|error| self.objects.unlisted(&error))?;
            let is_all = found.len() < LISTED;
            let mut files = Vec::new();
            for object in found {
                files.push(self.below(listed(object)?)?);
            }
            files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
            let next = files.last().filter(|_| !is_all).map(|file| file.path.clone());
            files.retain(|file| file.path.as_str().starts_with(prefix));
            Ok(Listing { files, next })
        })
    }

    fn read<'a>(&'a self, path: &'a FilePath, range: Option<Range<u64>>) -> Answer<'a, Content> {
        Box::pin(async move {
            let wanted = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
            let found = self.store().get_opts(&self.key(path.as_str())?, wanted).await;
            let found = found.map_err(|error| failed(path, Doing::Reading, error))?;
            let (bytes, path) = (found.meta.size, path.clone());
            let stream = found.into_stream().map_err(move |error| failed(&path, Doing::Reading, error));
            Ok(Content { bytes, stream: stream.boxed() })
        })
    }

    fn put<'a>(&'a self, path: &'a FilePath, content: Bytes, put: Put) -> Answer<'a, ()> {
        Box::pin(async move {
            let mode = match put {
                Put::Replace => PutMode::Overwrite,
                Put::IfAbsent => PutMode::Create,
            };
            Failpoint::PublishBefore.pass();
            let done = self.store().put_opts(&self.key(path.as_str())?, content.into(), mode.into()).await;
            done.map_err(|error| unwritten(path, put, error))?;
            Failpoint::PublishAfter.pass();
            Ok(())
        })
    }

    fn upload<'a>(&'a self, path: &'a FilePath) -> Answer<'a, Box<dyn Upload>> {
        Box::pin(async move {
            let (store, key) = (Arc::clone(&self.objects.store), self.key(path.as_str())?);
            let target = Target { store, key, path: path.clone() };
            let upload: Box<dyn Upload> =
                Box::new(ObjectUpload { target, pending: BytesMut::new(), parts: None });
            Ok(upload)
        })
    }

    fn delete<'a>(&'a self, path: &'a FilePath) -> Answer<'a, ()> {
        Box::pin(async move {
            match self.store().delete(&self.key(path.as_str())?).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failed(path, Doing::Writing, error)),
            }
        })
    }

    fn most_open(&self) -> usize {
        MOST_OPEN
    }
}

/// What putting an object failed with.
fn unwritten(path: &FilePath, put: Put, error: Error) -> StorageError {
    let is_conditional = put == Put::IfAbsent;
    match error {
        Error::AlreadyExists { .. } | Error::Precondition { .. } if is_conditional => {
            StorageError::AlreadyThere(path.clone())
        }
        Error::NotImplemented { .. } if is_conditional => StorageError::Unconditional,
        Error::Generic { ref source, .. }
            if is_conditional && status_in(&source.to_string()) == Some(501) =>
        {
            StorageError::Unconditional
        }
        other => failed(path, Doing::Writing, other),
    }
}

/// An object that is to be.
struct Target {
    store: Arc<dyn ObjectStore>,
    key: Path,
    path: FilePath,
}

/// An object on its way. Its parts are kept by the service until they are joined or given up; after a kill, until a rule of the
/// bucket removes them.
struct ObjectUpload {
    target: Target,
    pending: BytesMut,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl ObjectUpload {
    async fn send_part(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        let Target { store, key, path } = &self.target;
        let unwritten = |error| failed(path, Doing::Writing, error);
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(store.put_multipart(key).await.map_err(unwritten)?),
        };
        parts.put_part(PutPayload::from(bytes)).await.map_err(unwritten)
    }

    async fn join(&mut self) -> Result<(), StorageError> {
        let last = self.pending.split().freeze();
        if self.parts.is_some() {
            if !last.is_empty() {
                self.send_part(last).await?;
            }
        } else {
            let Target { store, key, path } = &self.target;
            Failpoint::PublishBefore.pass();
            let put = store.put_opts(key, last.into(), PutOptions::default()).await;
            put.map_err(|error| failed(path, Doing::Writing, error))?;
        }
        if let Some(parts) = &mut self.parts {
            Failpoint::PublishBefore.pass();
            parts.complete().await.map_err(|error| failed(&self.target.path, Doing::Writing, error))?;
        }
        self.parts = None;
        Failpoint::PublishAfter.pass();
        Ok(())
    }
}

impl Upload for ObjectUpload {
    fn write(&mut self, bytes: Bytes) -> Answer<'_, ()> {
        Box::pin(async move {
            self.pending.extend_from_slice(&bytes);
            while self.pending.len() >= PART {
                // Parts of one size: some services take no others.
                let part = self.pending.split_to(PART).freeze();
                self.send_part(part).await?;
            }
            Ok(())
        })
    }

    fn finish(mut self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async move { self.join().await })
    }
}

impl Drop for ObjectUpload {
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        // Without a runtime the process is at its end, and the parts stay as after a kill.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Those that cannot be given up stay until a rule of the bucket removes them; no reader sees them.
        runtime.spawn(async move { drop(parts.abort().await) });
    }
}
