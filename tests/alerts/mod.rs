//! Alerts as people get them: a mail server that others wrote, a webhook, sources that fail.

mod daemon;
mod delivery;

use serde_json::Value;

use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{HttpServer, json, status};
use crate::mail_server::MailServer;

/// A shop whose mails go through a server, and whose alerts are what a test says. The customers come over HTTP.
struct Shop<'a> {
    api: &'a str,
    mail: String,
    alerts: &'a str,
    breaker: &'a str,
}

impl Default for Shop<'_> {
    fn default() -> Self {
        Self {
            api: "http://127.0.0.1:1",
            mail: String::new(),
            alerts: "[ops@example.com]",
            breaker: "{consecutiveFailures: 3}",
        }
    }
}

impl Shop<'_> {
    fn yaml(&self) -> String {
        let Self { api, mail, alerts, breaker } = self;
        let stack = if mail.is_empty() { "{}".to_owned() } else { format!("{{mail: {mail}}}") };
        format!(
            "\
apiVersion: raccord/v1
kind: Stack
metadata: {{name: shop}}
spec: {stack}
---
apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec:
  entities:
    contact: {{key: id, fields: {{id: text, email: {{type: email, required: true}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: boutique}}
spec:
  connector: http
  authorization: {{type: none}}
  config:
    baseUrl: {api}
    retry: {{attempts: 1}}
    dataTypes: {{customers: {{records: data}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: customers}}
spec:
  source: boutique
  to: crm.contact
  active: true
  mapping: {{primaryKey: {{id: id}}, fields: {{email: email}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: boutique}}
spec:
  active: true
  subscriptions: {{customers: [created, updated]}}
  alerts: {alerts}
  breaker: {breaker}
"
        )
    }

    /// Applied, with the password of the mail server in the environment.
    fn applied(&self) -> TestEnvironment {
        let environment = TestEnvironment::with(&[("raccord.yaml", &self.yaml())])
            .at("2025-03-14T13:30:05Z")
            .variable("TZ", "America/Montreal")
            .variable("MAIL_PASSWORD", MailServer::PASSWORD);
        environment.ok("apply --auto-approve");
        environment
    }
}

/// The settings of a mail server without TLS.
fn plain(server: &MailServer) -> String {
    settings(server, "none")
}

fn settings(server: &MailServer, security: &str) -> String {
    format!(
        "{{host: localhost, port: {}, security: {security}, from: raccord@shop.example, username: mailer, \
         password: \"${{env:MAIL_PASSWORD}}\"}}",
        server.port()
    )
}

/// Runs until the integration is disabled: each run fails.
fn trip(environment: &TestEnvironment) {
    for _ in 0..3 {
        environment.fails(1, "run");
    }
}

fn subjects(server: &MailServer) -> Vec<String> {
    let messages = server.messages();
    messages.iter().map(|message| message["subject"].as_str().unwrap().to_owned()).collect()
}

fn outbox(environment: &TestEnvironment) -> Value {
    environment.json("status --output json")["outbox"].clone()
}

const DISABLED: &str = "[Raccord] Integration boutique was disabled";
const HALF_WAY: &str = "[Raccord] Integration boutique may soon be disabled";

#[test]
fn a_failing_source_trips_its_integration_and_the_mail_comes_once() {
    let server = MailServer::start(&[]);
    let api = HttpServer::start(|_| status(500));
    let url = api.url();
    let shop = Shop { api: &url, mail: plain(&server), ..Shop::default() };
    let environment = shop.applied();
    environment.fails(1, "run");
    assert_eq!(subjects(&server), Vec::<String>::new());
    environment.fails(1, "run");
    assert_eq!(subjects(&server), [HALF_WAY]);
    environment.fails(1, "run");
    assert_eq!(subjects(&server), [HALF_WAY, DISABLED]);
    environment.fails(1, "run");
    environment.fails(1, "run");
    assert_eq!(subjects(&server).len(), 2, "everything is told once");

    let messages = server.messages();
    let (warning, mail) = (&messages[0], &messages[1]);
    assert_says(
        warning["text"].as_str().unwrap(),
        &["failed 2 times in a row", "At 3 failures in a row", "answered 500"],
    );
    assert_eq!(mail["sender"], "raccord@shop.example");
    assert_eq!(mail["recipients"], serde_json::json!(["ops@example.com"]));
    assert_eq!(mail["login"], "mailer");
    assert_eq!(mail["form"], "multipart/alternative");
    assert_eq!(mail["defects"], serde_json::json!([]));
    let headers = &mail["headers"];
    assert_eq!(headers["From"], "Raccord <raccord@shop.example>");
    assert_eq!(headers["To"], "ops@example.com");
    assert_eq!(headers["Date"], "Fri, 14 Mar 2025 13:30:05 +0000");
    assert_eq!(headers["Auto-Submitted"], "auto-generated");
    let id = headers["Message-ID"].as_str().unwrap();
    assert!(id.starts_with('<') && id.ends_with("@raccord.shop.example>"), "{id}");
    let error = format!("{url}/customers answered 500");
    for part in ["text", "html"] {
        assert_says(
            mail[part].as_str().unwrap(),
            &[
                "disabled on 14 March 2025 at 09:30 (America/Montreal): the transfer customers failed 3 times in a row.",
                &error,
                "No record waits as a reject.",
                "raccord resume boutique",
                "raccord status",
                "stack shop",
            ],
        );
    }
    assert_eq!(outbox(&environment), 0);

    environment.ok("resume boutique");
    assert_eq!(outbox(&environment), 1);
    environment.fails(1, "run");
    let resumed = server.messages().remove(2);
    assert_eq!(resumed["headers"]["Subject"], "[Raccord] Integration boutique runs again");
    assert_says(
        resumed["text"].as_str().unwrap(),
        &["started again", "by tester", "failed 3 times in a row"],
    );
    environment.ok("resume boutique");
    environment.fails(1, "run");
    assert_eq!(subjects(&server).len(), 3, "there was nothing to resume");
}

#[test]
fn rejects_trip_and_are_counted_in_a_french_mail() {
    let server = MailServer::start(&[]);
    let records: Vec<String> = (0..9).map(|id| format!(r#"{{"id": "{id}", "email": "none"}}"#)).collect();
    let body = format!(r#"{{"data": [{{"id": "a", "email": "a@b.ca"}}, {}]}}"#, records.join(", "));
    let api = HttpServer::start(move |_| json(&body));
    let url = api.url();
    let shop = Shop {
        api: &url,
        mail: plain(&server),
        alerts: "[{email: [ops@example.com, direction@example.com], language: fr}]",
        breaker: "{rejects: {count: 9, within: 1h}}",
    };
    let environment = shop.applied();
    environment.fails(1, "run");
    let mail = server.message();
    assert_eq!(mail["headers"]["Subject"], "[Raccord] L’intégration «\u{a0}boutique\u{a0}» a été désactivée");
    assert_eq!(mail["headers"]["To"], "direction@example.com, ops@example.com");
    let text = mail["text"].as_str().unwrap().replace('\u{a0}', "~");
    assert_says(
        &text,
        &[
            "a été désactivée le 14~mars 2025 à 9~h~30 (fuseau America/Montreal)~: 9~enregistrements ont été rejetés en 1~h, \
             les plus récents lors du transfert «~customers~».",
            "9~enregistrements rejetés sont en attente (transfert «~customers~»).",
            "relancez l’intégration~:\n    raccord resume boutique",
            "raccord rejects list --transfer customers",
            "aux destinataires des alertes de l’intégration «~boutique~» (pile «~shop~»).",
        ],
    );
    assert_says(mail["html"].as_str().unwrap(), &["<html lang=\"fr\">", "raccord resume boutique"]);
}

#[test]
fn a_webhook_gets_json_and_its_url_is_never_shown() {
    let server = MailServer::start(&[]);
    let chat =
        HttpServer::start(|request| if request.path.ends_with("gone") { status(404) } else { json("ok") });
    let shop = Shop {
        mail: plain(&server),
        alerts: "[ops@example.com, {webhook: \"${env:CHAT}\", language: fr}]",
        breaker: "{consecutiveFailures: 1}",
        ..Shop::default()
    };
    let secret = format!("{}/services/T0000/hunter2secret", chat.url());
    let environment = shop.applied().variable("CHAT", &secret);
    environment.fails(1, "run");
    assert_eq!(subjects(&server), [DISABLED]);
    let requests = chat.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    assert_eq!(requests[0].path, "/services/T0000/hunter2secret");
    assert_eq!(requests[0].headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_says(
        body["text"].as_str().unwrap(),
        &["*[Raccord] L’intégration", "```raccord resume boutique```"],
    );
    let about = &body["raccord"]["about"]["tripped"];
    assert_eq!((&body["raccord"]["stack"], &about["integration"]), (&"shop".into(), &"boutique".into()));
    assert_eq!(about["trip"]["cause"]["consecutiveFailures"], 1);

    let broken = environment.variable("CHAT", &format!("{secret}/gone"));
    let test = broken.run("alert test boutique").expect_code(1);
    let expected = "not sent to webhook ${env:CHAT}: the webhook answered 404: {\"error\":404}\nsent to ops@example.com\n";
    assert_eq!(test.stdout, expected);
    broken.ok("resume boutique");
    broken.fails(1, "run");
    let said = broken.ok("status") + &broken.ok("plan") + &broken.ok("export") + &test.stdout + &test.stderr;
    assert!(!said.contains("hunter2secret"), "{said}");
    assert_says(&said, &["alerts: webhook ${env:CHAT}, ops@example.com"]);
}

#[test]
fn a_test_says_of_everybody_what_became_of_it() {
    let server = MailServer::start(&[]);
    let shop = Shop { mail: plain(&server), ..Shop::default() };
    let environment = shop.applied();
    assert_eq!(environment.ok("alert test boutique"), "sent to ops@example.com\n");
    let mail = server.message();
    assert_eq!(mail["headers"]["Subject"], "[Raccord] Test of the alerts of boutique");
    assert_eq!(outbox(&environment), 0);
    assert_says(&environment.fails(1, "alert test boutik"), &["no integration `boutik`", "boutique"]);
    environment.replace("raccord.yaml", "[ops@example.com]", "[]");
    environment.ok("apply --auto-approve");
    assert_says(&environment.fails(1, "alert test boutique"), &["has no recipients"]);
}

#[test]
fn an_alert_without_a_mail_server_is_warned_of_and_waits() {
    let shop = Shop { breaker: "{consecutiveFailures: 1}", ..Shop::default() };
    let environment = shop.applied();
    assert_says(&environment.ok("validate"), &["the stack has no mail server"]);
    assert_says(&environment.fails(1, "run"), &["alerts not delivered: the stack has no mail server"]);
    let server = MailServer::start(&[]);
    environment.replace("raccord.yaml", "spec: {}", &format!("spec: {{mail: {}}}", plain(&server)));
    environment.ok("apply --auto-approve");
    let later = environment.at("2025-03-14T13:31:05Z");
    later.fails(1, "run");
    assert_eq!(subjects(&server), [DISABLED]);
}

#[test]
fn an_apply_that_resumes_is_told() {
    let server = MailServer::start(&[]);
    let shop = Shop { mail: plain(&server), breaker: "{consecutiveFailures: 1}", ..Shop::default() };
    let environment = shop.applied();
    environment.fails(1, "run");
    environment.replace("raccord.yaml", "retry: {attempts: 1}", "retry: {attempts: 2, maxWait: 1s}");
    assert_says(&environment.ok("apply --auto-approve"), &["boutique"]);
    environment.fails(1, "run");
    let expected = [DISABLED, "[Raccord] Integration boutique runs again", DISABLED];
    let mut subjects = subjects(&server);
    subjects.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(subjects, expected);
}

#[test]
fn a_held_run_asks_for_approval_once() {
    let server = MailServer::start(&[]);
    let shop = Shop { mail: plain(&server), ..Shop::default() };
    let snapshot = shop.yaml().replace("[created, updated]", "[created, updated, deleted]").replace(
        "  active: true\n  mapping",
        "  active: true\n  deletes: {snapshot: {maxShare: 10%}}\n  mapping",
    );
    let api = HttpServer::start(|request| {
        let count = request.number("count").unwrap();
        let records: Vec<String> =
            (0..count).map(|id| format!(r#"{{"id": "{id}", "email": "a{id}@b.ca"}}"#)).collect();
        json(format!(r#"{{"data": [{}]}}"#, records.join(", ")))
    });
    let with = |count: usize| {
        let path = format!("{{customers: {{records: data, query: {{count: {count}}}}}}}");
        snapshot.replace("{customers: {records: data}}", &path).replace("http://127.0.0.1:1", &api.url())
    };
    let environment =
        TestEnvironment::with(&[("raccord.yaml", &with(20))]).variable("MAIL_PASSWORD", MailServer::PASSWORD);
    environment.ok("apply --auto-approve");
    environment.ok("run");
    environment.write("raccord.yaml", &with(10));
    environment.ok("apply --auto-approve");
    environment.ok("run");
    let mail = server.message();
    assert_eq!(mail["headers"]["Subject"], "[Raccord] A run of customers waits for approval");
    let held = environment.json("runs --output json")[0]["id"].as_str().unwrap().to_owned();
    assert_says(
        mail["text"].as_str().unwrap(),
        &["10 of the 20 rows of crm.contact", &format!("raccord approve {held}")],
    );
    environment.ok("run");
    assert_eq!(server.messages().len(), 1, "people know of it");
}
