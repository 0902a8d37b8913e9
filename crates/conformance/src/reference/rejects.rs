//! The rejects of a transfer: the same record rejected again is the same reject, and a later success takes it away.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use raccord_model::canonical::Digest;
use raccord_model::fact::{Reject, RejectId};

use super::world::is_older;

/// The rejects of one transfer.
#[derive(Debug, Clone, Default)]
pub(super) struct Rejects {
    pub(super) kept: BTreeMap<RejectId, (Reject, Vec<u8>)>,
    /// Those that went because they were too many, and when.
    pub(super) remembered: BTreeMap<RejectId, Timestamp>,
}

/// Which reject it is.
fn identity(reject: &Reject) -> RejectId {
    let record = match (&reject.payload, &reject.key) {
        (Some(payload), _) => format!("record {payload}"),
        (None, Some(key)) => format!("row {key} {}", reject.reason),
        (None, None) => format!("place {} {}", reject.position, reject.reason),
    };
    let path = reject.fetch.as_ref().map(|fetch| &fetch.path);
    let how = format!("{:?} {} {} {path:?}", reject.field, reject.partial, reject.deletion);
    let Digest(digest) = Digest::of(format!("{record}\n{how}").as_bytes());
    let mut id = [0; 8];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    RejectId(id)
}

/// Bytes as a reject writes the key of its row.
pub(super) fn written(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key that a reject carries.
pub(super) fn key_of(reject: &Reject) -> Option<Vec<u8>> {
    let text = reject.key.as_deref()?;
    (0..text.len() / 2).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

/// The oldest instant that is still kept, when rejects are kept for so many seconds.
pub(super) fn oldest(now: Timestamp, age: u64) -> Timestamp {
    let age = SignedDuration::from_secs(i64::try_from(age).unwrap_or(i64::MAX));
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

impl Rejects {
    pub(super) fn keep(&mut self, reject: &Reject, version: &[u8]) {
        let id = identity(reject);
        let before = self.kept.get(&id).map_or(&[][..], |(_, version)| version);
        let latest = if is_older(version, before) { before } else { version }.to_vec();
        self.kept.insert(id, (reject.clone(), latest));
    }

    /// Takes those of a key away that are not newer.
    pub(super) fn supersede(&mut self, key: &[u8], version: &[u8]) {
        self.kept
            .retain(|_, (reject, kept)| key_of(reject).is_none_or(|of| of != key) || is_older(version, kept));
    }

    /// How many are kept now that were neither kept nor remembered before.
    pub(super) fn count_new(&self, before: &Self, oldest: Timestamp) -> u64 {
        let was_known = |id: &RejectId| {
            before.kept.contains_key(id) || before.remembered.get(id).is_some_and(|at| *at >= oldest)
        };
        let new: BTreeSet<_> = self.kept.keys().filter(|id| !was_known(id)).collect();
        u64::try_from(new.len()).unwrap_or(u64::MAX)
    }

    /// Takes away those that are too old, and the oldest of those that are too many, which are remembered.
    pub(super) fn bound(&mut self, most: u64, now: Timestamp, oldest: Timestamp) {
        let kept: BTreeSet<RejectId> = self.kept.keys().copied().collect();
        self.remembered.retain(|id, _| !kept.contains(id));
        let surplus = self.kept.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        let mut by_age: Vec<(Timestamp, RejectId)> =
            self.kept.iter().map(|(id, (reject, _))| (reject.at, *id)).collect();
        by_age.sort();
        for (number, (at, id)) in by_age.into_iter().enumerate() {
            let is_old = at < oldest;
            if !is_old && number >= surplus {
                continue;
            }
            self.kept.remove(&id);
            if !is_old {
                self.remembered.insert(id, now);
            }
        }
        self.remembered.retain(|_, at| *at >= oldest);
    }
}
