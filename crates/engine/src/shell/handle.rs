//! Whoever asks the daemon, asks this: reads are answered at once beside everything else, and what changes something
//! tells the shell afterwards.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raccord_model::diagnostic::Diagnostic;
use raccord_model::fact::{ToldFact, Uid};
use raccord_model::port::Async;
use raccord_model::port::state::{Table, Write};
use raccord_model::{Desired, Digest, Name};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::core::{Asked, PROGRESS};
use super::hooks::Hooks;
use super::{Configuration, Loaded, Message, Origin, Settings, tell_in_force, view};
use crate::access;
use crate::alert;
use crate::applied::Applied;
use crate::daemon::{self, ApplyEnd, Verdict};
use crate::engine::{Engine, EngineError, Replies};
use crate::facts::put;
use crate::failure::{Failure, FailureCode};
use crate::http::{Push, Readiness, Received, Serving};
use crate::metrics::{Metrics, ReloadResult};
use crate::request::{ApplyOptions, DaemonStatus, Reply, Request, Status};
use crate::transport::{Answering, Caller, Way};

/// How many diagnostics `status` shows; `raccord validate` shows all.
const SHOWN: usize = 20;

/// The daemon as others see it.
pub struct Daemon {
    pub(super) engine: Engine,
    sender: mpsc::Sender<Message>,
    pub(super) origin: Origin,
    pub(super) policy: String,
    board: Mutex<Board>,
    arrivals: Mutex<BTreeSet<Uid>>,
    arrived: Notify,
    /// How many have asked for runs.
    askers: AtomicU64,
    /// What is counted.
    pub(super) metrics: Metrics,
}

/// What everybody may look at.
pub(super) struct Board {
    pub(super) applied: Arc<Applied>,
    hooks: Arc<Hooks>,
    is_ready: bool,
    /// What was loaded last, when it could be applied.
    loaded: Option<Arc<Configuration>>,
    pub(super) pending: Option<Arc<Configuration>>,
    /// The digest of what was loaded last, and what is wrong with it.
    digest: Digest,
    diagnostics: Vec<Diagnostic>,
    pub(super) is_bad: bool,
    pub(super) trouble: Option<String>,
    pub(super) tripped: BTreeSet<Name>,
}

impl Daemon {
    /// Nothing has happened yet.
    pub(super) fn new(
        engine: &Engine,
        settings: &Settings,
        applied: Arc<Applied>,
        sender: mpsc::Sender<Message>,
    ) -> Self {
        let board = Board {
            hooks: Arc::new(Hooks::of(&applied, &engine.environment)),
            applied,
            is_ready: false,
            loaded: None,
            pending: None,
            digest: Digest([0; 32]),
            diagnostics: Vec::new(),
            is_bad: false,
            trouble: None,
            tripped: BTreeSet::new(),
        };
        Self {
            metrics: Metrics::new(&board.applied, engine.environment.now()),
            engine: engine.clone(),
            sender,
            origin: settings.origin.clone(),
            policy: settings.policy.to_string(),
            board: Mutex::new(board),
            arrivals: Mutex::default(),
            arrived: Notify::new(),
            askers: AtomicU64::new(0),
        }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generation in force.
    pub(super) fn applied(&self) -> Arc<Applied> {
        Arc::clone(&self.board().applied)
    }

    pub(super) fn begun(&self) {
        self.board().is_ready = true;
    }

    pub(super) fn stopping(&self) {
        self.board().is_ready = false;
    }

    pub(super) fn follow(&self, applied: Arc<Applied>) {
        let hooks = Arc::new(Hooks::of(&applied, &self.engine.environment));
        self.metrics.follow(&applied);
        let mut board = self.board();
        board.applied = applied;
        board.hooks = hooks;
        board.trouble = None;
    }

    pub(super) fn loaded(&self, loaded: &Loaded, outcome: daemon::Loaded) {
        let mut board = self.board();
        if loaded.trouble.is_some() && loaded.trouble != board.trouble {
            tracing::warn!(why = loaded.trouble, "the configuration could not be read");
        }
        match outcome {
            daemon::Loaded::Bad => self.metrics.reload_ended(ReloadResult::Bad),
            daemon::Loaded::Nothing => self.metrics.reload_ended(ReloadResult::Failed),
            daemon::Loaded::Same | daemon::Loaded::Ready(Verdict::Wait) => {
                tracing::debug!("the configuration was read");
                self.metrics.reload_ended(ReloadResult::Good);
            }
            // Its end is that of the apply.
            daemon::Loaded::Ready(Verdict::Apply) => tracing::info!("the configuration has changed"),
        }
        board.trouble.clone_from(&loaded.trouble);
        if loaded.trouble.is_none() {
            board.digest = loaded.digest;
            board.diagnostics.clone_from(&loaded.diagnostics);
            board.loaded.clone_from(&loaded.configuration);
        }
    }

    pub(super) fn not_applied(&self, end: ApplyEnd, why: &str) {
        tracing::warn!(why, "the configuration was not applied");
        if end == ApplyEnd::Failed {
            self.metrics.reload_ended(ReloadResult::Failed);
        }
        self.board().trouble = Some(why.to_owned());
    }

    pub(super) fn hold(&self, configuration: Option<Arc<Configuration>>) {
        if let Some(configuration) = &configuration {
            tracing::warn!(why = %configuration.why.join("; "), "the changes wait for `raccord apply --pending`");
        } else {
            tracing::info!("no changes wait any more");
        }
        self.board().pending = configuration;
    }

    pub(super) fn good(&self) {
        tracing::info!("the configuration is good again");
        self.board().is_bad = false;
    }

    /// Shows the diagnostics of a bad configuration and keeps the notices of it.
    pub(super) async fn report_bad(&self, engine: &Engine) -> Result<(), EngineError> {
        let (applied, digest, diagnostics) = {
            let mut board = self.board();
            board.is_bad = true;
            (Arc::clone(&board.applied), board.digest, board.diagnostics.clone())
        };
        let problems = diagnostics.len();
        tracing::error!(problems, "the configuration is bad: what was applied last goes on");
        for diagnostic in diagnostics.iter().take(SHOWN) {
            tracing::error!("{}", in_words(diagnostic));
        }
        let _alone = engine.facts_lock.lock().await;
        let told = engine.facts().get::<ToldFact>(Table::Told, ToldFact::KEY).await?;
        // What people were told of before a restart is no news.
        let Some(told) = told.unwrap_or_default().with(digest) else { return Ok(()) };
        let mut new_id = || engine.environment.new_id();
        let now = engine.environment.now();
        let mut writes = alert::bad_configuration(&applied, digest, &diagnostics, now, &mut new_id)?;
        writes.push(put(Table::Told, &ToldFact::KEY, &told)?);
        Ok(engine.facts().commit(writes).await?)
    }

    /// A good configuration was read: the next bad one is news, whichever it is.
    pub(super) async fn forget_told(&self) -> Result<(), EngineError> {
        let facts = self.engine.facts();
        if facts.get::<ToldFact>(Table::Told, ToldFact::KEY).await?.is_some() {
            facts.commit(vec![Write::Remove(Table::Told, ToldFact::KEY.to_owned())]).await?;
        }
        Ok(())
    }

    pub(super) fn tripped(&self, tripped: BTreeSet<Name>) {
        self.board().tripped = tripped;
    }

    /// Tells the shell that deliveries wait in the inboxes of transfers.
    fn arrived(&self, uids: impl IntoIterator<Item = Uid>) {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).extend(uids);
        self.arrived.notify_one();
    }

    /// The transfers for which deliveries came since the last time; waits until there is one.
    pub(super) async fn deliveries(&self) -> Vec<Uid> {
        loop {
            let arrived = std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner));
            if !arrived.is_empty() {
                return arrived.into_iter().collect();
            }
            self.arrived.notified().await;
        }
    }
}

impl Serving for Daemon {
    fn readiness(&self) -> Readiness {
        let board = self.board();
        let mut problems = Vec::new();
        if board.is_bad {
            problems.push(format!("the last configuration has {} errors", board.diagnostics.len()));
        }
        problems.extend(board.trouble.clone());
        problems.extend(board.tripped.iter().map(|name| format!("the integration {name} is disabled")));
        Readiness { ready: board.is_ready, problems }
    }

    fn metrics(&self) -> Async<'_, String> {
        let begun = tokio::time::Instant::now();
        Box::pin(self.metrics.scrape((self.engine.environment.now(), begun), self.observe()))
    }

    fn largest_push(&self, stack: &Name, source: &Name) -> Option<usize> {
        self.board().hooks.largest(stack, source)
    }

    fn receive(&self, push: Push) -> Async<'_, Received> {
        Box::pin(async move {
            let hooks = Arc::clone(&self.board().hooks);
            let source = push.source.clone();
            let (received, transfers) = hooks.receive(&self.engine, push).await;
            self.metrics.delivered(&source, received);
            if !transfers.is_empty() {
                self.arrived(transfers);
            }
            received
        })
    }
}

impl Answering for Daemon {
    fn answer<'a>(
        &'a self,
        request: Request,
        caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move {
            access::admit(&request, caller.way)?;
            let request = access::attribute(request, &caller);
            self.respond(request, caller.way, stop, replies).await
        })
    }
}

impl Daemon {
    async fn respond(
        &self,
        request: Request,
        way: Way,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        match request {
            Request::Run { integrations } => self.run(integrations, stop, replies).await,
            Request::Apply(desired, options) => {
                let desired = self.at_home(desired, way);
                self.apply(desired, options, stop, replies).await
            }
            Request::Plan(desired, options) => {
                let desired = self.at_home(desired, way);
                self.ask(Request::Plan(desired, options), stop, replies).await
            }
            Request::Pending => self.pending(replies),
            Request::AcceptPending { options, serial, configuration, by } => {
                let options = ApplyOptions { plan: options, serial, by, rollback_to: None, commit: None };
                self.accept_pending(configuration, options, stop, replies).await
            }
            Request::Status => self.status(stop, replies).await,
            Request::Pause { ref integration, .. } | Request::Resume { ref integration, .. } => {
                let concerned = view::subscribed(&self.applied(), integration);
                self.ask(request, stop, replies).await?;
                self.tell_changed(&concerned).await
            }
            Request::Resync { ref transfer, .. } => {
                let concerned = BTreeSet::from([transfer.clone()]);
                self.ask(request, stop, replies).await?;
                self.tell_changed(&concerned).await
            }
            other => self.ask(other, stop, replies).await,
        }
    }

    async fn ask(
        &self,
        request: Request,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        self.engine.handle(request, stop, replies).await.map_err(Failure::from)
    }

    /// The data paths of a configuration that comes from another machine are relative to where this runs.
    fn at_home(&self, mut desired: Arc<Desired>, way: Way) -> Arc<Desired> {
        if way == Way::Http {
            Arc::make_mut(&mut desired).root = self.root();
        }
        desired
    }

    /// Hands a request for runs to the shell, and what comes of it to whoever asked.
    async fn run(
        &self,
        integrations: Vec<Name>,
        mut stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let (sender, mut parts) = mpsc::channel(PROGRESS);
        let (done, mut report) = oneshot::channel();
        let number = self.askers.fetch_add(1, Ordering::Relaxed);
        let asked = Asked { number, integrations, replies: sender, done };
        self.sender.send(Message::Asked(asked)).await.map_err(|_| ending())?;
        let mut is_stopping = false;
        let report = loop {
            tokio::select! {
                Some(part) = parts.recv() => replies(part),
                report = &mut report => break report.map_err(|_| ending())??,
                Ok(()) = stop.changed(), if !is_stopping => {
                    is_stopping = *stop.borrow();
                    if is_stopping {
                        self.sender.send(Message::StopAsked(number)).await.map_err(|_| ending())?;
                    }
                }
            }
        };
        while let Ok(part) = parts.try_recv() {
            replies(part);
        }
        replies(Reply::Report(report));
        Ok(())
    }

    async fn apply(
        &self,
        desired: Arc<Desired>,
        options: ApplyOptions,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        self.comes_from_its_place(&desired)?;
        let applied = self.engine.handle(Request::Apply(desired, options), stop, replies).await;
        // A part of an apply that failed may be in force all the same: its steps come after its commit.
        let told = tell_in_force(&self.engine, &self.sender, None).await;
        applied.map_err(Failure::from)?;
        told.map_err(|_| ending())
    }

    /// A configuration has one place: what is applied by hand beside files that are watched would be undone by the
    /// next change of them.
    fn comes_from_its_place(&self, desired: &Desired) -> Result<(), Failure> {
        if matches!(self.origin, Origin::Api) {
            return Ok(());
        }
        let loaded = self.board().loaded.clone();
        if loaded.is_some_and(|loaded| loaded.desired.digest() == desired.digest()) {
            return Ok(());
        }
        Err(Failure::new(
            FailureCode::Invalid,
            format!(
                "the daemon takes its configuration from {}, and this is another one: change it there, or \
                 start the daemon with `--from api`",
                self.origin.in_words()
            ),
        ))
    }

    /// The configuration that waits for a person.
    fn waiting(&self) -> Result<Arc<Configuration>, Failure> {
        let nothing = || Failure::new(FailureCode::Unknown, "no change waits: what was loaded is in force");
        self.board().pending.clone().ok_or_else(nothing)
    }

    fn pending(&self, replies: &mut Replies<'_>) -> Result<(), Failure> {
        let pending = self.waiting()?;
        replies(Reply::Plan(Box::new(pending.plan.clone())));
        Ok(())
    }

    async fn accept_pending(
        &self,
        configuration: Digest,
        options: ApplyOptions,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let pending = self.waiting()?;
        if pending.plan.configuration != configuration {
            let message = "another change waits by now than the one that was planned";
            return Err(Failure::new(FailureCode::Stale, message));
        }
        let options = ApplyOptions { commit: pending.commit.clone(), ..options };
        self.apply(Arc::clone(&pending.desired), options, stop, replies).await
    }

    /// The status of the state, and beside it what only the daemon knows.
    pub(super) async fn status(
        &self,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let mut found: Option<Box<Status>> = None;
        self.ask(Request::Status, stop, &mut |reply| {
            if let Reply::Status(status) = reply {
                found = Some(status);
            }
        })
        .await?;
        let Some(mut status) = found else { return Ok(()) };
        let (sender, receiver) = oneshot::channel();
        self.sender.send(Message::NextRuns(sender)).await.map_err(|_| ending())?;
        let next_runs = receiver.await.map_err(|_| ending())?;
        for transfer in &mut status.transfers {
            transfer.next_run = next_runs.get(&transfer.name).copied();
        }
        status.daemon = Some(self.daemon_status());
        replies(Reply::Status(status));
        Ok(())
    }

    /// Whether the configuration comes from whoever applies.
    pub(super) const fn is_told(&self) -> bool {
        matches!(self.origin, Origin::Api)
    }

    fn daemon_status(&self) -> DaemonStatus {
        let board = self.board();
        DaemonStatus {
            origin: self.origin.in_words(),
            policy: (!self.is_told()).then(|| self.policy.clone()),
            problems: if board.is_bad {
                board.diagnostics.iter().take(SHOWN).map(in_words).collect()
            } else {
                Vec::new()
            },
            pending: board.pending.as_ref().map(|pending| pending.why.clone()),
            trouble: board.trouble.clone(),
        }
    }

    async fn tell_changed(&self, names: &BTreeSet<Name>) -> Result<(), Failure> {
        // In this order, so that a later standing is never told before an earlier one, as in `tell_in_force`.
        let place = self.sender.reserve().await.map_err(|_| ending())?;
        let _alone = self.engine.facts_lock.lock().await;
        let standings = view::standings(&self.engine, &self.applied(), Some(names)).await?;
        place.send(Message::Changed(standings));
        Ok(())
    }

    /// What data paths of a configuration that comes from another machine are relative to.
    pub fn root(&self) -> String {
        let here = || std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
        self.applied().head.root.clone().unwrap_or_else(here)
    }
}

fn ending() -> Failure {
    Failure::new(FailureCode::Unavailable, "the daemon is ending")
}

/// A diagnostic in one line.
fn in_words(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref();
    let place = place.map(|place| format!("{}:{}:{}: ", place.file, place.line, place.column));
    format!("{}{}", place.unwrap_or_default(), diagnostic.message)
}
