//! Mails on their way: servers that are down, refuse or encrypt, and kills at every moment of it. Nothing is lost.

use std::os::unix::process::ExitStatusExt as _;

use super::*;

#[test]
fn a_wrong_password_keeps_the_mail_and_is_never_shown() {
    let server = MailServer::start(&["--password", "another one"]);
    let environment = Shop { mail: plain(&server), ..Shop::default() }.applied();
    trip(&environment);
    let run = environment.fails(1, "run");
    // Nothing is due again yet, so that the last run had nothing to say.
    assert!(!run.contains("alerts not delivered"), "{run}");
    let status = environment.run("status").expect_code(0);
    assert_says(&status.stdout, &["2 alerts not delivered yet", "refused the login: 535", "*** is wrong"]);
    let said = status.stdout + &status.stderr + &environment.ok("status --output json");
    assert!(!said.contains(MailServer::PASSWORD), "{said}");
    let test = environment.run("alert test boutique").expect_code(1);
    assert_says(&test.stdout, &["not sent to ops@example.com: ", "refused the login"]);
    assert!(!(test.stdout + &test.stderr).contains(MailServer::PASSWORD));
    assert_eq!(outbox(&environment), 2, "a test that failed is not tried again");
    assert_eq!(server.messages(), Vec::<Value>::new());

    let mended = environment.variable("MAIL_PASSWORD", "another one");
    assert_says(
        &mended.ok("alert test boutique"),
        &["sent to ops@example.com", "2 alerts that waited were sent"],
    );
    let subjects = subjects(&server);
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert_eq!(outbox(&mended), 0);
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_reference() {
    let server = MailServer::start(&[]);
    let shop = Shop { mail: plain(&server).replace("MAIL_PASSWORD", "NOWHERE"), ..Shop::default() };
    let environment = shop.applied();
    environment.fails(1, "run");
    let said = environment.fails(1, "run");
    assert_says(&said, &["alerts not delivered: ", "${env:NOWHERE}", "is not set"]);
}

#[test]
fn a_mail_waits_for_a_server_that_is_down() {
    let mut server = MailServer::stopped(&[]);
    let shop = Shop { mail: plain(&server), ..Shop::default() };
    let environment = shop.applied();
    environment.fails(1, "run");
    let said = environment.fails(1, "run");
    assert_says(&said, &["alerts not delivered: the mail server localhost:", "cannot be reached", "refused"]);
    environment.fails(1, "run");
    assert_eq!(outbox(&environment), 2);
    server.start_again();
    // The clock stands still, so that nothing is due before it is set forward.
    environment.fails(1, "run");
    assert_eq!(outbox(&environment), 2);
    let later = environment.at("2025-03-14T14:30:05Z");
    later.fails(1, "run");
    assert_eq!(subjects(&server), [HALF_WAY, DISABLED]);
    later.fails(1, "run");
    assert_eq!((subjects(&server).len(), outbox(&later)), (2, Value::from(0)));
}

#[test]
fn what_nobody_takes_for_seven_days_is_given_up() {
    let server = MailServer::stopped(&[]);
    let environment = Shop { mail: plain(&server), ..Shop::default() }.applied();
    trip(&environment);
    let later = environment.at("2025-03-21T13:30:05Z");
    assert_says(&later.fails(1, "run"), &["alerts not delivered: 2 of them given up after 7 days"]);
    assert_eq!(outbox(&later), 0);
}

/// Kills the run that disables the integration at a failpoint; returns what became of the mail.
fn killed_at(failpoint: &str) -> (MailServer, TestEnvironment) {
    let server = MailServer::start(&[]);
    let shop = Shop { mail: plain(&server), breaker: "{consecutiveFailures: 1}", ..Shop::default() };
    let environment = shop.applied();
    let output = environment.command("run").env("RACCORD_FAILPOINT", failpoint).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    (server, environment)
}

#[test]
fn a_kill_before_the_mail_is_handed_over_loses_nothing() {
    let (server, environment) = killed_at("notice.before");
    assert_eq!(server.messages(), Vec::<Value>::new());
    environment.fails(1, "run");
    environment.fails(1, "run");
    assert_eq!(subjects(&server), [DISABLED]);
}

#[test]
fn a_kill_after_the_mail_was_taken_doubles_it_under_the_same_id() {
    let (server, environment) = killed_at("notice.after");
    assert_eq!(subjects(&server), [DISABLED]);
    environment.fails(1, "run");
    environment.fails(1, "run");
    let messages = server.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["headers"], messages[1]["headers"]);
    assert_eq!(messages[0]["raw"], messages[1]["raw"]);
}

#[test]
fn every_kill_of_the_run_that_disables_leaves_one_mail() {
    // Before the trip is committed there is neither trip nor mail; afterwards there are both.
    for failpoint in ["run.end.before", "run.end.after", "commit.durable.after:1", "commit.durable.after:2"] {
        let (server, environment) = killed_at(failpoint);
        let status = environment.json("status --output json");
        let (is_tripped, waiting) = (status["integrations"][0]["state"] == "tripped", &status["outbox"]);
        assert_eq!(is_tripped, *waiting == 1, "{failpoint}: {status:#}");
        drop(environment.run("run"));
        environment.fails(1, "run");
        assert_eq!(subjects(&server), [DISABLED], "{failpoint}");
    }
}

#[test]
fn a_connection_is_encrypted_where_it_is_to_be() {
    for tls in ["starttls", "implicit"] {
        let server = MailServer::start(&["--tls", tls]);
        let environment = Shop { mail: settings(&server, tls), ..Shop::default() }.applied();
        let said = environment.fails(1, "alert test boutique");
        assert_says(&said, &["cannot be reached", "certificate"]);
        assert_eq!(server.messages(), Vec::<Value>::new(), "{tls}");
        let trusting = environment.variable("SSL_CERT_FILE", server.authority().to_str().unwrap());
        trusting.ok("alert test boutique");
        let mail = server.message();
        assert_eq!((&mail["encrypted"], &mail["login"]), (&Value::from(true), &Value::from("mailer")));
    }
}

#[test]
fn no_login_goes_to_a_server_without_tls() {
    let server = MailServer::start(&[]);
    let environment = Shop { mail: settings(&server, "starttls"), ..Shop::default() }.applied();
    let said = environment.fails(1, "alert test boutique");
    assert_says(&said, &["not sent to ops@example.com: ", "STARTTLS is not supported"]);
    assert_eq!(server.messages(), Vec::<Value>::new());
}

#[test]
fn the_clear_is_refused_beyond_this_machine() {
    let mail = "{host: mail.example.com, security: none, from: raccord@shop.example}".to_owned();
    let yaml = Shop { mail, ..Shop::default() }.yaml();
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]);
    let said = environment.fails(1, "validate");
    assert_says(&said, &["in the clear", "loopback", "raccord.yaml:4"]);
}

#[test]
fn a_recipient_that_is_refused_keeps_nobody_else_from_the_mail() {
    let server = MailServer::start(&["--refuse", "gone@example.com"]);
    let shop = Shop {
        mail: plain(&server),
        alerts: "[{email: [gone@example.com, ops@example.com]}]",
        breaker: "{consecutiveFailures: 1}",
        ..Shop::default()
    };
    let environment = shop.applied();
    let said = environment.fails(1, "run");
    assert_says(&said, &["alerts not delivered: gone@example.com: ", "550 5.1.1 nobody of that name here"]);
    assert_eq!(server.message()["recipients"], serde_json::json!(["ops@example.com"]));
    // Refused for good: the next attempt is an hour away, for the one who is left.
    let soon = environment.at("2025-03-14T14:30:04Z");
    soon.fails(1, "run");
    let later = soon.at("2025-03-14T14:30:05Z");
    assert_says(&later.fails(1, "run"), &["alerts not delivered"]);
    assert_eq!(server.messages().len(), 1);
    assert_says(&later.ok("status"), &["1 alert not delivered yet: ", "550"]);
}
