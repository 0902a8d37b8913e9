//! The daemon as it is served: what it answers, the webhooks it takes, its metrics and its health. It decides nothing; what
//! concerns runs and the configuration is asked of the daemon's own shell.

mod allowance;
mod answer;
mod board;
mod dropped;
pub(crate) mod hooks;
mod live;
mod observe;
mod receiver;
#[cfg(test)]
mod tests;
mod undelivered;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use raccord_daemon::observer::{Observer, ReloadResult};
use raccord_daemon::shell::{Handle, Health};
use raccord_model::Name;
use raccord_model::fact::Run;
use raccord_model::port::Async;
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::report::Progress;
use tokio::sync::watch;

use crate::dispatch::Dispatcher;
use crate::metrics::Metrics;
use crate::serving::{Push, PushHead, Readiness, Received, Serving};
use board::Board;
use hooks::Hooks;
use live::Live;
use undelivered::Undelivered;

/// The daemon as it is served.
pub struct Daemon {
    ports: Ports,
    handle: Arc<Handle>,
    /// Answers what the shell need not hear of.
    dispatcher: Dispatcher,
    /// The webhooks in force.
    hooks: Mutex<Arc<Hooks>>,
    /// The deliveries that cannot arrive.
    undelivered: Undelivered,
    /// What is counted.
    metrics: Metrics,
    /// How far runs have come, and that something has changed.
    live: Live,
    /// What is known of all transfers.
    board: Board,
}

impl Daemon {
    /// The daemon behind a handle.
    pub fn new(ports: &Ports, handle: Arc<Handle>) -> Self {
        let applied = handle.applied();
        let hooks = Arc::new(Hooks::of(&applied, &ports.outside.webhooks, &Arc::default()));
        hooks.begin();
        Self {
            metrics: Metrics::new(&applied, ports.environment.now()),
            dispatcher: Dispatcher::new(ports.clone()),
            ports: ports.clone(),
            hooks: Mutex::new(hooks),
            undelivered: Undelivered::default(),
            live: Live::default(),
            board: Board::default(),
            handle,
        }
    }

    /// The same, when no process listens for deliveries: a source whose deliveries something active reads is warned of.
    #[must_use]
    pub fn without_listener(mut self) -> Self {
        self.undelivered = Undelivered::without_listener();
        self.undelivered.follow(self.hooks().wanting());
        self
    }

    /// What data paths of a configuration that comes from another machine are relative to.
    pub fn root(&self) -> String {
        self.handle.root()
    }

    /// Whether deliveries are taken, and the webhooks in force. In this order: once the first apply has ended, its webhooks
    /// are there, and a delivery to one of them is not refused by those of before.
    fn hooks_in_force(&self) -> (bool, Arc<Hooks>) {
        let has_begun = self.handle.has_begun();
        (has_begun, self.hooks())
    }

    fn hooks(&self) -> Arc<Hooks> {
        Arc::clone(&self.hooks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Daemon {
    fn progressed(&self, progress: &Progress) {
        self.live.progressed(progress);
    }

    fn run_ended(&self, run: &Run) {
        self.metrics.run_ended(run);
        self.board.ended(run.transfer_uid);
        self.live.ended(&run.transfer);
    }

    fn reload_ended(&self, result: ReloadResult) {
        self.metrics.reload_ended(result);
        self.live.changed();
    }

    fn in_force(&self, applied: &Arc<Applied>) {
        let hooks = Arc::new(Hooks::of(applied, &self.ports.outside.webhooks, self.hooks().tallies()));
        hooks.begin();
        self.undelivered.follow(hooks.wanting());
        self.metrics.follow(applied);
        self.board.changed();
        self.live.changed();
        *self.hooks.lock().unwrap_or_else(PoisonError::into_inner) = hooks;
    }

    fn inspect(&self) {
        let hooks = self.hooks();
        // It reads files and may ask a vault, so nothing waits for it.
        drop(tokio::spawn(hooks.look_all()));
    }
}

impl Serving for Daemon {
    fn changes(&self) -> watch::Receiver<u64> {
        self.live.changes()
    }

    fn readiness(&self) -> Readiness {
        let Health { errors, trouble, tripped, ready, .. } = self.handle.health();
        let mut problems = Vec::new();
        if errors > 0 {
            let plural = if errors == 1 { "" } else { "s" };
            problems.push(format!("the last configuration has {errors} error{plural}"));
        }
        problems.extend(trouble);
        problems.extend(self.hooks().problems());
        problems.extend(tripped.iter().map(|name| format!("the integration {name} is disabled")));
        Readiness { ready, problems }
    }

    fn metrics(&self) -> Async<'_, String> {
        let begun = tokio::time::Instant::now();
        Box::pin(self.metrics.scrape((self.ports.environment.now(), begun), self.observe()))
    }

    fn largest_push(&self) -> usize {
        self.hooks().largest()
    }

    fn admit(&self, head: &PushHead<'_>) -> Result<(), Received> {
        let (has_begun, hooks) = self.hooks_in_force();
        let admitted = if has_begun {
            hooks.admit(head, self.ports.environment.now())
        } else {
            Err(Received::Unavailable)
        };
        if let Err(received) = admitted {
            self.metrics.delivered(head.source, received);
        }
        admitted
    }

    fn push_was_too_large(&self, source: &Name, peer: IpAddr) {
        self.hooks().complain_of_size(source, peer);
        self.metrics.delivered(source, Received::TooLarge);
    }

    fn receive(&self, push: Push) -> Async<'_, Received> {
        Box::pin(async move {
            let (has_begun, hooks) = self.hooks_in_force();
            let source = push.source.clone();
            if !has_begun {
                // The service is to come again.
                self.metrics.delivered(&source, Received::Unavailable);
                return Received::Unavailable;
            }
            let (received, transfers) = hooks.receive(&self.ports, push).await;
            if received == Received::Unavailable {
                self.handle.doubt();
            }
            self.metrics.delivered(&source, received);
            if !transfers.is_empty() {
                self.handle.arrived(transfers);
            }
            received
        })
    }
}
