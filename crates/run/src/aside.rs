//! Work beside the async workers: a page of many megabytes takes seconds, in which a worker would answer nothing else.
//! Small pages are worked on where they are, for they take less than the way to another thread and back.

use raccord_model::port::records::{Page, Records};
use tokio::task::JoinError;

/// Up to how many bytes of records a page is worked on where it is: a few milliseconds.
const IN_PLACE: usize = 1024 * 1024;

/// Does something over so many bytes, on a thread that may block when they are many. The error is that of a runtime that
/// ends.
pub async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if bytes <= IN_PLACE { Ok(work()) } else { tokio::task::spawn_blocking(work).await }
}

/// How many bytes the records of a page have.
pub fn size(page: &Page) -> usize {
    match &page.records {
        Records::Json { body, .. } | Records::Nested { body, .. } => body.len(),
        Records::Rows(rows) => rows.text.len(),
        Records::Table(rows) => rows.text.len(),
    }
}
