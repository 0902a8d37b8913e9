//! Counts what callers try in vain, by a name within a minute, so that a log stays readable and guessing is slow.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// How many attempts of one name count in a minute; further ones are too many. A token of 32 random bytes is not
/// guessed, so this only keeps the log readable, and a token that is right is never refused because of others at the
/// same address.
pub const MAX_ATTEMPTS: u32 = 60;

/// How many names are counted at once; then the counting begins anew.
const MAX_COUNTED: usize = 10_000;

/// Counts by name within a minute.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    minute: i64,
    counts: HashMap<String, u32>,
}

impl Attempts {
    /// Counts one more, and says whether that makes too many in this minute.
    pub(crate) fn is_too_many(&self, name: &str, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(60);
        if counted.minute != minute || counted.counts.len() >= MAX_COUNTED {
            *counted = Minute { minute, counts: HashMap::new() };
        }
        let count = counted.counts.entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count > MAX_ATTEMPTS
    }
}

/// How many seconds the minute still has.
pub(crate) fn seconds_left(now: Timestamp) -> u64 {
    u64::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_the_minute() {
        let attempts = Attempts::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for _ in 0..MAX_ATTEMPTS {
            assert!(!attempts.is_too_many("10.0.0.1", at(60)));
        }
        assert!(attempts.is_too_many("10.0.0.1", at(119)));
        assert!(!attempts.is_too_many("10.0.0.2", at(119)));
        assert!(!attempts.is_too_many("10.0.0.1", at(120)));
        assert_eq!(seconds_left(at(119)), 1);
    }
}
