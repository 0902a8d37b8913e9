//! Records that are as they were when their rows were made of them: nothing is written for them, and their rows are looked up
//! again only where something may have changed since they were found so.
//!
//! No row is kept on a guess: what is no longer as it was refuses the whole batch, before anything of it is written.

use raccord_model::fact::Uid;
use raccord_model::port::sink::{Batch, Candidates, Change, Changes, Intent, Prefetched, RecordDigest};
use redb::{ReadTransaction, ReadableTable};

use super::super::classify::Effect;
use super::super::doomed;
use super::BatchWriter;
use crate::error::StoreError;
use crate::record::Record;
use crate::table::{self, Tables};

/// Which candidates are as they were.
pub(in super::super) fn prefetch(
    at: &ReadTransaction,
    transfer: Uid,
    incarnation: u64,
    candidates: &Candidates,
) -> Result<Prefetched, StoreError> {
    let revision = table::row_revision(&at.open_table(table::ROW_REVISIONS)?, incarnation)?;
    if revision == 0 || doomed::has_any(&at.open_table(table::DOOMED)?, transfer)? {
        // There are no rows, or some of them are to go although they are there.
        return Ok(Prefetched { same: Vec::new(), at: revision });
    }
    let rows = at.open_table(table::ROWS)?;
    let mut same = Vec::with_capacity(candidates.len());
    let mut full = table::incarnation(incarnation).to_vec();
    for number in 0..candidates.len() {
        let Some((key, digest)) = candidates.get(number) else {
            same.push(false);
            continue;
        };
        full.truncate(size_of::<u64>());
        full.extend_from_slice(key);
        let found = rows.get(full.as_slice())?;
        let record = found.as_ref().map(|found| Record::decode(found.value())).transpose()?;
        same.push(record.is_some_and(|record| record.owner == transfer && record.digest == Some(digest)));
    }
    Ok(Prefetched { same, at: revision })
}

/// Whether a record that was found to be as it was may be kept no longer.
pub(super) fn is_outdated(tables: &Tables<'_>, batch: &Batch) -> Result<bool, StoreError> {
    let inc = batch.target.incarnation;
    let Some(at) = batch.kept_at else { return Ok(false) };
    let has_doomed = doomed::has_any(&tables.doomed, batch.transfer)?;
    if !has_doomed && table::row_revision(&tables.row_revisions, inc)? == at {
        return Ok(false);
    }
    let (mut full, mut mark) = (table::incarnation(inc).to_vec(), table::uid(&batch.transfer).to_vec());
    for change in batch.changes.iter().filter(|change| change.intent == Intent::Keep) {
        full.truncate(size_of::<u64>());
        full.extend_from_slice(change.key);
        let found = tables.rows.get(full.as_slice())?;
        let record = found.as_ref().map(|found| Record::decode(found.value())).transpose()?;
        let is_same = record.is_some_and(|it| it.owner == batch.transfer && it.digest == change.digest);
        if !is_same || (has_doomed && doomed::version(tables, &mut mark, change)?.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether nearly all of the records are kept.
pub(super) fn are_most(changes: &Changes) -> bool {
    let kept = changes.iter().filter(|change| change.intent == Intent::Keep).count();
    kept > 0 && kept * 8 >= changes.len() * 7
}

impl BatchWriter<'_> {
    /// Takes in a record whose row stays as it is.
    pub(super) fn keep_row(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<(), StoreError> {
        if self.batch.mark_seen {
            self.mark_seen(tables, change.key, false)?;
        }
        if self.rejects.has_any() {
            let found = tables.rows.get(self.key.as_slice())?;
            let record = found.as_ref().map(|found| Record::decode(found.value())).transpose()?;
            let version = record.map_or_else(Vec::new, |record| record.version.to_vec());
            drop(found);
            self.rejects.supersede(tables, change.key, &version)?;
        }
        self.count(Effect::Unchanged);
        Ok(())
    }

    /// Whether a row that is what its record makes gets the digest of it: when it has none, or one of another mapping.
    pub(super) fn renews_digest(&self, old: &Record<'_>, new: Option<RecordDigest>, effect: Effect) -> bool {
        let Some(new) = new.filter(|_| effect == Effect::Unchanged && old.owner == self.batch.transfer)
        else {
            return false;
        };
        old.digest.is_none_or(|old| old.mapping != new.mapping || (self.renews_digests && old != new))
    }
}
