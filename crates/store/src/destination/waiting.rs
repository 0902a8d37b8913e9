//! Enrichments whose row has not come yet. They wait, so many a transfer, and are applied when it is created.

use raccord_model::fact::Uid;
use raccord_model::port::destination::{Batch, Change};
use redb::ReadableTable;

use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::record::{Reader, write_version};
use crate::table::{Tables, Under, incarnation, uid};
use raccord_model::classify::is_older;

/// How many enrichments of one transfer wait for rows of one incarnation. Beyond it they are skipped.
const BOUND: u64 = 100_000;

/// The first byte of every one: `version byte | version | patch`.
const VERSION: u8 = 1;

/// An enrichment that has waited.
pub(crate) struct Enrichment(Vec<u8>);

impl Enrichment {
    /// Its version and its patch.
    pub(crate) fn parts(&self) -> Result<(&[u8], &[u8]), StoreError> {
        let mut at = Reader(&self.0);
        if at.take(1)? != [VERSION] {
            return Err(StoreError::Damaged);
        }
        Ok((at.version()?, at.0))
    }
}

/// Lets an enrichment wait; a later one for the same row replaces it. Returns how many wait more than before, or
/// nothing when this one does not.
pub(super) fn keep(
    tables: &mut Tables<'_>,
    batch: &Batch,
    change: Change<'_>,
    waiting: u64,
) -> Result<Option<u64>, StoreError> {
    let (inc, transfer) = (batch.target.incarnation, batch.transfer);
    let key = place(inc, transfer, change.key);
    let before = tables.waiting.get(key.as_slice())?.map(|bytes| Enrichment(bytes.value().to_vec()));
    match &before {
        Some(before) if is_older(change.version, before.parts()?.0) => return Ok(None),
        None if waiting >= BOUND => return Ok(None),
        _ => {}
    }
    let mut value = vec![VERSION];
    write_version(&mut value, change.version);
    value.extend_from_slice(change.patch);
    tables.waiting.insert(key.as_slice(), value.as_slice())?;
    if before.is_some() {
        return Ok(Some(0));
    }
    counter::add(&mut tables.counters, Counter::Waiting(inc, transfer), 1)?;
    Ok(Some(1))
}

/// Takes the enrichment of a row, if one waits.
pub(super) fn take(
    tables: &mut Tables<'_>,
    inc: u64,
    transfer: Uid,
    key: &[u8],
) -> Result<Option<Enrichment>, StoreError> {
    let removed = tables.waiting.remove(place(inc, transfer, key).as_slice())?;
    let Some(enrichment) = removed.map(|bytes| Enrichment(bytes.value().to_vec())) else { return Ok(None) };
    counter::add(&mut tables.counters, Counter::Waiting(inc, transfer), -1)?;
    Ok(Some(enrichment))
}

/// Drops whatever waits of a transfer, for rows of whatever incarnation.
pub(super) fn drop_all(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    for inc in counter::awaited(&tables.counters, transfer)? {
        let all = Under::new(&[&incarnation(inc), uid(&transfer)]);
        tables.waiting.retain_in::<&[u8], _>(all.bounds(), |_, _| false)?;
        counter::set(&mut tables.counters, Counter::Waiting(inc, transfer), 0)?;
    }
    Ok(())
}

fn place(inc: u64, transfer: Uid, key: &[u8]) -> Vec<u8> {
    [&incarnation(inc), uid(&transfer).as_slice(), key].concat()
}
