//! The daemon as others see it: the generation in force, what was loaded, what is wrong, and which deliveries came. The
//! shell writes it down here, and nobody waits for the shell to read it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raccord_model::diagnostic::Diagnostic;
use raccord_model::fact::{ToldFact, Uid};
use raccord_model::port::Async;
use raccord_model::port::state::{Table, Write};
use raccord_model::{Digest, Name};
use tokio::sync::{Notify, mpsc};

use super::hooks::Hooks;
use super::{Configuration, Loaded, Message, Origin, Settings};
use crate::alert;
use crate::applied::Applied;
use crate::daemon::{self, ApplyEnd, Verdict};
use crate::engine::{Engine, EngineError};
use crate::facts::put;
use crate::http::{Push, PushHead, Readiness, Received, Serving};
use crate::metrics::{Metrics, ReloadResult};
use crate::request::DaemonStatus;

/// How many diagnostics `status` shows; `raccord validate` shows all.
const SHOWN: usize = 20;

/// The daemon as others see it.
pub struct Daemon {
    pub(super) engine: Engine,
    pub(super) sender: mpsc::Sender<Message>,
    pub(super) origin: Origin,
    pub(super) policy: String,
    board: Mutex<Board>,
    arrivals: Mutex<BTreeSet<Uid>>,
    arrived: Notify,
    /// Something could not be kept: the state may not be where it was.
    doubted: Notify,
    /// How many have asked for runs.
    pub(super) askers: AtomicU64,
    /// What is counted.
    pub(super) metrics: Metrics,
}

/// What everybody may look at.
pub(super) struct Board {
    pub(super) applied: Arc<Applied>,
    hooks: Arc<Hooks>,
    is_ready: bool,
    /// Whether the first reading of the configuration, and its apply, have ended.
    has_begun: bool,
    /// What was loaded last, when it could be applied.
    pub(super) loaded: Option<Arc<Configuration>>,
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
        let hooks = Arc::new(Hooks::of(&applied, &engine.environment));
        tell_problems(&hooks);
        let board = Board {
            hooks,
            applied,
            is_ready: false,
            has_begun: false,
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
            doubted: Notify::new(),
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

    /// The webhooks in force, and whether deliveries are taken: what is in force before the first apply has ended may not
    /// be what is wanted.
    fn hooks(&self) -> (Arc<Hooks>, bool) {
        let board = self.board();
        (Arc::clone(&board.hooks), board.has_begun)
    }

    pub(super) fn begun(&self) {
        let mut board = self.board();
        (board.is_ready, board.has_begun) = (true, true);
    }

    pub(super) fn stopping(&self) {
        self.board().is_ready = false;
    }

    pub(super) fn follow(&self, applied: Arc<Applied>) {
        let hooks = Arc::new(Hooks::of(&applied, &self.engine.environment));
        tell_problems(&hooks);
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
        let _alone = self.engine.facts_lock.lock().await;
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

    /// There is a reason to look whether the state is still in its place.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Waits until there is a reason to look whether the state is still in its place.
    pub(super) async fn doubts(&self) {
        self.doubted.notified().await;
    }

    /// Looks again whether the deliveries of every source can be verified. Reads files, so nothing waits for it.
    pub(super) fn look_at_secrets(&self) {
        let hooks = Arc::clone(&self.board().hooks);
        drop(tokio::task::spawn_blocking(move || hooks.look()));
    }

    /// Whether the configuration comes from whoever applies.
    pub(super) const fn is_told(&self) -> bool {
        matches!(self.origin, Origin::Api)
    }

    pub(super) fn daemon_status(&self) -> DaemonStatus {
        let board = self.board();
        DaemonStatus {
            origin: self.origin.in_words(),
            policy: (!self.is_told()).then(|| self.policy.clone()),
            problems: if board.is_bad {
                board.diagnostics.iter().take(SHOWN).map(in_words).collect()
            } else {
                Vec::new()
            },
            warnings: board.hooks.problems(),
            pending: board.pending.as_ref().map(|pending| pending.why.clone()),
            trouble: board.trouble.clone(),
        }
    }

    /// What data paths of a configuration that comes from another machine are relative to.
    pub fn root(&self) -> String {
        let here = || std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
        self.applied().head.root.clone().unwrap_or_else(here)
    }
}

impl Serving for Daemon {
    fn readiness(&self) -> Readiness {
        let board = self.board();
        let mut problems = Vec::new();
        if board.is_bad {
            let errors = board.diagnostics.len();
            let plural = if errors == 1 { "" } else { "s" };
            problems.push(format!("the last configuration has {errors} error{plural}"));
        }
        problems.extend(board.trouble.clone());
        problems.extend(board.hooks.problems());
        problems.extend(board.tripped.iter().map(|name| format!("the integration {name} is disabled")));
        Readiness { ready: board.is_ready, problems }
    }

    fn metrics(&self) -> Async<'_, String> {
        let begun = tokio::time::Instant::now();
        Box::pin(self.metrics.scrape((self.engine.environment.now(), begun), self.observe()))
    }

    fn largest_push(&self) -> usize {
        self.board().hooks.largest()
    }

    fn admit(&self, head: &PushHead<'_>) -> Result<(), Received> {
        let (hooks, has_begun) = self.hooks();
        let admitted = if has_begun { hooks.admit(head) } else { Err(Received::Unavailable) };
        if let Err(received) = admitted {
            self.metrics.delivered(head.source, received);
        }
        admitted
    }

    fn push_was_too_large(&self, source: &Name, peer: IpAddr) {
        let hooks = Arc::clone(&self.board().hooks);
        hooks.complain_of_size(source, peer);
        self.metrics.delivered(source, Received::TooLarge);
    }

    fn receive(&self, push: Push) -> Async<'_, Received> {
        Box::pin(async move {
            let (hooks, has_begun) = self.hooks();
            let source = push.source.clone();
            if !has_begun {
                // The service is to come again.
                self.metrics.delivered(&source, Received::Unavailable);
                return Received::Unavailable;
            }
            let (received, transfers) = hooks.receive(&self.engine, push).await;
            if received == Received::Unavailable {
                self.doubt();
            }
            self.metrics.delivered(&source, received);
            if !transfers.is_empty() {
                self.arrived(transfers);
            }
            received
        })
    }
}

fn tell_problems(hooks: &Hooks) {
    for problem in hooks.problems() {
        tracing::error!("{problem}");
    }
}

/// A diagnostic in one line.
fn in_words(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref();
    let place = place.map(|place| format!("{}:{}:{}: ", place.file, place.line, place.column));
    format!("{}{}", place.unwrap_or_default(), diagnostic.message)
}
