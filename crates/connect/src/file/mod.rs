//! The connector `file`: CSV, JSON Lines and JSON, plain or gzip, XLSX and Parquet, file after file in the order of their
//! names, on this machine, in buckets and on servers.
//!
//! Local files are looked for, and all files are read, on threads where blocking is allowed, a page at a time; what is not
//! waited for any more ends early.

pub(crate) mod access;
mod bounds;
mod matching;
mod open;
mod pages;
mod remote;
pub(crate) mod sniff;
mod token;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::FileStream;
use raccord_model::field_path::FieldPath;
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::connector::FileSettings;
use raccord_model::language::connector::file::RemotePath;
use raccord_model::port::Async;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Pages, Read, Source, SourceError};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use self::matching::Matched;
use self::open::Opener;
use self::pages::FilePages;
use self::remote::RemoteFiles;
use self::walk::Wanted;
use crate::open::{Open, Opening};
use crate::secret::SecretReader;

/// Files, ready to be read.
pub(crate) struct FileSource {
    stream: Arc<FileStream>,
    root: PathBuf,
    authorization: Option<AuthorizationSpec>,
    secrets: SecretReader,
    /// What reaches the files, where they are not here; its connections are kept.
    remote: OnceCell<RemoteFiles>,
}

impl FileSource {
    fn new(
        stream: Arc<FileStream>,
        root: &Path,
        authorization: Option<&AuthorizationSpec>,
        secrets: &SecretReader,
    ) -> Self {
        Self {
            stream,
            root: root.to_owned(),
            authorization: authorization.cloned(),
            secrets: secrets.clone(),
            remote: OnceCell::new(),
        }
    }

    fn place(&self) -> String {
        self.stream.path.clone()
    }

    /// What reaches the files, where they are not here.
    async fn remote(&self) -> Result<Option<&RemoteFiles>, SourceError> {
        let path = &self.stream.path;
        let place =
            RemotePath::of(path).map_err(|message| SourceError::Settings { place: path.clone(), message })?;
        let Some(place) = place else { return Ok(None) };
        let open = || RemoteFiles::open(&place, path, self.authorization.as_ref(), &self.secrets);
        self.remote.get_or_try_init(open).await.map(Some)
    }

    /// The files that the path means, in the order of their names. None at all is an error.
    async fn find(&self, wanted: &Wanted) -> Result<Vec<Matched>, SourceError> {
        if let Some(remote) = self.remote().await? {
            return remote.find().await;
        }
        let (stream, root, wanted) = (Arc::clone(&self.stream), self.root.clone(), wanted.clone());
        blocking(&self.place(), move || matching::find(&root, &stream.path, &wanted)).await?
    }
}

impl Open for FileSettings {
    fn open(stream: Arc<FileStream>, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
        let secrets = &opening.shared.secrets;
        Ok(Box::new(FileSource::new(stream, opening.root, opening.authorization, secrets)))
    }
}

impl Source for FileSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(async move {
            let (wanted, _waiting) = Wanted::new();
            Ok(matching::describe(&self.find(&wanted).await?))
        })
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        Box::pin(async move {
            let (wanted, _waiting) = Wanted::new();
            let files = self.find(&wanted).await?;
            let remote = self.remote().await?.map(|remote| (remote.clone(), Handle::current()));
            let opener = Opener { stream: Arc::clone(&self.stream), remote };
            let open = move || FilePages::open(opener, files, &read, &wanted);
            let pages = blocking(&self.place(), open).await??;
            let place = self.place();
            Ok::<Box<dyn Pages>, SourceError>(Box::new(BlockingPages { pages: Some(pages), place }))
        })
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        let message = "no record of a file can be fetched by itself".to_owned();
        Box::pin(std::future::ready(Err(SourceError::Answer { place: self.place(), message })))
    }
}

/// Hands pages that are read on another thread on.
struct BlockingPages {
    /// Absent while a page is being read, and after a page was given up half-way.
    pages: Option<FilePages>,
    place: String,
}

impl Pages for BlockingPages {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        Box::pin(async move {
            let Some(mut pages) = self.pages.take() else {
                return Err(interrupted(&self.place));
            };
            let (pages, page) = blocking(&self.place, move || {
                let page = pages.next_page();
                (pages, page)
            })
            .await?;
            self.pages = Some(pages);
            page
        })
    }
}

/// Runs something where it may block.
async fn blocking<T: Send + 'static>(
    place: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SourceError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| interrupted(place))
}

fn interrupted(place: &str) -> SourceError {
    SourceError::Answer { place: place.to_owned(), message: "reading was interrupted".to_owned() }
}
