//! Rows that the table itself refuses: they are found among the others, become rejects with their reason, and the rest is
//! written. And unique values that rows of one batch pass on.

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, effects};
use raccord_conformance::lasting::{
    rejects_of_rows_that_stay_leave_those_of_records, rows_that_refer_to_each_other_are_swept_together,
    rows_to_which_others_refer_stay,
};
use raccord_conformance::tables::{allowed, field, key, reasons, shape, upsert};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Change, Destination as _, Intent};
use raccord_model::value::Value;
use raccord_sqlite::SqliteDestination;

use crate::fixture::{Database, text};

const fn integer(number: i64) -> Value<'static> {
    Value::Integer(number)
}

/// A table of a text key, a number, a unique text and a text, made by a statement or else by us, to which others add more.
async fn prepared(database: &Database, made: &str, more: &str) -> SqliteDestination {
    if !made.is_empty() {
        database.sql(made);
    }
    let destination = database.destination();
    let mut unique = field(3, FieldType::Text);
    unique.unique = true;
    let fields =
        vec![field(1, FieldType::Text), field(2, FieldType::Integer), unique, field(4, FieldType::Text)];
    destination.prepare(shape(INC, "contacts", fields)).await.unwrap();
    if !more.is_empty() {
        database.sql(more);
    }
    destination
}

fn delete(batch: &mut Batch, of: &str) {
    let key = key(of);
    let change = Change { intent: Intent::Delete, key: &key, patch: b"", version: b"", digest: None };
    batch.changes.push(change);
}

#[test]
fn the_rows_that_break_a_rule_of_the_table_are_rejects_and_the_others_are_written() {
    // (how the table is made, what others add to it, the reason of the two rows that have 13)
    for (made, more, reason) in [
        (
            "CREATE TABLE contacts (f1 TEXT PRIMARY KEY, f2 INTEGER CONSTRAINT lucky CHECK (f2 <> 13), f3 TEXT UNIQUE, f4 TEXT)",
            "",
            "the value does not fulfil the constraint: lucky",
        ),
        (
            "CREATE TABLE numbers (n INTEGER PRIMARY KEY); \
             WITH RECURSIVE c(n) AS (VALUES (14) UNION ALL SELECT n + 1 FROM c WHERE n < 99) INSERT INTO numbers SELECT n FROM c; \
             CREATE TABLE contacts (f1 TEXT PRIMARY KEY, f2 INTEGER REFERENCES numbers, f3 TEXT UNIQUE, f4 TEXT)",
            "",
            "no row of the table it refers to has this value",
        ),
        (
            "",
            "CREATE TRIGGER no BEFORE INSERT ON contacts WHEN new.f2 = 13 BEGIN SELECT RAISE(ABORT, 'secret'); END",
            "a trigger of the table refuses the row",
        ),
        (
            "",
            "CREATE TRIGGER no BEFORE INSERT ON contacts WHEN new.f2 = 13 BEGIN SELECT RAISE(ROLLBACK, 'secret'); END",
            "a trigger of the table refuses the row",
        ),
        (
            "",
            "CREATE TRIGGER out BEFORE INSERT ON contacts WHEN new.f2 = 13 BEGIN SELECT RAISE(IGNORE); END",
            "a trigger of the table leaves the row out",
        ),
        (
            "",
            "CREATE UNIQUE INDEX one_of_13 ON contacts (f2) WHERE f2 = 13; INSERT INTO contacts (f1, f2) VALUES ('theirs', 13)",
            "another row already has this value: contacts.f2",
        ),
        // What the table says about conflicts would take another row away, or leave this one out.
        (
            "CREATE TABLE contacts (f1 TEXT PRIMARY KEY, f2 INTEGER, f3 TEXT UNIQUE, f4 TEXT, n INTEGER, \
             UNIQUE (f4, n) ON CONFLICT REPLACE)",
            "CREATE UNIQUE INDEX one_of_13 ON contacts (f2) WHERE f2 = 13; INSERT INTO contacts (f1, f2) VALUES ('theirs', 13)",
            "another row already has this value: contacts.f2",
        ),
    ] {
        block_on(async {
            let database = Database::none();
            let destination = prepared(&database, made, more).await;
            let mut batch = allowed(&destination).await;
            for number in 0..40_i64 {
                let value = if number % 20 == 7 { 13 } else { 20 + number };
                upsert(
                    &mut batch,
                    &format!("{number:02}"),
                    &[(2, Some(integer(value))), (4, Some(text("secret")))],
                );
            }
            let done = destination.commit(batch).await.unwrap();
            assert_eq!(effects(&done), "created 38, rejected 2", "{made} {more}");
            assert_eq!(reasons(&destination).await, [reason, reason], "{made} {more}");
            let count = "SELECT count(*) FROM contacts WHERE f2 <> 13";
            assert_eq!(database.one::<i64>(count), 38, "{made} {more}");
        });
    }
}

#[test]
fn a_row_to_which_others_refer_is_not_deleted() {
    for when in ["", "DEFERRABLE INITIALLY DEFERRED"] {
        block_on(async {
            let database = Database::none();
            let destination = prepared(&database, "", "").await;
            let mut batch = allowed(&destination).await;
            for of in ["a", "b"] {
                upsert(&mut batch, of, &[]);
            }
            destination.commit(batch).await.unwrap();
            database.sql(&format!(
                "CREATE TABLE orders (contact TEXT REFERENCES contacts (f1) {when}); \
                 INSERT INTO orders VALUES ('a')"
            ));
            let mut batch = allowed(&destination).await;
            delete(&mut batch, "a");
            delete(&mut batch, "b");
            assert_eq!(effects(&destination.commit(batch).await.unwrap()), "deleted 1, rejected 1");
            assert_eq!(reasons(&destination).await, ["rows of the table orders refer to it"]);
            assert_eq!(database.one::<String>("SELECT group_concat(f1) FROM contacts"), "a");
        });
    }
}

#[test]
fn rows_to_which_others_refer_stay_and_the_others_are_swept() {
    for when in ["", "DEFERRABLE INITIALLY DEFERRED"] {
        block_on(async {
            let database = Database::none();
            let destination = prepared(&database, "", "").await;
            let refer = || {
                database.sql(&format!(
                    "CREATE TABLE orders (contact TEXT REFERENCES contacts (f1) {when}); \
                     INSERT INTO orders VALUES ('07'), ('27')"
                ));
            };
            let others = (refer, || database.sql("DELETE FROM orders"));
            rows_to_which_others_refer_stay(&destination, others, "rows of the table orders refer to it")
                .await;
        });
    }
}

#[test]
fn rows_that_a_trigger_keeps_stay_and_the_others_are_swept() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database, "", "").await;
        let keep = || {
            database.sql(
                "CREATE TRIGGER keep BEFORE DELETE ON contacts WHEN old.f1 IN ('07', '27') BEGIN SELECT RAISE(IGNORE); END",
            );
        };
        let others = (keep, || database.sql("DROP TRIGGER keep"));
        rows_to_which_others_refer_stay(&destination, others, "a trigger of the table keeps the row").await;
    });
}

#[test]
fn rows_that_stay_are_no_more_rejects_than_are_kept() {
    for when in ["", "DEFERRABLE INITIALLY DEFERRED"] {
        block_on(async {
            let database = Database::none();
            let destination = prepared(&database, "", "").await;
            let refer = || {
                database.sql(&format!(
                    "CREATE TABLE orders (contact TEXT REFERENCES contacts (f1) {when}); \
                     INSERT INTO orders SELECT f1 FROM contacts WHERE f1 <> '00'"
                ));
            };
            rejects_of_rows_that_stay_leave_those_of_records(&destination, refer).await;
        });
    }
}

#[test]
fn rows_that_refer_to_each_other_go_together() {
    block_on(async {
        let database = Database::none();
        let made = "CREATE TABLE contacts (f1 TEXT PRIMARY KEY, f2 INTEGER, f3 TEXT UNIQUE, f4 TEXT REFERENCES contacts)";
        rows_that_refer_to_each_other_are_swept_together(&prepared(&database, made, "").await).await;
    });
}

#[test]
fn rows_of_one_batch_pass_unique_values_on() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database, "", "").await;
        let all = "SELECT group_concat(f1 || coalesce(f3, '-'), ' ' ORDER BY f1) FROM contacts";
        // (what each row of the batch has, what is done, what is there)
        for (rows, done, there) in [
            (&[("a", Some("x")), ("b", Some("y")), ("c", None)][..], "created 3", "ax by c-"),
            (&[("a", None), ("b", Some("x")), ("c", Some("y"))], "updated 3", "a- bx cy"),
            (&[("d", Some("x"))], "rejected 1", "a- bx cy"),
            (&[("b", None), ("d", Some("x"))], "created 1, updated 1", "a- b- cy dx"),
        ] {
            let mut batch = allowed(&destination).await;
            for (of, value) in rows {
                upsert(&mut batch, of, &[(3, value.map(|value| Value::Text(value.into())))]);
            }
            assert_eq!(effects(&destination.commit(batch).await.unwrap()), done, "{rows:?}");
            assert_eq!(database.one::<String>(all), there, "{rows:?}");
        }
        // A trigger that undoes the transaction leaves nothing of what came before it, and nothing after it.
        database.sql(
            "CREATE TRIGGER keep BEFORE UPDATE OF f3 ON contacts WHEN old.f1 = 'd' BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
        );
        let mut batch = allowed(&destination).await;
        for (of, value) in [("c", "1"), ("d", "2"), ("a", "3")] {
            upsert(&mut batch, of, &[(3, Some(text(value)))]);
        }
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "updated 2, rejected 1");
        assert_eq!(database.one::<String>(all), "a3 b- c1 dx");
        database.sql("DROP TRIGGER keep");
        // One that goes leaves its value to one that comes.
        let mut batch = allowed(&destination).await;
        upsert(&mut batch, "c", &[(3, None)]);
        upsert(&mut batch, "d", &[(3, Some(text("1")))]);
        delete(&mut batch, "a");
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "updated 2, deleted 1");
        assert_eq!(database.one::<String>(all), "b- c- d1");
    });
}
