//! A service is told where to push when its webhook comes into use, and to stop when it goes out of use: as steps of
//! the daemon, which outlive it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::{status, stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, wait_until};
use crate::http_server::{HttpServer, Request, answer, json, status as refuse};

/// A shop whose API registers webhooks.
fn yaml(base: &str, create: &str, is_active: bool) -> String {
    format!(
        "apiVersion: raccord/v1
kind: Stack
metadata: {{name: shop}}
spec: {{webhooks: {{url: \"https://raccord.example\"}}}}
---
apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec: {{entities: {{contact: {{key: id, fields: {{id: text}}}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: boutique}}
spec:
  connector: http
  authorization: {{type: bearer, token: \"${{env:TOKEN}}\"}}
  config: {{baseUrl: \"{base}\", dataTypes: {{customers: {{}}}}}}
  webhook:
    verify: {{hmac: {{secret: \"${{env:HOOK}}\", header: X-Signature}}}}
    events: {{\"*\": {{dataType: customers}}}}
    register:
      create: {{path: /hooks, {create}}}
      delete: {{path: \"/hooks/{{id}}\"}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: customers}}
spec: {{source: boutique, to: crm.contact, active: true, mapping: {{primaryKey: {{id: id}}}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: boutique}}
spec: {{active: {is_active}, subscriptions: {{customers: [created, updated]}}}}
"
    )
}

const JSON: &str = "body: {url: \"{{ url }}\", secret: \"{{ secret }}\"}";
const FORM: &str = "form: {url: \"{{ url }}\", \"events[]\": \"*\"}";

/// What the service was told about webhooks, one request a line.
fn told(service: &HttpServer) -> Vec<String> {
    let line = |request: Request| {
        assert_eq!(request.headers["authorization"], "Bearer shop-token");
        let is_keyed = request.headers.get("idempotency-key").is_some_and(|key| key.starts_with("webhook/"));
        assert_eq!(is_keyed, request.method == "POST");
        format!("{} {} {}", request.method, request.path, request.body).trim_end().to_owned()
    };
    let requests = service.requests().into_iter();
    requests.filter(|request| request.path.starts_with("/hooks")).map(line).collect()
}

fn home(yaml: &str) -> TestEnvironment {
    let home = TestEnvironment::with(&[("raccord.yaml", yaml)]);
    home.variable("TOKEN", "shop-token").variable("HOOK", "hook-secret")
}

#[test]
fn a_webhook_is_registered_while_it_is_in_use() {
    let next = AtomicU32::new(1);
    let service = HttpServer::start(move |request| match request.method.as_str() {
        "POST" => json(format!("{{\"id\": {}}}", next.fetch_add(1, Ordering::SeqCst))),
        "DELETE" => answer(204, "X-Nothing: here", ""),
        _ => json("[]"),
    });
    let home = home(&yaml(&service.url(), JSON, false));
    let daemon = watch(&home, "--policy all");
    wait_for_generation(&home, 1);
    let mut expected = vec![
        r#"POST /hooks {"secret":"hook-secret","url":"https://raccord.example/hooks/shop/boutique"}"#
            .to_owned(),
    ];
    home.write("raccord.yaml", &yaml(&service.url(), JSON, true));
    wait_until("the webhook is registered", || told(&service) == expected);
    wait_until("no step is left", || status(&home)["steps"] == 0);
    daemon.signal("KILL");
    drop(daemon.wait());

    let daemon = watch(&home, "--policy all");
    assert_eq!(told(&service), expected, "what is registered stays so");
    home.write("raccord.yaml", &yaml(&service.url(), FORM, true));
    expected.extend([
        "DELETE /hooks/1".to_owned(),
        "POST /hooks events%5B%5D=*&url=https%3A%2F%2Fraccord.example%2Fhooks%2Fshop%2Fboutique".to_owned(),
    ]);
    wait_until("another one is registered", || told(&service) == expected);
    home.write("raccord.yaml", &yaml(&service.url(), FORM, false));
    expected.push("DELETE /hooks/2".to_owned());
    wait_until("none is registered", || told(&service) == expected);
    wait_until("no step is left", || status(&home)["steps"] == 0);
    let log = stop(daemon);
    assert!(!log.contains("hook-secret") && !log.contains("shop-token"), "{log}");
}

#[test]
fn a_step_that_fails_is_shown_and_done_later() {
    let is_ill = Arc::new(AtomicBool::new(true));
    let ill = Arc::clone(&is_ill);
    let service = HttpServer::start(move |request| match request.method.as_str() {
        "POST" if ill.load(Ordering::SeqCst) => refuse(503),
        "POST" => json("{\"id\": \"we_1\"}"),
        "DELETE" => refuse(404),
        _ => json("[]"),
    });
    let home = home(&yaml(&service.url(), JSON, true));
    home.ok("apply --auto-approve");
    assert!(told(&service).is_empty(), "without a daemon no process would answer");
    assert_eq!(status(&home)["steps"], 1);

    let daemon = watch(&home, "--policy all");
    wait_until("the service was asked", || told(&service).len() == 1);
    assert_eq!(status(&home)["steps"], 1);
    is_ill.store(false, Ordering::SeqCst);
    // A new generation is a reason to look again; so is time, more slowly.
    let active = yaml(&service.url(), JSON, true);
    home.write("raccord.yaml", &active.replace("fields: {id: text}", "fields: {id: text, name: text}"));
    wait_until("no step is left", || status(&home)["steps"] == 0);
    assert_eq!(told(&service).len(), 2);
    stop(daemon);

    // What the source says is gone with it; what was registered is not forgotten.
    let (project, _) = active.split_once("---\napiVersion: raccord/v1\nkind: Source").unwrap();
    home.write("raccord.yaml", project);
    home.ok("apply --auto-approve --allow-delete");
    assert_eq!(status(&home)["steps"], 1);
    let daemon = watch(&home, "--policy all");
    wait_until("no step is left", || status(&home)["steps"] == 0);
    assert_eq!(told(&service).last().unwrap(), "DELETE /hooks/we_1");
    stop(daemon);
}
