//! `raccord watch`: the shell with everything around it that reaches the outside: the local socket, HTTP, and the
//! watched files or the pulled repository.
//!
//! It composes and decides nothing; what happens when is decided in [`raccord_daemon`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::audit::{AuditLog, Audited};
use crate::daemon::Daemon;
use crate::http::{self, Access, Bound, Limits, Listen, OpenId, ServeError};
use crate::standby::Listening;
use crate::transport::socket::{Listener, SocketError};
use raccord_daemon::DaemonError;
use raccord_daemon::reload::{WatchError as FilesError, WatchSettings, Watcher};
use raccord_daemon::shell::{Handle, Origin, Settings, Shell, Signals};
use raccord_model::fact::Uid;
use raccord_model::port::inbox::Inbox;
use raccord_run::Ports;

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
    /// Where it is served already, by what stood by until now.
    pub listening: Option<Listening>,
    /// How much HTTP takes at the most.
    pub limits: Limits,
}

/// Why the daemon did not begin, or ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The daemon cannot go on: the state cannot be read or written.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The socket beside the state cannot be listened on.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The files cannot be watched.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// What is served beside the daemon broke off.
    #[error("a task of the daemon ended before its time")]
    Task(#[source] tokio::task::JoinError),
    /// HTTP is not served.
    #[error(transparent)]
    Http(#[from] ServeError),
}

/// Lives until `stop` becomes true and the runs under way have ended. `reload` asks for a reload: SIGHUP.
pub async fn watch(
    ports: &Ports,
    state: &Path,
    what: Watch,
    stop: watch::Receiver<bool>,
    reload: mpsc::Receiver<()>,
) -> Result<(), WatchError> {
    let origin = what.settings.origin.clone();
    // On a shared state another daemon may listen for deliveries.
    let is_shared = what.settings.scheduling.is_some();
    let has_listener = what.listen.is_some() || what.listening.is_some() || is_shared;
    let shell = Shell::new(ports, what.settings).await?;
    let daemon = Daemon::new(ports, shell.handle());
    let daemon = Arc::new(if has_listener { daemon } else { daemon.without_listener() });
    let mut beside = JoinSet::new();
    let socket = Listener::bind(state)?;
    let conversations = socket.conversations();
    let log = AuditLog::new(ports.facts(), Arc::clone(&ports.environment));
    let audited = Arc::new(Audited::new(Arc::clone(&daemon), log));
    let answering = Arc::clone(&audited);
    beside.spawn(async move {
        socket.serve(answering).await;
        Ok(())
    });
    if let Some(listen) = what.listen {
        let access = access(ports, &daemon, listen.openid.clone());
        let end = stop.clone();
        let bound = Bound::new(&listen).await?;
        tracing::info!("listening on {}", bound.url());
        let serving = Arc::<Audited<Daemon>>::clone(&audited);
        beside.spawn(http::serve(bound, (listen.open, what.limits), (serving, access), end));
    }
    if let Some(Listening { front, served, .. }) = what.listening {
        front.hand_over(audited);
        beside.spawn(async move {
            served.await.unwrap_or_else(|error| {
                // It is not ended from outside, so that it has panicked.
                std::panic::resume_unwind(error.into_panic())
            })
        });
    }
    beside.spawn(hear_of_others(ports.inbox.clone(), shell.handle()));
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
    let life = shell.live(signals, daemon.as_ref());
    tokio::pin!(life);
    loop {
        tokio::select! {
            lived = &mut life => {
                // Those whose runs have ended just now are still to hear of it.
                conversations.ended().await;
                return lived.map_err(WatchError::from);
            }
            // HTTP ends by itself once an end is asked for, while runs are still given time to stop.
            Some(ended) = beside.join_next() => why_it_ended(ended)?,
        }
    }
}

/// How often deliveries are looked for that came to daemons which stand by.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Tells the shell of deliveries that other processes have put into inboxes, where those can.
async fn hear_of_others(inbox: Arc<dyn Inbox>, handle: Arc<Handle>) -> Result<(), ServeError> {
    let mut known = BTreeMap::new();
    loop {
        match inbox.arrivals().await {
            Ok(None) => return Ok(()),
            Ok(Some(arrivals)) => {
                let is_new = |(uid, last): &(&Uid, &u64)| known.get(*uid) != Some(*last);
                let new: Vec<Uid> = arrivals.iter().filter(is_new).map(|(uid, _)| *uid).collect();
                if !new.is_empty() {
                    handle.arrived(new);
                }
                known = arrivals;
            }
            Err(error) => tracing::warn!(%error, "deliveries of other daemons could not be looked for"),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn access(ports: &Ports, daemon: &Daemon, openid: Option<OpenId>) -> Access {
    let environment = Arc::clone(&ports.environment);
    Access { facts: ports.facts(), environment, root: daemon.root(), openid }
}

/// What is served beside the shell ends by an error, or at an asked end.
fn why_it_ended(ended: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), WatchError> {
    match ended {
        Ok(served) => Ok(served?),
        Err(error) => Err(WatchError::Task(error)),
    }
}

#[cfg(test)]
mod tests {
    use raccord_config::load_texts;
    use raccord_model::fact::RunOutcome;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::Dispatcher;
    use crate::request::{ApplyOptions, Request, Text};
    use raccord_connect::System;
    use raccord_daemon::reload::Policy;
    use raccord_model::port::environment::Environment as _;
    use raccord_store::{Opener, Store};

    const CONFIGURATION: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {contact: {key: id, fields: {id: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: http
  authorization: {type: none}
  config: {baseUrl: BASE, dataTypes: {people: {}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: shop, to: crm.contact, active: true, schedule: 1h, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {people: [created]}}
";

    /// HTTP has ended long before the runs have: no client is connected.
    #[tokio::test(flavor = "multi_thread")]
    async fn runs_stop_in_peace_though_http_has_ended() {
        let server = MockServer::start().await;
        let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(10));
        Mock::given(any()).respond_with(slow).mount(&server).await;
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join("state.redb");
        let system = System::default();
        let opener = Opener { verb: "test".to_owned(), at: system.now(), lineage: system.new_id() };
        let store = Store::open(&path, &opener).unwrap();
        let ports = crate::embedded::ports(store, Arc::new(system));
        let text = CONFIGURATION.replace("BASE", &server.uri()).into_bytes();
        let loaded = load_texts(vec![("a.yaml".to_owned(), text)], ".", &[].into());
        let desired = Arc::new(loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)));
        let plan = raccord_plan::Options::default();
        let by = "test".to_owned();
        let options = ApplyOptions { plan, serial: 0, by: Text::cut(&by), rollback_to: None, commit: None };
        let (stop, stopped) = watch::channel(false);
        Dispatcher::new(ports.clone())
            .handle(Request::Apply(desired, options), stopped.clone(), &mut |_| {})
            .await
            .unwrap();
        let listen = Listen {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            insecure: false,
            open: http::Open::default(),
            openid: None,
        };
        let settings = Settings {
            origin: Origin::Api,
            policy: Policy::default(),
            drain: Duration::from_mins(1),
            by,
            scheduling: None,
        };
        let what = Watch {
            settings,
            files: WatchSettings::default(),
            pull: Duration::MAX,
            listen: Some(listen),
            listening: None,
            limits: Limits::default(),
        };
        let (_reload, reloads) = mpsc::channel(1);
        let (lived, ()) = tokio::join!(watch(&ports, &path, what, stopped, reloads), async {
            while server.received_requests().await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.send_replace(true);
        });
        lived.unwrap();
        assert_eq!(ports.facts().runs(1).await.unwrap()[0].outcome, RunOutcome::Stopped);
    }
}
