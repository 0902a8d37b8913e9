//! One reading of a data type in which several runs take part: the pages are fetched once, and each run maps, commits and
//! fails by itself. It decides nothing: who begins together is told by the caller, and only readings that ask for the same
//! pages are joined.
//!
//! A run that asks for other pages than the others (it stands elsewhere, or begins a snapshot) reads for itself, and so
//! does one that reads a second time or goes on after a failure. The reading goes as fast as its slowest run: no page is kept
//! longer than one step ahead of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use raccord_model::field_path::FieldPath;
use raccord_model::port::Async;
use raccord_model::port::records::{Mask, Page};
use raccord_model::port::source::{Pages, Read, Source, SourceError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Instrument as _;

/// How long runs that are ready to read wait for those that begin with them and are not.
const GATHERING: Duration = Duration::from_secs(10);

/// How many pages may wait for one run.
const PAGES_AHEAD: usize = 1;

type NextPage = Result<Option<Page>, SourceError>;

/// A run's place in a reading. Dropping it tells the others that this run takes no part.
#[derive(Debug)]
pub struct Seat {
    gathering: Arc<Gathering>,
    taken: bool,
}

/// The runs that begin together, until each has said what it wants to read.
#[derive(Debug)]
struct Gathering {
    /// How long those that are ready wait.
    patience: Duration,
    state: Mutex<Gathered>,
}

#[derive(Debug)]
struct Gathered {
    /// How many have not said anything yet.
    awaited: usize,
    readers: Vec<Reader>,
}

/// A run that has said what it wants to read.
struct Reader {
    read: Read,
    source: Arc<dyn Source>,
    begun: oneshot::Sender<Joined>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("read", &self.read).finish_non_exhaustive()
    }
}

/// How a run reads after everyone has said what they want.
enum Joined {
    /// By itself: no other wants the same pages.
    Alone,
    /// With others.
    Together(SharedPages),
}

/// Seats for so many runs that begin together and read the same data type of one source.
pub fn seats(runs: usize) -> Vec<Seat> {
    seats_within(runs, GATHERING)
}

fn seats_within(runs: usize, patience: Duration) -> Vec<Seat> {
    let state = Mutex::new(Gathered { awaited: runs, readers: Vec::new() });
    let gathering = Arc::new(Gathering { patience, state });
    (0..runs).map(|_| Seat { gathering: Arc::clone(&gathering), taken: false }).collect()
}

impl Seat {
    /// Says what this run wants to read, and waits for the others.
    async fn take(mut self, source: Arc<dyn Source>, read: Read) -> Joined {
        let (begun, mut joined) = oneshot::channel();
        self.taken = true;
        self.gathering.arrive(Some(Reader { read, source, begun }));
        if let Ok(joined) = timeout(self.gathering.patience, &mut joined).await {
            return joined.unwrap_or(Joined::Alone);
        }
        self.gathering.begin();
        joined.await.unwrap_or(Joined::Alone)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.taken {
            self.gathering.arrive(None);
        }
    }
}

impl Gathering {
    /// One of those that were awaited wants to read, or takes no part. After the last one the reading begins.
    fn arrive(&self, reader: Option<Reader>) {
        let is_complete = {
            let mut gathered = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            gathered.awaited = gathered.awaited.saturating_sub(1);
            gathered.readers.extend(reader);
            gathered.awaited == 0
        };
        if is_complete {
            self.begin();
        }
    }

    /// Begins the readings of those that are there.
    fn begin(&self) {
        let mut readers =
            std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).readers);
        while let Some(first) = readers.pop() {
            let (same, others) = readers.into_iter().partition(|other| is_same(&first.read, &other.read));
            readers = others;
            begin_together(first, same);
        }
    }
}

/// Whether two readings ask for the same pages. Where partitions begin at places of their own is known while they are read,
/// so that such readings are never taken for the same.
fn is_same(one: &Read, other: &Read) -> bool {
    let Read { from, starts, state, page, page_size } = one;
    starts.is_none()
        && other.starts.is_none()
        && (from, state, page, page_size) == (&other.from, &other.state, &other.page, &other.page_size)
}

/// Begins the reading of one run and of those that want the same pages. One that is gone by now is not missed: the
/// reading notices at its first page.
fn begin_together(first: Reader, same: Vec<Reader>) {
    let Reader { read, source, begun } = first;
    if same.is_empty() {
        drop(begun.send(Joined::Alone));
        return;
    }
    tracing::debug!(runs = same.len() + 1, "one reading serves several runs");
    let begun: Vec<_> = std::iter::once(begun).chain(same.into_iter().map(|reader| reader.begun)).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = begun.iter().map(|_| mpsc::channel(PAGES_AHEAD)).unzip();
    let mut reading = JoinSet::new();
    reading.spawn(hand_out(source, read, senders).in_current_span());
    let reading = Arc::new(reading);
    for (begun, pages) in begun.into_iter().zip(receivers) {
        let pages = SharedPages { pages, _reading: Arc::clone(&reading) };
        drop(begun.send(Joined::Together(pages)));
    }
}

/// Reads, and hands each page to every run that still takes part.
async fn hand_out(source: Arc<dyn Source>, read: Read, mut runs: Vec<mpsc::Sender<NextPage>>) {
    let mut pages = match source.open(read).await {
        Ok(pages) => pages,
        Err(error) => return fail(error, &runs).await,
    };
    while !runs.is_empty() {
        let page = match pages.next().await {
            Ok(page) => page,
            Err(error) => return fail(error, &runs).await,
        };
        let mut left = Vec::with_capacity(runs.len());
        for run in runs {
            // A run that has stopped or failed no longer listens.
            if run.send(Ok(page.clone())).await.is_ok() {
                left.push(run);
            }
        }
        runs = left;
        if page.is_none_or(|page| page.next.is_none()) {
            return;
        }
    }
}

/// Tells every run that the reading has failed.
async fn fail(error: SourceError, runs: &[mpsc::Sender<NextPage>]) {
    let error = Arc::new(error);
    for run in runs {
        let error = match error.as_ref() {
            // Each begins its window again by itself.
            SourceError::PageRefused { message } => SourceError::PageRefused { message: message.clone() },
            _ => SourceError::Shared(Arc::clone(&error)),
        };
        drop(run.send(Err(error)).await);
    }
}

fn lost() -> SourceError {
    let place = "the reading that several runs share".to_owned();
    SourceError::Answer { place, message: "it ended before its last page".to_owned() }
}

/// The pages of a reading, as one of its runs sees them.
struct SharedPages {
    pages: mpsc::Receiver<NextPage>,
    /// The reading ends with the last of its runs.
    _reading: Arc<JoinSet<()>>,
}

impl Pages for SharedPages {
    fn next(&mut self) -> Async<'_, NextPage> {
        Box::pin(async move {
            // Nothing is asked for after the last page: a channel that is closed before has lost its reading.
            self.pages.recv().await.unwrap_or_else(|| Err(lost()))
        })
    }
}

/// A source whose first reading may be shared with other runs.
pub(super) struct SharedSource {
    source: Arc<dyn Source>,
    seat: Mutex<Option<Seat>>,
}

impl SharedSource {
    /// A source, and the place in the reading that begins now.
    pub(super) fn new(source: Box<dyn Source>, seat: Seat) -> Self {
        Self { source: source.into(), seat: Mutex::new(Some(seat)) }
    }
}

impl Source for SharedSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        self.source.check()
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        Box::pin(async move {
            let seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner).take();
            let joined = match seat {
                Some(seat) => seat.take(Arc::clone(&self.source), read.clone()).await,
                None => Joined::Alone,
            };
            let pages: Box<dyn Pages> = match joined {
                Joined::Alone => self.source.open(read).await?,
                Joined::Together(pages) => Box::new(pages),
            };
            Ok(pages)
        })
    }

    fn record<'a>(
        &'a self,
        path: &'a str,
        at: &'a FieldPath,
    ) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        self.source.record(path, at)
    }

    fn mask(&self) -> Async<'_, Option<Mask>> {
        self.source.mask()
    }
}

#[cfg(test)]
mod tests;
