//! A run that ends early: what is stored stays, nothing comes twice, and the next run continues at its page.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{counts, run};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{self, HttpServer};
use crate::shop::Shop;
use crate::tally::created_in_all_runs;

const PAGES: usize = 12;
const PER_PAGE: usize = 5;

/// A service with pages that it takes a while to answer.
struct Slow {
    server: HttpServer,
    milliseconds: Arc<AtomicU64>,
}

impl Slow {
    fn start() -> Self {
        let milliseconds = Arc::new(AtomicU64::new(200));
        let wait = Arc::clone(&milliseconds);
        let server = HttpServer::start(move |request| {
            std::thread::sleep(Duration::from_millis(wait.load(Ordering::SeqCst)));
            http_server::json(page(request.number("page").unwrap()))
        });
        Self { server, milliseconds }
    }

    fn hurry(&self) {
        self.milliseconds.store(0, Ordering::SeqCst);
    }

    fn pages(&self) -> Vec<usize> {
        self.server.asked("page").iter().map(|page| page.parse().unwrap()).collect()
    }

    fn applied(&self) -> TestEnvironment {
        let source = format!(
            "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: \
             {{people: {{pagination: {{page: page, size: {{size: {PER_PAGE}}}}}}}}}}}}}",
            self.server.url()
        );
        Shop { source: &source, ..Shop::default() }.applied()
    }
}

/// The records of a page; none after the last one.
fn page(number: usize) -> String {
    let first = (number - 1) * PER_PAGE;
    let people = (first..first + PER_PAGE).filter(|_| number <= PAGES);
    let records: Vec<String> = people.map(|n| format!(r#"{{"id":"p{n:03}","name":"N{n}"}}"#)).collect();
    format!("[{}]", records.join(","))
}

fn count(environment: &TestEnvironment) -> usize {
    environment.json("records crm.contact --output json --limit 1000").as_array().unwrap().len()
}

#[test]
fn a_killed_run_loses_nothing_and_doubles_nothing() {
    let slow = Slow::start();
    let environment = slow.applied();
    let running = environment.start("run");
    // What is stored becomes durable at least every second, so two seconds are enough to keep something.
    wait_until("the tenth page is asked for", || slow.pages().len() >= 10);
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    let stored = count(&environment);
    assert!(stored > 0 && stored < PAGES * PER_PAGE && stored.is_multiple_of(PER_PAGE), "{stored} rows");

    slow.server.forget();
    slow.hurry();
    let report = environment.json("run --output json");
    let left = PAGES * PER_PAGE - stored;
    assert_eq!(counts(&report, "people"), format!("fetched {left}, created {left}"));
    let last = stored / PER_PAGE;
    assert_eq!(
        slow.pages()[..2],
        [last, last + 1],
        "the last page stored, which stands still, and the one after it"
    );
    assert_eq!(count(&environment), PAGES * PER_PAGE);
    assert_eq!(run(&environment), "fetched 60, unchanged 60");
}

#[test]
fn an_interrupted_run_stops_after_the_page_in_hand_and_says_so() {
    let slow = Slow::start();
    let environment = slow.applied();
    let running = environment.start("run --output json");
    wait_until("the third page is asked for", || slow.pages().len() >= 3);
    running.signal("INT");
    let report = running.wait().expect_code(0).json();
    assert_eq!(report["runs"][0]["outcome"], "stopped", "{report:#}");
    let stored = count(&environment);
    assert_eq!(counts(&report, "people"), format!("fetched {stored}, created {stored}"));
    assert!(stored > 0 && stored < PAGES * PER_PAGE && stored.is_multiple_of(PER_PAGE), "{stored} rows");
    assert_says(&environment.ok("status"), &["integration shop: active", "stopped"]);

    slow.server.forget();
    slow.hurry();
    let left = PAGES * PER_PAGE - stored;
    assert_eq!(run(&environment), format!("fetched {left}, created {left}"));
    let last = stored / PER_PAGE;
    assert_eq!(slow.pages()[..2], [last, last + 1]);
    assert_eq!(count(&environment), PAGES * PER_PAGE);
}

#[test]
fn a_service_that_lets_us_wait_does_not_keep_a_run_from_stopping() {
    let slow = Slow::start();
    let environment = slow.applied();
    slow.milliseconds.store(3_600_000, Ordering::SeqCst);
    for signal in ["INT", "TERM"] {
        slow.server.forget();
        let running = environment.start("run");
        wait_until("a page is asked for", || !slow.pages().is_empty());
        running.signal(signal);
        let answer = running.wait().expect_code(0);
        assert_says(&answer.stdout, &["people was stopped; the next run continues"]);
    }
    assert_eq!(environment.json("status --output json")["transfers"][0]["consecutiveFailures"], 0);
}

#[test]
fn a_failed_page_keeps_what_came_before_it() {
    let is_broken = Arc::new(AtomicU64::new(1));
    let broken = Arc::clone(&is_broken);
    let server = HttpServer::start(move |request| match request.number("page").unwrap() {
        3 if broken.load(Ordering::SeqCst) == 1 => http_server::status(500),
        number => http_server::json(page(number)),
    });
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", retry: {{attempts: 1}}, \
         dataTypes: {{people: {{pagination: {{page: page, size: {{size: {PER_PAGE}}}}}}}}}}}}}",
        server.url()
    );
    let environment = Shop { source: &source, ..Shop::default() }.applied();
    assert_says(&environment.fails(1, "run"), &["people failed", "500"]);
    assert_eq!(count(&environment), 2 * PER_PAGE);
    is_broken.store(0, Ordering::SeqCst);
    server.forget();
    assert_eq!(run(&environment), "fetched 50, created 50");
    assert_eq!(server.asked("page")[..2], ["2", "3"]);
}

#[test]
fn a_source_that_repeats_a_page_is_an_error_and_no_endless_run() {
    let server = HttpServer::start(|_| http_server::json(page(1)));
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: \
         {{people: {{pagination: {{page: page, size: {{size: {PER_PAGE}}}}}}}}}}}}}",
        server.url()
    );
    let environment = Shop { source: &source, ..Shop::default() }.applied();
    assert_says(&environment.fails(1, "run"), &["people failed", "same"]);
    assert!(server.requests().len() <= 3);
}

#[test]
fn a_verb_waits_for_one_that_will_soon_be_done() {
    let slow = Slow::start();
    let environment = slow.applied();
    let running = environment.start("run");
    wait_until("the run has begun", || !slow.pages().is_empty());
    let asking = environment.start("status");
    slow.hurry();
    running.wait().expect_code(0);
    asking.wait().expect_code(0);
}

#[test]
fn a_state_in_use_names_its_holder() {
    let slow = Slow::start();
    let environment = slow.applied();
    // Longer than a verb waits.
    slow.milliseconds.store(13_000, Ordering::SeqCst);
    let running = environment.start("run");
    wait_until("the run has begun", || !slow.pages().is_empty());
    slow.hurry();
    let said = environment.fails(1, "status");
    assert_says(&said, &["is open in another process", "`run`", &format!("process {}", running.id())]);
    // Looking at a source needs no state.
    assert_says(&environment.ok("read shop people --limit 1"), &[r#""id":"p000""#]);
    running.wait().expect_code(0);
    environment.ok("status");
}

/// What the runs say that they have committed, the newest first.
fn told(environment: &TestEnvironment) -> Vec<(String, [u64; 4], String)> {
    let runs = environment.json("runs --output json");
    let told = |run: &Value| {
        let count = |name: &str| run["tally"][name].as_u64().unwrap_or(0);
        let counts = ["fetched", "created", "unchanged", "deleted"].map(count);
        (run["outcome"].as_str().unwrap_or_default().to_owned(), counts, run["notes"].to_string())
    };
    runs.as_array().unwrap().iter().map(told).collect()
}

/// Runs that kill themselves at a failpoint.
fn killed_at(environment: &TestEnvironment, failpoint: &str) {
    let output = environment.command("run").env("RACCORD_FAILPOINT", failpoint).output().unwrap();
    assert_eq!(output.status.code(), None, "{failpoint}: {output:?}");
}

#[test]
fn a_run_that_was_killed_counts_what_it_had_committed() {
    let (transfer, updates) = ("deletes: {snapshot: {maxShare: 20%}}", "created, updated, deleted");
    let shop = Shop { transfer, updates, ..Shop::default() };
    let environment = TestEnvironment::with(&[("raccord.yaml", &shop.yaml())]);
    super::write_people(&environment, &[("1", "Ann"), ("2", "Bob"), ("3", "Cleo")]);
    environment.ok("apply --auto-approve");
    killed_at(&environment, "run.begun");
    let (outcome, counts, notes) = told(&environment).remove(0);
    assert_eq!((outcome.as_str(), counts), ("stopped", [0; 4]));
    assert_says(&notes, &["its process was killed; it has counted"]);
    // Every page is committed, and the window still open.
    killed_at(&environment, "sweep.before");
    assert_says(&environment.ok("status --output json"), &["stopped", "\"fetched\": 3", "\"created\": 3"]);
    assert_eq!(told(&environment)[0].1, [3, 3, 0, 0]);
    // The next ones go on with that window; each has counts of its own.
    killed_at(&environment, "sweep.before");
    killed_at(&environment, "sweep.after");
    killed_at(&environment, "run.end.before");
    environment.ok("run");
    let told = told(&environment);
    let outcomes: Vec<&str> = told.iter().map(|(outcome, ..)| outcome.as_str()).collect();
    assert_eq!(outcomes, ["succeeded", "stopped", "stopped", "stopped", "stopped", "stopped"]);
    let counts: Vec<[u64; 4]> = told.iter().map(|(_, counts, _)| *counts).collect();
    assert_eq!(counts[1..], [[3, 0, 3, 0], [3, 0, 3, 0], [3, 0, 3, 0], [3, 3, 0, 0], [0; 4]]);
}

#[test]
fn what_a_killed_run_tells_is_what_is_stored() {
    let slow = Slow::start();
    let environment = slow.applied();
    for page in [4, 9] {
        let mut running =
            environment.command("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("the run has come so far", || slow.pages().contains(&page));
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!(told(&environment)[0].0, "stopped");
        assert_eq!(created_in_all_runs(&environment), u64::try_from(count(&environment)).unwrap());
    }
    slow.hurry();
    environment.ok("run");
    assert_eq!(created_in_all_runs(&environment), 60);
}
