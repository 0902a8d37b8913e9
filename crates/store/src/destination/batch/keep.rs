//! Records that are as they were when their rows were made of them: nothing is written for them, and their rows are looked up
//! again only where something may have changed since they were found so.
//!
//! No row is kept on a guess: what is no longer as it was refuses the whole batch, before anything of it is written.

use raccord_model::classify::Effect;
use raccord_model::fact::Uid;
use raccord_model::port::destination::{Batch, Candidates, Change, Intent, Prefetched};
use redb::{Range, ReadOnlyTable, ReadTransaction, ReadableTable};

use super::super::doomed;
use super::BatchWriter;
use crate::error::StoreError;
use crate::record::Record;
use crate::table::{self, Raw, Tables};

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
    let mut lookup = Lookup { rows: &rows, inc: table::incarnation(incarnation), next: None };
    let mut same = vec![false; candidates.len()];
    for number in in_order(candidates) {
        let Some((key, digest)) = candidates.get(number) else { continue };
        let is_same = lookup.record(key, |it| it.owner == transfer && it.digest == Some(digest))?;
        if let Some(place) = same.get_mut(number) {
            *place = is_same;
        }
    }
    Ok(Prefetched { same, at: revision })
}

/// The numbers of the candidates in the order of their keys.
fn in_order(candidates: &Candidates) -> Vec<usize> {
    let key = |number: usize| candidates.get(number).map(|(key, _)| key);
    let mut numbers: Vec<usize> = (0..candidates.len()).filter(|number| key(*number).is_some()).collect();
    if !numbers.is_sorted_by_key(|number| key(*number)) {
        numbers.sort_by_key(|number| key(*number));
    }
    numbers
}

/// Looks up keys in ascending order. Keys that follow each other closely, as those of one page often do, are found by walking
/// on, which takes a fraction of a search.
struct Lookup<'t> {
    rows: &'t ReadOnlyTable<Raw, Raw>,
    inc: [u8; 8],
    /// The rows from the last one that was looked up on.
    next: Option<Range<'t, Raw, Raw>>,
}

impl Lookup<'_> {
    /// Whether there is a record under a key of which something is so.
    fn record(&mut self, key: &[u8], is_so: impl FnOnce(&Record<'_>) -> bool) -> Result<bool, StoreError> {
        let full = [&self.inc, key].concat();
        let mut found = match &mut self.next {
            Some(next) => next.next().transpose()?,
            None => None,
        };
        if found.as_ref().is_none_or(|(found, _)| found.value() != full) {
            let mut next = self.rows.range::<&[u8]>(full.as_slice()..)?;
            found = next.next().transpose()?;
            self.next = Some(next);
        }
        match found {
            Some((found, value)) if found.value() == full => Ok(is_so(&Record::decode(value.value())?)),
            _ => Ok(false),
        }
    }
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
        Effect::Unchanged.count(&mut self.tally);
        Ok(())
    }
}
