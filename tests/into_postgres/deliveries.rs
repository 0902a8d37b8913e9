//! Webhooks into PostgreSQL: a delivery is kept in the state until the database has its row, and applied once whatever is
//! killed when.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::server;
use crate::counterpart::free_port;
use crate::daemon::{stop, watch};
use crate::environment::{TestEnvironment, wait_until};
use crate::postgres_server::PostgresServer;

const YAML: &str = r#"apiVersion: raccord/v1
kind: Stack
metadata: {name: main}
spec: {}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  store:
    type: postgres
    authorization: {type: database, url: "${env:WAREHOUSE_URL}", tls: {mode: disable}}
  entities:
    contact: {key: id, fields: {id: text, name: text}}
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
    verify: {bearer: "${env:HOOK}"}
    delivery: {header: X-Delivery}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: shop
  to: crm.contact
  active: true
  deletes: {webhook: true}
  mapping: {primaryKey: {id: id}, fields: {name: name}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {customers: [created, updated, deleted]}}
"#;

fn shop(server: &PostgresServer) -> TestEnvironment {
    let shop = TestEnvironment::with(&[("raccord.yaml", YAML)]);
    let shop = shop.variable("WAREHOUSE_URL", &server.url("postgres")).variable("HOOK", "let me in");
    shop.ok("apply --auto-approve");
    shop
}

/// Sends a delivery; whether it was acknowledged.
fn deliver(port: u16, event: &str, id: &str) -> bool {
    let body = format!("{{\"id\":\"{id}\",\"name\":\"Customer {id}\"}}");
    let head = format!(
        "POST /hooks/main/shop/customers/{event} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer \
         let me in\r\nX-Delivery: {event}-{id}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = String::new();
    let is_sent = stream.write_all((head + &body).as_bytes()).is_ok();
    is_sent && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 2")
}

fn contacts(server: &PostgresServer) -> String {
    server.sql("postgres", "SELECT id, name FROM contact ORDER BY 1")
}

#[test]
fn a_delivery_becomes_a_row_and_a_deletion_takes_it_away() {
    let server = server();
    let shop = shop(&server);
    let port = free_port();
    let daemon = watch(&shop, &format!("--from dir --listen 127.0.0.1:{port}"));
    assert!(deliver(port, "created", "1") && deliver(port, "created", "2"));
    wait_until("both are there", || contacts(&server) == "1|Customer 1\n2|Customer 2");
    assert!(deliver(port, "deleted", "1"));
    wait_until("one is gone", || contacts(&server) == "2|Customer 2");
    stop(daemon);
    assert!(shop.json("deliveries list --output json").as_array().unwrap().is_empty());
}

#[test]
fn a_delivery_that_the_database_has_and_the_state_still_lists_is_not_applied_again() {
    let server = server();
    let shop = shop(&server);
    let port = free_port();
    let mut daemon = shop.command(&format!("watch --from dir --listen 127.0.0.1:{port}"));
    // Killed between the commit of the database and that of the state.
    let mut daemon = daemon.env("RACCORD_FAILPOINT", "elsewhere.settle.before").spawn().unwrap();
    wait_until("it is taken", || deliver(port, "created", "1"));
    assert!(!daemon.wait().unwrap().success());
    assert_eq!(contacts(&server), "1|Customer 1");
    assert_eq!(shop.json("deliveries list --output json").as_array().unwrap().len(), 1);
    // Another client changes the row: a second application would undo that.
    server.sql("postgres", "UPDATE contact SET name = 'changed by hand'");
    let daemon = watch(&shop, &format!("--from dir --listen 127.0.0.1:{port}"));
    let is_empty = || shop.json("deliveries list --output json").as_array().is_some_and(Vec::is_empty);
    wait_until("the inbox is empty", is_empty);
    assert_eq!(contacts(&server), "1|changed by hand");
    assert!(deliver(port, "created", "2"));
    wait_until("the next one is applied", || contacts(&server).ends_with("2|Customer 2"));
    stop(daemon);
}
