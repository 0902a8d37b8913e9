//! The pages of a chain that were read: notices a service that answers with one of them again.
//!
//! A page is known by a digest of its records, a place by one of what it is asked for by: 16 bytes each, at most two a page.
//! The digests are quick ones, and leave no process: a service that forges two pages of one digest fails its own reading.

use std::collections::HashSet;

use twox_hash::XxHash3_128;

use super::paginate::At;

/// What a digest is of.
#[derive(Clone, Copy)]
enum Of {
    Records,
    Place,
}

/// What was read of a chain.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    known: HashSet<u128>,
}

impl Trail {
    /// Remembers the records of a page. Returns whether they are new.
    pub(crate) fn pass(&mut self, records: &[u8]) -> bool {
        self.known.insert(digest(Of::Records, records))
    }

    /// Remembers where the next page is. Returns whether that is new. Positions only grow, and are new by themselves.
    pub(crate) fn go(&mut self, at: &At) -> bool {
        match at {
            At::First | At::Page(_) | At::Offset(_) | At::Since(_) => true,
            At::Url(place) | At::Cursor(place) => self.known.insert(digest(Of::Place, place.as_bytes())),
        }
    }

    /// Forgets everything: another chain begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn digest(of: Of, bytes: &[u8]) -> u128 {
    let seed = match of {
        Of::Records => 0,
        Of::Place => 1,
    };
    XxHash3_128::oneshot_with_seed(seed, bytes)
}
