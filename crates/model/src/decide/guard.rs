//! How much a batch would delete: seen before anything is decided.

use std::collections::BTreeSet;

use crate::classify::is_older;
use crate::language::UpdateType;
use crate::port::destination::{Batch, DestinationError, Guard, Intent};

use super::working::Working;

/// The guard of a batch, when it may have something to say.
pub fn of(batch: &Batch) -> Option<Guard> {
    let says_so = batch.changes.iter().any(|change| change.intent == Intent::Delete);
    batch.guard.filter(|_| says_so && batch.updates.contains(&UpdateType::Deleted))
}

/// Refuses a batch that would delete more than its guard allows of the rows that its transfer owns.
pub fn check(batch: &Batch, guard: Guard, set: &Working, owned: u64) -> Result<(), DestinationError> {
    let mut going = BTreeSet::new();
    for change in batch.changes.iter() {
        let row = set.rows.get(change.key);
        let goes = row.is_some_and(|row| {
            let is_ours = row.owner == batch.transfer || set.is_orphan(&batch.target, row.owner);
            is_ours && !is_older(change.version, row.versions.of(batch.transfer))
        });
        if change.intent != Intent::Delete {
            // What comes again does not go.
            going.remove(change.key);
        } else if goes {
            going.insert(change.key);
        }
    }
    let of = owned + guard.deleted;
    let deletes = u64::try_from(going.len()).unwrap_or(u64::MAX) + guard.deleted;
    let most = guard.share.most_of(of).max(guard.allowed);
    if going.is_empty() || deletes <= most {
        return Ok(());
    }
    Err(DestinationError::TooManyDeletes { deletes, of })
}
