//! How much a batch would delete: seen before anything is written, so that one that is refused leaves no trace.

use std::collections::BTreeSet;

use raccord_model::language::UpdateType;
use raccord_model::port::destination::{Batch, DestinationError, Guard, Intent};
use redb::ReadableTable;

use super::owners::Owners;
use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::record::Record;
use crate::table::{self, Tables};
use raccord_model::classify::is_older;

/// Why a batch is refused that would delete more than its guard allows.
pub(super) fn refuse(
    tables: &Tables<'_>,
    batch: &Batch,
    guard: &Guard,
) -> Result<Option<DestinationError>, StoreError> {
    let is_deletion = |intent| intent == Intent::Delete;
    let says_so = batch.changes.iter().any(|change| is_deletion(change.intent));
    if !says_so || !batch.updates.contains(&UpdateType::Deleted) {
        return Ok(None);
    }
    let inc = batch.target.incarnation;
    let mut owners = Owners::new(batch);
    let mut going = BTreeSet::new();
    for change in batch.changes.iter() {
        if !is_deletion(change.intent) {
            // What comes again does not go.
            going.remove(change.key);
            continue;
        }
        let full = [table::incarnation(inc).as_slice(), change.key].concat();
        let Some(found) = tables.rows.get(full.as_slice())? else { continue };
        let record = Record::decode(found.value())?;
        let is_ours = record.owner == batch.transfer || owners.is_orphan(&tables.transfers, record.owner)?;
        if is_ours && !is_older(change.version, record.version_of(batch.transfer)) {
            going.insert(change.key);
        }
    }
    let of = counter::read(&tables.counters, Counter::Owned(inc, batch.transfer))? + guard.deleted;
    let deletes = guard.deleted + u64::try_from(going.len()).unwrap_or(u64::MAX);
    let most = guard.share.most_of(of).max(guard.allowed);
    let is_too_much = !going.is_empty() && deletes > most;
    Ok(is_too_much.then_some(DestinationError::TooManyDeletes { deletes, of }))
}
