//! What commands share: loading the configuration, opening the state, asking the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use raccord_config::{Input, Loaded, Locking, Validated};
use raccord_connect::{SourcePool, System};
use raccord_model::diagnostic::Severity;
use raccord_model::failpoint::{ArmedFailpoint, UnknownFailpoint};
use raccord_model::language::AuthorizationSpec;
use raccord_model::port::environment::Environment;
use raccord_model::port::state::Head;
use raccord_model::{Desired, Spec};
use raccord_run::Ports;
use raccord_run::conclude::tidy_runs;
use raccord_serve::audit::{AuditLog, Audited};
use raccord_serve::http::client::Remote;
use raccord_serve::transport::{Answering as _, Caller, Way, socket};
use raccord_serve::{Dispatcher, Failure, Look, Reply, Request};
use raccord_store::{Holder, OpenError, Opener, Store, holder};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::databases::Databases;
use crate::elsewhere;
use crate::error::CommandError;
use crate::interrupt;
pub(crate) use crate::opening::{Opening, system};
use crate::options::Global;
use crate::place::StateAt;
use crate::ports::ports;
use crate::render;
use crate::shared::{self, Sharing};
use crate::ui::Ui;

/// Arms the failpoint that a test has named.
pub(crate) fn arm_failpoint() -> Result<(), CommandError> {
    if let Ok(text) = std::env::var("RACCORD_FAILPOINT") {
        let trap: ArmedFailpoint = text
            .parse()
            .map_err(|error: UnknownFailpoint| CommandError::usage(format!("RACCORD_FAILPOINT: {error}")))?;
        trap.arm();
    }
    Ok(())
}

/// The values of variables that were given.
pub(crate) fn variables(global: &Global) -> BTreeMap<String, String> {
    global.variables.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect()
}

/// Loads the configuration without judging it.
pub(crate) fn load(global: &Global) -> Result<Loaded, CommandError> {
    Ok(raccord_config::load(&input(global)?))
}

/// Looks for everything that is wrong with the configuration.
pub(crate) fn validate(global: &Global) -> Result<Validated, CommandError> {
    Ok(raccord_config::validate(&input(global)?))
}

/// What is to be loaded.
fn input(global: &Global) -> Result<Input, CommandError> {
    let reads_stdin = global.files.iter().any(|path| path.as_os_str() == "-");
    let stdin = if reads_stdin {
        let mut bytes = Vec::new();
        // One byte more than a file may have shows that there is too much; nobody's memory holds an endless one.
        let most = u64::try_from(raccord_config::MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
        io::stdin().take(most).read_to_end(&mut bytes)?;
        Some(bytes)
    } else {
        None
    };
    let (paths, variables) = (global.files.clone(), variables(global));
    // A daemon elsewhere says itself what its state has.
    let shares_state = global.server.is_none() && global.state.file().is_none();
    Ok(Input { paths, stdin, within: None, variables, shares_state })
}

/// What the configuration wants locked, and what is; errors are shown and end the command.
pub(crate) fn locking(ui: &Ui, global: &Global) -> Result<Locking, CommandError> {
    raccord_config::locking(&input(global)?).map_err(|diagnostics| {
        let (shown, _) = render::diagnostic::first(&diagnostics);
        ui.note(&render::diagnostic::text(&shown, ui.has_color()));
        CommandError::new("the configuration cannot be read, so that which connectors it wants is not known")
    })
}

/// Loads the configuration; errors are shown and end the command.
pub(crate) fn desired(ui: &Ui, global: &Global) -> Result<Desired, CommandError> {
    let loaded = load(global)?;
    let errors =
        loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    if !loaded.diagnostics.is_empty() {
        let (shown, more) = render::diagnostic::first(&loaded.diagnostics);
        ui.note(&render::diagnostic::text(&shown, ui.has_color()));
        if more > 0 {
            ui.note(&format!("and {} more; `raccord validate --all` shows them\n", render::grouped(more)));
        }
    }
    loaded
        .desired
        .ok_or_else(|| CommandError::new(format!("the configuration has {}", render::errors(errors))))
}

/// How long a verb waits while another one that will soon be done has the state.
const WAIT_FOR_OWNER: Duration = Duration::from_secs(10);

/// The verbs that tell how runs have ended.
const TELLS_OF_RUNS: [&str; 2] = ["runs", "status"];

/// After how long a verb says what it waits for.
const SILENCE: Duration = Duration::from_secs(1);

/// What a verb waits for, in words.
fn waits_for(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) if holder.is_suspended() => {
            let pid = holder.pid;
            format!(
                "waiting for {holder}, which is stopped: `kill -CONT {pid}` lets it go on, `kill -KILL {pid}` ends it"
            )
        }
        Some(holder) => format!("waiting for {holder}"),
        None => "waiting for another process that has the state open".to_owned(),
    }
}

/// Waits for an answer of the owner of a state. Once there is none for a while because the owner is stopped, says so; an early
/// end is then not waited for, since the owner does not hear of it.
async fn patiently<T>(
    ui: &Ui,
    state: &Path,
    stop: &watch::Receiver<bool>,
    answer: impl Future<Output = T>,
) -> Result<T, CommandError> {
    let mut answer = std::pin::pin!(answer);
    let mut was_told = false;
    loop {
        if let Ok(answered) = tokio::time::timeout(SILENCE, &mut answer).await {
            return Ok(answered);
        }
        let Some(holder) = holder(state).filter(Holder::is_suspended) else { continue };
        if *stop.borrow() {
            let message = format!("{holder} is stopped and has not answered");
            return Err(CommandError::new(message)
                .hint("it may still do what it was asked for once it goes on; `raccord status` tells then"));
        }
        if !std::mem::replace(&mut was_told, true) {
            ui.note(&waits_for(Some(&holder)));
        }
    }
}

/// How often it looks whether that is so.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Opens the state file.
fn open_store(path: &Path, verb: &str, opening: Opening) -> Result<Store, OpenError> {
    let system = System { frozen: None };
    let opener = Opener { verb: verb.to_owned(), at: system.now(), lineage: system.new_id() };
    match opening {
        Opening::Create => Store::open(path, &opener),
        Opening::Existing => Store::open_existing(path, &opener),
        Opening::Imagine => match Store::open_existing(path, &opener) {
            Err(OpenError::Missing { .. }) => Store::in_memory(path),
            result => result,
        },
    }
}

/// The error of a state that could not be opened, with advice.
fn not_opened(error: &OpenError) -> CommandError {
    match error {
        OpenError::Missing { .. } => {
            CommandError::of(error).hint("`raccord apply` begins a state; --state names another file")
        }
        OpenError::Held { .. } => CommandError::of(error)
            .hint("try again when that is done; `raccord watch` answers every verb while it lives"),
        OpenError::Directory { .. } | OpenError::Create { .. } | OpenError::ReadOnly { .. } => {
            CommandError::of(error).hint("--state, or RACCORD_STATE, names a place that can be written")
        }
        _ => CommandError::of(error),
    }
}

/// Opens the state, unless somebody owns it who answers. Waits a while for a verb that will soon be done, and for an
/// owner that is about to listen.
pub(crate) async fn own(
    ui: &Ui,
    state: &Path,
    verb: &str,
    opening: Opening,
) -> Result<Option<Store>, CommandError> {
    // A clock that cannot be right is told before anything is made.
    system()?;
    let since = std::time::Instant::now();
    let mut was_told = false;
    loop {
        if socket::is_listened_at(state).await {
            return Ok(None);
        }
        match open_store(state, verb, opening) {
            Ok(store) => return Ok(Some(store)),
            Err(OpenError::Held { holder, .. }) if since.elapsed() < WAIT_FOR_OWNER => {
                if since.elapsed() >= SILENCE && !std::mem::replace(&mut was_told, true) {
                    ui.note(&waits_for(holder.as_ref()));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(not_opened(&error)),
        }
    }
}

/// Who answers.
enum Link {
    /// This process: it owns the state.
    Here(Box<Audited<Dispatcher>>),
    /// The process that owns the state.
    Socket(PathBuf),
    /// A daemon elsewhere.
    Server(Box<Remote>),
}

impl Link {
    /// This process answers, on these ports.
    fn here(ports: Ports) -> Self {
        let log = AuditLog::new(ports.facts(), Arc::clone(&ports.environment));
        Self::Here(Box::new(Audited::new(Arc::new(Dispatcher::new(ports)), log)))
    }
}

/// The daemon at a URL.
fn remote(global: &Global, server: &str) -> Result<Remote, CommandError> {
    let token = global.token.as_ref().ok_or_else(|| {
        CommandError::usage("a daemon at a URL wants a token")
            .hint("set RACCORD_TOKEN; `raccord token create` makes one where the daemon runs")
    })?;
    Remote::new(server, &token.0, global.insecure).map_err(|error| CommandError::of(&error))
}

/// What answers requests: this process on its own state, or the owner of that.
pub(crate) struct Session {
    link: Link,
    /// The state that this process has open, when others share it.
    shared: Option<Sharing>,
    ui: Ui,
    runtime: tokio::runtime::Runtime,
    stop: watch::Receiver<bool>,
}

impl Session {
    /// Finds who answers: the owner of the state, or this process when there is none. Ctrl-C asks for an early
    /// end; a second one insists.
    pub(crate) fn open(global: &Global, verb: &str, opening: Opening) -> Result<Self, CommandError> {
        arm_failpoint()?;
        let (runtime, ui) = (runtime()?, Ui::new(global.color, global.quiet));
        let (link, shared) = match (&global.server, &global.state) {
            (Some(server), _) => (Link::Server(Box::new(remote(global, server)?)), None),
            (None, StateAt::File(path)) => (runtime.block_on(Self::find(&ui, path, verb, opening))?, None),
            (None, StateAt::Shared(place)) => {
                let local = global.state.local();
                if runtime.block_on(socket::is_listened_at(&local)) {
                    (Link::Socket(local), None)
                } else {
                    let (ports, sharing) = runtime.block_on(shared::reach(place, verb, opening))?;
                    (Link::here(ports), sharing)
                }
            }
        };
        let stop = interrupt::listen()?;
        Ok(Self { link, shared, ui, runtime, stop })
    }

    async fn find(ui: &Ui, state: &Path, verb: &str, opening: Opening) -> Result<Link, CommandError> {
        match own(ui, state, verb, opening).await? {
            Some(store) => {
                let ports = ports(store, system()?);
                if TELLS_OF_RUNS.contains(&verb) {
                    // Who owns the state alone knows that nothing runs: a run that is listed so was killed.
                    tidy_runs(&ports, &BTreeSet::new()).await.map_err(|error| CommandError::of(&error))?;
                }
                Ok(Link::here(ports))
            }
            None => Ok(Link::Socket(state.to_owned())),
        }
    }

    /// Asks; every part of the answer is handed on.
    pub(crate) fn ask(
        &self,
        request: Request,
        mut answer: impl FnMut(Reply) -> Result<(), CommandError> + Send,
    ) -> Result<(), CommandError> {
        let mut failed = None;
        let mut lacks_variable = false;
        let mut replies = |reply| {
            lacks_variable |= elsewhere::lacks_variable(&reply);
            if failed.is_none() {
                failed = answer(reply).err();
            }
        };
        let stop = self.stop.clone();
        let answered = self.runtime.block_on(async {
            match &self.link {
                Link::Here(engine) => {
                    let caller = Caller { name: Some(who()), way: Way::Local };
                    let changes = request.sort().changes();
                    let answer = engine.answer(request, caller, stop, &mut replies);
                    match self.shared.as_ref().filter(|_| changes) {
                        Some(shared) => shared.changing(answer).await,
                        None => Ok(answer.await),
                    }
                }
                Link::Socket(state) => {
                    let asked = socket::ask(state, (request, Some(who())), stop, &mut replies);
                    let asked = patiently(&self.ui, state, &self.stop, asked).await?;
                    asked.map_err(|error| CommandError::of(&error))
                }
                Link::Server(remote) => {
                    let asked = remote.ask((System::default().new_id(), &request), stop, &mut replies).await;
                    asked.map_err(|error| CommandError::of(&error))
                }
            }
        });
        if lacks_variable && let Some(who) = self.elsewhere() {
            self.ui.note(&elsewhere::advice(&who));
        }
        answered?.map_err(|failure| {
            let who = self.elsewhere().filter(|_| elsewhere::says_so(&failure.message));
            let failed = CommandError::from(failure);
            match who {
                Some(who) => failed.hint(elsewhere::advice(&who)),
                None => failed,
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Which process answers when it is another one.
    fn elsewhere(&self) -> Option<String> {
        match &self.link {
            Link::Here(_) => None,
            Link::Socket(state) => Some(match holder(state) {
                Some(holder) => holder.to_string(),
                None => format!("of {}", state.display()),
            }),
            Link::Server(remote) => Some(format!("at {}", remote.url())),
        }
    }

    /// Whether there is no state: what was opened stands in memory alone.
    pub(crate) fn is_imagined(&self) -> Result<bool, CommandError> {
        Ok(matches!(self.link, Link::Here(_)) && self.head()?.lineage.is_nil())
    }

    /// Whether a person has asked for an end.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Where the state stands.
    pub(crate) fn head(&self) -> Result<Head, CommandError> {
        self.one(Request::Head, |reply| match reply {
            Reply::Head(head) => Some(head),
            _ => None,
        })
    }

    /// Asks and collects the parts of the answer that `pick` wants.
    pub(crate) fn collect<T: Send>(
        &self,
        request: Request,
        pick: impl Fn(Reply) -> Option<T> + Send + Sync,
    ) -> Result<Vec<T>, CommandError> {
        let mut found = Vec::new();
        self.ask(request, |reply| {
            found.extend(pick(reply));
            Ok(())
        })?;
        Ok(found)
    }

    /// Asks for something there is one of.
    pub(crate) fn one<T: Send>(
        &self,
        request: Request,
        pick: impl Fn(Reply) -> Option<T> + Send + Sync,
    ) -> Result<T, CommandError> {
        self.collect(request, pick)?.pop().ok_or_else(|| CommandError::new("there was no answer"))
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    expect_descriptors()?;
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// How many descriptors a process must be able to open beside those that it has: for the runtime, the signals, the
/// state, what lies beside it, and a connection.
const DESCRIPTORS: usize = 24;

/// Looks whether there are enough descriptors before anything fails half-way: the runtime has no error for it.
fn expect_descriptors() -> Result<(), CommandError> {
    let opened: io::Result<Vec<File>> = (0..DESCRIPTORS).map(|_| File::open("/dev/null")).collect();
    opened.map(drop).map_err(|error| {
        CommandError::new(format!(
            "this process may open too few files, {DESCRIPTORS} are needed beside those it has: {error}"
        ))
        .hint("`ulimit -n 256` raises the limit in a shell, `LimitNOFILE=` in a systemd unit")
    })
}

/// Looks at a source: where a daemon has its secrets, be it beside the state or elsewhere, and here without one. Needs
/// no state, so it works while another process holds it.
pub(crate) fn look(
    global: &Global,
    look: Look,
    mut answer: impl FnMut(Reply) -> Result<(), CommandError> + Send,
) -> Result<(), CommandError> {
    let runtime = runtime()?;
    // Tokens that a server issues are beside the state.
    let needs_state = || has_tokens(&look.desired) && global.state.may_exist();
    let is_listened_at = || runtime.block_on(socket::is_listened_at(&global.state.local()));
    if global.server.is_some() || is_listened_at() || needs_state() {
        return Session::open(global, "look", Opening::Existing)?.ask(Request::Look(Box::new(look)), answer);
    }
    let environment: Arc<dyn Environment> = Arc::new(system()?);
    let now = environment.now();
    let (sources, databases) = (SourcePool::new(Arc::clone(&environment)), Databases::new(environment, None));
    let mut failed = None;
    let mut replies = |reply| {
        if failed.is_none() {
            failed = answer(reply).err();
        }
    };
    let looked = runtime.block_on(raccord_serve::look_at((&sources, &databases), now, look, &mut replies));
    looked.map_err(Failure::from)?;
    failed.map_or(Ok(()), Err)
}

/// Whether a configuration has Authorizations with tokens that a server issues.
fn has_tokens(desired: &Desired) -> bool {
    desired
        .resources
        .values()
        .any(|wanted| matches!(&wanted.resource.spec, Spec::Authorization(AuthorizationSpec::OAuth2(_))))
}

/// Hears of every SIGHUP; more than one while nobody listens are one.
pub(crate) fn listen_for_reload() -> io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(1);
    let mut signal = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while signal.recv().await.is_some() {
            // One that waits already is enough.
            let _waits_already = sender.try_send(());
        }
    });
    Ok(receiver)
}

/// Who applies: the user and the machine, as far as the environment says so; without a name, the system's number
/// of the user.
pub(crate) fn who() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("RACCORD_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let host = variable("HOSTNAME").map(|host| format!("@{host}")).unwrap_or_default();
    let uid = rustix::process::getuid();
    let account = || if uid.is_root() { "root".to_owned() } else { format!("uid {}", uid.as_raw()) };
    format!("{}{host}", user.unwrap_or_else(account))
}

/// Writes a file wholly or not at all: beside it first, then renamed over it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let beside = PathBuf::from(format!("{}.tmp", path.display()));
    let failed = |error: &io::Error| CommandError::new(format!("write {}: {error}", path.display()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&beside)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| failed(&error))
}
