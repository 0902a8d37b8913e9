//! The file and what else happens to it: others who read and write, locks that are held, files that are gone, replaced, damaged,
//! or none.

use std::io::Write as _;
use std::time::Duration;

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, effects, transfer};
use raccord_conformance::tables::{allowed, field, shape, upsert};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Destination as _, DestinationError, Ledger as _};
use raccord_sqlite::SqliteDestination;

use crate::fixture::{Database, text};

async fn prepared(database: &Database) -> SqliteDestination {
    let destination = database.destination();
    destination.prepare(contacts()).await.unwrap();
    destination
}

fn contacts() -> raccord_model::port::destination::EntityShape {
    shape(INC, "contacts", vec![field(1, FieldType::Text), field(2, FieldType::Text)])
}

/// Makes the file hold these bytes.
fn fill(database: &Database, bytes: &[u8]) {
    std::fs::File::create(database.path()).unwrap().write_all(bytes).unwrap();
}

async fn one(destination: &SqliteDestination, of: &str, value: &str) -> Batch {
    let mut batch = allowed(destination).await;
    upsert(&mut batch, of, &[(2, Some(text(value)))]);
    batch
}

#[test]
fn others_read_what_was_committed_while_we_write() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        destination.commit(one(&destination, "a", "1").await).await.unwrap();
        let reader = database.connect();
        reader.execute_batch("BEGIN; SELECT count(*) FROM contacts").unwrap();
        for round in 0..20 {
            destination.commit(one(&destination, "a", &format!("{round} again")).await).await.unwrap();
        }
        let seen: String = reader.query_row("SELECT f2 FROM contacts", [], |row| row.get(0)).unwrap();
        assert_eq!(seen, "1", "a reader sees one moment");
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(database.one::<String>("SELECT f2 FROM contacts"), "19 again");
        assert_eq!(database.one::<String>("PRAGMA journal_mode"), "wal");
    });
}

#[test]
fn a_lock_of_another_program_is_waited_for_and_then_told() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        let batch = one(&destination, "a", "1").await;
        let other = database.connect();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = destination.commit(batch.clone()).await.unwrap_err();
        assert!(matches!(error, DestinationError::Unreachable(_)), "{error:?}");
        let said = error.in_words();
        assert!(said.contains("another program has held the lock of") && said.contains("crm.db"), "{said}");
        // What is read is read all the same, and nothing was written.
        assert_eq!(destination.count(INC).await.unwrap(), 0);
        let patient = SqliteDestination::patient(database.path(), Duration::from_secs(2));
        let released = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(200));
            other.execute_batch("COMMIT").unwrap();
        });
        assert_eq!(effects(&patient.commit(batch).await.unwrap()), "created 1");
        released.await.unwrap();
    });
}

#[test]
fn what_others_changed_is_compared_with_the_table_as_it_is() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        destination.commit(one(&destination, "a", "1").await).await.unwrap();
        database.sql("UPDATE contacts SET f2 = 'theirs'; INSERT INTO contacts (f1, f2) VALUES ('b', '2')");
        assert_eq!(
            effects(&destination.commit(one(&destination, "a", "1").await).await.unwrap()),
            "updated 1"
        );
        // A row that no transfer wrote has no owner: the first that shows it takes it over.
        assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 1);
        destination.commit(one(&destination, "b", "2").await).await.unwrap();
        assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 2);
    });
}

#[test]
fn a_file_that_is_gone_or_replaced_is_never_written_where_nothing_reads_it() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        destination.commit(one(&destination, "a", "1").await).await.unwrap();
        let batch = one(&destination, "b", "2").await;
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", database.path().display())));
        }
        let error = destination.commit(batch.clone()).await.unwrap_err();
        assert!(error.in_words().contains("there is no file"), "{error:?}");
        assert_eq!(destination.count(INC).await.unwrap(), 0);
        database.sql("CREATE TABLE theirs (x)");
        let error = destination.commit(batch).await.unwrap_err();
        assert!(matches!(error, DestinationError::Fenced { found: None, .. }), "{error:?}");
        // It is made ready again, and goes on.
        destination.prepare(contacts()).await.unwrap();
        assert_eq!(
            effects(&destination.commit(one(&destination, "b", "2").await).await.unwrap()),
            "created 1"
        );
    });
}

#[test]
fn what_is_no_database_says_so() {
    block_on(async {
        let database = Database::none();
        let says = |error: DestinationError, expected: &str| {
            let said = error.in_words();
            assert!(said.contains(expected), "{said}");
            assert!(error.is_about_the_database(), "{error:?}");
        };
        let destination = database.destination();
        assert_eq!(destination.resume(transfer('A')).await.unwrap(), None);
        destination.end(transfer('A')).await.unwrap();
        assert!(!database.path().exists(), "only making a table ready makes the file");
        let error = destination.raise_fence(transfer('A'), batch('A').fence).await.unwrap_err();
        says(error, "there is no file");
        fill(&database, &[7; 5_000]);
        says(destination.probe().await.unwrap_err(), "is not a database of SQLite");
        says(destination.inspect(contacts()).await.unwrap_err(), "is not a database of SQLite");
        says(destination.prepare(contacts()).await.unwrap_err(), "is not a database of SQLite");
        std::fs::remove_file(database.path()).unwrap();
        std::fs::create_dir(database.path()).unwrap();
        says(destination.probe().await.unwrap_err(), "is a directory, and not a file");
        let nowhere = SqliteDestination::new(database.path().join("data/crm.db"));
        let error = nowhere.prepare(contacts()).await.unwrap_err();
        assert!(error.in_words().contains("there is no directory"), "{error:?}");
        says(nowhere.probe().await.unwrap_err(), "there is no directory");
        says(nowhere.end(transfer('A')).await.unwrap_err(), "there is no directory");
    });
}

#[test]
fn a_damaged_file_says_so() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        let mut first = allowed(&destination).await;
        for number in 0..2_000 {
            upsert(
                &mut first,
                &format!("{number:05}"),
                &[(2, Some(text("a text that fills the pages of the file")))],
            );
        }
        destination.commit(first).await.unwrap();
        drop(destination);
        database.sql("PRAGMA wal_checkpoint(TRUNCATE)");
        let mut bytes = std::fs::read(database.path()).unwrap();
        let from = bytes.len() / 4;
        bytes[from..].fill(0xA5);
        fill(&database, &bytes);
        let destination = database.destination();
        let mut failed = String::new();
        for number in 0..40 {
            let mut batch = batch('A');
            upsert(&mut batch, &format!("{:05}", number * 50), &[(2, Some(text("new")))]);
            if let Err(error) = destination.commit(batch).await {
                failed = error.in_words();
            }
        }
        assert!(failed.contains("malformed") || failed.contains("damaged"), "{failed}");
    });
}

#[test]
fn a_file_of_a_newer_version_or_of_another_state_is_refused() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        let mut theirs = contacts();
        theirs.project = transfer('Q');
        let found = destination.inspect(theirs.clone()).await.unwrap().refusals;
        assert!(found[0].to_string().contains("the rows of another state of Raccord"), "{found:?}");
        // That state may well be in use.
        assert!(!found[0].to_string().contains("drop"), "{found:?}");
        assert!(matches!(destination.prepare(theirs).await, Err(DestinationError::Unfit(_))));
        database.sql("UPDATE _raccord_layout SET version = 99");
        let error = database.destination().prepare(contacts()).await.unwrap_err();
        assert!(matches!(error, DestinationError::Denied(_)), "{error:?}");
        assert!(error.in_words().contains("have version 99"), "{error:?}");
    });
}
