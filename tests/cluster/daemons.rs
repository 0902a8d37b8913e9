//! Daemons on a shared state: one runs what is due, another takes over when it is gone, and verbs are told whom to ask.

use super::Cluster;
use crate::daemon::stop;
use crate::environment::{Started, TestEnvironment, assert_says, wait_until};

/// Begins a daemon; it may have to stand by.
fn begin(machine: &TestEnvironment) -> Started {
    machine.start("watch")
}

fn runs(machine: &TestEnvironment) -> usize {
    machine.json("runs --output json").as_array().unwrap().len()
}

#[test]
fn another_daemon_takes_over_when_one_is_gone() {
    let cluster = Cluster::new("1s");
    let machines = [cluster.machine(), cluster.machine(), cluster.machine()];
    let [one, other, third] = &machines;
    let first = begin(one);
    wait_until("the first has run", || cluster.rows() == 2);
    let second = begin(other);
    wait_until("the second stands by", || third.ok("status --daemons").contains("stands by"));
    assert_says(&third.ok("status --daemons"), &["runs what is due", "`raccord watch`"]);
    first.signal("KILL");
    let killed = first.wait();
    assert!(!killed.stderr.contains("standing by"), "{}", killed.stderr);
    let before = runs(third);
    cluster.people(5);
    wait_until("the second has taken over", || cluster.rows() == 5);
    wait_until("it goes on", || runs(third) > before + 1);
    assert_says(&stop(second), &["standing by: `raccord watch`", "has the state"]);
    assert_eq!(third.ok("status --daemons"), "");
    assert_says(&third.ok("state check"), &["whole"]);
}

#[test]
fn verbs_reach_the_daemon_or_are_told_whom_to_ask() {
    let cluster = Cluster::new("1h");
    let (one, other) = (cluster.machine(), cluster.machine());
    one.ok("apply --auto-approve");
    let daemon = begin(&one);
    wait_until("it runs", || other.ok("status --daemons").contains("runs what is due"));
    // Where the daemon runs, it is asked without being named.
    wait_until("it answers", || one.run("pause shop --reason test").code == Some(0));
    assert_says(&other.ok("status"), &["paused"]);
    for verb in ["run", "resume shop"] {
        assert_says(&other.fails(1, verb), &["`raccord watch` (process", "runs on this state", "--server"]);
    }
    one.ok("resume shop");
    one.ok("run");
    assert_eq!(cluster.rows(), 2);
    stop(daemon);
    other.ok("run");
}

/// A daemon that was stopped for longer than its lease finds its place taken, and ends.
#[test]
fn a_daemon_that_slept_too_long_ends() {
    let cluster = Cluster::new("1s");
    let machines = [cluster.machine(), cluster.machine()];
    let [one, other] = &machines;
    let first = begin(one);
    wait_until("the first has run", || cluster.rows() == 2);
    first.signal("STOP");
    let second = begin(other);
    cluster.people(4);
    // Its rows alone would not show it: it makes runs that the first had begun, too.
    let second_runs = || {
        let daemons = other.ok("status --daemons");
        let its = format!("(process {} ", second.id());
        daemons.lines().any(|line| line.starts_with("runs what is due") && line.contains(&its))
    };
    wait_until("the second has taken over", second_runs);
    wait_until("it runs what is due", || cluster.rows() == 4);
    first.signal("CONT");
    let ended = first.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_says(&ended.stderr, &["another daemon has taken the state over"]);
    cluster.people(6);
    wait_until("the second goes on", || cluster.rows() == 6);
    stop(second);
}
