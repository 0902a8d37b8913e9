//! What the daemon says of itself: at its start, in one line to a service manager, and to a scrape of its metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raccord_model::Kind;
use raccord_model::fact::Uid;
use raccord_model::port::inbox::InboxError;
use tokio::sync::watch;

use super::handle::Daemon;
use crate::engine::EngineError;
use crate::failure::{Failure, FailureCode};
use crate::metrics::Observed;
use crate::request::{Reply, Status};

impl Daemon {
    /// The first line of the log.
    pub(super) fn tell_of_start(&self) {
        let applied = self.applied();
        let count = |kind| applied.index.keys().filter(|key| key.kind == kind).count();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            origin = self.origin.in_words(),
            policy = self.policy,
            generation = applied.head.generation,
            transfers = count(Kind::Transfer),
            integrations = count(Kind::Integration),
            "started"
        );
    }

    /// How it stands, for a line of a service manager: without a name and without what often changes.
    pub(super) fn in_one_line(&self) -> String {
        let board = self.board();
        let mut parts = vec![format!("generation {} is in force", board.applied.head.generation)];
        if board.is_bad {
            parts.push("the last configuration is bad".to_owned());
        }
        if board.trouble.is_some() {
            parts.push("the configuration could not be read or applied".to_owned());
        }
        if board.pending.is_some() {
            parts.push("changes wait for a person".to_owned());
        }
        match board.tripped.len() {
            0 => {}
            1 => parts.push("1 integration is disabled".to_owned()),
            many => parts.push(format!("{many} integrations are disabled")),
        }
        parts.join(", ")
    }

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
        let (applied, good) = {
            let board = self.board();
            (Arc::clone(&board.applied), !board.is_bad)
        };
        let mut inbox = BTreeMap::new();
        let inboxes = &self.engine.inbox;
        let unread = |error: InboxError| Failure::from(EngineError::from(error));
        let waiting: BTreeSet<Uid> = inboxes.waiting_transfers().await.map_err(unread)?.into_iter().collect();
        for (name, uid, _) in applied.transfers().filter(|(_, uid, _)| waiting.contains(uid)) {
            inbox.insert(name.clone(), inboxes.waiting(uid).await.map_err(unread)?);
        }
        Ok(Observed { status, applied, inbox, good })
    }
}
