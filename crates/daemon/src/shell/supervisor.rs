//! The service manager that has started the daemon, when there is one: it hears that the daemon is ready, reloads
//! or stops, how it stands in one line, and, when it wants to, that the shell still turns.
//!
//! Keep-alives come from the shell's own loop, so that a shell that is stuck falls silent. Nothing is decided here,
//! and a manager that does not listen is no reason to stop.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::Instant;

use raccord_model::port::environment::Environment;

/// The service manager.
#[derive(Debug)]
pub(super) struct Supervisor {
    is_there: bool,
    /// How often it hears that the shell turns: twice as often as it asks for.
    every: Option<Duration>,
    /// When it last heard that.
    last: Instant,
    /// The line it heard last.
    status: String,
    is_reloading: bool,
}

impl Supervisor {
    /// The one that the environment names.
    pub(super) fn new(environment: &dyn Environment) -> Self {
        let is_there = environment.variable("NOTIFY_SOCKET").is_some();
        let every = sd_notify::watchdog_enabled().filter(|_| is_there).map(|timeout| timeout / 2);
        Self { is_there, every, last: Instant::now(), status: String::new(), is_reloading: false }
    }

    /// The daemon runs what is due.
    pub(super) fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// A reload that was asked for has begun.
    pub(super) fn reloading(&mut self) {
        self.is_reloading = true;
        // systemd tells by the time whether it is the reload that it asked for.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "the time of the reload is unknown"),
        }
    }

    /// No reload is under way.
    pub(super) fn settled(&mut self) {
        if std::mem::take(&mut self.is_reloading) {
            self.tell(&[NotifyState::Ready]);
        }
    }

    /// The end was asked for.
    pub(super) fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// The shell has turned once. Tells how the daemon stands when that is new, and that it lives when it is time.
    pub(super) fn turned(&mut self, status: impl FnOnce() -> String) {
        if !self.is_there {
            return;
        }
        let status = status();
        if status != self.status {
            self.tell(&[NotifyState::Status(&status)]);
            self.status = status;
        }
        if self.every.is_some_and(|every| self.last.elapsed() >= every) {
            self.tell(&[NotifyState::Watchdog]);
            self.last = Instant::now();
        }
    }

    /// How long the shell may sleep at most before it turns again.
    pub(super) fn patience(&self) -> Duration {
        self.every.map_or(Duration::MAX, |every| every.saturating_sub(self.last.elapsed()))
    }

    fn tell(&self, what: &[NotifyState<'_>]) {
        if !self.is_there {
            return;
        }
        if let Err(error) = sd_notify::notify(what) {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }
}
