//! Deliveries that are not kept, as far as a person should know: refused ones, since the last genuine one, genuine ones
//! that cannot be read, and those of transfers that YAML deactivates. Counted for each source since the daemon began; nothing is decided by it, and a
//! stranger can add no source.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use raccord_model::Name;

use crate::request::{DroppedBecause, DroppedDeliveries};

/// What is counted, by source and by why.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<BTreeMap<(Name, DroppedBecause), DroppedDeliveries>>);

impl Tallies {
    /// Counts a delivery that was not kept. `why` says it of the last one, in words.
    pub(super) fn count(&self, source: &Name, because: DroppedBecause, (why, now): (String, Timestamp)) {
        let mut tallies = self.tallies();
        let tally = tallies.entry((source.clone(), because)).or_insert_with(|| DroppedDeliveries {
            source: source.clone(),
            because,
            deliveries: 0,
            since: now,
            why: String::new(),
        });
        tally.deliveries = tally.deliveries.saturating_add(1);
        tally.why = why;
    }

    /// A delivery to a source was genuine: what is refused from now on is counted anew.
    pub(super) fn proved(&self, source: &Name) {
        self.tallies().remove(&(source.clone(), DroppedBecause::Refused));
    }

    /// Forgets what was not kept for want of an active transfer, of sources of which everything is kept now.
    pub(super) fn keep_inactive(&self, is_kept: impl Fn(&Name) -> bool) {
        self.tallies().retain(|(source, because), _| *because != DroppedBecause::Inactive || is_kept(source));
    }

    /// What was not kept, by source; of sources that are there alone.
    pub(super) fn of(&self, is_there: impl Fn(&Name) -> bool) -> Vec<DroppedDeliveries> {
        self.tallies().values().filter(|tally| is_there(&tally.source)).cloned().collect()
    }

    fn tallies(&self) -> MutexGuard<'_, BTreeMap<(Name, DroppedBecause), DroppedDeliveries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_counts_until_a_delivery_is_genuine() {
        let (tallies, source): (Tallies, Name) = (Tallies::default(), "shop".parse().unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        let told = || -> Vec<(DroppedBecause, u64, i64)> {
            let all = tallies.of(|name| *name == source);
            all.into_iter().map(|one| (one.because, one.deliveries, one.since.as_second())).collect()
        };
        let refuse = |second| {
            tallies.count(&source, DroppedBecause::Refused, ("its signature".to_owned(), at(second)));
        };
        refuse(5);
        refuse(6);
        tallies.count(&source, DroppedBecause::Inactive, ("`customers`".to_owned(), at(7)));
        assert_eq!(told(), [(DroppedBecause::Refused, 2, 5), (DroppedBecause::Inactive, 1, 7)]);
        tallies.proved(&source);
        assert_eq!(told(), [(DroppedBecause::Inactive, 1, 7)]);
        refuse(9);
        assert_eq!(told(), [(DroppedBecause::Refused, 1, 9), (DroppedBecause::Inactive, 1, 7)]);
        tallies.keep_inactive(|name| *name == source);
        assert_eq!(told().len(), 2);
        tallies.keep_inactive(|_| false);
        assert_eq!(told(), [(DroppedBecause::Refused, 1, 9)], "its transfer is active now");
        assert!(tallies.of(|_| false).is_empty(), "a source that is gone is not told of");
    }
}
