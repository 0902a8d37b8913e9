//! When a transfer is due: a grid of times that follows from its schedule alone, the same after every restart.
//!
//! An interval's grid begins when the transfer was activated or got its schedule, and its first time is that
//! moment. A cron expression's times are those of its time zone. Where clocks change: a time of day that the clock
//! skips in spring is due once, at the first instant after the gap; one that happens twice in autumn is due once, at
//! the first; an expression whose hour field admits every hour counts real hours. `jitter` moves the whole grid by a
//! fixed part of it, so that transfers spread out and their times stay computable. Nothing here reads the clock.

use jiff::Timestamp;
use raccord_model::duration::Seconds;
use raccord_model::fact::Uid;
use raccord_model::language::Schedule;

use super::cron::Pattern;

const NANOS: i128 = 1_000_000_000;

/// The first due time that no run has served: after `served`, or the first one of a grid that began later.
///
/// It may lie in the past: then a run is due. None when the schedule has no further time, or cannot be read.
pub fn next_due(
    schedule: &Schedule,
    uid: Uid,
    since: Timestamp,
    served: Option<Timestamp>,
) -> Option<Timestamp> {
    let since = since.as_nanosecond();
    let shift = shift(schedule, uid);
    // One nanosecond further: strictly after what was served.
    let from = served.map_or(since, |served| since.max(served.as_nanosecond() - shift + 1));
    let due = match (&schedule.every, &schedule.cron) {
        (Some(every), _) => {
            let every = interval(*every)?;
            since + (from - since + every - 1).div_euclid(every) * every
        }
        (None, Some(cron)) => pattern(schedule, cron)?.at_or_after(instant(from)?)?.as_nanosecond(),
        (None, None) => return None,
    };
    instant(due + shift)
}

/// The last due time up to a moment, if the grid had begun: of several that were missed, the one that is caught up.
pub fn due_at_or_before(
    schedule: &Schedule,
    uid: Uid,
    since: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let since = since.as_nanosecond();
    let shift = shift(schedule, uid);
    let until = now.as_nanosecond() - shift;
    let due = match (&schedule.every, &schedule.cron) {
        (Some(every), _) => {
            let every = interval(*every)?;
            since + (until - since).div_euclid(every) * every
        }
        (None, Some(cron)) => pattern(schedule, cron)?.at_or_before(instant(until)?)?.as_nanosecond(),
        (None, None) => return None,
    };
    if due < since { None } else { instant(due + shift) }
}

/// By how much the uid moves the grid: whole seconds, less than the jitter.
fn shift(schedule: &Schedule, uid: Uid) -> i128 {
    let jitter = schedule.jitter.map_or(0, |jitter| u128::from(jitter.0));
    // The low half of a UUIDv7 is random; its high half is the time, alike for all that one apply created.
    let random = uid.0.as_u128() & u128::from(u64::MAX);
    random.checked_rem(jitter).and_then(|seconds| i128::try_from(seconds).ok()).unwrap_or(0) * NANOS
}

fn interval(every: Seconds) -> Option<i128> {
    (every.0 > 0).then_some(i128::from(every.0) * NANOS)
}

fn pattern(schedule: &Schedule, cron: &str) -> Option<Pattern> {
    Pattern::compile(cron, schedule.timezone.as_deref())
}

fn instant(nanoseconds: i128) -> Option<Timestamp> {
    Timestamp::from_nanosecond(nanoseconds).ok()
}
