//! The inbox: deliveries of webhooks, kept from the moment they are acknowledged until their rows are stored.
//!
//! A delivery that was accepted is there once, whatever is killed when: accepting is durable, and the destination takes
//! it out in the transaction that stores what it became ([`Batch::consumed`]), or, when it is not the state, remembers
//! there that it was stored until it is taken out ([`Destination::settled`]). The inbox of a transfer goes with the transfer.
//!
//! [`Batch::consumed`]: super::destination::Batch::consumed
//! [`Destination::settled`]: super::destination::Destination::settled

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

use super::destination::Postponed;
use super::{Async, Cause};
use crate::fact::Uid;
use crate::field_path::FieldPath;

/// What a delivery says about its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryKind {
    /// It is to be there as the delivery shows it.
    Upsert,
    /// It is to be gone. The delivery may show no more of it than its key.
    Delete,
    /// It has changed, and is to be fetched.
    Fetch {
        /// Where it is: a path of the source or a whole URL, its variable parts percent-encoded.
        path: String,
        /// Where it is in the answer; `$` when it is the answer itself.
        record: FieldPath,
        /// How often the service was asked in vain, and when it is asked again.
        retry: Option<Retry>,
    },
    /// It has changed, and the delivery shows what changed alone: what it does not mention stays.
    Partial,
}

/// A delivery that is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often it was tried.
    pub attempts: u8,
    /// Not before.
    pub until: Timestamp,
}

/// One thing that a service has told us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it says about its record.
    pub kind: DeliveryKind,
    /// The record as raw JSON. Of one that is to be fetched, what is known beforehand: its key is read there once the
    /// service has it no more.
    pub record: Bytes,
    /// When it came.
    pub received: Timestamp,
    /// What the service calls the event.
    pub event: String,
}

/// A delivery on its way into the inboxes of the transfers that want it.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The source it came to.
    pub source: Uid,
    /// What is the same when the service repeats it, and differs in every other delivery: its id, its data type and
    /// its body. Without one nothing tells a repetition.
    pub id: Option<String>,
    /// Whose inboxes it goes into. One that has been deleted meanwhile is left out.
    pub transfers: Vec<Uid>,
    /// What was delivered.
    pub delivery: Delivery,
}

/// What became of a delivery. Both are a success for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is kept.
    New,
    /// It was accepted before, and nothing was changed.
    Replayed,
}

/// Deliveries that wait for their transfer.
pub trait Inbox: Send + Sync {
    /// Keeps a delivery, for every transfer or for none; durable when it returns.
    fn accept(&self, accept: Accept) -> Async<'_, Result<Accepted, InboxError>> {
        self.accept_all(vec![accept])
    }
    /// Keeps what one delivery said, all of it or nothing; durable when it returns. What came before under its id is
    /// left out, and only when all of it did is the whole a repetition.
    fn accept_all(&self, accepts: Vec<Accept>) -> Async<'_, Result<Accepted, InboxError>>;
    /// The deliveries of a transfer that wait, in the order in which they came, each with its sequence; those
    /// after a sequence alone. Fewer than `limit` when they are large, but none only when none is left.
    fn pending(
        &self,
        transfer: Uid,
        after: Option<u64>,
        limit: usize,
    ) -> Async<'_, Result<Vec<(u64, Delivery)>, InboxError>>;
    /// How many deliveries of a transfer wait.
    fn waiting(&self, transfer: Uid) -> Async<'_, Result<u64, InboxError>>;
    /// The transfers of which deliveries wait.
    fn waiting_transfers(&self) -> Async<'_, Result<Vec<Uid>, InboxError>>;
    /// The transfers of which deliveries wait, each with the sequence of the one that came last; nothing when no other process
    /// can put any there, so that none has to be looked for.
    fn arrivals(&self) -> Async<'_, Result<Option<BTreeMap<Uid, u64>>, InboxError>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// Takes these deliveries of a transfer away; durable when it returns. Returns how many were there.
    fn take(&self, transfer: Uid, sequences: Vec<u64>) -> Async<'_, Result<u64, InboxError>>;
    /// Takes deliveries of a transfer away whose rows a destination elsewhere has stored, and keeps with others when they are
    /// looked at again; durable when it returns.
    fn settle(
        &self,
        transfer: Uid,
        consumed: Vec<u64>,
        postponed: Vec<Postponed>,
    ) -> Async<'_, Result<(), InboxError>>;
    /// Takes the deliveries of a transfer away, up to a sequence and with it; durable when it returns. Returns
    /// how many.
    fn discard(&self, transfer: Uid, through: u64) -> Async<'_, Result<u64, InboxError>>;
}

/// Why an inbox did not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// Too much waits; the service is to come again later.
    #[error(
        "the inbox is full: {deliveries} deliveries of the transfer wait, and {bytes} bytes of all transfers"
    )]
    Full {
        /// How many deliveries of the transfer wait.
        deliveries: u64,
        /// How many bytes the deliveries of all transfers have.
        bytes: u64,
    },
    /// Reading failed.
    #[error("read the inbox")]
    Read(#[source] Cause),
    /// Writing failed.
    #[error("write the inbox")]
    Write(#[source] Cause),
}
