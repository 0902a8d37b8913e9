//! How everything stands, as values: made from the same status that `raccord status` shows. Pure.
//!
//! A transfer, an integration and a source have series of their own while there are no more than [`MAX_NAMED`] of
//! their kind. When there are more, one series without a name stands for all: counts are added up, and of what
//! does not add up the worst is shown, so that the same alert rules hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::Name;

use super::count::{Counts, DeliveryCounts, RECEIVED, TransferCounts};
use super::exposition::{Labels, Series, Value};
use super::family::{
    BUILD, DELIVERIES, FAILURES, Family, GENERATION, GOOD, INBOX, INTERVAL, LAG, LAST_SUCCESS, NEXT_RUN,
    OUTBOX, PAUSED, PENDING, RECORDS, REJECTS, RELOADS, ROWS, RUN_DURATION, RUNS, STEPS, TRANSFERS, TRIPPED,
};
use crate::request::{IntegrationState, Status};
use raccord_run::applied::Applied;

/// Of how many transfers, integrations or sources each has series of its own; with more, one stands for all of
/// them. A transfer has 31 series at the most, so that a scrape has some 31,000 lines of them.
pub const MAX_NAMED: usize = 1_000;

/// What the daemon looks at for a scrape.
#[derive(Debug)]
pub struct Observed {
    /// How everything stands, with the next runs.
    pub status: Box<Status>,
    /// The generation in force.
    pub applied: Arc<Applied>,
    /// How many deliveries wait, of the transfers for which any do.
    pub inbox: BTreeMap<Name, u64>,
    /// Whether the last configuration is good.
    pub good: bool,
}

/// How one transfer stands, or all of them together.
#[derive(Debug, Clone, Default, PartialEq)]
struct Standing {
    last_success: Option<Timestamp>,
    /// The longest time between two due times, in seconds.
    interval: Option<f64>,
    next_run: Option<Timestamp>,
    failures: u64,
    /// Unknown when its rows are elsewhere and cannot be seen.
    rejects: Option<u64>,
    rows: Option<u64>,
    inbox: u64,
}

impl Standing {
    /// How long ago it succeeded, in seconds.
    fn lag(&self, now: Timestamp) -> Option<f64> {
        self.last_success.map(|last| now.duration_since(last).as_secs_f64().max(0.0))
    }

    /// How many of its intervals it is behind, when it runs by itself.
    fn intervals_behind(&self, now: Timestamp) -> f64 {
        self.next_run.and(self.interval).zip(self.lag(now)).map_or(-1.0, |(interval, lag)| lag / interval)
    }

    /// All together: added up, or the worst of them. Of lags, the one that is most of its interval.
    fn together(all: &[(Option<&Name>, Self)], now: Timestamp) -> Self {
        let all = || all.iter().map(|(_, one)| one);
        let behind = |one: &Self| one.intervals_behind(now);
        let worst = all().max_by(|one, other| behind(one).total_cmp(&behind(other)));
        let sum = |of: fn(&Self) -> u64| all().map(of).sum();
        let known = |of: fn(&Self) -> Option<u64>| all().map(of).sum();
        Self {
            last_success: worst.and_then(|worst| worst.last_success),
            interval: worst.and_then(|worst| worst.interval),
            next_run: all().filter_map(|one| one.next_run).min(),
            failures: all().map(|one| one.failures).max().unwrap_or_default(),
            rejects: known(|one| one.rejects),
            rows: known(|one| one.rows),
            inbox: sum(|one| one.inbox),
        }
    }
}

fn labels(label: &'static str, name: Option<&Name>) -> Labels {
    name.map(|name| (label, name.to_string())).into_iter().collect()
}

/// The series of what was counted.
pub(super) fn counted(counts: &Counts) -> Vec<Series> {
    let all = counts.all_transfers();
    let transfers: Vec<(Option<&Name>, &TransferCounts)> = if counts.transfers().len() > MAX_NAMED {
        vec![(None, &all)]
    } else {
        counts.transfers().iter().map(|(name, counts)| (Some(name), counts)).collect()
    };
    let (mut runs, mut durations, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for (name, counts) in transfers {
        let of = |outcome: &str| with(labels("transfer", name), "outcome", outcome);
        runs.extend(counts.runs().map(|(outcome, count)| (of(outcome), Value::Count(count))));
        durations.push((labels("transfer", name), Value::Durations(counts.durations.clone())));
        records.extend(counts.records().map(|(outcome, count)| (of(outcome), Value::Count(count))));
    }
    let reloads =
        counts.reloads().map(|(result, count)| (with(Labels::new(), "result", result), count.into()));
    vec![
        Series::new(&RUNS, runs),
        Series::new(&RUN_DURATION, durations),
        Series::new(&RECORDS, records),
        Series::new(&DELIVERIES, deliveries(counts)),
        Series::new(&RELOADS, reloads.collect()),
        Series::new(&BUILD, vec![(with(Labels::new(), "version", env!("CARGO_PKG_VERSION")), Value::Said)]),
    ]
}

fn deliveries(counts: &Counts) -> Vec<(Labels, Value)> {
    let of = |name: Option<&Name>, results: &DeliveryCounts| {
        let samples = RECEIVED.into_iter().zip(*results);
        let named = labels("source", name);
        samples
            .map(|(result, count)| (with(named.clone(), "result", result), Value::Count(count)))
            .collect::<Vec<_>>()
    };
    if counts.sources().len() > MAX_NAMED {
        return of(None, &counts.all_deliveries());
    }
    let mut samples: Vec<_> =
        counts.sources().iter().flat_map(|(name, results)| of(Some(name), results)).collect();
    samples.extend(of(None, counts.elsewhere()));
    samples
}

fn with(mut labels: Labels, label: &'static str, value: &str) -> Labels {
    labels.push((label, value.to_owned()));
    labels
}

/// The series of how everything stands. `interval` tells that of a transfer's schedule.
pub(super) fn standing(
    observed: &Observed,
    now: Timestamp,
    interval: impl FnMut(&Name) -> Option<f64>,
) -> Vec<Series> {
    let Observed { status, good, .. } = observed;
    let pending = status.daemon.as_ref().is_some_and(|daemon| daemon.pending.is_some());
    let mut series = transfers(observed, now, interval);
    series.extend(integrations(status));
    series.extend([
        Series::one(&GOOD, Some(u64::from(*good))),
        Series::one(&PENDING, Some(u64::from(pending))),
        Series::one(&GENERATION, Some(status.generation)),
        Series::one(&TRANSFERS, Some(count(status.transfers.len()))),
        Series::one(&STEPS, Some(count(status.steps))),
        Series::one(&OUTBOX, Some(count(status.outbox))),
    ]);
    series
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What a series says of a transfer.
type Pick<'p> = &'p dyn Fn(&Standing) -> Option<Value>;

fn transfers(
    observed: &Observed,
    now: Timestamp,
    mut interval: impl FnMut(&Name) -> Option<f64>,
) -> Vec<Series> {
    let all = observed.status.transfers.iter().map(|transfer| {
        let standing = Standing {
            last_success: transfer.last_success,
            interval: interval(&transfer.name),
            next_run: transfer.next_run,
            failures: u64::from(transfer.consecutive_failures),
            rejects: transfer.rejects,
            rows: transfer.rows,
            inbox: observed.inbox.get(&transfer.name).copied().unwrap_or_default(),
        };
        (Some(&transfer.name), standing)
    });
    let mut all: Vec<(Option<&Name>, Standing)> = all.collect();
    if all.len() > MAX_NAMED {
        all = vec![(None, Standing::together(&all, now))];
    }
    let since_1970 = |at: Timestamp| at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
    let number = |number: Option<f64>| number.map(Value::Number);
    let picks: [(&'static Family, Pick<'_>); 8] = [
        (&LAST_SUCCESS, &|one| number(one.last_success.map(since_1970))),
        (&LAG, &|one| number(one.lag(now))),
        (&NEXT_RUN, &|one| number(one.next_run.map(since_1970))),
        (&INTERVAL, &|one| number(one.interval)),
        (&FAILURES, &|one| Some(Value::Count(one.failures))),
        (&REJECTS, &|one| one.rejects.map(Value::Count)),
        (&ROWS, &|one| one.rows.map(Value::Count)),
        (&INBOX, &|one| Some(Value::Count(one.inbox))),
    ];
    let of = |pick: Pick<'_>| {
        let samples = all.iter().filter_map(|(name, one)| Some((labels("transfer", *name), pick(one)?)));
        samples.collect()
    };
    picks.into_iter().map(|(family, pick)| Series::new(family, of(pick))).collect()
}

fn integrations(status: &Status) -> [Series; 2] {
    let of = |family: &'static Family, wanted: IntegrationState| {
        let all = status.integrations.iter().map(|one| (Some(&one.name), u64::from(one.state == wanted)));
        let samples: Vec<(Option<&Name>, u64)> = if status.integrations.len() > MAX_NAMED {
            vec![(None, all.map(|(_, is_so)| is_so).sum())]
        } else {
            all.collect()
        };
        let samples = samples.into_iter().map(|(name, value)| (labels("integration", name), value.into()));
        Series::new(family, samples.collect())
    };
    [of(&TRIPPED, IntegrationState::Tripped), of(&PAUSED, IntegrationState::Paused)]
}
