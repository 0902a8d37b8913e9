//! The cases of every dialect, and what is MariaDB's own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use raccord_compiler::connector::TableStream;
use raccord_model::language::ConnectorSettings;
use raccord_model::language::connector::{MysqlTables, TableDataType};
use raccord_model::port::Async;
use raccord_model::port::source::{Read, Source, SourceError};
use raccord_mysql::{MysqlSettings, MysqlSource, Server, SettingsSource, Tls};
use secrecy::SecretString;
use serde_json::json;

use crate::mariadb_server::MariadbServer;
use crate::table_source::{self, drain, mistake, opened};

/// The server of this process.
static SERVER: LazyLock<MariadbServer> = LazyLock::new(MariadbServer::start);

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// An empty database.
struct Database(String);

impl Database {
    fn empty() -> Self {
        let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        SERVER.sql("mysql", &format!("CREATE DATABASE {name} COLLATE utf8mb4_general_ci"));
        Self(name)
    }

    fn run(&self, statements: &str) -> String {
        SERVER.sql(&self.0, statements)
    }

    fn source(&self, stream: Arc<TableStream>, user: &str, password: Option<&str>) -> MysqlSource {
        let server = Server::Parts {
            host: SERVER.socket(),
            port: None,
            database: self.0.clone(),
            user: user.to_owned(),
            password: password.map(SecretString::from),
        };
        let settings = SettingsSource::fixed(MysqlSettings { server, tls: Tls::Off });
        MysqlSource::new(stream, settings, "the database".to_owned())
    }
}

impl table_source::Database for Database {
    fn settings(&self, data_type: TableDataType) -> ConnectorSettings {
        MysqlTables { data_types: [("rows".parse().unwrap(), data_type)].into() }.into()
    }

    fn open(&self, stream: Arc<TableStream>) -> Box<dyn Source> {
        Box::new(self.source(stream, "root", None))
    }

    fn sql<'a>(&'a self, statements: &'a str) -> Async<'a, ()> {
        self.run(&statements.replace(" rows", " `rows`"));
        Box::pin(std::future::ready(()))
    }

    fn instant(&self) -> &'static str {
        "datetime(6)"
    }

    fn quote(&self, name: &str) -> String {
        format!("`{}`", name.replace('`', "``"))
    }
}

mod cases {
    use super::Database;

    crate::table_source::table_source_tests!(Database::empty());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A value of each type, and how it is read.
const VALUES: &[(&str, &str, &str)] = &[
    ("tinyint(1)", "1", "1"),
    ("boolean", "false", "0"),
    ("bigint", "-9223372036854775808", "-9223372036854775808"),
    ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
    ("int(6) zerofill", "42", "42"),
    ("decimal(30,10)", "-12345678901234567890.5", "-12345678901234567890.5000000000"),
    ("decimal(8,2) zerofill", "12.5", "12.50"),
    ("float", "0.1", "0.1"),
    ("double", "0.1", "0.1"),
    ("varchar(40)", "'+351 é\"\\\\日'", "\"+351 é\\\"\\\\日\""),
    ("varchar(40) character set latin1", "'é'", "\"é\""),
    ("text", "''", "\"\""),
    ("text", "NULL", "null"),
    ("char(5)", "'007'", "\"007\""),
    ("blob", "x'00ff10'", "\"AP8Q\""),
    ("varbinary(5)", "x'00ff10'", "\"AP8Q\""),
    ("bit(12)", "b'100000000001'", "2049"),
    ("date", "'2024-02-29'", "\"2024-02-29\""),
    ("date", "'0000-00-00'", "null"),
    ("date", "'2024-00-00'", "\"2024-00-00\""),
    ("datetime(6)", "'2025-01-31 09:30:00.120000'", "\"2025-01-31T09:30:00.12\""),
    ("datetime", "'0000-00-00 00:00:00'", "null"),
    ("timestamp(6) NULL", "'2025-01-31 07:30:00.5'", "\"2025-01-31T07:30:00.5Z\""),
    ("time(3)", "'-26:03:04.5'", "\"-26:03:04.5\""),
    ("year", "2025", "2025"),
    ("enum('b','a')", "'a'", "\"a\""),
    ("set('b','a')", "'a,b'", "\"b,a\""),
    ("json", "'{\"a\": 1}'", "\"{\\\"a\\\": 1}\""),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
];

#[test]
fn values_are_what_they_were() {
    let database = Database::empty();
    let columns: Vec<String> =
        VALUES.iter().enumerate().map(|(at, (of, ..))| format!("c{at} {of}")).collect();
    let values: Vec<&str> = VALUES.iter().map(|(_, value, _)| *value).collect();
    let mode = "SET sql_mode = '', time_zone = '+00:00'";
    database.run(&format!(
        "{mode}; CREATE TABLE `rows` (id int PRIMARY KEY, {}); INSERT INTO `rows` VALUES (1, {})",
        columns.join(", "),
        values.join(", ")
    ));
    block_on(async {
        let opened = opened(&database, &json!({}));
        let mut pages = opened.source.open(Read::default()).await.unwrap();
        let page = pages.next().await.unwrap().unwrap();
        let record = page.records.iter().next().unwrap().to_json();
        for (at, (of, value, expected)) in VALUES.iter().enumerate() {
            let next = VALUES.len() == at + 1;
            let end = if next { "}".to_owned() } else { format!(",\"c{}\"", at + 1) };
            let member = format!("\"c{at}\":{expected}{end}");
            assert!(record.contains(&member), "{of} {value}: no {member} in {record}");
        }
    });
}

/// Every type that rows can be told apart by, page after page, with an index and without.
#[test]
fn keys_of_every_type_are_gone_on_from() {
    let database = Database::empty();
    for (of, values) in [
        ("bigint", "(-9223372036854775808), (9007199254740993), (9007199254740992), (9223372036854775807)"),
        ("bigint unsigned", "(0), (9223372036854775808), (18446744073709551615)"),
        ("decimal(30,10)", "(-0.5), (12345678901234567890.5), (12345678901234567890.4)"),
        ("varchar(20)", "('a'), ('B'), ('é'), ('z'), ('')"),
        ("varchar(20) character set latin1", "('a'), ('B'), ('é'), ('z'), ('')"),
        ("varchar(20) character set ucs2", "('a'), ('B'), ('é'), ('z'), ('')"),
        (
            "decimal(38,30)",
            "(-0.5), (0.000000000000000000000000000001), (0.000000000000000000000000000002), (9)",
        ),
        (
            "decimal(40,0)",
            "(1), (9999999999999999999999999999999999999998), (9999999999999999999999999999999999999999)",
        ),
        ("varbinary(20)", "(x'00'), (x'ff'), ('a'), ('A')"),
        ("date", "('2024-02-29'), ('1000-01-01'), ('2025-01-01')"),
        ("datetime(6)", "('2025-01-01 00:00:00.000001'), ('2025-01-01 00:00:00.000002')"),
        ("timestamp(6)", "('2025-01-01 00:00:00.000001'), ('2025-01-01 00:00:00.000002')"),
        ("time(6)", "('-26:00:00.5'), ('00:00:00'), ('26:00:00.000001')"),
        ("enum('z','b','a')", "('a'), ('b'), ('z')"),
        ("year", "(1999), (2025)"),
    ] {
        let count = values.matches('(').count();
        database.run(&format!(
            "DROP TABLE IF EXISTS `rows`; CREATE TABLE `rows` (k {of} PRIMARY KEY); INSERT INTO `rows` VALUES {values}"
        ));
        block_on(async {
            for data_type in [json!({}), json!({"query": "SELECT k FROM `rows`", "key": "k"})] {
                let opened = opened(&database, &data_type);
                let records = drain(&opened, Read { page_size: Some(1), ..Read::default() }).await;
                assert_eq!(records.unwrap().len(), count, "{of} {data_type}");
            }
        });
    }
}

/// Two texts that the collation holds for equal are two rows where no index says otherwise.
#[test]
fn texts_of_a_query_are_compared_byte_by_byte() {
    let database = Database::empty();
    database
        .run("CREATE TABLE t (k varchar(9) NOT NULL); INSERT INTO t VALUES ('a'), ('A'), ('á'), ('b'), ('B'), ('b ')");
    block_on(async {
        let opened = opened(&database, &json!({"table": "t", "key": "k"}));
        let records = drain(&opened, Read { page_size: Some(1), ..Read::default() }).await.unwrap();
        assert_eq!(records.len(), 6);
    });
}

/// A date of zeros is a part of a key, and in the incremental column it is nothing: its rows come every time.
#[test]
fn dates_of_zeros_are_read_whatever_the_server_thinks_of_them() {
    let database = Database::empty();
    database.run(
        "SET sql_mode = ''; CREATE TABLE t (d date NOT NULL, n int, at datetime NOT NULL, PRIMARY KEY (d, n)); \
         INSERT INTO t VALUES (0, 1, 0), (0, 2, '2025-01-01'), (0, 3, 0), ('2024-01-01', 1, '2025-01-02')",
    );
    let strict = database.run("SELECT @@GLOBAL.sql_mode");
    database.run("SET GLOBAL sql_mode = 'TRADITIONAL'");
    block_on(async {
        let read = Read { page_size: Some(1), ..Read::default() };
        let whole = opened(&database, &json!({"table": "t"}));
        assert_eq!(drain(&whole, read.clone()).await.unwrap().len(), 4);
        let changes =
            opened(&database, &json!({"table": "t", "incremental": {"field": "at", "timezone": "UTC"}}));
        let from = Some(raccord_model::checkpoint::Cursor::Instant(1_735_689_600, 0));
        assert_eq!(drain(&changes, Read { from, ..read }).await.unwrap().len(), 4);
    });
    database.run(&format!("SET GLOBAL sql_mode = '{}'", strict.trim()));
}

#[test]
fn what_is_refused_is_told() {
    let database = Database::empty();
    let name = &database.0;
    database.run(&format!(
        "CREATE TABLE `rows` (id int PRIMARY KEY, g point); CREATE OR REPLACE USER stranger IDENTIFIED BY 'hunter2'; \
         CREATE TABLE other (id int); GRANT SELECT ON {name}.other TO stranger; FLUSH PRIVILEGES"
    ));
    block_on(async {
        let opened = opened(&database, &json!({"query": "SELECT id FROM `rows`", "key": "id"}));
        for (user, password, expected) in [
            ("stranger", "hunter2", "GRANT SELECT ON"),
            ("stranger", "hunter3", "the password"),
            ("root", "x", "the password"),
        ] {
            let source = database.source(Arc::clone(&opened.stream), user, Some(password));
            let denied = source.check().await.unwrap_err();
            assert!(denied.is_unauthorized() && denied.to_string().contains(expected), "{denied:?}");
            assert!(!format!("{denied} {denied:?}").contains("hunter"));
        }
        let away =
            MysqlSettings { server: Server::Url("mysql://me:hunter2@127.0.0.1:9/crm".into()), tls: Tls::Off };
        let away = MysqlSource::new(Arc::clone(&opened.stream), SettingsSource::fixed(away), "it".to_owned());
        let error = away.check().await.unwrap_err();
        assert!(matches!(error, SourceError::Unreachable { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let told = mistake(&database, &json!({})).await;
        assert!(told.contains("the column `g` is of type geometry"), "{told}");
    });
}
