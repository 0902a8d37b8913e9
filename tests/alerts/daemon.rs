//! What a daemon tells by itself.

use super::*;
use crate::daemon::{stop, watch};

/// The same shop for a daemon: read every second, by a clock that goes.
fn scheduled(shop: &Shop<'_>) -> TestEnvironment {
    let yaml = shop.yaml().replace("  active: true\n  mapping", "  active: true\n  schedule: 1s\n  mapping");
    let environment =
        TestEnvironment::with(&[("raccord.yaml", &yaml)]).variable("MAIL_PASSWORD", MailServer::PASSWORD);
    environment.ok("apply --auto-approve");
    environment
}

#[test]
fn a_daemon_delivers_by_itself_once_the_server_is_back() {
    let mut server = MailServer::stopped(&[]);
    let shop = Shop { mail: plain(&server), breaker: "{consecutiveFailures: 1}", ..Shop::default() };
    let environment = scheduled(&shop);
    let daemon = watch(&environment, "");
    wait_until("the first attempt has failed", || environment.ok("status").contains("cannot be reached"));
    server.start_again();
    // The next attempt is 30 s after the first.
    wait_until("the mail is there", || subjects(&server) == [DISABLED]);
    wait_until("nothing waits any more", || outbox(&environment) == 0);
    environment.ok("resume boutique");
    wait_until("the integration is disabled again, and people know", || subjects(&server).len() == 3);
    assert_eq!(subjects(&server)[1..], ["[Raccord] Integration boutique runs again", DISABLED]);
    assert!(stop(daemon).contains("an alert was not taken"));
}

#[test]
fn each_bad_configuration_is_mailed_once() {
    let server = MailServer::start(&[]);
    let api = HttpServer::start(|_| json(r#"{"data": []}"#));
    let environment = scheduled(&Shop { api: &api.url(), mail: plain(&server), ..Shop::default() });
    let daemon = watch(&environment, "");
    let good = environment.read("raccord.yaml");
    let problems = || environment.json("status --output json")["daemon"]["problems"].to_string();
    environment.write("raccord.yaml", &good.replace("  breaker:", "  braeker:"));
    let subject = "[Raccord] The configuration of shop is not valid";
    wait_until("the mail is there", || subjects(&server) == [subject]);
    let text = server.message()["text"].as_str().unwrap().to_owned();
    assert_says(&text, &["has 1 error", "raccord.yaml:", "`braeker`", "raccord validate"]);
    // Another mistake is news; the first one again is none.
    environment.write("raccord.yaml", &good.replace("  breaker:", "  breakr:"));
    wait_until("the second mail is there", || subjects(&server) == [subject, subject]);
    environment.write("raccord.yaml", &good.replace("  breaker:", "  braeker:"));
    wait_until("the daemon has read it", || problems().contains("`braeker`"));
    environment.write("raccord.yaml", &good);
    wait_until("all is well again", || problems() == "null");
    wait_until("nothing waits", || outbox(&environment) == 0);
    assert_eq!(subjects(&server), [subject, subject]);
    stop(daemon);
}

#[test]
fn changes_that_wait_are_mailed_once_until_none_wait() {
    let server = MailServer::start(&[]);
    let api = HttpServer::start(|_| json(r#"{"data": []}"#));
    let environment = scheduled(&Shop { api: &api.url(), mail: plain(&server), ..Shop::default() });
    let mut daemon = watch(&environment, "--policy none");
    let good = environment.read("raccord.yaml");
    let waits = || environment.json("status --output json")["daemon"]["pending"].to_string();
    let subject = "[Raccord] Changes of shop wait for a person";
    let change = |every: &str| environment.write("raccord.yaml", &good.replace("schedule: 1s", every));
    change("schedule: 2s");
    wait_until("the mail is there", || subjects(&server) == [subject]);
    let text = server.message()["text"].as_str().unwrap().to_owned();
    assert_says(
        &text,
        &["not applied without a person", "raccord plan --pending", "raccord apply --pending"],
    );
    // Neither other changes nor a restart are news.
    change("schedule: 3s");
    wait_until("the other change waits", || environment.ok("plan --pending").contains("3s"));
    stop(daemon);
    daemon = watch(&environment, "--policy none");
    wait_until("it waits after a restart", || waits() != "null");
    wait_until("nothing is on its way", || outbox(&environment) == 0);
    assert_eq!(subjects(&server), [subject]);
    environment.ok("apply --pending --auto-approve");
    wait_until("nothing waits", || waits() == "null");
    change("schedule: 4s");
    wait_until("the next change is told", || subjects(&server) == [subject, subject]);
    stop(daemon);
}
