//! Columns that a file does not have: an error before anything is stored, not fields that are empty everywhere.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;

use super::{rows, run};
use crate::documentation::root;
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::Shop;

fn with_ann(transfer: &str) -> TestEnvironment {
    let environment = Shop { transfer, ..Shop::default() }.applied();
    environment.write("people.csv", "id,name,since\n1,Ann,2025\n");
    assert_eq!(run(&environment), "fetched 1, created 1");
    environment
}

#[test]
fn a_column_that_is_not_there_fails_the_run_and_clears_nothing() {
    let environment = with_ann("");
    let why = "people.csv has no column `name`, which the transfer reads";
    for (header, advice) in [
        ("id, name,since", "did you mean ` name`? its columns are `id`, ` name`, `since`"),
        (
            "id,surname!,since",
            "; its columns are `id`, `surname!`, `since`; where it may be missing, say in the mapping what that means: \
             `onMissing: keep`, `clear` or `default`",
        ),
    ] {
        environment.write("people.csv", &format!("{header}\n1,Ann,2025\n"));
        for command in ["run", "preview people", "plan --sample 5"] {
            if command.starts_with("plan") {
                environment.replace(
                    "raccord.yaml",
                    "active: true\n  mapping",
                    "active: true\n  version: since\n  mapping",
                );
            }
            assert_says(&environment.fails(1, command), &[why, advice]);
        }
        environment.replace("raccord.yaml", "  version: since\n", "");
        assert_eq!(rows(&environment, "name"), "1=Ann");
    }
}

#[test]
fn every_column_that_is_read_must_be_there() {
    for (transfer, from, to, column) in [
        ("version: updated", "", "", "updated"),
        ("deletes: {field: gone}", "", "", "gone"),
        ("", "primaryKey: {id: id}", "primaryKey: {id: ID}", "ID"),
        ("", "name: name}", "name: {expr: \"id ~ surname\"}}", "surname"),
        ("", "name: name}", "name: names.first}", "names"),
        ("", "name: name}", "name: {from: nick, onEmpty: ignore}}", "nick"),
        ("", "name: name}", "name: {from: nick, onMissing: reject}}", "nick"),
        ("version: nick", "name: name}", "name: {from: nick, onMissing: keep}}", "nick"),
    ] {
        let environment = Shop { transfer, ..Shop::default() }.applied();
        environment.write("people.csv", "id,name\n1,Ann\n");
        if !from.is_empty() {
            environment.replace("raccord.yaml", from, to);
            environment.ok("apply --auto-approve --allow-rekey");
        }
        assert_says(&environment.fails(1, "run"), &[&format!("people.csv has no column `{column}`")]);
        assert_eq!(rows(&environment, "name"), "");
    }
}

#[test]
fn a_file_may_lack_a_column_of_which_the_mapping_says_what_that_means() {
    let source = "{connector: file, config: {dataTypes: {people: {path: \"in/*.csv\"}}}}";
    let environment = Shop { source, ..Shop::default() }.applied();
    environment.replace("raccord.yaml", "name: name}", "name: {from: name, onMissing: keep}}");
    environment.ok("apply --auto-approve");
    environment.write("in/1.csv", "id,name\n1,Ann\n2,Bob\n");
    environment.write("in/2.csv", "id,since\n3,2025\n");
    assert_eq!(run(&environment), "fetched 3, created 3");
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob 3=");
    environment.write("in/1.csv", "id,since\n1,2025\n2,2025\n");
    assert_eq!(run(&environment), "fetched 3, unchanged 3");
    assert_says(&environment.ok("status"), &["no record of the last complete reading has `name`"]);
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob 3=");
    // What would be emptied for want of the column is held.
    environment.replace("raccord.yaml", "onMissing: keep", "onMissing: clear");
    environment.ok("apply --auto-approve");
    assert_says(
        &environment.ok("run"),
        &["is held: no record has `name`, and 2 stored values would be lost"],
    );
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob 3=");
}

#[test]
fn a_file_without_any_line_is_no_empty_list() {
    let environment = with_ann("");
    environment.write("people.csv", "");
    let said = environment.fails(1, "run");
    assert!(
        said.contains("people.csv: the file is empty: it lacks even the line that names its columns"),
        "{said}"
    );
}

/// People in a file of Parquet whose columns are texts.
fn write_parquet(environment: &TestEnvironment, name: &str, columns: &[&str], rows: &[&[&str]]) {
    let message: String =
        columns.iter().map(|column| format!("REQUIRED BYTE_ARRAY {column} (STRING);")).collect();
    let schema =
        parquet::schema::parser::parse_message_type(&format!("message people {{{message}}}")).unwrap();
    let path = environment.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut at = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        let values: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(row[at])).collect();
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
        at += 1;
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn one_file_of_parquet_among_others_without_the_column_clears_nothing() {
    let source = "{connector: file, config: {dataTypes: {people: {path: \"in/*.parquet\"}}}}";
    let environment = Shop { source, ..Shop::default() }.applied();
    write_parquet(&environment, "in/1.parquet", &["id", "name"], &[&["1", "Ann"], &["2", "Bob"]]);
    write_parquet(&environment, "in/2.parquet", &["id", "name"], &[&["3", "Cyd"]]);
    assert_eq!(run(&environment), "fetched 3, created 3");
    write_parquet(&environment, "in/2.parquet", &["id", "nom"], &[&["3", "Cyd"]]);
    let why = "in/2.parquet has no column `name`, which the transfer reads; ";
    for command in ["run", "preview people --limit 9"] {
        assert_says(&environment.fails(1, command), &[why, "its columns are `id`, `nom`"]);
    }
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob 3=Cyd");
    environment.replace("raccord.yaml", "name: name}", "name: {from: name, onMissing: keep}}");
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 3, unchanged 3");
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob 3=Cyd");
}

#[test]
fn a_sheet_without_the_column_fails_the_run() {
    let source = "{connector: file, config: {dataTypes: {people: {path: people.xlsx}}}}";
    let environment = Shop { source, ..Shop::default() }.applied();
    let sheet = root().join("crates/connect/tests/data/people.xlsx");
    std::fs::copy(sheet, environment.path().join("people.xlsx")).unwrap();
    environment.replace("raccord.yaml", "name: name}", "name: surname}");
    environment.ok("apply --auto-approve");
    let why = "people.xlsx has no column `surname`, which the transfer reads; ";
    assert_says(&environment.fails(1, "run"), &[why]);
}

#[test]
fn a_column_of_one_file_alone_is_not_mapped() {
    let environment = TestEnvironment::new();
    environment.write("in/1.csv", "id,name\n1,Ann\n");
    environment.write("in/2.csv", "id,name,extra\n2,Bob,x\n");
    environment.ok("new source files --path in/*.csv --data-type people");
    let shown = environment.ok("discover files");
    assert_says(&shown, &["in/1.csv has no column for `extra`"]);
    let told = environment.run("new transfer people --source files --to crm.person --integration crm");
    assert_says(&(told.stdout + &told.stderr), &["left out: `extra`; in/1.csv has no such column"]);
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 2, created 2");
}

/// A table of SQLite whose rows change by `ts`, and what is read of it.
const TABLE: &str = r#"apiVersion: raccord/v1
kind: Source
metadata: {name: erp}
spec:
  connector: sqlite
  config: {path: erp.db, dataTypes: {people: {incremental: {field: ts, format: integer}}}}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {person: {key: id, fields: {id: text, name: text}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec:
  source: erp
  to: crm.person
  active: true
  mapping: {primaryKey: {id: id}, fields: {name: {expr: "first ~ ' ' ~ last"}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: erp}
spec: {active: true, subscriptions: {people: [created, updated, deleted]}}
"#;

/// Runs statements on a database of SQLite.
fn sqlite(environment: &TestEnvironment, statements: &str) {
    let made = std::process::Command::new("python3")
        .args(["-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"])
        .arg(environment.path().join("erp.db"))
        .arg(statements)
        .status();
    assert!(made.unwrap().success());
}

#[test]
fn a_column_that_a_table_has_lost_fails_the_run_and_changes_nothing() {
    for (line, lost) in [
        ("mode: own", "last"),
        ("version: rev", "rev"),
        ("deletes: {field: gone}", "gone"),
        ("deletes: [{field: gone}, snapshot]", "gone"),
    ] {
        let yaml = TABLE.replace("active: true\n  mapping", &format!("active: true\n  {line}\n  mapping"));
        let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]);
        sqlite(
            &environment,
            "CREATE TABLE people (id TEXT NOT NULL PRIMARY KEY, first TEXT, last TEXT, rev INTEGER, gone INTEGER, ts INTEGER NOT NULL); \
             INSERT INTO people VALUES ('1', 'Ann', 'Lee', 1, 0, 1), ('2', 'Ben', 'Fox', 1, 0, 2)",
        );
        environment.ok("apply --auto-approve");
        environment.ok("run");
        let before = environment.ok("records crm.person");
        sqlite(
            &environment,
            &format!("ALTER TABLE people RENAME COLUMN {lost} TO other; UPDATE people SET ts = ts + 100"),
        );
        let why = format!("has no column `{lost}`, which the transfer reads; its columns are `id`, `");
        assert_says(&environment.fails(1, "run"), &[&why[..]]);
        assert_eq!(environment.ok("records crm.person"), before, "{line}");
        sqlite(&environment, &format!("ALTER TABLE people RENAME COLUMN other TO {lost}"));
        assert_says(&environment.ok("run"), &["succeeded"]);
        assert_eq!(environment.ok("records crm.person"), before, "{line}");
    }
}
