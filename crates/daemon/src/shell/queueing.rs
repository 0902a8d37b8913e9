//! Offers runs to all daemons on a shared state, and hears of their ends by looking into the queue. One task has the
//! conversation with the database, so that the shell never waits for it.
//!
//! It decides nothing. What it offers under a lease that was lost is not offered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use raccord_model::Name;
use raccord_model::fact::{RunCause, Uid};
use raccord_model::port::queue::{Offer, Queued, RunProgress, SharedBudget};
use raccord_model::port::state::Table;
use raccord_run::applied::Applied;
use raccord_run::report::Progress;
use raccord_run::runner::Ended;
use raccord_run::{Ports, RunnerError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::executor::Wanted;
use crate::step::{Cause, UnderWay};
use crate::worker::Scheduling;

/// How often the queue is looked into while runs are under way that nothing is heard of.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// For how long requests count at the most when runs of a budget move to another process: what was spent before the last
/// minute the next process does not know, as one that is started anew does not.
const LONGEST_WINDOW: Duration = Duration::from_mins(1);

/// The scheduler's side of the queue.
pub(super) struct Queueing {
    ports: Ports,
    applied: Arc<Applied>,
    /// What is under way, and by which offer.
    offers: BTreeMap<Uid, (Uuid, Name)>,
    /// As many as runs may be under way, and the wishes that they stop.
    commands: mpsc::UnboundedSender<Command>,
    ends: mpsc::Receiver<Result<Ended, RunnerError>>,
    /// What this daemon follows no more, for it ends.
    left: VecDeque<Ended>,
}

enum Command {
    Offer(Vec<(Offer, Name)>),
    Stop(Uuid),
}

impl Queueing {
    /// Takes over what the queue holds: what is under way of the transfers in force, for `step`.
    pub(super) async fn begin(
        ports: &Ports,
        scheduling: Scheduling,
        applied: Arc<Applied>,
        progress: mpsc::Sender<Progress>,
    ) -> Result<(Self, Vec<UnderWay>), RunnerError> {
        let rows = scheduling.queue.rows().await?;
        let under_way = rows.iter().map(under_way).collect();
        let name =
            |uid: Uid| applied.transfers().find(|(_, known, _)| *known == uid).map(|(name, ..)| name.clone());
        let mut offers = BTreeMap::new();
        let mut open = BTreeMap::new();
        for Queued { offer, .. } in rows {
            let name = name(offer.transfer);
            if let Some(name) = &name {
                offers.insert(offer.transfer, (offer.id, name.clone()));
            }
            open.insert(offer.id, Open { offer, name, progress: None });
        }
        let (commands, heard) = mpsc::unbounded_channel();
        let (ended, ends) = mpsc::channel(1);
        let client = QueueClient {
            ports: ports.clone(),
            scheduling,
            open,
            heard,
            ended,
            progress,
            offered: Instant::now(),
        };
        tokio::spawn(client.run_to_end());
        let (ports, left) = (ports.clone(), VecDeque::new());
        Ok((Self { ports, applied, offers, commands, ends, left }, under_way))
    }

    pub(super) const fn applied(&self) -> &Arc<Applied> {
        &self.applied
    }

    pub(super) fn follow(&mut self, applied: Arc<Applied>) {
        self.applied = applied;
    }

    pub(super) fn start(&mut self, runs: Vec<Wanted>) {
        let reading = self.ports.environment.new_id();
        let generation = self.applied.head.generation;
        let mut offers = Vec::with_capacity(runs.len());
        for Wanted { uid, name, cause } in runs {
            let (id, budget) = (self.ports.environment.new_id(), self.budget(&name));
            self.offers.insert(uid, (id, name.clone()));
            offers.push((Offer { id, transfer: uid, cause, generation, reading, budget }, name));
        }
        // A conversation that has broken off has said why.
        drop(self.commands.send(Command::Offer(offers)));
    }

    fn budget(&self, transfer: &Name) -> Option<SharedBudget> {
        let desired = &self.applied.desired;
        let spec = desired.transfer(transfer)?;
        let mut budget = self.ports.outside.sources.budget(desired, &spec.source)?;
        budget.window = budget.window.min(LONGEST_WINDOW);
        Some(budget)
    }

    pub(super) fn stop(&self, uid: Uid) {
        if let Some((id, _)) = self.offers.get(&uid) {
            drop(self.commands.send(Command::Stop(*id)));
        }
    }

    /// Follows nothing any more: others go on with what is under way.
    pub(super) fn leave(&mut self) {
        let left = std::mem::take(&mut self.offers).into_iter();
        self.left.extend(left.map(|(uid, (_, name))| Ended { uid, name, run: None, error: None }));
    }

    pub(super) async fn ended(&mut self) -> Result<Ended, RunnerError> {
        if let Some(left) = self.left.pop_front() {
            return Ok(left);
        }
        loop {
            let broke_off = || RunnerError::Elsewhere(BROKE_OFF.to_owned());
            let ended = self.ends.recv().await.ok_or_else(broke_off)??;
            if self.offers.remove(&ended.uid).is_some() {
                return Ok(ended);
            }
        }
    }
}

/// What is said when the task that speaks with the database is gone.
const BROKE_OFF: &str =
    "the conversation with the queue broke off by a mistake of raccord itself, which the log shows";

/// What `step` is told of a row.
fn under_way(queued: &Queued) -> UnderWay {
    let Queued { offer, stop, .. } = queued;
    let cause = match offer.cause {
        RunCause::Scheduled { due } => Cause::Scheduled { due },
        RunCause::Requested => Cause::Requested,
        RunCause::Deliveries => Cause::Deliveries,
    };
    let (reading, generation) = (offer.reading.as_u128(), offer.generation);
    UnderWay { uid: offer.transfer, cause, reading, generation, asked_to_stop: *stop }
}

/// A run that is in the queue.
struct Open {
    offer: Offer,
    /// Nothing for one of a transfer that is not in force: its end is nothing to tell.
    name: Option<Name>,
    progress: Option<RunProgress>,
}

/// The conversation with the database.
struct QueueClient {
    ports: Ports,
    scheduling: Scheduling,
    open: BTreeMap<Uuid, Open>,
    heard: mpsc::UnboundedReceiver<Command>,
    ended: mpsc::Sender<Result<Ended, RunnerError>>,
    progress: mpsc::Sender<Progress>,
    /// When something was looked at or offered last.
    offered: Instant,
}

impl QueueClient {
    async fn run_to_end(mut self) {
        if let Err(error) = self.serve().await {
            // Without a shell nothing needs to be told.
            drop(self.ended.send(Err(error)).await);
        }
    }

    /// Until the shell is gone.
    async fn serve(&mut self) -> Result<(), RunnerError> {
        loop {
            let next_look = self.offered + LOOK_AGAIN;
            tokio::select! {
                biased;
                command = self.heard.recv() => {
                    let Some(command) = command else { return Ok(()) };
                    self.forward(command).await?;
                }
                () = self.scheduling.hints.ended.notified() => self.look().await?,
                () = sleep_until(next_look), if !self.open.is_empty() => self.look().await?,
            }
        }
    }

    /// Offers and asks what the shell has said by now.
    async fn forward(&mut self, first: Command) -> Result<(), RunnerError> {
        let (mut offers, mut stops) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Offer(more) => offers.extend(more),
                Command::Stop(id) => stops.push(id),
            }
            next = self.heard.try_recv().ok();
        }
        if !offers.is_empty() {
            let mut wanted = Vec::with_capacity(offers.len());
            for (offer, name) in offers {
                let open = Open { offer: offer.clone(), name: Some(name), progress: None };
                self.open.insert(offer.id, open);
                wanted.push(offer);
            }
            self.offer(wanted).await?;
        }
        self.stop(stops).await
    }

    async fn offer(&self, offers: Vec<Offer>) -> Result<(), RunnerError> {
        let Scheduling { queue, held, hints } = &self.scheduling;
        queue.offer(held, offers).await?;
        hints.offered.notify_one();
        Ok(())
    }

    async fn stop(&self, ids: Vec<Uuid>) -> Result<(), RunnerError> {
        let Scheduling { queue, held, hints } = &self.scheduling;
        if !ids.is_empty() {
            queue.stop(held, ids).await?;
            hints.offered.notify_one();
        }
        Ok(())
    }

    /// Hears how far runs are, and which have ended.
    async fn look(&mut self) -> Result<(), RunnerError> {
        let rows = self.scheduling.queue.rows().await?;
        self.offered = Instant::now();
        let mut rows: BTreeMap<Uuid, Queued> = rows.into_iter().map(|row| (row.offer.id, row)).collect();
        let (mut ends, mut gone, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (id, open) in &mut self.open {
            match rows.remove(id) {
                None => missing.push(open.offer.clone()),
                Some(Queued { ended: Some(ending), .. }) => {
                    gone.push(*id);
                    ends.push((*id, ending));
                }
                Some(Queued { progress, .. }) => report(open, progress, &self.progress),
            }
        }
        // An offer that was sent twice may have come the second time after its run had ended. What it is in the way of is
        // missing, and offered again.
        let (late, stopping): (Vec<Queued>, Vec<Queued>) =
            rows.into_values().partition(|row| row.ended.is_some());
        gone.extend(late.iter().map(|row| row.offer.id));
        self.stop(stopping.iter().filter(|row| !row.stop).map(|row| row.offer.id).collect()).await?;
        if !gone.is_empty() {
            // Before the ends are told: afterwards the same transfers may be offered again.
            self.scheduling.queue.remove(&self.scheduling.held, gone).await?;
        }
        if !missing.is_empty() {
            self.offer(missing).await?;
        }
        let asked = ends.iter().filter_map(|(_, ending)| ending.run);
        let asked = asked.map(|run| (Table::Runs, run.to_string())).collect();
        let facts = self.ports.facts().fetch(asked).await?;
        for (id, ending) in ends {
            let run = match ending.run {
                Some(id) => facts.run(id).await?,
                None => None,
            };
            let Some(Open { offer, name: Some(name), .. }) = self.open.remove(&id) else { continue };
            let error = ending.error.map(RunnerError::Elsewhere);
            drop(self.ended.send(Ok(Ended { uid: offer.transfer, name, run, error })).await);
        }
        Ok(())
    }
}

/// Tells how far a run is, when that is new.
fn report(open: &mut Open, progress: Option<RunProgress>, reports: &mpsc::Sender<Progress>) {
    if let (Some(name), Some(RunProgress { tally, pages })) =
        (&open.name, progress.filter(|_| open.progress != progress))
    {
        // The next look tells what a full queue leaves out.
        drop(reports.try_send(Progress { transfer: name.clone(), tally, pages }));
    }
    open.progress = progress;
}
