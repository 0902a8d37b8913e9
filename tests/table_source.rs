//! What every database must do as a source, as tests: pages without a gap or a double, windows of changes, values as they are,
//! mistakes that are told. Each dialect says how its tables are made and opened.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::sync::Arc;

use jiff::Timestamp;
use raccord_compiler::connector::reading::{PageRead, Progress, Rules, Values};
use raccord_compiler::connector::{self, Component as _, TableStream};
use raccord_model::checkpoint::PageToken;
use raccord_model::language::ConnectorSettings;
use raccord_model::language::connector::TableDataType;
use raccord_model::port::Async;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError};
use serde_json::{Value, json};

/// A database of one dialect.
pub trait Database: Send + Sync {
    /// Its settings with one data type, `rows`.
    fn settings(&self, data_type: TableDataType) -> ConnectorSettings;
    /// Opens a stream of it.
    fn open(&self, stream: Arc<TableStream>) -> Box<dyn Source>;
    /// Runs statements.
    fn sql<'a>(&'a self, statements: &'a str) -> Async<'a, ()>;
    /// The type of a column that holds an instant without a zone, with microseconds.
    fn instant(&self) -> &'static str;
    /// A name in quotes.
    fn quote(&self, name: &str) -> String;
}

/// A data type, ready to be read.
pub struct Opened {
    pub stream: Arc<TableStream>,
    pub source: Box<dyn Source>,
}

/// Opens the data type `rows`, as the language has it.
pub fn opened(database: &dyn Database, data_type: &Value) -> Opened {
    let data_type: TableDataType = serde_json::from_value(data_type.clone()).unwrap();
    let settings = database.settings(data_type);
    let (stream, findings) = connector::lower(&settings, &"rows".parse().unwrap());
    let stream = stream.unwrap_or_else(|| panic!("{findings:#?}")).get::<TableStream>().unwrap();
    Opened { source: database.open(Arc::clone(&stream)), stream }
}

/// The first mistake that a data type has as it is written, or as the database shows it.
pub async fn mistake(database: &dyn Database, data_type: &Value) -> String {
    let opened = opened(database, data_type);
    let read = async {
        opened.source.check().await?;
        drain(&opened, Read::default()).await
    };
    match read.await {
        Ok(records) => panic!("{records:#?}"),
        Err(error) => SourceError::to_string(&error),
    }
}

/// The records of one page, and where the next one begins.
pub async fn page(opened: &Opened, read: Read) -> Result<(Vec<Value>, Option<PageToken>), SourceError> {
    let mut pages = opened.source.open(read).await?;
    let Some(page) = pages.next().await? else { return Ok((Vec::new(), None)) };
    Ok((records(&page), page.next))
}

/// The records of a page, which have no members but those that the page says there are: a mapping that reads another one is
/// told.
pub fn records(page: &Page) -> Vec<Value> {
    let columns = page.columns.as_deref().unwrap();
    let mut all = Vec::new();
    for record in page.records.iter() {
        let record: Value = serde_json::from_str(&record.to_json()).unwrap();
        let members = record.as_object().unwrap();
        assert!(members.keys().all(|name| columns.contains(name)), "{columns:?} {record}");
        all.push(record);
    }
    all
}

/// All records, each page asked for by a reading of its own, as after a kill.
pub async fn drain(opened: &Opened, read: Read) -> Result<Vec<Value>, SourceError> {
    let (mut all, mut at) = (Vec::new(), read.page.clone());
    loop {
        let (records, next) = page(opened, Read { page: at, ..read.clone() }).await?;
        all.extend(records);
        if next.is_none() {
            return Ok(all);
        }
        at = next;
    }
}

/// All records, in one reading.
pub async fn stream(opened: &Opened, read: Read) -> Result<Vec<Value>, SourceError> {
    let (mut all, mut pages) = (Vec::new(), opened.source.open(read).await?);
    while let Some(page) = pages.next().await? {
        all.extend(records(&page));
        if page.next.is_none() {
            break;
        }
    }
    Ok(all)
}

fn sized(size: usize) -> Read {
    Read { page_size: Some(size), ..Read::default() }
}

/// One member of each record, as text.
pub fn column(records: &[Value], name: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    records.iter().map(|record| text(&record[name])).collect()
}

/// A transfer's progress, window after window, by the rules of the compiler.
pub struct Follower {
    progress: Progress,
}

impl Follower {
    pub fn new() -> Self {
        Self { progress: Progress::default() }
    }

    /// Reads one window of two rows a page, and takes it for complete.
    pub async fn window(&mut self, opened: &Opened, now: &str) -> Vec<Value> {
        self.window_with(opened, now, async || {}).await
    }

    /// The same; something happens after the first page.
    pub async fn window_with(
        &mut self,
        opened: &Opened,
        now: &str,
        after_first: impl AsyncFnOnce(),
    ) -> Vec<Value> {
        let now: Timestamp = now.parse().unwrap();
        let cursor = opened.stream.cursor();
        let rules = Rules { cursor, ..Rules::default() };
        self.progress.prepare(rules, now);
        self.progress.open(rules, false, now);
        let (mut all, mut after_first) = (Vec::new(), Some(after_first));
        loop {
            let read = Read { page_size: Some(2), ..self.progress.read(false) };
            let (records, next) = page(opened, read).await.unwrap();
            if let Some(after_first) = after_first.take() {
                after_first().await;
            }
            let field = cursor.and_then(|cursor| cursor.field());
            let mut values = Values::new(field, now);
            for record in &records {
                let raw = record[opened.stream.field.as_deref().unwrap()].to_string();
                values.take_in(Some(raw), Some);
            }
            let seen = values.end().0;
            self.progress.take_in(&PageRead { next: next.clone(), seen, ..PageRead::default() }, rules, true);
            all.extend(records);
            if next.is_none() {
                self.progress.close();
                return all;
            }
        }
    }
}

/// Every row once, whatever the size of a page and wherever a reading is broken off.
pub async fn pages_lack_nothing(database: &dyn Database) {
    database.sql("CREATE TABLE rows (id integer NOT NULL PRIMARY KEY, name varchar(40))").await;
    let values: Vec<String> = (1..=23).map(|id| format!("({}, 'n{id}')", id * 7 % 24)).collect();
    database.sql(&format!("INSERT INTO rows VALUES {}", values.join(", "))).await;
    let opened = opened(database, &json!({}));
    let expected: Vec<String> = (1..=23).map(|id| id.to_string()).collect();
    for size in [1, 2, 7, 22, 23, 24, 1_000] {
        let records = drain(&opened, sized(size)).await.unwrap();
        assert_eq!(column(&records, "id"), expected, "pages of {size}");
        let records = stream(&opened, sized(size)).await.unwrap();
        assert_eq!(column(&records, "id"), expected, "pages of {size}, in one reading");
    }
    assert!(opened.source.check().await.unwrap().contains("told apart by id"));
}

/// A key of several columns, in an order of its own, with texts that look alike.
pub async fn a_key_of_several_columns(database: &dyn Database) {
    let table = "CREATE TABLE rows (id integer NOT NULL, place varchar(20) NOT NULL, x integer, PRIMARY KEY (place, id))";
    database.sql(table).await;
    let places = ["a", "b", "B2", "é", "z", "", "a b", "日本", "a''b", "\"q\"", "100", "20"];
    let rows: Vec<String> =
        places.iter().flat_map(|place| (1..=3).map(move |id| format!("({id}, '{place}', NULL)"))).collect();
    database.sql(&format!("INSERT INTO rows VALUES {}", rows.join(", "))).await;
    let opened = opened(database, &json!({}));
    for size in [1, 2, 5, 100] {
        let records = drain(&opened, sized(size)).await.unwrap();
        let mut seen: Vec<String> =
            records.iter().map(|record| format!("{} {}", record["place"], record["id"])).collect();
        assert_eq!(seen.len(), 36, "pages of {size}: {seen:?}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 36, "pages of {size}");
    }
}

/// Names with anything in them.
pub async fn names_are_quoted(database: &dyn Database) {
    let (table, key) = (database.quote("od\"d` ta'ble"), database.quote("or`der \"x\""));
    database.sql(&format!("CREATE TABLE {table} ({key} integer NOT NULL PRIMARY KEY)")).await;
    database.sql(&format!("INSERT INTO {table} VALUES (1), (2), (3)")).await;
    let opened = opened(database, &json!({"table": "od\"d` ta'ble"}));
    let records = drain(&opened, sized(2)).await.unwrap();
    assert_eq!(column(&records, "or`der \"x\""), ["1", "2", "3"]);
}

/// A query is read as a table is; its key need not be an index.
pub async fn a_query_is_read(database: &dyn Database) {
    database.sql("CREATE TABLE t (id integer NOT NULL, x integer NOT NULL)").await;
    database.sql("INSERT INTO t VALUES (1, 1), (1, 2), (2, 5), (3, 7), (3, 8)").await;
    let query = "SELECT id, sum(x) AS total FROM t GROUP BY id; -- all of them";
    let query = json!({"query": query, "key": "id"});
    let told = mistake(database, &query).await;
    assert!(!told.is_empty(), "a statement inside of another one is refused");
    let opened = opened(
        database,
        &json!({"query": "SELECT id, sum(x) AS total FROM t GROUP BY id -- all of them\n;", "key": "id"}),
    );
    let records = drain(&opened, sized(2)).await.unwrap();
    assert_eq!(column(&records, "id"), ["1", "2", "3"]);
    assert_eq!(column(&records, "total"), ["3", "5", "15"]);
}

/// Only what has changed, from the last value on, that value included; rows without one come every time.
pub async fn changes_come_once(database: &dyn Database) {
    let at = database.instant();
    database.sql(&format!("CREATE TABLE rows (id integer NOT NULL PRIMARY KEY, at {at} NULL)")).await;
    let insert = "INSERT INTO rows VALUES (1, '2025-01-01 00:00:01'), (2, '2025-01-01 00:00:03.5'), (3, '2025-01-01 00:00:03.5'), \
                  (4, '2025-01-01 00:00:03.5'), (5, '2025-01-01 00:00:02'), (6, NULL), (7, NULL), (8, NULL)";
    database.sql(insert).await;
    let opened = opened(database, &json!({"incremental": {"field": "at", "timezone": "UTC"}}));
    let mut follower = Follower::new();
    let ids = |records: &[Value]| column(records, "id").join(" ");
    let first = follower.window(&opened, "2025-01-02T00:00:00Z").await;
    assert_eq!(ids(&first), "1 2 3 4 5 6 7 8");
    // Equal instants, over the end of a page, and those that have none.
    let second = follower.window(&opened, "2025-01-02T00:00:00Z").await;
    assert_eq!(ids(&second), "2 3 4 6 7 8");
    database.sql("UPDATE rows SET at = '2025-01-01 00:00:09' WHERE id IN (1, 6)").await;
    let third = follower.window(&opened, "2025-01-02T00:00:00Z").await;
    assert_eq!(ids(&third), "2 3 4 1 6 7 8");
    let fourth = follower.window(&opened, "2025-01-02T00:00:00Z").await;
    assert_eq!(ids(&fourth), "1 6 7 8");
}

/// A row that changes while others are read is not missed, whether it was shown already or is still to come.
pub async fn what_changes_while_it_is_read_is_not_missed(database: &dyn Database) {
    let at = database.instant();
    database.sql(&format!("CREATE TABLE rows (id integer NOT NULL PRIMARY KEY, at {at} NOT NULL)")).await;
    let rows: Vec<String> = (1..=6).map(|id| format!("({id}, '2025-01-01 00:00:0{id}')")).collect();
    database.sql(&format!("INSERT INTO rows VALUES {}", rows.join(", "))).await;
    let opened = opened(
        database,
        &json!({"incremental": {"field": "at", "timezone": "UTC", "initial": "2025-01-01T00:00:00Z"}}),
    );
    let mut follower = Follower::new();
    // The window was opened at second 10; row 1 was shown by then, row 6 was not.
    let seen = follower
        .window_with(&opened, "2025-01-01T00:00:10Z", async || {
            database.sql("UPDATE rows SET at = '2025-01-01 00:00:11' WHERE id IN (1, 6)").await;
        })
        .await;
    let mut ids = column(&seen, "id");
    assert_eq!(ids.join(" "), "1 2 3 4 5 1 6");
    ids.sort();
    let again = follower.window(&opened, "2025-01-01T00:00:20Z").await;
    assert_eq!(column(&again, "id").join(" "), "1 6");
}

/// A transaction that is committed late is within the lookback.
pub async fn lookback_finds_what_came_late(database: &dyn Database) {
    let at = database.instant();
    database.sql(&format!("CREATE TABLE rows (id integer NOT NULL PRIMARY KEY, at {at} NOT NULL)")).await;
    database.sql("INSERT INTO rows VALUES (1, '2025-01-01 00:10:00')").await;
    for (lookback, expected) in [(None, "1"), (Some("5m"), "2 1")] {
        database.sql("DELETE FROM rows WHERE id = 2").await;
        let mut incremental = json!({"field": "at", "timezone": "UTC"});
        if let Some(lookback) = lookback {
            incremental["lookback"] = lookback.into();
        }
        let opened = opened(database, &json!({"incremental": incremental}));
        let mut follower = Follower::new();
        follower.window(&opened, "2025-01-01T00:10:00Z").await;
        // It has the time at which its transaction began.
        database.sql("INSERT INTO rows VALUES (2, '2025-01-01 00:06:00')").await;
        let seen = follower.window(&opened, "2025-01-01T00:11:00Z").await;
        assert_eq!(column(&seen, "id").join(" "), expected, "{lookback:?}");
    }
}

/// A number that only grows.
pub async fn a_revision_is_followed(database: &dyn Database) {
    database.sql("CREATE TABLE rows (id integer NOT NULL PRIMARY KEY, revision bigint NOT NULL)").await;
    database.sql("INSERT INTO rows VALUES (1, 9007199254740993), (2, 9007199254740994), (3, 5)").await;
    let opened = opened(database, &json!({"incremental": {"field": "revision", "format": "integer"}}));
    let mut follower = Follower::new();
    follower.window(&opened, "2025-01-01T00:00:00Z").await;
    let again = follower.window(&opened, "2025-01-01T00:00:00Z").await;
    assert_eq!(column(&again, "revision"), ["9007199254740994"]);
}

/// Where the key does not tell rows apart, a row could be missed.
pub async fn keys_that_prove_nothing_are_refused(database: &dyn Database) {
    database.sql("CREATE TABLE rows (id integer, x integer)").await;
    let told = mistake(database, &json!({})).await;
    assert!(told.contains("has no primary key"), "{told}");
    database.sql("INSERT INTO rows VALUES (1, 1), (2, 2), (2, 3)").await;
    let told = mistake(database, &json!({"key": "id"})).await;
    assert!(told.contains("two rows have the same id"), "{told}");
    database.sql("DELETE FROM rows WHERE x = 3").await;
    let opened = opened(database, &json!({"key": "id"}));
    assert_eq!(column(&drain(&opened, sized(1)).await.unwrap(), "id"), ["1", "2"]);
    database.sql("INSERT INTO rows VALUES (NULL, 4)").await;
    let told = mistake(database, &json!({"key": "id"})).await;
    assert!(told.contains("a row has nothing in its key (id)"), "{told}");
}

/// What the settings name and the database does not have.
pub async fn what_is_not_there_is_told(database: &dyn Database) {
    let told = mistake(database, &json!({"table": "nowhere"})).await;
    assert!(told.contains("nowhere") && told.contains("no such table"), "{told}");
    database.sql("CREATE TABLE rows (id integer NOT NULL PRIMARY KEY, x integer)").await;
    database.sql("CREATE TABLE t (id integer NOT NULL)").await;
    for (data_type, expected) in [
        (json!({"key": "ident"}), "there is no column `ident`; there are id, x"),
        (json!({"incremental": {"field": "changed"}}), "there is no column `changed`"),
        (json!({"query": "SELECT wrong FROM t", "key": "id"}), "wrong"),
    ] {
        let told = mistake(database, &data_type).await;
        assert!(told.contains(expected), "{data_type}: {told}");
    }
}

/// A token of another order is refused, so that the window begins again.
pub async fn a_page_of_another_order_is_refused(database: &dyn Database) {
    database.sql("CREATE TABLE rows (id integer NOT NULL PRIMARY KEY, x integer NOT NULL)").await;
    database.sql("INSERT INTO rows VALUES (1, 1), (2, 2), (3, 3)").await;
    let (by_id, by_x) = (opened(database, &json!({})), opened(database, &json!({"key": "x"})));
    let (_, next) = page(&by_id, sized(1)).await.unwrap();
    for token in [next.unwrap(), PageToken("{}".to_owned()), PageToken(String::new())] {
        let refused = page(&by_x, Read { page: Some(token), ..Read::default() }).await.unwrap_err();
        assert!(matches!(refused, SourceError::PageRefused { .. }), "{refused}");
    }
}

/// The cases as tests of a dialect: `$database` makes an empty one.
/// A column that is called so and has an index; another one only where no such column is there.
pub async fn a_column_of_changes_is_proposed(database: &dyn Database) {
    let instant = database.instant();
    let made = format!(
        "CREATE TABLE {} (id integer PRIMARY KEY, modified_at {instant}, updated_at {instant})",
        database.quote("rows")
    );
    database.sql(&made).await;
    let advice = async |settings: Value| opened(database, &settings).source.advice().await.unwrap().join(" ");
    let said = advice(json!({})).await;
    assert!(said.contains("`updated_at` probably") && said.contains("wants an index"), "{said}");
    database.sql(&format!("CREATE INDEX by_change ON {} (modified_at, id)", database.quote("rows"))).await;
    let said = advice(json!({})).await;
    assert!(
        said.contains("`incremental: {field: modified_at, lookback: 5m}`") && !said.contains("index"),
        "{said}"
    );
    let field = json!({"incremental": {"field": "updated_at"}});
    assert_eq!(advice(field).await, "");
}

macro_rules! table_source_tests {
    ($database:expr) => {
        $crate::table_source::table_source_tests! { $database;
            pages_lack_nothing a_key_of_several_columns names_are_quoted a_query_is_read changes_come_once
            what_changes_while_it_is_read_is_not_missed lookback_finds_what_came_late a_revision_is_followed
            keys_that_prove_nothing_are_refused a_column_of_changes_is_proposed what_is_not_there_is_told a_page_of_another_order_is_refused
        }
    };
    ($database:expr; $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let database = $database;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on($crate::table_source::$case(&database));
            }
        )*
    };
}

pub(crate) use table_source_tests;
