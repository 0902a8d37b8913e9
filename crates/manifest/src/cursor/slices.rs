//! From spans that are done to the slices that remain, one after the other and never all at once.

use std::collections::VecDeque;

use super::clamp::Clamp;
use crate::time::{DateTime, Period};

/// How a stretch of time is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Nothing before this is read.
    pub start: DateTime,
    /// The length of a slice; one slice where there is none.
    pub step: Option<Period>,
    /// The smallest unit: by so much a slice ends before the next.
    pub granularity: Option<Period>,
    /// Where bounds are moved to.
    pub clamp: Clamp,
    /// Whether a slice must not begin and end at the same time.
    pub strict: bool,
}

/// A stretch of time that remains to be read.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    lower: DateTime,
    upper: DateTime,
    /// Whether it ends where the reading ends, and not where something done begins.
    is_end: bool,
}

/// The slices that remain, in order: their first and last unit.
#[derive(Debug, Clone)]
pub struct Slices {
    cut: Cut,
    rest: VecDeque<Stretch>,
    current: Option<Stretch>,
}

impl Slices {
    pub(super) fn new(cut: Cut) -> Self {
        Self { cut, rest: VecDeque::new(), current: None }
    }

    /// Adds a stretch of time, as far as there is something to read in it.
    pub(super) fn add(&mut self, lower: DateTime, upper: DateTime, is_end: bool) {
        let cut = self.cut;
        if lower > upper || (lower == upper && cut.granularity.is_none()) || upper < cut.start {
            return;
        }
        let lower = cut.clamp.up(lower.max(cut.start));
        if lower > upper || (lower == upper && (cut.strict || !is_end)) {
            return;
        }
        self.rest.push_back(Stretch { lower, upper, is_end });
    }

    /// The end of a slice that has another after it.
    fn before(&self, upper: DateTime) -> DateTime {
        let earlier = self.cut.granularity.and_then(|unit| upper.minus(unit).ok());
        earlier.unwrap_or(upper)
    }

    /// The upper bound of a slice that begins here; none where the stretch ends before.
    fn stepped(&self, lower: DateTime, upper: DateTime) -> Option<DateTime> {
        let next = lower.plus(self.cut.step?).ok()?;
        (next < upper).then_some(next)
    }

    /// A stretch that is a single slice.
    fn whole(&self, stretch: Stretch) -> (DateTime, DateTime) {
        let upper = match (stretch.is_end, self.cut.granularity) {
            (true, Some(_)) => stretch.upper,
            _ => self.cut.clamp.up(stretch.upper),
        };
        (stretch.lower, if stretch.is_end { upper } else { self.before(upper) })
    }

    /// The first slice of a stretch, and what remains of it.
    fn cut_off(&self, stretch: Stretch) -> Option<((DateTime, DateTime), Option<Stretch>)> {
        let lower = self.cut.clamp.up(stretch.lower);
        let (upper, is_last) = match self.stepped(stretch.lower, stretch.upper) {
            None => (stretch.upper, true),
            Some(next) => {
                let upper = self.cut.clamp.up(next);
                (upper, upper == stretch.upper)
            }
        };
        if lower >= upper {
            return None;
        }
        let end = if stretch.is_end && is_last { upper } else { self.before(upper) };
        let rest = (!is_last).then_some(Stretch { lower: upper, ..stretch });
        Some(((lower, end), rest))
    }
}

impl Iterator for Slices {
    type Item = (DateTime, DateTime);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stretch = if let Some(stretch) = self.current.take() {
                stretch
            } else {
                let stretch = self.rest.pop_front()?;
                if self.stepped(stretch.lower, stretch.upper).is_none() {
                    return Some(self.whole(stretch));
                }
                stretch
            };
            if let Some((slice, rest)) = self.cut_off(stretch) {
                self.current = rest;
                return Some(slice);
            }
        }
    }
}
