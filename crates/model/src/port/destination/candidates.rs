//! Candidates: records that may be as they were when their rows were made, and what a look at those rows has shown.

use super::RecordDigest;

/// Records that may be as they were: guesses at the keys of their rows, and their digests. A wrong guess is found out, for
/// no other row has the digest.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// The keys, one after the other.
    keys: Vec<u8>,
    /// Where each key ends, and the digest that goes with it.
    ends: Vec<(usize, RecordDigest)>,
}

impl Candidates {
    /// Adds one. Its key is not empty.
    pub fn push(&mut self, key: &[u8], digest: RecordDigest) {
        self.keys.extend_from_slice(key);
        self.ends.push((self.keys.len(), digest));
    }

    /// Adds a record that cannot be one, so that the next keeps its number.
    pub fn push_none(&mut self) {
        self.ends.push((self.keys.len(), RecordDigest { mapping: [0; 4], record: [0; 12] }));
    }

    /// The candidate with a number, if the record with this number is one.
    pub fn get(&self, number: usize) -> Option<(&[u8], RecordDigest)> {
        let &(end, digest) = self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(Some(0), |before| Some(self.ends.get(before)?.0))?;
        let key = self.keys.get(start..end).filter(|key| !key.is_empty())?;
        Some((key, digest))
    }

    /// How many records there are, candidates or not.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// What a look at the rows of candidates has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefetched {
    /// By the number of the record: whether its row is there, is the transfer's own, and was made of this very record.
    pub same: Vec<bool>,
    /// At which revision of the rows that was.
    pub at: u64,
}
