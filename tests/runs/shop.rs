//! The directory that the tests of runs begin with, and what they ask of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::environment::TestEnvironment;

/// One entity and one transfer into it; `SOURCE`, `TRANSFER`, `UPDATES` and `BREAKER` are filled in.
const DIRECTORY: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact:
      key: id
      fields:
        id: text
        name: text
        city: text
        email: {type: email}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec: SOURCE
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec:
  source: shop
  to: crm.contact
  active: true
TRANSFER
  mapping:
    primaryKey: {id: id}
    fields: {name: name, city: city, email: email}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec:
  active: true
  subscriptions: {people: [UPDATES]}
BREAKER
";

/// A shop whose people are a CSV file.
pub(super) const FILE: &str = "{connector: file, config: {dataTypes: {people: {path: people.csv}}}}";

/// What differs from one shop to another.
pub(super) struct Shop<'a> {
    /// The `spec` of the source.
    pub(super) source: &'a str,
    /// What else the transfer says: `version: updated`.
    pub(super) transfer: &'a str,
    /// What is subscribed.
    pub(super) updates: &'a str,
    /// What else the integration says.
    pub(super) integration: &'a str,
}

impl Default for Shop<'_> {
    fn default() -> Self {
        Self { source: FILE, transfer: "", updates: "created, updated", integration: "" }
    }
}

impl Shop<'_> {
    /// The YAML.
    pub(super) fn yaml(&self) -> String {
        let line = |text: &str| if text.is_empty() { "#".to_owned() } else { format!("  {text}") };
        DIRECTORY
            .replace("SOURCE", self.source)
            .replace("TRANSFER", &line(self.transfer))
            .replace("UPDATES", self.updates)
            .replace("BREAKER", &line(self.integration))
    }

    /// A directory with this YAML, applied.
    pub(super) fn applied(&self) -> TestEnvironment {
        let environment =
            TestEnvironment::with(&[("raccord.yaml", &self.yaml()), ("people.csv", "id,name\n")]);
        environment.ok("apply --auto-approve");
        environment
    }
}

/// Writes the people of a file source: `[("1", "Ann")]`.
pub(super) fn write_people(environment: &TestEnvironment, people: &[(&str, &str)]) {
    let lines: Vec<String> = people.iter().map(|(id, name)| format!("{id},{name}\n")).collect();
    environment.write("people.csv", &format!("id,name\n{}", lines.concat()));
}

/// Runs, with success, and returns the counts of the transfer `people` that are not zero: `fetched 3, created 3`.
/// Checks that every fetched record is counted once.
pub(super) fn run(environment: &TestEnvironment) -> String {
    counts(&environment.json("run --output json"), "people")
}

/// The counts of one transfer in the report of a run.
pub(super) fn counts(report: &Value, transfer: &str) -> String {
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
pub(super) fn rows(environment: &TestEnvironment, field: &str) -> String {
    let records = environment.json("records crm.contact --output json --limit 100000");
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let records = records.as_array().unwrap().iter();
    let pairs = records.map(|record| format!("{}={}", text(&record["id"]), text(&record[field])));
    pairs.collect::<Vec<_>>().join(" ")
}
