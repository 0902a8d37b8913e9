//! The one async shell around the daemon's value: waits for whatever can happen, lets `step` decide, and carries
//! the effects out.
//!
//! It decides nothing itself. What takes time runs in tasks that tell how they ended; the shell never waits for
//! a network or a disk beyond a commit.

mod asking;
mod beside;
mod core;
mod executor;
mod handle;
mod once;
mod queueing;
mod reloading;
mod supervisor;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::clock::is_ahead;
use raccord_model::fact::ToldFact;
use raccord_run::report::Progress;
use tokio::sync::{Notify, mpsc, watch};

use crate::error::DaemonError;
use crate::observer::{Observer, ReloadResult};
use crate::registration::Registrar;
use crate::step::{ApplyEnd, Effect, Event, Loaded as LoadOutcome, Policy, Verdict, View};
use crate::worker::Scheduling;
use core::{Asked, Core, is_clean};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::conclude;
use supervisor::Supervisor;

pub use core::{Outlook, RunNews};
pub use handle::{Handle, Health};
pub use once::run_once;
use reloading::Loaded;
pub use reloading::{Configuration, Origin};

/// How many messages may wait for the shell; a sender beyond that waits.
const QUEUE: usize = 1_024;

/// After how long the shell looks at the clock in any case: the wall clock may have been set.
const MAX_SLEEP: Duration = Duration::from_mins(1);

/// How often the shell looks whether the state is still in its place, and whether secrets can be read.
const INSPECTION: Duration = Duration::from_mins(1);

/// The shortest sleep.
const TICK: Duration = Duration::from_millis(1);

/// How the daemon works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the configuration comes from.
    pub origin: Origin,
    /// Which changes are applied without a person.
    pub policy: crate::reload::Policy,
    /// How long runs may take to stop after the page in hand, once an end is asked for.
    pub drain: Duration,
    /// The name under which the daemon applies by itself.
    pub by: String,
    /// How runs are offered to other daemons; without it this process makes them.
    pub scheduling: Option<Scheduling>,
}

/// What the shell is told by tasks and by those who ask.
enum Message {
    /// Something has happened.
    Event(Event),
    /// A person asks for runs.
    Asked(Asked),
    /// The caller that asked for runs wants them to end early.
    StopAsked(u64),
    /// A load has ended.
    Loaded(Box<Loaded>),
    /// Another generation may be in force; how our own apply ended, if it was ours. Which generation that is the shell
    /// reads when it hears of it, so that it never hears of an earlier one after a later.
    InForce(Option<ApplyEnd>),
    /// Our own apply changed nothing.
    NotApplied(ApplyEnd, String),
    /// These transfers stand otherwise, because a person acted. How they stand is read when the shell hears of it, too.
    Changed(BTreeSet<Name>),
}

/// What wakes the shell from outside.
pub struct Signals {
    /// Becomes true when an end is asked for.
    pub stop: watch::Receiver<bool>,
    /// The files may have changed.
    pub changed: Arc<Notify>,
    /// A person asks for a reload: SIGHUP.
    pub reload: mpsc::Receiver<()>,
    /// How often a repository is pulled.
    pub pull: Option<tokio::time::Interval>,
}

/// The shell.
pub struct Shell {
    core: Core,
    daemon: Arc<Handle>,
    settings: Settings,
    messages: mpsc::Receiver<Message>,
    sender: mpsc::Sender<Message>,
    progress: mpsc::Receiver<Progress>,
    wake: Option<Timestamp>,
    /// What the clock showed last.
    last: Timestamp,
    runs_ended: u64,
    loaded: Option<Arc<Configuration>>,
    /// When the end is no longer waited for.
    deadline: Option<tokio::time::Instant>,
    supervisor: Supervisor,
    /// When it is time to look whether the state is in its place.
    inspection: tokio::time::Interval,
    /// Whether the first reading of the configuration, and its apply, have ended.
    has_begun: bool,
    /// Tells services where to push, once the daemon lives.
    registrar: Option<Registrar>,
}

impl Shell {
    /// Reads the state, and prepares everything; nothing runs yet.
    pub async fn new(ports: &Ports, settings: Settings) -> Result<Self, DaemonError> {
        crate::steps::carry_out(ports).await?;
        let applied = ports.applied().await?;
        let (core, progress) = match settings.scheduling.clone() {
            None => Core::new(ports, Arc::clone(&applied), Policy::Daemon),
            Some(scheduling) => Core::queueing(ports, Arc::clone(&applied), scheduling).await?,
        };
        conclude::tidy_runs(ports, &core.others()).await?;
        let (sender, messages) = mpsc::channel(QUEUE);
        let daemon = Arc::new(Handle::new((ports, &settings), applied, core.state.clone(), sender.clone()));
        let supervisor = Supervisor::new(ports.environment.as_ref());
        let (wake, loaded, deadline) = (None, None, None);
        let runs_ended = 0;
        Ok(Self {
            core,
            daemon,
            settings,
            messages,
            sender,
            progress,
            wake,
            last: ports.environment.now(),
            runs_ended,
            loaded,
            deadline,
            supervisor,
            inspection: tokio::time::interval(INSPECTION),
            has_begun: false,
            registrar: None,
        })
    }

    /// What the daemon is asked through.
    pub fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.daemon)
    }

    /// Lives until an end is asked for and every run has ended, or the time for that is over.
    pub async fn live(mut self, mut signals: Signals, observer: &dyn Observer) -> Result<(), DaemonError> {
        let effects = self.core.begin().await?;
        self.carry_out(effects);
        self.registrar = Some(Registrar::begin(&self.core.ports));
        self.daemon.tell_of_start();
        let now = self.now();
        self.happen(Event::NoticesWaiting { now });
        if !matches!(self.settings.origin, Origin::Api) {
            self.happen(Event::ReloadRequested);
        }
        loop {
            self.tell_supervisor();
            let effects = self.look_at_clock().await?;
            self.carry_out(effects);
            let effects = self.next(&mut signals, observer).await?;
            if self.carry_out(effects) || self.is_out_of_time() {
                tracing::info!("stopped");
                return Ok(());
            }
        }
    }

    /// Looks whether the clock was set back by much: then what was kept meanwhile is not waited for.
    async fn look_at_clock(&mut self) -> Result<Vec<Effect>, DaemonError> {
        let now = self.now();
        if !is_ahead(std::mem::replace(&mut self.last, now), now) {
            return Ok(Vec::new());
        }
        let applied = Arc::clone(self.core.executor.applied());
        let standings = view::standings(&self.core.ports, &applied, None).await?;
        Ok(self.core.feed(Event::Changed { now, standings }))
    }

    fn tell_supervisor(&mut self) {
        if !self.core.state.look().is_reloading() {
            self.begun();
            self.supervisor.settled();
        }
        self.supervisor.turned(|| self.daemon.in_one_line());
    }

    /// The first reading of the configuration, and its apply, have ended: from now on the daemon is ready.
    fn begun(&mut self) {
        if !self.has_begun && self.deadline.is_none() {
            self.has_begun = true;
            self.daemon.begun();
            self.supervisor.ready();
        }
    }

    /// Looks whether the state is still in its place. Nothing that is acknowledged would be kept otherwise.
    async fn inspect(&self) -> Result<Vec<Effect>, DaemonError> {
        self.core
            .ports
            .upkeep
            .in_place()
            .await
            .inspect_err(|error| tracing::error!(%error, "the daemon ends"))?;
        Ok(Vec::new())
    }

    /// Waits for the next thing to happen.
    async fn next(
        &mut self,
        signals: &mut Signals,
        observer: &dyn Observer,
    ) -> Result<Vec<Effect>, DaemonError> {
        let (wake, deadline) = (self.time_to_wake(), self.deadline);
        let is_stopping = deadline.is_some();
        let is_told = self.daemon.is_told();
        tokio::select! {
            biased;
            Ok(()) = signals.stop.changed(), if !is_stopping => Ok(self.stop_asked(*signals.stop.borrow())),
            ended = self.core.executor.ended() => {
                let ended = ended?;
                // What the run has told before its end is heard before it: afterwards it would pass for another run's.
                while let Ok(progress) = self.progress.try_recv() {
                    self.progressed(&progress, observer);
                }
                if let Some(run) = &ended.run {
                    observer.run_ended(run);
                }
                self.forget_oldest_runs();
                // One that is clean has tripped nothing, and there is nothing to tell of it.
                let is_clean = ended.run.as_ref().is_some_and(is_clean);
                let mut effects = self.core.ended(ended).await?;
                if !is_clean {
                    effects.extend(self.look_around().await?);
                }
                Ok(effects)
            }
            Some(message) = self.messages.recv() => self.hear(message, observer).await,
            uids = self.daemon.deliveries() => {
                Ok(self.core.feed(Event::DeliveriesArrived { now: self.now(), uids }))
            }
            Some(progress) = self.progress.recv() => {
                self.progressed(&progress, observer);
                Ok(Vec::new())
            }
            () = signals.changed.notified(), if !is_stopping => Ok(self.core.feed(Event::FilesChanged)),
            () = next_pull(&mut signals.pull), if !is_stopping => Ok(self.core.feed(Event::ReloadRequested)),
            Some(()) = signals.reload.recv(), if !is_stopping && !is_told => {
                tracing::info!("asked to reload");
                self.supervisor.reloading();
                Ok(self.core.feed(Event::ReloadRequested))
            }
            _ = self.inspection.tick() => {
                observer.inspect();
                self.inspect().await
            }
            () = self.daemon.doubts() => self.inspect().await,
            () = tokio::time::sleep(wake) => Ok(self.woke()),
            () = until(deadline) => Ok(Vec::new()),
        }
    }

    /// Tells who listens how far a run has come.
    fn progressed(&self, progress: &Progress, observer: &dyn Observer) {
        observer.progressed(progress);
        self.core.tell(progress);
    }

    /// Lets something happen that a task or a person has told.
    async fn hear(&mut self, message: Message, observer: &dyn Observer) -> Result<Vec<Effect>, DaemonError> {
        match message {
            Message::Event(event) => Ok(self.core.feed(event)),
            Message::Asked(asked) => Ok(self.core.ask(asked).await),
            Message::StopAsked(number) => {
                self.core.stop_asked(number);
                Ok(Vec::new())
            }
            Message::Changed(names) => {
                let standings = self.core.standings(&names).await?;
                let mut effects = self.core.feed(Event::Changed { now: self.now(), standings });
                effects.extend(self.look_around().await?);
                Ok(effects)
            }
            Message::Loaded(loaded) => {
                let (digest, outcome) = loaded.outcome();
                if let Some(result) = self.daemon.loaded(&loaded, outcome) {
                    observer.reload_ended(result);
                }
                self.loaded = loaded.configuration;
                if self.loaded.is_some() {
                    self.daemon.forget_told(ToldFact::KEY).await?;
                }
                if matches!(outcome, LoadOutcome::Same | LoadOutcome::Ready(Verdict::Apply)) {
                    self.daemon.forget_told(ToldFact::PENDING).await?;
                }
                Ok(self.core.feed(Event::Loaded { digest, outcome }))
            }
            Message::InForce(end) => match self.look_in_force().await {
                Ok((applied, view)) => self.in_force(applied, (view, end), observer).await,
                Err(error) => Ok(self.not_applied(ApplyEnd::Failed, &error.to_string(), observer)),
            },
            Message::NotApplied(end, why) => Ok(self.not_applied(end, &why, observer)),
        }
    }

    /// Nothing of our own apply is in force, or what is cannot be read.
    fn not_applied(&mut self, end: ApplyEnd, why: &str, observer: &dyn Observer) -> Vec<Effect> {
        if end == ApplyEnd::Failed {
            observer.reload_ended(ReloadResult::Failed);
        }
        self.daemon.not_applied(why);
        self.core.feed(Event::ApplyEnded { now: self.now(), end })
    }

    /// Which generation is in force, and how everything stands under it.
    async fn look_in_force(&self) -> Result<(Arc<Applied>, View), DaemonError> {
        let ports = &self.core.ports;
        let applied = ports.applied().await?;
        let view = view::view(ports, &applied).await?;
        Ok((applied, view))
    }

    /// Begins runs under another generation, and tells who listens of it.
    async fn in_force(
        &mut self,
        applied: Arc<Applied>,
        (view, end): (View, Option<ApplyEnd>),
        observer: &dyn Observer,
    ) -> Result<Vec<Effect>, DaemonError> {
        let own = end.and(self.loaded.as_ref());
        let commit = own.and_then(|loaded| loaded.commit.as_deref());
        if applied.head.generation != self.core.state.look().generation() {
            tracing::info!(generation = applied.head.generation, commit, "a new generation is in force");
        }
        self.core.executor.follow(Arc::clone(&applied));
        if let Some(registrar) = &self.registrar {
            registrar.look();
        }
        self.daemon.tripped(view::tripped(&self.core.ports, &applied).await?);
        observer.in_force(&applied);
        self.daemon.follow(applied);
        let now = self.now();
        let mut effects = self.core.feed(Event::Applied { now, view });
        if let Some(end) = end {
            observer.reload_ended(ReloadResult::Good);
            effects.extend(self.core.feed(Event::ApplyEnded { now, end }));
        }
        Ok(effects)
    }

    /// The time to wake has come. It is used up: `step` names another one, unless there is none.
    fn woke(&mut self) -> Vec<Effect> {
        self.wake = None;
        self.core.feed(Event::Woke { now: self.now() })
    }

    fn stop_asked(&mut self, stop: bool) -> Vec<Effect> {
        if !stop {
            return Vec::new();
        }
        tracing::info!("asked to stop: runs end after the page in hand");
        self.supervisor.stopping();
        self.daemon.stopping();
        self.deadline = Some(tokio::time::Instant::now() + self.settings.drain);
        self.core.feed(Event::StopRequested)
    }

    fn is_out_of_time(&self) -> bool {
        let is_over = self.deadline.is_some_and(|deadline| deadline <= tokio::time::Instant::now());
        if is_over {
            tracing::warn!(
                "runs did not stop in time: what they have stored is kept, the next start continues"
            );
        }
        is_over
    }

    /// What a run's end or a person's verb may have left: tripped integrations, and notices of it.
    async fn look_around(&mut self) -> Result<Vec<Effect>, DaemonError> {
        let applied = Arc::clone(self.core.executor.applied());
        self.daemon.tripped(view::tripped(&self.core.ports, &applied).await?);
        if raccord_run::notice::outbox::waiting(&self.core.ports.facts()).await?.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.core.feed(Event::NoticesWaiting { now: self.now() }))
    }

    fn happen(&mut self, event: Event) {
        let effects = self.core.feed(event);
        self.carry_out(effects);
    }

    /// Carries effects out; true for the last one.
    fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        for effect in effects {
            match effect {
                Effect::Load => self.load(),
                Effect::Apply { digest } => self.apply(digest),
                Effect::HoldPending { digest } => {
                    self.daemon.hold(self.loaded.clone());
                    self.report_pending(digest);
                }
                Effect::DropPending => self.daemon.hold(None),
                Effect::ReportBad { .. } => self.report_bad(),
                Effect::ReportGood => self.daemon.good(),
                Effect::Deliver => self.deliver(),
                Effect::WakeAt(at) => self.wake = at,
                Effect::Finish => return true,
                // Carried out before they come here.
                Effect::StartRun { .. }
                | Effect::StartTogether { .. }
                | Effect::StopRun { .. }
                | Effect::StopRuns
                | Effect::Answer { .. } => {}
            }
        }
        false
    }

    fn now(&self) -> Timestamp {
        self.core.ports.environment.now()
    }

    /// How long to sleep at most.
    fn time_to_wake(&self) -> Duration {
        let wake = self.wake.map_or(MAX_SLEEP, |wake| {
            Duration::try_from(wake.duration_since(self.now())).unwrap_or_default().min(MAX_SLEEP)
        });
        wake.min(self.supervisor.patience()).max(TICK)
    }
}

async fn next_pull(interval: &mut Option<tokio::time::Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
