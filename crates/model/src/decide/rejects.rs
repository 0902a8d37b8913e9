//! The rejects of a batch: the same record rejected again is the same reject, and what becomes of it later takes it away.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use crate::canonical::Digest;
use crate::classify::is_older;
use crate::fact::{Reject, RejectId};

use super::deletion::nanoseconds;
use super::working::{KeptReject, Working};

/// How many rejects of a transfer are remembered that went because they were too many.
pub const REMEMBERED: u64 = 10_000;

/// How many rejects are kept, and from when on.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many.
    pub most: u64,
    /// Now, in nanoseconds since 1970.
    pub now: i64,
    /// What is older than this goes, in nanoseconds since 1970.
    pub oldest: i64,
}

impl Bounds {
    /// At an instant, when they are kept for so many seconds.
    pub fn at(now: Timestamp, most: u64, age: u64) -> Self {
        let age = SignedDuration::from_secs(i64::try_from(age).unwrap_or(i64::MAX));
        let oldest = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        Self { most, now: nanoseconds(now), oldest: nanoseconds(oldest) }
    }
}

/// Which reject it is: of the record as it came, or of which row and why when it was not kept, or of where when its key is
/// not known either; of the field that is to blame; and of the path of a record that could not be had.
pub fn identity(reject: &Reject) -> RejectId {
    let mut text = String::new();
    let mut part = |part: &str| {
        text.push_str(part);
        text.push('\0');
    };
    match (&reject.payload, &reject.key) {
        (Some(payload), _) => part(payload),
        // Where it stands says nothing: lines and pages move.
        (None, Some(key)) => ["", &reject.reason, key].into_iter().for_each(part),
        (None, None) => [reject.position.as_str(), &reject.reason, ""].into_iter().for_each(part),
    }
    let mut part = |part: &str| {
        text.push_str(part);
        text.push('\0');
    };
    part(reject.field.as_ref().map_or("", |field| field.as_str()));
    part(if reject.partial { "partial" } else { "" });
    part(if reject.deletion { "deletion" } else { "" });
    if let Some(fetch) = &reject.fetch {
        part(&fetch.path);
    }
    let Digest(digest) = Digest::of(text.as_bytes());
    let mut id = [0; 8];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    RejectId(id)
}

/// The bytes of the key that a reject carries.
pub fn key_of(reject: &Reject) -> Option<Vec<u8>> {
    let (pairs, []) = reject.key.as_deref()?.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Bytes as a reject carries them.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _: std::fmt::Result = write!(text, "{byte:02x}");
        text
    })
}

/// Keeps one, whose record has this version.
pub(super) fn keep(set: &mut Working, reject: &Reject, version: &[u8]) {
    let (id, mut kept) = kept(reject, version.to_vec());
    let before = set.rejects.get(&id).map_or(&[][..], |before| &before.version);
    if is_older(version, before) {
        kept.version = before.to_vec();
    }
    set.rejects.set(id, kept);
}

/// One as it is kept, whose record has this version.
pub(super) fn kept(reject: &Reject, version: Vec<u8>) -> (RejectId, KeptReject) {
    let kept = KeptReject { reject: Some(Box::new(reject.clone())), key: key_of(reject), version };
    (identity(reject), kept)
}

/// Takes those of a key away that are not newer.
pub(super) fn supersede(set: &mut Working, key: &[u8], version: &[u8]) {
    let goes = |kept: &KeptReject| kept.key.as_deref() == Some(key) && !is_older(version, &kept.version);
    let gone: Vec<RejectId> = set.rejects.iter().filter(|(_, kept)| goes(kept)).map(|(id, _)| *id).collect();
    for id in &gone {
        set.rejects.remove(id);
    }
}
