//! Deliveries that were accepted, so that one which a service repeats is known again.
//!
//! Kept for [`KEPT`] and no more than a number of them; the oldest go first, a few with each delivery that comes.

use jiff::{SignedDuration, Timestamp};
use raccord_model::fact::Uid;
use redb::ReadableTable;

use crate::counter::{self, Counter};
use crate::error::StoreError;
use crate::table::{Raw, Tables, time, uid};

/// For how long a delivery is known again.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How many a new delivery drives out at most. More than one, so that what has expired becomes less.
const PURGED: usize = 4;

/// How many bytes of the digest of a delivery's name are kept.
const DIGEST: usize = 16;

/// How many bytes an instant has.
const TIME: usize = 8;

/// A delivery that came under a name.
pub(super) struct SeenIds {
    /// `uid digest`.
    key: Vec<u8>,
    now: Timestamp,
}

impl SeenIds {
    /// A delivery that comes to a source under a name.
    pub(super) fn new(source: Uid, id: &str, now: Timestamp) -> Self {
        let digest = blake3::hash(id.as_bytes());
        let (digest, _) = digest.as_bytes().split_at(DIGEST);
        Self { key: [uid(&source).as_slice(), digest].concat(), now }
    }

    /// Whether it came before, not too long ago.
    pub(super) fn is_known(&self, seen: &impl ReadableTable<Raw, Raw>) -> Result<bool, StoreError> {
        let before = seen.get(self.key.as_slice())?;
        Ok(before.is_some_and(|before| before.value() >= self.expiry().as_slice()))
    }

    /// Remembers it, and forgets what is too old or too much.
    pub(super) fn remember(&self, tables: &mut Tables<'_>, most: u64) -> Result<(), StoreError> {
        let mut count = counter::read(&tables.counters, Counter::Seen)?;
        for key in self.surplus(tables, (count + 1).saturating_sub(most))? {
            forget(tables, &key)?;
            count -= 1;
        }
        let now = time(self.now);
        match tables.seen_deliveries.insert(self.key.as_slice(), now.as_slice())? {
            // It had expired, and was not driven out yet.
            Some(before) => {
                let place = [before.value(), &self.key].concat();
                drop(before);
                tables.seen_times.remove(place.as_slice())?;
            }
            None => count += 1,
        }
        tables.seen_times.insert([now.as_slice(), &self.key].concat().as_slice(), [].as_slice())?;
        counter::set(&mut tables.counters, Counter::Seen, count)
    }

    /// The oldest: so many, and those that have expired; a few at most.
    fn surplus(&self, tables: &Tables<'_>, many: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let expiry = self.expiry();
        let mut surplus = Vec::new();
        for (entry, number) in tables.seen_times.iter()?.take(PURGED).zip(0..) {
            let (key, _) = entry?;
            let (time, key) = key.value().split_at_checked(TIME).ok_or(StoreError::Damaged)?;
            if number >= many && time >= expiry.as_slice() {
                break;
            }
            surplus.push(key.to_vec());
        }
        Ok(surplus)
    }

    /// The instant before which deliveries are no longer known, as bytes.
    fn expiry(&self) -> [u8; TIME] {
        time(self.now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN))
    }
}

fn forget(tables: &mut Tables<'_>, key: &[u8]) -> Result<(), StoreError> {
    let Some(before) = tables.seen_deliveries.remove(key)? else { return Err(StoreError::Damaged) };
    let place = [before.value(), key].concat();
    drop(before);
    tables.seen_times.remove(place.as_slice())?;
    Ok(())
}
