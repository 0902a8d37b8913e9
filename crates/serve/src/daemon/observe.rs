//! What the daemon says of itself to a scrape of its metrics.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::Uid;
use raccord_model::port::inbox::InboxError;
use tokio::sync::watch;

use super::Daemon;
use crate::failure::{Failure, FailureCode};
use crate::metrics::Observed;
use crate::reply::RequestError;
use crate::request::{Reply, Status};

impl Daemon {
    /// How everything stands, when the state can be read.
    pub(super) async fn observe(&self) -> Option<Observed> {
        let observed = self.look().await;
        let unread = |failure: &Failure| {
            tracing::warn!(why = failure.message, "the metrics of the state could not be read");
        };
        observed.inspect_err(unread).ok()
    }

    async fn look(&self) -> Result<Observed, Failure> {
        let (_keep, stop) = watch::channel(false);
        let mut found: Option<Box<Status>> = None;
        let mut replies = |reply| {
            if let Reply::Status(status) = reply {
                found = Some(status);
            }
        };
        self.status(stop, &mut replies).await?;
        let status = found.ok_or_else(|| Failure::new(FailureCode::Internal, "the status was not told"))?;
        let (applied, good) = (self.handle.applied(), self.handle.health().errors == 0);
        let mut inbox = BTreeMap::new();
        let inboxes = &self.ports.inbox;
        let unread = |error: InboxError| Failure::from(RequestError::from(error));
        let waiting: BTreeSet<Uid> = inboxes.waiting_transfers().await.map_err(unread)?.into_iter().collect();
        for (name, uid, _) in applied.transfers().filter(|(_, uid, _)| waiting.contains(uid)) {
            inbox.insert(name.clone(), inboxes.waiting(uid).await.map_err(unread)?);
        }
        Ok(Observed { status, applied, inbox, good })
    }
}
