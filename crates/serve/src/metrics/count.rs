//! What is counted as it happens: runs, records, reloads, deliveries. A restart begins at 0, as Prometheus expects.
//!
//! What a deleted transfer or source has counted stays in the sums, so that no sum ever falls.

use std::collections::{BTreeMap, BTreeSet};

use raccord_daemon::observer::ReloadResult;
use raccord_model::Name;
use raccord_model::fact::{Run, RunOutcome, Tally};

use crate::serving::Received;

/// The outcomes of runs, as they are labelled.
pub(super) const OUTCOMES: [&str; 4] = ["succeeded", "failed", "stopped", "held"];

/// The results of deliveries, as they are labelled.
pub(super) const RECEIVED: [&str; 8] =
    ["accepted", "replayed", "ignored", "refused", "unreadable", "too_large", "too_many", "unavailable"];

/// The results of reloads.
pub(super) const RELOADS: [ReloadResult; 3] = [ReloadResult::Good, ReloadResult::Bad, ReloadResult::Failed];

/// The result of a reload, as it is labelled.
pub(super) const fn reload_label(result: ReloadResult) -> &'static str {
    match result {
        ReloadResult::Good => "good",
        ReloadResult::Bad => "bad",
        ReloadResult::Failed => "failed",
    }
}

/// The upper ends of the classes of durations, in seconds; the last class has none.
const BOUNDS: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0];

/// Durations by class.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Durations {
    sum: f64,
    classes: [u64; BOUNDS.len() + 1],
}

impl Durations {
    /// Counts one, in seconds.
    pub(super) fn add(&mut self, seconds: f64) {
        let class = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.classes.get_mut(class) {
            *count += 1;
            self.sum += seconds;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.classes.iter_mut().zip(other.classes).for_each(|(count, more)| *count += more);
    }

    /// How long they all took, in seconds.
    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// How many there are in each class, with its upper end.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        bounds.zip(self.classes).collect()
    }
}

/// What a transfer has done.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TransferCounts {
    runs: [u64; OUTCOMES.len()],
    tally: Tally,
    /// How long its runs took.
    pub(super) durations: Durations,
}

impl TransferCounts {
    fn add(&mut self, run: &Run) {
        let outcome = match run.outcome {
            RunOutcome::Succeeded => 0,
            RunOutcome::Failed { .. } => 1,
            RunOutcome::Stopped | RunOutcome::Running => 2,
            RunOutcome::Held(_) => 3,
        };
        self.runs[outcome] += 1;
        self.tally.add(&run.tally);
        if let Some(ended) = run.ended {
            self.durations.add(ended.duration_since(run.started).as_secs_f64().max(0.0));
        }
    }

    /// Takes what another has done as well.
    pub(super) fn merge(&mut self, other: &Self) {
        self.runs.iter_mut().zip(other.runs).for_each(|(count, more)| *count += more);
        self.tally.add(&other.tally);
        self.durations.merge(&other.durations);
    }

    /// Runs by outcome.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.into_iter().zip(self.runs)
    }

    /// Records by what became of them.
    pub(super) const fn records(&self) -> [(&'static str, u64); 7] {
        let Tally { created, updated, deleted, unchanged, skipped, rejected, swept, .. } = self.tally;
        [
            ("created", created),
            ("updated", updated),
            ("deleted", deleted),
            ("unchanged", unchanged),
            ("skipped", skipped),
            ("rejected", rejected),
            ("swept", swept),
        ]
    }
}

/// Deliveries by result.
pub(super) type DeliveryCounts = [u64; RECEIVED.len()];

/// Everything that is counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    transfers: BTreeMap<Name, TransferCounts>,
    sources: BTreeMap<Name, DeliveryCounts>,
    reloads: [u64; RELOADS.len()],
    /// Of the transfers that are gone.
    gone: TransferCounts,
    /// Of the sources that are gone or never were.
    elsewhere: DeliveryCounts,
}

impl Counts {
    /// Knows from now on these transfers and sources, and no others.
    pub(super) fn follow<'n>(
        &mut self,
        transfers: impl Iterator<Item = &'n Name>,
        sources: impl Iterator<Item = &'n Name>,
    ) {
        let (transfers, sources): (BTreeSet<_>, BTreeSet<_>) = (transfers.collect(), sources.collect());
        let gone = self.transfers.extract_if(.., |name, _| !transfers.contains(name));
        gone.for_each(|(_, counts)| self.gone.merge(&counts));
        let gone = self.sources.extract_if(.., |name, _| !sources.contains(name));
        gone.for_each(|(_, counts)| merge(&mut self.elsewhere, &counts));
        for name in transfers {
            if !self.transfers.contains_key(name) {
                self.transfers.insert(name.clone(), TransferCounts::default());
            }
        }
        for name in sources {
            if !self.sources.contains_key(name) {
                self.sources.insert(name.clone(), DeliveryCounts::default());
            }
        }
    }

    /// A run has ended. It may be of a transfer that is gone by now.
    pub(super) fn run_ended(&mut self, run: &Run) {
        self.transfers.get_mut(&run.transfer).unwrap_or(&mut self.gone).add(run);
    }

    /// A reload has ended.
    pub(super) const fn reload_ended(&mut self, result: ReloadResult) {
        let at = match result {
            ReloadResult::Good => 0,
            ReloadResult::Bad => 1,
            ReloadResult::Failed => 2,
        };
        self.reloads[at] += 1;
    }

    /// A delivery came. Strangers may name any source; only those that are there have counts of their own.
    pub(super) fn delivered(&mut self, source: &Name, received: Received) {
        let at = match received {
            Received::Accepted => 0,
            Received::Replayed => 1,
            Received::Ignored => 2,
            Received::Refused => 3,
            Received::Unreadable => 4,
            Received::TooLarge => 5,
            Received::TooMany { .. } => 6,
            Received::Unavailable => 7,
        };
        self.sources.get_mut(source).unwrap_or(&mut self.elsewhere)[at] += 1;
    }

    /// What each transfer has done.
    pub(super) const fn transfers(&self) -> &BTreeMap<Name, TransferCounts> {
        &self.transfers
    }

    /// What all transfers have done, those that are gone too.
    pub(super) fn all_transfers(&self) -> TransferCounts {
        let mut all = self.gone.clone();
        self.transfers.values().for_each(|counts| all.merge(counts));
        all
    }

    /// What came to each source.
    pub(super) const fn sources(&self) -> &BTreeMap<Name, DeliveryCounts> {
        &self.sources
    }

    /// What came to sources that are gone or never were.
    pub(super) const fn elsewhere(&self) -> &DeliveryCounts {
        &self.elsewhere
    }

    /// What came at all.
    pub(super) fn all_deliveries(&self) -> DeliveryCounts {
        let mut all = self.elsewhere;
        self.sources.values().for_each(|counts| merge(&mut all, counts));
        all
    }

    /// Reloads by result.
    pub(super) fn reloads(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RELOADS.into_iter().map(reload_label).zip(self.reloads)
    }
}

fn merge(counts: &mut DeliveryCounts, others: &DeliveryCounts) {
    counts.iter_mut().zip(others).for_each(|(count, more)| *count += more);
}

#[cfg(test)]
mod tests {
    use raccord_model::fact::{RunCause, RunId, Uid};
    use uuid::Uuid;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn run(transfer: &str, outcome: RunOutcome, created: u64) -> Run {
        Run {
            id: RunId(Uuid::nil()),
            transfer_uid: Uid(Uuid::nil()),
            transfer: name(transfer),
            to: "crm.contact".parse().unwrap(),
            generation: 1,
            cause: RunCause::Requested,
            started: "2025-03-01T00:00:00Z".parse().unwrap(),
            ended: Some("2025-03-01T00:00:20Z".parse().unwrap()),
            outcome,
            tally: Tally { fetched: created, created, ..Tally::default() },
            pages: 1,
            parents: raccord_model::fact::Parents::default(),
            notes: Vec::new(),
            unseen: None,
            again: None,
            uncounted: false,
        }
    }

    #[test]
    fn what_a_deleted_transfer_has_done_stays_in_the_sum() {
        let (people, orders) = (name("people"), name("orders"));
        let mut counts = Counts::default();
        counts.follow([&people, &orders].into_iter(), [].into_iter());
        counts.run_ended(&run("people", RunOutcome::Succeeded, 2));
        counts.run_ended(&run("orders", RunOutcome::Stopped, 3));
        counts.follow([&orders].into_iter(), [].into_iter());
        // It was under way when its transfer was deleted.
        counts.run_ended(&run(
            "people",
            RunOutcome::Failed { error: "no".to_owned(), unauthorized: false, local: false, partial: false },
            0,
        ));
        assert_eq!(counts.transfers().keys().collect::<Vec<_>>(), [&orders]);
        let all = counts.all_transfers();
        assert_eq!(
            all.runs().collect::<Vec<_>>(),
            [("succeeded", 1), ("failed", 1), ("stopped", 1), ("held", 0)]
        );
        assert_eq!(all.records()[0], ("created", 5));
        assert_eq!((all.durations.count(), all.durations.sum()), (3, 60.0));
        // The same name later is another transfer.
        counts.follow([&orders, &people].into_iter(), [].into_iter());
        assert_eq!(counts.transfers()[&people], TransferCounts::default());
        assert_eq!(counts.all_transfers(), all);
    }

    #[test]
    fn strangers_make_no_series() {
        let mut counts = Counts::default();
        counts.follow([].into_iter(), [&name("shop")].into_iter());
        counts.delivered(&name("shop"), Received::Accepted);
        for stranger in 0..1_000 {
            counts.delivered(&name(&format!("s-{stranger}")), Received::Refused);
        }
        assert_eq!(counts.sources().len(), 1);
        assert_eq!(counts.elsewhere()[3], 1_000);
        assert_eq!(counts.all_deliveries(), [1, 0, 0, 1_000, 0, 0, 0, 0]);
    }

    #[test]
    fn a_duration_is_in_the_class_that_ends_with_it() {
        for (seconds, class) in [(0.0, 0), (0.1, 0), (0.11, 1), (60.0, 5), (3_600.0, 8), (1e9, 9)] {
            let mut durations = Durations::default();
            durations.add(seconds);
            let found = durations.buckets().iter().position(|(_, count)| *count == 1);
            assert_eq!(found, Some(class), "{seconds}");
        }
    }
}
