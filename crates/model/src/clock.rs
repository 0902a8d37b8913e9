//! Instants that a right clock has not reached: what was written while the clock of a machine was ahead, as before it heard of
//! the time. Pure; nothing here reads a clock.

use jiff::{SignedDuration, Timestamp};

/// By how much an instant may lie ahead: clocks of several machines differ, and are set by a little.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// Whether an instant that had passed when it was written lies so far ahead that the clock was wrong by which it was written.
///
/// ```
/// # use raccord_model::clock::is_ahead;
/// let now = "2026-12-02T20:00:00Z".parse()?;
/// assert!(!is_ahead("2026-12-02T20:09:00Z".parse()?, now));
/// assert!(is_ahead("2099-01-01T00:00:00Z".parse()?, now));
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn is_ahead(instant: Timestamp, now: Timestamp) -> bool {
    instant.duration_since(now) > TOLERANCE
}

/// An instant that had passed when it was written: now, when the clock was wrong by which it was written.
pub fn passed(instant: Timestamp, now: Timestamp) -> Timestamp {
    if is_ahead(instant, now) { now } else { instant }
}
