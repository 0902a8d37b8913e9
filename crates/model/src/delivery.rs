//! The bytes of a delivery that waits, the same in every state.
//!
//! `version byte | kind (1) | seconds (8) | nanoseconds (4) | event | path | place | record`, where the event, the
//! path and the place are each their length as 4 big-endian bytes and then their bytes. Only what is to be fetched
//! has a path, and a place in the answer. Of what is fetched again, `tries (1) | seconds (8) | nanoseconds (4)` stand
//! before the event.

use bytes::Bytes;
use jiff::Timestamp;

use crate::port::inbox::{Delivery, DeliveryKind, Retry};

/// The bytes are not those of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delivery cannot be read")]
pub struct NotADelivery;

/// The first byte of every delivery.
const VERSION: u8 = 1;

/// How many bytes a delivery has beside its texts and its record.
const HEAD: usize = 2 + 8 + 4 + 3 * 4;

mod kind {
    pub(super) const UPSERT: u8 = 0;
    pub(super) const DELETE: u8 = 1;
    pub(super) const FETCH: u8 = 2;
    pub(super) const FETCH_AGAIN: u8 = 3;
    pub(super) const PARTIAL: u8 = 4;
}

/// Writes a delivery.
pub fn encode(delivery: &Delivery) -> Vec<u8> {
    let (kind, path, place, again) = match &delivery.kind {
        DeliveryKind::Upsert => (kind::UPSERT, "", String::new(), None),
        DeliveryKind::Partial => (kind::PARTIAL, "", String::new(), None),
        DeliveryKind::Delete => (kind::DELETE, "", String::new(), None),
        DeliveryKind::Fetch { path, record, retry } => {
            let kind = if retry.is_some() { kind::FETCH_AGAIN } else { kind::FETCH };
            (kind, path.as_str(), record.to_string(), *retry)
        }
    };
    let texts = delivery.event.len() + path.len() + place.len();
    let mut out = Vec::with_capacity(HEAD + texts + delivery.record.len());
    out.extend_from_slice(&[VERSION, kind]);
    write_instant(&mut out, delivery.received);
    if let Some(Retry { attempts, until }) = again {
        out.push(attempts);
        write_instant(&mut out, until);
    }
    write_part(&mut out, delivery.event.as_bytes());
    write_part(&mut out, path.as_bytes());
    write_part(&mut out, place.as_bytes());
    out.extend_from_slice(&delivery.record);
    out
}

/// Reads a delivery.
pub fn decode(bytes: &[u8]) -> Result<Delivery, NotADelivery> {
    let mut at = Reader(bytes);
    let &[VERSION, kind] = at.take(2)? else { return Err(NotADelivery) };
    let received = instant(&mut at)?;
    let retry = if kind == kind::FETCH_AGAIN {
        let [attempts] = array(&mut at)?;
        Some(Retry { attempts, until: instant(&mut at)? })
    } else {
        None
    };
    let (event, path, place) = (text(&mut at)?, text(&mut at)?, text(&mut at)?);
    let kind = match kind {
        kind::UPSERT => DeliveryKind::Upsert,
        kind::DELETE => DeliveryKind::Delete,
        kind::PARTIAL => DeliveryKind::Partial,
        kind::FETCH | kind::FETCH_AGAIN => {
            DeliveryKind::Fetch { path, record: place.parse().map_err(|_| NotADelivery)?, retry }
        }
        _ => return Err(NotADelivery),
    };
    Ok(Delivery { kind, record: Bytes::copy_from_slice(at.0), received, event })
}

/// A part whose length stands before it.
fn write_part(out: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
}

/// Reads from the front of a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], NotADelivery> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(NotADelivery)?;
        self.0 = rest;
        Ok(taken)
    }
}

fn write_instant(out: &mut Vec<u8>, instant: Timestamp) {
    out.extend_from_slice(&instant.as_second().to_be_bytes());
    out.extend_from_slice(&instant.subsec_nanosecond().to_be_bytes());
}

fn instant(at: &mut Reader<'_>) -> Result<Timestamp, NotADelivery> {
    let seconds = i64::from_be_bytes(array(at)?);
    let nanoseconds = i32::from_be_bytes(array(at)?);
    Timestamp::new(seconds, nanoseconds).map_err(|_| NotADelivery)
}

fn array<const N: usize>(at: &mut Reader<'_>) -> Result<[u8; N], NotADelivery> {
    at.take(N)?.try_into().map_err(|_| NotADelivery)
}

fn text(at: &mut Reader<'_>) -> Result<String, NotADelivery> {
    let length = usize::try_from(u32::from_be_bytes(array(at)?)).map_err(|_| NotADelivery)?;
    String::from_utf8(at.take(length)?.to_vec()).map_err(|_| NotADelivery)
}

#[cfg(test)]
mod tests {
    use crate::field_path::FieldPath;

    use super::*;

    #[test]
    fn a_delivery_comes_back_and_a_part_of_it_is_none() {
        let (path, record) =
            ("/customers/%C3%A9".to_owned(), "data.customer[0]".parse::<FieldPath>().unwrap());
        let whole = DeliveryKind::Fetch { path: "/x".to_owned(), record: FieldPath::default(), retry: None };
        let until = "2025-01-02T03:04:05.000000007Z".parse().unwrap();
        let again = Some(Retry { attempts: 3, until });
        let again = DeliveryKind::Fetch { path: path.clone(), record: record.clone(), retry: again };
        let fetch = DeliveryKind::Fetch { path, record, retry: None };
        for (kind, record, event, received) in [
            (DeliveryKind::Upsert, "{\"id\":1}", "customer.updated", "2025-01-02T03:04:05.123456789Z"),
            (DeliveryKind::Delete, "", "", "1960-12-31T23:59:59.5Z"),
            (fetch, "", "é", "2025-01-02T03:04:05Z"),
            (whole, "{}", "x", "2025-01-02T03:04:05Z"),
            (again, "{}", "x", "2025-01-02T03:04:05Z"),
            (DeliveryKind::Partial, "{}", "x", "2025-01-02T03:04:05Z"),
        ] {
            let record = Bytes::from(record);
            let delivery =
                Delivery { kind, record, received: received.parse().unwrap(), event: event.to_owned() };
            let bytes = encode(&delivery);
            assert_eq!(decode(&bytes).unwrap(), delivery);
            for cut in 0..bytes.len() - delivery.record.len() {
                assert!(decode(&bytes[..cut]).is_err(), "{cut}");
            }
            for (at, byte) in [(0, VERSION + 1), (1, 5)] {
                let mut other = bytes.clone();
                other[at] = byte;
                assert!(decode(&other).is_err(), "{at}");
            }
        }
    }
}
