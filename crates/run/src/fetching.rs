//! The pages of a run on their way: fetched in a task of its own, so that the network and the mapping overlap.
//!
//! The task ends with its run. However that ends, no request of it stays under way.

use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// How many fetched pages may wait for the one in hand.
const PAGES_AHEAD: usize = 1;

/// Pages on their way. Dropping it ends the reading.
#[derive(Debug)]
pub(super) struct Fetching {
    pages: mpsc::Receiver<Result<Option<Page>, SourceError>>,
    task: JoinSet<()>,
}

impl Fetching {
    /// Opens a source and begins to fetch.
    pub(super) async fn begin(source: &dyn Source, read: Read) -> Result<Self, SourceError> {
        let mut source = source.open(read).await?;
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let fetching = async move {
            loop {
                let page = source.next().await;
                let is_over = !matches!(&page, Ok(Some(page)) if page.next.is_some());
                // The run has ended when its end of the channel is gone.
                if sender.send(page).await.is_err() || is_over {
                    return;
                }
            }
        };
        let mut task = JoinSet::new();
        task.spawn(fetching.in_current_span());
        Ok(Self { pages, task })
    }

    /// The next page, as the source gives it; `None` when the task has ended before its time.
    pub(super) async fn next(&mut self) -> Option<Result<Option<Page>, SourceError>> {
        self.pages.recv().await
    }

    /// Ends the reading, and returns once no request is under way any more.
    pub(super) async fn end(mut self) {
        self.task.shutdown().await;
    }
}
