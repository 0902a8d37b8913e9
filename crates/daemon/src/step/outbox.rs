//! The outbox: one pass through it at a time, another when notices came meanwhile, and when a retry is due.

use jiff::Timestamp;

use super::effect::Effect;
use super::retry::later;

/// The shortest time between two passes over notices that could not be delivered, in seconds.
const AT_LEAST: i64 = 1;

/// Where the outbox stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outbox {
    delivering: bool,
    /// Whether notices came during the pass under way, which may have missed them.
    again: bool,
    /// When what is left is to be tried again.
    next: Option<Timestamp>,
    /// Whether no further pass is begun: what is left waits for the next start.
    stopping: bool,
}

impl Outbox {
    /// Notices wait.
    pub(super) fn waiting(&mut self, effects: &mut Vec<Effect>) {
        if self.delivering {
            self.again = true;
        } else {
            self.deliver(effects);
        }
    }

    /// A pass has ended.
    pub(super) fn delivered(&mut self, next: Option<Timestamp>, now: Timestamp, effects: &mut Vec<Effect>) {
        self.delivering = false;
        self.next = next.map(|next| next.max(later(now, AT_LEAST)));
        if std::mem::take(&mut self.again) {
            self.deliver(effects);
        }
    }

    /// Begins a pass when a retry is due.
    pub(super) fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.next.is_some_and(|next| next <= now) {
            self.deliver(effects);
        }
    }

    /// The clock was set back by much: what waits for a time does not wait longer than until now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.next = self.next.map(|at| at.min(now));
    }

    /// When a retry is due.
    pub(super) const fn next_time(&self) -> Option<Timestamp> {
        self.next
    }

    /// Whether a pass is under way.
    pub(super) const fn is_delivering(&self) -> bool {
        self.delivering
    }

    /// Lets a pass under way end, and begins none.
    pub(super) const fn stop(&mut self) {
        self.stopping = true;
    }

    fn deliver(&mut self, effects: &mut Vec<Effect>) {
        if self.stopping {
            return;
        }
        (self.delivering, self.next) = (true, None);
        effects.push(Effect::Deliver);
    }
}
