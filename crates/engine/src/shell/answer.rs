//! What the daemon answers to whoever asks: most of it the engine does beside the shell, which is told afterwards; runs
//! and what concerns the configuration that waits go through the shell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use raccord_model::port::Async;
use raccord_model::{Desired, Digest, Name};
use tokio::sync::{mpsc, oneshot, watch};

use super::beside::tell_in_force;
use super::core::{Asked, PROGRESS};
use super::handle::Daemon;
use super::{Configuration, Message, Origin, view};
use crate::access;
use crate::engine::Replies;
use crate::failure::{Failure, FailureCode};
use crate::request::{ApplyOptions, Reply, Request, Status, Text};
use crate::run::select;
use crate::transport::{Answering, Caller, Way};

impl Answering for Daemon {
    fn answer<'a>(
        &'a self,
        request: Request,
        caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move {
            access::admit(request.sort(), caller.way)?;
            let request = access::attribute(request, &caller);
            let answered = self.respond(request, caller.way, stop, replies).await;
            if answered.is_err() {
                // Whatever the reason says: it may be that the state is not where it was.
                self.doubt();
            }
            answered
        })
    }
}

impl Daemon {
    async fn respond(
        &self,
        request: Request,
        way: Way,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        match request {
            Request::Run { integrations } => self.run(integrations, stop, replies).await,
            Request::Apply(desired, options) => {
                let desired = self.at_home(desired, way);
                self.apply(desired, options, stop, replies).await
            }
            Request::Plan(desired, options) => {
                let desired = self.at_home(desired, way);
                self.ask(Request::Plan(desired, options), stop, replies).await
            }
            Request::Pending => self.pending(replies),
            Request::AcceptPending { options, serial, configuration, by } => {
                let options = ApplyOptions { plan: options, serial, by, rollback_to: None, commit: None };
                self.accept_pending(configuration, options, stop, replies).await
            }
            Request::Status => self.status(stop, replies).await,
            Request::Pause { ref integration, .. } | Request::Resume { ref integration, .. } => {
                let concerned = view::subscribed(&self.applied(), integration);
                self.ask(request, stop, replies).await?;
                self.tell_changed(&concerned).await
            }
            Request::Resync { ref transfer, .. } => {
                let concerned = BTreeSet::from([transfer.clone()]);
                self.ask(request, stop, replies).await?;
                self.tell_changed(&concerned).await
            }
            other => self.ask(other, stop, replies).await,
        }
    }

    async fn ask(
        &self,
        request: Request,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        self.engine.handle(request, stop, replies).await.map_err(Failure::from)
    }

    /// The data paths of a configuration that comes from another machine are relative to where this runs.
    fn at_home(&self, mut desired: Arc<Desired>, way: Way) -> Arc<Desired> {
        if way == Way::Http {
            Arc::make_mut(&mut desired).root = self.root();
        }
        desired
    }

    /// Hands a request for runs to the shell, and what comes of it to whoever asked.
    async fn run(
        &self,
        integrations: Vec<Name>,
        mut stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let (sender, mut parts) = mpsc::channel(PROGRESS);
        let (done, mut report) = oneshot::channel();
        let number = self.askers.fetch_add(1, Ordering::Relaxed);
        let asked = Asked { number, integrations: integrations.clone(), replies: sender, done };
        self.sender.send(Message::Asked(asked)).await.map_err(|_| ending())?;
        let mut is_stopping = false;
        let mut report = loop {
            tokio::select! {
                Some(part) = parts.recv() => replies(part),
                report = &mut report => break report.map_err(|_| ending())??,
                Ok(()) = stop.changed(), if !is_stopping => {
                    is_stopping = *stop.borrow();
                    if is_stopping {
                        self.sender.send(Message::StopAsked(number)).await.map_err(|_| ending())?;
                    }
                }
            }
        };
        while let Ok(part) = parts.try_recv() {
            replies(part);
        }
        let looked = select::look_back(&self.engine, &self.applied(), &integrations, &mut report).await;
        looked.map_err(Failure::from)?;
        replies(Reply::Report(report));
        Ok(())
    }

    async fn apply(
        &self,
        desired: Arc<Desired>,
        options: ApplyOptions,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        self.comes_from_its_place(&desired)?;
        let applied = self.engine.handle(Request::Apply(desired, options), stop, replies).await;
        // A part of an apply that failed may be in force all the same: its steps come after its commit.
        let told = tell_in_force(&self.engine, &self.sender, None).await;
        applied.map_err(Failure::from)?;
        told.map_err(|_| ending())
    }

    /// A configuration has one place: what is applied by hand beside files that are watched would be undone by the
    /// next change of them.
    fn comes_from_its_place(&self, desired: &Desired) -> Result<(), Failure> {
        if matches!(self.origin, Origin::Api) {
            return Ok(());
        }
        let loaded = self.board().loaded.clone();
        if loaded.is_some_and(|loaded| loaded.desired.digest() == desired.digest()) {
            return Ok(());
        }
        Err(Failure::new(
            FailureCode::Invalid,
            format!(
                "the daemon takes its configuration from {}, and this is another one: change it there, or \
                 start the daemon with `--from api`",
                self.origin.in_words()
            ),
        ))
    }

    /// The configuration that waits for a person.
    fn waiting(&self) -> Result<Arc<Configuration>, Failure> {
        let board = self.board();
        board.pending.clone().ok_or_else(|| {
            let why = match &board.trouble {
                _ if board.is_bad => {
                    "no change waits, for the last configuration is bad: `raccord status` tells what is \
                                      wrong with it; what was applied last goes on"
                        .to_owned()
                }
                Some(trouble) => {
                    format!("no change waits, for the configuration could not be loaded: {trouble}")
                }
                None => "no change waits: what was loaded is in force".to_owned(),
            };
            Failure::new(FailureCode::Unknown, why)
        })
    }

    fn pending(&self, replies: &mut Replies<'_>) -> Result<(), Failure> {
        let pending = self.waiting()?;
        replies(Reply::Plan(Box::new(pending.plan.clone())));
        Ok(())
    }

    async fn accept_pending(
        &self,
        configuration: Digest,
        options: ApplyOptions,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let pending = self.waiting()?;
        if pending.plan.configuration != configuration {
            let message = "another change waits by now than the one that was planned";
            return Err(Failure::new(FailureCode::Stale, message));
        }
        let options = ApplyOptions { commit: pending.commit.as_deref().map(Text::cut), ..options };
        self.apply(Arc::clone(&pending.desired), options, stop, replies).await
    }

    /// The status of the state, and beside it what only the daemon knows.
    pub(super) async fn status(
        &self,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let mut found: Option<Box<Status>> = None;
        self.ask(Request::Status, stop, &mut |reply| {
            if let Reply::Status(status) = reply {
                found = Some(status);
            }
        })
        .await?;
        let Some(mut status) = found else { return Ok(()) };
        let (sender, receiver) = oneshot::channel();
        self.sender.send(Message::NextRuns(sender)).await.map_err(|_| ending())?;
        let next_runs = receiver.await.map_err(|_| ending())?;
        for transfer in &mut status.transfers {
            transfer.next_run = next_runs.get(&transfer.name).copied();
        }
        status.daemon = Some(self.daemon_status());
        replies(Reply::Status(status));
        Ok(())
    }

    async fn tell_changed(&self, names: &BTreeSet<Name>) -> Result<(), Failure> {
        // In this order, so that a later standing is never told before an earlier one, as in `tell_in_force`.
        let place = self.sender.reserve().await.map_err(|_| ending())?;
        let _alone = self.engine.facts_lock.lock().await;
        let standings = view::standings(&self.engine, &self.applied(), Some(names)).await?;
        place.send(Message::Changed(standings));
        Ok(())
    }
}

fn ending() -> Failure {
    Failure::new(FailureCode::Unavailable, "the daemon is ending")
}
