//! The changes of a batch: keys, patches and versions in one arena, and what each asks for. What becomes of them is decided
//! elsewhere.

/// What a row is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It is to be there with these values.
    Upsert,
    /// It is to be gone.
    Delete,
    /// It stays: [`Destination::prefetch`](super::Destination::prefetch) has shown that it was made of this very record. The change has neither a patch nor a
    /// version.
    Keep,
}

/// A digest of a raw record and of everything that makes a row of it: the same digest means the same row. It is kept
/// beside a row, so that a record that comes again as it was need not be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordDigest {
    /// Of what makes the row: the mapping, the entity, the transfer.
    pub mapping: [u8; 4],
    /// Of the raw record.
    pub record: [u8; 12],
}

impl RecordDigest {
    /// Its bytes: those of the mapping first.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (mapping, record) = bytes.split_at_mut(self.mapping.len());
        mapping.copy_from_slice(&self.mapping);
        record.copy_from_slice(&self.record);
        bytes
    }

    /// The digest of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, record @ ..] = bytes;
        Self { mapping: [a, b, c, d], record }
    }
}

/// Rows on their way into a destination, in one arena.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Keys, patches and versions, one after the other.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<ChangeEnds>,
    /// Of the records that were rejected: after how many changes they came, and their versions.
    pub(super) rejected: Vec<(usize, Box<[u8]>)>,
}

#[derive(Debug, Clone, Copy)]
struct ChangeEnds {
    intent: Intent,
    key: usize,
    patch: usize,
    version: usize,
    digest: Option<RecordDigest>,
}

/// One change, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// What is to become of the row.
    pub intent: Intent,
    /// The key's bytes, without the incarnation.
    pub key: &'a [u8],
    /// The patch; empty for a delete.
    pub patch: &'a [u8],
    /// The version as bytes that compare; empty when the transfer has none.
    pub version: &'a [u8],
    /// Of the record that the row is made of, where it is known whole.
    pub digest: Option<RecordDigest>,
}

impl Changes {
    /// An arena with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Adds a change.
    pub fn push(&mut self, change: Change<'_>) {
        self.bytes.extend_from_slice(change.key);
        let key = self.bytes.len();
        self.bytes.extend_from_slice(change.patch);
        let patch = self.bytes.len();
        self.bytes.extend_from_slice(change.version);
        let Change { intent, digest, .. } = change;
        self.ends.push(ChangeEnds { intent, key, patch, version: self.bytes.len(), digest });
    }

    /// Says that the record of the batch's next reject came here, after the changes so far, at this version.
    pub fn note_reject(&mut self, version: &[u8]) {
        self.rejected.push((self.ends.len(), version.into()));
    }

    /// The changes, in order.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |ends| {
            let slice = |from: usize, to: usize| self.bytes.get(from..to).unwrap_or_default();
            let change = Change {
                intent: ends.intent,
                key: slice(start, ends.key),
                patch: slice(ends.key, ends.patch),
                version: slice(ends.patch, ends.version),
                digest: ends.digest,
            };
            start = ends.version;
            change
        })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}
