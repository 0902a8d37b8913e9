//! How far the due times of a schedule are apart: what a lag is to be compared with. Pure.

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::language::Schedule;
use uuid::Uuid;

use raccord_daemon::step::schedule::next_due;

/// How many due times of a cron expression are looked at: enough for the weekend of one that rests then.
const LOOKED_AT: usize = 10;

/// The longest time between two due times, in seconds; of a cron expression, among the next ones.
pub(super) fn longest_interval(schedule: &Schedule, now: Timestamp) -> Option<f64> {
    if let Some(every) = schedule.every {
        return Some(every.duration().as_secs_f64());
    }
    // Jitter moves all due times alike.
    let nil_uid = Uid(Uuid::nil());
    let first = next_due(schedule, nil_uid, now, None);
    let due = std::iter::successors(first, |due| next_due(schedule, nil_uid, now, Some(*due)));
    let due: Vec<Timestamp> = due.take(LOOKED_AT).collect();
    let gaps = due.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64());
    gaps.max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_interval_is_found() {
        let now = "2025-03-05T12:00:00Z".parse().unwrap();
        for (schedule, hours) in [
            (r#""15m""#, Some(0.25)),
            (r#"{"every": "2h", "jitter": "10m"}"#, Some(2.0)),
            (r#"{"cron": "0 6 * * *"}"#, Some(24.0)),
            (r#"{"cron": "0 6 * * 1-5"}"#, Some(72.0)),
            (r#"{"cron": "0 6 * * 1"}"#, Some(168.0)),
            (r#"{"cron": "0 12 * * *", "timezone": "America/Montreal"}"#, Some(24.0)),
            (r#"{"cron": "0 0 1 * *"}"#, Some(31.0 * 24.0)),
        ] {
            let parsed: Schedule = serde_json::from_str(schedule).unwrap();
            let found = longest_interval(&parsed, now).map(|seconds| seconds / 3_600.0);
            assert_eq!(found, hours, "{schedule}");
        }
    }
}
