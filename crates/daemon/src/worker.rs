//! Makes the runs that stand in the queue of a shared state: every daemon takes them, whether it holds the scheduler's lease
//! or stands by.
//!
//! It decides neither what runs nor how many do: the scheduler offers no more than the limits allow. What it took it renews; what
//! it lost to another worker it stops, and nothing of that is stored any more, for the fence of the destination refuses it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raccord_model::Name;
use raccord_model::fact::{RunOutcome, Tally, Uid};
use raccord_model::port::lease::Held;
use raccord_model::port::queue::{Ending, Queue, QueueError, RunProgress, Taken};
use raccord_run::runner::{DecidedBy, Ended, Runner, Start};
use raccord_run::{Ports, RunnerError, shared};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use crate::error::DaemonError;

/// How often a worker looks into the queue that nothing has told it of.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often it renews what it has, twice in vain before that is over; and how often it tells how far runs are.
const RENEWED_EVERY: Duration = Duration::from_secs(5);
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// How long a run must have waited before a worker takes it that has its share already.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a scheduler and a worker in one process tell each other, so that neither waits for its next look.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub(crate) offered: Arc<Notify>,
    pub(crate) ended: Arc<Notify>,
}

/// What the daemon with the scheduler's lease offers runs with.
#[derive(Clone)]
pub struct Scheduling {
    /// Where it offers them.
    pub queue: Arc<dyn Queue>,
    /// Its lease: without it nothing is offered.
    pub held: Held,
    /// How it reaches the worker of its own process.
    pub hints: Hints,
}

impl std::fmt::Debug for Scheduling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduling").field("held", &self.held).finish_non_exhaustive()
    }
}

/// A run that is under way here.
#[derive(Debug)]
struct Claim {
    offer: Uuid,
    /// Whether the scheduler has asked it to stop.
    is_to_stop: bool,
    /// Whether another worker has it now.
    is_lost: bool,
}

/// How far runs have come since that was told last.
type Unreported = Arc<Mutex<BTreeMap<Uuid, RunProgress>>>;

/// A worker.
pub struct Worker {
    ports: Ports,
    queue: Arc<dyn Queue>,
    hints: Hints,
    id: Uuid,
    runner: Runner,
    claims: BTreeMap<Uid, Claim>,
    unreported: Unreported,
    /// How many daemons there are.
    daemons: u32,
    renewed: Instant,
    next_look: Instant,
}

impl Worker {
    /// One that has taken nothing yet. `id` is one that no other has.
    ///
    /// # Errors
    /// When the generation in force cannot be read.
    pub async fn new(
        ports: &Ports,
        queue: Arc<dyn Queue>,
        id: Uuid,
        hints: Hints,
    ) -> Result<Self, DaemonError> {
        let applied = ports.applied().await?;
        let now = Instant::now();
        Ok(Self {
            ports: ports.clone(),
            queue,
            hints,
            id,
            runner: Runner::new(ports, applied),
            claims: BTreeMap::new(),
            unreported: Unreported::default(),
            daemons: 1,
            renewed: now.checked_sub(RENEWED_EVERY).unwrap_or(now),
            next_look: now,
        })
    }

    /// Works until an end is asked for. What is under way then stops after the page in hand, and another worker goes on with
    /// it; what has not stopped in time is given away all the same.
    pub async fn live(mut self, mut stop: watch::Receiver<bool>, drain: Duration) {
        loop {
            let renewal = self.next_renewal();
            tokio::select! {
                biased;
                // A sender that is gone can ask for nothing more: the process ends.
                () = async { drop(stop.wait_for(|stop| *stop).await) } => break,
                ended = self.runner.ended() => {
                    self.ended(ended, false).await;
                    self.next_look = Instant::now();
                }
                () = sleep_until(renewal) => self.renew().await,
                () = self.hints.offered.notified() => self.look().await,
                () = sleep_until(self.next_look) => self.look().await,
            }
        }
        self.drain(Instant::now() + drain).await;
    }

    async fn drain(&mut self, end: Instant) {
        self.runner.stop_all();
        while !self.claims.is_empty() {
            let renewal = self.next_renewal().min(end);
            match timeout_at(renewal, self.runner.ended()).await {
                Ok(ended) => self.ended(ended, true).await,
                Err(_) if Instant::now() >= end => break,
                Err(_) => self.renew().await,
            }
        }
        for claim in std::mem::take(&mut self.claims).into_values().filter(|claim| !claim.is_lost) {
            self.answered(self.queue.hand_over(self.id, claim.offer).await);
        }
    }

    fn next_renewal(&self) -> Instant {
        let has_news = !self.unreported.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        self.renewed + if has_news { TOLD_EVERY } else { RENEWED_EVERY }
    }

    /// Prolongs what is under way here, and tells how far it is.
    async fn renew(&mut self) {
        let unreported = std::mem::take(&mut *self.unreported.lock().unwrap_or_else(PoisonError::into_inner));
        let renewed = self.queue.renew(self.id, unreported.into_iter().collect()).await;
        if let Some(daemons) = self.answered(renewed) {
            self.daemons = daemons.max(1);
        }
        self.renewed = Instant::now();
    }

    /// The answer of the queue. Without one it is asked again later: what is lost meanwhile the fence refuses.
    fn answered<T>(&mut self, answer: Result<T, QueueError>) -> Option<T> {
        answer
            .inspect_err(|error| {
                let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(why, "the queue of runs could not be reached");
                self.next_look = Instant::now() + RENEWED_EVERY;
            })
            .ok()
    }

    /// Takes what waits, up to this worker's share, and more when no other has taken it for a while.
    async fn look(&mut self) {
        self.next_look = Instant::now() + LOOK_AGAIN;
        let limit = self.limit();
        let running = u32::try_from(self.claims.len()).unwrap_or(u32::MAX);
        let room = limit.div_ceil(self.daemons).saturating_sub(running);
        let (most, waited) = if room > 0 { (room, Duration::ZERO) } else { (limit, PATIENCE) };
        let taken = self.queue.take(self.id, most, waited).await;
        let Some(taken) = self.answered(taken) else { return };
        self.stop_lost(&taken);
        let mut readings: BTreeMap<Uuid, Vec<Taken>> = BTreeMap::new();
        for one in taken {
            match self.claims.get_mut(&one.offer.transfer) {
                Some(claim) if claim.offer == one.offer.id && one.stop => {
                    if !std::mem::replace(&mut claim.is_to_stop, true) {
                        self.runner.stop(one.offer.transfer);
                    }
                }
                // An earlier run of the transfer that was lost has not stopped yet.
                Some(_) => {}
                None if one.stop => self.end(one.offer.id, Ending::default()).await,
                None => readings.entry(one.offer.reading).or_default().push(one),
            }
        }
        if !readings.is_empty() {
            self.begin(readings.into_values().collect()).await;
        }
    }

    /// How many runs all daemons make together.
    fn limit(&self) -> u32 {
        self.runner.applied().desired.stack_settings().limits.parallel_transfers.max(1)
    }

    /// Stops what another worker has now.
    fn stop_lost(&mut self, taken: &[Taken]) {
        let kept: BTreeSet<Uuid> = taken.iter().map(|taken| taken.offer.id).collect();
        for (uid, claim) in &mut self.claims {
            if !kept.contains(&claim.offer) && !std::mem::replace(&mut claim.is_lost, true) {
                tracing::warn!(transfer = %uid, "another daemon has taken the run over: it stops here");
                self.runner.stop(*uid);
            }
        }
    }

    /// Begins what was taken, a reading together.
    async fn begin(&mut self, readings: Vec<Vec<Taken>>) {
        let newest = readings.iter().flatten().map(|taken| taken.offer.generation).max().unwrap_or(0);
        let is_known = |uid: Uid| self.name(uid).is_some();
        let all_known = readings.iter().flatten().all(|taken| is_known(taken.offer.transfer));
        if newest > self.runner.applied().head.generation || !all_known {
            match self.ports.applied().await {
                Ok(applied) => self.runner.follow(applied),
                // They are there at the next look.
                Err(error) => return tracing::warn!(%error, "the generation in force could not be read"),
            }
        }
        for reading in readings {
            let mut runs = Vec::with_capacity(reading.len());
            for taken in reading {
                match self.name(taken.offer.transfer) {
                    Some(name) => runs.push((taken, name)),
                    None => self.end(taken.offer.id, Ending::default()).await,
                }
            }
            let mut seats = if runs.len() > 1 { shared::seats(runs.len()) } else { Vec::new() };
            for (Taken { offer, reclaimed, .. }, name) in runs {
                let (unreported, id) = (Arc::clone(&self.unreported), offer.id);
                let on_page = Box::new(move |tally: &Tally, pages| {
                    let progress = RunProgress { tally: *tally, pages };
                    unreported.lock().unwrap_or_else(PoisonError::into_inner).insert(id, progress);
                });
                let (uid, cause, seat) = (offer.transfer, offer.cause, seats.pop());
                self.claims.insert(uid, Claim { offer: id, is_to_stop: false, is_lost: false });
                self.runner.start(Start {
                    uid,
                    name,
                    cause,
                    progress: on_page,
                    seat,
                    decided: DecidedBy::Elsewhere { reclaimed },
                });
            }
        }
    }

    fn name(&self, uid: Uid) -> Option<Name> {
        let found = self.runner.applied().transfers().find(|(_, known, _)| *known == uid);
        found.map(|(name, ..)| name.clone())
    }

    /// Says how a run has ended, unless another worker has it or is to go on with it.
    async fn ended(&mut self, ended: Ended, is_stopping: bool) {
        let Some(claim) = self.claims.remove(&ended.uid) else { return };
        self.unreported.lock().unwrap_or_else(PoisonError::into_inner).remove(&claim.offer);
        if claim.is_lost {
            return;
        }
        let Ended { name, run, error, .. } = ended;
        if let Some(error) = &error {
            tracing::error!(transfer = %name, %error, "the run could not be made");
        }
        let is_cut = run.as_ref().is_none_or(|run| run.outcome == RunOutcome::Stopped) && error.is_none();
        let is_of_the_state = error
            .as_ref()
            .is_some_and(|error| error.is_fatal() && !matches!(error, RunnerError::Destination(_)));
        if is_of_the_state || (is_stopping && is_cut && !claim.is_to_stop) {
            let handed = self.queue.hand_over(self.id, claim.offer).await;
            self.answered(handed);
        } else {
            let error = error.map(|error| error.to_string());
            self.end(claim.offer, Ending { run: run.map(|run| run.id), error }).await;
        }
    }

    async fn end(&mut self, offer: Uuid, ending: Ending) {
        let ended = self.queue.end(self.id, offer, ending).await;
        if self.answered(ended).is_some() {
            self.hints.ended.notify_one();
        }
    }
}
