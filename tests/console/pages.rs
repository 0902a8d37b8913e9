//! The pages of data in a real browser: looked at by axe, and their actions done by keys alone.

use crate::api::listening;
use crate::console::browse;
use crate::console::person::Person;
use crate::environment::{TestEnvironment, wait_until};

/// The email is required at first; then it is not, and the city goes.
fn configuration(email: &str, city: &str) -> String {
    format!(
        "\
apiVersion: raccord/v1
kind: Project
metadata: {{name: shop}}
spec: {{entities: {{customer: {{key: id, fields: {{id: text, email: {email}{city}}}}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: exports}}
spec: {{connector: file, config: {{dataTypes: {{customers: {{path: customers.csv}}}}}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: customers}}
spec:
  source: exports
  to: shop.customer
  active: true
  deletes: {{snapshot: {{maxShare: 10%}}}}
  mapping: {{primaryKey: {{id: id}}, fields: {{email: email}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: shop}}
spec: {{active: true, subscriptions: {{customers: [created, updated, deleted]}}, alerts: [ops@example.com]}}
"
    )
}

#[test]
fn the_pages_of_data_are_reached_by_all_and_their_actions_by_keys() {
    walk("en");
}

#[test]
fn the_pages_of_data_and_their_actions_are_in_french_too() {
    walk("fr");
}

fn walk(language: &str) {
    let rows: String = (0..40).map(|at| format!("{at:02},c{at}@example.com\n")).collect();
    let environment = TestEnvironment::with(&[
        ("conf/shop.yaml", &configuration("{type: text, required: true}", ", city: text")),
        // The reject with a key goes with the snapshot that does not show it; those without one stay.
        (
            "conf/customers.csv",
            &format!("id,email\n{rows}a1,\n,b1@example.com\n,b2@example.com\n,b3@example.com\n"),
        ),
    ]);
    let (mut daemon, base) = listening(&environment, "watch --from api --listen 127.0.0.1:0");
    environment.ok("apply -f conf --auto-approve");
    environment.ok("run");
    environment.write("conf/shop.yaml", &configuration("text", ""));
    environment.ok("apply -f conf --auto-approve --allow-delete");
    environment.write("conf/customers.csv", "id,email\n00,c0@example.com\n");
    // It is held, and what would go can be looked at.
    environment.run("run");
    let runs = environment.json("runs --output json");
    let held = runs[0]["id"].as_str().unwrap();
    let pending = environment.ok(&format!("records shop.customer --held {held} --output csv"));
    assert_eq!(pending.lines().count(), 40, "a header and 39 rows:\n{pending}");
    assert!(pending.contains("\n01,") && !pending.contains("\n00,"), "{pending}");
    let token = environment.ok("token create ann --role operate --role apply");
    let output = browse("pages.mjs", &base, &token).env("LANGUAGE", language).output().unwrap();
    // It may have ended by itself, which the browser would tell.
    drop(daemon.kill());
    drop(daemon.wait());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("all pages are as they should be"),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn changes_shows_what_waits_and_what_is_wrong() {
    let environment = TestEnvironment::with(&[
        ("conf/shop.yaml", &configuration("text", "")),
        ("conf/customers.csv", "id,email\n00,c0@example.com\n"),
    ]);
    let arguments = "watch -f conf --policy none --debounce 50 --listen 127.0.0.1:0";
    let (daemon, base) = listening(&environment, arguments);
    let person = Person::sign_in(&environment, daemon, &base);
    let shows = |texts: &[&str]| {
        wait_until(&format!("the page shows {texts:?}"), || {
            let page = person.send("GET", "/changes", "", "");
            assert!(page.starts_with("HTTP/1.1 200"), "{page}");
            texts.iter().all(|text| page.contains(text))
        });
    };
    // Nothing is applied without a person; who may not apply sees it without the form.
    shows(&["Project/shop", "Transfer/customers", "Nothing was applied yet."]);
    let page = person.send("GET", "/changes", "", "");
    assert!(!page.contains("/changes/apply"), "{page}");
    environment.write("conf/shop.yaml", &configuration("txt", ""));
    shows(&["shop.yaml", "txt", "class=\"caret\"", "^"]);
    environment.write("conf/shop.yaml", &configuration("text", ", city: text"));
    wait_until("the mistake is gone", || {
        let page = person.send("GET", "/changes", "", "");
        page.contains("Project/shop") && !page.contains("class=\"caret\"")
    });
}

#[test]
fn what_waits_is_applied_by_keys() {
    apply("en");
}

#[test]
fn what_waits_is_applied_by_keys_in_french_too() {
    apply("fr");
}

fn apply(language: &str) {
    let environment = TestEnvironment::with(&[
        ("conf/shop.yaml", &configuration("text", "")),
        ("conf/customers.csv", "id,email\n00,c0@example.com\n"),
    ]);
    let arguments = "watch -f conf --policy none --debounce 50 --listen 127.0.0.1:0";
    let (mut daemon, base) = listening(&environment, arguments);
    let token = environment.ok("token create ann --role apply");
    wait_until("a plan waits", || environment.run("plan --pending").stdout.contains("Project"));
    let output = browse("applying.mjs", &base, &token).env("LANGUAGE", language).output().unwrap();
    let history = environment.run("history --output csv").stdout;
    // It may have ended by itself, which the browser would tell.
    drop(daemon.kill());
    drop(daemon.wait());
    let told = String::from_utf8_lossy(&output.stdout);
    let is_told = output.status.success() && told.contains("it is applied");
    assert!(is_told, "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(history.contains("ann (token)"), "{history}");
}
