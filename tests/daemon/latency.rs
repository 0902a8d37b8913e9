//! From saving a file to the new generation running: measured, and only correctness asserted. `cargo xtask reloads`
//! measures the release binary.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::{stop, watch};
use crate::environment::{Started, TestEnvironment, wait_until};

/// How many resources the configuration has: projects, and a source, a transfer and an integration many times.
const RESOURCES: usize = 1_000;
const PROJECTS: usize = 10;
/// For how long files must be quiet, in milliseconds.
const DEBOUNCE: u32 = 100;

/// A number that a recipe may set.
fn setting(name: &str, usual: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn configuration() -> TestEnvironment {
    let environment = TestEnvironment::new();
    for number in 0..PROJECTS {
        let mut text = format!(
            "apiVersion: raccord/v1\nkind: Project\nmetadata: {{name: p{number}}}\nspec:\n  entities:\n"
        );
        for entity in 0..RESOURCES / PROJECTS / 3 {
            text.push_str(&format!("    e{entity}: {{key: id, fields: {{id: text, name: text}}}}\n"));
        }
        environment.write(&format!("project-{number}.yaml"), &text);
    }
    for number in 0..(RESOURCES - PROJECTS) / 3 {
        environment.write(&file(number), &integration(number, "ops@example.com"));
    }
    environment
}

fn file(number: usize) -> String {
    format!("integration-{number}.yaml")
}

/// A source, a transfer that does not run, and an integration.
fn integration(number: usize, alert: &str) -> String {
    format!(
        "apiVersion: raccord/v1\nkind: Source\nmetadata: {{name: s{number}}}\nspec: {{connector: file, config: \
         {{dataTypes: {{people: {{path: people.csv}}}}}}}}\n---\napiVersion: raccord/v1\nkind: Transfer\nmetadata: \
         {{name: t{number}}}\nspec:\n  source: s{number}\n  dataType: people\n  to: p{}.e{}\n  mapping: {{primaryKey: \
         {{id: id}}, fields: {{name: name}}}}\n---\napiVersion: raccord/v1\nkind: Integration\nmetadata: {{name: \
         i{number}}}\nspec:\n  subscriptions: {{t{number}: [created]}}\n  alerts: [\"{alert}\"]\n",
        number % PROJECTS,
        number / PROJECTS
    )
}

/// The generation in force, asked for at the socket: no program is started for it.
fn generation(environment: &TestEnvironment) -> u64 {
    let mut socket = UnixStream::connect(environment.path().join(".raccord/state.redb.sock")).unwrap();
    socket.write_all(b"{\"protocol\":1,\"version\":\"test\",\"request\":\"head\"}\n").unwrap();
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).unwrap();
    let part: serde_json::Value = serde_json::from_str(&line).unwrap();
    part["reply"]["head"]["generation"].as_u64().unwrap()
}

fn wait_for(environment: &TestEnvironment, number: u64) {
    let begin = Instant::now();
    while generation(environment) < number {
        assert!(begin.elapsed() < Duration::from_mins(1), "waited in vain for generation {number}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The resident memory of a daemon, in kilobytes.
fn memory(daemon: &Started) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn every_save_is_in_force_soon() {
    let environment = configuration();
    let daemon = watch(&environment, &format!("--debounce {DEBOUNCE}"));
    wait_for(&environment, 1);
    let times = setting("RACCORD_RELOADS", 5);
    let mut beyond: Vec<u128> = Vec::new();
    for turn in 0..times {
        let number = usize::try_from(turn).unwrap() % 300;
        let text = integration(number, &format!("turn-{turn}@example.com"));
        let saved = Instant::now();
        if turn % 2 == 0 {
            environment.write(&file(number), &text);
        } else {
            // As editors do: another file, renamed over it.
            environment.write("new.tmp", &text);
            std::fs::rename(environment.path().join("new.tmp"), environment.path().join(file(number)))
                .unwrap();
        }
        wait_for(&environment, u64::from(turn) + 2);
        let debounce = Duration::from_millis(u64::from(DEBOUNCE));
        beyond.push(saved.elapsed().saturating_sub(debounce).as_millis());
    }
    assert_eq!(generation(&environment), u64::from(times) + 1, "a save made more than one generation");
    stop(daemon);
    beyond.sort_unstable();
    let at = |share: usize| beyond[(beyond.len() * share / 100).min(beyond.len() - 1)];
    println!(
        "{times} saves of {RESOURCES} resources, ms beyond the debounce: p50 {}, p90 {}, p99 {}, longest {}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
}

#[test]
fn of_many_edits_the_last_one_counts_and_none_piles_up() {
    let environment = configuration();
    let daemon = watch(&environment, &format!("--debounce {DEBOUNCE}"));
    wait_for(&environment, 1);
    let before = memory(&daemon);
    let edits = setting("RACCORD_EDITS", 500);
    let begin = Instant::now();
    for edit in 0..edits {
        let number = usize::try_from(edit).unwrap() % 300;
        environment.write(&file(number), &integration(number, &format!("edit-{edit}@example.com")));
        // Ten thousand a minute.
        let next = begin + Duration::from_millis(6) * (edit + 1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let last = format!("edit-{}@example.com", edits - 1);
    wait_until("the last edit is in force", || environment.ok("export").contains(&last));
    wait_until("nothing is left to apply", || environment.ok("plan").contains("no changes"));
    println!(
        "{edits} edits in {:.0} s: {} generations, memory {before} kB before and {} kB after",
        begin.elapsed().as_secs_f64(),
        generation(&environment),
        memory(&daemon)
    );
    stop(daemon);
}
