//! What the records of a reading say of keys, which counts at its end: that they are deleted, or were rejected. A record that shows
//! the key again takes either back. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::fact::Uid;

use super::rejects::written;
use super::world::{Change, Waiting, WaitsFor};

/// How many deletions of a reading can be taken back: their keys are in memory and in the log. What is more is written at once.
const MOST_DELETED: usize = 1_000_000;

/// What the latest record of a key said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Deleted,
    Shown,
    Rejected,
}

/// The keys of a reading, while a batch of it is taken in.
#[derive(Debug, Default)]
pub(crate) struct Marking {
    reading: Option<WaitsFor>,
    /// Those of the batches before.
    deleted: Arc<BTreeMap<String, Timestamp>>,
    rejected: BTreeSet<String>,
    /// Those of this batch.
    said: BTreeMap<String, Said>,
}

impl Marking {
    pub(crate) fn of(reading: Option<WaitsFor>, waiting: Option<&Waiting>) -> Self {
        let waiting = waiting.filter(|waiting| waiting.reading == reading);
        let (deleted, rejected) = waiting
            .map(|waiting| (Arc::clone(&waiting.deleted), waiting.rejected.clone()))
            .unwrap_or_default();
        Self { reading, deleted, rejected, said: BTreeMap::new() }
    }

    /// Marks a key as deleted; whether it was not before, and nothing where no more can be marked.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Option<bool> {
        self.reading?;
        let key = written(key);
        let was = match self.said.get(&key) {
            Some(said) => *said == Said::Deleted,
            None => self.deleted.contains_key(&key),
        };
        if !was && self.deleted.len() + self.said.len() >= MOST_DELETED {
            return None;
        }
        self.said.insert(key, Said::Deleted);
        Some(!was)
    }

    /// Marks a key as rejected, as its reject carries it.
    pub(crate) fn reject(&mut self, key: String) {
        if self.reading.is_some() {
            self.said.insert(key, Said::Rejected);
        }
    }

    /// Takes back what an earlier record said of a key.
    pub(crate) fn show(&mut self, key: &[u8]) {
        if self.deleted.is_empty() && self.rejected.is_empty() && self.said.is_empty() {
            return;
        }
        let key = written(key);
        if self.deleted.contains_key(&key) || self.rejected.contains(&key) || self.said.contains_key(&key) {
            self.said.insert(key, Said::Shown);
        }
    }

    /// What has changed.
    pub(crate) fn change(self, (incarnation, transfer): (u64, Uid), at: Timestamp) -> Option<Change> {
        if self.said.is_empty() {
            return None;
        }
        let (mut deleted, mut shown, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
        for (key, said) in self.said {
            match said {
                Said::Deleted => deleted.push(key),
                Said::Shown => shown.push(key),
                Said::Rejected => rejected.push(key),
            }
        }
        let waits_for = self.reading;
        Some(Change::Mark { incarnation, transfer, waits_for, at, deleted, shown, rejected })
    }
}

/// The bytes of a key that is written as digits.
pub(crate) fn key_of(written: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(written.get(at..at + 2)?, 16).ok();
    (0..written.len()).step_by(2).map(digit).collect()
}
