//! A daemon over a while: many integrations on short schedules, some answers that fail, a reload again and again. What
//! ran must be what was due; what the memory does is printed. `cargo xtask soak` does it at length.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{stop, wait_for_generation, watch};
use crate::environment::{Started, TestEnvironment};
use crate::http_server::{HttpServer, json, status};

/// How long it goes on, how many integrations there are, and how often each runs.
struct Soak {
    length: Duration,
    integrations: usize,
    every: u32,
    reload: Duration,
}

impl Soak {
    /// At length when a recipe says for how many minutes; a short one otherwise.
    fn new() -> Self {
        let minutes = std::env::var("RACCORD_SOAK_MINUTES").ok().and_then(|text| text.parse::<u64>().ok());
        match minutes {
            Some(minutes) => Self {
                length: Duration::from_mins(minutes),
                integrations: 200,
                every: 60,
                reload: Duration::from_secs(10),
            },
            None => Self {
                length: Duration::from_secs(15),
                integrations: 10,
                every: 5,
                reload: Duration::from_secs(3),
            },
        }
    }

    fn configuration(&self, url: &str) -> TestEnvironment {
        let environment = TestEnvironment::new();
        environment.write("stack.yaml", &stack(0));
        let mut project =
            "apiVersion: raccord/v1\nkind: Project\nmetadata: {name: crm}\nspec:\n  entities:\n".to_owned();
        for number in 0..self.integrations {
            project.push_str(&format!("    e{number}: {{key: id, fields: {{id: text, name: text}}}}\n"));
            environment.write(&format!("i{number}.yaml"), &integration(number, self.every, url));
        }
        environment.write("project.yaml", &project);
        environment
    }
}

/// The stack; its variable is what changes from one reload to the next.
fn stack(turn: u32) -> String {
    format!(
        "apiVersion: raccord/v1\nkind: Stack\nmetadata: {{name: soak, labels: {{turn: \"{turn}\"}}}}\nspec:\n  limits: \
         {{parallelTransfers: 16, perSource: 4}}\n"
    )
}

fn integration(number: usize, every: u32, url: &str) -> String {
    format!(
        "apiVersion: raccord/v1
kind: Source
metadata: {{name: s{number}}}
spec:
  connector: http
  authorization: {{type: none}}
  config:
    baseUrl: {url}
    retry: {{attempts: 1}}
    dataTypes: {{people: {{records: data}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: t{number}}}
spec:
  source: s{number}
  dataType: people
  to: crm.e{number}
  active: true
  schedule: {every}s
  mapping: {{primaryKey: {{id: id}}, fields: {{name: name}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: i{number}}}
spec:
  active: true
  subscriptions: {{t{number}: [created, updated]}}
  breaker: {{consecutiveFailures: 100000, rejects: {{count: 100000, within: 1h}}}}
"
    )
}

/// Every twentieth answer fails; the others change from time to time.
fn service() -> HttpServer {
    let asked = AtomicU32::new(0);
    HttpServer::start(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        if number % 20 == 7 {
            return status(500);
        }
        let records: Vec<String> =
            (0..20).map(|id| format!("{{\"id\": \"{id}\", \"name\": \"{}\"}}", number / 100)).collect();
        json(format!("{{\"data\": [{}]}}", records.join(",")))
    })
}

/// The resident memory in megabytes.
fn memory(daemon: &Started) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Megabytes an hour, by least squares over points of (hours, megabytes).
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(points.len()).unwrap());
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

#[test]
fn what_ran_is_what_was_due() {
    let (soak, service) = (Soak::new(), service());
    let environment = soak.configuration(&service.url());
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    let (begin, mut turn, mut points) = (Instant::now(), 0, Vec::new());
    while begin.elapsed() < soak.length {
        std::thread::sleep(soak.reload);
        turn += 1;
        environment.write("stack.yaml", &stack(turn));
        wait_for_generation(&environment, u64::from(turn) + 1);
        service.forget();
        points.push((begin.elapsed().as_secs_f64() / 3_600.0, memory(&daemon)));
    }
    let end = Timestamp::now();
    stop(daemon);
    let runs = environment.json("runs --limit 1000000 --output json");
    let mut served: BTreeMap<String, BTreeSet<Timestamp>> = BTreeMap::new();
    let (mut failed, all) = (0, runs.as_array().unwrap());
    for run in all {
        let due: Timestamp = run["cause"]["scheduled"]["due"].as_str().unwrap().parse().unwrap();
        let name = run["transfer"].as_str().unwrap().to_owned();
        assert!(served.entry(name).or_default().insert(due), "served twice: {run}");
        failed += u32::from(run["outcome"]["failed"].is_object());
    }
    assert_eq!(served.len(), soak.integrations);
    assert!(failed > 0, "no answer failed");
    for (name, served) in &served {
        let first = *served.first().unwrap();
        // A run may still have been under way, or about to begin, when the end was asked for.
        let sure = end - jiff::SignedDuration::from_secs(i64::from(soak.every) / 2 + 1);
        let mut due = first;
        while due < sure {
            assert!(served.contains(&due), "{name} was not run at {due}: {served:?}");
            due += jiff::SignedDuration::from_secs(i64::from(soak.every));
        }
        let is_on_grid =
            |at: &Timestamp| (at.duration_since(first).as_millis() % (i128::from(soak.every) * 1_000)) == 0;
        assert!(served.iter().all(is_on_grid), "{name}: {served:?}");
    }
    let warm = points.len() / 4;
    println!(
        "{} integrations, {:.0} min: {} runs ({failed} failed), {turn} reloads; memory {:.1} MB at the warm-up's end, \
         {:.1} MB at the end, {:+.2} MB an hour",
        soak.integrations,
        soak.length.as_secs_f64() / 60.0,
        all.len(),
        points[warm].1,
        points.last().unwrap().1,
        slope(&points[warm..])
    );
}

#[test]
fn the_memory_of_a_daemon_is_kept_in_few_arenas() {
    let environment = TestEnvironment::with(&[("stack.yaml", &stack(0))]);
    let daemon = watch(&environment, "");
    let variables = std::fs::read(format!("/proc/{}/environ", daemon.id())).unwrap();
    let mut variables = variables.split(|byte| *byte == 0);
    assert!(variables.any(|variable| variable == b"MALLOC_ARENA_MAX=2"));
    stop(daemon);
}
