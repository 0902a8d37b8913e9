//! Answers that one reading has had, so that what several parts of it ask for is asked once: the pages of a parent that
//! several partitions hang on. It lives as long as the reading and holds so much and no more; what it does not hold is
//! asked again. It never keeps a request, whose headers may be credentials, but only its digest.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::transport::{Request, Response};

/// How many bytes of answers one reading keeps.
pub(crate) const MOST_BYTES: usize = 32 << 20;
/// What an answer takes beside its body and headers, in bytes.
const OVERHEAD: usize = 256;

/// Which requests of a requester are answered from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheUse {
    /// None.
    Never,
    /// Those that another requester has sent. One that asks the same twice itself means to see what is new, as where a
    /// service hands out the next page at the same URL.
    OfOthers,
    /// All that have been sent before: `use_cache: true`.
    All,
}

/// The answers of a reading.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    kept: Mutex<Kept>,
    most: usize,
}

/// What is known of each request.
#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Key, Known>,
    bytes: usize,
    askers: u64,
}

#[derive(Debug)]
enum Known {
    /// It was answered so.
    Answer { asker: Asker, answer: Response },
    /// Its requester asked again: its answer is not the same each time.
    Changing,
}

/// The digest of a request without its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

/// What tells the requesters of a reading apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker(u64);

impl AnswerCache {
    /// A cache of so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { kept: Mutex::default(), most }
    }

    /// Another requester.
    pub(crate) fn asker(&self) -> Asker {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.askers += 1;
        Asker(kept.askers)
    }

    /// What a request was answered, if the requester may have it.
    pub(crate) fn answer(&self, key: Key, asker: Asker, cache_use: CacheUse) -> Option<Response> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Known::Answer { asker: first, answer } = kept.answers.get(&key)? else { return None };
        if cache_use == CacheUse::All || *first != asker {
            return Some(answer.clone());
        }
        let freed = weight(answer);
        kept.answers.insert(key, Known::Changing);
        kept.bytes = kept.bytes.saturating_sub(freed) + OVERHEAD;
        None
    }

    /// Keeps an answer that was taken as it is, unless there is no room. What is kept stays: pages are asked for in the
    /// same order again, and to give up the oldest for the newest would give up each just before it is wanted.
    pub(crate) fn keep(&self, key: Key, asker: Asker, answer: &Response) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = weight(answer);
        if answer.status != 200 || kept.bytes.saturating_add(weight) > self.most {
            return;
        }
        if let Entry::Vacant(place) = kept.answers.entry(key) {
            place.insert(Known::Answer { asker, answer: answer.clone() });
            kept.bytes += weight;
        }
    }
}

impl Default for AnswerCache {
    fn default() -> Self {
        Self::new(MOST_BYTES)
    }
}

impl Key {
    /// That of a request, whose headers of these names are credentials; none of one that may change something.
    pub(crate) fn of(request: &Request, credentials: &[&str]) -> Option<Self> {
        if request.method != "GET" {
            return None;
        }
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update(bytes.len().to_be_bytes());
            digest.update(bytes);
        };
        part(request.url.as_bytes());
        for (name, value) in &request.headers {
            // A token may have been replaced since.
            if !credentials.iter().any(|header| header.eq_ignore_ascii_case(name)) {
                part(name.as_bytes());
                part(value.as_bytes());
            }
        }
        part(request.body.as_deref().unwrap_or_default());
        Some(Self(digest.finalize().into()))
    }
}

/// What an answer takes, in bytes.
fn weight(answer: &Response) -> usize {
    let headers: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    answer.body.len() + headers + OVERHEAD
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
