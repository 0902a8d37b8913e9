//! From a plan to its apply: the person who is asked, the plan that was saved, the part that is targeted.

use insta::assert_snapshot;

use super::{applied, rows, written};
use crate::environment::{TestEnvironment, assert_says};
use crate::shell::Shell;

#[test]
fn where_nobody_can_answer_nothing_is_applied() {
    let environment = written();
    let said = environment.fails(1, "apply");
    assert_says(
        &said,
        &["4 to create", "nobody is there to be asked", "--auto-approve applies without asking"],
    );
    assert_says(&environment.ok("plan"), &["4 to create"]);
}

#[test]
fn exit_codes_tell_a_pipeline_what_there_is() {
    let environment = written();
    environment.run("plan").expect_code(0);
    environment.run("plan --detailed-exitcode").expect_code(2);
    environment.run("apply --auto-approve").expect_code(0);
    environment.run("plan --detailed-exitcode").expect_code(0);
    environment.replace("source.yaml", "connector", "conector");
    environment.run("plan --detailed-exitcode").expect_code(1);
}

#[test]
fn an_apply_of_nothing_makes_no_generation() {
    let environment = applied();
    assert_says(&environment.ok("apply"), &["no changes"]);
    assert_eq!(environment.json("history --output json").as_array().unwrap().len(), 1);
}

#[test]
fn a_saved_plan_is_applied_as_it_is() {
    let environment = applied();
    environment.replace("transfer.yaml", "{id: id}", "{id: name}");
    environment.ok("plan --allow-rekey --out change.plan");
    // What is written afterwards is not part of it.
    environment.replace("integration.yaml", "updated]", "updated, deleted]");
    assert_says(&environment.ok("apply change.plan"), &["1 to update", "applied: generation 2"]);
    assert_eq!(rows(&environment), 0, "the rows went with their keys");
    let plan = environment.ok("plan");
    assert_says(&plan, &["1 to update", "~ Integration/shop"]);
    let said = environment.fails(1, "apply change.plan");
    assert_says(&said, &["the plan is stale", "serial"]);
}

#[test]
fn a_saved_plan_is_refused_with_what_moved() {
    let environment = applied();
    environment.replace("integration.yaml", "updated]", "updated, deleted]");
    environment.ok("plan --out change.plan");
    environment.replace("integration.yaml", "created, updated, deleted]", "deleted]");
    environment.ok("apply --auto-approve");
    let said = environment.fails(1, "apply change.plan");
    assert_says(&said, &["the plan is stale", "of the state", "is in force", "plan again"]);
    assert_says(&environment.ok("status"), &["people: deleted\n"]);
    let said = environment.fails(1, "apply change.plan --state other.redb");
    assert_says(&said, &["it was made for state"]);
}

#[test]
fn a_run_does_not_make_a_plan_stale() {
    let environment = applied();
    environment.replace("integration.yaml", "updated]", "updated, deleted]");
    environment.ok("plan --out change.plan");
    environment.ok("run");
    assert_says(&environment.ok("apply change.plan"), &["applied: generation 2"]);
}

#[test]
fn a_damaged_plan_is_refused() {
    let environment = applied();
    environment.replace("integration.yaml", "updated]", "updated, deleted]");
    environment.ok("plan --out change.plan");
    environment.replace("change.plan", "Integration/shop", "Integration/shap");
    assert_says(&environment.fails(1, "apply change.plan"), &["changed or damaged"]);
    environment.write("change.plan", "kind: Source\n");
    assert_says(&environment.fails(1, "apply change.plan"), &["not a plan that Raccord has saved"]);
    assert_says(&environment.fails(1, "apply nowhere.plan"), &["nowhere.plan"]);
}

#[test]
fn a_saved_plan_that_was_refused_stays_refused() {
    let environment = applied();
    environment.remove("integration.yaml");
    let saved = environment.run("plan --out change.plan").expect_code(1).stderr;
    assert_says(&saved, &["may not be applied as it is: plan again with --allow-delete"]);
    assert!(!saved.contains("raccord apply"), "{saved}");
    let answer = environment.run("apply change.plan").expect_code(1);
    assert_says(&answer.stdout, &["refused: Integration/shop would be deleted"]);
    assert_snapshot!(answer.stderr, @"
    error: the plan may not be applied as it is
      help plan again with --allow-delete, once you have looked at what is lost
    ");
    let saved = environment.run("plan --allow-delete --out change.plan").expect_code(0).stderr;
    assert_says(&saved, &["`raccord apply change.plan` applies it"]);
    environment.ok("apply change.plan");
    assert_says(&environment.ok("plan"), &["no changes"]);
}

/// Runs make no saved plan stale; what they have added and it drops is told.
#[test]
fn a_saved_plan_is_applied_with_the_numbers_of_now() {
    let more = "city: 5 rows are dropped, or lose a value, and not 3";
    for (people, expected) in [("", None), ("4,Dan,Rome\n5,Eve,Bonn\n", Some(more))] {
        let environment = applied();
        let before = ["project.yaml", "transfer.yaml"].map(|name| (name, environment.read(name)));
        environment.replace("project.yaml", ", city: text", "");
        environment.replace("transfer.yaml", ", city: city", "");
        assert_says(&environment.ok("plan --allow-delete --out change.plan"), &["from 3 rows"]);
        for (name, text) in before {
            environment.write(name, &text);
        }
        environment.write("people.csv", &format!("{}{people}", super::PEOPLE));
        environment.ok("run");
        let told = environment.run("apply change.plan").expect_code(0).stderr;
        assert_eq!(told.contains("since the plan was made"), expected.is_some(), "{told}");
        assert_says(&told, expected.as_slice());
    }
}

#[test]
fn the_audit_log_names_the_flags_that_were_given_with_a_saved_plan() {
    let environment = applied();
    for (city, flags) in [("{from: city, transform: [trim]}", ""), ("{from: land}", " --allow-rekey")] {
        environment.replace("transfer.yaml", "city: city", &format!("city: {city}"));
        environment.ok(&format!("plan --out change.plan{flags}"));
        environment.ok("apply change.plan");
        environment.replace("transfer.yaml", &format!("city: {city}"), "city: city");
        let entries = environment.json("audit --output json");
        let what = entries[0]["what"].as_str().unwrap();
        assert!(what.starts_with("apply default"), "{what}");
        assert_eq!(
            what.split_once(" --").map_or("", |(_, flags)| flags),
            flags.trim_start_matches(" --"),
            "{what}"
        );
    }
}

#[test]
fn a_target_and_what_it_depends_on_are_applied_alone() {
    let environment = written();
    let plan = environment.ok("plan --target Transfer/people");
    assert_says(&plan, &["+ Project/crm", "+ Source/shop", "+ Transfer/people"]);
    assert!(!plan.contains("Integration"), "{plan}");
    environment.ok("apply --auto-approve --target Transfer/people");
    assert_says(&environment.ok("plan"), &["1 to create", "+ Integration/shop"]);
    environment.ok("plan --target Integration/shop --out change.plan");
    environment.ok("apply change.plan");
    assert_says(&environment.ok("plan"), &["no changes"]);
    let said = environment.fails(1, "plan --target Transfer/poeple");
    assert_says(&said, &["Transfer/poeple"]);
    assert_says(&environment.fails(64, "plan --target people"), &["--target"]);
}

#[test]
fn variables_come_from_the_command_line_before_the_stack() {
    let environment = written();
    environment.replace("source.yaml", "people.csv", "\"${var:file}.csv\"");
    assert_says(&environment.fails(1, "plan"), &["unset-variable", "source.yaml:4", "`file`"]);
    environment.write(
        "raccord.yaml",
        "apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: mine}\nspec: {variables: {file: nothing}}\n",
    );
    environment.ok("apply --auto-approve --var file=people");
    environment.ok("run");
    assert_eq!(rows(&environment), 3);
    assert_says(&environment.ok("plan"), &["people.csv", "nothing.csv"]);
    environment.fails(64, "plan --var file");
}

#[test]
fn documents_come_from_standard_input_or_several_places() {
    let environment = written();
    assert_says(&environment.ok("validate -f project.yaml"), &["valid: 1 resource"]);
    assert_says(&environment.ok("validate -f project.yaml -f source.yaml"), &["valid: 2 resources"]);
    assert_says(&environment.fails(1, "validate -f -"), &["no-documents"]);
}

/// People of a file, who go into the embedded store.
const PEOPLE: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {person: {key: id, fields: {id: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: files}
spec: {connector: file, config: {dataTypes: {people: {path: people.csv}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: files, to: crm.person, active: true, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: files}
spec: {active: true, subscriptions: {people: [created]}}
";

#[test]
fn a_file_means_the_same_however_it_is_named() {
    let environment =
        TestEnvironment::with(&[("shop.yaml", PEOPLE), ("people.csv", "id\n1\n"), ("below/empty.txt", "")]);
    let absolute = environment.path().join("shop.yaml");
    let names = ["shop.yaml", "./shop.yaml", "below/../shop.yaml", absolute.to_str().unwrap()];
    for name in names {
        environment.ok(&format!("apply --auto-approve -f {name}"));
        environment.ok("run");
        for other in names {
            environment.ok(&format!("plan --detailed-exitcode -f {other}"));
        }
    }
    assert_eq!(environment.ok("records crm.person --output jsonl").lines().count(), 1);
}

#[test]
fn a_directory_that_was_copied_with_its_state_says_where_files_are_read() {
    let environment =
        TestEnvironment::with(&[("first/raccord.yaml", PEOPLE), ("first/people.csv", "id\n1\n")]);
    let shell = Shell::new(&environment);
    let script = |line: &str| {
        let answer = shell.run(&environment, line).expect_code(0);
        answer.stdout + &answer.stderr
    };
    script(
        "cd first && raccord apply --auto-approve && raccord run && cp -r . ../second && echo 2 >> ../second/people.csv",
    );
    let moved = "where generation 1 was applied, and not below";
    assert!(script("cd second && raccord run").contains(moved));
    assert!(script("cd second && raccord status").contains(moved));
    script("cd second && raccord apply --auto-approve");
    let said = script("cd second && raccord run && raccord plan --detailed-exitcode");
    assert!(said.contains("2        1") && !said.contains(moved), "{said}");
}
