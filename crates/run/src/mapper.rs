//! Maps the pages of a run: first which records are as they were is looked up, then only the others are mapped.
//!
//! It keeps nothing and knows no checkpoint, so that pages can be mapped side by side.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use raccord_model::fact::RunId;
use raccord_model::language::Mode;
use raccord_model::port::destination::{Destination, DestinationError};
use raccord_model::port::records::Page;
use tokio::task::JoinError;

use super::aside::{aside, size};
use super::columns::{self, MissingColumn};
use super::job::Job;
use super::page::MappedPage;
use super::records::{KnownRecords, candidates, map_arrivals, map_changed};
use super::rejecting::Arrival;

/// The most pages in a row that are mapped without a look whether their records are as they were.
const MAX_PAGES_WITHOUT_LOOK: u32 = 16;

/// Why a page was not mapped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A file lacks a column.
    #[error(transparent)]
    Column(#[from] MissingColumn),
    /// The rows could not be looked at.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The runtime ends.
    #[error("the task that maps a page has ended")]
    Task(#[from] JoinError),
    /// What a page was mapped to was asked for twice.
    #[error("the page was mapped and taken before")]
    Taken,
}

/// Maps the pages of one run.
#[derive(Clone)]
pub struct Mapper {
    job: Arc<Job>,
    destination: Arc<dyn Destination>,
    run: RunId,
    looks: Arc<Mutex<Looks>>,
}

impl Mapper {
    /// For the pages of a run.
    pub fn new(job: &Arc<Job>, destination: &Arc<dyn Destination>, run: RunId) -> Self {
        Self { job: Arc::clone(job), destination: Arc::clone(destination), run, looks: Arc::default() }
    }

    /// Maps a page of the source.
    pub async fn map(&self, page: Arc<Page>, at: Timestamp) -> Result<MappedPage, MapError> {
        columns::check(&self.job.program, &page)?;
        if self.job.spec.mode == Mode::Own && !page.records.is_empty() && self.looks().take() {
            let (job, shared, bytes) = (Arc::clone(&self.job), Arc::clone(&page), size(&page));
            let candidates = Arc::new(aside(bytes, move || candidates(&job, &shared)).await?);
            let (uid, inc) = (self.job.uid, self.job.target.incarnation);
            let prefetched = self.destination.prefetch(uid, inc, Arc::clone(&candidates)).await?;
            let is_found = prefetched.same.iter().any(|same| *same);
            self.looks().learn(is_found);
            if is_found {
                let known = KnownRecords { candidates, prefetched };
                let (job, shared, run) = (Arc::clone(&self.job), Arc::clone(&page), self.run);
                let mapped = aside(bytes, move || map_changed(&job, shared, &known, run, at)).await?;
                if let Some(mapped) = mapped {
                    return Ok(mapped);
                }
            }
        }
        Ok(self.map_all(page, Vec::new(), at).await?)
    }

    /// Maps every record of a page, or of what came by itself.
    pub async fn map_all(
        &self,
        page: Arc<Page>,
        arrivals: Vec<Arrival>,
        at: Timestamp,
    ) -> Result<MappedPage, JoinError> {
        let (job, run, bytes) = (Arc::clone(&self.job), self.run, size(&page));
        aside(bytes, move || map_arrivals(&job, page, arrivals, run, at)).await
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is worth a look which records are as they were: after pages that had none, ever more pages go without.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Looks {
    /// How many pages go without from here on.
    without: u32,
    /// How many went without the last time.
    before: u32,
}

impl Looks {
    /// Whether the next page is looked at.
    const fn take(&mut self) -> bool {
        if self.without == 0 {
            return true;
        }
        self.without -= 1;
        false
    }

    /// Learns whether a look has found any.
    fn learn(&mut self, is_found: bool) {
        let before = if is_found { 0 } else { (self.before * 2).clamp(1, MAX_PAGES_WITHOUT_LOOK) };
        *self = Self { without: before, before };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_without_a_record_as_it_was_make_looks_rare() {
        let looked = |found: &dyn Fn(usize) -> bool| -> Vec<usize> {
            let mut looks = Looks::default();
            let mut pages = Vec::new();
            for page in 0..60 {
                if looks.take() {
                    pages.push(page);
                    looks.learn(found(page));
                }
            }
            pages
        };
        assert_eq!(looked(&|_| true), (0..60).collect::<Vec<_>>());
        assert_eq!(looked(&|_| false), [0, 2, 5, 10, 19, 36, 53]);
        assert_eq!(looked(&|page| page >= 10), [vec![0, 2, 5], (10..60).collect()].concat());
    }
}
