//! What answers a command: this process on its own state, or the owner of that. It renders nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raccord_connect::{SourcePool, System};
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
use raccord_store::holder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::databases::Databases;
use crate::elsewhere;
use crate::error::CommandError;
use crate::interrupt;
pub(crate) use crate::opening::{Opening, system};
use crate::options::Global;
use crate::owner::{own, patiently};
use crate::place::StateAt;
use crate::ports::ports;
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

/// The verbs that tell how runs have ended.
const TELLS_OF_RUNS: [&str; 2] = ["runs", "status"];

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

/// Hears of every SIGHUP; more than one before the receiver takes it are one.
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
