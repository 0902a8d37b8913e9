//! Who makes the runs that `step` begins: this process, or the daemon that takes them from the queue of a shared state.
//! The shell sees no difference but who does it.

use std::sync::Arc;

use raccord_model::Name;
use raccord_model::fact::{RunCause, Tally, Uid};
use raccord_run::applied::Applied;
use raccord_run::report::Progress;
use raccord_run::runner::{DecidedBy, Ended, Runner, Start};
use raccord_run::{RunnerError, shared};
use tokio::sync::mpsc;

use super::queueing::Queueing;

/// Who makes runs.
pub(super) enum Executor {
    /// This process.
    Local(Runner),
    /// The daemon that takes them from the queue.
    Queue(Queueing),
}

/// A run that is to be made.
pub(super) struct Wanted {
    pub(super) uid: Uid,
    pub(super) name: Name,
    pub(super) cause: RunCause,
}

impl Executor {
    /// The generation under which runs begin.
    pub(super) const fn applied(&self) -> &Arc<Applied> {
        match self {
            Self::Local(runner) => runner.applied(),
            Self::Queue(queueing) => queueing.applied(),
        }
    }

    /// Begins what follows under another generation.
    pub(super) fn follow(&mut self, applied: Arc<Applied>) {
        match self {
            Self::Local(runner) => runner.follow(applied),
            Self::Queue(queueing) => queueing.follow(applied),
        }
    }

    /// Begins runs that share a reading, or one by itself. Their ends come out of [`Self::ended`].
    pub(super) fn start(&mut self, runs: Vec<Wanted>, progress: &mpsc::Sender<Progress>) {
        let runner = match self {
            Self::Local(runner) => runner,
            Self::Queue(queueing) => return queueing.start(runs),
        };
        let mut seats = if runs.len() > 1 { shared::seats(runs.len()) } else { Vec::new() };
        for Wanted { uid, name, cause } in runs {
            let (sender, transfer) = (progress.clone(), name.clone());
            let progress = Box::new(move |tally: &Tally, pages| {
                let progress = Progress { transfer: transfer.clone(), tally: *tally, pages };
                // The next page tells what a full queue leaves out.
                drop(sender.try_send(progress));
            });
            runner.start(Start { uid, name, cause, progress, seat: seats.pop(), decided: DecidedBy::Here });
        }
    }

    /// Asks a run to stop after the page in hand.
    pub(super) fn stop(&self, uid: Uid) {
        match self {
            Self::Local(runner) => runner.stop(uid),
            Self::Queue(queueing) => queueing.stop(uid),
        }
    }

    /// Has every run stop after the page in hand; what others make, the next scheduler follows.
    pub(super) fn stop_all(&mut self) {
        match self {
            Self::Local(runner) => runner.stop_all(),
            Self::Queue(queueing) => queueing.leave(),
        }
    }

    /// The next run to end; never, while none is under way. After an error nothing can go on.
    pub(super) async fn ended(&mut self) -> Result<Ended, RunnerError> {
        match self {
            Self::Local(runner) => runner.ended().await.unless_fatal(),
            Self::Queue(queueing) => queueing.ended().await,
        }
    }
}
