//! What is known of all transfers, kept in memory between questions: of thousands of facts only those are read again that may be
//! others by now. It decides nothing.

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raccord_model::fact::Uid;
use raccord_model::port::state::StateError;
use raccord_run::Ports;
use raccord_run::applied::Applied;
use tokio::time::Instant;

use crate::verb::facts::Facts;
use crate::verb::overview::Listing;

/// Of how many transfers the facts are read one by one; of more, all are read together.
const FEW: usize = 200;

/// How old what is known may be of a state that other machines write too.
const LIFETIME: Duration = Duration::from_secs(5);

/// What is known of all transfers and integrations.
#[derive(Default)]
pub(super) struct Board {
    known: tokio::sync::Mutex<Option<Known>>,
    stale: Mutex<Stale>,
    /// The transfers of the generation that was asked about last.
    listing: Mutex<Option<(Arc<Applied>, Arc<Listing>)>>,
}

struct Known {
    facts: Arc<Facts>,
    /// When all of them were read.
    since: Instant,
}

/// Of what the facts may be others by now.
#[derive(Debug, Default)]
struct Stale {
    all: bool,
    transfers: BTreeSet<Uid>,
}

impl Board {
    /// The run of a transfer has ended: its facts are others, and perhaps those of the integrations that want it.
    pub(super) fn ended(&self, transfer: Uid) {
        self.stale().transfers.insert(transfer);
    }

    /// Any fact may be another.
    pub(super) fn changed(&self) {
        self.stale().all = true;
    }

    /// What is known by now.
    pub(super) async fn facts(&self, ports: &Ports, applied: &Applied) -> Result<Arc<Facts>, StateError> {
        let mut known = self.known.lock().await;
        // What becomes another from now on is read the next time.
        let stale = take(&mut *self.stale());
        let is_shared = !ports.has_embedded_rows();
        let kept = known.take().filter(|known| {
            !stale.all && stale.transfers.len() <= FEW && !(is_shared && known.since.elapsed() >= LIFETIME)
        });
        let now = match kept {
            None => Known { facts: Arc::new(Facts::read(ports).await?), since: Instant::now() },
            Some(kept) if stale.transfers.is_empty() => kept,
            Some(Known { facts, since }) => {
                let mut facts = Arc::unwrap_or_clone(facts);
                facts.refresh(ports, applied, &stale.transfers).await?;
                Known { facts: Arc::new(facts), since }
            }
        };
        // After an error nothing is known, and all of it is read the next time.
        Ok(Arc::clone(&known.insert(now).facts))
    }

    /// The transfers of a generation, listed once.
    pub(super) fn listing(&self, applied: &Arc<Applied>) -> Arc<Listing> {
        let mut kept = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((known, listing)) if Arc::ptr_eq(known, applied) => Arc::clone(listing),
            _ => {
                let listing = Arc::new(Listing::of(applied));
                *kept = Some((Arc::clone(applied), Arc::clone(&listing)));
                listing
            }
        }
    }

    fn stale(&self) -> std::sync::MutexGuard<'_, Stale> {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
