//! How a daemon looks after what is its own: its state, its socket, and the signals that end it.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::shop::Shop;

const STATE: &str = ".raccord/state.redb";

fn shop() -> TestEnvironment {
    TestEnvironment::with(&[("raccord.yaml", &Shop::default().yaml()), ("people.csv", "id,name\n1,Ann\n")])
}

#[test]
fn a_state_that_is_removed_ends_its_daemon_at_the_first_change() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    fs::remove_file(environment.path().join(STATE)).unwrap();
    let said = environment.fails(1, "pause shop");
    assert_says(&said, &["the state was removed or renamed while it was in use"]);
    let answer = daemon.wait().expect_code(1);
    assert_says(&answer.stderr, &["the state was removed or renamed while it was in use"]);
}

#[test]
fn a_socket_that_is_removed_is_made_anew() {
    let environment = shop();
    let daemon = watch(&environment, "");
    fs::remove_file(environment.path().join(".raccord/state.redb.sock")).unwrap();
    wait_until("the daemon answers again", || environment.run("status --output json").code == Some(0));
    assert_says(&stop(daemon), &["the local socket was removed, and is made anew"]);
}

#[test]
fn a_verb_says_that_it_waits_for_a_daemon_that_is_stopped() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    daemon.signal("STOP");
    let asking = environment.start("status");
    // Longer than the second after which it speaks, for a busy machine.
    std::thread::sleep(Duration::from_secs(3));
    daemon.signal("CONT");
    let answer = asking.wait().expect_code(0);
    assert_says(&answer.stderr, &["waiting for `watch` (process ", "which is stopped: `kill -CONT "]);
    stop(daemon);
}

#[test]
fn a_verb_that_waits_for_a_daemon_that_is_stopped_ends_at_the_first_signal() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    daemon.signal("STOP");
    for signal in ["TERM", "INT"] {
        let asking = environment.start("status");
        std::thread::sleep(Duration::from_secs(2));
        asking.signal(signal);
        let answer = asking.wait().expect_code(1);
        assert_says(&answer.stderr, &["error: `watch` (process ", "is stopped and has not answered"]);
    }
    daemon.signal("CONT");
    stop(daemon);
}

/// A run that hangs where nothing can stop it: it reads a secret from a pipe, handed over as a shell does it, that nothing is
/// written into.
#[test]
fn the_second_signal_always_ends_a_process() {
    let place = tempfile::tempdir().unwrap();
    let pipe = place.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let held = File::options().read(true).write(true).open(pipe).unwrap();
    let token = format!("/proc/{}/fd/{}", std::process::id(), held.as_raw_fd());
    let source = format!(
        "{{connector: http, authorization: {{type: bearer, token: \"${{file:{token}}}\"}}, config: {{baseUrl: \
         \"http://127.0.0.1:9\", dataTypes: {{people: {{}}}}}}}}"
    );
    let environment = Shop { source: &source, ..Shop::default() }.applied();
    for (first, second, code) in [("TERM", "TERM", 143), ("INT", "INT", 130), ("INT", "TERM", 143)] {
        let running = environment.start("run");
        wait_until("the run is listed", || {
            fs::exists(environment.path().join(".raccord/state.redb.holder")).unwrap()
        });
        // Until the run hangs, and hears the first signal before the second.
        std::thread::sleep(Duration::from_secs(2));
        running.signal(first);
        std::thread::sleep(Duration::from_secs(1));
        let since = Instant::now();
        running.signal(second);
        running.wait().expect_code(code);
        assert!(since.elapsed() < Duration::from_secs(20), "{first} {second}");
    }
}
