//! Deliveries about many records and with many events, over a real connection: each event is a row, once, and a delivery
//! is acknowledged whole or not at all.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{stop, wait_for_generation, watch};
use crate::counterpart::free_port;
use crate::environment::{TestEnvironment, wait_until};

const SHOP: &str = "apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {contact: {key: id, fields: {id: text, name: text, email: email}}}}
---
apiVersion: raccord/v1
kind: Stack
metadata: {name: main}
spec: {}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: http
  authorization: {type: none}
  config: {baseUrl: 'http://127.0.0.1:9', dataTypes: {customers: {records: data}}}
  webhook:
    verify: {query: {name: key, value: '${env:HOOK}'}}
    batch: events
    event: {body: [model, event]}
    delivery: id
    events:
      customer.deleted: {dataType: customers, record: 'keys[*]', as: id, deleted: true}
      customer.changed: {dataType: customers, record: 'records[*]', partial: true}
      customer.*: {dataType: customers, record: 'records[*]'}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: shop
  to: crm.contact
  active: true
  deletes: {webhook: true}
  mapping: {primaryKey: {id: id}, fields: {name: name, email: email}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {customers: [created, updated, deleted]}}
";

/// How the service proves who it is.
pub(super) const KEY: &str = "?key=let%20me%2Bin";

/// A shop that is only told; what it is told is proved by [`KEY`].
pub(super) fn shop() -> TestEnvironment {
    TestEnvironment::with(&[("raccord.yaml", SHOP)]).variable("HOOK", "let me+in")
}

/// Sends a delivery; its status.
pub(super) fn push(port: u16, target: &str, body: &Value) -> u16 {
    let body = body.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST /hooks/main/shop{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// What the runs counted, of one kind.
fn tally(environment: &TestEnvironment, what: &str) -> u64 {
    let runs = environment.json("runs --output json");
    runs.as_array().unwrap().iter().map(|run| run["tally"][what].as_u64().unwrap()).sum()
}

#[test]
fn a_delivery_of_many_events_about_many_records_is_taken_whole_and_once() {
    let environment = shop();
    let port = free_port();
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(&environment, 1);
    let key = KEY;
    let people = |ids: &[&str]| -> Vec<Value> {
        ids.iter().map(|id| json!({"id": id, "name": format!("N{id}")})).collect()
    };
    let first = json!({"id": "d1", "events": [
        {"model": "customer", "event": "created", "records": people(&["1", "2"])},
        {"model": "invoice", "event": "paid"},
        {"model": "customer", "event": "updated", "records": people(&["3"])},
    ]});
    assert_eq!(push(port, "?key=wrong", &first), 403);
    assert_eq!(push(port, "", &first), 403);
    assert_eq!(push(port, key, &first), 204);
    let rows = || environment.ok("records crm.contact --output jsonl").lines().count();
    wait_until("three are there", || rows() == 3);
    // Again: all of it is known.
    assert_eq!(push(port, key, &first), 204);
    // One event that cannot be read, and nothing of the delivery is taken.
    let broken = json!({"id": "d2", "events": [
        {"model": "customer", "event": "created", "records": people(&["4"])}, {"model": "customer", "event": "created"}
    ]});
    assert_eq!(push(port, key, &broken), 400);
    let deleted =
        json!({"id": "d2", "events": [{"model": "customer", "event": "deleted", "keys": [1, "2"]}]});
    assert_eq!(push(port, key, &deleted), 204);
    wait_until("one is left", || rows() == 1);
    assert_eq!((tally(&environment, "created"), tally(&environment, "deleted")), (3, 2));
    assert_eq!((tally(&environment, "fetched"), tally(&environment, "rejected")), (5, 0));
    let log = stop(daemon);
    assert!(!log.contains("let me") && !log.contains("let%20me"), "{log}");
}
