//! Secrets that were read of late from where that takes a while: a vault, a program. One reading serves all who ask
//! meanwhile, whether it gave a secret or not.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use raccord_model::secret::{SecretError, SecretRef};
use secrecy::SecretString;

/// How long a secret is used before it is read again.
const FRESH: Duration = Duration::from_secs(30);

/// How long one is remembered that is no longer read.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Which secret: references may be relative to a directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) reference: SecretRef,
}

/// What was read, by place.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<Place, Arc<Entry>>>);

#[derive(Default)]
struct Entry {
    /// Held by the one who reads.
    reading: tokio::sync::Mutex<()>,
    last: Mutex<Option<Last>>,
}

struct Last {
    /// When the reading began.
    at: Instant,
    result: Result<SecretString, SecretError>,
    /// The latest secret, also where a later reading failed.
    secret: Option<SecretString>,
}

impl Entry {
    fn with<T>(&self, look: impl FnOnce(&mut Option<Last>) -> T) -> T {
        look(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was read since, or what is fresh where that will do.
    fn current(&self, asked: Instant, is_anew: bool) -> Option<Result<SecretString, SecretError>> {
        self.with(|last| {
            let last = last.as_ref()?;
            let is_fresh = !is_anew && last.result.is_ok() && last.at.elapsed() < FRESH;
            (last.at >= asked || is_fresh).then(|| last.result.clone())
        })
    }
}

impl Kept {
    /// The secret of a place, read by `read` unless one is at hand; with `is_anew` only what is read from now on will do.
    pub(super) async fn get(
        &self,
        place: Place,
        is_anew: bool,
        read: impl Future<Output = Result<SecretString, SecretError>>,
    ) -> Result<SecretString, SecretError> {
        let (asked, entry) = (Instant::now(), self.entry(place));
        if let Some(known) = entry.current(asked, is_anew) {
            return known;
        }
        let _alone = entry.reading.lock().await;
        if let Some(known) = entry.current(asked, is_anew) {
            return known;
        }
        let at = Instant::now();
        let result = read.await;
        entry.with(|last| {
            let former = last.take().and_then(|last| last.secret);
            let secret = result.clone().ok().or(former);
            *last = Some(Last { at, result: result.clone(), secret });
        });
        result
    }

    /// What was read last, however long ago. Where its holder has not answered since, the secret before counts.
    pub(super) fn at_hand(&self, place: &Place) -> Option<Result<SecretString, SecretError>> {
        let entry = self.entries(|entries| entries.get(place).map(Arc::clone))?;
        entry.with(|last| {
            let last = last.as_ref()?;
            match (&last.result, &last.secret) {
                (Err(SecretError::Unavailable { .. }), Some(former)) => Some(Ok(former.clone())),
                (result, _) => Some(result.clone()),
            }
        })
    }

    fn entry(&self, place: Place) -> Arc<Entry> {
        self.entries(|entries| {
            if !entries.contains_key(&place) {
                entries.retain(|_, entry| {
                    let is_old =
                        entry.with(|last| last.as_ref().is_some_and(|last| last.at.elapsed() > REMEMBERED));
                    !is_old
                });
            }
            Arc::clone(entries.entry(place).or_default())
        })
    }

    fn entries<T>(&self, look: impl FnOnce(&mut HashMap<Place, Arc<Entry>>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use secrecy::ExposeSecret;

    use super::*;

    fn place(reference: &str) -> Place {
        Place { root: ".".into(), reference: reference.parse().unwrap() }
    }

    fn unavailable() -> SecretError {
        SecretError::Unavailable { reference: "r".to_owned(), message: "m".to_owned() }
    }

    #[tokio::test]
    async fn one_reading_serves_all_who_ask_meanwhile() {
        for result in [Ok(SecretString::from("s")), Err(unavailable())] {
            let (kept, reads) = (Kept::default(), AtomicUsize::new(0));
            let read = || async {
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                result.clone()
            };
            let place = place("${vault:a/b#c}");
            let asking = (0..50).map(|_| kept.get(place.clone(), true, read()));
            let mut asking: Vec<_> = asking.map(Box::pin).collect();
            for asked in &mut asking {
                // All of them ask before the first is answered.
                let poll =
                    std::future::poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context)));
                assert!(poll.await.is_pending());
            }
            for asked in asking {
                assert_eq!(asked.await.is_ok(), result.is_ok());
            }
            assert!(reads.load(Ordering::SeqCst) <= 2, "{reads:?}");
        }
    }

    #[tokio::test]
    async fn a_secret_is_used_for_a_while_unless_it_is_wanted_anew() {
        let kept = Kept::default();
        let (place, other) = (place("${vault:a/b#c}"), place("${vault:a/b#d}"));
        let get = async |place: &Place, is_anew: bool, secret: Result<&str, SecretError>| {
            let read = async { secret.map(SecretString::from) };
            kept.get(place.clone(), is_anew, read).await.map(|secret| secret.expose_secret().to_owned())
        };
        assert!(kept.at_hand(&place).is_none());
        assert_eq!(get(&place, false, Ok("1")).await.unwrap(), "1");
        assert_eq!(get(&place, false, Ok("2")).await.unwrap(), "1");
        assert_eq!(get(&other, false, Ok("3")).await.unwrap(), "3");
        assert_eq!(get(&place, true, Ok("4")).await.unwrap(), "4");
        // A vault that does not answer takes nothing away from those who cannot wait for it.
        assert!(get(&place, true, Err(unavailable())).await.is_err());
        assert_eq!(kept.at_hand(&place).unwrap().unwrap().expose_secret(), "4");
        let gone = SecretError::Unusable { reference: "r".to_owned(), why: "w".to_owned() };
        assert!(get(&place, true, Err(gone)).await.is_err());
        assert!(kept.at_hand(&place).unwrap().is_err());
        assert_eq!(get(&place, false, Ok("5")).await.unwrap(), "5");
    }
}
