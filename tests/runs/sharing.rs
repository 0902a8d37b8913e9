//! One reading, several transfers: what reads the same data type is asked for once, and each transfer maps, counts and
//! fails by itself.

use std::sync::{Arc, Mutex};

use super::counts;
use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{HttpServer, json, status};

/// Everything but the transfers: people go to two entities, each with its own integration. The limits admit one run.
const BASE: &str = r#"
apiVersion: raccord/v1
kind: Stack
metadata: {name: shared}
spec: {limits: {parallelTransfers: 1, perSource: 1}}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact: {key: id, fields: {id: text, name: text}}
    reader: {key: id, fields: {id: text, age: integer}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: http
  authorization: {type: none}
  config:
    baseUrl: "URL"
    retry: {attempts: 1}
    dataTypes:
      people: {records: data, pagination: {page: page, size: {limit: 2}, total: total}, incremental: {field: at, param: since}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: contacts}
spec: {active: true, subscriptions: {contacts: [created, updated]}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: readers}
spec: {active: true, subscriptions: {readers: [created, updated]}}
"#;

/// A transfer of people.
fn transfer(name: &str, entity: &str, field: &str) -> String {
    format!(
        "---\napiVersion: raccord/v1\nkind: Transfer\nmetadata: {{name: {name}}}\nspec: {{source: shop, dataType: people, to: \
         crm.{entity}, active: true, mapping: {{primaryKey: {{id: id}}, fields: {{{field}}}}}}}\n"
    )
}

/// Five people on three pages; those that changed since, when it is asked for. It breaks when it is told to.
fn shop(is_broken: &Arc<Mutex<bool>>) -> HttpServer {
    let is_broken = Arc::clone(is_broken);
    HttpServer::start(move |request| {
        if *is_broken.lock().unwrap() {
            return status(500);
        }
        let since = request.query.get("since").map_or("", String::as_str);
        let people: Vec<_> = (1..=5).map(|id| (id, format!("2025-01-0{id}T00:00:00Z"))).collect();
        let changed: Vec<_> = people.iter().filter(|(_, at)| at.as_str() >= since).collect();
        let page = request.number("page").unwrap();
        let records = changed.iter().skip((page - 1) * 2).take(2).map(|(id, at)| {
            format!(
                r#"{{"id":"{id}","name":"P{id}","age":{},"at":"{at}"}}"#,
                if *id == 2 { "\"old\"" } else { "7" }
            )
        });
        let records: Vec<_> = records.collect();
        json(format!(r#"{{"data":[{}],"total":{}}}"#, records.join(","), changed.len()))
    })
}

fn applied(server: &HttpServer, transfers: &[String]) -> TestEnvironment {
    let yaml = BASE.replace("URL", &server.url()) + &transfers.concat();
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]);
    environment.ok("apply --auto-approve");
    environment
}

#[test]
fn pages_are_fetched_once_and_each_transfer_counts_for_itself() {
    let is_broken = Arc::default();
    let server = shop(&is_broken);
    let transfers =
        [transfer("contacts", "contact", "name: name"), transfer("readers", "reader", "age: age")];
    let environment = applied(&server, &transfers);
    let report = environment.json("run --output json");
    assert_eq!(counts(&report, "contacts"), "fetched 5, created 5");
    assert_eq!(counts(&report, "readers"), "fetched 5, created 4, rejected 1");
    assert_eq!(server.requests().len(), 3, "three pages, each once");

    // Both stand at the same place: what is new is read once as well.
    let report = environment.json("run --output json");
    assert_eq!(counts(&report, "contacts"), "fetched 1, unchanged 1");
    assert_eq!(counts(&report, "readers"), "fetched 1, unchanged 1");
    assert_eq!(server.requests().len(), 4);

    // One that stands elsewhere reads for itself.
    environment.ok("resync readers");
    let report = environment.json("run --output json");
    assert_eq!(counts(&report, "contacts"), "fetched 1, unchanged 1");
    assert_eq!(counts(&report, "readers"), "fetched 5, unchanged 4, rejected 1");
    assert_eq!(server.requests().len(), 8);

    // A service that fails has failed for both.
    *is_broken.lock().unwrap() = true;
    let said = environment.fails(1, "run");
    assert_says(&said, &["contacts  failed", "readers   failed", "answered 500"]);
    assert_eq!(server.requests().len(), 9);
}

#[test]
fn a_transfer_that_fails_does_not_hold_up_the_others() {
    let server = shop(&Arc::default());
    // Every record of the first page is rejected: no name is a number.
    let transfers =
        [transfer("contacts", "contact", "name: name"), transfer("readers", "reader", "age: name")];
    let environment = applied(&server, &transfers);
    let said = environment.fails(1, "run");
    assert_says(&said, &["every record of the first page was rejected", "contacts  succeeded  5"]);
    assert_eq!(server.requests().len(), 3);
    assert_eq!(environment.ok("records crm.contact --output jsonl").lines().count(), 5);
}
