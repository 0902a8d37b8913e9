//! Due times: tables of schedules and the times that follow, and the laws that hold for all of them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use raccord_model::fact::Uid;
use raccord_model::language::Schedule;
use uuid::Uuid;

use crate::step::cron::Pattern;
use crate::step::schedule::{due_at_or_before, next_due};

fn every(interval: &str) -> Schedule {
    Schedule { every: Some(interval.parse().unwrap()), ..Schedule::default() }
}

fn cron(pattern: &str, zone: &str) -> Schedule {
    Schedule { cron: Some(pattern.to_owned()), timezone: Some(zone.to_owned()), ..Schedule::default() }
}

fn jitter(schedule: Schedule, length: &str) -> Schedule {
    Schedule { jitter: Some(length.parse().unwrap()), ..schedule }
}

fn uid(number: u128) -> Uid {
    Uid(Uuid::from_u128(number))
}

/// Checks the first due times of a grid that begins at a moment, each shown by the clock of the schedule's zone; and
/// that looking backwards finds the same ones.
#[track_caller]
fn check(schedule: &Schedule, since: &str, expected: &[&str]) {
    let zone = TimeZone::get(schedule.timezone.as_deref().unwrap_or("UTC")).unwrap();
    let since: Timestamp = since.parse().unwrap();
    let (who, mut served, mut shown) = (uid(7), None, Vec::new());
    for _ in expected {
        let due = next_due(schedule, who, since, served).unwrap();
        let before = due.checked_sub(SignedDuration::from_nanos(1)).unwrap();
        assert_eq!(due_at_or_before(schedule, who, since, due), Some(due));
        assert_eq!(due_at_or_before(schedule, who, since, before), served);
        served = Some(due);
        shown.push(due.to_zoned_datetime(zone.clone()).strftime("%a %F %H:%M:%S %:z").to_string());
    }
    assert_eq!(shown, expected);
}

#[test]
fn an_interval_begins_at_once_and_keeps_its_grid() {
    check(
        &every("15m"),
        "2025-01-06T08:03:20Z",
        &[
            "Mon 2025-01-06 08:03:20 +00:00",
            "Mon 2025-01-06 08:18:20 +00:00",
            "Mon 2025-01-06 08:33:20 +00:00",
        ],
    );
}

#[test]
fn jitter_moves_the_whole_grid_by_the_same_part() {
    // The seventh transfer: seven seconds, or what is left of them within the jitter.
    check(
        &jitter(every("15m"), "1m"),
        "2025-01-06T08:00:00Z",
        &["Mon 2025-01-06 08:00:07 +00:00", "Mon 2025-01-06 08:15:07 +00:00"],
    );
    check(
        &jitter(cron("0 6 * * *", "UTC"), "5s"),
        "2025-01-06T06:00:00Z",
        &["Mon 2025-01-06 06:00:02 +00:00", "Tue 2025-01-07 06:00:02 +00:00"],
    );
    check(&jitter(every("15m"), "0s"), "2025-01-06T08:00:00Z", &["Mon 2025-01-06 08:00:00 +00:00"]);
}

#[test]
fn cron_goes_by_the_clock_of_its_zone() {
    check(
        &cron("0 6 * * 1-5", "America/Montreal"),
        "2025-01-10T11:00:00Z",
        &["Fri 2025-01-10 06:00:00 -05:00", "Mon 2025-01-13 06:00:00 -05:00"],
    );
    // A moment that has passed by a fraction of a second has passed.
    check(&cron("0 6 * * *", "UTC"), "2025-01-06T06:00:00.001Z", &["Tue 2025-01-07 06:00:00 +00:00"]);
    check(
        &cron("*/20 9,17 * * *", "Asia/Kolkata"),
        "2025-01-06T04:00:00Z",
        &[
            "Mon 2025-01-06 09:40:00 +05:30",
            "Mon 2025-01-06 17:00:00 +05:30",
            "Mon 2025-01-06 17:20:00 +05:30",
            "Mon 2025-01-06 17:40:00 +05:30",
            "Tue 2025-01-07 09:00:00 +05:30",
        ],
    );
    // The day of the month or the day of the week, as everywhere.
    check(
        &cron("0 0 13 * 5", "UTC"),
        "2025-06-12T00:00:00Z",
        &["Fri 2025-06-13 00:00:00 +00:00", "Fri 2025-06-20 00:00:00 +00:00"],
    );
    check(
        &cron("0 12 L * *", "UTC"),
        "2025-02-01T00:00:00Z",
        &["Fri 2025-02-28 12:00:00 +00:00", "Mon 2025-03-31 12:00:00 +00:00"],
    );
    check(
        &cron("0 0 29 2 *", "Europe/Paris"),
        "2025-01-01T00:00:00Z",
        &["Tue 2028-02-29 00:00:00 +01:00", "Sun 2032-02-29 00:00:00 +01:00"],
    );
}

#[test]
fn a_time_that_spring_skips_is_the_first_instant_after_the_gap() {
    check(
        &cron("30 2 * * *", "Europe/Paris"),
        "2025-03-29T00:00:00Z",
        &[
            "Sat 2025-03-29 02:30:00 +01:00",
            "Sun 2025-03-30 03:00:00 +02:00",
            "Mon 2025-03-31 02:30:00 +02:00",
        ],
    );
    // Several skipped times are one, and one with a time that stands there already.
    check(
        &cron("*/20 2,3 * * *", "Europe/Paris"),
        "2025-03-30T00:00:00Z",
        &[
            "Sun 2025-03-30 03:00:00 +02:00",
            "Sun 2025-03-30 03:20:00 +02:00",
            "Sun 2025-03-30 03:40:00 +02:00",
            "Mon 2025-03-31 02:00:00 +02:00",
        ],
    );
    // A clock that is set forward at midnight, and a day that Samoa never had.
    check(
        &cron("0 0 * * *", "Africa/Cairo"),
        "2025-04-24T12:00:00Z",
        &["Fri 2025-04-25 01:00:00 +03:00", "Sat 2025-04-26 00:00:00 +03:00"],
    );
    check(
        &cron("0 6 30 12 *", "Pacific/Apia"),
        "2011-12-01T00:00:00Z",
        &["Sat 2011-12-31 00:00:00 +14:00", "Sun 2012-12-30 06:00:00 +14:00"],
    );
    // A grid that begins at the very end of the gap.
    check(&cron("30 2 * * *", "Europe/Paris"), "2025-03-30T01:00:00Z", &["Sun 2025-03-30 03:00:00 +02:00"]);
}

#[test]
fn a_time_that_autumn_repeats_is_taken_at_the_first() {
    check(
        &cron("30 2 * * *", "Europe/Paris"),
        "2025-10-25T12:00:00Z",
        &["Sun 2025-10-26 02:30:00 +02:00", "Mon 2025-10-27 02:30:00 +01:00"],
    );
    check(
        &cron("*/30 1-3 * * *", "Europe/Paris"),
        "2025-10-25T23:00:00Z",
        &[
            "Sun 2025-10-26 01:00:00 +02:00",
            "Sun 2025-10-26 01:30:00 +02:00",
            "Sun 2025-10-26 02:00:00 +02:00",
            "Sun 2025-10-26 02:30:00 +02:00",
            "Sun 2025-10-26 03:00:00 +01:00",
        ],
    );
}

#[test]
fn in_the_second_pass_of_a_doubled_hour_the_first_is_over() {
    let schedule = cron("*/30 2 * * *", "Europe/Paris");
    let since = "2025-10-01T00:00:00Z".parse().unwrap();
    let cases = [
        ("2025-10-26T00:29:59Z", "2025-10-26T00:00:00Z"),
        ("2025-10-26T00:30:00Z", "2025-10-26T00:30:00Z"),
        ("2025-10-26T01:10:00Z", "2025-10-26T00:30:00Z"),
        ("2025-10-26T01:30:00Z", "2025-10-26T00:30:00Z"),
        ("2025-10-27T01:29:59Z", "2025-10-27T01:00:00Z"),
    ];
    for (now, expected) in cases {
        let due = due_at_or_before(&schedule, uid(1), since, now.parse().unwrap());
        assert_eq!(due, Some(expected.parse().unwrap()), "{now}");
    }
}

#[test]
fn every_hour_means_every_real_hour() {
    check(
        &cron("30 * * * *", "Europe/Paris"),
        "2025-03-30T00:00:00Z",
        &[
            "Sun 2025-03-30 01:30:00 +01:00",
            "Sun 2025-03-30 03:30:00 +02:00",
            "Sun 2025-03-30 04:30:00 +02:00",
        ],
    );
    check(
        &cron("30 * * * *", "Europe/Paris"),
        "2025-10-25T23:15:00Z",
        &[
            "Sun 2025-10-26 01:30:00 +02:00",
            "Sun 2025-10-26 02:30:00 +02:00",
            "Sun 2025-10-26 02:30:00 +01:00",
            "Sun 2025-10-26 03:30:00 +01:00",
        ],
    );
    // Lord Howe Island sets its clock by half an hour.
    check(
        &cron("15,45 * * * *", "Australia/Lord_Howe"),
        "2025-04-05T14:40:00Z",
        &[
            "Sun 2025-04-06 01:45:00 +11:00",
            "Sun 2025-04-06 01:45:00 +10:30",
            "Sun 2025-04-06 02:15:00 +10:30",
        ],
    );
}

#[test]
fn what_validation_refuses_is_never_due() {
    let since = "2025-01-06T08:00:00Z".parse().unwrap();
    let schedules = [
        Schedule::default(),
        every("0s"),
        cron("0 25 * * *", "UTC"),
        cron("0 6 * * *", "Europe/Nowhere"),
        cron("0 0 31 2 *", "UTC"),
    ];
    for schedule in schedules {
        assert_eq!(next_due(&schedule, uid(1), since, None), None, "{schedule:?}");
        assert_eq!(due_at_or_before(&schedule, uid(1), since, Timestamp::MAX), None, "{schedule:?}");
    }
    assert_eq!(next_due(&every("15m"), uid(1), Timestamp::MAX, Some(Timestamp::MAX)), None);
}

fn patterns() -> impl Strategy<Value = String> {
    let minute = prop_oneof![Just("*"), Just("0"), Just("30"), Just("*/7"), Just("0,1,59")];
    let hour = prop_oneof![Just("*"), Just("0"), Just("1-3"), Just("*/2"), Just("2,3,23")];
    let day = prop_oneof![Just("*"), Just("L"), Just("1,15,29"), Just("26-30")];
    let weekday = prop_oneof![4 => Just("*"), 1 => Just("1-5"), 1 => Just("SUN")];
    (minute, hour, day, weekday)
        .prop_map(|(minute, hour, day, weekday)| format!("{minute} {hour} {day} * {weekday}"))
}

/// Time zones and moments near the changes of their clocks, by seconds.
fn moments() -> impl Strategy<Value = (&'static str, i64)> {
    let changes = prop_oneof![
        2 => Just(("Europe/Paris", "2025-03-30T01:00:00Z")),
        4 => Just(("Europe/Paris", "2025-10-26T01:00:00Z")),
        1 => Just(("America/Montreal", "2025-03-09T07:00:00Z")),
        2 => Just(("America/Montreal", "2025-11-02T06:00:00Z")),
        1 => Just(("Australia/Lord_Howe", "2025-04-05T15:00:00Z")),
        1 => Just(("Australia/Lord_Howe", "2025-10-04T15:30:00Z")),
        1 => Just(("Africa/Cairo", "2025-04-24T22:00:00Z")),
        1 => Just(("Africa/Cairo", "2025-10-30T21:00:00Z")),
        1 => Just(("Pacific/Apia", "2011-12-30T10:00:00Z")),
        1 => Just(("UTC", "2025-12-31T23:59:59Z")),
    ];
    let near = prop_oneof![4 => -7_200..7_200_i64, 1 => -200_000..200_000_i64, 1 => Just(0)];
    (changes, near).prop_map(|((zone, change), seconds)| {
        (zone, change.parse::<Timestamp>().unwrap().as_second() + seconds)
    })
}

proptest! {
    /// Looking forwards and backwards from any moment finds the two neighbours of it in one and the same order.
    #[test]
    fn neighbours_agree(pattern in patterns(), (zone, second) in moments()) {
        let nano = SignedDuration::from_nanos(1);
        let moment = Timestamp::from_second(second).unwrap();
        let pattern = Pattern::compile(&pattern, Some(zone)).unwrap();
        let before = pattern.at_or_before(moment).unwrap();
        let after = pattern.at_or_after(moment + nano).unwrap();
        prop_assert!(before <= moment && moment < after);
        prop_assert_eq!(pattern.at_or_after(before), Some(before));
        prop_assert_eq!(pattern.at_or_before(after), Some(after));
        prop_assert_eq!(pattern.at_or_after(before + nano), Some(after));
        prop_assert_eq!(pattern.at_or_before(after - nano), Some(before));
    }
}
