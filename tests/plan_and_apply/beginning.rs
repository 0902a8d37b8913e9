//! The directory that `raccord init` writes: it does everything from the first minute.

use crate::environment::{TestEnvironment, assert_says};

fn begun() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.ok("init");
    environment
}

#[test]
fn it_validates_applies_runs_and_plans_to_nothing() {
    let environment = begun();
    assert_says(&environment.ok("validate"), &["valid: 5 resources", "0 errors, 0 warnings"]);
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("run"), &["contacts  succeeded  4        3", "raccord rejects list"]);
    assert_eq!(environment.json("records crm.contact --output json").as_array().unwrap().len(), 3);
    environment.run("plan --detailed-exitcode").expect_code(0);
}

#[test]
fn it_is_written_once_and_never_over_something() {
    let environment = begun();
    let said = environment.fails(1, "init");
    assert_says(&said, &["is there already, and nothing was written", "raccord init shop"]);
    let answer = environment.run("init shop").expect_code(0);
    assert_says(&answer.stdout, &["wrote shop/raccord.yaml"]);
    assert_says(&answer.stderr, &["cd shop && raccord apply"]);
}

#[test]
fn its_source_can_be_looked_at_before_anything_is_applied() {
    let environment = begun();
    assert_says(&environment.ok("check files"), &["files.contacts: 1 file: data/contacts.csv"]);
    assert_says(
        &environment.ok("discover files"),
        &["contacts, from 4 records", "first_name", "Zoé", "since", "3/4"],
    );
    let lines = environment.ok("read files contacts --limit 2");
    assert_eq!(lines.lines().count(), 2);
    assert_says(lines.lines().next().unwrap(), &[r#""first_name":"Zoé""#, r#""id":"1""#]);
    let preview = environment.ok("preview contacts");
    assert_says(
        &preview,
        &["fullName \"Zoé Tremblay\"", "since \"2023-02-03\"", "rejected", "1 would be rejected"],
    );
    let json = environment.json("preview contacts --output json");
    assert_eq!(json[3]["field"], "email");
    assert!(!environment.path().join(".raccord").exists(), "looking stores nothing");
}
