//! How long to wait after something failed that is tried again by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use raccord_model::backoff::doubled;

/// The wait after a first failure; it doubles with every further one.
const FIRST: Duration = Duration::from_secs(30);

/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// When to try again after so many failures in a row.
pub(super) fn retry_at(now: Timestamp, failures: u32) -> Timestamp {
    now.checked_add(doubled(FIRST, failures, LONGEST)).unwrap_or(Timestamp::MAX)
}

/// So many seconds after a moment; the end of time when there is no such moment.
pub(super) fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
