//! How many deliveries are taken in a period, and how many are spoken of in the log. It counts, and refuses nothing itself.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use raccord_model::rate::Rate;
use tokio::time::Instant;

/// How often the log speaks of the deliveries of one source that are not taken: anybody may send them, and the
/// metrics count them all.
pub(super) const COMPLAINTS: Rate = Rate { count: 10, period: 60 };

/// So many deliveries in a period; a new period begins with the first one after the last.
#[derive(Debug)]
pub(super) struct Allowance {
    rate: Rate,
    since: Option<Instant>,
    spent: u32,
}

impl Allowance {
    pub(super) const fn new(rate: Rate) -> Self {
        Self { rate, since: None, spent: 0 }
    }

    /// Spends one; how long to wait for the next period when this one is spent.
    pub(super) fn spend(&mut self, now: Instant) -> Option<Duration> {
        let period = Duration::from_secs(u64::from(self.rate.period));
        let since = match self.since {
            Some(since) if now.duration_since(since) < period => since,
            _ => {
                self.spent = 0;
                *self.since.insert(now)
            }
        };
        if self.spent >= self.rate.count {
            return Some(period.saturating_sub(now.duration_since(since)));
        }
        self.spent += 1;
        None
    }
}

/// Says something, unless enough was said.
pub(super) fn complain(complaints: &Mutex<Allowance>, say: impl FnOnce()) {
    let mut complaints = complaints.lock().unwrap_or_else(PoisonError::into_inner);
    if complaints.spend(Instant::now()).is_none() {
        say();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_holds_no_more_than_allowed() {
        let mut allowance = Allowance::new("2/s".parse().unwrap());
        let begin = Instant::now();
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        let wait = |milliseconds| Some(Duration::from_millis(milliseconds));
        let scenario =
            [(0, None), (300, None), (400, wait(600)), (999, wait(1)), (1_000, None), (1_500, None)];
        for (when, expected) in scenario {
            assert_eq!(allowance.spend(at(when)), expected, "at {when} ms");
        }
    }
}
