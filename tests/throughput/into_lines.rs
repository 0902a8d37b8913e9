//! Lines of a file into JSON Lines of a project whose rows are files.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use crate::environment::TestEnvironment;
use crate::throughput::{cpu_of_children, peak_megabytes, rows};

/// `MAPPED` stands for the fields.
const YAML: &str = "apiVersion: raccord/v1
kind: Project
metadata: {name: lake}
spec:
  store: {type: files, path: out, format: jsonl}
  entities:
    visit:
      key: id
      fields: {id: integer, page: text, seconds: integer, raw: json}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: logs}
spec:
  connector: file
  config: {dataTypes: {visits: {path: visits.jsonl}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: visits}
spec:
  source: logs
  to: lake.visit
  active: true
  mapping: {primaryKey: {id: id}, fields: MAPPED}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: logs}
spec: {active: true, subscriptions: {visits: [created, updated]}}
";

/// Writes the lines without ever holding them: what this process has had in memory counts as its children's.
fn write_lines(shop: &TestEnvironment, rows: u64) {
    let mut file = BufWriter::new(File::create(shop.path().join("visits.jsonl")).unwrap());
    for number in 1..=rows {
        let (page, seconds) = (number % 1_000, number % 600);
        writeln!(
            file,
            "{{\"id\":{number},\"page\":\"/shop/{page}\",\"seconds\":{seconds},\"agent\":\"Mozilla/5.0\",\"ok\":true}}"
        )
        .unwrap();
    }
    file.flush().unwrap();
}

fn measure(what: &str, mapped: &str) {
    let rows = rows();
    let shop = TestEnvironment::with(&[("raccord.yaml", &YAML.replace("MAPPED", mapped))]);
    write_lines(&shop, rows);
    shop.ok("apply --auto-approve");
    let before = cpu_of_children();
    shop.ok("run");
    println!("{rows} rows, {what}: {:.2} CPU s, peak {} MB", cpu_of_children() - before, peak_megabytes());
    let run = &shop.json("runs --limit 1 --output json")[0];
    assert_eq!(run["tally"]["created"], rows, "{run:#}");
}

#[test]
fn lines_of_a_file_into_lines_of_a_store() {
    measure("three fields of five", "{page: page, seconds: seconds}");
}

#[test]
fn lines_of_a_file_into_lines_of_a_store_with_all_that_is_in_them() {
    measure("and the whole record beside them", "{page: page, seconds: seconds, raw: $}");
}
