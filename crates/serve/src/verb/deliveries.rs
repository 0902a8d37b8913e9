//! Deliveries that wait in the inboxes of transfers: shown, and dropped when a person decides so.

use std::collections::BTreeMap;

use raccord_model::fact::Uid;
use raccord_model::port::inbox::Delivery;
use raccord_model::{Kind, Name};

use crate::reply::{Replies, RequestError};
use crate::request::{DeliveryView, Reply};
use raccord_run::Ports;
use raccord_run::Unknown;

/// How many deliveries of a transfer are read at a time.
const CHUNK: usize = 1_000;

/// The deliveries that wait, in the order in which they came: of one transfer or of all. With what they hold when it is
/// one alone.
pub async fn list(
    ports: &Ports,
    transfer: Option<&Name>,
    sequence: Option<u64>,
    limit: usize,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let inboxes = inboxes(ports, transfer).await?;
    if let Some(sequence) = sequence {
        let (_, transfer, delivery) = found(ports, &inboxes, sequence).await?;
        replies(Reply::Delivery(DeliveryView::whole(sequence, transfer.clone(), delivery)));
        return Ok(());
    }
    let mut waiting = Vec::new();
    for (uid, name) in &inboxes {
        let mut after = None;
        let mut left = limit;
        while left > 0 {
            let some = ports.inbox.pending(*uid, after, left.min(CHUNK)).await?;
            let Some((last, _)) = some.last() else { break };
            (after, left) = (Some(*last), left - some.len());
            let view = |(sequence, delivery)| DeliveryView::brief(sequence, name.clone(), delivery);
            waiting.extend(some.into_iter().map(view));
        }
    }
    waiting.sort_by_key(|view| view.sequence);
    for view in waiting.into_iter().take(limit) {
        replies(Reply::Delivery(view));
    }
    Ok(())
}

/// How many deliveries one request may drop. It is the `maxItems` of the request's schema.
const MAX_DROPPED: usize = 1_000;

/// Takes deliveries away, for good.
pub async fn drop_some(
    ports: &Ports,
    sequences: &[u64],
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    if sequences.len() > MAX_DROPPED {
        return Err(RequestError::Invalid(format!("at most {MAX_DROPPED} deliveries are dropped at once")));
    }
    let inboxes = inboxes(ports, None).await?;
    let mut by_transfer: BTreeMap<Uid, Vec<u64>> = BTreeMap::new();
    for sequence in sequences {
        // Every one is looked for before any is dropped.
        let (uid, ..) = found(ports, &inboxes, *sequence).await?;
        by_transfer.entry(uid).or_default().push(*sequence);
    }
    let mut dropped = 0;
    for (uid, sequences) in by_transfer {
        dropped += ports.inbox.take(uid, sequences).await?;
    }
    let what = if dropped == 1 { "1 delivery is".to_owned() } else { format!("{dropped} deliveries are") };
    replies(Reply::Done(format!("{what} dropped")));
    Ok(())
}

/// The inboxes in which something waits, with the names of their transfers.
async fn inboxes(ports: &Ports, only: Option<&Name>) -> Result<BTreeMap<Uid, Name>, RequestError> {
    let applied = ports.applied().await?;
    if let Some(name) = only
        && applied.uid(Kind::Transfer, name).is_none()
    {
        return Err(RequestError::unknown(Kind::Transfer, name, applied.index.keys()));
    }
    let waiting = ports.inbox.waiting_transfers().await?;
    let is_meant = |name: &Name, uid: &Uid| waiting.contains(uid) && only.is_none_or(|only| only == name);
    let transfers = applied.transfers().filter(|(name, uid, _)| is_meant(name, uid));
    Ok(transfers.map(|(name, uid, _)| (uid, name.clone())).collect())
}

/// A delivery and the transfer that it waits for.
async fn found<'a>(
    ports: &Ports,
    inboxes: &'a BTreeMap<Uid, Name>,
    sequence: u64,
) -> Result<(Uid, &'a Name, Delivery), RequestError> {
    for (uid, name) in inboxes {
        if let Some(delivery) = holds(ports, *uid, sequence).await? {
            return Ok((*uid, name, delivery));
        }
    }
    Err(RequestError::Unknown(Unknown {
        kind: "delivery",
        name: sequence.to_string(),
        hint: "; `raccord deliveries list` shows those that wait".to_owned(),
    }))
}

/// The delivery with a sequence, when it waits for a transfer.
async fn holds(ports: &Ports, transfer: Uid, sequence: u64) -> Result<Option<Delivery>, RequestError> {
    let first = ports.inbox.pending(transfer, sequence.checked_sub(1), 1).await?.pop();
    Ok(first.filter(|(found, _)| *found == sequence).map(|(_, delivery)| delivery))
}
