//! What a run is given beside its job: the ports that it works with, the wish to stop, and what hears of it. It does nothing by
//! itself.

use std::sync::Arc;

use raccord_model::fact::{IntegrationFact, Run, Tally};
use raccord_model::port::destination::Destination;
use raccord_model::port::environment::Environment;
use raccord_model::port::inbox::Inbox;
use raccord_model::port::source::Source;
use tokio::sync::watch;

use crate::breaker;
use crate::job::{Job, Subscriber};

/// Hears of every page: the tally so far, and how many pages that took.
pub type OnPage = Box<dyn Fn(&Tally, u64) + Send + Sync>;

/// What a run is given beside its job.
pub struct RunContext {
    /// Where the records come from.
    pub source: Box<dyn Source>,
    /// Where the rows go.
    pub destination: Arc<dyn Destination>,
    /// Where deliveries wait.
    pub inbox: Arc<dyn Inbox>,
    /// The clock and the randomness.
    pub environment: Arc<dyn Environment>,
    /// Becomes true when the run should stop after the page in hand.
    pub stop: watch::Receiver<bool>,
    /// Hears of every page.
    pub progress: OnPage,
    /// What is known of the subscribers, for stopping when too much is rejected.
    pub subscribers: Vec<IntegrationFact>,
}

impl RunContext {
    /// Waits for the wish to stop, for ever when none can come any more.
    pub(crate) async fn asked_to_stop(&self) {
        if self.stop.clone().wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether a run stops after the page in hand: that is asked for, or every subscriber's breaker would trip
    /// over what it has rejected so far.
    pub(crate) fn ends_here(&self, job: &Job, run: &Run) -> bool {
        let is_over = |(subscriber, fact): (&Subscriber, &IntegrationFact)| {
            breaker::too_many_rejects(fact, run.tally.newly_rejected, &subscriber.breaker.rejects)
        };
        let rejects_too_much =
            !self.subscribers.is_empty() && job.subscribers.iter().zip(&self.subscribers).all(is_over);
        *self.stop.borrow() || rejects_too_much
    }

    /// Counts what became of a page.
    pub(crate) fn count(&self, run: &mut Run, tally: &Tally) {
        run.tally.add(tally);
        run.pages += 1;
        (self.progress)(&run.tally, run.pages);
    }
}
