//! What people are told of what does not happen: a run that is not made, YAML that is not applied, a list that is cut.

use crate::environment::{TestEnvironment, assert_says};
use crate::shop::{NAME_AND_EMAIL, Shop};

fn shop() -> TestEnvironment {
    let environment = Shop::default().applied();
    environment.write("people.csv", "id,name\n1,Ann\n");
    environment
}

#[test]
fn a_run_of_what_stands_still_ends_with_1_and_says_so() {
    let environment = shop();
    environment.ok("pause shop --until 2h --reason moving");
    for command in ["run", "run shop", "run shop --output json"] {
        assert_says(&environment.fails(1, command), &["it is paused", "raccord resume shop"]);
    }
    assert_says(&environment.ok("resume shop"), &["it was paused"]);
    environment.ok("run");
    environment.replace(
        "raccord.yaml",
        "  active: true\n  subscriptions",
        "  active: false\n  subscriptions",
    );
    environment.ok("apply --auto-approve");
    assert_says(&environment.fails(1, "run shop"), &["shop did not run: it is not active"]);
    environment.ok("run");
}

#[test]
fn a_transfer_that_nothing_wants_is_told() {
    let environment = shop();
    environment.ok("run");
    assert!(!environment.ok("status").contains("note"), "there is nothing to say");
    environment.replace(
        "raccord.yaml",
        "  active: true\n  subscriptions",
        "  active: false\n  subscriptions",
    );
    environment.ok("apply --auto-approve");
    let note = "the transfer `people` is active and never runs: no active integration subscribes to it";
    for command in ["status", "run", "status --output json", "run --output json"] {
        assert_says(&environment.ok(command), &[note]);
    }
}

#[test]
fn yaml_that_is_not_applied_is_told() {
    let environment = shop();
    environment.replace("raccord.yaml", "created, updated", "created");
    let note = "the YAML differs from the applied generation 1 by 1 change: `raccord plan` shows them";
    for command in ["status", "run", "status --output json", "run --output json"] {
        assert_says(&environment.ok(command), &[note]);
    }
    environment.write("raccord.yaml", "apiVersion: raccord/v1\nkind: Project\n");
    for command in ["status", "run"] {
        assert_says(&environment.ok(command), &["is not what is applied; `raccord validate` shows them"]);
    }
    environment.remove("raccord.yaml");
    assert!(!environment.ok("status").contains("note"), "a directory without YAML says nothing");
    assert_says(&environment.ok("run --var CITY=Oslo"), &["--var changes nothing here"]);
}

#[test]
fn rejects_are_counted_by_reason_and_field() {
    let environment = Shop { fields: NAME_AND_EMAIL, ..Shop::default() }.applied();
    let bad: String = (1..=30).map(|id| format!("{id},N{id},wrong{id}\n")).collect();
    environment
        .write("people.csv", &format!("id,name,email\n40,Ann,ann@example.com\n{bad},Nil,nil@example.com\n"));
    environment.ok("run");
    assert_says(&environment.ok("rejects list"), &["\n20 of 31 rejects; ", "--summary"]);
    assert_eq!(environment.json("rejects list --output json").as_array().unwrap().len(), 31);
    let groups = environment.json("rejects list --summary --output json");
    let group = &groups[0];
    assert_eq!((&group["count"], &group["field"]), (&30.into(), &"email".into()), "{groups:#}");
    assert_eq!(group["reason"], "the value `…` is not an e-mail address");
    assert_eq!((groups.as_array().unwrap().len(), &groups[1]["count"]), (2, &1.into()));
    assert_says(&environment.ok("rejects list --summary"), &["30     people    email"]);
}

#[test]
fn no_reading_verb_makes_a_state() {
    let environment = TestEnvironment::with(&[("raccord.yaml", &Shop::default().yaml())]);
    environment.write("people.csv", "id,name\n1,Ann\n");
    let plan = environment.run("plan --state mistyped/state.redb --sample --out change.plan").expect_code(0);
    assert_says(&plan.stdout, &["4 to create"]);
    assert_says(&plan.stderr, &["there is no state at mistyped/state.redb yet"]);
    for verb in ["status", "runs", "records crm.contact", "rejects list", "history", "audit", "export", "run"]
    {
        let said = environment.fails(1, &format!("{verb} --state mistyped/state.redb"));
        assert_says(&said, &["there is no state at mistyped/state.redb"]);
    }
    assert_says(&environment.fails(1, "apply --state mistyped/state.redb"), &["nothing was applied"]);
    assert!(!environment.path().join("mistyped").exists(), "nothing of it was made");
    assert_says(&environment.ok("apply change.plan"), &["applied: generation 1"]);
    let again = environment.fails(1, "apply change.plan");
    assert_says(&again, &["it was made where there was no state, and there is one now"]);
}

#[test]
fn of_many_mistakes_the_first_are_shown_and_the_last_line_counts_them() {
    let documents: Vec<String> = (0..283)
        .map(|number| {
            format!(
                "apiVersion: raccord/v1\nkind: Stack\nmetadata: {{name: s}}\nspec: {{wrong{number}: 1}}\n"
            )
        })
        .collect();
    let environment = TestEnvironment::with(&[("raccord.yaml", &documents.join("---\n"))]);
    let said = environment.fails(1, "validate");
    assert_says(&said, &["and 263 more; --all shows them"]);
    assert_eq!(said.matches("unknown-field").count(), 20);
    assert_says(said.lines().last().unwrap(), &["not valid", "283 errors"]);
    assert_eq!(environment.fails(1, "validate --all").matches("unknown-field").count(), 283);
    let said = environment.fails(1, "plan");
    assert_says(&said, &["and 263 more; `raccord validate --all` shows them"]);
    assert_says(said.lines().last().unwrap(), &["the configuration has 283 errors"]);
    assert_eq!(
        environment.run("validate --output json").json().as_array().unwrap().len(),
        283,
        "tools see all"
    );
}
