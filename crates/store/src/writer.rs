//! The one writer: a thread with a bounded queue that commits requests in groups.
//!
//! redb has a single write transaction, so parallel transfers, webhooks and applies share it here. A request is
//! answered only after the commit that holds it; one that fails is taken out and the others are done again.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::Durability;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::Shared;
use crate::error::{self, StoreError};
use crate::table::Tables;
use raccord_model::failpoint::Failpoint;

/// How many requests may wait or be under way; a caller beyond that waits.
const QUEUE: usize = 256;

/// The most requests that one commit holds.
const GROUP: usize = 128;

/// After how long a commit that is not durable yet is made so. Somewhat less than the second that is promised,
/// for the commit under way may have to end first.
const LAZY: Duration = Duration::from_millis(800);

/// Something to be done in a write transaction.
trait Job: Send {
    /// Whether its commit must be durable when it is answered.
    fn is_durable(&self) -> bool;
    /// Does it. It may be done again in another transaction when this one cannot be kept.
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError>;
    /// Tells the caller how it ended: what [`Self::apply`] found, or why the transaction was not kept.
    fn answer(self: Box<Self>, kept: Result<(), StoreError>);
}

/// A request, and where its answer goes.
struct Request<T, E, F> {
    durable: bool,
    work: F,
    found: Option<Result<T, E>>,
    on_error: fn(StoreError) -> E,
    reply: oneshot::Sender<Result<T, E>>,
    /// Its place in the queue, free again once it is answered.
    _place: OwnedSemaphorePermit,
}

impl<T, E, F> Job for Request<T, E, F>
where
    T: Send,
    E: Send,
    F: FnMut(&mut Tables<'_>) -> Result<Result<T, E>, StoreError> + Send,
{
    fn is_durable(&self) -> bool {
        self.durable
    }

    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        self.found = Some((self.work)(tables)?);
        Ok(())
    }

    fn answer(self: Box<Self>, kept: Result<(), StoreError>) {
        let answer = match (kept, self.found) {
            (Ok(()), Some(found)) => found,
            (Ok(()), None) => Err((self.on_error)(StoreError::Closed)),
            (Err(broken), _) => Err((self.on_error)(broken)),
        };
        // The caller may have gone; what was done stays done.
        drop(self.reply.send(answer));
    }
}

/// The writer, as those see it who ask something of it. Dropping it ends the thread after a durable commit.
#[derive(Debug)]
pub(crate) struct Writer {
    places: Arc<Semaphore>,
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("durable", &self.is_durable()).finish()
    }
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("raccord-writer".to_owned())
            .spawn(move || run(&shared, &queue))?;
        Ok(Self { places: Arc::new(Semaphore::new(QUEUE)), jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has something done and waits until it is committed. `work` returns a refusal as its inner error: then it
    /// has changed nothing. With its outer error the whole transaction is given up.
    pub(crate) async fn submit<T, E, F>(
        &self,
        durable: bool,
        on_error: fn(StoreError) -> E,
        work: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnMut(&mut Tables<'_>) -> Result<Result<T, E>, StoreError> + Send + 'static,
    {
        let closed = || on_error(StoreError::Closed);
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let request = Request { durable, work, found: None, on_error, reply, _place: place };
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(Box::new(request)).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so by itself; redb then repairs the file when it is next opened.
            drop(thread.join());
        }
    }
}

/// What wakes the thread.
enum Wake {
    Job(Box<dyn Job>),
    /// What was committed lazily must be made durable now.
    Overdue,
    /// No job can come any more.
    End,
}

fn run(shared: &Shared, queue: &Receiver<Box<dyn Job>>) {
    let mut lazy_since: Option<Instant> = None;
    loop {
        match wait(queue, lazy_since) {
            Wake::Job(first) => {
                // What must be durable is small, and a caller waits for it; pages are large and can wait.
                let (urgent, lazy): (Vec<_>, Vec<_>) =
                    gather(queue, first).into_iter().partition(|job| job.is_durable());
                if !urgent.is_empty() {
                    commit(shared, urgent, true);
                    lazy_since = None;
                }
                if !lazy.is_empty() {
                    let overdue = lazy_since.is_some_and(|since| since.elapsed() >= LAZY);
                    commit(shared, lazy, overdue);
                    lazy_since = if overdue { None } else { lazy_since.or_else(|| Some(Instant::now())) };
                }
            }
            Wake::Overdue => {
                // When this fails redb refuses every later commit, and the next caller hears of it.
                drop(attempt(shared, &mut [], true));
                lazy_since = None;
            }
            Wake::End => break,
        }
    }
    if lazy_since.is_some() {
        drop(attempt(shared, &mut [], true));
    }
}

fn wait(queue: &Receiver<Box<dyn Job>>, lazy_since: Option<Instant>) -> Wake {
    let Some(since) = lazy_since else {
        return queue.recv().map_or(Wake::End, Wake::Job);
    };
    match queue.recv_timeout(LAZY.saturating_sub(since.elapsed())) {
        Ok(job) => Wake::Job(job),
        Err(RecvTimeoutError::Timeout) => Wake::Overdue,
        Err(RecvTimeoutError::Disconnected) => Wake::End,
    }
}

/// The first request and those that wait behind it.
fn gather(queue: &Receiver<Box<dyn Job>>, first: Box<dyn Job>) -> Vec<Box<dyn Job>> {
    std::iter::once(first).chain(queue.try_iter().take(GROUP - 1)).collect()
}

/// Commits a group and answers everyone in it.
fn commit(shared: &Shared, mut group: Vec<Box<dyn Job>>, durable: bool) {
    while !group.is_empty() {
        match attempt(shared, &mut group, durable) {
            Ok(()) => {
                // What is to be durable is acknowledged only while the file is the one that the next start will open.
                let kept = if durable { shared.is_in_place() } else { Ok(()) };
                return group.into_iter().for_each(|job| job.answer(kept.clone()));
            }
            Err(Stopped::At(place, broken)) => group.remove(place).answer(Err(broken)),
            Err(Stopped::Whole(broken)) => {
                let broken = shared.explain(broken);
                return group.into_iter().for_each(|job| job.answer(Err(broken.clone())));
            }
        }
    }
}

/// Why a transaction was not kept.
enum Stopped {
    /// One request could not be carried out.
    At(usize, StoreError),
    /// The transaction itself failed.
    Whole(StoreError),
}

impl<E: Into<StoreError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Whole(error.into())
    }
}

/// One transaction for the whole group; it is kept only when every request could be carried out.
fn attempt(shared: &Shared, group: &mut [Box<dyn Job>], durable: bool) -> Result<(), Stopped> {
    let database = shared.database.read().unwrap_or_else(PoisonError::into_inner);
    let mut transaction = database.begin_write().map_err(StoreError::from)?;
    let durability = if durable { Durability::Immediate } else { Durability::None };
    transaction.set_durability(durability).map_err(StoreError::from)?;
    let mut tables = Tables::open(&transaction)?;
    for (place, job) in group.iter_mut().enumerate() {
        if let Err(broken) = error::guarded(|| job.apply(&mut tables)) {
            // Remembered at once, for then the transaction cannot even be given up.
            let broken = shared.explain(broken);
            drop(tables);
            transaction.abort().map_err(StoreError::from)?;
            return Err(Stopped::At(place, broken));
        }
    }
    drop(tables);
    let (before, after) = if durable {
        (Failpoint::DurableCommitBefore, Failpoint::DurableCommitAfter)
    } else {
        (Failpoint::LazyCommitBefore, Failpoint::LazyCommitAfter)
    };
    before.pass();
    transaction.commit().map_err(StoreError::from)?;
    after.pass();
    Ok(())
}
