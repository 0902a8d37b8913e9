//! The bytes of a kept row: a versioned header of ours, and then the row itself, which stays opaque.
//!
//! `version byte | owner (16) | run (16) | digest (16) | version of the owner | number of others (1) | others | row`, where
//! a version is its length as 4 big-endian bytes and then its bytes, and each of the others is the uid (16) of a
//! transfer that also feeds the row and that transfer's version. Versions of two services say nothing about each
//! other, so each transfer's is compared with its own alone. The digest is that of the owner's record of which the row was
//! made; one that was made of anything else has a version byte of its own, and none.

use raccord_model::fact::{RunId, Uid};
use raccord_model::port::destination::RecordDigest;
use uuid::Uuid;

use crate::error::StoreError;

/// The first byte of a record without a digest.
const PLAIN: u8 = 1;

/// The first byte of a record with a digest.
const DIGESTED: u8 = 2;

/// A kept row, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// The transfer that owns it.
    pub(crate) owner: Uid,
    /// The run that last wrote it.
    pub(crate) run: RunId,
    /// The digest of the owner's record of which the row was made, unless something else has changed it since.
    pub(crate) digest: Option<RecordDigest>,
    /// The owner's version; empty without one.
    pub(crate) version: &'a [u8],
    /// Uids and versions of the others, as they stand.
    others: &'a [u8],
    /// The row.
    pub(crate) row: &'a [u8],
}

/// Who writes a record, and at which version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'a> {
    /// The transfer.
    pub(crate) transfer: Uid,
    /// The run.
    pub(crate) run: RunId,
    /// The version; empty without one.
    pub(crate) version: &'a [u8],
    /// The digest of the transfer's record, when the row is made of it alone.
    pub(crate) digest: Option<RecordDigest>,
}

/// Begins a record that has just been created. The row follows.
pub(crate) fn begin(out: &mut Vec<u8>, stamp: Stamp<'_>) {
    out.push(if stamp.digest.is_some() { DIGESTED } else { PLAIN });
    out.extend_from_slice(stamp.transfer.0.as_bytes());
    out.extend_from_slice(stamp.run.0.as_bytes());
    if let Some(digest) = stamp.digest {
        out.extend_from_slice(&digest.to_bytes());
    }
    write_version(out, stamp.version);
    out.push(0);
}

impl<'a> Record<'a> {
    /// Reads a record.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut at = Reader(bytes);
        let has_digest = match at.take(1)? {
            [PLAIN] => false,
            [DIGESTED] => true,
            _ => return Err(StoreError::Damaged),
        };
        let owner = Uid(at.uuid()?);
        let run = RunId(at.uuid()?);
        let digest = if has_digest { Some(at.digest()?) } else { None };
        let version = at.version()?;
        let &[count] = at.take(1)? else { return Err(StoreError::Damaged) };
        let rest = at.0;
        for _ in 0..count {
            at.uuid()?;
            at.version()?;
        }
        let (others, row) = rest.split_at(rest.len() - at.0.len());
        Ok(Self { owner, run, digest, version, others, row })
    }

    /// The version at which a transfer last fed the row; empty without one.
    pub(crate) fn version_of(&self, transfer: Uid) -> &'a [u8] {
        if transfer == self.owner {
            return self.version;
        }
        self.others().find(|(uid, _)| *uid == transfer).map_or(&[], |(_, version)| version)
    }

    /// The record as a transfer's that takes it over from an owner that is no more. That owner's version says nothing
    /// any longer.
    pub(crate) fn adopted_by(self, transfer: Uid) -> Self {
        Self { owner: transfer, version: self.version_of(transfer), digest: None, ..self }
    }

    /// Begins the record that follows this one. The owner stays, and so does a version that the stamp does not
    /// replace; the digest goes unless the owner stamps. The row follows.
    pub(crate) fn begin_next(&self, out: &mut Vec<u8>, stamp: Stamp<'_>) {
        let by_owner = stamp.transfer == self.owner;
        let version = if by_owner && !stamp.version.is_empty() { stamp.version } else { self.version };
        let digest = stamp.digest.filter(|_| by_owner);
        begin(out, Stamp { transfer: self.owner, run: stamp.run, version, digest });
        if self.others.is_empty() && (by_owner || stamp.version.is_empty()) {
            return;
        }
        let count_at = out.len() - 1;
        let mut count: u8 = 0;
        let newest = (!by_owner && !stamp.version.is_empty()).then_some((stamp.transfer, stamp.version));
        let kept = self.others().filter(|(uid, _)| newest.is_none_or(|(newest, _)| newest != *uid));
        // The newest comes first, so that it is never the one for which there is no room.
        for (uid, version) in newest.into_iter().chain(kept).take(usize::from(u8::MAX)) {
            out.extend_from_slice(uid.0.as_bytes());
            write_version(out, version);
            count += 1;
        }
        if let Some(byte) = out.get_mut(count_at) {
            *byte = count;
        }
    }

    fn others(&self) -> impl Iterator<Item = (Uid, &'a [u8])> + use<'a> {
        let mut at = Reader(self.others);
        let owner = self.owner;
        let all = std::iter::from_fn(move || Some((Uid(at.uuid().ok()?), at.version().ok()?)));
        // One that took the row over is among them no more.
        all.filter(move |(uid, _)| *uid != owner)
    }
}

/// Writes a version.
pub(crate) fn write_version(out: &mut Vec<u8>, version: &[u8]) {
    let length = u32::try_from(version.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(version);
}

/// Reads from the front of a slice.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// So many bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(StoreError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    /// An identity.
    pub(crate) fn uuid(&mut self) -> Result<Uuid, StoreError> {
        Uuid::from_slice(self.take(16)?).map_err(|_| StoreError::Damaged)
    }

    /// A digest of a record.
    fn digest(&mut self) -> Result<RecordDigest, StoreError> {
        let bytes = self.take(16)?.try_into().map_err(|_| StoreError::Damaged)?;
        Ok(RecordDigest::from_bytes(bytes))
    }

    /// A version.
    pub(crate) fn version(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.take(4)?.try_into().map(u32::from_be_bytes).map_err(|_| StoreError::Damaged)?;
        self.take(usize::try_from(length).map_err(|_| StoreError::Damaged)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(transfer: u128, version: &[u8]) -> Stamp<'_> {
        Stamp {
            transfer: Uid(Uuid::from_u128(transfer)),
            run: RunId(Uuid::from_u128(9)),
            version,
            digest: None,
        }
    }

    #[test]
    fn each_transfer_has_a_version_of_its_own() {
        let mut bytes = Vec::new();
        begin(&mut bytes, stamp(1, b"5"));
        bytes.extend_from_slice(b"row");
        // (who writes, its version, versions of 1, 2 and 3 afterwards)
        let steps = [
            (2, "9", ["5", "9", ""]),
            (1, "6", ["6", "9", ""]),
            (3, "1", ["6", "9", "1"]),
            (2, "", ["6", "9", "1"]),
            (1, "", ["6", "9", "1"]),
            (2, "99", ["6", "99", "1"]),
        ];
        for (transfer, version, expected) in steps {
            let mut next = Vec::new();
            let record = Record::decode(&bytes).unwrap();
            record.begin_next(&mut next, stamp(transfer, version.as_bytes()));
            next.extend_from_slice(record.row);
            bytes = next;
            let record = Record::decode(&bytes).unwrap();
            assert_eq!(record.owner, Uid(Uuid::from_u128(1)));
            assert_eq!(record.row, b"row");
            assert_eq!(
                [1, 2, 3].map(|uid| record.version_of(Uid(Uuid::from_u128(uid)))),
                expected.map(str::as_bytes)
            );
        }
        let mut next = Vec::new();
        let adopted = Record::decode(&bytes).unwrap().adopted_by(Uid(Uuid::from_u128(2)));
        adopted.begin_next(&mut next, stamp(2, b""));
        next.extend_from_slice(adopted.row);
        let adopted = Record::decode(&next).unwrap();
        assert_eq!(adopted.owner, Uid(Uuid::from_u128(2)));
        assert_eq!(
            [1, 2, 3].map(|uid| adopted.version_of(Uid(Uuid::from_u128(uid)))),
            ["", "99", "1"].map(str::as_bytes)
        );
        for cut in 0..bytes.len() - 3 {
            assert!(Record::decode(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_digest_stays_with_what_its_owner_wrote() {
        let digest = Some(RecordDigest { mapping: *b"map1", record: *b"record-bytes" });
        let mut bytes = Vec::new();
        begin(&mut bytes, Stamp { digest, ..stamp(1, b"5") });
        assert_eq!(Record::decode(&bytes).unwrap().digest, digest);
        // (who writes, with a digest, whether the record has it afterwards)
        for (transfer, with, expected) in [(1, digest, digest), (1, None, None), (2, digest, None)] {
            let mut next = Vec::new();
            Record::decode(&bytes)
                .unwrap()
                .begin_next(&mut next, Stamp { digest: with, ..stamp(transfer, b"6") });
            assert_eq!(Record::decode(&next).unwrap().digest, expected, "{transfer}");
            for cut in 0..next.len() {
                assert!(Record::decode(&next[..cut]).is_err(), "{cut}");
            }
        }
        assert_eq!(Record::decode(&bytes).unwrap().adopted_by(Uid(Uuid::from_u128(2))).digest, None);
    }
}
