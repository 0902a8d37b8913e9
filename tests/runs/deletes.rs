//! Deletions: said by a field, or found by a complete reading, which a person approves when it is too much.

use super::{rows, run, write_people};
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::Shop;

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
fn a_later_run_that_is_held_for_as_many_rows_stands_in_for_the_one_that_was_named() {
    let environment = ten("20%");
    write_number_of_people(&environment, 7);
    environment.ok("run");
    let first = newest_run(&environment);
    write_number_of_people(&environment, 6);
    environment.ok("run");
    assert_says(&environment.fails(1, &format!("approve {first}")), &["a later run", "another outcome"]);
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
    let environment = ten("50%");
    environment.write("people.csv", "id,name,email\np0,N0,not-an-address\np1,N1,\n");
    environment.replace("raccord.yaml", "50%", "90%");
    environment.ok("apply --auto-approve");
    let tally = run(&environment);
    assert!(tally.contains("rejected 1") && tally.contains("swept 8"), "{tally}");
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
    // What is not shown again has nobody to delete it; the rest goes as it always did.
    write_number_of_people(&environment, 8);
    assert_eq!(run(&environment), "fetched 8, unchanged 8");
    assert_eq!(count(&environment), 10);
    write_number_of_people(&environment, 7);
    assert_eq!(run(&environment), "fetched 7, unchanged 7, swept 1");
    assert_eq!(count(&environment), 9);
}
