//! Standings in words.

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::language::Schedule;

use super::words::Clock;
use crate::step::{Readiness, TransferState};

/// A transfer of the source `shop`, on demand, ready since midnight.
pub(super) fn newcomer(uid: Uid, name: &str, clock: &Clock) -> TransferState {
    TransferState {
        uid,
        name: name.parse().unwrap(),
        source: "shop".parse().unwrap(),
        data_type: name.parse().ok(),
        schedule: None,
        epoch: 1,
        readiness: Readiness::Ready,
        since: clock.read("00:00"),
        served: None,
        deliveries: false,
    }
}

/// A standing changed by words, in any order:
///
/// - `of SOURCE`, `reading TYPE`, `epoch N`, `with deliveries`
/// - `on demand`, `every INTERVAL`, `jitter LENGTH`, `cron M H D M W in ZONE`, `since TIME`, `served TIME`
/// - `active` or `resumed`, `inactive`, `unsubscribed`, `tripped`, `paused`, `paused until TIME`, `unprepared`
pub(super) fn patch(mut standing: TransferState, words: &[&str], clock: &Clock) -> TransferState {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_else(|| panic!("{word} what?"));
        let schedule = standing.schedule.clone().unwrap_or_default();
        match word {
            "of" => standing.source = next().parse().unwrap(),
            "reading" => standing.data_type = next().parse().ok(),
            "epoch" => standing.epoch = next().parse().unwrap(),
            "with" => standing.deliveries = next() == "deliveries",
            "on" => {
                assert_eq!(next(), "demand");
                standing.schedule = None;
            }
            "every" => {
                standing.schedule = Some(Schedule { every: Some(next().parse().unwrap()), ..schedule });
            }
            "jitter" => {
                standing.schedule = Some(Schedule { jitter: Some(next().parse().unwrap()), ..schedule });
            }
            "cron" => {
                let cron = [next(), next(), next(), next(), next()].join(" ");
                assert_eq!(next(), "in");
                let timezone = Some(next().to_owned());
                standing.schedule = Some(Schedule { cron: Some(cron), timezone, ..Schedule::default() });
            }
            "since" => standing.since = read(&mut next, clock),
            "served" => standing.served = Some(read(&mut next, clock)),
            "until" => standing.readiness = Readiness::Paused { until: Some(read(&mut next, clock)) },
            other => standing.readiness = readiness(other),
        }
    }
    standing
}

fn readiness(word: &str) -> Readiness {
    match word {
        "active" | "resumed" => Readiness::Ready,
        "inactive" => Readiness::Inactive,
        "unsubscribed" => Readiness::NotSubscribed,
        "tripped" => Readiness::Tripped,
        "paused" => Readiness::Paused { until: None },
        "unprepared" => Readiness::NotReady,
        other => panic!("what is {other}?"),
    }
}

/// Reads a time of one word, or of two: a date and a time of day.
fn read<'w>(next: &mut impl FnMut() -> &'w str, clock: &Clock) -> Timestamp {
    let first = next();
    if first.contains(':') { clock.read(first) } else { clock.read(&format!("{first} {}", next())) }
}
