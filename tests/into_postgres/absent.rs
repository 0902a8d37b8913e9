//! A database that is away, or refuses us: everything works that needs none, and what needs one says why it waits.

use super::{NOWHERE, contacts, server, shop_at};
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
    let unset = crate::environment::TestEnvironment::with(&[("raccord.yaml", super::YAML)]);
    assert_says(&unset.fails(1, "check warehouse"), &["${env:WAREHOUSE_URL} is not set"]);
}
