//! PostgreSQL as a source: the cases of every dialect, and what is its own.

use std::sync::Arc;

use raccord_compiler::connector::TableStream;
use raccord_model::language::ConnectorSettings;
use raccord_model::language::connector::{PostgresTables, TableDataType};
use raccord_model::port::Async;
use raccord_model::port::source::{Read, Source, SourceError};
use raccord_postgres::{PostgresSettings, PostgresSource, Server, SettingsSource, Tls};
use secrecy::SecretString;
use serde_json::json;

use crate::fixture::Database;
use crate::table_source::{self, drain, mistake, opened};

/// An empty database whose tables are in `crm`.
struct Tables(Database);

impl Tables {
    fn empty() -> Self {
        let database = Database::empty();
        database.sql("DROP SCHEMA IF EXISTS crm CASCADE; CREATE SCHEMA crm");
        Self(database)
    }

    fn at(url: &str, stream: Arc<TableStream>) -> Box<dyn Source> {
        let settings = PostgresSettings {
            server: Server::Url(SecretString::from(url)),
            tls: Tls::Off,
            schema: String::new(),
        };
        Box::new(PostgresSource::new(stream, SettingsSource::fixed(settings), "the database".to_owned()))
    }
}

impl table_source::Database for Tables {
    fn settings(&self, data_type: TableDataType) -> ConnectorSettings {
        let data_types = [("rows".parse().unwrap(), data_type)].into();
        PostgresTables { schema: Some("crm".to_owned()), data_types }.into()
    }

    fn open(&self, stream: Arc<TableStream>) -> Box<dyn Source> {
        Self::at(&self.0.url(), stream)
    }

    fn sql<'a>(&'a self, statements: &'a str) -> Async<'a, ()> {
        self.0.sql(&format!("SET search_path = crm; {statements}"));
        Box::pin(std::future::ready(()))
    }

    fn instant(&self) -> &'static str {
        "timestamp"
    }

    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

mod cases {
    use super::Tables;

    crate::table_source::table_source_tests!(Tables::empty());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A value of each type, and how it is read.
const VALUES: &[(&str, &str, &str)] = &[
    ("boolean", "true", "true"),
    ("smallint", "-32768", "-32768"),
    ("integer", "2147483647", "2147483647"),
    ("bigint", "9223372036854775807", "9223372036854775807"),
    ("oid", "4294967295", "4294967295"),
    ("real", "0.1", "0.1"),
    ("double precision", "0.1", "0.1"),
    ("double precision", "'NaN'", "\"NaN\""),
    ("double precision", "'-Infinity'", "\"-Infinity\""),
    ("numeric", "123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
    ("numeric(12,2)", "-0.50", "-0.5"),
    ("numeric", "'NaN'", "\"NaN\""),
    ("text", "E'a\"b\\\\c\\n\\t\\u0001é日'", "\"a\\\"b\\\\c\\n\\t\\u0001é日\""),
    ("text", "''", "\"\""),
    ("text", "NULL", "null"),
    ("varchar(20)", "'+351936845354'", "\"+351936845354\""),
    ("char(5)", "'007'", "\"007  \""),
    ("timestamptz", "'2025-01-31 09:30:00.123456+02'", "\"2025-01-31T07:30:00.123456Z\""),
    ("timestamptz", "'infinity'", "\"infinity\""),
    ("timestamp", "'2025-01-31 09:30:00'", "\"2025-01-31T09:30:00\""),
    ("date", "'2024-02-29'", "\"2024-02-29\""),
    ("date", "'0044-03-15 BC'", "\"-000043-03-15\""),
    ("time", "'23:59:59.5'", "\"23:59:59.5\""),
    ("interval", "'1 day 02:03:04'", "\"P1DT2H3M4S\""),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
    ("json", "'{\"b\": 1, \"a\": 12345678901234567890}'", "{\"b\": 1, \"a\": 12345678901234567890}"),
    ("jsonb", "'[1, null, \"x\"]'", "[1, null, \"x\"]"),
    ("bytea", "'\\x00ff10'", "\"AP8Q\""),
    ("integer[]", "'{1,NULL,3}'", "[1,null,3]"),
    ("text[]", "ARRAY['a,b', '\"q\"', '']", "[\"a,b\",\"\\\"q\\\"\",\"\"]"),
    ("integer[][]", "'{{1,2},{3,4}}'", "[[1,2],[3,4]]"),
    ("timestamptz[]", "ARRAY['2025-01-31 09:30:00+02'::timestamptz]", "[\"2025-01-31T07:30:00+00:00\"]"),
    ("crm.mood", "'so ''so'''", "\"so 'so'\""),
    ("crm.posint", "7", "7"),
    ("int4range", "'[1,5)'", "\"[1,5)\""),
    ("inet", "'10.0.0.1/8'", "\"10.0.0.1/8\""),
    ("crm.pair", "ROW(1, 'x')", "\"(1,x)\""),
];

#[test]
fn values_are_what_they_were() {
    let tables = Tables::empty();
    tables.0.sql(
        "CREATE TYPE crm.mood AS ENUM ('happy', 'so ''so'''); CREATE DOMAIN crm.posint AS integer CHECK (VALUE > 0); \
         CREATE TYPE crm.pair AS (a integer, b text)",
    );
    let columns: Vec<String> =
        VALUES.iter().enumerate().map(|(at, (of, ..))| format!("c{at} {of}")).collect();
    let values: Vec<&str> = VALUES.iter().map(|(_, value, _)| *value).collect();
    tables.0.sql(&format!("CREATE TABLE crm.rows (id int PRIMARY KEY, {})", columns.join(", ")));
    tables.0.sql(&format!("INSERT INTO crm.rows VALUES (1, {})", values.join(", ")));
    block_on(async {
        let opened = opened(&tables, &json!({}));
        let mut pages = opened.source.open(Read::default()).await.unwrap();
        let page = pages.next().await.unwrap().unwrap();
        let record = page.records.iter().next().unwrap().to_json();
        for (at, (of, value, expected)) in VALUES.iter().enumerate() {
            let member = format!("\"c{at}\":{expected}");
            let next = VALUES.len() == at + 1;
            let end = if next { "}".to_owned() } else { format!(",\"c{}\"", at + 1) };
            assert!(record.contains(&(member.clone() + &end)), "{of} {value}: no {member} in {record}");
        }
    });
}

/// Every type that rows can be told apart by, page after page.
#[test]
fn keys_of_every_type_are_gone_on_from() {
    let tables = Tables::empty();
    tables.0.sql("CREATE TYPE crm.mood AS ENUM ('zz', 'b', 'a')");
    for (of, values) in [
        ("bigint", "(-9223372036854775808), (0), (9223372036854775807)"),
        ("numeric", "(-0.5), (1e30), ('NaN')"),
        ("double precision", "(-0.1), (0.30000000000000004), ('Infinity')"),
        ("timestamptz", "('2025-01-01 00:00:00.000001+00'), ('2025-01-01 00:00:00.000002+00'), ('infinity')"),
        ("timestamp", "('2025-01-01 00:00:00.000001'), ('2025-01-01 00:00:00.000002'), ('-infinity')"),
        ("date", "('2024-02-29'), ('0044-03-15'), ('2025-01-01')"),
        ("date", "('-infinity'), ('4714-11-24 BC'), ('0044-03-15 BC'), ('0001-12-31 BC'), ('0001-01-01')"),
        ("date", "('9999-12-31'), ('10000-01-01'), ('5874897-12-31'), ('infinity')"),
        ("timestamp", "('4714-11-24 00:00:00.000001 BC'), ('0001-12-31 23:59:59.999999 BC'), ('0001-01-01')"),
        ("timestamptz", "('4714-11-24 00:00:00Z BC'), ('0044-03-15 12:00:00.5Z BC'), ('2025-01-01Z')"),
        (
            "timestamptz",
            "('9999-12-31 23:59:59Z'), ('10000-01-01Z'), ('294276-12-31 23:59:59.999999Z'), ('infinity')",
        ),
        ("uuid", "(gen_random_uuid()), (gen_random_uuid()), (gen_random_uuid())"),
        ("bytea", "('\\x00'), ('\\xff'), ('\\xff00')"),
        ("boolean", "(true), (false)"),
        ("crm.mood", "('a'), ('b'), ('zz')"),
        ("inet", "('10.0.0.1'), ('10.0.0.0/8'), ('::1')"),
        ("char(4)", "('a'), ('b'), ('ab')"),
    ] {
        let count = values.matches('(').count() - values.matches("()").count();
        tables.0.sql(&format!("DROP TABLE IF EXISTS crm.rows; CREATE TABLE crm.rows (k {of} PRIMARY KEY)"));
        tables.0.sql(&format!("INSERT INTO crm.rows VALUES {values}"));
        block_on(async {
            let opened = opened(&tables, &json!({}));
            let records = drain(&opened, Read { page_size: Some(1), ..Read::default() }).await;
            assert_eq!(records.unwrap().len(), count, "{of}");
            let is_unindexed = json!({"query": "SELECT k FROM crm.rows", "key": "k"});
            let opened = table_source::opened(&tables, &is_unindexed);
            let records = drain(&opened, Read { page_size: Some(1), ..Read::default() }).await;
            assert_eq!(records.unwrap().len(), count, "{of}, of a query");
        });
    }
}

#[test]
fn what_is_refused_or_away_is_told_apart() {
    let tables = Tables::empty();
    tables.0.sql("CREATE TABLE crm.rows (id int PRIMARY KEY, j json); INSERT INTO crm.rows VALUES (1)");
    tables.0.sql(
        "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA crm TO stranger",
    );
    let stranger = tables.0.url().replace("postgres@", "stranger:hunter2@");
    block_on(async {
        let read = async |url: &str| {
            let opened = opened(&tables, &json!({}));
            let source = Tables::at(url, Arc::clone(&opened.stream));
            let mut pages = source.open(Read::default()).await?;
            pages.next().await
        };
        let denied = read(&stranger).await.unwrap_err();
        assert!(denied.is_unauthorized(), "{denied:?}");
        assert!(denied.to_string().contains("GRANT SELECT ON crm.rows"), "{denied}");
        let denied = read(&tables.0.url().replace(&tables.0.0, "nowhere")).await.unwrap_err();
        assert!(
            denied.is_unauthorized() && denied.to_string().contains("no database of that name"),
            "{denied}"
        );
        let away = read("postgres://me:hunter2@127.0.0.1:9/crm").await.unwrap_err();
        assert!(matches!(away, SourceError::Unreachable { .. }), "{away:?}");
        assert!(!format!("{away} {away:?}").contains("hunter2"));
        let told = mistake(&tables, &json!({"key": "j"})).await;
        assert!(told.contains("of type json has no order"), "{told}");
        let told = mistake(&tables, &json!({"query": "SELECT id, j, j FROM crm.rows", "key": "id"})).await;
        assert!(told.contains("two columns are called `j`"), "{told}");
        let told = mistake(&tables, &json!({"incremental": {"field": "id"}})).await;
        assert!(told.contains("integer fits"), "{told}");
    });
}

/// What a column is read as hangs on its type: one that is given another one in between fails the reading.
#[test]
fn a_column_that_is_given_another_type_between_two_pages_is_told() {
    let tables = Tables::empty();
    for (from, to) in [("bigint", "double precision"), ("boolean", "int"), ("text", "int"), ("int", "text")] {
        tables.0.sql(&format!(
            "DROP TABLE IF EXISTS crm.rows; CREATE TABLE crm.rows (id int PRIMARY KEY, n {from}); \
             INSERT INTO crm.rows SELECT n, (n % 2)::text::{from} FROM generate_series(1, 10) n"
        ));
        block_on(async {
            let opened = opened(&tables, &json!({}));
            let mut pages = opened.source.open(Read { page_size: Some(4), ..Read::default() }).await.unwrap();
            assert_eq!(pages.next().await.unwrap().unwrap().records.len(), 4);
            tables.0.sql(&format!("ALTER TABLE crm.rows ALTER n TYPE {to} USING n::{to}"));
            let told = pages.next().await.unwrap_err().to_string();
            assert!(told.contains("column `n` was given another type"), "{from} to {to}: {told}");
        });
    }
}

/// A role may be set to fewer digits than its numbers have.
#[test]
fn floating_point_numbers_keep_their_digits() {
    let tables = Tables::empty();
    tables.0.sql(
        "CREATE TABLE crm.rows (id int PRIMARY KEY, a float8[]); INSERT INTO crm.rows VALUES (1, ARRAY[0.1::float8 + 0.2]); \
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -3', current_database()); END $$",
    );
    block_on(async {
        let opened = opened(&tables, &json!({}));
        let records = drain(&opened, Read::default()).await.unwrap();
        assert!(format!("{records:?}").contains("0.30000000000000004"), "{records:?}");
    });
}

/// Texts that `citext` takes for equal are rows of their own where no index says otherwise.
#[test]
fn citext_of_a_query_is_compared_byte_by_byte() {
    let tables = Tables::empty();
    tables.0.sql("CREATE EXTENSION citext SCHEMA crm; CREATE TABLE crm.b (id text); INSERT INTO crm.b VALUES ('zz'), ('ZZ'), ('zZ'), ('a')");
    block_on(async {
        let query = json!({"query": "SELECT id::crm.citext AS id FROM crm.b", "key": "id"});
        let opened = opened(&tables, &query);
        let records = drain(&opened, Read { page_size: Some(1), ..Read::default() }).await.unwrap();
        assert_eq!(records.len(), 4);
    });
}

/// The server ends and comes back between two pages.
#[test]
fn a_lost_connection_is_made_again() {
    let tables = Tables::empty();
    tables.0.sql(
        "CREATE TABLE crm.rows (id int PRIMARY KEY); INSERT INTO crm.rows SELECT generate_series(1, 10)",
    );
    block_on(async {
        let opened = opened(&tables, &json!({}));
        let mut pages = opened.source.open(Read { page_size: Some(4), ..Read::default() }).await.unwrap();
        let mut count = pages.next().await.unwrap().unwrap().records.len();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        tables.0.sql(end);
        while count < 10 {
            count += pages.next().await.unwrap().unwrap().records.len();
        }
        assert_eq!(count, 10);
    });
}
