//! What a daemon and the other verbs say on standard error: enough for an operator, in two forms, and never a secret
//! or a value of a record.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::{status, wait_for_generation};
use crate::counterpart::free_port;
use crate::environment::{TestEnvironment, assert_says, forget_settings, wait_until};
use crate::http_server::{HttpServer, answer, json};
use crate::mail_server::MailServer;
use crate::secrets::{CANARY, leak};
use crate::shop::{NAME_AND_EMAIL, Shop};

/// A daemon whose log is in a file, killed when it is dropped.
struct Logged {
    child: Child,
    path: PathBuf,
}

impl Logged {
    fn watch(environment: &TestEnvironment, arguments: &str) -> Self {
        let path = environment.path().join("daemon.log");
        let mut command = environment.command(&format!("watch --debounce 50 {arguments}"));
        let log = File::create(&path).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        wait_until("the daemon answers", || environment.run("status").stdout.contains("watching"));
        Self { child, path }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    #[track_caller]
    fn wait_for(&self, part: &str) {
        wait_until(part, || self.said().contains(part));
    }

    /// Asks it to stop; its whole log.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = self.child.wait().unwrap();
        let said = self.said();
        assert!(ended.success(), "{said}");
        said
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A shop that is read every second.
fn shop() -> TestEnvironment {
    let shop = Shop {
        fields: NAME_AND_EMAIL,
        transfer: "schedule: 1s",
        integration: "breaker: {consecutiveFailures: 2}",
        ..Shop::default()
    };
    let people = "id,name,email\n1,Ann,ann@example.com\n2,Ben,nonsense\n";
    TestEnvironment::with(&[("raccord.yaml", &shop.yaml()), ("people.csv", people)])
}

/// Everything that an operator wants to read of, once.
fn live(environment: &TestEnvironment, arguments: &str) -> String {
    let daemon = Logged::watch(environment, arguments);
    wait_for_generation(environment, 1);
    daemon.wait_for("succeeded");
    let good = environment.read("raccord.yaml");
    environment.write("raccord.yaml", &good.replace("kind: Transfer", "kind: Transfr"));
    daemon.wait_for("there is no kind `Transfr`");
    environment.write("raccord.yaml", &good.replace("name: name", "name: city"));
    daemon.wait_for("the changes wait for `raccord apply --pending`");
    environment.write("raccord.yaml", &good);
    daemon.wait_for("no changes wait any more");
    environment.remove("people.csv");
    daemon.wait_for("disabled: `raccord resume` starts it again");
    Command::new("kill").args(["-HUP", &daemon.child.id().to_string()]).status().unwrap();
    daemon.wait_for("asked to reload");
    daemon.stop()
}

#[test]
fn an_operator_reads_what_happened() {
    let log = live(&shop(), "");
    assert_says(
        &log,
        &[
            "watching the current directory; Ctrl-C ends it",
            " INFO started version=",
            "origin=\"the current directory\" policy=\"safe\" generation=0",
            " INFO the configuration has changed",
            " INFO a new generation is in force generation=1",
            " INFO run{transfer=people cause=\"scheduled\" generation=1 id=",
            "}: begun",
            "}: succeeded fetched=2 created=1 updated=0 deleted=0 unchanged=0 skipped=0 rejected=1 swept=0",
            "ERROR the configuration is bad: what was applied last goes on problems=",
            "ERROR raccord.yaml:",
            " INFO the configuration is good again",
            " WARN the changes wait for `raccord apply --pending` why=transfer people",
            "}: failed fetched=0 rejected=0 error=people.csv: no file is there",
            "}: disabled: `raccord resume` starts it again integration=shop why=2 failed runs in a row",
            " INFO asked to stop",
            " INFO stopped",
        ],
    );
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_machine_reads_one_object_a_line() {
    let log = live(&shop(), "--log json");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(["INFO", "WARN", "ERROR"].contains(&line["level"].as_str().unwrap()), "{line}");
        assert!(!line["message"].as_str().unwrap().is_empty(), "{line}");
    }
    let said = |message: &str| {
        let found = lines.iter().find(|line| line["message"].as_str().unwrap().starts_with(message));
        found.unwrap_or_else(|| panic!("nothing says {message:?} in\n{log}"))
    };
    assert_eq!(said("started")["policy"], "safe");
    assert_eq!(said("a new generation")["generation"], 1);
    for message in ["begun", "succeeded", "failed", "disabled"] {
        let span = &said(message)["span"];
        assert_eq!(
            (&span["name"], &span["transfer"], &span["cause"], &span["generation"]),
            (&"run".into(), &"people".into(), &"scheduled".into(), &1.into()),
            "{message}"
        );
        assert_eq!(span["id"].as_str().unwrap().len(), 36, "{span}");
    }
    assert_eq!(said("succeeded")["fetched"], 2);
    assert_eq!(said("disabled")["integration"], "shop");
}

#[test]
fn a_log_of_errors_alone_says_whose_they_are() {
    let environment = shop().variable("RUST_LOG", "error");
    environment.remove("people.csv");
    let daemon = Logged::watch(&environment, "");
    daemon.wait_for("disabled");
    let log = daemon.stop();
    assert_says(&log, &["ERROR run{transfer=people cause=\"scheduled\" generation=1 id="]);
    assert!(!log.contains(" INFO ") && !log.contains(" WARN "), "{log}");
}

#[test]
fn other_verbs_are_quiet_unless_they_are_asked() {
    let environment = shop();
    environment.ok("apply --auto-approve");
    let quiet = environment.run("run").expect_code(0);
    assert!(!quiet.stderr.contains("begun"), "{}", quiet.stderr);
    let asked = environment.variable("RUST_LOG", "raccord_run=info");
    let loud = asked.run("run --output json").expect_code(0);
    assert_says(&loud.stderr, &[" INFO run{transfer=people cause=\"requested\"", "}: begun", "}: succeeded"]);
    assert_eq!(loud.json()["runs"][0]["tally"]["fetched"], 2);
    let misread = asked.variable("RUST_LOG", "raccord=loud").run("status").expect_code(0);
    assert_says(&misread.stderr, &["WARN RUST_LOG is not understood"]);
    let misspelt = shop().variable("RUST_LOG", "warnn").run("validate").expect_code(0);
    assert_says(
        &misspelt.stderr,
        &["WARN RUST_LOG is not understood", "`warnn` is no level: off, error, warn"],
    );
}

#[test]
fn a_generation_says_which_commit_it_came_from() {
    let environment = TestEnvironment::new();
    environment.write("team/raccord.yaml", &Shop::default().yaml());
    let git = |arguments: &str| {
        let mut command = Command::new("git");
        forget_settings(&mut command);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.current_dir(environment.path().join("team"));
        command.args(["-c", "user.name=Zoe", "-c", "user.email=zoe@example.com"]);
        let output = command.args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "git {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git("init --quiet --initial-branch main");
    git("add .");
    git("commit --quiet --message first");
    let commit = git("rev-parse HEAD");
    let place = format!("file://{}#main", environment.path().join("team").display());
    let daemon = Logged::watch(&environment, &format!("--git {place}"));
    wait_for_generation(&environment, 1);
    let log = daemon.stop();
    assert_says(&log, &[&format!("a new generation is in force generation=1 commit=\"{commit}\"")]);
}

/// A source, a mail server, a chat and a webhook, each with a secret that it shows whenever it can.
fn talkative(api: &str, mail: u16) -> String {
    format!(
        "\
apiVersion: raccord/v1
kind: Stack
metadata: {{name: main}}
spec:
  mail: {{host: 127.0.0.1, port: {mail}, security: none, from: raccord@example.com, username: mailer, password: \"${{env:TOKEN}}\"}}
---
apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec: {{entities: {{person: {{key: id, fields: {{id: text, name: {{type: text, maxLength: 12}}}}}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: shop}}
spec:
  connector: http
  authorization: {{type: apiKey, query: key, value: \"${{env:TOKEN}}\"}}
  config: {{baseUrl: {api}, retry: {{attempts: 2}}, dataTypes: {{people: {{records: data}}}}}}
  webhook:
    verify: {{bearer: \"${{env:TOKEN}}\"}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: people}}
spec:
  source: shop
  to: crm.person
  active: true
  schedule: 1s
  mapping: {{primaryKey: {{id: id}}, fields: {{name: name}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: shop}}
spec:
  active: true
  subscriptions: {{people: [created, updated, deleted]}}
  alerts: [ops@example.com, {{webhook: \"${{env:CHAT}}\"}}]
  breaker: {{consecutiveFailures: 2}}
"
    )
}

/// Sends one request; its status.
fn send(port: u16, head: &str, authorization: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {authorization}\r\nContent-Type: \
         application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Everything that knows a secret happens while a daemon logs all it can; its log must not hold any.
fn is_silent(form: &str) {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let server = HttpServer::start(move |request| {
        let is_chat = request.path.starts_with("/chat");
        if is_chat || failing.load(Ordering::SeqCst) {
            return answer(
                500,
                "Content-Type: text/plain",
                &format!("{} {:?}", request.target, request.headers),
            );
        }
        // The second one is too long for its field, and is rejected.
        json(format!(r#"{{"data":[{{"id":"1","name":"Zq9W"}},{{"id":"2","name":{CANARY:?}}}]}}"#))
    });
    let mail = MailServer::start(&[]);
    let port = free_port();
    let environment = TestEnvironment::with(&[("raccord.yaml", &talkative(&server.url(), mail.port()))])
        .variable("TOKEN", CANARY)
        .variable("CHAT", &format!("{}/chat/Zq9Wx", server.url()))
        .variable("RUST_LOG", "trace");
    let token = environment.ok("token create reader --role read").trim().to_owned();
    let daemon = Logged::watch(&environment, &format!("--listen 127.0.0.1:{port} --log {form}"));
    daemon.wait_for("succeeded");

    let push = "POST /hooks/main/shop/people/created";
    let record = r#"{"id":"Zq9W-3","name":"Zq9W"}"#;
    let statuses = [
        send(port, push, CANARY, record),
        send(port, push, "Zq9W-forged", record),
        send(port, push, CANARY, "{\"id\": Zq9W"),
        send(port, "POST /hooks/main/Zq9W/people/created", CANARY, record),
        send(port, "GET /v1/status", &token, ""),
        send(port, "GET /v1/status", "Zq9W-stranger", ""),
        send(port, "POST /v1/apply?serial=1", &token, record),
        send(port, "GET /metrics", &token, ""),
    ];
    assert_eq!(statuses, [204, 403, 400, 403, 200, 401, 403, 200]);
    daemon.wait_for("a delivery is refused");

    fails.store(true, Ordering::SeqCst);
    daemon.wait_for("disabled");
    wait_until("both alerts were tried", || daemon.said().matches("an alert was not taken").count() >= 2);
    assert!(status(&environment)["outboxError"].is_string());
    environment.write("raccord.yaml", "authorization: {value: Zq9W}");
    daemon.wait_for("the configuration is bad");
    let log = daemon.stop();

    assert!(
        server.requests().iter().any(|request| leak(request.target.as_bytes()).is_some()),
        "none was sent"
    );
    assert!(!log.contains(&token), "the token is in the log");
    let found = leak(log.as_bytes());
    assert!(found.is_none(), "{form}: {found:?}");
}

#[test]
fn no_secret_is_in_a_log_of_text() {
    is_silent("text");
}

#[test]
fn no_secret_is_in_a_log_of_json() {
    is_silent("json");
}
