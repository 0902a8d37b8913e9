//! Deliveries that only name their records, over a real connection: what the service would not give is asked for again by a
//! replay, at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::batches::{KEY, push};
use super::{stop, wait_for_generation, watch};
use crate::counterpart::free_port;
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{self, HttpServer};

#[test]
fn a_replay_makes_a_running_daemon_ask_again() {
    let is_mended = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&is_mended);
    let service = HttpServer::start(move |request| match request.path.as_str() {
        "/customers/1" if answers.load(Ordering::SeqCst) => http_server::json(r#"{"id":"1","name":"Ann"}"#),
        "/customers/1" => http_server::status(422),
        _ => http_server::json(r#"{"data":[]}"#),
    });
    let yaml = format!(
        "apiVersion: raccord/v1
kind: Stack
metadata: {{name: main}}
spec: {{}}
---
apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec: {{entities: {{contact: {{key: id, fields: {{id: text, name: text}}}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: shop}}
spec:
  connector: http
  authorization: {{type: none}}
  config: {{baseUrl: '{}', dataTypes: {{customers: {{records: data}}}}}}
  webhook:
    verify: {{query: {{name: key, value: '${{env:HOOK}}'}}}}
    event: {{body: event}}
    delivery: id
    events:
      changed: {{dataType: customers, fetch: {{path: '/customers/{{event.id}}'}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: customers}}
spec: {{source: shop, to: crm.contact, active: true, mapping: {{primaryKey: {{id: id}}, fields: {{name: name}}}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: shop}}
spec: {{active: true, subscriptions: {{customers: [created, updated, deleted]}}}}
",
        service.url()
    );
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]).variable("HOOK", "let me+in");
    let port = free_port();
    let daemon = watch(&environment, &format!("--listen 127.0.0.1:{port}"));
    wait_for_generation(&environment, 1);
    assert_eq!(push(port, KEY, &json!({"event": "changed", "id": "1"})), 204);
    let rejects = || environment.json("rejects list --output json").as_array().unwrap().len();
    wait_until("the delivery is rejected", || rejects() == 1);
    is_mended.store(true, Ordering::SeqCst);
    assert_says(&environment.ok("rejects replay customers"), &["1 wait as deliveries"]);
    wait_until("the record is there", || {
        environment.ok("records crm.contact --output jsonl").contains("Ann")
    });
    assert_eq!(rejects(), 0);
    stop(daemon);
}
