//! Connections that are slow, many, or both.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Target;
use crate::daemon::{status, stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, wait_until};
use crate::http_server::{HttpServer, json};
use crate::shop::Shop;

/// How long an attack goes on once it stands.
const HELD: Duration = Duration::from_secs(2);

/// This process has both ends of what it does.
fn many_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Holds connections open for a while, and delivers meanwhile.
fn hold(target: &Target, connections: Vec<TcpStream>) {
    for number in 0..10 {
        assert_eq!(target.deliver(number), Some(204), "a delivery in the middle of it");
        std::thread::sleep(HELD / 10);
    }
    drop(connections);
}

#[test]
fn slow_senders_stop_nobody() {
    many_descriptors();
    let target = Target::start();
    let token = target.token("operate");
    let hook =
        "POST /hooks/main/signed HTTP/1.1\r\nHost: a\r\nX-Signature: 00\r\nContent-Length: 100\r\n\r\n{";
    let ask = super::upload("/v1/requests", &token, "json", (100, "{"));
    let pause = super::upload("/v1/integrations/shop/pause", &token, "json", (100, "{"));
    let head = "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ";
    target.endures(|| {
        let texts = [hook, &ask, &pause, head].into_iter().cycle().take(600);
        hold(&target, texts.map(|text| target.send(text.as_bytes())).collect());
    });
    target.works_on();
}

#[test]
fn a_flood_of_connections_stops_nobody() {
    many_descriptors();
    let target = Target::start();
    target.endures(|| hold(&target, (0..1_200).map(|_| target.send(b"")).collect()));
    target.works_on();
}

#[test]
fn answers_that_nobody_reads_stop_nobody() {
    many_descriptors();
    let target = Target::start();
    let ask = "GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20);
    target.endures(|| hold(&target, (0..250).map(|_| target.send(ask.as_bytes())).collect()));
    target.works_on();
}

/// With so few descriptors that a flood would take them all, the runs of the daemon still have theirs, and the
/// breaker, which would trip at the first failure, has nothing to count.
#[test]
fn a_flood_disables_no_integration() {
    many_descriptors();
    let service = HttpServer::start(|_| json(r#"{"data": [{"id": "1", "name": "Ann"}]}"#));
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: '{}', retry: {{attempts: 1}}, \
         dataTypes: {{people: {{records: data}}}}}}}}",
        service.url()
    );
    let shop = Shop {
        source: &source,
        transfer: "schedule: 1s",
        integration: "breaker: {consecutiveFailures: 1}",
        ..Shop::default()
    };
    let home = TestEnvironment::with(&[("raccord.yaml", &shop.yaml())]);
    let port = crate::counterpart::free_port();
    let mut command = home.command_through(
        &["prlimit", "--nofile=200:200"],
        &format!("watch --debounce 50 --listen 127.0.0.1:{port}"),
    );
    let mut daemon = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("the daemon answers", || home.run("status").code == Some(0));
    wait_for_generation(&home, 1);
    let connect = || TcpStream::connect(("127.0.0.1", port));
    wait_until("it listens", || connect().is_ok());
    let flood: Vec<_> = (0..400).filter_map(|_| connect().ok()).collect();
    let before = service.requests().len();
    wait_until("runs go on in the middle of it", || service.requests().len() >= before + 3);
    let standing = status(&home);
    assert_eq!(standing["integrations"][0]["state"], "active", "{standing}");
    drop(flood);
    drop(daemon.kill());
    drop(daemon.wait());
}

/// A daemon that can open nothing for a while: whatever it fails at, the service has no part in it, and the breaker,
/// which would trip at the first failure, does not count it.
#[test]
fn what_runs_out_here_disables_nothing() {
    let service = HttpServer::start(|_| json(r#"{"data": [{"id": "1", "name": "Ann"}]}"#));
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: '{}', retry: {{attempts: 1}}, \
         dataTypes: {{people: {{records: data}}}}}}}}",
        service.url()
    );
    let shop = Shop {
        source: &source,
        transfer: "schedule: 1s",
        integration: "breaker: {consecutiveFailures: 1}",
        ..Shop::default()
    };
    let home = TestEnvironment::with(&[("raccord.yaml", &shop.yaml())]);
    let daemon = watch(&home, "");
    wait_for_generation(&home, 1);
    let limit = |soft: &str| {
        let mut command = std::process::Command::new("prlimit");
        command.args(["--pid", &daemon.id().to_string(), &format!("--nofile={soft}:")]);
        assert!(command.status().unwrap().success(), "prlimit {soft}");
    };
    wait_until("it runs", || !service.requests().is_empty());
    limit("8");
    std::thread::sleep(HELD + HELD);
    limit("200");
    service.forget();
    wait_until("it runs again", || !service.requests().is_empty());
    let standing = status(&home);
    assert_eq!(standing["integrations"][0]["state"], "active", "{standing}");
    let runs = home.json("runs --limit 1000 --output json");
    let failed = |run: &serde_json::Value| run["outcome"]["failed"]["local"] == true;
    assert!(runs.as_array().unwrap().iter().any(failed), "{runs}");
    stop(daemon);
}
