//! An integration that a daemon disables, and the mail about it: a real mail server, a source that really fails, and
//! kills at any moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{status, stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{self, HttpServer, json};
use crate::mail_server::MailServer;

/// How many daemons are killed, unless a recipe says otherwise.
const KILLS: u32 = 4;

/// Within what time a daemon is killed, in milliseconds: three failures a second apart disable the integration.
const MOMENTS: u64 = 3_500;

/// A shop whose customers are read every second, and whose alerts go to a server that wants a login.
fn shop(name: &str, api: &str, server: &MailServer) -> TestEnvironment {
    let yaml = format!(
        "apiVersion: raccord/v1
kind: Stack
metadata: {{name: shop}}
spec:
  language: fr
  mail: {{host: 127.0.0.1, port: {}, security: none, from: raccord@example.com, username: mailer, password: \
         \"${{env:MAIL_PASSWORD}}\"}}
---
apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec: {{entities: {{contact: {{key: id, fields: {{id: text, name: text}}}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: {name}}}
spec:
  connector: http
  authorization: {{type: none}}
  config: {{baseUrl: {api}, retry: {{attempts: 1}}, dataTypes: {{customers: {{records: data}}}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: customers}}
spec:
  source: {name}
  to: crm.contact
  active: true
  schedule: 1s
  mapping: {{primaryKey: {{id: id}}, fields: {{name: name}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: {name}}}
spec:
  active: true
  subscriptions: {{customers: [created, updated]}}
  alerts: [ops@example.com]
  breaker: {{consecutiveFailures: 3}}
",
        server.port()
    );
    TestEnvironment::with(&[("raccord.yaml", &yaml)]).variable("MAIL_PASSWORD", MailServer::PASSWORD)
}

/// The Message-IDs of the mails that say that an integration was disabled, one for each mail.
fn mails(server: &MailServer, name: &str) -> Vec<String> {
    let messages = server.messages().into_iter();
    let about = messages.filter(|message| {
        let subject = message["headers"]["Subject"].as_str().unwrap();
        subject.contains(&format!("\u{a0}{name}\u{a0}")) && subject.ends_with("a été désactivée")
    });
    about.map(|message| message["headers"]["Message-ID"].as_str().unwrap().to_owned()).collect()
}

fn state(environment: &TestEnvironment) -> String {
    status(environment)["integrations"][0]["state"].as_str().unwrap_or_default().to_owned()
}

fn outbox(environment: &TestEnvironment) -> u64 {
    status(environment)["outbox"].as_u64().unwrap()
}

#[test]
fn the_mail_comes_through_kills_and_a_server_that_was_down() {
    let kills = std::env::var("RACCORD_MAIL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let (mut server, mut doubled, mut before) = (MailServer::start(&[]), 0, 0);
    for kill in 0..kills {
        let name = format!("shop-{kill}");
        let api = HttpServer::start(|_| http_server::status(500));
        let environment = shop(&name, &api.url(), &server);
        let was_down = kill % 3 == 1;
        if was_down {
            server.stop();
        }
        let daemon = watch(&environment, "");
        wait_for_generation(&environment, 1);
        let moment = moment_of(kill);
        std::thread::sleep(Duration::from_millis(moment));
        daemon.signal("KILL");
        daemon.wait();
        before += u32::from(state(&environment) != "tripped");
        let daemon = watch(&environment, "");
        wait_until("the integration is disabled", || state(&environment) == "tripped");
        if was_down {
            server.start_again();
        }
        wait_until("nothing waits to be told", || outbox(&environment) == 0);
        stop(daemon);
        let mails = mails(&server, &name);
        let ids: BTreeSet<&String> = mails.iter().collect();
        assert_eq!(ids.len(), 1, "{name}, killed after {moment} ms: {mails:?}");
        assert!(mails.len() <= 2, "{name}, killed after {moment} ms: {mails:?}");
        doubled += mails.len() - 1;
    }
    println!(
        "{kills} kills, {before} before the integration was disabled; {doubled} mails came twice, under one id"
    );
}

/// The moment of a kill, in milliseconds: the same in every run, and scattered.
fn moment_of(kill: u32) -> u64 {
    (u64::from(kill) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) % MOMENTS
}

#[test]
fn a_person_resumes_what_the_daemon_disabled() {
    let server = MailServer::start(&[]);
    let is_well = Arc::new(AtomicBool::new(false));
    let health = Arc::clone(&is_well);
    let api = HttpServer::start(move |_| {
        if health.load(Ordering::SeqCst) {
            json(r#"{"data": [{"id": "1", "name": "Ann"}]}"#)
        } else {
            http_server::status(500)
        }
    });
    let environment = shop("boutique", &api.url(), &server);
    let daemon = watch(&environment, "");
    wait_until("the integration is disabled", || state(&environment) == "tripped");
    wait_until("the mail is there", || mails(&server, "boutique").len() == 1);
    let asked = api.requests().len();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(api.requests().len(), asked, "a disabled integration ran");
    assert_says(&environment.ok("status"), &["tripped", "raccord resume boutique"]);
    is_well.store(true, Ordering::SeqCst);
    environment.ok("resume boutique");
    wait_until("it runs again", || environment.ok("records crm.contact --output jsonl").contains("Ann"));
    wait_until("the note is there", || {
        server
            .messages()
            .iter()
            .any(|message| message["headers"]["Subject"].as_str().unwrap().ends_with("est relancée"))
    });
    stop(daemon);
}
