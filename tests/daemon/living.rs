//! A daemon's life: it begins, runs what is due, stops when asked, and is no obstacle once it is gone.

use super::{status, stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::shop::Shop;

/// A shop whose people are read every second.
fn shop() -> TestEnvironment {
    let shop = Shop { transfer: "schedule: 1s", ..Shop::default() };
    TestEnvironment::with(&[("raccord.yaml", &shop.yaml()), ("people.csv", "id,name\n1,Ann\n2,Ben\n")])
}

#[test]
fn a_daemon_applies_and_runs_on_schedule_what_its_directory_says() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    wait_until("the people are there", || {
        environment.ok("records crm.contact --output jsonl").lines().count() == 2
    });
    environment.write("people.csv", "id,name\n1,Ann\n2,Benjamin\n3,Cleo\n");
    wait_until("the next runs have read the change", || {
        let records = environment.ok("records crm.contact --output jsonl");
        records.lines().count() == 3 && records.contains("Benjamin")
    });
    let runs = environment.json("runs --output json");
    for run in runs.as_array().unwrap() {
        assert!(run["cause"]["scheduled"]["due"].is_string(), "{run}");
    }
    let next = status(&environment)["transfers"][0]["nextRun"].clone();
    assert!(next.is_string(), "{next}");
    assert_says(&environment.ok("status"), &["watching the current directory", "next run"]);
    let log = stop(daemon);
    assert_says(&log, &["begun", "succeeded", "asked to stop"]);
}

#[test]
fn no_two_due_times_are_served_twice_and_none_is_left_out() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_until("five runs have ended", || {
        environment.json("runs --output json").as_array().unwrap().len() >= 5
    });
    stop(daemon);
    let runs = environment.json("runs --output json");
    let mut due: Vec<i64> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["cause"]["scheduled"]["due"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap())
        .map(jiff::Timestamp::as_second)
        .collect();
    due.reverse();
    let before = due.len();
    due.dedup();
    assert_eq!(due.len(), before, "a due time was served twice: {due:?}");
    assert!(due.is_sorted(), "{due:?}");
}

#[test]
fn a_killed_daemon_is_no_obstacle() {
    let environment = shop();
    for round in 0..3 {
        let daemon = watch(&environment, "");
        wait_for_generation(&environment, 1);
        daemon.signal("KILL");
        daemon.wait();
        assert!(environment.path().join(".raccord/state.redb.sock").exists(), "round {round}");
        // No process listens on the socket that was left behind.
        assert_says(&environment.ok("status"), &["generation 1"]);
        environment.ok("state check");
    }
}

#[test]
fn a_second_daemon_is_told_who_answers() {
    let environment = shop();
    let daemon = watch(&environment, "");
    assert_says(&environment.fails(1, "watch"), &["another process owns the state"]);
    stop(daemon);
}
