//! One state, one owner: every verb reaches the daemon without being told to, and many at once.

use super::{status, stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{HttpServer, json};
use crate::shop::{NAME_AND_EMAIL, Shop};

/// A shop that runs on demand, and a daemon on it.
fn shop() -> TestEnvironment {
    TestEnvironment::with(&[
        ("raccord.yaml", &Shop { fields: NAME_AND_EMAIL, ..Shop::default() }.yaml()),
        ("people.csv", "id,name,email\n1,Ann,ann@example.com\n2,Ben,nonsense\n"),
    ])
}

#[test]
fn every_verb_works_beside_a_daemon_as_it_does_without() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    assert_says(&environment.ok("run"), &["people    succeeded  2"]);
    assert_says(&environment.ok("plan"), &["no changes"]);
    for verb in [
        "history",
        "runs",
        "records crm.contact",
        "explain crm.contact 1",
        "rejects list",
        "rejects replay people",
        "export",
        "state info",
        "state check",
        "state backup copy.redb",
        "pause shop --until 2h",
        "resume shop",
        "resync people",
        "check shop",
        "discover shop",
        "preview people",
        "graph",
        "apply --auto-approve",
    ] {
        environment.ok(verb);
    }
    assert!(environment.path().join("copy.redb").exists());
    assert_says(&environment.fails(1, "resume nobody"), &["there is no integration `nobody`"]);
    assert_says(
        &environment.fails(1, "run people"),
        &["no integration `people`; `people` is a transfer of `shop`"],
    );
    stop(daemon);
    // What was done through the daemon is in the state.
    assert_eq!(environment.ok("records crm.contact --output jsonl").lines().count(), 1);
}

#[test]
fn a_source_is_looked_at_where_the_secrets_are() {
    let service = HttpServer::start(|_| json(r#"{"data": [{"id": "1"}]}"#));
    let source = format!(
        "{{connector: http, authorization: {{type: bearer, token: '${{env:TOKEN}}'}}, config: {{baseUrl: '{}', \
         dataTypes: {{people: {{records: data}}}}}}}}",
        service.url()
    );
    let shop = Shop { source: &source, ..Shop::default() };
    let environment = TestEnvironment::with(&[("raccord.yaml", &shop.yaml())]).variable("TOKEN", "let me in");
    let daemon = watch(&environment, "");
    let without = |verb: &str| environment.command(verb).env_remove("TOKEN").output().unwrap();
    for verb in ["check shop", "discover shop", "read shop people", "preview people"] {
        let output = without(verb);
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    }
    stop(daemon);
    assert_eq!(without("check shop").status.code(), Some(1), "nobody else has the secret");
    // The other way round it is told that a daemon was asked, and which.
    let mut command = environment.command("watch --debounce 50");
    let mut daemon = command.env_remove("TOKEN").stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("the daemon answers", || status(&environment)["daemon"].is_object());
    for verb in ["check shop", "run"] {
        let said = environment.fails(1, verb);
        let process = format!("process {} on", daemon.id());
        assert_says(&said, &["TOKEN} is not set where this runs", "the daemon `watch`", &process]);
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let alone = environment.command("check shop").env_remove("TOKEN").output().unwrap();
    assert!(!String::from_utf8_lossy(&alone.stderr).contains("the daemon"), "{alone:?}");
}

#[test]
fn twenty_at_once_are_all_answered() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    environment.ok("run");
    let verbs = ["status", "plan", "apply --auto-approve", "records crm.contact", "runs"];
    let started: Vec<_> = (0..20).map(|number| environment.start(verbs[number % verbs.len()])).collect();
    for started in started {
        started.wait().expect_code(0);
    }
    stop(daemon);
}

#[test]
fn a_run_through_the_daemon_shows_progress_and_can_be_stopped() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    let report = environment.json("run --output json");
    assert_eq!(report["runs"][0]["tally"]["fetched"], 2);
    assert_eq!(report["runs"][0]["cause"], "requested");
    environment.ok("pause shop");
    wait_until("the pause is known", || status(&environment)["integrations"][0]["state"] == "paused");
    assert_says(&environment.fails(1, "run"), &["it is paused"]);
    stop(daemon);
}
