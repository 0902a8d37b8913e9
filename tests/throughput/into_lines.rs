//! Lines of a file into JSON Lines of a project whose rows are files.

use std::fmt::Write as _;

use crate::environment::TestEnvironment;
use crate::throughput::{cpu_of_children, peak_megabytes, rows};

const YAML: &str = "apiVersion: raccord/v1
kind: Project
metadata: {name: lake}
spec:
  store: {type: files, path: out, format: jsonl}
  entities:
    visit:
      key: id
      fields: {id: integer, page: text, seconds: integer}
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
  mapping: {primaryKey: {id: id}, fields: {page: page, seconds: seconds}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: logs}
spec: {active: true, subscriptions: {visits: [created, updated]}}
";

#[test]
fn lines_of_a_file_into_lines_of_a_store() {
    let rows = rows();
    let mut lines = String::new();
    for number in 1..=rows {
        writeln!(
            lines,
            "{{\"id\":{number},\"page\":\"/shop/{}\",\"seconds\":{}}}",
            number % 1_000,
            number % 600
        )
        .unwrap();
    }
    let shop = TestEnvironment::with(&[("raccord.yaml", YAML), ("visits.jsonl", &lines)]);
    shop.ok("apply --auto-approve");
    let before = cpu_of_children();
    shop.ok("run");
    println!("{rows} rows: {:.2} CPU s, peak {} MB", cpu_of_children() - before, peak_megabytes());
    let run = &shop.json("runs --limit 1 --output json")[0];
    assert_eq!(run["tally"]["created"], rows, "{run:#}");
}
