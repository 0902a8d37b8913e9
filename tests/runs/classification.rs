//! A record is classified by its effect, and only what is subscribed is kept.

use super::{rows, run, write_people};
use crate::shop::Shop;

/// Two runs of a file that changes in between: 1 stays, 2 changes, 3 goes, 4 comes. With a deletion field, so that
/// 3 says itself that it is gone.
fn check(updates: &str, first: &str, second: &str, at_the_end: &str) {
    let shop = Shop { updates, transfer: "deletes: {field: gone}", ..Shop::default() };
    let environment = shop.applied();
    environment.write("people.csv", "id,name,gone\n1,Ann,\n2,Bob,\n3,Cyd,\n");
    assert_eq!(run(&environment), first, "[{updates}], the first run");
    environment.write("people.csv", "id,name,gone\n1,Ann,\n2,Bobby,\n3,Cyd,2025-01-01\n4,Dan,\n");
    assert_eq!(run(&environment), second, "[{updates}], the second run");
    assert_eq!(rows(&environment, "name"), at_the_end, "[{updates}]");
}

#[test]
fn every_choice_of_update_types_keeps_what_it_says() {
    let all = "fetched 3, created 3";
    let nothing = "fetched 3, skipped 3";
    check(
        "created, updated, deleted",
        all,
        "fetched 4, created 1, updated 1, deleted 1, unchanged 1",
        "1=Ann 2=Bobby 4=Dan",
    );
    check(
        "created, updated",
        all,
        "fetched 4, created 1, updated 1, unchanged 1, skipped 1",
        "1=Ann 2=Bobby 3=Cyd 4=Dan",
    );
    check("created", all, "fetched 4, created 1, unchanged 1, skipped 2", "1=Ann 2=Bob 3=Cyd 4=Dan");
    check(
        "created, deleted",
        all,
        "fetched 4, created 1, deleted 1, unchanged 1, skipped 1",
        "1=Ann 2=Bob 4=Dan",
    );
    check("updated", nothing, "fetched 4, skipped 4", "");
    check("deleted", nothing, "fetched 4, skipped 4", "");
    check("updated, deleted", nothing, "fetched 4, skipped 4", "");
}

#[test]
fn a_choice_that_becomes_wider_reads_again_and_a_narrower_one_leaves_the_rows() {
    let environment = Shop { updates: "created", ..Shop::default() }.applied();
    write_people(&environment, &[("1", "Ann"), ("2", "Bob")]);
    assert_eq!(run(&environment), "fetched 2, created 2");
    write_people(&environment, &[("1", "Anna"), ("2", "Bob")]);
    assert_eq!(run(&environment), "fetched 2, unchanged 1, skipped 1");

    environment.replace("raccord.yaml", "[created]", "[updated]");
    let plan = environment.ok("plan");
    assert!(plan.contains("re-read") && plan.contains("(≈2)"), "{plan}");
    environment.ok("apply --auto-approve");
    write_people(&environment, &[("1", "Anna"), ("2", "Bob"), ("3", "Cyd")]);
    assert_eq!(run(&environment), "fetched 3, updated 1, unchanged 1, skipped 1");
    assert_eq!(rows(&environment, "name"), "1=Anna 2=Bob");
}

#[test]
fn a_key_that_comes_twice_is_one_row() {
    let environment = Shop::default().applied();
    write_people(&environment, &[("1", "Ann"), ("1", "Anna"), ("1", "Anna")]);
    assert_eq!(run(&environment), "fetched 3, created 1, updated 1, unchanged 1");
    assert_eq!(rows(&environment, "name"), "1=Anna");
}

/// Each record comes with the one version, with the next, and with the one again.
#[test]
fn a_greater_version_wins_however_it_is_written() {
    let versions = [
        ("9", "10"),
        ("9.5", "10.5"),
        ("1700000000.0", "1700000001.5"),
        ("20241231", "20241232"),
        ("9223372036854775807", "9223372036854775808"),
        ("99999999999999999999", "100000000000000000000"),
        ("1.10", "1.9"),
        ("v1.10", "v1.9"),
        ("2024-06-30T10:00:00[Europe/Paris]", "2024-06-30T08:00:01Z"),
        ("1719734400", "2024-06-30"),
        ("2024-12-31", "9999-12-31T00:00:00Z"),
    ];
    let file = |name: &str, version: fn((&'static str, &'static str)) -> &'static str| {
        let lines = versions.iter().enumerate().map(|(id, pair)| format!("{id},{name},{}\n", version(*pair)));
        lines.fold("id,name,v\n".to_owned(), |file, line| file + &line)
    };
    let environment = Shop { transfer: "version: v", ..Shop::default() }.applied();
    let count = versions.len();
    environment.write("people.csv", &file("Old", |(older, _)| older));
    assert_eq!(run(&environment), format!("fetched {count}, created {count}"));
    environment.write("people.csv", &file("New", |(_, newer)| newer));
    assert_eq!(run(&environment), format!("fetched {count}, updated {count}"));
    environment.write("people.csv", &file("Old", |(older, _)| older));
    assert_eq!(run(&environment), format!("fetched {count}, skipped {count}"));
}

#[test]
fn the_report_lists_every_count_and_the_list_of_runs_remembers_it() {
    let environment = Shop::default().applied();
    write_people(&environment, &[("1", "Ann"), ("", "Nobody")]);
    let answer = environment.run("run").expect_code(0);
    let mut lines = answer.stdout.lines();
    let cells = |line: Option<&str>| line.unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let columns = cells(lines.next());
    assert_eq!(
        columns.join(" "),
        "transfer outcome fetched created updated deleted unchanged skipped rejected swept"
    );
    assert_eq!(cells(lines.next()).join(" "), "people succeeded 2 1 0 0 0 0 1 0");
    assert_eq!(lines.next(), Some("people: 1 rejected; `raccord rejects list --transfer people` tells why"));
    assert_eq!(answer.stderr, "people: succeeded, 2 fetched in 1 page\n");
    run(&environment);
    let runs = environment.json("runs --transfer people --output json");
    assert_eq!(runs.as_array().unwrap().len(), 2);
    let quiet = environment.run("run --quiet").expect_code(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_named_integration_runs_alone_and_an_unknown_one_is_an_error() {
    let environment = Shop::default().applied();
    write_people(&environment, &[("1", "Ann")]);
    environment.ok("run shop");
    assert_eq!(rows(&environment, "name"), "1=Ann");
    let said = environment.fails(1, "run shp");
    assert!(said.contains("`shp`"), "{said}");
    environment.ok("pause shop --until 2h --reason moving");
    let said = environment.fails(1, "run");
    assert!(said.contains("shop did not run: it is paused"), "{said}");
    let said = environment.ok("status");
    assert!(said.contains("integration shop: paused") && said.contains("moving"), "{said}");
    environment.ok("apply --auto-approve");
    assert!(environment.ok("status").contains("paused"), "an apply does not lift a pause");
    environment.ok("resume shop");
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
}
