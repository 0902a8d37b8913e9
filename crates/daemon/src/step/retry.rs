//! How long to wait after something failed that is tried again by itself.

use jiff::{SignedDuration, Timestamp};

/// The wait after a first failure, in seconds; it doubles with every further one.
const FIRST: i64 = 30;

/// The longest wait, in seconds.
const LONGEST: i64 = 300;

/// When to try again after so many failures in a row.
pub(super) fn retry_at(now: Timestamp, failures: u32) -> Timestamp {
    let doubled =
        FIRST.checked_shl(failures.saturating_sub(1)).filter(|wait| (FIRST..LONGEST).contains(wait));
    later(now, doubled.unwrap_or(LONGEST))
}

/// So many seconds after a moment; the end of time when there is no such moment.
pub(super) fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
