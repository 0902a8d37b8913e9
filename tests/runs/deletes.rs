//! Deletions: said by a field, or found by a complete reading, which a person approves when it is too much.

use super::{rows, run, write_people};
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::{NAME_AND_EMAIL, Shop};

const ALL: &str = "created, updated, deleted";

/// A shop of ten people whose file shows them all, and deletes those it no longer shows.
fn ten(max_share: &str) -> TestEnvironment {
    let transfer = format!("deletes: {{snapshot: {{maxShare: {max_share}}}}}");
    let environment = Shop { updates: ALL, transfer: &transfer, ..Shop::default() }.applied();
    write_number_of_people(&environment, 10);
    assert_eq!(run(&environment), "fetched 10, created 10");
    environment
}

fn write_number_of_people(environment: &TestEnvironment, count: usize) {
    let names: Vec<(String, String)> = (0..count).map(|n| (format!("p{n}"), format!("N{n}"))).collect();
    let people: Vec<(&str, &str)> = names.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    write_people(environment, &people);
}

fn count(environment: &TestEnvironment) -> usize {
    environment.json("records crm.contact --output json").as_array().unwrap().len()
}

/// The id of the newest run, as a person would copy it from `raccord runs`.
fn newest_run(environment: &TestEnvironment) -> String {
    environment.json("runs --output json")[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_a_snapshot_no_longer_shows_is_swept() {
    let environment = ten("20%");
    write_number_of_people(&environment, 8);
    assert_eq!(run(&environment), "fetched 8, unchanged 8, swept 2");
    assert_eq!(count(&environment), 8);
    assert_eq!(run(&environment), "fetched 8, unchanged 8");
}

#[test]
fn too_large_a_share_is_held_until_a_person_approves() {
    let environment = ten("20%");
    write_number_of_people(&environment, 7);
    let said = environment.ok("run");
    let id = newest_run(&environment);
    assert_says(
        &said,
        &["held", "its snapshot would delete 3 of 10 rows", &format!("`raccord approve {id}` lets it")],
    );
    assert_eq!(count(&environment), 10);
    let advice = format!("its snapshot would delete 3 of 10 rows; `raccord approve {id}` lets it");
    for verb in ["status", "runs"] {
        assert_says(&environment.ok(verb), &["people is held", &advice]);
    }
    assert_says(
        &environment.ok(&format!("approve {id}")),
        &["approved", "3 rows of crm.contact are deleted"],
    );
    assert_eq!(count(&environment), 7);
    assert_says(&environment.fails(1, &format!("approve {id}")), &["is not held"]);
    assert_eq!(run(&environment), "fetched 7, unchanged 7");
}

#[test]
fn a_later_run_that_is_held_for_the_same_rows_stands_in_for_the_one_that_was_named() {
    let environment = ten("20%");
    write_number_of_people(&environment, 7);
    environment.ok("run");
    let first = newest_run(&environment);
    write_number_of_people(&environment, 6);
    environment.ok("run");
    let second = newest_run(&environment);
    let changed = format!("what would go has changed since: 4 rows now; look at the run {second}");
    assert_says(&environment.fails(1, &format!("approve {first}")), &[&changed]);
    // As many rows, and other ones.
    let last: Vec<(String, String)> = (3..10).map(|n| (format!("p{n}"), format!("N{n}"))).collect();
    write_people(
        &environment,
        &last.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect::<Vec<_>>(),
    );
    environment.ok("run");
    let third = newest_run(&environment);
    let changed = format!("what would go has changed since: 3 rows now; look at the run {third}");
    assert_says(&environment.fails(1, &format!("approve {first}")), &[&changed]);
    assert_eq!(count(&environment), 10);
    write_number_of_people(&environment, 7);
    environment.ok("run");
    assert_says(&environment.ok(&format!("approve {first}")), &["3 rows of crm.contact are deleted"]);
    assert_eq!(count(&environment), 7);
}

#[test]
fn an_empty_snapshot_is_held_whatever_the_share() {
    let environment = ten("100%");
    write_people(&environment, &[]);
    assert_says(&environment.ok("run"), &["held", "would delete 10 of 10 rows"]);
    assert_eq!(count(&environment), 10);
    // The file is mended before anybody approves: the next run begins a new snapshot.
    let id = newest_run(&environment);
    write_number_of_people(&environment, 10);
    assert_eq!(run(&environment), "fetched 10, unchanged 10");
    assert_says(&environment.ok("runs"), &["people was held; a later run has begun anew"]);
    assert_says(&environment.fails(1, &format!("approve {id}")), &["a later run"]);
    assert_eq!(count(&environment), 10);
}

#[test]
fn an_approved_empty_snapshot_deletes_all() {
    let environment = ten("10%");
    write_people(&environment, &[]);
    environment.ok("run");
    environment.ok(&format!("approve {}", newest_run(&environment)));
    assert_eq!(count(&environment), 0);
}

#[test]
fn a_missing_file_is_no_empty_snapshot() {
    let environment = ten("100%");
    environment.remove("people.csv");
    assert_says(&environment.fails(1, "run"), &["people failed", "people.csv"]);
    environment.fails(1, "run");
    for verb in ["status", "runs"] {
        let said = environment.ok(verb);
        assert_says(&said, &["people failed: ", "people.csv"]);
        assert_eq!(said.matches("people failed: ").count(), 1, "each reason once:\n{said}");
    }
    assert!(!environment.ok("runs --output csv").contains("people failed"), "tools read rows");
    assert_eq!(count(&environment), 10);
}

#[test]
fn a_rejected_record_is_there_all_the_same() {
    let transfer = "deletes: {snapshot: {maxShare: 90%}}";
    let environment = Shop { fields: NAME_AND_EMAIL, updates: ALL, transfer, ..Shop::default() }.applied();
    let ten: Vec<String> = (0..10).map(|n| format!("p{n},N{n},\n")).collect();
    environment.write("people.csv", &format!("id,name,email\n{}", ten.concat()));
    assert_eq!(run(&environment), "fetched 10, created 10");
    environment.write("people.csv", "id,name,email\np0,N0,not-an-address\np1,N1,\n");
    assert_eq!(run(&environment), "fetched 2, unchanged 1, rejected 1, swept 8");
    assert_eq!(rows(&environment, "name"), "p0=N0 p1=N1");
}

#[test]
fn a_field_says_that_a_record_is_deleted() {
    let environment =
        Shop { updates: ALL, transfer: "deletes: {field: deleted_at}", ..Shop::default() }.applied();
    environment.write("people.csv", "id,name,deleted_at\n1,Ann,\n2,Bob,2024-05-01\n3,Cyd,\n");
    assert_eq!(run(&environment), "fetched 3, created 2, skipped 1");
    environment.write("people.csv", "id,name,deleted_at\n1,Ann,\n3,Cyd,2024-06-01\n");
    assert_eq!(run(&environment), "fetched 2, deleted 1, unchanged 1");
    assert_eq!(rows(&environment, "name"), "1=Ann");
    environment.write("people.csv", "id,name,deleted_at\n1,Ann,\n3,Cyd,\n");
    assert_eq!(run(&environment), "fetched 2, created 1, unchanged 1");
    assert_eq!(rows(&environment, "name"), "1=Ann 3=Cyd");
}

#[test]
fn a_path_that_no_record_has_is_told() {
    let source = "{connector: file, config: {dataTypes: {people: {path: people.jsonl}}}}";
    let transfer = "deletes: {field: deletd_at}\n  version: updatd";
    let environment = Shop { updates: ALL, source, transfer, ..Shop::default() }.applied();
    environment.write("people.jsonl", r#"{"id":"1","name":"Ann","updated":1,"deleted_at":"2024-05-01"}"#);
    let told = "people: no record of the last complete reading has `deletd_at`, `updatd`; is that how";
    assert_says(&environment.ok("run"), &[told]);
    assert_says(&environment.ok("status"), &[told]);
    environment.replace("raccord.yaml", "deletd_at", "deleted_at");
    environment.replace("raccord.yaml", "updatd", "updated");
    environment.ok("apply --auto-approve");
    environment.write("people.jsonl", r#"{"id":"1","name":"Ann","updated":2,"deleted_at":null}"#);
    let run = environment.ok("run");
    assert!(!run.contains("no record of"), "{run}");
}

#[test]
fn without_the_subscription_a_snapshot_deletes_nothing() {
    let shop = Shop { transfer: "deletes: {snapshot: {maxShare: 100%}}", ..Shop::default() };
    let environment = shop.applied();
    write_people(&environment, &[("1", "Ann"), ("2", "Bob")]);
    run(&environment);
    write_people(&environment, &[("1", "Ann")]);
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob");
}

#[test]
fn a_transfer_that_is_created_again_takes_its_rows_over() {
    let environment = ten("50%");
    let yaml = environment.read("raccord.yaml");
    let without: Vec<&str> = yaml.split("---\n").take(2).collect();
    environment.write("raccord.yaml", &without.join("---\n"));
    environment.ok("apply --auto-approve --allow-delete");
    environment.write("raccord.yaml", &yaml);
    environment.ok("apply --auto-approve");
    // What is not shown again has no transfer that deletes it; the rest goes as it always did.
    write_number_of_people(&environment, 8);
    assert_eq!(run(&environment), "fetched 8, unchanged 8");
    assert_eq!(count(&environment), 10);
    write_number_of_people(&environment, 7);
    assert_eq!(run(&environment), "fetched 7, unchanged 7, swept 1");
    assert_eq!(count(&environment), 9);
}

/// A shop whose people are in two files of ten, and whose second file cannot be read any more: the run has stored the
/// first one and failed.
fn cut_after_the_first_file() -> TestEnvironment {
    let source = "{connector: file, config: {dataTypes: {people: {path: people*.csv}}}}";
    let transfer = "deletes: {snapshot: {maxShare: 10%}}";
    let environment = Shop { source, updates: ALL, transfer, ..Shop::default() }.applied();
    write_number_of_people(&environment, 10);
    let more: Vec<String> = (10..20).map(|n| format!("p{n},N{n}\n")).collect();
    environment.write("people2.csv", &format!("id,name\n{}", more.concat()));
    assert_eq!(run(&environment), "fetched 20, created 20");
    environment.write("people2.csv", "id,id\n");
    assert_says(&environment.fails(1, "run"), &["both called `id`"]);
    environment.write("people2.csv", "id,name\n");
    environment
}

#[test]
fn an_interrupted_snapshot_sweeps_nothing_once_nobody_wants_it() {
    for (wanted, instead) in
        [("deletes: {snapshot: {maxShare: 10%}}", "deletes: none"), (ALL, "created, updated")]
    {
        let environment = cut_after_the_first_file();
        environment.replace("raccord.yaml", wanted, instead);
        environment.ok("apply --auto-approve");
        assert_eq!(run(&environment), "fetched 10, unchanged 10", "{instead}");
        assert_eq!(count(&environment), 20);
    }
}

#[test]
fn what_nobody_wants_deleted_any_more_cannot_be_approved() {
    let environment = ten("20%");
    write_number_of_people(&environment, 7);
    environment.ok("run");
    let id = newest_run(&environment);
    environment.replace("raccord.yaml", "deletes: {snapshot: {maxShare: 20%}}", "deletes: none");
    environment.ok("apply --auto-approve");
    assert_says(&environment.fails(1, &format!("approve {id}")), &["no longer deletes"]);
    assert_eq!(count(&environment), 10);
}

/// The export is mended while the run is held, and the next run is killed before it reads anything.
#[test]
fn a_kill_does_not_bring_back_what_was_held() {
    let environment = ten("20%");
    write_number_of_people(&environment, 5);
    assert_says(&environment.ok("run"), &["would delete 5 of 10 rows"]);
    let held = newest_run(&environment);
    write_number_of_people(&environment, 10);
    let killed = environment.command("run").env("RACCORD_FAILPOINT", "run.begun").output().unwrap();
    assert!(!killed.status.success());
    assert_eq!(run(&environment), "fetched 10, unchanged 10");
    assert_says(&environment.fails(1, &format!("approve {held}")), &["a later run"]);
    assert_eq!(count(&environment), 10);
}

#[test]
fn a_record_whose_key_cannot_be_read_may_be_any_row_that_is_missing() {
    let environment = ten("100%");
    let names =
        |of: &[&str]| format!("id,name\n{}", of.iter().map(|id| format!("{id},N\n")).collect::<String>());
    let ids: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    environment.write("people.csv", &names(&all));
    run(&environment);
    // All ten are there, and a line whose key cannot be read.
    environment.write("people.csv", &(names(&all) + "p3,N,more\n"));
    assert_eq!(run(&environment), "fetched 11, unchanged 10, rejected 1");
    // Nine and the same line: it may be the tenth.
    environment.write("people.csv", &(names(&all[..9]) + "p3,N,more\n"));
    let why = "would delete 1 of 10 rows, which may be those of 1 record whose key cannot be read";
    assert_says(&environment.ok("run"), &["people is held", why]);
    assert_eq!(count(&environment), 10);
    let id = newest_run(&environment);
    assert_says(&environment.ok("status"), &[why, &format!("`raccord approve {id}` lets it")]);
    assert_says(&environment.ok("runs"), &[&format!("people is held: its snapshot {why}")]);
    let mut held = environment.json("runs --output json")[0]["outcome"]["held"].take();
    let rows = held.as_object_mut().unwrap().remove("rows");
    assert!(rows.is_some_and(|rows| rows.is_string()), "which rows would go is told by a digest");
    assert_eq!(held, serde_json::json!({"deletes": 1, "of": 10, "keyless": 1}));
    assert_says(&environment.ok(&format!("approve {id}")), &["1 row of crm.contact is deleted"]);
    assert_eq!(count(&environment), 9);
    assert_eq!(run(&environment), "fetched 10, unchanged 9, rejected 1");
}

/// It stood on a page that an earlier run has read, which was killed after the last page.
#[test]
fn a_record_without_a_key_is_remembered_by_the_run_that_goes_on() {
    let environment = cut_after_the_first_file();
    let people = |ids: std::ops::Range<usize>| ids.map(|n| format!("p{n},N{n}\n")).collect::<String>();
    environment.write("people.csv", &format!("id,name\n{}p9,N9,more\n", people(0..9)));
    environment.write("people2.csv", &format!("id,name\n{}", people(10..20)));
    let killed = environment.command("run").env("RACCORD_FAILPOINT", "sweep.before").output().unwrap();
    assert!(!killed.status.success());
    let why = "would delete 1 of 20 rows, which may be those of 1 record whose key cannot be read";
    assert_says(&environment.ok("run"), &["people    held     10 ", why]);
    assert_eq!(count(&environment), 20);
}

#[test]
fn a_quote_that_is_never_closed_deletes_nothing() {
    let environment = ten("100%");
    let people = environment.read("people.csv");
    environment.write("people.csv", &people.replace("p7,N7", "p7,\"N7"));
    assert_says(&environment.fails(1, "run"), &["people.csv: the quote opened on line 9 is never closed"]);
    assert_eq!(count(&environment), 10);
}
