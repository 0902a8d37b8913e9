//! The port `Inbox`: deliveries wait under their transfer until a batch takes them out with its rows.
//!
//! Everything goes through the one writer, so that a delivery is answered after the commit that holds it and
//! many share one. A delivery is refused before anything is written, and never looked into here.

mod look;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::delivery;
use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::port::destination::Postponed;
use raccord_model::port::inbox::{Accept, Accepted, Delivery, DeliveryKind, Inbox, InboxError};
use redb::{ReadTransaction, ReadableTable};

pub(crate) use self::look::look;
use self::seen::SeenIds;
use crate::Store;
use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::table::{self, META_SEQUENCE, Raw, Table, Tables, Under};

/// What an inbox holds at most.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// How many deliveries of one transfer wait.
    deliveries: u64,
    /// How many bytes the deliveries of all transfers have together.
    bytes: u64,
    /// How many deliveries are remembered in order to know them again.
    seen: u64,
}

/// A million deliveries of each transfer, a gibibyte of all; a million are known again.
const BOUNDS: Bounds = Bounds { deliveries: 1_000_000, bytes: 1 << 30, seen: 1_000_000 };

/// How many bytes of deliveries are read at once; one that is larger comes alone.
const READ: usize = 8 * 1024 * 1024;

impl Inbox for Store {
    fn accept_all(&self, accepts: Vec<Accept>) -> Async<'_, Result<Accepted, InboxError>> {
        let work = move |tables: &mut Tables<'_>| keep(tables, &accepts, BOUNDS);
        Box::pin(self.writer.submit(true, StoreError::inbox_write, work))
    }

    fn pending(
        &self,
        transfer: Uid,
        after: Option<u64>,
        limit: usize,
    ) -> Async<'_, Result<Vec<(u64, Delivery)>, InboxError>> {
        let work = move |at: &ReadTransaction| pending(at, transfer, after, limit);
        Box::pin(async move { self.read(work).await.map_err(StoreError::inbox_read) })
    }

    fn waiting(&self, transfer: Uid) -> Async<'_, Result<u64, InboxError>> {
        let work = move |at: &ReadTransaction| {
            counter::read(&at.open_table(table::COUNTERS)?, Counter::Deliveries(transfer))
        };
        Box::pin(async move { self.read(work).await.map_err(StoreError::inbox_read) })
    }

    fn waiting_transfers(&self) -> Async<'_, Result<Vec<Uid>, InboxError>> {
        let work = |at: &ReadTransaction| counter::deliveries(&at.open_table(table::COUNTERS)?);
        Box::pin(async move { self.read(work).await.map_err(StoreError::inbox_read) })
    }

    fn take(&self, transfer: Uid, sequences: Vec<u64>) -> Async<'_, Result<u64, InboxError>> {
        let work = move |tables: &mut Tables<'_>| consume(tables, transfer, &sequences).map(Ok);
        Box::pin(self.writer.submit(true, StoreError::inbox_write, work))
    }

    fn settle(
        &self,
        transfer: Uid,
        consumed: Vec<u64>,
        postponed: Vec<Postponed>,
    ) -> Async<'_, Result<(), InboxError>> {
        let work = move |tables: &mut Tables<'_>| {
            consume(tables, transfer, &consumed)?;
            postpone(tables, transfer, &postponed).map(Ok)
        };
        Box::pin(self.writer.submit(true, StoreError::inbox_write, work))
    }

    fn discard(&self, transfer: Uid, through: u64) -> Async<'_, Result<u64, InboxError>> {
        let work = move |tables: &mut Tables<'_>| discard(tables, transfer, through).map(Ok);
        Box::pin(self.writer.submit(true, StoreError::inbox_write, work))
    }
}

/// Something on its way into inboxes.
struct Incoming {
    seen: Option<SeenIds>,
    value: Vec<u8>,
    transfers: BTreeSet<Uid>,
}

/// Keeps what a delivery said, unless it is known already or there is no room for all of it.
fn keep(
    tables: &mut Tables<'_>,
    accepts: &[Accept],
    bounds: Bounds,
) -> Result<Result<Accepted, InboxError>, StoreError> {
    let mut incoming = Vec::with_capacity(accepts.len());
    // Of what one delivery says twice under one id, the first counts.
    let mut named = BTreeSet::new();
    for accept in accepts {
        let id = accept.id.as_deref();
        let seen = id.map(|id| SeenIds::new(accept.source, id, accept.delivery.received));
        let is_new = match &seen {
            Some(seen) => !seen.is_known(&tables.seen_deliveries)? && named.insert((accept.source, id)),
            None => true,
        };
        if is_new {
            let value = delivery::encode(&accept.delivery);
            incoming.push(Incoming { seen, value, transfers: living(tables, &accept.transfers)? });
        }
    }
    if incoming.is_empty() && !accepts.is_empty() {
        return Ok(Ok(Accepted::Replayed));
    }
    if let Err(full) = room(tables, &incoming, bounds)? {
        return Ok(Err(full));
    }
    for Incoming { seen, value, transfers } in &incoming {
        if let Some(seen) = seen {
            seen.remember(tables, bounds.seen)?;
        }
        for transfer in transfers {
            append(tables, *transfer, value)?;
        }
    }
    Ok(Ok(Accepted::New))
}

/// The transfers that have not been deleted, each once.
fn living(tables: &Tables<'_>, transfers: &[Uid]) -> Result<BTreeSet<Uid>, StoreError> {
    let mut living = BTreeSet::new();
    for transfer in transfers {
        if tables.transfers.get(transfer.to_string().as_bytes())?.is_some() {
            living.insert(*transfer);
        }
    }
    Ok(living)
}

/// Whether every transfer has room for all that comes.
fn room(
    tables: &Tables<'_>,
    incoming: &[Incoming],
    bounds: Bounds,
) -> Result<Result<(), InboxError>, StoreError> {
    let bytes = counter::read(&tables.counters, Counter::DeliveryBytes)?;
    let mut left = bounds.bytes.saturating_sub(bytes);
    let mut waiting: BTreeMap<Uid, u64> = BTreeMap::new();
    for Incoming { value, transfers, .. } in incoming {
        for transfer in transfers {
            let deliveries = match waiting.get(transfer) {
                Some(deliveries) => *deliveries,
                None => counter::read(&tables.counters, Counter::Deliveries(*transfer))?,
            };
            if deliveries >= bounds.deliveries || left < length(value) {
                return Ok(Err(InboxError::Full { deliveries, bytes }));
            }
            left -= length(value);
            waiting.insert(*transfer, deliveries + 1);
        }
    }
    Ok(Ok(()))
}

/// Counts a delivery that was put into its inbox.
pub(crate) fn count_one(tables: &mut Tables<'_>, transfer: Uid, value: &[u8]) -> Result<(), StoreError> {
    count(&mut tables.counters, transfer, 1, signed(length(value)))
}

fn append(tables: &mut Tables<'_>, transfer: Uid, value: &[u8]) -> Result<(), StoreError> {
    let sequence = last_sequence(&tables.meta)? + 1;
    tables.meta.insert(META_SEQUENCE, sequence.to_be_bytes().as_slice())?;
    tables.inbox.insert(place(transfer, sequence).as_slice(), value)?;
    count_one(tables, transfer, value)
}

/// The sequence that was given last. None is given twice, not even when every inbox is empty.
pub(crate) fn last_sequence(meta: &impl ReadableTable<Raw, Raw>) -> Result<u64, StoreError> {
    meta.get(META_SEQUENCE)?.map_or(Ok(0), |bytes| counter::number(bytes.value()))
}

fn pending(
    at: &ReadTransaction,
    transfer: Uid,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, Delivery)>, StoreError> {
    let mut under = Under::new(&[table::uid(&transfer)]);
    if let Some(after) = after {
        under = under.after(&place(transfer, after));
    }
    let mut found = Vec::new();
    if under.is_empty() {
        return Ok(found);
    }
    let mut bytes = 0;
    for entry in at.open_table(table::INBOX)?.range::<&[u8]>(under.bounds())?.take(limit) {
        let (key, value) = entry?;
        bytes += value.value().len();
        if bytes > READ && !found.is_empty() {
            break;
        }
        found.push((sequence(key.value())?, delivery::decode(value.value())?));
    }
    Ok(found)
}

/// Takes deliveries of a transfer out; those that are gone already are nothing to be done about. Returns how many were
/// there.
pub(crate) fn consume(tables: &mut Tables<'_>, transfer: Uid, sequences: &[u64]) -> Result<u64, StoreError> {
    let (mut gone, mut bytes) = (0, 0);
    for sequence in sequences {
        if let Some(value) = tables.inbox.remove(place(transfer, *sequence).as_slice())? {
            gone += 1;
            bytes += length(value.value());
        }
    }
    count(&mut tables.counters, transfer, -signed(gone), -signed(bytes))?;
    Ok(gone)
}

/// Keeps with deliveries of a transfer when they are looked at again.
pub(crate) fn postpone(
    tables: &mut Tables<'_>,
    transfer: Uid,
    postponed: &[Postponed],
) -> Result<(), StoreError> {
    let mut more = 0;
    for Postponed { sequence, retry: again } in postponed {
        let place = place(transfer, *sequence);
        let Some(value) = tables.inbox.get(place.as_slice())?.map(|value| value.value().to_vec()) else {
            continue;
        };
        let mut delivery = delivery::decode(&value)?;
        if let DeliveryKind::Fetch { retry, .. } = &mut delivery.kind {
            *retry = Some(*again);
        }
        let later = delivery::encode(&delivery);
        more += signed(length(&later)) - signed(length(&value));
        tables.inbox.insert(place.as_slice(), later.as_slice())?;
    }
    if more == 0 { Ok(()) } else { count(&mut tables.counters, transfer, 0, more) }
}

/// Takes everything out that waits for a transfer.
pub(crate) fn empty(tables: &mut Tables<'_>, transfer: Uid) -> Result<u64, StoreError> {
    discard(tables, transfer, u64::MAX)
}

fn discard(tables: &mut Tables<'_>, transfer: Uid, through: u64) -> Result<u64, StoreError> {
    let (mut gone, mut bytes) = (0, 0);
    let (first, last) = (place(transfer, 0), place(transfer, through));
    tables.inbox.retain_in::<&[u8], _>(first.as_slice()..=last.as_slice(), |_, value| {
        gone += 1;
        bytes += length(value);
        false
    })?;
    count(&mut tables.counters, transfer, -signed(gone), -signed(bytes))?;
    Ok(gone)
}

fn count(counters: &mut Table<'_>, transfer: Uid, deliveries: i64, bytes: i64) -> Result<(), StoreError> {
    counter::add(counters, Counter::Deliveries(transfer), deliveries)?;
    counter::add(counters, Counter::DeliveryBytes, bytes)
}

/// Where a delivery is kept.
fn place(transfer: Uid, sequence: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(table::uid(&transfer));
    key[16..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// The sequence at the end of a key.
pub(crate) fn sequence(key: &[u8]) -> Result<u64, StoreError> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(StoreError::Damaged)
}

/// How many bytes a delivery counts for.
pub(crate) fn length(value: &[u8]) -> u64 {
    u64::try_from(value.len()).unwrap_or(u64::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
