//! A database that is away, or refuses us: everything works that needs none, and what needs one says why it waits.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};

use super::{NOWHERE, YAML, contacts, server, shop_at};
use crate::daemon::{stop, watch};
use crate::environment::{assert_says, wait_until};

#[test]
fn plan_apply_and_status_work_without_the_database_and_a_run_waits_for_its_table() {
    let server = server();
    let shop = shop_at(NOWHERE);
    assert_says(&shop.ok("plan"), &["crm.contacts could not be looked at", "cannot be reached"]);
    let applied = shop.run("apply --auto-approve").expect_code(0);
    assert_says(&applied.stdout, &["applied: generation 1"]);
    assert_says(&applied.stderr, &["the table of crm.contact is not ready", "(1 attempt)"]);
    // Each of these is one more attempt, and none of them a failure that disables the integration.
    for _ in 0..6 {
        assert_says(&shop.fails(1, "run"), &["waiting for its table", "cannot be reached"]);
    }
    let status = shop.json("status --output json");
    assert_eq!(status["integrations"][0]["state"], "active", "{status}");
    assert_eq!((&status["transfers"][0]["rows"], &status["steps"]), (&serde_json::Value::Null, &1.into()));
    assert_says(&shop.ok("status"), &["the rows of `crm` cannot be seen", "runs wait for it"]);
    let shop = shop.variable("WAREHOUSE_URL", &server.url("postgres"));
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
    assert_eq!(shop.json("status --output json")["steps"], 0);
}

#[test]
fn a_database_that_goes_and_comes_back_loses_nothing() {
    let mut server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    server.kill();
    assert_says(&shop.fails(1, "run"), &["cannot be reached"]);
    server.start_again();
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
}

#[test]
fn the_daemon_tries_the_steps_again() {
    let mut server = server();
    let shop = shop_at(&server.url("postgres"));
    server.kill();
    shop.ok("apply --auto-approve");
    let daemon = watch(&shop, "--from dir");
    server.start_again();
    wait_until("the table is made", || shop.json("status --output json")["steps"] == 0);
    stop(daemon);
    shop.ok("plan --detailed-exitcode");
}

#[test]
fn a_check_says_what_is_wrong_with_a_database() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    assert_says(&shop.ok("check warehouse"), &["lets us in"]);
    assert_says(&shop.ok("check crm"), &["lets us in"]);
    server.sql("postgres", "CREATE ROLE stranger LOGIN; REVOKE CREATE ON DATABASE postgres FROM PUBLIC");
    let url = server.url("postgres");
    for (url, said) in [
        (NOWHERE.to_owned(), "cannot be reached"),
        (url.replace("postgres@", "nobody@"), "refuses us"),
        (url.replace("/postgres", "/nowhere"), "nowhere"),
        (url.replace("postgres@", "stranger@"), "refuses us"),
        ("mysql://localhost/crm".to_owned(), "the URL of the database"),
    ] {
        let shop = shop_at(&url);
        assert_says(&shop.fails(1, "check warehouse"), &[said]);
    }
    let unset = crate::environment::TestEnvironment::with(&[("raccord.yaml", YAML)]);
    assert_says(&unset.fails(1, "check warehouse"), &["${env:WAREHOUSE_URL} is not set"]);
}

/// A second project, in another database.
const ANOTHER: &str = r#"---
apiVersion: raccord/v1
kind: Authorization
metadata: {name: depot}
spec: {type: database, url: "${env:DEPOT_URL}", tls: {mode: disable}}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: erp}
spec:
  store: {type: postgres, authorization: depot, schema: erp}
  entities: {contact: {key: externalId, fields: {externalId: text}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: others}
spec: {source: shop, dataType: people, to: erp.contact, active: true, mapping: {primaryKey: {externalId: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: other}
spec: {active: true, subscriptions: {others: [created]}}
"#;

/// The URLs of two databases that are silent until each of them is asked, and then hang up. They end with the process.
fn silent_until_both_are_asked() -> [String; 2] {
    let asked = Arc::new((Mutex::new([false; 2]), Condvar::new()));
    [0, 1].map(|own| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("postgres://postgres@{}/postgres", listener.local_addr().unwrap());
        let asked = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().filter_map(Result::ok) {
                let asked = Arc::clone(&asked);
                std::thread::spawn(move || {
                    // What is left unread makes a reset of the end, and the two databases would give two reasons.
                    assert!(stream.read(&mut [0; 1024]).is_ok());
                    let (both, news) = &*asked;
                    let mut both = both.lock().unwrap();
                    both[own] = true;
                    news.notify_all();
                    drop(news.wait_while(both, |both| *both != [true; 2]).unwrap());
                    drop(stream);
                });
            }
        });
        url
    })
}

#[test]
fn databases_that_do_not_answer_are_asked_at_the_same_time() {
    let server = server();
    let url = server.url("postgres");
    let shop = shop_at(&url).variable("DEPOT_URL", &url);
    shop.write("raccord.yaml", &format!("{YAML}{ANOTHER}"));
    shop.ok("apply --auto-approve");
    // Asked one after another, the first would have been given up after 10 s before the second is asked.
    let look = |verb: &str| {
        let [warehouse, depot] = silent_until_both_are_asked();
        let output =
            shop.command(verb).env("WAREHOUSE_URL", warehouse).env("DEPOT_URL", depot).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.contains("10 s"), "{said}");
        said
    };
    assert_says(&look("plan"), &["tables crm.contacts, erp.contact could not be looked at"]);
    assert_says(&look("status"), &["the rows of `crm` cannot be seen", "the rows of `erp` cannot be seen"]);
    let killed = |verb: &str, without: &str| {
        let mut run = shop.command(verb);
        run.env("RACCORD_FAILPOINT", "run.end.before").env_remove(without);
        assert_eq!(run.output().unwrap().status.code(), None);
    };
    killed("run shop", "NONE");
    // The first stays uncounted while the second is made.
    killed("run other", "WAREHOUSE_URL");
    assert_says(&look("runs --output json"), &["counted once its store answers"]);
    let runs = shop.json("runs --output json");
    assert_eq!(
        (&runs[0]["tally"]["created"], &runs[1]["tally"]["created"]),
        (&2.into(), &2.into()),
        "{runs}"
    );
}
