//! The windows in which requests are counted: one that begins anew after its time, and one that moves with the clock.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// So many requests a period. It begins with the first request after the end of the one before.
#[derive(Debug)]
pub(super) struct Fixed {
    limit: u64,
    period: Duration,
    spent: u64,
    ends: Option<Timestamp>,
}

impl Fixed {
    pub(super) fn new(limit: u64, period: Duration) -> Self {
        Self { limit, period, spent: 0, ends: None }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn spend(&mut self, weight: u64, now: Timestamp) -> Result<(), Duration> {
        let ends = self.begin(now);
        if self.spent + weight > self.limit {
            return Err(until(now, ends));
        }
        self.spent += weight;
        Ok(())
    }

    /// Takes over what the service says, but never more than there is.
    pub(super) fn learn(&mut self, left: Option<u64>, reset: Option<Timestamp>, now: Timestamp) {
        self.begin(now);
        if let Some(left) = left {
            self.spent = self.spent.max(self.limit.saturating_sub(left));
        }
        if let Some(reset) = reset {
            self.ends = Some(reset);
        }
    }

    /// Begins another window where the last one is over. Says when this one ends.
    fn begin(&mut self, now: Timestamp) -> Timestamp {
        match self.ends {
            Some(ends) if now < ends => ends,
            _ => {
                self.spent = 0;
                let ends = now.checked_add(self.period).unwrap_or(Timestamp::MAX);
                self.ends = Some(ends);
                ends
            }
        }
    }
}

/// So many requests in any period, for each of several rates.
#[derive(Debug)]
pub(super) struct Moving {
    rates: Vec<(u64, Duration)>,
    spent: VecDeque<(Timestamp, u64)>,
}

impl Moving {
    pub(super) fn new(rates: Vec<(u64, Duration)>) -> Self {
        Self { rates, spent: VecDeque::new() }
    }

    pub(super) fn limit(&self) -> u64 {
        self.rates.iter().map(|(limit, _)| *limit).min().unwrap_or(0)
    }

    pub(super) fn spend(&mut self, weight: u64, now: Timestamp) -> Result<(), Duration> {
        self.forget(now);
        let wait = self.rates.iter().filter_map(|rate| self.wait(*rate, weight, now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        self.spent.push_back((now, weight));
        Ok(())
    }

    /// Nothing is left for now, the service says.
    pub(super) fn exhaust(&mut self, now: Timestamp) {
        self.forget(now);
        let left =
            self.rates.iter().map(|(limit, period)| limit.saturating_sub(self.within(*period, now))).min();
        if let Some(left) = left.filter(|left| *left > 0) {
            self.spent.push_back((now, left));
        }
    }

    /// How long it takes until a rate allows so much; none where it does now.
    fn wait(&self, (limit, period): (u64, Duration), weight: u64, now: Timestamp) -> Option<Duration> {
        let mut over = (self.within(period, now) + weight).checked_sub(limit).filter(|over| *over > 0)?;
        for (at, spent) in self.spent.iter().filter(|(at, _)| is_within(*at, period, now)) {
            if *spent >= over {
                return Some(until(now, at.checked_add(period).unwrap_or(Timestamp::MAX)));
            }
            over -= spent;
        }
        Some(period)
    }

    fn within(&self, period: Duration, now: Timestamp) -> u64 {
        self.spent.iter().filter(|(at, _)| is_within(*at, period, now)).map(|(_, spent)| spent).sum()
    }

    fn forget(&mut self, now: Timestamp) {
        let longest = self.rates.iter().map(|(_, period)| *period).max().unwrap_or_default();
        while self.spent.front().is_some_and(|(at, _)| !is_within(*at, longest, now)) {
            self.spent.pop_front();
        }
    }
}

fn is_within(at: Timestamp, period: Duration, now: Timestamp) -> bool {
    at.checked_add(period).is_ok_and(|end| end > now)
}

fn until(now: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}
