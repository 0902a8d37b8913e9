//! SQLite as a source: the cases of every dialect, and what is its own.

use std::path::PathBuf;
use std::sync::Arc;

use raccord_compiler::connector::TableStream;
use raccord_model::language::ConnectorSettings;
use raccord_model::language::connector::{SqliteTables, TableDataType};
use raccord_model::port::Async;
use raccord_model::port::source::{Read, Source, SourceError};
use raccord_sqlite::SqliteSource;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::table_source::{self, drain, mistake, opened};

/// An empty file.
struct File(TempDir);

impl File {
    fn empty() -> Self {
        let file = Self(TempDir::new().unwrap());
        file.run("PRAGMA journal_mode = wal");
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("a.db")
    }

    fn run(&self, statements: &str) {
        Connection::open(self.path()).unwrap().execute_batch(statements).unwrap();
    }
}

impl table_source::Database for File {
    fn settings(&self, data_type: TableDataType) -> ConnectorSettings {
        let data_types = [("rows".parse().unwrap(), data_type)].into();
        SqliteTables { path: "a.db".to_owned(), data_types }.into()
    }

    fn open(&self, stream: Arc<TableStream>) -> Box<dyn Source> {
        Box::new(SqliteSource::new(stream, self.path()))
    }

    fn sql<'a>(&'a self, statements: &'a str) -> Async<'a, ()> {
        self.run(statements);
        Box::pin(std::future::ready(()))
    }

    fn instant(&self) -> &'static str {
        "text"
    }

    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

mod cases {
    use super::File;

    crate::table_source::table_source_tests!(File::empty());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn values_are_what_they_were() {
    let file = File::empty();
    file.run(
        "CREATE TABLE rows (k INTEGER PRIMARY KEY, v); INSERT INTO rows (v) VALUES (9223372036854775807), (0.1), ('007'), ('é\"'), \
         (''), (NULL), (x'00ff10'), (9e999), (1.0)",
    );
    block_on(async {
        let opened = opened(&file, &json!({}));
        let mut pages = opened.source.open(Read::default()).await.unwrap();
        let page = pages.next().await.unwrap().unwrap();
        let values: Vec<String> = page.records.iter().map(|record| record.to_json()).collect();
        let expected = [
            "9223372036854775807",
            "0.1",
            "\"007\"",
            "\"é\\\"\"",
            "\"\"",
            "null",
            "\"AP8Q\"",
            "\"Infinity\"",
            "1.0",
        ];
        for (at, (record, value)) in values.iter().zip(expected).enumerate() {
            assert_eq!(*record, format!("{{\"k\":{},\"v\":{value}}}", at + 1));
        }
    });
}

/// A column of SQLite holds what each row says: all of it is gone on from, page after page.
#[test]
fn a_key_of_mixed_types_is_gone_on_from() {
    let file = File::empty();
    file.run(
        "CREATE TABLE rows (k PRIMARY KEY NOT NULL); INSERT INTO rows VALUES (1), (2.5), ('a'), ('B'), (''), (x'00'), (x'ff'), \
         ('1'), (-9223372036854775808), (0.30000000000000004)",
    );
    block_on(async {
        for data_type in [json!({}), json!({"query": "SELECT k FROM rows", "key": "k"})] {
            let opened = opened(&file, &data_type);
            let records = drain(&opened, Read { page_size: Some(1), ..Read::default() }).await.unwrap();
            assert_eq!(records.len(), 10, "{data_type}");
        }
    });
}

/// Times are compared as times, however they are written; one that is none comes every time.
#[test]
fn times_are_compared_as_times() {
    let file = File::empty();
    file.run(
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, at TEXT); INSERT INTO rows (at) VALUES ('2025-01-01T02:00:00+02:00'), \
         ('2025-01-01 00:00:01'), ('2025-01-01T00:00:02Z'), ('soon')",
    );
    block_on(async {
        let opened =
            opened(&file, &json!({"incremental": {"field": "at", "initial": "2025-01-01T00:00:01Z"}}));
        let mut follower = table_source::Follower::new();
        let first = follower.window(&opened, "2025-02-01T00:00:00Z").await;
        assert_eq!(table_source::column(&first, "id"), ["2", "3", "4"]);
    });
    // A text that names its offset is no time of the zone.
    file.run("DELETE FROM rows; INSERT INTO rows (at) VALUES ('2025-01-01T02:00:00+01:00'), ('2025-01-01 02:00:00')");
    block_on(async {
        let incremental =
            json!({"field": "at", "timezone": "Europe/Paris", "initial": "2025-01-01T00:30:00Z"});
        let opened = opened(&file, &json!({"incremental": incremental}));
        let first = table_source::Follower::new().window(&opened, "2025-02-01T00:00:00Z").await;
        assert_eq!(table_source::column(&first, "at"), ["2025-01-01T02:00:00+01:00", "2025-01-01 02:00:00"]);
    });
}

#[test]
fn what_cannot_be_read_is_told() {
    let file = File::empty();
    block_on(async {
        let opened = opened(&file, &json!({}));
        let missing = SqliteSource::new(Arc::clone(&opened.stream), file.0.path().join("none.db"));
        let error = missing.check().await.unwrap_err();
        assert!(matches!(error, SourceError::File { .. }), "{error:?}");
        file.run("CREATE TABLE rows (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO rows VALUES (1, CAST(x'ff' AS TEXT))");
        let told = mistake(&file, &json!({})).await;
        assert!(told.contains("the column `t` is not UTF-8"), "{told}");
    });
}

#[test]
fn a_column_of_changes_is_proposed() {
    let advice = |columns: &str, settings: serde_json::Value| {
        let file = File::empty();
        file.run(&format!(
            "CREATE TABLE rows (k INTEGER PRIMARY KEY, {columns}); CREATE INDEX i ON rows (updated_at, k)"
        ));
        block_on(opened(&file, &settings).source.advice()).unwrap().join(" ")
    };
    let said = advice("created_at, updated_at, modified", json!({}));
    assert!(
        said.contains("`incremental: {field: updated_at, lookback: 5m}`") && !said.contains("index"),
        "{said}"
    );
    assert_eq!(advice("updated_at", json!({"incremental": {"field": "updated_at"}})), "");
    let file = File::empty();
    file.run("CREATE TABLE rows (k INTEGER PRIMARY KEY, modified); CREATE INDEX i ON rows (k, modified)");
    let said = block_on(opened(&file, &json!({})).source.advice()).unwrap().join(" ");
    assert!(said.contains("`modified` probably") && said.contains("it wants an index"), "{said}");
    file.run("CREATE INDEX j ON rows (modified) WHERE k > 1");
    let said = block_on(opened(&file, &json!({})).source.advice()).unwrap().join(" ");
    assert!(said.contains("it wants an index"), "one that leaves rows out: {said}");
}
