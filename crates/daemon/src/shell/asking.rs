//! What is asked of the daemon while it lives: runs, applies, the configuration that waits. Runs and what concerns the
//! configuration go through the shell; what else changes how transfers stand is told to it afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use raccord_model::{Desired, Name};
use raccord_run::applied::Applied;
use raccord_run::report::RunReport;
use raccord_run::select;
use tokio::sync::{mpsc, oneshot, watch};

use super::core::{Asked, Outlook, PROGRESS, RunNews};
use super::handle::Handle;
use super::{Configuration, Message, Origin, view};
use crate::apply::{self, Wanted};
use crate::error::DaemonError;

/// The shell is gone: the daemon is ending.
fn ending<T>(_: T) -> DaemonError {
    DaemonError::Ending
}

impl Handle {
    /// Has integrations run, or all of them when none is named. `news` hears of progress and of each run's end; `stop`
    /// becomes true when the caller wants an early end.
    pub async fn run(
        &self,
        integrations: Vec<Name>,
        mut stop: watch::Receiver<bool>,
        news: &mut (dyn FnMut(RunNews) + Send),
    ) -> Result<RunReport, DaemonError> {
        let (sender, mut parts) = mpsc::channel(PROGRESS);
        let (done, mut report) = oneshot::channel();
        let number = self.askers.fetch_add(1, Ordering::Relaxed);
        let asked = Asked { number, integrations: integrations.clone(), news: sender, done };
        self.sender.send(Message::Asked(asked)).await.map_err(ending)?;
        let mut is_stopping = false;
        let mut report = loop {
            tokio::select! {
                Some(part) = parts.recv() => news(part),
                report = &mut report => break report.map_err(ending)??,
                Ok(()) = stop.changed(), if !is_stopping => {
                    is_stopping = *stop.borrow();
                    if is_stopping {
                        self.sender.send(Message::StopAsked(number)).await.map_err(ending)?;
                    }
                }
            }
        };
        while let Ok(part) = parts.try_recv() {
            news(part);
        }
        select::look_back(&self.ports, &self.applied(), &integrations, &mut report).await?;
        Ok(report)
    }

    /// Applies a configuration that a caller sends. Returns the number of the generation in force.
    pub async fn apply(&self, desired: &Desired, wanted: &Wanted) -> Result<u64, DaemonError> {
        self.comes_from_its_place(desired)?;
        let applied = apply::apply(&self.ports, desired, wanted).await;
        // A part of an apply that failed may be in force all the same: its steps come after its commit.
        let told = self.sender.send(Message::InForce(None)).await;
        let generation = applied?;
        told.map_err(ending)?;
        Ok(generation)
    }

    /// A configuration has one place: what is applied by hand beside files that are watched would be undone by the
    /// next change of them.
    fn comes_from_its_place(&self, desired: &Desired) -> Result<(), DaemonError> {
        if matches!(self.origin, Origin::Api) {
            return Ok(());
        }
        let loaded = self.board().loaded.clone();
        if loaded.is_some_and(|loaded| loaded.desired.digest() == desired.digest()) {
            return Ok(());
        }
        Err(DaemonError::Elsewhere(self.origin.in_words()))
    }

    /// The configuration that waits for a person.
    pub fn pending(&self) -> Result<Arc<Configuration>, DaemonError> {
        let board = self.board();
        board.pending.clone().ok_or_else(|| {
            DaemonError::NothingWaits(match &board.trouble {
                _ if board.is_bad => {
                    ", for the last configuration is bad: `raccord status` tells what is wrong with \
                                      it; what was applied last goes on"
                        .to_owned()
                }
                Some(trouble) => format!(", for the configuration could not be loaded: {trouble}"),
                None => ": what was loaded is in force".to_owned(),
            })
        })
    }

    /// A configuration that waited was applied: it waits no more, even before the shell hears of the apply.
    pub fn accepted(&self, configuration: &Arc<Configuration>) {
        let mut board = self.board();
        if board.pending.as_ref().is_some_and(|pending| Arc::ptr_eq(pending, configuration)) {
            board.pending = None;
        }
    }

    /// What runs, and when the transfers of a generation run next by themselves. It is known beside the shell, so that nothing is
    /// waited for.
    pub fn outlook(&self, applied: &Applied) -> Outlook {
        self.state.outlook(applied.transfers().map(|(_, uid, _)| uid))
    }

    /// Tells the shell that some transfers stand otherwise, because a caller acted.
    pub async fn changed(&self, names: BTreeSet<Name>) -> Result<(), DaemonError> {
        self.sender.send(Message::Changed(names)).await.map_err(ending)
    }

    /// Tells the shell that an integration was paused or resumed.
    pub async fn integration_changed(&self, integration: &Name) -> Result<(), DaemonError> {
        self.changed(view::subscribed(&self.applied(), integration)).await
    }
}
