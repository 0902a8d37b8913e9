//! What the shell gives to tasks, because it takes time: loads, applies and notices.
//!
//! `step` waits for the end of what it has begun. So each task tells how it ended, and one that breaks off, by a
//! mistake in our own code, is told to have failed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use raccord_model::Digest;

use super::{Message, Shell, reloading};
use crate::alert;
use crate::apply::{self, Wanted};
use crate::error::DaemonError;
use crate::step::{ApplyEnd, Event};
use raccord_run::conclude;

/// After how many runs the oldest are forgotten.
const RUNS_BETWEEN: u64 = 1_000;

/// After how long an outbox that cannot be read is looked at again.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// What is said of a task that broke off.
const BROKE_OFF: &str = "it broke off by a mistake of raccord itself, which the log shows";

impl Shell {
    pub(super) fn load(&self) {
        let (ports, settings) = (self.core.ports.clone(), self.settings.clone());
        let otherwise = Message::Loaded(Box::new(reloading::Loaded::trouble(BROKE_OFF.to_owned())));
        self.beside(otherwise, async move {
            Some(Message::Loaded(Box::new(reloading::load(&ports, &settings).await)))
        });
    }

    /// Applies what was loaded, which must be what `step` has decided about.
    pub(super) fn apply(&self, digest: Digest) {
        let ports = self.core.ports.clone();
        let Some(loaded) = self.loaded.clone().filter(|loaded| loaded.digest == digest) else {
            let why = "another configuration was loaded meanwhile".to_owned();
            let message = Message::NotApplied(ApplyEnd::Stale, why);
            return self.beside(None, async { Some(message) });
        };
        let wanted = Wanted {
            plan: raccord_plan::Options::default(),
            serial: loaded.plan.serial,
            by: self.settings.by.clone(),
            rollback_to: None,
            commit: loaded.commit.clone(),
        };
        self.beside(Message::NotApplied(ApplyEnd::Failed, BROKE_OFF.to_owned()), async move {
            Some(match apply::apply(&ports, &loaded.desired, &wanted).await {
                Ok(_) => Message::InForce(Some(ApplyEnd::Done)),
                Err(error) => {
                    let is_stale = matches!(error, DaemonError::Stale { .. });
                    let end = if is_stale { ApplyEnd::Stale } else { ApplyEnd::Failed };
                    Message::NotApplied(end, error.to_string())
                }
            })
        });
    }

    /// Shows the diagnostics of a bad configuration, and writes the notices of it.
    pub(super) fn report_bad(&self) {
        let (ports, daemon) = (self.core.ports.clone(), Arc::clone(&self.daemon));
        let waiting = |now| Message::Event(Event::NoticesWaiting { now });
        self.beside(waiting(self.now()), async move {
            if let Err(error) = daemon.report_bad(&ports).await {
                tracing::error!(%error, "the notice of a bad configuration could not be kept");
            }
            Some(waiting(ports.environment.now()))
        });
    }

    /// Writes the notices of changes that wait for a person.
    pub(super) fn report_pending(&self, digest: Digest) {
        let (ports, daemon) = (self.core.ports.clone(), Arc::clone(&self.daemon));
        let waiting = |now| Message::Event(Event::NoticesWaiting { now });
        self.beside(waiting(self.now()), async move {
            if let Err(error) = daemon.report_pending(&ports, digest).await {
                tracing::error!(%error, "the notice of changes that wait could not be kept");
            }
            Some(waiting(ports.environment.now()))
        });
    }

    pub(super) fn deliver(&self) {
        let ports = self.core.ports.clone();
        let delivered = |now, next| Message::Event(Event::Delivered { now, next });
        let later = |now: Timestamp| Some(now.saturating_add(AGAIN).unwrap_or(now));
        self.beside(delivered(self.now(), later(self.now())), async move {
            let next = match alert::deliver::deliver_due(&ports).await {
                Ok(delivery) => delivery.next,
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be read");
                    later(ports.environment.now())
                }
            };
            Some(delivered(ports.environment.now(), next))
        });
    }

    /// Keeps the list of runs bounded, from time to time.
    pub(super) fn forget_oldest_runs(&mut self) {
        self.runs_ended += 1;
        if !self.runs_ended.is_multiple_of(RUNS_BETWEEN) {
            return;
        }
        let ports = self.core.ports.clone();
        self.beside(None, async move {
            if let Err(error) = conclude::forget_oldest(&ports).await {
                tracing::error!(%error, "the oldest runs could not be forgotten");
            }
            None
        });
    }

    /// Lets a task do something and tell of it, or tell `otherwise` when it breaks off.
    pub(super) fn beside(
        &self,
        otherwise: impl Into<Option<Message>>,
        work: impl Future<Output = Option<Message>> + Send + 'static,
    ) {
        let (sender, otherwise) = (self.sender.clone(), otherwise.into());
        tokio::spawn(async move {
            let message = tokio::spawn(work).await.unwrap_or_else(|_| {
                tracing::error!("a task of the daemon broke off");
                otherwise
            });
            if let Some(message) = message {
                // A shell that is gone needs to hear nothing.
                drop(sender.send(message).await);
            }
        });
    }
}
