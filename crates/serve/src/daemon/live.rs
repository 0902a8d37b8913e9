//! How far the runs under way have come, and that something has changed: for the pages that are open. Kept in memory alone;
//! what counts is in the state.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use raccord_model::Name;
use raccord_run::report::Progress;
use tokio::sync::watch;

use crate::request::UnderWay;

/// What has come of the runs under way.
#[derive(Debug)]
pub(super) struct Live {
    progress: Mutex<BTreeMap<Name, UnderWay>>,
    changes: watch::Sender<u64>,
}

impl Default for Live {
    fn default() -> Self {
        Self { progress: Mutex::default(), changes: watch::channel(0).0 }
    }
}

impl Live {
    /// A run has stored a page.
    pub(super) fn progressed(&self, progress: &Progress) {
        let under_way = UnderWay { tally: progress.tally, pages: progress.pages };
        let mut known = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(progress.transfer.clone(), under_way);
        drop(known);
        self.changed();
    }

    /// The run of a transfer has ended.
    pub(super) fn ended(&self, transfer: &Name) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).remove(transfer);
        self.changed();
    }

    /// Something else has changed.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How far the run of a transfer has come.
    pub(super) fn of(&self, transfer: &Name) -> UnderWay {
        let known = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(transfer).copied().unwrap_or_default()
    }

    /// Hears of every change.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
