//! Statements of each dialect as text, what settings cannot mean, and JSON as it is written.

use std::sync::Arc;

use proptest::prelude::*;
use raccord_model::checkpoint::Cursor;
use raccord_model::language::ConnectorSettings;
use raccord_model::port::records::{Record, Records};
use raccord_model::port::source::Read;
use serde_json::{Value as Json, json};

use super::*;
use crate::connector::lower as lower_source;

fn settings(dialect: Dialect, data_type: &Json) -> ConnectorSettings {
    let data_types = json!({ "rows": data_type });
    match dialect {
        Dialect::Postgres => {
            serde_json::from_value::<PostgresTables>(json!({ "dataTypes": data_types })).unwrap().into()
        }
        Dialect::Mysql => {
            serde_json::from_value::<MysqlTables>(json!({ "dataTypes": data_types })).unwrap().into()
        }
        Dialect::Sqlite => {
            let settings = json!({ "path": "a.db", "dataTypes": data_types });
            serde_json::from_value::<SqliteTables>(settings).unwrap().into()
        }
    }
}

fn stream(dialect: Dialect, data_type: &Json) -> Result<Arc<TableStream>, Vec<String>> {
    let (stream, findings) = lower_source(&settings(dialect, data_type), &"rows".parse().unwrap());
    let told = |finding: &Finding| format!("{}: {}", finding.path.join("."), finding.message);
    match stream.and_then(|stream| stream.get()) {
        Some(stream) => Ok(stream),
        None => Err(findings.iter().map(told).collect()),
    }
}

/// A relation with an id, a name and a time.
fn shape(dialect: Dialect) -> Shape {
    let columns = match dialect {
        Dialect::Postgres => {
            let of =
                |name| postgres::ColumnType { schema: "pg_catalog", name, kind: postgres::TypeKind::Simple };
            vec![
                postgres::column("id", of("int8"), false),
                postgres::column("na\"me", of("text"), false),
                postgres::column("at", of("timestamptz"), true),
            ]
        }
        Dialect::Mysql => vec![
            mysql::column("id", "bigint", mysql::ColumnType::Integer, false),
            mysql::column("na`me", "varchar", mysql::ColumnType::Text, false),
            mysql::column("at", "datetime", mysql::ColumnType::Datetime, true),
        ],
        Dialect::Sqlite => {
            ["id", "na\"me", "at"].into_iter().map(|name| sqlite::column(name, "", name == "at")).collect()
        }
    };
    let primary = vec!["id".to_owned()];
    Shape { columns, unique: vec![primary.clone()], primary, indexed: Vec::new() }
}

/// The statement for a page of a data type, from an instant on, after the first row that it would show.
#[track_caller]
fn check(dialect: Dialect, data_type: &Json, from: Option<i64>, expected: &str) {
    let stream = stream(dialect, data_type).unwrap();
    let plan = PagePlan::new(&stream, shape(dialect)).unwrap();
    let since = from.and_then(|seconds| plan.since(&Cursor::Instant(seconds, 123_456_789)));
    let by = plan.by(since.is_some(), &Place::default()).len();
    let after = (0..by).map(|at| Value::Text(format!("v{at}"))).collect();
    let statement = plan.page(since.as_ref(), &Place { nulls: false, after }, 3);
    assert_eq!(statement.text, expected);
    let marks = statement.text.matches(['$', '?']).count();
    assert_eq!(marks, statement.values.len(), "{statement:?}");
}

#[test]
fn pages_follow_the_key() {
    check(
        Dialect::Postgres,
        &json!({}),
        None,
        "SELECT r.\"id\", r.\"na\"\"me\", r.\"at\" FROM \"public\".\"rows\" AS r WHERE r.\"id\" > \
         $1::text::\"pg_catalog\".\"int8\" ORDER BY r.\"id\" LIMIT 3",
    );
    check(
        Dialect::Mysql,
        &json!({"key": ["na`me", "id"]}),
        None,
        "SELECT r.`id`, r.`na``me`, r.`at` FROM `rows` AS r WHERE r.`na``me` >= ? AND (r.`na``me` > ? OR (r.`na``me` = ? \
         AND r.`id` > ?)) ORDER BY r.`na``me`, r.`id` LIMIT 3",
    );
    // No index says that two names differ by more than their case.
    check(
        Dialect::Mysql,
        &json!({"key": "na`me"}),
        None,
        "SELECT r.`id`, r.`na``me`, r.`at` FROM `rows` AS r WHERE CAST(CONVERT(r.`na``me` USING utf8mb4) AS BINARY) > ? ORDER BY \
         CAST(CONVERT(r.`na``me` USING utf8mb4) AS BINARY) LIMIT 3",
    );
    check(
        Dialect::Sqlite,
        &json!({"query": "SELECT 1 -- one\n;", "key": ["id", "na\"me"]}),
        None,
        "SELECT r.\"id\", r.\"na\"\"me\", r.\"at\" FROM (\nSELECT 1 -- one\n) AS r WHERE (r.\"id\", r.\"na\"\"me\") > (?, ?) \
         ORDER BY r.\"id\", r.\"na\"\"me\" LIMIT 3",
    );
}

#[test]
fn pages_of_changes_follow_the_column() {
    let incremental = json!({"incremental": {"field": "at"}});
    check(
        Dialect::Postgres,
        &incremental,
        Some(0),
        "SELECT r.\"id\", r.\"na\"\"me\", r.\"at\" FROM \"public\".\"rows\" AS r WHERE r.\"at\" >= \
         $1::text::\"pg_catalog\".\"timestamptz\" AND (r.\"at\", r.\"id\") > ($2::text::\"pg_catalog\".\"timestamptz\", \
         $3::text::\"pg_catalog\".\"int8\") ORDER BY r.\"at\", r.\"id\" LIMIT 3",
    );
    check(
        Dialect::Sqlite,
        &incremental,
        Some(0),
        "SELECT r.\"id\", r.\"na\"\"me\", r.\"at\", strftime('%Y-%m-%d %H:%M:%f', r.\"at\") FROM \"rows\" AS r WHERE \
         strftime('%Y-%m-%d %H:%M:%f', r.\"at\") >= ? AND (strftime('%Y-%m-%d %H:%M:%f', r.\"at\"), r.\"id\") > (?, ?) \
         ORDER BY strftime('%Y-%m-%d %H:%M:%f', r.\"at\"), r.\"id\" LIMIT 3",
    );
}

#[test]
fn an_instant_is_asked_for_as_its_column_has_it() {
    // Five minutes before the year 1, and a second day.
    const BEFORE: i64 = -62_135_597_100;
    const SECOND: i64 = 86_400;
    for (dialect, zone, seconds, expected) in [
        (Dialect::Postgres, None, SECOND, "1970-01-02 00:00:00+00"),
        (Dialect::Postgres, None, BEFORE, "J1721425 23:55:00+00"),
        (Dialect::Mysql, None, SECOND, "1970-01-02 00:00:00"),
        (Dialect::Mysql, Some("Europe/Paris"), SECOND, "1970-01-02 01:00:00"),
        (Dialect::Sqlite, None, SECOND, "1970-01-02 00:00:00.000"),
        // A text of SQLite that names its offset is compared in UTC, whatever the zone of the others: the earlier of the two.
        (Dialect::Sqlite, Some("Europe/Paris"), SECOND, "1970-01-02 00:00:00.000"),
        (Dialect::Sqlite, Some("America/New_York"), SECOND, "1970-01-01 19:00:00.000"),
    ] {
        let stream = stream(dialect, &json!({"incremental": {"field": "at", "timezone": zone}})).unwrap();
        let plan = PagePlan::new(&stream, shape(dialect)).unwrap();
        let since = plan.since(&Cursor::Instant(seconds, 999_999_999));
        assert_eq!(since, Some(Value::Text(expected.to_owned())), "{dialect:?} {zone:?}");
    }
}

#[test]
fn settings_that_mean_nothing_are_told() {
    for (dialect, data_type, expected) in [
        (Dialect::Mysql, json!({"query": "SELECT 1"}), "dataTypes.rows.key: a query needs a `key`"),
        (Dialect::Mysql, json!({"query": " ; ", "key": "a"}), "dataTypes.rows.query: the query says nothing"),
        (Dialect::Mysql, json!({"query": "x", "table": "y", "key": "a"}), "exclude each other"),
        (Dialect::Mysql, json!({"table": ""}), "a name has at least one character"),
        (Dialect::Mysql, json!({"key": []}), "name the columns"),
        (Dialect::Mysql, json!({"key": ["a", "a"]}), "a column stands twice"),
        (Dialect::Sqlite, json!({"changes": {"slot": "a", "publication": "b"}}), "connector postgres alone"),
        (Dialect::Postgres, json!({"changes": {"slot": "A", "publication": "b"}}), "a slot is called"),
        (
            Dialect::Postgres,
            json!({"changes": {"slot": "a", "publication": "b"}, "incremental": {"field": "a"}}),
            "`changes` and `incremental` exclude each other",
        ),
        (
            Dialect::Postgres,
            json!({"incremental": {"field": "a", "format": "integer", "lookback": "5m"}}),
            "time cannot be taken from a number",
        ),
        (
            Dialect::Postgres,
            json!({"incremental": {"field": "a", "timezone": "Mars/Olympus"}}),
            "not a time zone",
        ),
        (Dialect::Postgres, json!({"incremental": {"field": "a", "initial": "soon"}}), "`soon` is no value"),
    ] {
        let told = stream(dialect, &data_type).unwrap_err();
        assert!(told.iter().any(|told| told.contains(expected)), "{data_type}: {told:?}");
    }
    let sqlite: SqliteTables = serde_json::from_value(json!({"path": "", "dataTypes": {}})).unwrap();
    assert_eq!(
        sqlite.findings().first().map(|finding| finding.message.as_str()),
        Some("`path` names no file")
    );
}

#[test]
fn the_name_of_the_table_is_that_of_the_data_type() {
    let written = json!({"schema": "public", "dataTypes": {"rows": {"table": "rows", "key": ["id"]}}});
    let mut settings: PostgresTables = serde_json::from_value(written).unwrap();
    raccord_model::language::connector::Settings::make_canonical(&mut settings, &str::to_owned);
    let canonical = json!({"dataTypes": {"rows": {"key": "id"}}});
    assert_eq!(serde_json::to_value(&settings).unwrap(), canonical);
}

/// A page of two rows, a row more than it holds, and what follows.
#[test]
fn a_page_ends_before_the_row_that_is_one_too_many() {
    let stream = stream(Dialect::Postgres, &json!({})).unwrap();
    let plan = Arc::new(PagePlan::new(&stream, shape(Dialect::Postgres)).unwrap());
    let read = Read { page_size: Some(2), ..Read::default() };
    let mut pager = Pager::new(plan, "rows".to_owned(), &read).unwrap();
    let names: Vec<String> = pager.plan().names().map(str::to_owned).collect();
    let mut collector = pager.collector();
    let mut take = |id: i64| {
        let write = |text: &mut RecordText| -> Result<(), ()> {
            for name in &names {
                text.name(&RecordText::quote(name));
                text.raw(id);
            }
            Ok(())
        };
        collector.row(|_| Ok(Value::Integer(id)), write).unwrap()
    };
    assert_eq!([take(1), take(2), take(3)], [true, true, false]);
    let page = pager.page(collector).unwrap().unwrap();
    let record = |id: i64| {
        let members: Vec<String> =
            names.iter().map(|name| format!("{}:{id}", RecordText::quote(name))).collect();
        format!("{{{}}}", members.join(","))
    };
    let records: Vec<String> = page.records.iter().map(|record| record.to_json()).collect();
    assert_eq!(records, [record(1), record(2)]);
    assert_eq!(page.next.unwrap().0, r#"{"v":1,"by":["id"],"after":[{"i":2}]}"#);
    let Some(Record::TableRow(second)) = page.records.get(1) else { panic!("{:?}", page.records) };
    assert_eq!((second.value(0), second.value(names.len())), (Some("2"), None));
    let mut collector = pager.collector();
    for id in [3, 3] {
        _ = collector.row(|_| Ok::<_, ()>(Value::Integer(id)), |_| Ok(()));
    }
    assert!(pager.page(collector).unwrap_err().to_string().contains("two rows have the same id"));
}

#[test]
fn rows_of_several_forms_are_read_as_json() {
    let mut collector = Collector::unordered();
    for names in [&["\"a\"", "\"b\""][..], &["\"b\""], &["\"b\"", "\"a\"", "\"c\""]] {
        let write = |text: &mut RecordText| -> Result<(), ()> {
            for name in names {
                text.name(name);
                text.text(name);
            }
            Ok(())
        };
        collector.add(write).unwrap();
    }
    let columns: Arc<[String]> = ["a", "b"].map(str::to_owned).into();
    let collected = collector.end(&columns).unwrap();
    assert!(matches!(collected.records, Records::Json { .. }), "{:?}", collected.records);
    assert_eq!(collected.records.len(), 3);
}

proptest! {
    #[test]
    fn texts_are_json(text in any::<String>()) {
        let quoted = RecordText::quote(&text);
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
    }

    #[test]
    fn places_come_back(
        nulls in any::<bool>(),
        text in any::<String>(),
        number in any::<i64>(),
        bits in any::<u64>(),
        bytes in any::<Vec<u8>>(),
    ) {
        let after = vec![Value::Text(text), Value::Integer(number), Value::Real(bits), Value::Bytes(bytes)];
        let place = Place { nulls, after };
        let by = ["a", "b", "c", "d"];
        prop_assert_eq!(Place::read(&place.token(&by)).unwrap(), (by.map(str::to_owned).to_vec(), place));
    }
}
