//! The pages of a run on their way: fetched in a task of its own, and mapped in further ones, so that the network, the
//! mapping and the store overlap. They come out in the order of the source.
//!
//! The tasks end with their run. However that ends, no request of it stays under way.

use std::sync::Arc;

use raccord_model::port::environment::Environment;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::aside::size;
use super::mapper::{MapError, Mapper};
use super::page::MappedPage;

/// How many fetched pages may wait for the one in hand, as far as [`BYTES_AHEAD`] allows.
const PAGES_AHEAD: usize = 2;

/// How many bytes of records may be under way between the source and the store. A page that is larger goes alone.
const BYTES_AHEAD: usize = 4 * 1024 * 1024;

/// A page that was fetched, and what it is mapped to.
pub(super) struct Incoming {
    /// The page.
    pub(super) page: Arc<Page>,
    /// One task, which ends with the page when that is given up.
    mapping: JoinSet<Result<MappedPage, MapError>>,
    /// Its share of the bytes that may be under way.
    _bytes: OwnedSemaphorePermit,
}

impl Incoming {
    /// What it is mapped to.
    pub(super) async fn mapped(&mut self) -> Result<MappedPage, MapError> {
        self.mapping.join_next().await.ok_or(MapError::Taken)??
    }
}

/// Pages on their way. Dropping it ends the reading.
pub(super) struct Fetching {
    pages: mpsc::Receiver<Result<Option<Incoming>, SourceError>>,
    task: JoinSet<()>,
}

impl Fetching {
    /// Opens a source and begins to fetch.
    pub(super) async fn begin(
        source: &dyn Source,
        read: Read,
        mapper: Mapper,
        environment: Arc<dyn Environment>,
    ) -> Result<Self, SourceError> {
        let mut source = source.open(read).await?;
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let bytes = Arc::new(Semaphore::new(BYTES_AHEAD));
        let fetching = async move {
            loop {
                let page = source.next().await;
                let is_over = !matches!(&page, Ok(Some(page)) if page.next.is_some());
                let incoming = match page {
                    Ok(Some(page)) => {
                        let share = u32::try_from(size(&page).min(BYTES_AHEAD)).unwrap_or(u32::MAX);
                        let Ok(share) = Arc::clone(&bytes).acquire_many_owned(share).await else { return };
                        Ok(Some(begin_to_map(&mapper, page, share, environment.as_ref())))
                    }
                    Ok(None) => Ok(None),
                    Err(error) => Err(error),
                };
                // The run has ended when its end of the channel is gone.
                if sender.send(incoming).await.is_err() || is_over {
                    return;
                }
            }
        };
        let mut task = JoinSet::new();
        task.spawn(fetching.in_current_span());
        Ok(Self { pages, task })
    }

    /// The next page, as the source gives it; `None` when the task has ended before its time.
    pub(super) async fn next(&mut self) -> Option<Result<Option<Incoming>, SourceError>> {
        self.pages.recv().await
    }

    /// Ends the reading, and returns once no request is under way any more.
    pub(super) async fn end(mut self) {
        self.task.shutdown().await;
    }
}

fn begin_to_map(
    mapper: &Mapper,
    page: Page,
    share: OwnedSemaphorePermit,
    environment: &dyn Environment,
) -> Incoming {
    let (page, mapper, at) = (Arc::new(page), mapper.clone(), environment.now());
    let shared = Arc::clone(&page);
    let mut mapping = JoinSet::new();
    mapping.spawn(async move { mapper.map(shared, at).await }.in_current_span());
    Incoming { page, mapping, _bytes: share }
}
