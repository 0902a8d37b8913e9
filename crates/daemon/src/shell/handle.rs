//! The daemon as others see it: the generation in force, what was loaded, what is wrong, and which deliveries came. The
//! shell writes it down here, and it is read without waiting for the shell.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raccord_model::diagnostic::Diagnostic;
use raccord_model::fact::{ToldFact, Uid};
use raccord_model::port::state::{Table, Write};
use raccord_model::{Digest, Kind, Name};
use tokio::sync::{Notify, mpsc};

use super::core::Shared;
use super::{Configuration, Loaded, Message, Origin, Settings};
use crate::alert;
use crate::error::DaemonError;
use crate::observer::ReloadResult;
use crate::step::{self, Verdict};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::facts::Retries;

/// How many diagnostics `status` shows; `raccord validate` shows all.
const SHOWN: usize = 20;

/// The daemon as others see it.
pub struct Handle {
    pub(super) ports: Ports,
    pub(super) sender: mpsc::Sender<Message>,
    /// What runs, and when what runs next.
    pub(super) state: Shared,
    pub(super) origin: Origin,
    pub(super) policy: String,
    board: Mutex<SharedStatus>,
    arrivals: Mutex<BTreeSet<Uid>>,
    arrived: Notify,
    /// Something could not be kept: the state may not be where it was.
    doubted: Notify,
    /// How many have asked for runs.
    pub(super) askers: AtomicU64,
}

/// What everybody may look at.
pub(super) struct SharedStatus {
    pub(super) applied: Arc<Applied>,
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

/// How the configuration stands, and whether runs are made.
#[derive(Debug, Clone)]
pub struct Health {
    /// Where the configuration comes from, in words.
    pub origin: String,
    /// Which changes are applied without a person; none when it applies what it is sent.
    pub policy: Option<String>,
    /// How many errors the configuration has that was read last.
    pub errors: usize,
    /// The first of them, in words.
    pub problems: Vec<String>,
    /// Why changes wait for a person, when some do.
    pub pending: Option<Vec<String>>,
    /// Why the configuration could not be read or applied, though that says nothing about it.
    pub trouble: Option<String>,
    /// The integrations that are disabled.
    pub tripped: BTreeSet<Name>,
    /// Whether what is due runs.
    pub ready: bool,
    /// Whether the first reading of the configuration, and its apply, have ended: what is in force before may not be what
    /// is wanted.
    pub begun: bool,
}

impl Handle {
    /// Nothing has happened yet.
    pub(super) fn new(
        (ports, settings): (&Ports, &Settings),
        applied: Arc<Applied>,
        state: Shared,
        sender: mpsc::Sender<Message>,
    ) -> Self {
        let board = SharedStatus {
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
            ports: ports.clone(),
            sender,
            state,
            origin: settings.origin.clone(),
            policy: settings.policy.to_string(),
            board: Mutex::new(board),
            arrivals: Mutex::default(),
            arrived: Notify::new(),
            doubted: Notify::new(),
            askers: AtomicU64::new(0),
        }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, SharedStatus> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generation in force.
    pub fn applied(&self) -> Arc<Applied> {
        Arc::clone(&self.board().applied)
    }

    pub(super) fn begun(&self) {
        let mut board = self.board();
        (board.is_ready, board.has_begun) = (true, true);
    }

    pub(super) fn stopping(&self) {
        self.board().is_ready = false;
    }

    pub(super) fn follow(&self, applied: Arc<Applied>) {
        let mut board = self.board();
        board.applied = applied;
        board.trouble = None;
    }

    /// Takes in what was loaded. How the reload has ended comes back, unless its end is that of an apply.
    pub(super) fn loaded(&self, loaded: &Loaded, outcome: step::Loaded) -> Option<ReloadResult> {
        let mut board = self.board();
        if loaded.trouble.is_some() && loaded.trouble != board.trouble {
            tracing::warn!(why = loaded.trouble, "the configuration could not be read");
        }
        board.trouble.clone_from(&loaded.trouble);
        if loaded.trouble.is_none() {
            board.digest = loaded.digest;
            board.diagnostics.clone_from(&loaded.diagnostics);
            board.loaded.clone_from(&loaded.configuration);
        }
        match outcome {
            step::Loaded::Bad => Some(ReloadResult::Bad),
            step::Loaded::Nothing => Some(ReloadResult::Failed),
            step::Loaded::Same | step::Loaded::Ready(Verdict::Wait) => {
                tracing::debug!("the configuration was read");
                Some(ReloadResult::Good)
            }
            step::Loaded::Ready(Verdict::Apply) => {
                tracing::info!("the configuration has changed");
                None
            }
        }
    }

    pub(super) fn not_applied(&self, why: &str) {
        tracing::warn!(why, "the configuration was not applied");
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
    pub(super) async fn report_bad(&self, ports: &Ports) -> Result<(), DaemonError> {
        let (applied, digest, diagnostics) = {
            let mut board = self.board();
            board.is_bad = true;
            (Arc::clone(&board.applied), board.digest, board.diagnostics.clone())
        };
        let problems = diagnostics.len();
        tracing::error!(problems, "the configuration is bad: what was applied last goes on");
        for diagnostic in diagnostics.iter().take(SHOWN) {
            tracing::error!("{}", diagnostic.in_one_line());
        }
        let now = ports.environment.now();
        let mut new_id = || ports.environment.new_id();
        let notices = alert::bad_configuration(&applied, digest, &diagnostics, now, &mut new_id)?;
        tell_once(ports, (ToldFact::KEY, &|told| told.with(digest)), &notices).await
    }

    /// Keeps the notices of changes that wait for a person: of the first ones, until none wait any more.
    pub(super) async fn report_pending(&self, ports: &Ports, digest: Digest) -> Result<(), DaemonError> {
        let (applied, pending) = {
            let board = self.board();
            (Arc::clone(&board.applied), board.pending.clone())
        };
        let Some(pending) = pending else { return Ok(()) };
        let now = ports.environment.now();
        let mut new_id = || ports.environment.new_id();
        let notices = alert::pending(&applied, digest, &pending.why, now, &mut new_id)?;
        let is_news = |told: ToldFact| told.configurations.is_empty().then(|| told.with(digest)).flatten();
        tell_once(ports, (ToldFact::PENDING, &is_news), &notices).await
    }

    /// What people were told of is over: the next bad configuration is news, whichever it is, or the next one that waits.
    pub(super) async fn forget_told(&self, key: &str) -> Result<(), DaemonError> {
        let facts = self.ports.facts();
        if facts.get::<ToldFact>(Table::Told, key).await?.is_some() {
            facts.commit(vec![Write::Remove(Table::Told, key.to_owned())]).await?;
        }
        Ok(())
    }

    pub(super) fn tripped(&self, tripped: BTreeSet<Name>) {
        self.board().tripped = tripped;
    }

    /// Tells the shell that deliveries wait in the inboxes of transfers.
    pub fn arrived(&self, uids: impl IntoIterator<Item = Uid>) {
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
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Waits until there is a reason to look whether the state is still in its place.
    pub(super) async fn doubts(&self) {
        self.doubted.notified().await;
    }

    /// Whether the first reading of the configuration, and its apply, have ended.
    pub fn has_begun(&self) -> bool {
        self.board().has_begun
    }

    /// Whether the configuration comes from the callers that apply.
    pub(super) const fn is_told(&self) -> bool {
        matches!(self.origin, Origin::Api)
    }

    /// The first line of the log.
    pub(super) fn tell_of_start(&self) {
        let applied = self.applied();
        let count = |kind| applied.index.keys().filter(|key| key.kind == kind).count();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            origin = self.origin.in_words(),
            policy = self.policy,
            generation = applied.head.generation,
            transfers = count(Kind::Transfer),
            integrations = count(Kind::Integration),
            "started"
        );
    }

    /// How it stands, for a line of a service manager: without a name and without what often changes.
    pub(super) fn in_one_line(&self) -> String {
        let board = self.board();
        let mut parts = vec![format!("generation {} is in force", board.applied.head.generation)];
        if board.is_bad {
            parts.push("the last configuration is bad".to_owned());
        }
        if board.trouble.is_some() {
            parts.push("the configuration could not be read or applied".to_owned());
        }
        if board.pending.is_some() {
            parts.push("changes wait for a person".to_owned());
        }
        match board.tripped.len() {
            0 => {}
            1 => parts.push("1 integration is disabled".to_owned()),
            many => parts.push(format!("{many} integrations are disabled")),
        }
        parts.join(", ")
    }

    /// How the configuration stands.
    pub fn health(&self) -> Health {
        let board = self.board();
        let errors = if board.is_bad { board.diagnostics.len() } else { 0 };
        Health {
            origin: self.origin.in_words(),
            policy: (!self.is_told()).then(|| self.policy.clone()),
            errors,
            problems: board.diagnostics.iter().take(errors.min(SHOWN)).map(Diagnostic::in_one_line).collect(),
            pending: board.pending.as_ref().map(|pending| pending.why.clone()),
            trouble: board.trouble.clone(),
            tripped: board.tripped.clone(),
            ready: board.is_ready,
            begun: board.has_begun,
        }
    }

    /// What is wrong with the configuration that was read last, in the order of files and lines; nothing when it is good.
    pub fn problems(&self) -> Vec<Diagnostic> {
        let board = self.board();
        if board.is_bad { board.diagnostics.clone() } else { Vec::new() }
    }

    /// What data paths of a configuration that comes from another machine are relative to.
    pub fn root(&self) -> String {
        let here = || std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
        self.applied().head.root.clone().unwrap_or_else(here)
    }
}

/// Keeps notices of a configuration, unless it is no news to people: also when they were told before a restart.
async fn tell_once(
    ports: &Ports,
    (key, told_with): (&str, &(dyn Fn(ToldFact) -> Option<ToldFact> + Sync)),
    notices: &[Write],
) -> Result<(), DaemonError> {
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        let told = transaction.get::<ToldFact>(Table::Told, key).await?;
        let Some(told) = told_with(told.unwrap_or_default()) else { return Ok(()) };
        transaction.extend(notices.to_vec());
        transaction.put(Table::Told, &key, &told)?;
        if retries.settle(transaction.commit().await)? {
            return Ok(());
        }
    }
}
