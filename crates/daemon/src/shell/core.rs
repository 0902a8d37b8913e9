//! The part of the shell that runs need, with a daemon around it or without: feeds events to `step`, begins and
//! stops runs, and answers the requests that wait for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;
use raccord_model::fact::{Run, RunCause, RunOutcome, Uid};
use raccord_model::{Kind, Name};
use tokio::sync::{mpsc, oneshot};

use super::executor::{Executor, Wanted};
use super::queueing::Queueing;
use super::view;
use crate::error::DaemonError;
use crate::step::{Cause, Effect, Event, Policy, RequestId, RunEnd, State, UnderWay, step};
use crate::worker::Scheduling;
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::report::{Progress, RunReport};
use raccord_run::runner::{Ended, Runner};
use raccord_run::select;

/// How much progress may wait for a slow reader; more is left out, for the next page tells the same.
pub(super) const PROGRESS: usize = 1_024;

/// What is told of runs while they are under way.
#[derive(Debug, Clone, PartialEq)]
pub enum RunNews {
    /// A page was stored.
    Progress(Progress),
    /// A run has ended.
    Ended(Box<Run>),
}

/// What runs, and what is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The transfers whose runs are under way.
    pub running: BTreeSet<Uid>,
    /// When transfers run next by themselves.
    pub next_runs: BTreeMap<Uid, Timestamp>,
}

/// What the daemon knows, as it is now: the shell changes it, and it is read beside the shell, which may be at work.
#[derive(Clone)]
pub(super) struct Shared(Arc<RwLock<State>>);

impl Shared {
    fn new(state: State) -> Self {
        Self(Arc::new(RwLock::new(state)))
    }

    /// As it is now. It is let go of before anything is waited for.
    pub(super) fn look(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets an event happen.
    fn step(&self, event: Event) -> Vec<Effect> {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (state, effects) = step(std::mem::take(&mut *held), event);
        *held = state;
        effects
    }

    /// What runs, and when transfers run next by themselves.
    pub(super) fn outlook(&self, transfers: impl Iterator<Item = Uid>) -> Outlook {
        let state = self.look();
        let running = state.running().map(|(uid, _)| uid).collect();
        let next_runs = transfers.filter_map(|uid| Some((uid, state.next_run(uid)?))).collect();
        Outlook { running, next_runs }
    }
}

/// A person's request to run something, and who waits for it.
pub(super) struct Asked {
    /// Who asks, by a number that no other caller has.
    pub(super) number: u64,
    /// Only these integrations; all of them when empty.
    pub(super) integrations: Vec<Name>,
    /// Hears of progress and of each end.
    pub(super) news: mpsc::Sender<RunNews>,
    /// Hears of the end.
    pub(super) done: oneshot::Sender<Result<RunReport, DaemonError>>,
}

/// A request under way.
struct Open {
    number: u64,
    transfers: BTreeMap<Uid, Name>,
    report: RunReport,
    news: mpsc::Sender<RunNews>,
    done: oneshot::Sender<Result<RunReport, DaemonError>>,
}

/// Runs, requests, and the value that decides about them.
pub(super) struct Core {
    /// What it works with.
    pub(super) ports: Ports,
    /// What the daemon knows.
    pub(super) state: Shared,
    /// Who makes runs.
    pub(super) executor: Executor,
    /// What others made when this daemon began.
    under_way: Vec<UnderWay>,
    requests: BTreeMap<RequestId, Open>,
    last_request: u64,
    progress: mpsc::Sender<Progress>,
}

impl Core {
    /// Nothing has happened yet. Progress comes out of the receiver.
    pub(super) fn new(
        ports: &Ports,
        applied: Arc<Applied>,
        policy: Policy,
    ) -> (Self, mpsc::Receiver<Progress>) {
        let (progress, receiver) = mpsc::channel(PROGRESS);
        let executor = Executor::Local(Runner::new(ports, applied));
        (Self::with(ports, policy, (executor, Vec::new()), progress), receiver)
    }

    /// The same, whose runs every daemon makes that takes them from the queue.
    pub(super) async fn queueing(
        ports: &Ports,
        applied: Arc<Applied>,
        scheduling: Scheduling,
    ) -> Result<(Self, mpsc::Receiver<Progress>), DaemonError> {
        let (progress, receiver) = mpsc::channel(PROGRESS);
        let (queueing, under_way) = Queueing::begin(ports, scheduling, applied, progress.clone()).await?;
        let made = (Executor::Queue(queueing), under_way);
        Ok((Self::with(ports, Policy::Daemon, made, progress), receiver))
    }

    fn with(
        ports: &Ports,
        policy: Policy,
        (executor, under_way): (Executor, Vec<UnderWay>),
        progress: mpsc::Sender<Progress>,
    ) -> Self {
        Self {
            ports: ports.clone(),
            state: Shared::new(State::new(policy)),
            executor,
            under_way,
            requests: BTreeMap::new(),
            last_request: 0,
            progress,
        }
    }

    /// The transfers whose runs others made when this daemon began.
    pub(super) fn others(&self) -> BTreeSet<Uid> {
        self.under_way.iter().map(|run| run.uid).collect()
    }

    /// The first event: how everything stands.
    pub(super) async fn begin(&mut self) -> Result<Vec<Effect>, DaemonError> {
        let view = self.view().await?;
        let (now, under_way) = (self.ports.environment.now(), std::mem::take(&mut self.under_way));
        Ok(self.feed(Event::Began { now, view, under_way }))
    }

    /// How everything stands under the generation that runs begin under.
    pub(super) async fn view(&self) -> Result<crate::step::View, DaemonError> {
        view::view(&self.ports, self.executor.applied()).await
    }

    /// Lets an event happen. What concerns runs is carried out; the other effects are handed back.
    pub(super) fn feed(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.state.step(event);
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::StartRun { uid, cause } => others.extend(self.start(vec![(uid, cause)])),
                Effect::StartTogether { runs } => others.extend(self.start(runs)),
                Effect::StopRun { uid } => self.executor.stop(uid),
                Effect::StopRuns => self.executor.stop_all(),
                Effect::Answer { request, not_run } => self.answer(request, &not_run),
                other => others.push(other),
            }
        }
        others
    }

    /// Begins runs together. One that the generation in force does not have has ended.
    fn start(&mut self, runs: Vec<(Uid, Cause)>) -> Vec<Effect> {
        let (mut wanted, mut unknown) = (Vec::with_capacity(runs.len()), Vec::new());
        for (uid, cause) in runs {
            let cause = match cause {
                Cause::Scheduled { due } => RunCause::Scheduled { due },
                Cause::Requested => RunCause::Requested,
                Cause::Deliveries => RunCause::Deliveries,
            };
            let found = self.executor.applied().transfers().find(|(_, known, _)| *known == uid);
            match found.map(|(name, ..)| name.clone()) {
                Some(name) => wanted.push(Wanted { uid, name, cause }),
                None => unknown.push(uid),
            }
        }
        if !wanted.is_empty() {
            self.executor.start(wanted, &self.progress);
        }
        let (now, end) = (self.ports.environment.now(), RunEnd::Failed);
        let mut effects = Vec::new();
        for uid in unknown {
            effects.extend(self.feed(Event::RunEnded { now, uid, end, standings: Vec::new() }));
        }
        effects
    }

    /// Takes a request to run something. Its runs end it.
    pub(super) async fn ask(&mut self, asked: Asked) -> Vec<Effect> {
        let applied = Arc::clone(self.executor.applied());
        let selection = match select::select(&self.ports, &applied, &asked.integrations).await {
            Ok(selection) => selection,
            Err(error) => {
                // The caller may be gone.
                drop(asked.done.send(Err(error.into())));
                return Vec::new();
            }
        };
        let uid = |name: &Name| applied.uid(Kind::Transfer, name).map(|uid| (uid, name.clone()));
        let transfers: BTreeMap<Uid, Name> = selection.transfers.iter().filter_map(uid).collect();
        self.last_request += 1;
        let request = RequestId(self.last_request);
        let event = Event::RunRequested {
            now: self.ports.environment.now(),
            request,
            transfers: transfers.keys().copied().collect(),
        };
        let report = RunReport { skipped: selection.skipped, ..RunReport::default() };
        let (number, news, done) = (asked.number, asked.news, asked.done);
        let open = Open { number, transfers, report, news, done };
        self.requests.insert(request, open);
        self.feed(event)
    }

    /// Stops the runs that began because this one asked, and that no other caller waits for: they want an early end.
    pub(super) fn stop_asked(&self, number: u64) {
        let is_wanted_by = |uid: Uid, is_theirs: bool| {
            let mut open = self.requests.values().filter(|open| (open.number == number) == is_theirs);
            open.any(|open| open.transfers.contains_key(&uid))
        };
        for (uid, cause) in self.state.look().running() {
            if cause == Cause::Requested && is_wanted_by(uid, true) && !is_wanted_by(uid, false) {
                self.executor.stop(uid);
            }
        }
    }

    fn answer(&mut self, request: RequestId, not_run: &[Uid]) {
        let Some(mut open) = self.requests.remove(&request) else { return };
        for uid in not_run {
            if let Some(name) = open.transfers.get(uid) {
                let reason = "its integration was disabled or paused before its turn came".to_owned();
                open.report.skipped.push((name.clone(), reason));
            }
        }
        // The caller may be gone.
        drop(open.done.send(Ok(open.report)));
    }

    /// Passes progress on to those who wait for it.
    pub(super) fn tell(&self, progress: &Progress) {
        for open in self.requests.values() {
            if open.transfers.values().any(|name| *name == progress.transfer) {
                drop(open.news.try_send(RunNews::Progress(progress.clone())));
            }
        }
    }

    /// Lets the end of a run happen.
    pub(super) async fn ended(&mut self, ended: Ended) -> Result<Vec<Effect>, DaemonError> {
        let Ended { uid, name, run, error } = ended;
        if let Some(error) = error {
            // One transfer that cannot be run is no reason to stop the others.
            tracing::error!(transfer = %name, %error, "the run could not be made");
        }
        for open in self.requests.values_mut().filter(|open| open.transfers.contains_key(&uid)) {
            if let Some(run) = &run {
                drop(open.news.try_send(RunNews::Ended(Box::new(run.clone()))));
                open.report.runs.push(run.clone());
            }
        }
        let standings = match &run {
            Some(run) if is_clean(run) => Vec::new(),
            _ => self.standings(&view::beside(self.executor.applied(), &name)).await?,
        };
        let end = match run.as_ref().map(|run| &run.outcome) {
            Some(RunOutcome::Held(_))
                if run.as_ref().is_some_and(|run| run.cause == RunCause::Deliveries) =>
            {
                RunEnd::Held
            }
            Some(RunOutcome::Succeeded | RunOutcome::Held(_)) => {
                let until = run.as_ref().and_then(|run| run.again);
                until.map_or(RunEnd::Complete, |until| RunEnd::Waits { until })
            }
            Some(RunOutcome::Stopped | RunOutcome::Running) => RunEnd::Cut,
            Some(RunOutcome::Failed { local: true, .. }) => RunEnd::Exhausted,
            Some(RunOutcome::Failed { .. }) | None => RunEnd::Failed,
        };
        let now = self.ports.environment.now();
        let mut effects = Vec::new();
        if end == RunEnd::Cut {
            // An edit that is not told yet may have refused its commit: then it should stop, and has served nothing.
            effects = self.feed(Event::Changed { now, standings: standings.clone() });
        }
        effects.extend(self.feed(Event::RunEnded { now, uid, end, standings }));
        Ok(effects)
    }

    /// How some transfers stand.
    pub(super) async fn standings(
        &self,
        names: &BTreeSet<Name>,
    ) -> Result<Vec<crate::step::TransferState>, DaemonError> {
        view::standings(&self.ports, self.executor.applied(), Some(names)).await
    }
}

/// Whether a run cannot have tripped anything.
pub(super) const fn is_clean(run: &Run) -> bool {
    matches!(run.outcome, RunOutcome::Succeeded) && run.tally.newly_rejected == 0
}
