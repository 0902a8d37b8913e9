//! How long to wait after something failed that is tried again: a first wait that doubles up to a longest one. Pure; no
//! chance is involved, and nothing waits here.

use std::time::Duration;

/// The wait after so many failures in a row. None at all counts as one.
///
/// ```
/// # use std::time::Duration;
/// # use raccord_model::backoff::doubled;
/// let waits = [1, 2, 3, 4, 99].map(|failures| {
///     doubled(Duration::from_secs(30), failures, Duration::from_mins(3)).as_secs()
/// });
/// assert_eq!(waits, [30, 60, 120, 180, 180]);
/// ```
pub fn doubled(first: Duration, failures: u32, longest: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    first.saturating_mul(factor).min(longest)
}
