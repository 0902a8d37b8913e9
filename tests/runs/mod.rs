//! What runs do with records, through the program itself: classification, deletions, rejects, and where the next
//! run continues.

mod classification;
mod columns;
mod cut_off;
mod deletes;
mod incremental;
mod left_over;
mod modes;
mod parents;
mod rejects;
mod resuming;
mod resync;
mod rotation;
mod sharing;
mod shifting;
mod tokens;
mod values;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::environment::TestEnvironment;

/// Writes the people of a file source: `[("1", "Ann")]`.
fn write_people(environment: &TestEnvironment, people: &[(&str, &str)]) {
    let lines: Vec<String> = people.iter().map(|(id, name)| format!("{id},{name}\n")).collect();
    environment.write("people.csv", &format!("id,name\n{}", lines.concat()));
}

/// Runs, with success, and returns the counts of the transfer `people` that are not zero: `fetched 3, created 3`.
/// Checks that every fetched record is counted once.
fn run(environment: &TestEnvironment) -> String {
    counts(&environment.json("run --output json"), "people")
}

/// The counts of one transfer in the report of a run.
fn counts(report: &Value, transfer: &str) -> String {
    let runs = report["runs"].as_array().unwrap();
    let run = runs.iter().find(|run| run["transfer"] == transfer).unwrap_or_else(|| panic!("{report:#}"));
    let tally: BTreeMap<String, u64> = serde_json::from_value(run["tally"].clone()).unwrap();
    let of = |name: &str| tally.get(name).copied().unwrap_or(0);
    let names = ["created", "updated", "deleted", "unchanged", "skipped", "rejected"];
    assert_eq!(of("fetched"), names.iter().copied().map(of).sum::<u64>(), "{report:#}");
    let shown = ["fetched"].into_iter().chain(names).chain(["swept"]).filter(|name| of(name) > 0);
    shown.map(|name| format!("{name} {}", of(name))).collect::<Vec<_>>().join(", ")
}

/// The rows of an entity, two fields of each: `1=Ann 2=Bob`.
fn rows(environment: &TestEnvironment, field: &str) -> String {
    let records = environment.json("records crm.contact --output json --limit 100000");
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let records = records.as_array().unwrap().iter();
    let pairs = records.map(|record| format!("{}={}", text(&record["id"]), text(&record[field])));
    pairs.collect::<Vec<_>>().join(" ")
}
