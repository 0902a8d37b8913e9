//! Mapping beside the async workers: a page of many megabytes takes seconds, in which a worker would answer nothing
//! else. Small pages are mapped where they are, for they take less than the way to another thread and back.

use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::fact::RunId;
use raccord_model::port::records::{Page, Records};
use tokio::task::JoinError;

use super::job::Job;
use super::page::{Arrival, MappedPage, map_arrivals};

/// Up to how many bytes of records a page is mapped where it is: some milliseconds of work.
const IN_PLACE: usize = 256 * 1024;

/// Maps a page, on a thread that may block when the page is large. The error is that of a runtime that ends.
pub async fn map(
    job: &Arc<Job>,
    page: Page,
    arrivals: Vec<Arrival>,
    run: RunId,
    at: Timestamp,
) -> Result<MappedPage, JoinError> {
    if size(&page) <= IN_PLACE {
        return Ok(map_arrivals(job, page, arrivals, run, at));
    }
    let job = Arc::clone(job);
    tokio::task::spawn_blocking(move || map_arrivals(&job, page, arrivals, run, at)).await
}

/// How many bytes the records of a page have.
fn size(page: &Page) -> usize {
    match &page.records {
        Records::Json { body, .. } | Records::Nested { body, .. } => body.len(),
        Records::Rows(rows) => rows.text.len(),
    }
}
