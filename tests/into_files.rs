//! A project whose rows are files: what is refused before anything is applied, what a reader finds, and that kills leave nothing
//! that counts in part.

use std::collections::BTreeMap;
use std::path::Path;

use crate::environment::{TestEnvironment, assert_says};
use crate::tally::created_in_all_runs;

/// People in a file, on their way into files.
pub(crate) const YAML: &str = r"apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  store: {type: files, path: out/crm, format: jsonl}
  entities:
    contact:
      key: externalId
      fields: {externalId: text, fullName: text, city: text}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: file
  config: {dataTypes: {people: {path: people.csv}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping:
    primaryKey: {externalId: id}
    fields: {fullName: name, city: city}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {people: [created, updated]}}
";

pub(crate) const SNAPSHOT: &[(&str, &str)] = &[
    ("format: jsonl}", "format: jsonl, mode: snapshot}"),
    ("  active: true\n  mapping", "  active: true\n  deletes: {snapshot: {maxShare: 10%}}\n  mapping"),
    ("[created, updated]", "[created, updated, deleted]"),
];

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(YAML.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

pub(crate) fn people(numbers: std::ops::Range<u32>) -> String {
    let line = |number: u32| format!("{number:06},Person {number},Town {}\n", number % 17);
    format!("id,name,city\n{}", numbers.map(line).collect::<String>())
}

fn shop(changes: &[(&str, &str)]) -> TestEnvironment {
    TestEnvironment::with(&[("raccord.yaml", &changed(changes)), ("people.csv", &people(0..3))])
}

/// The files that a manifest names.
fn named(environment: &TestEnvironment) -> Vec<String> {
    let manifest: serde_json::Value =
        serde_json::from_str(&environment.read("out/crm/contact/manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap().iter();
    files.map(|file| format!("out/crm/contact/{}", file["path"].as_str().unwrap())).collect()
}

/// How often each key stands in the files that count.
fn counts(environment: &TestEnvironment) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for path in named(environment) {
        for line in environment.read(&path).lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            *counts.entry(row["external_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn what_files_cannot_do_is_refused_where_it_stands() {
    for (changes, says) in [
        (&[("path: out/crm, ", "")][..], "needs the path of a folder"),
        (&[(", format: jsonl", "")], "needs a format"),
        (&[("format: jsonl", "format: xml")], "spec.store.format"),
        (&[("path: out/crm", "schema: x, path: out/crm")], "`schema` has no meaning"),
        (&[("type: files, path: out/crm, format: jsonl", "type: embedded, format: jsonl")], "files alone"),
        (&[("city: text", "city: {type: text, unique: true}")], "cannot keep a field unique"),
        (&[("city: text", "city: {type: text, column: _op}")], "Raccord's own"),
        (&[("key: externalId", "key: externalId\n      table: a/b")], "cannot be a folder"),
        (&[("jsonl}", "jsonl, partitionBy: {field: country}}")], "partitioned by `country`"),
        (&[("jsonl}", "jsonl, partitionBy: {date: city}}")], "field of type text"),
        (&[("  active: true\n  mapping", "  active: true\n  mode: enrich\n  mapping")], "cannot be enriched"),
        (&[("  active: true\n  mapping", "  active: true\n  version: at\n  mapping")], "an older record"),
        (
            &[("  active: true\n  mapping", "  active: true\n  deletes: snapshot\n  mapping")],
            "do not know what a reading no longer shows",
        ),
        (&[("[created, updated]", "[created]")], "subscribe to created and updated"),
        (&[("jsonl}", "jsonl, mode: snapshot}")], "each reading takes the place of the one before"),
        (
            &[
                SNAPSHOT[0],
                (
                    "  active: true\n  mapping",
                    "  active: true\n  deletes: {snapshot: {every: 24h}}\n  mapping",
                ),
                SNAPSHOT[2],
            ],
            "each reading is a snapshot",
        ),
        (&[SNAPSHOT[0], SNAPSHOT[1]], "subscribe to created, updated and deleted"),
    ] {
        let said = shop(changes).fails(1, "validate");
        assert_says(&said, &[says, "raccord.yaml"]);
    }
    shop(&[]).ok("validate");
    shop(SNAPSHOT).ok("validate");
}

#[test]
fn a_plan_says_which_files_are_written_and_a_run_writes_them() {
    let shop = shop(&[("format: jsonl}", "format: csv, partitionBy: {field: city}}")]);
    assert_says(&shop.ok("plan"), &["write files to contact/"]);
    shop.ok("apply --auto-approve");
    assert_says(&shop.ok("run"), &["succeeded"]);
    assert_says(&shop.ok("plan"), &["no changes"]);
    let mut names = named(&shop);
    names.sort();
    assert_eq!(names.len(), 3);
    assert!(names[0].starts_with("out/crm/contact/city=Town%200/"), "{names:?}");
    let text = shop.read(&names[0]);
    let (header, line) = text.split_once('\n').unwrap();
    assert_eq!(header, "_op,_at,external_id,city,full_name");
    assert!(line.starts_with("upsert,") && line.ends_with(",000000,Town 0,Person 0\n"), "{line}");
    // Rows are counted, and looked up by the readers of the files.
    assert_says(&shop.ok("status"), &["people"]);
    assert_says(&shop.fails(1, "records crm.contact"), &["read the files that manifest.json names"]);
    // Each record that comes is a line more.
    shop.ok("run");
    assert_eq!(named(&shop).len(), 6);
}

#[test]
fn a_snapshot_follows_its_source_unless_it_shrinks_too_much() {
    let shop = shop(SNAPSHOT);
    shop.write("people.csv", &people(0..100));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(counts(&shop).len(), 100);
    shop.write("people.csv", &people(5..100));
    assert_says(&shop.ok("run"), &["succeeded"]);
    assert_eq!(counts(&shop).len(), 95);
    shop.write("people.csv", &people(5..20));
    let said = shop.run("run");
    assert_says(&(said.stdout + &said.stderr), &["held"]);
    assert_eq!(counts(&shop).len(), 95);
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_that_counts_in_part() {
    for changes in [&[][..], SNAPSHOT] {
        let shop = shop(changes);
        shop.ok("apply --auto-approve");
        shop.write("people.csv", &people(0..4_000));
        let mut killed = 0;
        for failpoint in
            ["publish.before", "publish.after", "sweep.before", "sweep.after", "run.begun", "run.end.before"]
        {
            for passage in 1..12 {
                let mut run = shop.command("run");
                run.env("RACCORD_FAILPOINT", format!("{failpoint}:{passage}"));
                if run.output().unwrap().status.success() {
                    break;
                }
                killed += 1;
                assert_whole(&shop);
            }
        }
        assert!(killed >= 8, "{killed}");
        shop.ok("run");
        assert_whole(&shop);
        assert_eq!(counts(&shop).len(), 4_000);
        if changes.is_empty() {
            // Each run that was killed counts the lines that it has left, and nothing else.
            let lines: u32 = counts(&shop).values().sum();
            assert_eq!(created_in_all_runs(&shop), u64::from(lines));
        } else {
            assert!(counts(&shop).values().all(|count| *count == 1));
        }
        // What was left of the killed runs is gone.
        let there = files(&shop.path().join("out/crm/contact"));
        let replaced = usize::from(!changes.is_empty());
        assert_eq!(there.len(), named(&shop).len() + replaced + 1, "{there:?}");
    }
}

/// Every record that is there came as often as every other: no reading counts in part.
fn assert_whole(shop: &TestEnvironment) {
    if !shop.path().join("out/crm/contact/manifest.json").exists() {
        return;
    }
    let counts = counts(shop);
    let first = counts.values().next().copied().unwrap_or_default();
    assert!(counts.is_empty() || counts.len() == 4_000, "{}", counts.len());
    assert!(counts.values().all(|count| *count == first), "a reading counts in part");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // A manifest that was killed on its way is listed by nothing.
    let is_whole =
        |path: &std::path::PathBuf| !path.file_name().unwrap().to_str().unwrap().starts_with(".part-");
    entries.filter(is_whole).collect()
}
