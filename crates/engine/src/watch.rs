//! `raccord watch`: the shell with everything around it that reaches the outside: the local socket, HTTP, and the
//! watched files or the pulled repository.
//!
//! It composes and decides nothing; what happens when is [`crate::daemon`]'s affair.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::audit::{AuditLog, Audited};
use crate::engine::{Engine, EngineError};
use crate::http::{self, Access, Listen, ServeError};
use crate::reload::{WatchError as FilesError, WatchSettings, Watcher};
use crate::shell::{Daemon, Origin, Settings, Shell, Signals};
use crate::transport::socket::{Listener, SocketError};

/// What the daemon is given.
#[derive(Debug)]
pub struct Watch {
    /// How it works.
    pub settings: Settings,
    /// How files are watched.
    pub files: WatchSettings,
    /// How often a repository is pulled.
    pub pull: Duration,
    /// Where HTTP is served, if anywhere.
    pub listen: Option<Listen>,
}

/// Why the daemon did not begin, or ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The engine cannot go on: the state cannot be read or written.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Nobody can listen beside the state.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The files cannot be watched.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// HTTP is not served.
    #[error(transparent)]
    Http(#[from] ServeError),
}

/// Lives until `stop` becomes true and the runs under way have ended. `reload` asks for a reload: SIGHUP.
pub async fn watch(
    engine: &Engine,
    state: &Path,
    what: Watch,
    stop: watch::Receiver<bool>,
    reload: mpsc::Receiver<()>,
) -> Result<(), WatchError> {
    let origin = what.settings.origin.clone();
    let shell = Shell::new(engine, what.settings).await?;
    let daemon = shell.daemon();
    let mut beside = JoinSet::new();
    let socket = Listener::bind(state)?;
    let log = AuditLog::new(engine.facts(), Arc::clone(&engine.environment));
    let audited = Arc::new(Audited::new(Arc::clone(&daemon), log));
    let answering = Arc::clone(&audited);
    beside.spawn(async move {
        socket.serve(answering).await;
        Ok(())
    });
    if let Some(listen) = what.listen {
        let access = access(engine, &daemon);
        let end = stop.clone();
        beside.spawn(async move { http::serve(listen, audited, access, end).await });
    }
    let changed = Arc::new(Notify::new());
    // Watching ends when this is dropped.
    let _watcher = match &origin {
        Origin::Files { loader, .. } => {
            let watcher = Watcher::start(loader, what.files, Arc::clone(&changed)).await?;
            if let Some(why) = watcher.fallback() {
                tracing::warn!("the files are looked at from time to time instead of watched: {why}");
            }
            Some(watcher)
        }
        Origin::Git { .. } | Origin::Api => None,
    };
    let pull = matches!(origin, Origin::Git { .. }).then(|| tokio::time::interval(what.pull));
    let signals = Signals { stop, changed, reload, pull };
    tokio::select! {
        lived = shell.live(signals) => lived.map_err(WatchError::from),
        Some(ended) = beside.join_next() => why_it_ended(ended),
    }
}

fn access(engine: &Engine, daemon: &Daemon) -> Access {
    Access { facts: engine.facts(), environment: Arc::clone(&engine.environment), root: daemon.root() }
}

/// What is served beside the shell ends only by an error; at an asked end the shell is the first to go.
fn why_it_ended(ended: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), WatchError> {
    match ended {
        Ok(served) => Ok(served?),
        Err(error) => Err(EngineError::Task(error).into()),
    }
}
