//! Webhooks as services send them, over real connections: each is acknowledged only once it is durable, and every one
//! that was acknowledged is there, once, whatever was killed when. `cargo xtask deliveries` measures the release
//! binary.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{stop, wait_for_generation, watch};
use crate::counterpart::{Localstripe, free_port};
use crate::environment::{TestEnvironment, assert_says, wait_until};

/// How many connections send at once.
const CONNECTIONS: usize = 16;

const PROJECT: &str = "apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact:
      key: id
      fields: {id: text, name: text, email: text}
---
";

/// A shop that is only told, never asked.
fn shop_without_its_secret() -> TestEnvironment {
    let yaml = format!(
        "{PROJECT}apiVersion: raccord/v1
kind: Stack
metadata: {{name: main}}
spec: {{}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: shop}}
spec:
  connector: http
  authorization: {{type: none}}
  config:
    baseUrl: http://127.0.0.1:9
    dataTypes: {{customers: {{records: data}}}}
  webhook:
    verify: {{bearer: \"${{env:HOOK}}\"}}
    delivery: {{header: X-Delivery}}
    rateLimit: 1000000/s
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: customers}}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping: {{primaryKey: {{id: id}}, fields: {{name: name}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: shop}}
spec: {{active: true, subscriptions: {{customers: [created, updated, deleted]}}}}
"
    );
    TestEnvironment::with(&[("raccord.yaml", &yaml)])
}

/// The same, with its secret.
fn shop() -> TestEnvironment {
    shop_without_its_secret().variable("HOOK", "let me in")
}

/// A connection that sends deliveries one after the other.
struct Sender(BufReader<TcpStream>);

impl Sender {
    fn connect(port: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        Some(Self(BufReader::new(stream)))
    }

    /// Sends a delivery; its status, when it was answered.
    fn send(&mut self, number: u32) -> Option<u16> {
        let body =
            format!("{{\"id\":\"{number}\",\"name\":\"Customer {number}\",\"note\":\"{:0>300}\"}}", "");
        let head = format!(
            "POST /hooks/main/shop/customers/created HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer let me \
             in\r\nX-Delivery: d{number}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + &body).as_bytes()).ok()?;
        let mut line = String::new();
        self.0.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line).ok()?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        self.0.read_exact(&mut vec![0; length]).ok()?;
        Some(status)
    }
}

/// Sends deliveries until each is acknowledged; calls back once half of them are. How long each acknowledged one
/// took, in microseconds.
fn send_all(port: u16, count: u32, at_half: impl FnOnce()) -> Vec<u128> {
    let (next, acknowledged, failed) = (AtomicU32::new(0), AtomicU32::new(0), AtomicBool::new(false));
    let mut took = Vec::new();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut took, mut sender) = (Vec::new(), None);
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return took;
                        }
                        let begin = Instant::now();
                        loop {
                            if sender.is_none() {
                                sender = Sender::connect(port);
                            }
                            let sent = Instant::now();
                            let status = sender.as_mut().and_then(|sender| sender.send(number));
                            if matches!(status, Some(200..=299)) {
                                took.push(sent.elapsed().as_micros());
                                acknowledged.fetch_add(1, Ordering::SeqCst);
                                break;
                            }
                            // Services send again what was not acknowledged.
                            sender = None;
                            if begin.elapsed() > Duration::from_mins(2) {
                                failed.store(true, Ordering::SeqCst);
                                return took;
                            }
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    }
                })
            })
            .collect();
        while acknowledged.load(Ordering::SeqCst) < count / 2 && !failed.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        at_half();
        took = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    });
    assert!(!failed.load(Ordering::SeqCst), "a delivery was never acknowledged");
    took
}

/// How many runs have created how many rows, over all runs.
fn created(environment: &TestEnvironment) -> u64 {
    let runs = environment.json("runs --limit 100000 --output json");
    runs.as_array().unwrap().iter().map(|run| run["tally"]["created"].as_u64().unwrap()).sum()
}

fn rows(environment: &TestEnvironment) -> u64 {
    super::status(environment)["transfers"][0]["rows"].as_u64().unwrap()
}

fn count() -> u32 {
    std::env::var("RACCORD_DELIVERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

#[test]
fn what_was_acknowledged_is_there_once() {
    let environment = shop();
    let port = free_port();
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(&environment, 1);
    let begin = Instant::now();
    let mut took = send_all(port, count(), || {});
    let seconds = begin.elapsed().as_secs_f64();
    wait_until("all rows are there", || rows(&environment) == u64::from(count()));
    assert_eq!(created(&environment), u64::from(count()));
    stop(daemon);
    took.sort_unstable();
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
    println!(
        "{} deliveries over {CONNECTIONS} connections in {seconds:.1} s: {:.0}/s, p50 {} µs, p99 {} µs",
        count(),
        f64::from(count()) / seconds,
        at(50),
        at(99)
    );
}

#[test]
fn what_keeps_deliveries_out_is_told() {
    let environment = shop_without_its_secret();
    let port = free_port();
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(&environment, 1);
    let why = "deliveries to the source shop cannot be verified: ${env:HOOK} is not set";
    assert_says(&environment.ok("status"), &[why]);
    for (path, length) in [("main/shop", 1), ("main/shopp", 1), ("mein/shop", 1), ("main/shop", 2 << 20)] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "POST /hooks/{path}/customers/created HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nx"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(!line.contains(" 2"), "{path}: {line}");
    }
    assert_says(
        &stop(daemon),
        &[
            why,
            "a delivery to a stack or source that has no webhook here stack=main source=shopp",
            "a delivery to a stack or source that has no webhook here stack=mein source=shop",
        ],
    );
}

#[test]
fn a_kill_in_the_middle_loses_and_doubles_nothing() {
    let environment = shop();
    let port = free_port();
    let arguments = format!("--listen 127.0.0.1:{port}");
    let first = watch(&environment, &arguments);
    wait_for_generation(&environment, 1);
    let mut second = None;
    send_all(port, count(), || {
        first.signal("KILL");
        first.wait();
        second = Some(watch(&environment, &arguments));
    });
    wait_until("all rows are there", || rows(&environment) == u64::from(count()));
    assert_eq!(environment.ok("records crm.contact --limit 1000000 --output jsonl").lines().count(), {
        usize::try_from(count()).unwrap()
    });
    // A run that was killed has no tally; what the others created can only be less.
    assert!(created(&environment) <= u64::from(count()));
    environment.ok("state check");
    stop(second.unwrap());
}

/// Customers of Stripe, who come by webhook alone.
fn stripe_shop(stripe: &Localstripe) -> String {
    format!(
        "{PROJECT}apiVersion: raccord/v1
kind: Stack
metadata: {{name: main}}
spec: {{}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: stripe}}
spec:
  connector: http
  authorization: {{type: basic, username: \"{}\"}}
  config:
    baseUrl: {}
    dataTypes: {{customers: {{records: data}}}}
  webhook:
    verify: {{stripe: {{secret: \"${{env:HOOK}}\"}}}}
    event: type
    events:
      customer.created: {{dataType: customers, record: data.object}}
      customer.updated: {{dataType: customers, record: data.object}}
      customer.deleted: {{dataType: customers, record: data.object, deleted: true}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: customers}}
spec:
  source: stripe
  to: crm.contact
  active: true
  deletes: {{webhook: true}}
  mapping: {{primaryKey: {{id: id}}, fields: {{name: name, email: email}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: stripe}}
spec: {{active: true, subscriptions: {{customers: [created, updated, deleted]}}}}
",
        Localstripe::KEY,
        stripe.url()
    )
}

#[test]
fn stripe_pushes_what_was_created_changed_and_deleted() {
    let stripe = Localstripe::start();
    let yaml = stripe_shop(&stripe);
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]).variable("HOOK", "whsec_of_the_test");
    let port = free_port();
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(&environment, 1);
    stripe.push_to(&format!("http://127.0.0.1:{port}/hooks/main/stripe"), "whsec_of_the_test");
    let records = || environment.ok("records crm.contact --output jsonl");
    let ann = stripe.create("/v1/customers", "email=ann@example.com&name=Ann");
    let id = serde_json::from_str::<serde_json::Value>(&ann).unwrap()["id"].as_str().unwrap().to_owned();
    wait_until("Ann is there", || records().contains("\"Ann\""));
    stripe.create(&format!("/v1/customers/{id}"), "name=Anne");
    wait_until("Ann is Anne", || records().contains("\"Anne\""));
    stripe.delete(&format!("/v1/customers/{id}"));
    wait_until("Anne is gone", || records().is_empty());
    let runs = environment.json("runs --output json");
    let tally = |what: &str| -> u64 {
        runs.as_array().unwrap().iter().map(|run| run["tally"][what].as_u64().unwrap()).sum()
    };
    assert_eq!((tally("created"), tally("updated"), tally("deleted"), tally("rejected")), (1, 1, 1, 0));
    stop(daemon);
}
