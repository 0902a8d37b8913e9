//! The HTTP API of the program itself: schemathesis against the document that it serves, and the verbs from elsewhere.
//!
//! schemathesis is the one that `cargo xtask setup` installs. It makes up requests from the document, right ones and
//! wrong ones, and fails when an answer is not one that the document promises.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::documentation::root;
use crate::environment::{TestEnvironment, assert_says};

/// The program that makes up requests.
const SCHEMATHESIS: &str = "target/counterparts/bin/schemathesis";

/// How many requests it makes up for each operation, beside those that the document itself suggests.
const EXAMPLES: &str = "30";

/// A request can have the right shape and still be about something that the configuration, the state or the way it
/// came does not allow: that is a right answer too. Every other check is as strict as it comes.
const SETTINGS: &str = r#"
[[operations]]
include-operation-id = [
    "plan", "apply", "acceptPending", "approve", "ask", "resource", "difference", "planRollback", "rollback", "records",
    "explain", "reject",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "403", "404", "409", "422"]

[[operations]]
include-operation-id = ["pause", "resume", "run"]
parameters = { "path.name" = "shop" }

[[operations]]
include-operation-id = ["testAlert"]
parameters = { "path.name" = "shop" }
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]

[[operations]]
include-operation-id = ["resync", "replay"]
parameters = { "path.name" = "customers" }
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]
"#;

pub(crate) const SHOP: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: shop}
spec: {entities: {customer: {key: id, fields: {id: text, email: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: exports}
spec: {connector: file, config: {dataTypes: {customers: {path: customers.csv}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: exports
  to: shop.customer
  active: true
  mapping: {primaryKey: {id: id}, fields: {email: email}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {customers: [created, updated]}}
";

/// Starts a daemon that listens; returns where.
pub(crate) fn listening(home: &TestEnvironment, command: &str) -> (Child, String) {
    let mut command = home.command(command);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    let url = loop {
        let line = lines.next().unwrap_or_else(|| panic!("the daemon ended: {said:#?}"));
        if let Some((_, url)) = line.split_once("listening on ") {
            break url.split_whitespace().next().unwrap().to_owned();
        }
        said.push(line);
    };
    // A process that writes to a pipe without a reader waits.
    std::thread::spawn(move || lines.for_each(drop));
    (child, url)
}

/// A daemon that listens, killed when it is dropped.
pub(crate) struct Daemon {
    home: TestEnvironment,
    child: Child,
    pub(crate) url: String,
}

impl Daemon {
    /// Starts one to which nothing was applied.
    pub(crate) fn start(arguments: &str) -> Self {
        let home =
            TestEnvironment::with(&[("customers.csv", "id,email\n1,zoe@example.com\n2,luc@example.com\n")]);
        let (child, url) = listening(&home, &format!("watch --from api --listen 127.0.0.1:0 {arguments}"));
        Self { home, child, url }
    }

    /// Makes a token on the machine of the state.
    pub(crate) fn token(&self, name: &str, roles: &str) -> String {
        self.home.ok(&format!("token create {name} {roles}")).trim().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A runner with a checkout and no state, which asks a daemon.
fn runner(daemon: &Daemon, token: &str) -> TestEnvironment {
    let runner = TestEnvironment::with(&[("shop.yaml", SHOP)]);
    runner.variable("RACCORD_SERVER", &daemon.url).variable("RACCORD_TOKEN", token)
}

#[test]
fn the_api_is_what_its_document_says() {
    let daemon = Daemon::start("");
    let token = daemon.token("everything", "--role apply --role operate");
    runner(&daemon, &token).ok("apply --auto-approve");
    hold_against_its_document(&daemon.home, &daemon.url, &token);
}

/// Makes up requests to a daemon to which [`SHOP`] was applied; it answers as its document says, and all is well afterwards.
pub(crate) fn hold_against_its_document(home: &TestEnvironment, url: &str, token: &str) {
    let program = root().join(SCHEMATHESIS);
    assert!(program.exists(), "{SCHEMATHESIS} is missing: run `cargo xtask setup`");
    home.write("schemathesis.toml", SETTINGS);
    let mut command = Command::new(program);
    command.current_dir(home.path()).arg("--config-file=schemathesis.toml").arg("run");
    command.arg(format!("{url}/v1/openapi.json"));
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    command.args(["--checks", "all", "--max-examples", EXAMPLES, "--seed", "1", "--workers", "1"]);
    command.args(["--request-timeout", "30", "--no-color"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    // The daemon that was asked all that is still well.
    assert_says(&home.ok("state check"), &["whole"]);
    home.ok("status");
}

#[test]
fn a_runner_plans_and_applies_against_a_daemon_elsewhere() {
    let daemon = Daemon::start("");
    let (review, main) = (daemon.token("review", "--role plan"), daemon.token("ci-main", "--role apply"));
    let reviewing = runner(&daemon, &review);
    reviewing.run("plan --detailed-exitcode --out change.plan").expect_code(2);
    let refused = reviewing.fails(1, "apply --auto-approve");
    assert_says(&refused, &["the token `review` does not have the role apply"]);
    let reading = runner(&daemon, &daemon.token("reader", "--role read,operate"));
    let refused = reading.fails(1, "apply --auto-approve");
    assert_says(&refused, &["does not have the role", "applying needs a token with the role apply"]);
    let applying = runner(&daemon, &main);
    let plan = reviewing.path().join("change.plan").display().to_string();
    assert_says(&applying.ok(&format!("apply {plan}")), &["applied: generation 1"]);
    // What was planned before is stale now.
    assert_says(&applying.fails(1, &format!("apply {plan}")), &["serial"]);
    applying.run("plan --detailed-exitcode").expect_code(0);
    let history: Value = applying.json("history --output json");
    assert_eq!(history[0]["by"], "ci-main (token)");
    assert_says(&applying.fails(1, "run"), &["does not have the role operate"]);
    let operating = runner(&daemon, &daemon.token("ops", "--role operate"));
    operating.ok("run");
    let records: Value = operating.json("records shop.customer --output json");
    assert_eq!(records.as_array().unwrap().len(), 2, "{records}");
    assert_says(&operating.ok("pause shop --reason moving"), &["shop is paused"]);
    assert_says(&operating.ok("status"), &["paused"]);
    assert_says(&operating.ok("resume shop"), &["shop is resumed"]);
    assert!(!applying.path().join(".raccord").exists(), "the runner has a state of its own");
    let audit = daemon.home.ok("audit --limit 100 --output csv");
    assert_says(&audit, &["ci-main (token),http,", "ops (token),http,pause shop", "review (token),http,"]);
    for token in [&review, &main] {
        assert!(!audit.contains(&token[4..]));
    }
}

#[test]
fn a_token_is_made_shown_once_listed_and_revoked() {
    let home = TestEnvironment::new().at("2025-01-31T09:30:00Z");
    let made = home.run("token create ci-main --role plan --role operate --expires 90d").expect_code(0);
    let token = made.stdout.trim();
    assert!(token.starts_with("rcd_") && token.len() == 47, "{made:?}");
    assert_says(&made.stderr, &["the token `ci-main`, good until 2025-05-01T09:30:00Z"]);
    let listed = home.json("token list --output json");
    assert_eq!(
        listed,
        json!([{
            "name": "ci-main", "roles": ["plan", "operate"],
            "created": "2025-01-31T09:30:00Z", "expires": "2025-05-01T09:30:00Z",
        }])
    );
    let state = std::fs::read(home.path().join(".raccord/state.redb")).unwrap();
    let holds = |text: &str| state.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("ci-main") && !holds(&token[4..]), "the state holds the token itself");
    assert_says(&home.fails(1, "token create ci-main --role read"), &["there is a token `ci-main` already"]);
    assert_says(&home.fails(64, "token create other"), &["--role"]);
    assert_says(
        &home.fails(64, "token create other --role root"),
        &["invalid value 'root'", "possible values: metrics, read"],
    );
    assert_says(&home.ok("token revoke ci-main"), &["ci-main is revoked"]);
    assert_says(&home.fails(1, "token revoke ci-main"), &["no token `ci-main`"]);
    assert_eq!(home.json("token list --output json"), json!([]));
    home.ok("state check");
}

#[test]
fn a_server_is_reached_with_tls_or_not_at_all() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = TestEnvironment::with(&[
        ("chain.pem", &made.cert.pem()),
        ("key.pem", &made.signing_key.serialize_pem()),
    ]);
    let path = |name: &str| -> PathBuf { files.path().join(name) };
    let (chain, key) = (path("chain.pem"), path("key.pem"));
    let daemon = Daemon::start(&format!("--tls-cert {} --tls-key {}", chain.display(), key.display()));
    assert!(daemon.url.starts_with("https://"), "{}", daemon.url);
    let token = daemon.token("ci", "--role apply");
    let trusting = runner(&daemon, &token).variable("SSL_CERT_FILE", &chain.display().to_string());
    trusting.ok("apply --auto-approve");
    let said = runner(&daemon, &token).fails(1, "status");
    assert_says(&said, &["reach https://127.0.0.1"]);
    let plain = runner(&daemon, &token).variable("RACCORD_SERVER", "http://192.0.2.1:8420");
    assert_says(&plain.fails(1, "status"), &["in the clear"]);
    let home = TestEnvironment::new();
    assert_says(&home.fails(1, "watch --from api --listen 0.0.0.0:0"), &["--tls-cert", "--insecure-listen"]);
}
