//! `/metrics` of a living daemon: every family is served, what it says is what `raccord status` says, and it stays
//! bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use raccord_serve::metrics::{FAMILIES, MAX_NAMED};

use super::{status, stop, wait_for_generation, watch};
use crate::counterpart::free_port;
use crate::environment::{Started, TestEnvironment, wait_until};
use crate::shop::{NAME_AND_EMAIL, Shop};

/// What a daemon serves, by name and labels, both as they are written.
pub(crate) struct Scrape(BTreeMap<String, String>);

impl Scrape {
    /// Asks a daemon that listens.
    pub(crate) fn of(port: u16) -> Self {
        let (head, text) = scraped(port, "application/openmetrics-text");
        assert!(head.contains("application/openmetrics-text"), "{head}");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.to_owned())
        };
        Self(samples.map(sample).collect())
    }

    /// The value of a series: `raccord_rows{transfer="people"}`.
    pub(crate) fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).map(|value| value.parse().unwrap())
    }

    /// The names of what is served.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|series| series.split('{').next().unwrap())
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// What a daemon serves to those who do not ask for `OpenMetrics`.
pub(crate) fn classic(port: u16) -> String {
    let (head, text) = scraped(port, "*/*");
    assert!(head.to_ascii_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    text
}

/// The head and the body of an answer to a client that accepts a media type.
fn scraped(port: u16, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    (head.to_owned(), text.to_owned())
}

/// Begins a daemon that serves metrics to everybody; its port.
pub(crate) fn watch_and_listen(environment: &TestEnvironment) -> (Started, u16) {
    let port = free_port();
    (watch(environment, &format!("--listen 127.0.0.1:{port} --open-metrics")), port)
}

/// A shop that is read every second, one of whose people is rejected.
pub(crate) fn shop() -> TestEnvironment {
    let shop = Shop { fields: NAME_AND_EMAIL, transfer: "schedule: 1s", ..Shop::default() };
    let people = "id,name,email\n1,Ann,ann@example.com\n2,Ben,nonsense\n3,Zoe,zoe@example.com\n";
    TestEnvironment::with(&[("raccord.yaml", &shop.yaml()), ("people.csv", people)])
}

/// Waits until a series has a value.
#[track_caller]
fn wait_for(port: u16, series: &str, value: &str) -> Scrape {
    let mut last = Scrape::of(port);
    wait_until(series, || {
        last = Scrape::of(port);
        last.0.get(series).is_some_and(|found| found == value)
    });
    last
}

#[test]
fn every_family_is_served_and_agrees_with_status() {
    let environment = shop();
    let (daemon, port) = watch_and_listen(&environment);
    let succeeded = "raccord_runs_total{transfer=\"people\",outcome=\"succeeded\"}";
    wait_until("two runs have succeeded", || Scrape::of(port).get(succeeded) >= Some(2.0));
    let scrape = Scrape::of(port);
    for family in FAMILIES {
        let name = family.name();
        assert!(scrape.names().any(|served| served.starts_with(&*name)), "{name} is not served");
    }
    for served in scrape.names() {
        let is_known = FAMILIES.iter().any(|family| served.starts_with(&*family.name()));
        assert!(is_known, "{served} is in no family");
    }
    let of = |name: &str| scrape.get(&format!("{name}{{transfer=\"people\"}}"));
    let transfer = &status(&environment)["transfers"][0];
    assert_eq!(of("raccord_rows"), transfer["rows"].as_f64());
    assert_eq!(of("raccord_rejects"), transfer["rejects"].as_f64());
    assert_eq!(of("raccord_schedule_interval_seconds"), Some(1.0));
    assert_eq!(scrape.get("raccord_records_total{transfer=\"people\",outcome=\"created\"}"), Some(2.0));
    let count = of("raccord_run_duration_seconds_count");
    assert_eq!(count, scrape.get(succeeded), "the scrape is of one moment");
    assert_eq!(scrape.get("raccord_reloads_total{result=\"good\"}"), Some(1.0));
    assert_eq!(scrape.get("raccord_generation"), Some(1.0));
    assert!(of("raccord_lag_seconds") < of("raccord_last_success_timestamp_seconds"));
    assert!(scrape.get("process_resident_memory_bytes") > Some(1e6));
    stop(daemon);
}

#[test]
fn what_a_person_should_know_is_served() {
    let environment = shop();
    let (daemon, port) = watch_and_listen(&environment);
    wait_for(port, "raccord_rejects{transfer=\"people\"}", "1");
    environment.ok("pause shop");
    wait_for(port, "raccord_paused{integration=\"shop\"}", "1");
    environment.ok("resume shop");
    wait_for(port, "raccord_paused{integration=\"shop\"}", "0");
    let good = environment.read("raccord.yaml");
    environment.write("raccord.yaml", "kind: nonsense");
    wait_for(port, "raccord_configuration_good", "0");
    wait_for(port, "raccord_reloads_total{result=\"bad\"}", "1");
    environment.write("raccord.yaml", &good.replace("name: name", "name: city"));
    wait_for(port, "raccord_pending_changes", "1");
    environment.write("raccord.yaml", &good);
    wait_for(port, "raccord_pending_changes", "0");
    environment.remove("people.csv");
    let scrape = wait_for(port, "raccord_breaker_tripped{integration=\"shop\"}", "1");
    assert!(scrape.get("raccord_consecutive_failures{transfer=\"people\"}") >= Some(5.0));
    let failed = scrape.get("raccord_runs_total{transfer=\"people\",outcome=\"failed\"}");
    assert_eq!(failed, scrape.get("raccord_consecutive_failures{transfer=\"people\"}"));
    assert_eq!(scrape.get("raccord_next_run_timestamp_seconds{transfer=\"people\"}"), None);
    stop(daemon);
}

#[test]
fn counters_begin_again_with_the_daemon_and_the_rest_does_not() {
    let environment = shop();
    let (daemon, port) = watch_and_listen(&environment);
    let created = "raccord_records_total{transfer=\"people\",outcome=\"created\"}";
    wait_for(port, created, "2");
    stop(daemon);
    let (daemon, port) = watch_and_listen(&environment);
    let scrape = Scrape::of(port);
    assert_eq!(scrape.get(created), Some(0.0));
    assert_eq!(scrape.get("raccord_rows{transfer=\"people\"}"), Some(2.0));
    stop(daemon);
}

#[test]
fn with_a_thousand_transfers_and_one_a_scrape_is_small() {
    let mut yaml = Shop::default().yaml();
    for number in 0..MAX_NAMED {
        write!(
            yaml,
            "---\napiVersion: raccord/v1\nkind: Transfer\nmetadata: {{name: more-{number}}}\nspec:\n  source: \
             shop\n  to: crm.contact\n  dataType: people\n"
        )
        .unwrap();
    }
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml), ("people.csv", "id,name\n1,Ann\n")]);
    let (daemon, port) = watch_and_listen(&environment);
    wait_for_generation(&environment, 1);
    environment.ok("run");
    let scrape = wait_for(port, "raccord_rows", "1");
    assert_eq!(scrape.get("raccord_runs_total{outcome=\"succeeded\"}"), Some(1.0));
    assert_eq!(scrape.get("raccord_transfers"), Some(1_001.0));
    assert!(scrape.count() < 100, "{}", scrape.count());
    // One less, and each has its own again.
    let (rest, _) = yaml.rsplit_once("---\n").unwrap();
    environment.write("raccord.yaml", rest);
    wait_until("the deletion waits", || status(&environment)["daemon"]["pending"].is_array());
    environment.ok("apply --pending --auto-approve --allow-delete");
    let scrape = wait_for(port, "raccord_rows{transfer=\"people\"}", "1");
    assert_eq!(scrape.get("raccord_rows"), None);
    stop(daemon);
}
