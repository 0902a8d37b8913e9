//! Deliveries that do not become rows: refused, for something inactive, or waiting. None of them goes without a word.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::{status, stop, wait_for_generation, watch};
use crate::counterpart::free_port;
use crate::environment::{TestEnvironment, assert_says, wait_until};

/// A shop whose customers come by webhook alone, wanted by two integrations.
const SHOP: &str = "apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact:
      key: id
      fields: {id: text, name: text}
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
  config:
    baseUrl: http://127.0.0.1:9
    dataTypes: {customers: {records: data}}
  webhook:
    verify: {bearer: \"${env:HOOK}\"}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {customers: [created, updated, deleted]}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping: {primaryKey: {id: id}, fields: {name: name}}
";

/// Sends a delivery with a secret; its status.
fn send(port: u16, secret: &str, id: u32) -> u16 {
    send_body(port, secret, &format!("{{\"id\":\"{id}\",\"name\":\"Ann\"}}"))
}

/// Sends a delivery with a secret and a body; its status.
fn send_body(port: u16, secret: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST /hooks/main/shop/customers/created HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {secret}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn no_delivery_goes_without_a_word() {
    let environment = TestEnvironment::with(&[("raccord.yaml", SHOP)]).variable("HOOK", "new");
    let port = free_port();
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(&environment, 1);

    // The service has another secret: each is refused, and that is told until one is genuine.
    assert_eq!([send(port, "old", 1), send(port, "old", 2)], [403, 403]);
    assert_says(
        &environment.ok("status"),
        &["2 deliveries to `shop` were refused since ", "none was genuine"],
    );
    let dropped = &status(&environment)["daemon"]["droppedDeliveries"][0];
    assert_eq!((&dropped["because"], &dropped["deliveries"]), (&"refused".into(), &2.into()), "{dropped}");
    assert_eq!(send(port, "new", 3), 204);
    assert!(status(&environment)["daemon"]["droppedDeliveries"].is_null());
    wait_until("it is stored", || status(&environment)["transfers"][0]["rows"] == 1);

    // What is genuine and cannot be read is lost, and told.
    assert_eq!([send_body(port, "new", "no JSON"), send_body(port, "new", "[1")], [400, 400]);
    assert_says(
        &environment.ok("status"),
        &["2 genuine deliveries to `shop` were lost since ", "for they cannot be taken: "],
    );
    let dropped = &status(&environment)["daemon"]["droppedDeliveries"][0];
    assert_eq!((&dropped["because"], &dropped["deliveries"]), (&"unreadable".into(), &2.into()), "{dropped}");

    // What waits while it is paused is counted.
    environment.ok("pause shop");
    assert_eq!(send(port, "new", 4), 204);
    wait_until("it waits", || status(&environment)["transfers"][0]["deliveries"] == 1);
    assert_says(&environment.ok("status"), &["1 webhook delivery waits for customers"]);

    // What is dropped with the transfer is told before.
    let (shop, transfer) = SHOP.rsplit_once("---\n").unwrap();
    let renamed = format!(
        "{shop}---\n{}",
        transfer
            .replace("name: customers", "name: clients")
            .replace("  source: shop\n", "  source: shop\n  dataType: customers\n",)
    );
    environment.write("renamed.yaml", &renamed.replace("{customers: [created", "{clients: [created"));
    let plan = environment.fails(1, "plan -f renamed.yaml");
    assert_says(&plan, &["transfer customers: 1 waiting delivery is dropped with it", "--allow-delete"]);

    // What is switched off is told by the plan, the status and the log.
    environment.ok("resume shop");
    wait_until("it is stored", || status(&environment)["transfers"][0]["rows"] == 2);
    let off = SHOP.replace("  to: crm.contact\n  active: true", "  to: crm.contact\n  active: false");
    environment.write("off.yaml", &off);
    assert_says(
        &environment.ok("plan -f off.yaml"),
        &["transfer customers: webhooks that come meanwhile are not kept"],
    );
    environment.remove("off.yaml");
    environment.remove("renamed.yaml");
    environment.write("raccord.yaml", &off);
    wait_for_generation(&environment, 2);
    assert_eq!(send(port, "new", 5), 204);
    let told = "1 delivery to `shop` was not kept since ";
    wait_until("it is counted", || environment.ok("status").contains(told));
    assert_says(&stop(daemon), &["a delivery is not kept: these transfers are not active"]);
}

#[test]
fn a_run_without_a_daemon_says_what_waits_for_one() {
    let environment = TestEnvironment::with(&[("raccord.yaml", SHOP)]).variable("HOOK", "new");
    let port = free_port();
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(&environment, 1);
    environment.ok("pause shop");
    assert_eq!([send(port, "new", 1), send(port, "new", 2)], [204, 204]);
    wait_until("they wait", || status(&environment)["transfers"][0]["deliveries"] == 2);
    stop(daemon);
    environment.ok("resume shop");
    // The service itself cannot be reached; what waits is told all the same.
    let told = "2 webhook deliveries wait for `customers`: a daemon takes them in (`raccord watch`), a single run does not";
    assert_says(&environment.fails(1, "run"), &[told]);
    let report = environment.run("run shop --output json").json();
    assert_eq!(report["notes"][0], told);
}

#[test]
fn a_daemon_that_listens_nowhere_says_that_deliveries_cannot_arrive() {
    const SAID: &str = "deliveries to the source shop cannot arrive";
    let webhook = "  webhook:\n    verify: {bearer: \"${env:HOOK}\"}\n";
    let without = SHOP.replace(webhook, "").replace("active: true, sub", "active: false, sub");
    let environment = TestEnvironment::with(&[("raccord.yaml", &without)]).variable("HOOK", "new");
    let daemon = watch(&environment, "--from dir");
    wait_for_generation(&environment, 1);
    assert!(!environment.ok("status").contains("cannot arrive"));
    // One that nothing active reads is missed by nothing.
    environment.write("raccord.yaml", &SHOP.replace("active: true, sub", "active: false, sub"));
    wait_for_generation(&environment, 2);
    assert!(!environment.ok("status").contains("cannot arrive"));
    environment.write("raccord.yaml", SHOP);
    wait_for_generation(&environment, 3);
    assert_says(&environment.ok("status"), &[SAID, "--listen"]);
    environment.write("raccord.yaml", &SHOP.replace("name: text}", "name: text, nick: text}"));
    wait_for_generation(&environment, 4);
    let log = stop(daemon);
    assert_eq!(log.matches(SAID).count(), 1, "once for each source: {log}");

    let daemon = watch(&environment, "--from dir");
    assert_says(&environment.ok("status"), &[SAID]);
    assert_says(&stop(daemon), &[SAID]);
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{}", free_port()));
    assert!(!environment.ok("status").contains("cannot arrive"));
    assert!(!stop(daemon).contains("cannot arrive"));
}
