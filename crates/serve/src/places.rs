//! Places that are given out: so many in all, and no more than a share of them to one token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// From how many names on those that have no place are forgotten.
const KNOWN: usize = 256;

/// Places for requests, or for uploads.
#[derive(Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    of_one: usize,
    each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held until they are dropped")]
pub(crate) struct Taken {
    own: Option<OwnedSemaphorePermit>,
    of_all: OwnedSemaphorePermit,
}

impl Places {
    /// So many places, and so many of them for one token.
    pub(crate) fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), of_one, each: Mutex::default() }
    }

    /// A place for the bearer of a token, or for a caller who has none, when one is free.
    pub(crate) fn try_take(&self, token: Option<&str>) -> Option<Taken> {
        let own = match token {
            Some(token) => Some(self.own(token).try_acquire_owned().ok()?),
            None => None,
        };
        Some(Taken { own, of_all: Arc::clone(&self.all).try_acquire_owned().ok()? })
    }

    /// A place for the bearer of a token, as soon as one is free, but not after so long.
    pub(crate) async fn take(&self, token: &str, time: Duration) -> Option<Taken> {
        let taking = async {
            // Its own first: a caller that waits for its own share keeps no other from theirs.
            let own = Some(self.own(token).acquire_owned().await.ok()?);
            Some(Taken { own, of_all: Arc::clone(&self.all).acquire_owned().await.ok()? })
        };
        tokio::time::timeout(time, taking).await.ok().flatten()
    }

    fn own(&self, token: &str) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = each.get(token) {
            return Arc::clone(known);
        }
        if each.len() >= KNOWN {
            each.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = Arc::new(Semaphore::new(self.of_one));
        each.insert(token.to_owned(), Arc::clone(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_token_leaves_places_for_the_others() {
        let places = Places::new(3, 2);
        let (one, two) = (places.try_take(Some("a")).unwrap(), places.try_take(Some("a")).unwrap());
        assert!(places.try_take(Some("a")).is_none());
        let soon = Duration::from_millis(10);
        assert!(places.take("a", soon).await.is_none());
        let three = places.take("b", soon).await.unwrap();
        assert!(places.try_take(None).is_none() && places.take("c", soon).await.is_none());
        drop((one, three));
        assert!(places.try_take(None).is_some() && places.take("a", soon).await.is_some());
        drop(two);
    }
}
