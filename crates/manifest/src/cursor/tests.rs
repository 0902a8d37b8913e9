use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::component::Component;
use crate::record::Record;
use crate::slice::Slice;
use crate::template::Context;
use crate::time::{self, DateTime, Period};

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object is expected") };
    members
}

/// A cursor by its members, over those that most cases share.
fn cursor(own: Value) -> DatetimeCursor {
    let shared = json!({
        "type": "DatetimeBasedCursor", "cursor_field": "at", "datetime_format": "%Y-%m-%d",
        "start_datetime": "2024-12-30", "end_datetime": "2025-01-03",
    });
    let mut all = members(shared);
    all.extend(members(own));
    let rule = DatetimeRule::build(&Component::new(all, "cursor")).unwrap();
    rule.evaluate(&Context::new(&Arc::new(json!({})))).unwrap()
}

fn now() -> DateTime {
    time::parse("2025-02-01", "%Y-%m-%d").unwrap()
}

fn texts(cursor: &DatetimeCursor, slices: Slices) -> Vec<(String, String)> {
    slices.map(|(start, end)| (cursor.format(start), cursor.format(end))).collect()
}

#[test]
fn slices_are_those_of_the_reference() {
    let check = |own: Value, state: Value, expected: &[(&str, &str)]| {
        let cursor = cursor(own);
        let progress = cursor.resume(&members(state), None).unwrap();
        let slices = texts(&cursor, cursor.slices(&progress, now()));
        let slices: Vec<_> = slices.iter().map(|(start, end)| (start.as_str(), end.as_str())).collect();
        assert_eq!(slices, expected);
    };
    let day = |more: Value| {
        let mut all = members(json!({"step": "P1D", "cursor_granularity": "P1D"}));
        all.extend(members(more));
        Value::Object(all)
    };
    let (d30, d31, d1) =
        (("2024-12-30", "2024-12-30"), ("2024-12-31", "2024-12-31"), ("2025-01-01", "2025-01-01"));
    let last = ("2025-01-02", "2025-01-03");
    check(json!({}), json!({}), &[("2024-12-30", "2025-01-03")]);
    check(json!({}), json!({"at": "2025-01-03"}), &[]);
    check(day(json!({})), json!({}), &[d30, d31, d1, last]);
    check(
        day(json!({"step": "P2D"})),
        json!({}),
        &[("2024-12-30", "2024-12-31"), ("2025-01-01", "2025-01-03")],
    );
    check(day(json!({})), json!({"at": "2025-01-01"}), &[d1, last]);
    check(day(json!({"lookback_window": "P1D"})), json!({"at": "2025-01-02"}), &[d1, last]);
    check(day(json!({"lookback_window": "P30D"})), json!({"at": "2025-01-02"}), &[d30, d31, d1, last]);
    check(day(json!({})), json!({"at": "2025-01-03"}), &[("2025-01-03", "2025-01-03")]);
    check(day(json!({"is_compare_strictly": true})), json!({"at": "2025-01-03"}), &[]);
    check(day(json!({})), json!({"at": "2025-01-04"}), &[]);
    check(day(json!({})), json!({"at": "2024-01-04"}), &[d30, d31, d1, last]);
    let gap = json!({"state_type": "date-range", "slices": [
        {"start": "2024-12-30", "end": "2024-12-30"}, {"start": "2025-01-01", "end": "2025-01-01"},
    ]});
    check(day(json!({})), gap, &[d31, d1, last]);
    let late = json!({"state_type": "date-range", "slices": [{"start": "2024-12-31", "end": "2025-01-01"}]});
    check(day(json!({})), late, &[d30, d1, last]);
}

#[test]
fn months_years_and_zones_are_those_of_the_reference() {
    let check = |own: Value, expected: &[(&str, &str)]| {
        let cursor = cursor(own);
        let progress = cursor.resume(&Map::new(), None).unwrap();
        let slices = texts(&cursor, cursor.slices(&progress, now()));
        let slices: Vec<_> = slices.iter().map(|(start, end)| (start.as_str(), end.as_str())).collect();
        assert_eq!(slices, expected);
    };
    let dates = |start: &str, end: &str, step: &str, clamping: Value| json!({"start_datetime": start, "end_datetime": end, "step": step, "cursor_granularity": "P1D", "clamping": clamping});
    let spring = [("2024-02-29", "2024-03-28"), ("2024-03-29", "2024-04-28"), ("2024-04-29", "2024-04-30")];
    let from = |first: &[(&'static str, &'static str)]| [first, &spring].concat();
    check(dates("2024-01-31", "2024-04-30", "P1M", Value::Null), &from(&[("2024-01-31", "2024-02-28")]));
    let winter = [("2023-12-31", "2024-01-30"), ("2024-01-31", "2024-02-28")];
    check(dates("2023-12-31", "2024-04-30", "P1M", Value::Null), &from(&winter));
    let years = [("2024-02-29", "2025-02-27"), ("2025-02-28", "2026-02-28")];
    check(dates("2024-02-29", "2026-02-28", "P1Y", Value::Null), &years);
    let months = [("2024-02-01", "2024-02-29"), ("2024-03-01", "2024-03-31")];
    check(dates("2024-01-31", "2024-04-30", "P1M", json!({"target": "MONTH"})), &months);
    let monday = json!({"target": "WEEK", "target_details": {"weekday": "MONDAY"}});
    let weeks = [("2024-02-05", "2024-02-11"), ("2024-02-12", "2024-02-18")];
    check(dates("2024-01-31", "2024-02-20", "P1W", monday), &weeks);
    let days = [("2024-12-30", "2024-12-30"), ("2024-12-31", "2025-01-01")];
    check(dates("2024-12-30", "2025-01-02", "P1D", json!({"target": "DAY"})), &days);
    let seconds = json!({
        "datetime_format": "%s", "start_datetime": "1735689600", "end_datetime": "1735776000",
        "step": "PT12H", "cursor_granularity": "PT1S",
    });
    check(seconds, &[("1735689600", "1735732799"), ("1735732800", "1735776000")]);
    let zones = json!({
        "datetime_format": "%Y-%m-%dT%H:%M:%S%z", "start_datetime": "2024-12-30T10:00:00+0200",
        "end_datetime": "2024-12-31T10:00:00+0000", "step": "P1D", "cursor_granularity": "PT1S",
    });
    let expected = [
        ("2024-12-30T10:00:00+0200", "2024-12-31T09:59:59+0200"),
        ("2024-12-31T10:00:00+0200", "2024-12-31T10:00:00+0000"),
    ];
    check(zones, &expected);
}

#[test]
fn a_state_is_the_newest_record_of_what_is_read_without_gap() {
    let check = |records: &[&str], expected: &[&str]| {
        let cursor = cursor(json!({"step": "P2D", "cursor_granularity": "P1D"}));
        let mut progress = cursor.resume(&Map::new(), None).unwrap();
        let mut states = Vec::new();
        for bounds in cursor.slices(&progress, now()) {
            let dates = records.iter().filter_map(|text| cursor.parse(&json!(text)));
            let newest = dates.filter(|date| bounds.0 <= *date && *date <= bounds.1).max();
            let slice = Slice { cursor: cursor.members(bounds), ..Slice::default() };
            cursor.close(&mut progress, &slice, newest).unwrap();
            states.push(Value::Object(cursor.state(&progress)));
        }
        assert_eq!(states, expected.iter().map(|text| json!({"at": text})).collect::<Vec<_>>());
    };
    check(&["2024-12-30", "2025-01-02"], &["2024-12-30", "2025-01-02"]);
    check(&[], &["2024-12-30", "2024-12-30"]);
}

#[test]
fn a_state_has_the_format_of_the_cursor() {
    let check = |format: &str, known: &str, expected: &str| {
        let cursor = cursor(json!({
            "datetime_format": format, "start_datetime": {"type": "MinMaxDatetime", "datetime": "2024-12-30", "datetime_format": "%Y-%m-%d"},
            "cursor_datetime_formats": ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"], "end_datetime": null,
        }));
        let progress = cursor.resume(&members(json!({"at": known, "else": 1})), None).unwrap();
        assert_eq!(Value::Object(cursor.state(&progress)), json!({"at": expected, "else": 1}));
    };
    check("%Y-%m-%d", "2025-01-02", "2025-01-02");
    check("%Y-%m-%d", "2025-01-02T03:04:05+0000", "2025-01-02");
    check("%Y-%m-%dT%H:%M:%SZ", "2025-01-02T03:04:05+0200", "2025-01-02T01:04:05Z");
    check("%Y-%m-%dT%H:%M:%SZ", "2025-01-02T03:04:05-0200", "2025-01-02T03:04:05Z");
    check("%Y-%m-%dT%H:%M:%S-12:00", "2025-01-02T03:04:05-1200", "2025-01-02T03:04:05-12:00");
    check("%Y-%m-%dT%H:%M:%S+02:00", "2025-01-02T03:04:05+0200", "2025-01-02T03:04:05+02:00");
    check("%Y-%m-%dT%H:%M:%S%z", "2025-01-02T03:04:05+0200", "2025-01-02T03:04:05+0200");
    check("%s", "1735787045", "1735787045");
}

#[test]
fn known_records_are_told_from_new_ones() {
    let check = |own: Value, record: Value, expected: bool| {
        let cursor = cursor(own);
        let progress = cursor.resume(&members(json!({"at": "2025-01-01"})), None).unwrap();
        assert_eq!(
            cursor.new_records(&progress, now()).have(cursor.date_of(&Record::Value(record))),
            expected
        );
    };
    check(json!({}), json!({"at": "2025-01-01"}), true);
    check(json!({}), json!({"at": "2024-12-31"}), false);
    check(json!({}), json!({"at": "2025-01-04"}), false);
    check(json!({}), json!({"at": "no date"}), true);
    check(json!({}), json!({}), true);
    check(json!({"lookback_window": "P1D"}), json!({"at": "2024-12-31"}), true);
    check(json!({"lookback_window": "P9D"}), json!({"at": "2024-12-29"}), false);
}

#[test]
fn a_slice_is_halved_down_to_its_unit() {
    let check = |start: &str, end: &str, least: Option<&str>, expected: Option<[(&str, &str); 2]>| {
        let cursor = cursor(json!({"step": "P9D", "cursor_granularity": "P1D"}));
        let date = |text: &str| cursor.parse(&json!(text)).unwrap();
        let slice = Slice { cursor: cursor.members((date(start), date(end))), ..Slice::default() };
        let halves = cursor.halves(&slice, least.map(|least| Period::parse(least).unwrap()));
        let bounds = |slice: Slice| Value::Object(slice.cursor);
        let expected =
            expected.map(|halves| halves.map(|(start, end)| json!({"start_time": start, "end_time": end})));
        assert_eq!(halves.map(|halves| halves.map(bounds)), expected);
    };
    let halves = [("2025-01-01", "2025-01-02"), ("2025-01-03", "2025-01-05")];
    check("2025-01-01", "2025-01-05", None, Some(halves));
    check(
        "2025-01-01",
        "2025-01-02",
        None,
        Some([("2025-01-01", "2025-01-01"), ("2025-01-02", "2025-01-02")]),
    );
    check("2025-01-01", "2025-01-01", None, None);
    check("2025-01-01", "2025-01-05", Some("P4D"), None);
}

#[test]
fn an_older_state_is_migrated() {
    let check = |state: Value, expected: Value| {
        let stream = json!({
            "incremental_sync": {"type": "DatetimeBasedCursor", "cursor_field": "at"},
            "retriever": {"partition_router": {
                "type": "SubstreamPartitionRouter", "parent_stream_configs": [{"partition_field": "board"}],
            }},
            "state_migrations": [{"type": "LegacyToPerPartitionStateMigration"}],
        });
        let migrations = Migration::of_stream(&Component::new(members(stream), "stream")).unwrap();
        let context = Context::new(&Arc::new(json!({})));
        let state = migrations[0].apply(members(state), &context).unwrap();
        assert_eq!(Value::Object(state), expected);
    };
    let migrated = json!({"states": [{"partition": {"board": "7"}, "cursor": {"at": "2025"}}]});
    check(json!({"7": {"at": "2025"}}), migrated.clone());
    check(migrated.clone(), migrated);
    for other in [json!({}), json!({"at": "2025"}), json!({"7": {"at": 1, "by": 2}}), json!({"7": {"by": 2}})]
    {
        check(other.clone(), other);
    }
}

#[test]
fn a_count_goes_on_from_the_greatest() {
    let check = |start: Value, state: Value, records: &[i64], from: i64, until: i64| {
        let rule = json!({"type": "IncrementingCountCursor", "cursor_field": "id", "start_value": start});
        let rule = CountRule::build(&Component::new(members(rule), "cursor")).unwrap();
        let cursor = rule.evaluate(&Context::new(&Arc::new(json!({})))).unwrap();
        let mut progress = cursor.resume(&members(state)).unwrap();
        assert_eq!(Value::Object(cursor.slice(&progress).cursor), json!({"start": from}));
        let mut newest = None;
        for id in records {
            cursor.observe(&mut newest, &Record::Value(json!({"id": id})));
        }
        cursor.close(&mut progress, newest);
        assert_eq!(Value::Object(cursor.state(&progress)), json!({"id": until}));
    };
    check(Value::Null, json!({}), &[3, 9, 5], 0, 9);
    check(json!(4), json!({}), &[], 4, 4);
    check(json!("4"), json!({"id": 7}), &[6], 7, 7);
    check(json!(9), json!({"id": 7}), &[10], 9, 10);
}

fn partitioned(global: bool, state: Value) -> Partitioned {
    let setup = PartitionedSetup { cursor: cursor(json!({})), global };
    Partitioned::resume(&setup, &members(state)).unwrap()
}

/// Reads partitions with one record each.
fn read(partitioned: &mut Partitioned, partitions: &[(u64, &str)]) -> Vec<String> {
    let mut starts = Vec::new();
    let cursor = cursor(json!({}));
    for (id, date) in partitions {
        let partition = Slice { partition: members(json!({"board": id})), ..Slice::default() };
        for bounds in partitioned.open(&partition, now()).unwrap().into_iter().flatten() {
            starts.push(cursor.format(bounds.0));
            let date = cursor.parse(&json!(date));
            let slice = Slice { cursor: cursor.members(bounds), ..partition.clone() };
            partitioned.close(&slice, date).unwrap();
        }
        partitioned.close_partition(&partition, None);
    }
    starts
}

#[test]
fn partitions_are_read_from_where_each_stood() {
    let saved = json!({
        "use_global_cursor": false, "lookback_window": 86400, "state": {"at": "2025-01-02"},
        "states": [{"partition": {"board": 1}, "cursor": {"at": "2024-12-31"}}],
    });
    let mut read_on = partitioned(false, saved);
    assert_eq!(
        read(&mut read_on, &[(1, "2025-01-03"), (2, "2025-01-02"), (2, "2025-01-02")]),
        ["2024-12-31", "2024-12-30"],
        "a partition that is new has older records"
    );
    let states = json!([
        {"partition": {"board": 1}, "cursor": {"at": "2025-01-03"}}, {"partition": {"board": 2}, "cursor": {"at": "2025-01-02"}},
    ]);
    let unfinished = json!({"use_global_cursor": false, "lookback_window": 86400, "state": {"at": "2025-01-02"}, "states": states});
    assert_eq!(Value::Object(read_on.state()), unfinished);
    read_on.finish(3, Some(json!({})));
    let finished = json!({
        "use_global_cursor": false, "lookback_window": 3, "state": {"at": "2025-01-03"}, "states": states, "parent_state": {},
    });
    assert_eq!(Value::Object(read_on.state()), finished);
}

#[test]
fn one_state_can_stand_for_all_partitions() {
    let check = |state: Value, starts: &[&str], expected: Value| {
        let mut all = partitioned(true, state);
        assert_eq!(read(&mut all, &[(1, "2025-01-01"), (2, "2025-01-03")]), starts);
        all.finish(3, None);
        assert_eq!(Value::Object(all.state()), expected);
    };
    let expected = json!({"use_global_cursor": true, "lookback_window": 3, "state": {"at": "2025-01-03"}});
    check(json!({}), &["2024-12-30", "2024-12-30"], expected.clone());
    check(json!({"at": "2025-01-02"}), &["2025-01-02", "2025-01-02"], expected.clone());
    let saved = json!({"use_global_cursor": true, "lookback_window": 86400, "state": {"at": "2025-01-02"}});
    check(saved, &["2025-01-01", "2025-01-01"], expected);
}

#[test]
fn so_many_partitions_have_one_state() {
    let mut all = partitioned(false, json!({}));
    let known: Vec<_> = (0..25_100).map(|id| (id, "2025-01-03")).collect();
    assert_eq!(read(&mut all, &known[..10_001]).len(), 10_001);
    assert_eq!(all.weight(), 10_001);
    assert_eq!(read(&mut all, &known[10_001..]).len(), 15_099);
    all.finish(3, None);
    let expected = json!({"use_global_cursor": true, "lookback_window": 3, "state": {"at": "2025-01-03"}});
    assert_eq!(Value::Object(all.state()), expected);
}

fn steps() -> impl Strategy<Value = (String, &'static str)> {
    let step =
        (1_u32..40, prop::sample::select(vec![("M", "P1D"), ("D", "P1D"), ("W", "P1D"), ("Y", "P1D")]));
    step.prop_map(|(count, (unit, granularity))| (format!("P{count}{unit}"), granularity))
}

proptest! {
    #[test]
    fn slices_cover_everything_once(first in 0_i64..40_000, length in 0_i64..2000, (step, unit) in steps()) {
        let date = |day: i64| DateTime::from_micros(day * 86_400_000_000).unwrap();
        let text = |day: i64| time::format(&date(day), "%Y-%m-%d");
        let cursor = cursor(json!({
            "start_datetime": text(first), "end_datetime": text(first + length), "step": step, "cursor_granularity": unit,
        }));
        let progress = cursor.resume(&Map::new(), None).unwrap();
        let slices: Vec<_> = cursor.slices(&progress, now()).collect();
        prop_assert_eq!(slices.first().map(|slice| slice.0), Some(date(first)));
        prop_assert_eq!(slices.last().map(|slice| slice.1), Some(date(first + length)));
        for pair in slices.windows(2) {
            prop_assert_eq!(pair[0].1.plus(Period::parse(unit).unwrap()).unwrap(), pair[1].0);
        }
    }

    #[test]
    fn interrupted_after_any_slice_nothing_is_missed(
        days in prop::collection::btree_set(0_i64..400, 0..30), stop in 0_usize..30, (step, unit) in steps(),
    ) {
        let date = |day: i64| DateTime::from_micros((20_000 + day) * 86_400_000_000).unwrap();
        let text = |day: i64| time::format(&date(day), "%Y-%m-%d");
        let cursor = cursor(json!({
            "start_datetime": text(0), "end_datetime": text(400), "step": step, "cursor_granularity": unit,
        }));
        let mut seen = std::collections::BTreeSet::new();
        let mut state = Map::new();
        for most in [stop, usize::MAX] {
            let mut progress = cursor.resume(&state, None).unwrap();
            for bounds in cursor.slices(&progress, now()).take(most) {
                let within: Vec<_> = days.iter().filter(|day| bounds.0 <= date(**day) && date(**day) <= bounds.1).collect();
                seen.extend(within.iter().copied());
                let slice = Slice { cursor: cursor.members(bounds), ..Slice::default() };
                cursor.close(&mut progress, &slice, within.last().map(|day| date(**day))).unwrap();
                state = cursor.state(&progress);
            }
        }
        prop_assert_eq!(seen, days.iter().collect());
    }
}
