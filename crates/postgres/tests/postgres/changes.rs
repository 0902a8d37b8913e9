//! Changes by logical replication: all rows and then what changes, without a gap and without a double, over restarts of both
//! sides; and what is told where it cannot work.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use raccord_compiler::connector::{self, TableStream};
use raccord_model::checkpoint::SourceState;
use raccord_model::language::ConnectorSettings;
use raccord_model::language::connector::PostgresTables;
use raccord_model::port::source::{Read, Source, SourceError};
use raccord_postgres::{PostgresSettings, PostgresSource, Server, SettingsSource, Tls};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::postgres_server::{Durability, PostgresServer};

/// A server that keeps what replication needs; one test at a time has it.
static SERVER: LazyLock<Mutex<PostgresServer>> = LazyLock::new(|| {
    Mutex::new(PostgresServer::start_with(
        Durability::Fast,
        &["wal_level=logical", "max_replication_slots=4"],
    ))
});

fn server() -> MutexGuard<'static, PostgresServer> {
    SERVER.lock().unwrap_or_else(PoisonError::into_inner)
}

const PREPARE: &str = "
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
    DROP PUBLICATION IF EXISTS raccord; DROP TABLE IF EXISTS people; DROP TABLE IF EXISTS other;
    CREATE TABLE people (id bigint PRIMARY KEY, name text, big text, at timestamptz);
    CREATE TABLE other (id int PRIMARY KEY);
    INSERT INTO people VALUES (1, 'Ada', repeat('x', 10), '2025-01-01 00:00:00+00');
    INSERT INTO people VALUES (2, 'Bob'), (3, 'Cyd');
    CREATE PUBLICATION raccord FOR TABLE people, other";

/// Runs statements one after the other.
fn run(server: &PostgresServer, statements: &[&str]) {
    for statement in statements {
        server.sql("postgres", statement);
    }
}

const SLOT: &str = "SELECT pg_create_logical_replication_slot('people', 'pgoutput')";

/// A server with the table, the publication and the slot.
fn prepared() -> MutexGuard<'static, PostgresServer> {
    let server = server();
    for statement in PREPARE.split(';').map(str::trim) {
        server.sql("postgres", statement);
    }
    server.sql("postgres", SLOT);
    server
}

fn source(server: &PostgresServer) -> Box<dyn Source> {
    let settings =
        json!({"dataTypes": {"people": {"changes": {"slot": "people", "publication": "raccord"}}}});
    let settings: PostgresTables = serde_json::from_value(settings).unwrap();
    let stream = connector::lower(&ConnectorSettings::from(settings), &"people".parse().unwrap()).0.unwrap();
    let stream: Arc<TableStream> = stream.get().unwrap();
    let url = SecretString::from(server.url("postgres"));
    let settings = PostgresSettings { server: Server::Url(url), tls: Tls::Off, schema: String::new() };
    Box::new(PostgresSource::new(stream, SettingsSource::fixed(settings), "the database".to_owned()))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What a window shows, each page asked for by a reading of its own, and the state that counts then.
async fn window(
    source: &dyn Source,
    state: Option<SourceState>,
    size: usize,
) -> Result<(Vec<Value>, SourceState), SourceError> {
    let (mut all, mut at, mut own) = (Vec::new(), None, None);
    loop {
        let read = Read { state: state.clone(), page: at, page_size: Some(size), ..Read::default() };
        let page = source.open(read).await?.next().await?.unwrap();
        all.extend(
            page.records.iter().map(|record| serde_json::from_str::<Value>(&record.to_json()).unwrap()),
        );
        own = page.state.or(own);
        if page.next.is_none() {
            return Ok((all, own.expect("the last page says what was read")));
        }
        at = page.next;
    }
}

/// Records in short: `1 Ada`, `-2` where it was deleted.
fn short(records: &[Value]) -> String {
    let one = |record: &Value| {
        if record["_deleted"] == json!(true) {
            assert_eq!(record.as_object().unwrap().len(), 2, "the key and the mark alone: {record}");
            format!("-{}", record["id"])
        } else {
            format!("{} {}", record["id"], record["name"].as_str().unwrap_or_default())
        }
    };
    let mut all: Vec<String> = records.iter().map(one).collect();
    all.sort();
    all.join(", ")
}

#[test]
fn all_rows_and_then_what_changes() {
    let server = prepared();
    let source = source(&server);
    block_on(async {
        assert!(source.check().await.unwrap().contains("from the slot people"));
        // What is written before the first window, while it has the slot already, comes with it.
        server.sql("postgres", "INSERT INTO people VALUES (4, 'Dan')");
        let (all, first) = window(&*source, None, 2).await.unwrap();
        assert_eq!(short(&all), "1 Ada, 2 Bob, 3 Cyd, 4 Dan, 4 Dan");
        assert_eq!(all[0]["at"], "2025-01-01T00:00:00Z");
        let (none, second) = window(&*source, Some(first), 2).await.unwrap();
        assert!(none.is_empty(), "{none:?}");
        server.sql(
            "postgres",
            "BEGIN; UPDATE people SET name = 'Zoé' WHERE id = 1; DELETE FROM people WHERE id = 2; \
             UPDATE people SET id = 30 WHERE id = 3; INSERT INTO people VALUES (5, 'Eve'); \
             UPDATE people SET name = 'Eva' WHERE id = 5; INSERT INTO other VALUES (1); COMMIT; \
             BEGIN; INSERT INTO people VALUES (6, 'never'); ROLLBACK; DELETE FROM other",
        );
        let (changed, third) = window(&*source, Some(second.clone()), 100).await.unwrap();
        assert_eq!(short(&changed), "-2, -3, 1 Zoé, 30 Cyd, 5 Eva");
        assert_eq!(changed[0]["big"], "xxxxxxxxxx", "what did not change is there, too");
        // A window that did not count comes again, whatever its pages are.
        for size in [1, 2, 3] {
            let (again, state) = window(&*source, Some(second.clone()), size).await.unwrap();
            let mut seen: BTreeMap<String, String> = BTreeMap::new();
            for record in &again {
                seen.insert(record["id"].to_string(), short(std::slice::from_ref(record)));
            }
            let seen: Vec<String> = seen.into_values().collect();
            assert_eq!(seen, ["1 Zoé", "-2", "-3", "30 Cyd", "5 Eva"], "pages of {size}");
            assert_eq!(state, third, "pages of {size}");
        }
        let (none, _) = window(&*source, Some(third), 100).await.unwrap();
        assert!(none.is_empty(), "{none:?}");
    });
}

/// The slot moves on, so that the server forgets what was read, also where nothing of the table changes.
#[test]
fn the_slot_moves_on_to_what_was_committed() {
    let server = prepared();
    let source = source(&server);
    let confirmed = || server.sql("postgres", "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots");
    block_on(async {
        let (_, state) = window(&*source, None, 100).await.unwrap();
        let begun: u64 = confirmed().parse().unwrap();
        server.sql("postgres", "CREATE TABLE IF NOT EXISTS noise (x text); INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
        let (_, state) = window(&*source, Some(state), 100).await.unwrap();
        window(&*source, Some(state), 100).await.unwrap();
        let moved: u64 = confirmed().parse().unwrap();
        assert!(moved > begun + 1_000_000, "{begun} {moved}");
        server.sql("postgres", "DROP TABLE noise");
    });
}

/// The server may forget that the slot moved on; what was read stays read.
#[test]
fn a_server_that_crashes_shows_nothing_twice() {
    let mut server = prepared();
    let (first, url_state) = block_on(async {
        let source = source(&server);
        let (_, state) = window(&*source, None, 100).await.unwrap();
        server.sql("postgres", "INSERT INTO people VALUES (7, 'Gil')");
        window(&*source, Some(state), 100).await.unwrap()
    });
    assert_eq!(short(&first), "7 Gil");
    block_on(async { window(&*source(&server), Some(url_state.clone()), 100).await.unwrap() });
    server.kill();
    server.start_again();
    server.sql("postgres", "INSERT INTO people VALUES (8, 'Hal')");
    let (after, _) = block_on(async { window(&*source(&server), Some(url_state), 100).await.unwrap() });
    assert_eq!(short(&after), "8 Hal");
}

#[test]
fn a_truncation_is_told() {
    let server = prepared();
    let source = source(&server);
    block_on(async {
        let (_, state) = window(&*source, None, 100).await.unwrap();
        server.sql("postgres", "TRUNCATE people");
        let told = window(&*source, Some(state), 100).await.unwrap_err().to_string();
        assert!(told.contains("was truncated") && told.contains("raccord resync"), "{told}");
        server.sql("postgres", "INSERT INTO people VALUES (9, 'Ivy')");
        let (all, state) = window(&*source, None, 100).await.unwrap();
        assert!(short(&all).contains("9 Ivy"), "{all:?}");
        window(&*source, Some(state), 100).await.unwrap();
    });
}

/// A slot that another one reads loses changes, and says so.
#[test]
fn a_slot_has_one_reader() {
    let server = prepared();
    let source = source(&server);
    block_on(async {
        let (_, state) = window(&*source, None, 100).await.unwrap();
        server.sql("postgres", "INSERT INTO people VALUES (9, 'Ivy')");
        server.sql("postgres", "SELECT pg_replication_slot_advance('people', pg_current_wal_lsn())");
        let told = window(&*source, Some(state), 100).await.unwrap_err().to_string();
        assert!(told.contains("a slot has one reader alone"), "{told}");
    });
}

/// What is missing is told with the statement that mends it; once that was run, the next mistake is told.
#[test]
fn what_is_missing_is_told_with_its_statement() {
    let plain = PostgresServer::start(Durability::Fast);
    plain.sql("postgres", "CREATE TABLE people (id int PRIMARY KEY)");
    let server = server();
    server.sql("postgres", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    server.sql("postgres", "DROP PUBLICATION IF EXISTS raccord");
    server.sql("postgres", "DROP TABLE IF EXISTS people; CREATE TABLE people (id int, x int NOT NULL)");
    block_on(async {
        let told = source(&plain).check().await.unwrap_err().to_string();
        assert!(told.contains("ALTER SYSTEM SET wal_level = logical"), "{told}");
        let source = source(&server);
        for (expected, mend) in [
            ("has no primary key", "ALTER TABLE people ADD PRIMARY KEY (id)"),
            ("CREATE PUBLICATION \"raccord\" FOR TABLE \"public\".\"people\"", "CREATE PUBLICATION raccord"),
            ("ALTER PUBLICATION \"raccord\" ADD TABLE", "ALTER PUBLICATION raccord ADD TABLE people"),
            ("", "ALTER PUBLICATION raccord SET (publish = 'insert')"),
            (
                "SET (publish = 'insert, update, delete, truncate')",
                "ALTER PUBLICATION raccord SET (publish = 'insert, update, delete, truncate')",
            ),
            (
                "",
                "ALTER PUBLICATION raccord DROP TABLE people; ALTER PUBLICATION raccord ADD TABLE people WHERE (id > 10)",
            ),
            (
                "WHERE (id > 10): rows that leave the filter would stay",
                "ALTER PUBLICATION raccord DROP TABLE people; ALTER PUBLICATION raccord ADD TABLE people",
            ),
            ("", "ALTER TABLE people REPLICA IDENTITY NOTHING"),
            (
                "ALTER TABLE \"public\".\"people\" REPLICA IDENTITY DEFAULT",
                "ALTER TABLE people REPLICA IDENTITY DEFAULT",
            ),
            ("SELECT pg_create_logical_replication_slot('people', 'pgoutput')", SLOT),
        ] {
            let told = source.check().await.unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
            server.sql("postgres", mend);
        }
        source.check().await.unwrap();
        // Rows are told apart by something else than what identifies them.
        server.sql(
            "postgres",
            "CREATE UNIQUE INDEX x ON people (x); ALTER TABLE people REPLICA IDENTITY USING INDEX x",
        );
        server.sql("postgres", "INSERT INTO people VALUES (1, 1)");
        let told = window(&*source, None, 100).await.unwrap_err().to_string();
        assert!(told.contains("does not tell the column `id`"), "{told}");
    });
}

/// Reads everything, does something to the table or its publication, and goes on: to the change, or to the gap.
fn check_gap(begin: &[&str], statements: &[&str], gap: &str) {
    let server = prepared();
    for statement in begin {
        server.sql("postgres", statement);
    }
    let source = source(&server);
    block_on(async {
        let (_, state) = window(&*source, None, 100).await.unwrap();
        for statement in statements {
            server.sql("postgres", statement);
        }
        let shown = window(&*source, Some(state.clone()), 100).await;
        if gap.is_empty() {
            assert_eq!(short(&shown.unwrap().0), "2 Bea", "{statements:?}");
        } else {
            let told = shown.unwrap_err().to_string();
            assert!(told.contains(gap) && told.contains("`raccord resync`"), "{told}");
            // No later run gets past it, either.
            assert!(window(&*source, Some(state), 100).await.is_err());
            let mut anew = window(&*source, None, 100).await;
            if statements[0] == "DROP PUBLICATION raccord" {
                let told = anew.unwrap_err().to_string();
                assert!(told.contains("SELECT pg_drop_replication_slot('people')"), "{told}");
                server.sql("postgres", "SELECT pg_drop_replication_slot('people')");
                server.sql("postgres", SLOT);
                anew = window(&*source, None, 100).await;
            }
            window(&*source, Some(anew.unwrap().1), 100).await.unwrap();
        }
    });
}

/// What was taken out of the publication, or made anew, leaves a gap: it is told until all is read anew, and nothing else is.
#[test]
fn a_gap_is_told_until_the_table_is_read_anew() {
    let people = "CREATE TABLE people (id bigint PRIMARY KEY, name text, big text, at timestamptz)";
    let without = "ALTER PUBLICATION raccord DROP TABLE people";
    let again = "ALTER PUBLICATION raccord ADD TABLE people";
    let renewed = format!("DROP TABLE people; {people}; INSERT INTO people VALUES (1, 'Ann')");
    let change = "UPDATE people SET name = 'Bea' WHERE id = 2";
    let everything = ["DROP PUBLICATION raccord", "CREATE PUBLICATION raccord FOR ALL TABLES"];
    let schema = ["DROP PUBLICATION raccord", "CREATE PUBLICATION raccord FOR TABLES IN SCHEMA public"];
    for (begin, statements, gap) in [
        (&[][..], &[without, change, again][..], "the publication was without the table for a time"),
        (&[], &[&renewed, again], "the table was dropped and made anew"),
        (&everything, &[&renewed], "the table was dropped and made anew"),
        (&schema, &[&renewed], "the table was dropped and made anew"),
        (&[], &["ALTER TABLE people RENAME TO gone", people, again], "another one has its name"),
        (
            &schema,
            &[
                "ALTER PUBLICATION raccord DROP TABLES IN SCHEMA public",
                change,
                "ALTER PUBLICATION raccord ADD TABLES IN SCHEMA public",
            ],
            "the publication was without the table for a time",
        ),
        (
            &[],
            &["DROP PUBLICATION raccord", change, "CREATE PUBLICATION raccord FOR TABLE people"],
            "the publication was made anew",
        ),
        (
            &[],
            &[
                "ALTER PUBLICATION raccord SET (publish = 'insert')",
                change,
                "ALTER PUBLICATION raccord SET (publish = 'insert, update, delete, truncate')",
            ],
            "what it publishes was altered",
        ),
        (
            &[],
            &["ALTER TABLE people ALTER name TYPE varchar(50) USING upper(name)"],
            "was given another type",
        ),
        // It is called otherwise for a time, and is the same table.
        (&[], &["ALTER TABLE people RENAME TO away", "ALTER TABLE away RENAME TO people", change], ""),
        (&[], &["ALTER PUBLICATION raccord DROP TABLE other", "ANALYZE people", change], ""),
        (&[], &["ALTER TABLE people ADD COLUMN more text", "VACUUM FREEZE", change], ""),
        (&[], &["ALTER PUBLICATION raccord ADD TABLES IN SCHEMA public", change], ""),
        (&everything, &["CREATE TABLE IF NOT EXISTS gone (x int)", change], ""),
    ] {
        check_gap(begin, statements, gap);
    }
}

/// What brings or takes the rows of a partition is no change of theirs.
#[test]
fn a_partition_that_comes_or_goes_leaves_a_gap() {
    for statement in [
        "ALTER TABLE people ATTACH PARTITION third FOR VALUES FROM (200) TO (300)",
        "ALTER TABLE people DETACH PARTITION second",
        "DROP TABLE second",
    ] {
        let server = prepared();
        run(
            &server,
            &[
                "DROP TABLE people CASCADE; DROP TABLE IF EXISTS second; DROP TABLE IF EXISTS third",
                "CREATE TABLE people (id bigint PRIMARY KEY, name text) PARTITION BY RANGE (id); \
             CREATE TABLE first PARTITION OF people FOR VALUES FROM (0) TO (100); \
             CREATE TABLE second PARTITION OF people FOR VALUES FROM (100) TO (200); \
             CREATE TABLE third (id bigint PRIMARY KEY, name text); INSERT INTO third VALUES (201, 'Tea')",
                "ALTER PUBLICATION raccord SET (publish_via_partition_root = true); ALTER PUBLICATION raccord ADD TABLE people",
                "INSERT INTO people VALUES (1, 'Ada'), (101, 'Bob')",
            ],
        );
        let source = source(&server);
        block_on(async {
            let (all, state) = window(&*source, None, 100).await.unwrap();
            assert_eq!(all.iter().filter(|record| record["id"] == json!(101)).count(), 2, "{all:?}");
            server.sql("postgres", "UPDATE people SET name = 'Bea' WHERE id = 101");
            let (changed, state) = window(&*source, Some(state), 100).await.unwrap();
            assert_eq!(short(&changed), "101 Bea");
            server.sql("postgres", statement);
            let told = window(&*source, Some(state), 100).await.unwrap_err().to_string();
            assert!(
                told.contains("attached, detached or dropped") && told.contains("raccord resync"),
                "{told}"
            );
        });
        server.sql(
            "postgres",
            "DROP TABLE people CASCADE; DROP TABLE IF EXISTS second; DROP TABLE IF EXISTS third",
        );
    }
}

/// Texts that the database takes for equal are two keys.
#[test]
fn a_key_that_changes_its_case_is_another_key() {
    let server = prepared();
    run(
        &server,
        &[
            "CREATE EXTENSION IF NOT EXISTS citext",
            "DROP TABLE people; CREATE TABLE people (id citext PRIMARY KEY, name text)",
            "ALTER PUBLICATION raccord ADD TABLE people; INSERT INTO people VALUES ('abc', 'Ada')",
        ],
    );
    let source = source(&server);
    block_on(async {
        let (_, state) = window(&*source, None, 100).await.unwrap();
        server.sql("postgres", "UPDATE people SET id = 'ABC'");
        let (changed, _) = window(&*source, Some(state), 100).await.unwrap();
        assert_eq!(short(&changed), "\"ABC\" Ada, -\"abc\"");
    });
    server.sql("postgres", "DROP TABLE people; DROP EXTENSION citext");
}

/// With synchronous replication a commit stands in the log while it waits for its standby, and is not visible: it comes later.
#[test]
fn a_commit_that_waits_for_its_standby_comes_once_it_is_visible() {
    let server = prepared();
    let source = source(&server);
    let (_, state) = block_on(window(&*source, None, 100)).unwrap();
    for statement in ["ALTER SYSTEM SET synchronous_standby_names = 'away'", "SELECT pg_reload_conf()"] {
        server.sql("postgres", statement);
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    std::thread::scope(|scope| {
        let commit = scope.spawn(|| server.sql("postgres", "UPDATE people SET name = 'Bea' WHERE id = 2"));
        while server.sql("postgres", waiting) == "0" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let (none, before) = block_on(window(&*source, Some(state), 100)).unwrap();
        for statement in ["ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"] {
            server.sql("postgres", statement);
        }
        commit.join().unwrap();
        assert!(none.is_empty(), "{none:?}");
        let (changed, _) = block_on(window(&*source, Some(before), 100)).unwrap();
        assert_eq!(short(&changed), "2 Bea");
    });
}

#[test]
fn a_table_with_child_tables_is_refused() {
    let server = prepared();
    server.sql("postgres", "CREATE TABLE child () INHERITS (people)");
    let source = source(&server);
    block_on(async {
        let told = window(&*source, None, 100).await.unwrap_err().to_string();
        assert!(told.contains("tables inherit from it"), "{told}");
    });
    server.sql("postgres", "DROP TABLE child");
}

/// A state of the version before does not say of which table it is: it is taken for that which is there now.
#[test]
fn a_state_of_the_version_before_is_gone_on_from() {
    let server = prepared();
    let source = source(&server);
    block_on(async {
        let (_, state) = window(&*source, None, 100).await.unwrap();
        let position = state.as_str().trim_start_matches("v2:").split(';').next().unwrap().to_owned();
        let before = SourceState::new(format!("v1:{position}"));
        server.sql("postgres", "UPDATE people SET name = 'Bea' WHERE id = 2");
        let (changed, after) = window(&*source, Some(before), 100).await.unwrap();
        assert_eq!(short(&changed), "2 Bea");
        assert!(after.as_str().starts_with("v2:"), "{}", after.as_str());
    });
}
