//! Generations: listed, gone back to, exported; and the file they are kept in.

use std::process::Command;

use super::{applied, rows, written};
use crate::environment::{TestEnvironment, assert_says};

#[test]
fn every_apply_is_a_generation_with_its_author_and_its_changes() {
    let environment = applied();
    environment.replace("integration.yaml", "updated]", "updated, deleted]");
    environment.ok("apply --auto-approve");
    assert_says(
        &environment.ok("history"),
        &["2           2025-01-31T09:30:00Z  tester  1        ~ Integration/shop", "\n1 ", "+ Project/crm"],
    );
    assert_eq!(environment.json("history --limit 1 --output json")[0]["number"], 2);
}

#[test]
fn people_read_instants_to_the_second_and_tools_the_whole_of_them() {
    let environment = written().at("2025-01-31T09:30:00.123456789Z");
    environment.ok("apply --auto-approve");
    environment.ok("run");
    for verb in ["history", "runs", "status"] {
        let said = environment.ok(verb);
        assert!(said.contains("2025-01-31T09:30:00Z") && !said.contains(".123456789"), "{verb}:\n{said}");
        assert_says(&environment.ok(&format!("{verb} --output json")), &["2025-01-31T09:30:00.123456789Z"]);
    }
}

#[test]
fn an_author_without_a_name_is_a_number_or_root() {
    let environment = written().variable("USER", "").variable("LOGNAME", "");
    environment.ok("apply --auto-approve");
    let id = Command::new("id").arg("-ru").output().unwrap().stdout;
    let author = match String::from_utf8(id).unwrap().trim() {
        "0" => "root".to_owned(),
        id => format!("uid {id}"),
    };
    assert_eq!(environment.json("history --output json")[0]["by"], author);
    let named = environment.variable("RACCORD_USER", "release-bot");
    named.replace("integration.yaml", "updated]", "updated, deleted]");
    named.ok("apply --auto-approve");
    assert_eq!(named.json("history --output json")[0]["by"], "release-bot");
}

#[test]
fn going_back_is_a_new_generation_with_a_plan_of_its_own() {
    let environment = applied();
    environment.replace("transfer.yaml", ", city: city", "");
    environment.ok("apply --auto-approve");
    environment.ok("run");
    let said = environment.fails(1, "rollback 1");
    assert_says(&said, &["~ Transfer/people", "mapping.fields.city", "(≈3)", "nobody is there to be asked"]);
    environment.ok("rollback 1 --auto-approve");
    assert_says(&environment.ok("history"), &["\n3 ", "back to 1: ~ Transfer/people"]);
    let report = environment.json("run --output json");
    assert_eq!(report["runs"][0]["tally"]["fetched"], 3);
    assert_says(&environment.ok("records crm.contact --output csv"), &["Oslo"]);
    // The YAML still says something else.
    assert_says(&environment.ok("plan"), &["~ Transfer/people"]);
    assert_says(&environment.fails(1, "rollback 9"), &["9"]);
}

#[test]
fn going_back_needs_the_same_flags() {
    let environment = applied();
    environment.write("more.yaml", &super::shop().source().replace("name: shop", "name: more"));
    environment.ok("apply --auto-approve");
    assert_says(
        &environment.fails(1, "rollback 1 --auto-approve"),
        &["refused: Source/more would be deleted", "--allow-delete"],
    );
    environment.ok("rollback 1 --auto-approve --allow-delete");
}

#[test]
fn an_export_plans_to_nothing_in_a_fresh_directory() {
    let environment = applied();
    let yaml = environment.ok("export");
    let fresh = TestEnvironment::with(&[("everything.yaml", &yaml), ("people.csv", super::PEOPLE)]);
    let state = environment.path().join(".raccord/state.redb");
    let answer = fresh.run(&format!("plan --detailed-exitcode --state {}", state.display())).expect_code(0);
    assert_says(&answer.stdout, &["no changes"]);
    // In a directory of its own it is a configuration like any other.
    fresh.ok("apply --auto-approve");
    fresh.ok("run");
    assert_eq!(rows(&fresh), 3);
    assert_eq!(fresh.ok("export"), yaml);
}

#[test]
fn an_export_of_an_earlier_generation_is_what_was_written_then() {
    let environment = applied();
    let first = environment.ok("export");
    environment.replace("transfer.yaml", ", city: city", "");
    environment.ok("apply --auto-approve");
    assert_ne!(environment.ok("export"), first);
    assert_eq!(environment.ok("export --generation 1"), first);
}

#[test]
fn the_state_file_tells_what_it_is_and_can_be_copied() {
    let environment = applied();
    let info = environment.json("state info --output json");
    let expected = [("serial", 1), ("generation", 1), ("resources", 4), ("rows", 3), ("rejects", 0)];
    for (name, value) in expected {
        assert_eq!(info[name], value, "{name} in {info:#}");
    }
    assert_says(&environment.ok("state info"), &["lineage ", "rows        3\n"]);
    assert_says(&environment.ok("state check"), &["whole: 4 resources"]);
    environment.ok("state backup copy.redb");
    assert_says(&environment.fails(1, "state backup copy.redb"), &["copy.redb"]);
    environment.replace("people.csv", "3,Cyd,\n", "3,Cyd,\n4,Dan,\n");
    environment.ok("run");
    assert_eq!(rows(&environment), 4);
    let copied = environment.json("records crm.contact --output json --state copy.redb");
    assert_eq!(copied.as_array().unwrap().len(), 3);
    assert_says(&environment.ok("plan --state copy.redb"), &["no changes"]);
}

#[test]
fn a_file_that_is_no_state_is_refused_and_left_alone() {
    let environment = applied();
    environment.write("notes.txt", "these are notes");
    for verb in ["status", "plan", "apply --auto-approve", "state check"] {
        assert_says(&environment.fails(1, &format!("{verb} --state notes.txt")), &["notes.txt"]);
    }
    assert_eq!(environment.read("notes.txt"), "these are notes");
    let said = environment.fails(1, "status --state nowhere.redb");
    assert_says(&said, &["nowhere.redb", "`raccord apply` begins a state"]);
    assert!(!environment.path().join("nowhere.redb").exists());
}

#[test]
fn what_tools_read_is_never_cut() {
    let environment = written();
    let people: String = (1..=2_324).map(|id| format!("{id},N{id},C{id}\n")).collect();
    environment.write("people.csv", &format!("id,name,city\n{people}"));
    environment.ok("apply --auto-approve");
    environment.ok("run");
    assert_says(&environment.ok("records crm.contact"), &["\n100 of 2,324 records; "]);
    for (form, rest) in [("csv", 1), ("jsonl", 0)] {
        let all = environment.ok(&format!("records crm.contact --output {form}"));
        assert_eq!(all.lines().count(), 2_324 + rest, "{form}");
    }
    assert_eq!(rows(&environment), 2_324);
    let some = environment.json("records crm.contact --limit 7 --output json");
    assert_eq!(some.as_array().unwrap().len(), 7, "who asks for a part gets a part");
}

#[test]
fn records_are_found_by_their_fields_and_printed_in_every_form() {
    let environment = applied();
    assert_eq!(
        environment.ok("records crm.contact --where id=2 --output csv"),
        "id,city,name\n2,Bergen,Bob\n"
    );
    assert_eq!(
        environment.ok("records crm.contact --where city=Oslo --output jsonl"),
        "{\"id\":\"1\",\"city\":\"Oslo\",\"name\":\"Ann\"}\n"
    );
    let cut = "id  city  name\n1   Oslo  Ann\n1 of 3 records; --limit shows more of them, --output jsonl writes all\n";
    assert_eq!(environment.ok("records crm.contact --limit 1"), cut);
    let filtered = environment.ok("records crm.contact --where city=Oslo");
    assert!(filtered.ends_with("1   Oslo  Ann\n"), "{filtered}");
    assert_says(&environment.fails(1, "records crm.contact --where town=Oslo"), &["no field `town`"]);
    assert_says(&environment.fails(1, "records crm.kontact"), &["kontact"]);
    environment.fails(64, "records contact");
}

#[test]
fn each_spelling_of_a_value_finds_its_records_and_what_is_no_value_is_told() {
    const YAML: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    item: {key: id, fields: {id: text, price: decimal, sold: boolean, count: integer, at: datetime, note: text}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: files}
spec: {connector: file, config: {dataTypes: {items: {path: items.jsonl}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: items}
spec:
  source: files
  to: crm.item
  active: true
  mapping: {primaryKey: {id: id}, fields: {price: price, sold: sold, count: count, at: at, note: note}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: files}
spec: {active: true, subscriptions: {items: [created]}}
";
    const ITEM: &str = r#"{"id":"01","price":12.5,"sold":true,"count":1000,"at":"2024-01-02T08:00:00Z"}"#;
    let environment = TestEnvironment::with(&[("raccord.yaml", YAML), ("items.jsonl", ITEM)]);
    environment.ok("apply --auto-approve");
    environment.ok("run");
    for (filter, expected) in [
        ("id=01", Ok(1)),
        ("id=1", Ok(0)),
        ("price=12.5", Ok(1)),
        ("price=12.50", Ok(1)),
        ("price=13", Ok(0)),
        ("price=cheap", Err("the value `cheap` of `price`")),
        ("sold=true", Ok(1)),
        ("sold=yes", Ok(1)),
        ("sold=0", Ok(0)),
        ("count=1000", Ok(1)),
        ("count=many", Err("the value `many` of `count`")),
        ("at=2024-01-02T08:00:00Z", Ok(1)),
        ("at=2024-01-02T10:00:00+02:00", Ok(1)),
        ("at=2024-01-02T08:00:00", Err("of `at`")),
        ("note=", Ok(1)),
        ("note=x", Ok(0)),
    ] {
        let command = format!("records crm.item --output jsonl --where {filter}");
        match expected {
            Ok(count) => assert_eq!(environment.ok(&command).lines().count(), count, "{filter}"),
            Err(said) => assert_says(&environment.fails(1, &command), &[said]),
        }
    }
}
