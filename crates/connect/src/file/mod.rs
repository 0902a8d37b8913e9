//! The connector `file`: CSV, JSON Lines and JSON, plain or gzip, file after file in the order of their names.
//!
//! Files are looked for and read on threads where blocking is allowed, a page at a time; what is not waited for any
//! more ends early.

mod bounds;
mod matching;
mod open;
mod pages;
pub(crate) mod sniff;
mod token;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::FileStream;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::FileSettings;
use raccord_model::port::Async;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Pages, Read, Source, SourceError};

use self::pages::FilePages;
use self::walk::Wanted;
use crate::open::{Open, Opening};

/// Local files, ready to be read.
#[derive(Debug)]
pub(crate) struct FileSource {
    stream: Arc<FileStream>,
    root: PathBuf,
}

impl FileSource {
    fn place(&self) -> String {
        self.stream.path.clone()
    }
}

impl Open for FileSettings {
    fn open(stream: Arc<FileStream>, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(FileSource { stream, root: opening.root.to_owned() }))
    }
}

impl Source for FileSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        let (stream, root) = (Arc::clone(&self.stream), self.root.clone());
        Box::pin(async move {
            let (wanted, _waiting) = Wanted::new();
            let described = move || matching::describe(&root, &stream.path, &wanted);
            blocking(&self.place(), described).await?
        })
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        let (stream, root) = (Arc::clone(&self.stream), self.root.clone());
        Box::pin(async move {
            let (wanted, _waiting) = Wanted::new();
            let open = move || FilePages::open(stream, &root, &read, &wanted);
            let opened = blocking(&self.place(), open).await??;
            let place = self.place();
            Ok::<Box<dyn Pages>, SourceError>(Box::new(BlockingPages { pages: Some(opened), place }))
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
