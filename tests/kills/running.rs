//! Kills of a run over HTTP, from nothing and over records of which each has changed.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::configuration::contacts_over_http;
use super::{Landings, Random, Scale, begin_anew, check, kill, kill_again, server, time};
use crate::environment::TestEnvironment;
use crate::http_server::{self, HttpServer};
use crate::tally::created_in_all_runs;

const OPENING: &str = "before the state is opened";
const BEGINNING: &str = "before the first page is asked for";
const EARLY: &str = "between pages, in the first half";
const LATE: &str = "between pages, in the second half";
const LAST: &str = "after the last page is asked for";
const ENDED: &str = "after the end";
const PLACES: [(&str, bool); 6] =
    [(OPENING, false), (BEGINNING, false), (EARLY, true), (LATE, true), (LAST, true), (ENDED, false)];

/// A service whose records are of the first or of the second version.
struct Service {
    server: HttpServer,
    version: Arc<AtomicUsize>,
}

impl Service {
    fn start(scale: &Scale) -> Self {
        let version = Arc::new(AtomicUsize::new(0));
        let (in_force, pages) = (Arc::clone(&version), [pages(scale, "active"), pages(scale, "paused")]);
        let server = HttpServer::start(move |request| {
            let page = request.number("page").unwrap_or(1);
            http_server::json(pages[in_force.load(Ordering::SeqCst)][page - 1].clone())
        });
        Self { server, version }
    }

    fn port(&self) -> u16 {
        self.server.url().rsplit(':').next().unwrap().parse().unwrap()
    }

    fn version(&self) -> usize {
        self.version.load(Ordering::SeqCst)
    }

    /// Serves the other version.
    fn change(&self) {
        self.version.store(1 - self.version(), Ordering::SeqCst);
    }
}

/// The bodies of every page.
fn pages(scale: &Scale, status: &str) -> Vec<String> {
    let count = scale.records / scale.per_page;
    let page = |number: u64| {
        let records = (number - 1) * scale.per_page + 1..=number * scale.per_page;
        let records: Vec<String> = records.map(|id| server::record(id).replace("active", status)).collect();
        let next = format!("\"/contacts?page={}\"", number + 1);
        let next = if number < count { &next } else { "null" };
        format!("{{\"data\":[{}],\"next\":{next}}}", records.join(","))
    };
    (1..=count).map(page).collect()
}

/// The file into which every record is written, in the order of the keys.
fn records(environment: &TestEnvironment, name: &str) -> PathBuf {
    let path = environment.path().join(name);
    let mut command = environment.command("records crm.contact --output jsonl --limit 10000000");
    let status = command.stdout(File::create(&path).unwrap()).stderr(Stdio::inherit()).status().unwrap();
    assert!(status.success(), "{status}");
    path
}

fn same(left: &PathBuf, right: &PathBuf) -> bool {
    fs::read(left).unwrap() == fs::read(right).unwrap()
}

#[test]
fn a_killed_run_is_completed_by_the_next_one() {
    let (scale, mut random) = (Scale::of_this_run(), Random::of_this_run());
    let service = Service::start(&scale);
    let yaml = contacts_over_http(service.port());
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]);
    environment.ok("apply --auto-approve");
    let from_nothing = time(&environment, "run");
    let first = records(&environment, "first.jsonl");
    service.change();
    let mut durations = [from_nothing, time(&environment, "run")];
    let expected = [first, records(&environment, "second.jsonl")];
    assert!(!same(&expected[0], &expected[1]));

    let (mut landings, mut continued) = (Landings::at(&PLACES), 0);
    for number in 0..scale.kills {
        let (is_new, duration) = (number % 2 == 0, &mut durations[number % 2]);
        if is_new {
            begin_anew(&environment);
            environment.ok("apply --auto-approve");
        } else {
            service.change();
        }
        service.server.forget();
        let moment = random.moment(*duration);
        let kill = kill(&environment, "run", moment);
        kill_again(&environment, &mut random);
        let asked = u64::try_from(service.server.requests().len()).unwrap();
        let all = scale.records / scale.per_page;
        let place = match asked {
            _ if kill.was_late => ENDED,
            0 if !kill.was_open => OPENING,
            0 => BEGINNING,
            _ if asked == all => LAST,
            _ if asked > all / 2 => LATE,
            _ => EARLY,
        };
        landings.count(moment, place);
        if kill.was_late {
            *duration = moment;
        }
        continued += complete(&environment, &service, &scale, is_new);
        assert!(same(&records(&environment, "found.jsonl"), &expected[service.version()]), "kill {number}");
    }
    landings.report(&format!("run of {} records", scale.records));
    println!("{continued} of {} runs continued at a later page than the first", scale.kills);
}

/// Looks at what a kill has left and runs to the end; returns 1 when that continued at a later page.
fn complete(environment: &TestEnvironment, service: &Service, scale: &Scale, is_new: bool) -> usize {
    check(environment);
    let stored = environment.json("state info --output json")["rows"].as_u64().unwrap();
    if is_new {
        assert!(stored <= scale.records && stored.is_multiple_of(scale.per_page), "{stored} rows");
    } else {
        assert_eq!(stored, scale.records);
    }
    service.server.forget();
    let report = environment.json("run --output json");
    let tally = &report["runs"][0]["tally"];
    let count = |name: &str| tally[name].as_u64().unwrap_or(0);
    assert_eq!(count("created"), scale.records - stored, "{report:#}");
    assert_eq!(count("fetched"), count("created") + count("updated") + count("unchanged"), "{report:#}");
    if is_new {
        // Whatever was killed when: each run says what it had committed.
        assert_eq!(created_in_all_runs(environment), scale.records);
    }
    usize::from(service.server.requests()[0].number("page").is_some_and(|page| page > 1))
}
