//! Deliveries over a real connection that mention a part of their record, and those that a person looks at and drops
//! while they wait.

use serde_json::{Value, json};

use super::batches::{KEY, push, shop};
use super::{stop, wait_for_generation, watch};
use crate::counterpart::free_port;
use crate::environment::{Started, TestEnvironment, assert_says, wait_until};

/// A daemon that is told of customers.
fn begin(environment: &TestEnvironment) -> (Started, u16) {
    let port = free_port();
    let daemon = watch(environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(environment, 1);
    (daemon, port)
}

/// Tells of an event about records; the delivery has the number as its id.
fn tell(port: u16, number: u32, event: &str, records: &Value) {
    let event = json!({"model": "customer", "event": event, "records": records});
    assert_eq!(push(port, KEY, &json!({"id": number.to_string(), "events": [event]})), 204);
}

/// The rows: `ID name email`.
fn rows(environment: &TestEnvironment) -> Vec<String> {
    let rows = environment.json("records crm.contact --output json");
    let cell = |row: &Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
    let line = |row: &Value| ["id", "name", "email"].map(|field| cell(row, field)).join(" ");
    rows.as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_part_of_a_record_changes_what_it_mentions_and_nothing_else() {
    let environment = shop();
    let (daemon, port) = begin(&environment);
    let ann = json!([{"id": "1", "name": "Ann", "email": "ann@b.ca"}, {"id": "2", "name": "Bob", "email": "bob@b.ca"}]);
    tell(port, 1, "created", &ann);
    let expect = |expected: &[&str]| wait_until(&expected.join(", "), || rows(&environment) == expected);
    expect(&["1 Ann ann@b.ca", "2 Bob bob@b.ca"]);
    // What is not mentioned stays, what is said to be empty does not, and of what is new there is nothing else.
    tell(
        port,
        2,
        "changed",
        &json!([{"id": "1", "name": "Anne"}, {"id": "2", "email": null}, {"id": "3", "name": "Cyd"}]),
    );
    expect(&["1 Anne ann@b.ca", "2 Bob -", "3 Cyd -"]);
    // An event that is no part says all of its record.
    tell(port, 3, "updated", &json!([{"id": "1", "name": "Anna"}]));
    expect(&["1 Anna -", "2 Bob -", "3 Cyd -"]);
    stop(daemon);
}

#[test]
fn deliveries_that_wait_are_looked_at_and_dropped_under_a_name() {
    let environment = shop();
    let (daemon, port) = begin(&environment);
    environment.ok("pause shop");
    tell(port, 1, "created", &json!([{"id": "1", "name": "Ann"}]));
    tell(port, 2, "created", &json!([{"id": "2", "name": "Bob"}]));
    let waiting = || environment.json("deliveries list --output json").as_array().unwrap().clone();
    wait_until("two deliveries wait", || waiting().len() == 2);
    let unwanted = waiting()[0]["sequence"].to_string();
    assert_says(&environment.ok(&format!("deliveries show {unwanted}")), &["Ann", "customers"]);
    assert_says(&environment.fails(1, "deliveries drop 4711"), &["there is no delivery `4711`"]);
    assert_eq!(environment.ok(&format!("deliveries drop {unwanted}")), "1 delivery is dropped\n");
    assert_eq!(waiting().len(), 1);
    let log = environment.json("audit --output json");
    let told: Vec<Value> = (0..2).map(|at| json!([log[at]["what"], log[at]["outcome"]])).collect();
    let dropped = json!([format!("drop deliveries {unwanted}"), {"done": "1 delivery is dropped"}]);
    assert_eq!(told[0], dropped, "{log:#}");
    assert_eq!(told[1][0], "drop deliveries 4711", "{log:#}");
    assert_says(&told[1][1]["failed"].to_string(), &["there is no delivery `4711`"]);
    environment.ok("resume shop");
    wait_until("the other one is there", || rows(&environment) == ["2 Bob -"]);
    stop(daemon);
}
