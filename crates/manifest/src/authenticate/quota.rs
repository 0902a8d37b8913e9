//! What is left of several tokens, for each kind of request: which of them is used next, and when to wait. A pure
//! account; it neither sends nor sleeps.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What is left of one token for one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) left: i64,
    pub(super) reset: Timestamp,
    pub(super) limit: i64,
    /// Whether the service counts at all.
    pub(super) is_counted: bool,
}

/// What an answer says of a quota.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) left: Option<i64>,
    pub(super) reset: Option<Timestamp>,
    pub(super) limit: Option<i64>,
    /// Whether its status says that nothing is left.
    pub(super) is_exhausted: bool,
}

/// How much is kept back, so that the last requests are spread over the time that is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserve {
    pub(super) share: f64,
    pub(super) least: f64,
}

/// What is done for the next request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next {
    /// It goes out with this token, after a wait.
    Token(usize, Duration),
    /// Nothing is left of any token; this is the time until the first of them is full again.
    Wait(SignedDuration),
}

/// What is left of all tokens.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    /// By token, then by kind of request.
    quotas: Vec<Vec<Quota>>,
    active: usize,
}

/// The longest wait before a request that is only spread.
const MAX_SPREAD: f64 = 10.0;

/// Shorter waits are none.
const MIN_SPREAD: f64 = 0.1;

/// How far the clocks of the service's machines may differ.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

impl Ledger {
    pub(super) fn new(quotas: Vec<Vec<Quota>>, active: usize) -> Self {
        Self { quotas, active }
    }

    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Takes one request of a kind out of the active token, or of the next that has any left.
    pub(super) fn take(&mut self, kind: usize, now: Timestamp, reserve: Reserve) -> Next {
        for _ in 0..=self.quotas.len() {
            let token = self.active;
            let Some(quota) = self.quotas.get_mut(token).and_then(|quotas| quotas.get_mut(kind)) else {
                break;
            };
            if !quota.is_counted {
                self.rotate();
                return Next::Token(token, Duration::ZERO);
            }
            if quota.left > 0 {
                quota.left -= 1;
                return Next::Token(token, self.spread(kind, now, reserve));
            }
            self.rotate();
        }
        let until = self.of(kind).map(|quota| quota.reset.duration_since(now)).min();
        Next::Wait(until.unwrap_or_default())
    }

    /// Learns what an answer to a request with a token says.
    pub(super) fn learn(&mut self, token: usize, kind: usize, said: Said) {
        let Some(quota) = self.quotas.get_mut(token).and_then(|quotas| quotas.get_mut(kind)) else { return };
        if !quota.is_counted {
            return;
        }
        let left = said.left.or_else(|| said.is_exhausted.then_some(0));
        if let Some(limit) = said.limit.filter(|limit| *limit > 0)
            && said.reset.is_none_or(|reset| reset >= quota.reset)
        {
            quota.limit = limit;
        }
        match (said.reset, left) {
            (Some(reset), left) if reset > quota.reset => {
                quota.reset = reset;
                quota.left = left.unwrap_or(quota.limit);
            }
            (reset, Some(left)) => {
                let is_recent = reset.is_none_or(|reset| reset.duration_since(quota.reset) >= -SKEW);
                if is_recent || (left <= 0 && said.is_exhausted) {
                    quota.left = quota.left.min(left);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing is left of a token, and something of another.
    pub(super) fn has_alternative(&self, token: usize, kind: usize) -> bool {
        let own = self.quotas.get(token).and_then(|quotas| quotas.get(kind));
        own.is_some_and(|own| own.is_counted && own.left <= 0) && self.of(kind).any(|quota| quota.left > 0)
    }

    fn of(&self, kind: usize) -> impl Iterator<Item = &Quota> {
        self.quotas.iter().filter_map(move |quotas| quotas.get(kind))
    }

    fn rotate(&mut self) {
        self.active = (self.active + 1) % self.quotas.len().max(1);
    }

    /// The wait that spreads the last requests over the time until the active token is full again.
    fn spread(&self, kind: usize, now: Timestamp, reserve: Reserve) -> Duration {
        let number = |number: i64| f64::from(i32::try_from(number).unwrap_or(i32::MAX));
        let is_low = |quota: &Quota| {
            quota.is_counted && number(quota.left) <= reserve.least.max(number(quota.limit) * reserve.share)
        };
        if !self.of(kind).all(is_low) {
            return Duration::ZERO;
        }
        let left = number(self.of(kind).map(|quota| quota.left.max(0)).sum());
        let active = self.quotas.get(self.active).and_then(|quotas| quotas.get(kind));
        let seconds = active.map_or(0.0, |quota| quota.reset.duration_since(now).as_secs_f64());
        if left <= 0.0 || seconds <= 0.0 {
            return Duration::ZERO;
        }
        let wait = (seconds / left).min(MAX_SPREAD);
        if wait < MIN_SPREAD { Duration::ZERO } else { Duration::from_secs_f64(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn ledger(left: &[i64]) -> Ledger {
        let quota =
            |left: &i64| vec![Quota { left: *left, reset: at(100), limit: 100, is_counted: *left >= 0 }];
        Ledger::new(left.iter().map(quota).collect(), 0)
    }

    const NO_RESERVE: Reserve = Reserve { share: 0.0, least: 0.0 };

    #[test]
    fn tokens_are_used_up_one_after_the_other() {
        let check = |left: &[i64], expected: &[Next]| {
            let mut ledger = ledger(left);
            let found: Vec<_> = expected.iter().map(|_| ledger.take(0, at(0), NO_RESERVE)).collect();
            assert_eq!(found, expected, "{left:?}");
        };
        let token = |token| Next::Token(token, Duration::ZERO);
        let wait = Next::Wait(SignedDuration::from_secs(100));
        check(&[3, 2], &[token(0), token(0), token(0), token(1), token(1), wait]);
        check(&[0, 2], &[token(1), token(1), wait]);
        // The service does not count the second one.
        check(&[2, -1], &[token(0), token(0), token(1), token(1), token(1)]);
    }

    #[test]
    fn the_last_requests_are_spread() {
        let check = |left: &[i64], reserve: Reserve, expected: f64| {
            let Next::Token(_, wait) = ledger(left).take(0, at(0), reserve) else {
                panic!("nothing is left")
            };
            assert!((wait.as_secs_f64() - expected).abs() < 1e-6, "{left:?}: {wait:?}");
        };
        check(&[51, 51], Reserve { share: 0.1, least: 50.0 }, 0.0);
        check(&[51, 50], Reserve { share: 0.1, least: 50.0 }, 1.0);
        check(&[6], Reserve { share: 0.1, least: 1.0 }, 10.0);
        check(&[20], Reserve { share: 0.1, least: 1.0 }, 0.0);
    }

    #[test]
    fn answers_say_what_is_left() {
        let check = |said: Said, expected: i64| {
            let mut ledger = ledger(&[10, 5]);
            ledger.learn(0, 0, said);
            assert_eq!(ledger.quotas[0][0].left, expected, "{said:?}");
        };
        let none = Said::default();
        check(none, 10);
        check(Said { left: Some(3), ..none }, 3);
        check(Said { left: Some(30), ..none }, 10);
        check(Said { is_exhausted: true, ..none }, 0);
        check(Said { left: Some(90), reset: Some(at(200)), ..none }, 90);
        check(Said { reset: Some(at(200)), limit: Some(80), ..none }, 80);
        check(Said { left: Some(3), reset: Some(at(50)), ..none }, 3);
        check(Said { left: Some(3), reset: Some(at(30)), ..none }, 10);
        check(Said { left: Some(0), reset: Some(at(30)), is_exhausted: true, ..none }, 0);
    }

    #[test]
    fn another_token_may_serve() {
        let check = |left: &[i64], expected: bool| assert_eq!(ledger(left).has_alternative(0, 0), expected);
        check(&[0, 1], true);
        check(&[1, 1], false);
        check(&[0, 0], false);
        check(&[-1, 1], false);
    }
}
