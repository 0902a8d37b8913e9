//! The pages of a chain that were read: notices a service that answers with one of them again.
//!
//! A page is known by a digest of its records, a place by one of what it is asked for by: 16 bytes each, at most two a page.

use std::collections::HashSet;

use super::paginate::At;

/// The first bytes of a digest.
type Short = [u8; 16];

/// What was read of a chain.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    known: HashSet<Short>,
}

impl Trail {
    /// Remembers the records of a page. Returns whether they are new.
    pub(crate) fn pass(&mut self, records: &[u8]) -> bool {
        self.known.insert(digest(b'r', records))
    }

    /// Remembers where the next page is. Returns whether that is new. Positions only grow, and are new by themselves.
    pub(crate) fn go(&mut self, at: &At) -> bool {
        match at {
            At::First | At::Page(_) | At::Offset(_) | At::Since(_) => true,
            At::Url(place) | At::Cursor(place) => self.known.insert(digest(b'p', place.as_bytes())),
        }
    }

    /// Forgets everything: another chain begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn digest(kind: u8, bytes: &[u8]) -> Short {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(bytes);
    let mut short = Short::default();
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}
