//! Metrics as Prometheus reads them: what is counted as it happens, and how everything stands when it is asked.
//!
//! Counters belong to one [`Metrics`], which belongs to one daemon: nothing is global, and several daemons in a
//! process do not meet. What stands is made anew for each scrape, so that nothing that is gone is ever served; it
//! is read from the same status that the command line shows. No label holds what a stranger or a record says.

mod classic;
mod count;
mod exposition;
mod family;
mod gauge;
mod interval;
mod process;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use raccord_daemon::observer::ReloadResult;
use raccord_model::fact::Run;
use raccord_model::language::Schedule;
use raccord_model::{Kind, Name};
use tokio::time::Instant;

use crate::serving::Received;
use raccord_run::applied::Applied;

pub use classic::{CLASSIC_TYPE, classic, wants_openmetrics};
use count::Counts;
pub use exposition::MEDIA_TYPE;
pub use family::{FAMILIES, Family, Kind as FamilyKind};
pub use gauge::{MAX_NAMED, Observed};

/// How long a scrape serves the next one as well.
const FRESH: Duration = Duration::from_secs(1);

/// A scrape also serves the next one for this many times what it took, so that scrapes never use more than a
/// fifth of one processor, however many transfers there are and however often clients ask.
const SHARE: u32 = 4;

/// The metrics of one daemon.
#[derive(Debug)]
pub struct Metrics {
    start: Timestamp,
    counts: Mutex<Counts>,
    scrape: tokio::sync::Mutex<Scrape>,
}

/// What the last scrape leaves for the next one.
#[derive(Debug, Default)]
struct Scrape {
    text: String,
    fresh_until: Option<Instant>,
    intervals: Intervals,
}

/// The longest intervals of cron expressions with their time zones: working one out takes a while.
type Intervals = BTreeMap<(Option<String>, Option<String>), Option<f64>>;

impl Metrics {
    /// Nothing was counted yet.
    pub fn new(applied: &Applied, start: Timestamp) -> Self {
        let metrics = Self { start, counts: Mutex::default(), scrape: tokio::sync::Mutex::default() };
        metrics.follow(applied);
        metrics
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another generation is in force.
    pub fn follow(&self, applied: &Applied) {
        let names = |kind| applied.index.keys().filter(move |key| key.kind == kind).map(|key| &key.name);
        self.counts().follow(names(Kind::Transfer), names(Kind::Source));
    }

    /// A run has ended.
    pub fn run_ended(&self, run: &Run) {
        self.counts().run_ended(run);
    }

    /// A reload has ended.
    pub fn reload_ended(&self, result: ReloadResult) {
        self.counts().reload_ended(result);
    }

    /// A delivery came for a source.
    pub fn delivered(&self, source: &Name, received: Received) {
        self.counts().delivered(source, received);
    }

    /// The text of a scrape. `look` is only waited for when the last one is too old; it says nothing when the
    /// state cannot be read, and then only what was counted is served.
    pub async fn scrape(
        &self,
        (now, begun): (Timestamp, Instant),
        look: impl Future<Output = Option<Observed>>,
    ) -> String {
        let mut scrape = self.scrape.lock().await;
        if scrape.fresh_until.is_some_and(|until| begun < until) {
            return scrape.text.clone();
        }
        let observed = look.await;
        let counts = self.counts().clone();
        let mut series = gauge::counted(&counts);
        if let Some(observed) = observed {
            let mut known = Intervals::new();
            let interval = |name: &Name| {
                let schedule = observed.applied.desired.transfer(name)?.schedule.as_ref()?;
                interval_of(schedule, now, &scrape.intervals, &mut known)
            };
            series.extend(gauge::standing(&observed, now, interval));
            scrape.intervals = known;
        }
        series.extend(process::series(self.start));
        scrape.text = exposition::encode(series);
        scrape.fresh_until = Some(fresh_until(begun, begun.elapsed()));
        scrape.text.clone()
    }
}

/// Until when a scrape serves the next ones that begin.
fn fresh_until(begun: Instant, cost: Duration) -> Instant {
    begun + cost + FRESH.max(cost.saturating_mul(SHARE))
}

/// The interval of a schedule: as it was worked out before, or now.
fn interval_of(
    schedule: &Schedule,
    now: Timestamp,
    before: &Intervals,
    known: &mut Intervals,
) -> Option<f64> {
    if schedule.every.is_some() {
        return interval::longest_interval(schedule, now);
    }
    let key = (schedule.cron.clone(), schedule.timezone.clone());
    let before = before.get(&key).copied();
    *known.entry(key).or_insert_with(|| before.unwrap_or_else(|| interval::longest_interval(schedule, now)))
}
