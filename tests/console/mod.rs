//! The console in a real browser, Chromium from Debian, driven by playwright-core: the story of a person who looks after an
//! integration. `cargo xtask setup` installs what it needs.

mod authorizing;
mod openid;
mod pages;
mod person;
mod size;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::api::listening;
use crate::daemon::wait_for_generation;
use crate::environment::TestEnvironment;
use crate::http_server::{HttpServer, Request, json as answer_json, status};

/// What no page may show.
const SECRET: &str = "sk-4f9a1c77d2";

fn configuration(base: &str) -> String {
    format!(
        "\
apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec: {{entities: {{contact: {{key: id, fields: {{id: text, name: text, email: {{type: email}}}}}}}}}}
---
apiVersion: raccord/v1
kind: Authorization
metadata: {{name: shop-key}}
spec: {{type: apiKey, header: X-Key, value: \"${{env:SHOP_KEY}}\"}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: shop}}
spec:
  connector: http
  authorization: shop-key
  config: {{baseUrl: \"{base}\", retry: {{attempts: 1}}, dataTypes: {{people: {{records: data}}, orders: {{records: data}}}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: people}}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping:
    primaryKey: {{id: id}}
    fields: {{email: {{from: email, transform: [trim, lowercase]}}, name: name}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: shop, labels: {{team: sales}}}}
spec:
  active: true
  subscriptions: {{people: [created, updated]}}
  breaker: {{consecutiveFailures: 2}}
"
    )
}

/// People, one of them with an address that is none, unless the service is broken.
fn serve(request: &Request, is_broken: &AtomicBool) -> crate::http_server::Response {
    if request.path == "/control" {
        is_broken.store(request.query.get("broken").is_some_and(|text| text == "1"), Ordering::SeqCst);
        return answer_json("{}");
    }
    if is_broken.load(Ordering::SeqCst) {
        return status(500);
    }
    let email = |number: u32| if number == 7 { "none".to_owned() } else { format!("P{number}@example.org ") };
    let people: Vec<_> = (0..40)
        .map(|number| json!({ "id": number.to_string(), "name": format!("Person {number}"), "email": email(number) }))
        .collect();
    answer_json(json!({ "data": people }).to_string())
}

/// A script that drives a browser, at a console and with a token. `RACCORD_SHOTS` names where pictures of the pages go.
fn browse(script: &str, base: &str, token: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let modules = root.join("target/console");
    let has_all = modules.join("node_modules").exists() && Path::new("/usr/bin/chromium").exists();
    assert!(has_all, "playwright-core or chromium is missing: run `cargo xtask setup`");
    let mut command = Command::new("node");
    command.arg(root.join("tests/console").join(script));
    command.env("BASE", base).env("TOKEN", token.trim()).env("MODULES", modules);
    if let Some(shots) = std::env::var_os("RACCORD_SHOTS") {
        command.env("SHOTS", shots);
    }
    command
}

#[test]
fn a_person_looks_after_an_integration_in_both_languages() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_broken);
    let service = HttpServer::start(move |request| serve(request, &seen));
    let environment =
        TestEnvironment::with(&[("shop.yaml", &configuration(&service.url()))]).variable("SHOP_KEY", SECRET);
    let (mut daemon, base) = listening(&environment, "watch -f shop.yaml --policy all --listen 127.0.0.1:0");
    wait_for_generation(&environment, 1);
    environment.ok("run");
    let token = environment.ok("token create ann --role operate").trim().to_owned();
    let mut command = browse("story.mjs", &base, &token);
    command.env("SERVICE", service.url()).env("SECRET", SECRET);
    let output = command.output().unwrap();
    // It may have ended by itself, which the story would tell.
    drop(daemon.kill());
    drop(daemon.wait());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("the story is told"),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
