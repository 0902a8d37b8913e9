//! `raccord watch` as people run it: the real program, real files, a real socket, and everything that happens to a
//! daemon in its life.

mod alerts;
mod batches;
mod custody;
mod deliveries;
mod dropped;
mod latency;
mod living;
mod log;
pub(crate) mod metrics;
mod parts;
mod registration;
mod reload;
mod sharing;
mod soak;
mod supervisor;
mod thin;

use std::time::Duration;

use serde_json::Value;

use crate::environment::{Started, TestEnvironment, wait_until};

/// Begins a daemon and waits until it answers.
pub(crate) fn watch(environment: &TestEnvironment, arguments: &str) -> Started {
    let debounce = if arguments.contains("--debounce") { "" } else { "--debounce 50" };
    let mut daemon = environment.start(&format!("watch {debounce} {arguments}"));
    wait_until("the daemon answers", || {
        daemon.expect_running();
        let status = environment.run("status --output json");
        let answers = status.code == Some(0) && status.json()["daemon"].is_object();
        if !answers {
            // A daemon that waits for the state gets it between two verbs, however long each of them has it.
            std::thread::sleep(Duration::from_millis(300));
        }
        answers
    });
    daemon
}

/// The status as JSON.
pub(crate) fn status(environment: &TestEnvironment) -> Value {
    environment.json("status --output json")
}

/// Waits until a generation is in force.
#[track_caller]
pub(crate) fn wait_for_generation(environment: &TestEnvironment, number: u64) {
    wait_until(&format!("generation {number} is in force"), || status(environment)["generation"] == number);
}

/// Asks a daemon to stop and waits until it has; returns its log.
pub(crate) fn stop(daemon: Started) -> String {
    daemon.signal("TERM");
    daemon.wait().expect_code(0).stderr
}
