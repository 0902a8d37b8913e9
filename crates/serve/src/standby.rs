//! A daemon that stands by on a shared state, as it is served: it takes webhooks, which the daemon that works applies, and
//! answers what only looks. What would change something is refused with the name of the daemon that works.
//!
//! It runs nothing and decides nothing. Once its turn has come, what answers at its address is replaced and the address stays.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raccord_model::Name;
use raccord_model::port::Async;
use raccord_run::Ports;
use raccord_run::applied::{Applied, AppliedError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::access;
use crate::audit::{AuditLog, Audited};
use crate::daemon::hooks::Hooks;
use crate::dispatch::Dispatcher;
use crate::failure::{Failure, FailureCode};
use crate::http::{self, Access, Bound, Limits, Listen, ServeError};
use crate::metrics::Metrics;
use crate::reply::Replies;
use crate::request::{Request, Sort};
use crate::serving::{Push, PushHead, Readiness, Received, Serving};
use crate::transport::{Answering, Caller};

/// How often the state is asked which generation is in force. A delivery asks by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A daemon that stands by.
pub struct Standby {
    ports: Ports,
    dispatcher: Dispatcher,
    known: Mutex<Known>,
    metrics: Metrics,
    changes: watch::Sender<u64>,
}

/// What it knows of the state and of the daemon that works.
struct Known {
    applied: Arc<Applied>,
    hooks: Arc<Hooks>,
    /// What is said of the daemon that works.
    worker: String,
}

impl Standby {
    /// One on these ports.
    ///
    /// # Errors
    /// When the generation in force cannot be read.
    pub async fn new(ports: &Ports) -> Result<Self, AppliedError> {
        let applied = Arc::new(Applied::load(&ports.state).await?);
        let hooks = Arc::new(Hooks::of(&applied, &ports.outside.webhooks, &Arc::default()));
        hooks.begin();
        Ok(Self {
            dispatcher: Dispatcher::new(ports.clone()),
            metrics: Metrics::new(&applied, ports.environment.now()),
            ports: ports.clone(),
            known: Mutex::new(Known { applied, hooks, worker: NO_WORKER.to_owned() }),
            changes: watch::channel(0).0,
        })
    }

    /// Says which daemon works: `None` while none does.
    pub fn works(&self, worker: Option<&str>) {
        worker.unwrap_or(NO_WORKER).clone_into(&mut self.known().worker);
    }

    /// Follows the generation in force, for ever.
    pub async fn live(&self) {
        loop {
            sleep(LOOK_AGAIN).await;
            if let Err(error) = self.follow().await {
                tracing::warn!(%error, "the generation in force could not be read");
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hooks(&self) -> Arc<Hooks> {
        Arc::clone(&self.known().hooks)
    }

    /// Takes the generation that is in force, should it be another one.
    async fn follow(&self) -> Result<(), AppliedError> {
        let head = self.ports.state.head().await?;
        if self.known().applied.head == head {
            return Ok(());
        }
        let applied = Arc::new(Applied::load(&self.ports.state).await?);
        let hooks = self.hooks();
        let hooks = Arc::new(Hooks::of(&applied, &self.ports.outside.webhooks, hooks.tallies()));
        hooks.begin();
        self.metrics.follow(&applied);
        {
            let mut known = self.known();
            (known.applied, known.hooks) = (applied, hooks);
        }
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    /// The refusal of what only the daemon that works can do.
    fn refusal(&self) -> Failure {
        let message = format!("this daemon stands by: {}", self.known().worker);
        Failure::new(FailureCode::Unavailable, message)
    }
}

/// What is said while no daemon works.
const NO_WORKER: &str = "no daemon works on the state at the moment, and one is about to take it over";

impl Answering for Standby {
    fn answer<'a>(
        &'a self,
        request: Request,
        caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move {
            let sort = request.sort();
            access::admit(sort, caller.way)?;
            // Which change waits for a person only the daemon knows that has loaded it.
            if sort.changes() || sort == Sort::Pending {
                return Err(self.refusal());
            }
            self.dispatcher.handle(request, stop, replies).await.map_err(Failure::from)
        })
    }
}

impl Serving for Standby {
    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn stands_by(&self) -> Option<String> {
        Some(self.known().worker.clone())
    }

    fn readiness(&self) -> Readiness {
        let mut problems = vec![format!("this daemon stands by: {}", self.known().worker)];
        problems.extend(self.hooks().problems());
        Readiness { ready: false, problems }
    }

    /// What is counted here; how the state stands, the daemon that works says.
    fn metrics(&self) -> Async<'_, String> {
        let at = (self.ports.environment.now(), Instant::now());
        Box::pin(self.metrics.scrape(at, std::future::ready(None)))
    }

    fn largest_push(&self) -> usize {
        self.hooks().largest()
    }

    fn admit(&self, head: &PushHead<'_>) -> Result<(), Received> {
        self.hooks()
            .admit(head, self.ports.environment.now())
            .inspect_err(|received| self.metrics.delivered(head.source, *received))
    }

    fn push_was_too_large(&self, source: &Name, peer: IpAddr) {
        self.hooks().complain_of_size(source, peer);
        self.metrics.delivered(source, Received::TooLarge);
    }

    fn receive(&self, push: Push) -> Async<'_, Received> {
        Box::pin(async move {
            let source = push.source.clone();
            // A delivery that comes after an apply is read by what that has put in force.
            let received = match self.follow().await {
                Ok(()) => self.hooks().receive(&self.ports, push).await.0,
                Err(error) => {
                    tracing::error!(%source, %error, "a delivery could not be kept");
                    Received::Unavailable
                }
            };
            self.metrics.delivered(&source, received);
            received
        })
    }
}

/// What answers at an address: a daemon that stands by, and then the same that works.
pub struct Front {
    now: Mutex<Arc<dyn Serving>>,
}

impl Front {
    /// The first that answers.
    pub fn new(first: Arc<dyn Serving>) -> Self {
        Self { now: Mutex::new(first) }
    }

    /// From now on another one answers.
    pub fn hand_over(&self, next: Arc<dyn Serving>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    fn now(&self) -> Arc<dyn Serving> {
        Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Answering for Front {
    fn answer<'a>(
        &'a self,
        request: Request,
        caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move {
            let mut hand_on = |reply| replies(reply);
            self.now().answer(request, caller, stop, &mut hand_on).await
        })
    }
}

impl Serving for Front {
    fn changes(&self) -> watch::Receiver<u64> {
        self.now().changes()
    }

    fn stands_by(&self) -> Option<String> {
        self.now().stands_by()
    }

    fn readiness(&self) -> Readiness {
        self.now().readiness()
    }

    fn metrics(&self) -> Async<'_, String> {
        Box::pin(async { self.now().metrics().await })
    }

    fn largest_push(&self) -> usize {
        self.now().largest_push()
    }

    fn admit(&self, head: &PushHead<'_>) -> Result<(), Received> {
        self.now().admit(head)
    }

    fn push_was_too_large(&self, source: &Name, peer: IpAddr) {
        self.now().push_was_too_large(source, peer);
    }

    fn receive(&self, push: Push) -> Async<'_, Received> {
        Box::pin(async { self.now().receive(push).await })
    }
}

/// An address at which a daemon answers, before and after its turn has come.
pub struct Listening {
    /// What answers there.
    pub front: Arc<Front>,
    /// What answers there first.
    pub standby: Arc<Standby>,
    /// How serving ends.
    pub served: JoinHandle<Result<(), ServeError>>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

/// Why nothing is served while a daemon stands by.
#[derive(Debug, thiserror::Error)]
pub enum StandbyError {
    /// The generation in force cannot be read.
    #[error(transparent)]
    Applied(#[from] AppliedError),
    /// HTTP is not served.
    #[error(transparent)]
    Http(#[from] ServeError),
}

/// Answers at an address until `end` becomes true.
///
/// # Errors
/// When the generation in force cannot be read, or nothing can listen there.
pub async fn listen(
    ports: &Ports,
    listen: Listen,
    limits: Limits,
    end: watch::Receiver<bool>,
) -> Result<Listening, StandbyError> {
    let standby = Arc::new(Standby::new(ports).await?);
    let log = AuditLog::new(ports.facts(), Arc::clone(&ports.environment));
    let first = Audited::new(Arc::clone(&standby), log);
    let front = Arc::new(Front::new(Arc::new(first)));
    let here = || std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
    let root = standby.known().applied.head.root.clone().unwrap_or_else(here);
    let environment = Arc::clone(&ports.environment);
    let access = Access { facts: ports.facts(), environment, root, openid: listen.openid.clone() };
    let bound = Bound::new(&listen).await?;
    tracing::info!("listening on {}", bound.url());
    let serving: Arc<dyn Serving> = Arc::<Front>::clone(&front);
    let served = tokio::spawn(http::serve(bound, (listen.open, limits), (serving, access), end));
    Ok(Listening { front, standby, served })
}
