//! How often and after which waits a request is sent again: three counters inside one another, as in the reference.
//! The innermost counts waits that the manifest asks for, the next those of rate limits, the outermost all others; a
//! step of an outer one begins the inner ones anew.

use std::time::Duration;

/// Why a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wait {
    /// The manifest says after how many seconds.
    Stated(f64),
    /// There are too many requests.
    RateLimited,
    /// Anything else.
    Standard,
}

/// The longest time for which a request is tried, but for rate limits.
const MAX_TIME: f64 = 600.0;

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    tries: u32,
    elapsed: f64,
}

impl Counter {
    /// The next wait of a counter, given what it would be; none where it is exhausted.
    fn next(&mut self, wait: f64, max_tries: u32, max_time: f64) -> Option<f64> {
        self.tries += 1;
        if self.tries >= max_tries || self.elapsed >= max_time {
            return None;
        }
        let wait = wait.min(max_time - self.elapsed);
        self.elapsed += wait;
        Some(wait)
    }

    /// 1, 2, 4… seconds.
    fn doubling(&self) -> f64 {
        2.0_f64.powi(i32::try_from(self.tries).unwrap_or(i32::MAX))
    }
}

/// The attempts at one request.
#[derive(Debug, Clone)]
pub struct Tries {
    most: u32,
    stated: Counter,
    limited: Counter,
    standard: Counter,
}

impl Tries {
    /// Attempts of which the request may be repeated so often.
    pub fn new(max_retries: u32) -> Self {
        let none = Counter::default();
        Self { most: max_retries.saturating_add(1), stated: none, limited: none, standard: none }
    }

    /// How long to wait before the next attempt; none where there is none any more.
    pub fn next(&mut self, wait: Wait) -> Option<Duration> {
        let seconds = match wait {
            Wait::Stated(seconds) => {
                // One more second, for the service may count whole ones; the wait itself has no limit.
                let before = self.stated.elapsed;
                self.stated.next(0.0, self.most, MAX_TIME)?;
                self.stated.elapsed = before + seconds + 1.0;
                seconds + 1.0
            }
            Wait::RateLimited => {
                self.stated = Counter::default();
                self.limited.next(self.limited.doubling(), self.most, f64::INFINITY)?
            }
            Wait::Standard => {
                self.stated = Counter::default();
                self.limited = Counter::default();
                self.standard.next(self.standard.doubling(), self.most, MAX_TIME)?
            }
        };
        Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end() {
        let check = |max_retries: u32, waits: &[Wait], expected: &[Option<f64>]| {
            let mut tries = Tries::new(max_retries);
            let found: Vec<_> =
                waits.iter().map(|wait| tries.next(*wait).map(|duration| duration.as_secs_f64())).collect();
            assert_eq!(found, expected, "{waits:?}");
        };
        let (limited, standard) = (Wait::RateLimited, Wait::Standard);
        check(0, &[standard], &[None]);
        check(3, &[standard; 4], &[Some(1.0), Some(2.0), Some(4.0), None]);
        check(2, &[limited; 3], &[Some(1.0), Some(2.0), None]);
        check(2, &[Wait::Stated(5.0); 3], &[Some(6.0), Some(6.0), None]);
        check(9, &[Wait::Stated(700.0); 2], &[Some(701.0), None]);
        check(1, &[Wait::Stated(1.0), standard, Wait::Stated(1.0)], &[Some(2.0), Some(1.0), Some(2.0)]);
        let expected: Vec<_> = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 89.0]
            .map(Some)
            .into_iter()
            .chain([None])
            .collect();
        check(20, &[standard; 11], &expected);
    }
}
