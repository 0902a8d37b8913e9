//! Whole entities leave as files, of which nothing is cut and nothing is there in part; beside a daemon as without.

use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::daemon::{stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, assert_says};

const PROJECT: &str = r"
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    item:
      key: code
      fields: {code: text, note: text, count: integer, price: decimal, paid: boolean, due: date, at: datetime, tags: json}
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
  mapping:
    primaryKey: {code: code}
    fields: {note: note, count: count, price: price, paid: paid, due: due, at: at, tags: tags}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: items}
spec: {active: true, subscriptions: {items: [created, updated]}}
";

fn line(code: usize) -> String {
    format!(
        r#"{{"code": "{code:05}", "note": "=1+{code},\"x\"", "count": 9223372036854775807, "price": "12.30", "paid": true, "due": "2025-02-28", "at": "2025-02-28T12:00:00.5+02:00", "tags": {{"a": [1, "b"], "n": 12345678901234567890.123456789}}}}"#
    )
}

fn filled(records: usize) -> TestEnvironment {
    let mut lines: Vec<String> = (1..=records).map(line).collect();
    lines.push(r#"{"code": "~"}"#.to_owned());
    let environment =
        TestEnvironment::with(&[("raccord.yaml", PROJECT), ("items.jsonl", &(lines.join("\n") + "\n"))]);
    environment.ok("apply --auto-approve");
    environment.ok("run");
    environment
}

const CSV: &str = "code,at,count,due,note,paid,price,tags\n\
    00001,2025-02-28T10:00:00.5Z,9223372036854775807,2025-02-28,\"=1+1,\"\"x\"\"\",true,12.3,\"{\"\"a\"\":[1,\"\"b\"\"],\"\"n\"\":12345678901234567890.123456789}\"\n\
    ~,,,,,,,\n";

const JSONL: &str = "{\"code\":\"00001\",\"at\":\"2025-02-28T10:00:00.5Z\",\"count\":9223372036854775807,\
    \"due\":\"2025-02-28\",\"note\":\"=1+1,\\\"x\\\"\",\"paid\":true,\"price\":\"12.3\",\"tags\":{\"a\":[1,\"b\"],\"n\":12345678901234567890.123456789}}\n\
    {\"code\":\"~\",\"at\":null,\"count\":null,\"due\":null,\"note\":null,\"paid\":null,\"price\":null,\"tags\":null}\n";

/// What a file of Parquet holds: its schema, and its rows as they are shown.
fn parquet(environment: &TestEnvironment, name: &str) -> (Vec<String>, Vec<String>) {
    let file = std::fs::File::open(environment.path().join(name)).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr();
    let column = |column: &parquet::schema::types::ColumnDescPtr| {
        format!("{} {:?}", column.name(), column.logical_type_ref())
    };
    let rows = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string());
    (schema.columns().iter().map(column).collect(), rows.collect())
}

/// What a CSV is written from, and read back into.
const THERE_AND_BACK: &str = r#"apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    item: &item
      key: code
      fields: {code: text, note: text, tags: {type: choices, options: [a, "b, c", 'd"e']}, extra: json}
    again: *item
---
apiVersion: raccord/v1
kind: Source
metadata: {name: files}
spec: {connector: file, config: {dataTypes: {items: {path: items.jsonl}, again: {path: items.csv}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: items}
spec:
  source: files
  to: crm.item
  active: true
  mapping: {primaryKey: {code: code}, fields: {note: note, tags: tags, extra: extra}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: again}
spec:
  source: files
  to: crm.again
  active: true
  mapping:
    primaryKey: {code: code}
    fields:
      note: note
      tags: {from: tags, transform: [parseJson]}
      extra: {from: extra, transform: [parseJson]}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: items}
spec: {active: true, subscriptions: {items: [created, updated]}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: again}
spec: {active: true, subscriptions: {again: [created, updated]}}
"#;

/// What is written to a CSV comes back by the mapping that the guide names, lists and values of JSON too.
#[test]
fn a_csv_is_read_back() {
    let lines = r#"{"code": "1", "note": "[\"a\",\"b\"]", "tags": ["a", "b, c", "d\"e"], "extra": {"n": 12345678901234567890.5, "l": [1, null, "x\ny"]}}
{"code": "2", "note": "a,b", "tags": ["a"], "extra": "[1]"}
{"code": "3", "note": "007", "tags": [], "extra": 0.1000000000000000055}
{"code": "4", "extra": true}
"#;
    let environment = TestEnvironment::with(&[("raccord.yaml", THERE_AND_BACK), ("items.jsonl", lines)]);
    environment.ok("apply --auto-approve");
    environment.ok("run items");
    environment.ok("records crm.item --to items.csv");
    environment.ok("run again");
    let written = environment.ok("records crm.item --output jsonl");
    assert_eq!(written.lines().count(), 4);
    assert_eq!(environment.ok("records crm.again --output jsonl"), written);
    // Without it a list is refused, and told how it is read.
    environment.replace("raccord.yaml", "tags: {from: tags, transform: [parseJson]}", "tags: tags");
    environment.ok("apply --auto-approve");
    environment.run("run again");
    assert_says(&environment.ok("rejects list"), &["tags", "`transform: [parseJson]` reads it"]);
}

#[test]
fn an_entity_is_exported_in_every_form() {
    let environment = filled(1);
    assert_eq!(environment.ok("records crm.item --output csv"), CSV);
    assert_eq!(environment.ok("records crm.item --output jsonl"), JSONL);
    for (name, expected) in [("items.csv", CSV), ("items.jsonl", JSONL)] {
        // A file that is there is replaced.
        environment.write(&format!("out.{name}"), "old");
        assert_eq!(environment.ok(&format!("records crm.item --to out.{name}")), "");
        assert_eq!(environment.read(&format!("out.{name}")), expected);
    }
    environment.ok("records crm.item --to out.json --where code=00001");
    let array: serde_json::Value = serde_json::from_str(&environment.read("out.json")).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 1);
    assert!(environment.ok("records crm.item --output csv --formula-safe").contains("\"'=1+1,"));

    environment.ok("records crm.item --to out.parquet");
    let (columns, rows) = parquet(&environment, "out.parquet");
    for (column, expected) in columns.iter().zip([
        "code Some(String)",
        "at Some(Timestamp(TimestampType { is_adjusted_to_u_t_c: true, unit: MICROS }))",
        "count Some(Integer(",
        "due Some(Date)",
        "note Some(String)",
        "paid None",
        "price Some(Decimal(DecimalType { scale: 18, precision: 38 }))",
        "tags Some(Json)",
    ]) {
        assert!(column.starts_with(expected), "{column}");
    }
    assert_eq!(rows.len(), 2);
    assert_says(&rows[0], &["code: \"00001\"", "count: 9223372036854775807", "price: 12.300000000000000000"]);
    assert_says(&rows[1], &["at: null", "price: null"]);
    let left: Vec<String> = std::fs::read_dir(environment.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn what_cannot_be_exported_is_told_and_leaves_what_was_there() {
    let environment = filled(1);
    environment.write("out.csv", "old");
    for (code, command, says) in [
        (64, "records crm.item --to out.xls", "does not say which form is meant"),
        (64, "records crm.item --to out.csv --output text", "text is for people"),
        (1, "records crm.item --to not/there/out.csv", "write not/there/out.csv"),
        (1, "records crm.nothing --to out.csv", "nothing"),
    ] {
        assert_says(&environment.fails(code, command), &[says]);
        assert_eq!(environment.read("out.csv"), "old", "{command}");
    }
}

/// A record that was stored under an earlier type of a field, and is rejected under the new one.
#[test]
fn a_record_of_an_earlier_type_is_left_out_and_named() {
    let environment = filled(0);
    let notes = |notes: [&str; 3]| {
        let line = |(at, note): (usize, &&str)| format!("{{\"code\": \"{at}\", \"note\": \"{note}\"}}\n");
        environment.write("items.jsonl", &notes.iter().enumerate().map(line).collect::<String>());
        environment.ok("run");
    };
    notes(["1", "n/a", "3"]);
    environment.replace("raccord.yaml", "note: text", "note: integer");
    environment.ok("apply --auto-approve");
    // What is as it was is written as what it is by now, before anything is read again.
    let csv = "code,at,count,due,note,paid,price,tags\n0,,,,1,,,\n2,,,,3,,,\n~,,,,,,,\n";
    for again in [false, true] {
        if again {
            assert_says(&environment.ok("run"), &["1 rejected"]);
        }
        let answer = environment.run("records crm.item --output csv").expect_code(1);
        assert_eq!(answer.stdout, csv);
        let left_out = ["1 record was left out of the export", "1 (`note` is not of the type integer)"];
        assert_says(&answer.stderr, &left_out);
        assert_says(&answer.stderr, &["`raccord rejects list`", "`--output json`"]);
        assert!(!answer.stderr.contains("n/a"), "no value is told");
    }
    // A file that is not whole does not take the place of one.
    environment.write("out.csv", "old");
    let said = environment.fails(1, "records crm.item --to out.csv");
    assert_says(&said, &["the other 3 records are in out.csv.partial, which is not whole"]);
    assert_eq!(
        (environment.read("out.csv").as_str(), environment.read("out.csv.partial").as_str()),
        ("old", csv)
    );
    environment.fails(1, "records crm.item --to out.parquet");
    std::fs::rename(environment.path().join("out.parquet.partial"), environment.path().join("rest.parquet"))
        .unwrap();
    assert_eq!(parquet(&environment, "rest.parquet").1.len(), 3);
    environment.ok("records crm.item --output json");
    // Once it is mapped, everything is exported.
    notes(["1", "2", "3"]);
    environment.ok("records crm.item --to out.csv");
    assert_eq!(environment.read("out.csv").lines().count(), 5);
}

#[test]
fn all_of_a_large_entity_leaves_beside_a_daemon_too() {
    let environment = filled(3_000);
    let alone = environment.ok("records crm.item --output jsonl");
    assert_eq!(alone.lines().count(), 3_001);
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    for form in ["csv", "jsonl", "parquet"] {
        environment.ok(&format!("records crm.item --to daemon.{form}"));
    }
    stop(daemon);
    assert_eq!(environment.read("daemon.jsonl"), alone);
    assert_eq!(environment.read("daemon.csv").lines().count(), 3_002);
    assert_eq!(parquet(&environment, "daemon.parquet").1.len(), 3_001);
}
