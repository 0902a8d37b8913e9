//! Rows that the database itself refuses: they are found among the others, become rejects with the server's reason, and the
//! rest is written.

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, effects};
use raccord_conformance::lasting::{
    rejects_of_rows_that_stay_leave_those_of_records, rows_that_refer_to_each_other_are_swept_together,
    rows_to_which_others_refer_stay,
};
use raccord_conformance::tables::{allowed, field, key, reasons, shape, upsert};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Change, Destination, Intent};
use raccord_model::value::Value;
use raccord_postgres::PostgresDestination;

use crate::fixture::Database;

const fn integer(number: i64) -> Value<'static> {
    Value::Integer(number)
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

/// A table of a text key, a number, a unique text and a text, to which a statement adds more.
async fn prepared(database: &Database, more: &str) -> PostgresDestination {
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

#[test]
fn the_rows_that_break_a_rule_of_the_database_are_rejects_and_the_others_are_written() {
    let trigger = "CREATE FUNCTION crm.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.f2 = 13 THEN \
                   RAISE EXCEPTION 'the value % of %', new.f2, new.f4; END IF; RETURN new; END $$; \
                   CREATE TRIGGER no BEFORE INSERT OR UPDATE ON crm.contacts FOR EACH ROW EXECUTE FUNCTION crm.no()";
    let leaves_out = "CREATE FUNCTION crm.out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.f2 = 13 THEN \
                      RETURN NULL; END IF; RETURN new; END $$; \
                      CREATE TRIGGER out BEFORE INSERT ON crm.contacts FOR EACH ROW EXECUTE FUNCTION crm.out()";
    // (what the table demands, the reason of the two rows that have 13)
    for (more, reason) in [
        (
            "ALTER TABLE crm.contacts ADD CONSTRAINT lucky CHECK (f2 <> 13)",
            "the value does not fulfil the constraint lucky",
        ),
        (
            "CREATE TABLE crm.numbers (n bigint PRIMARY KEY); INSERT INTO crm.numbers SELECT generate_series(14, 99); \
             ALTER TABLE crm.contacts ADD CONSTRAINT known FOREIGN KEY (f2) REFERENCES crm.numbers DEFERRABLE INITIALLY DEFERRED",
            "no row of the table it refers to has this value: constraint known",
        ),
        (trigger, "a trigger or a function of the database refuses the row"),
        (leaves_out, "a trigger of the table leaves the row out"),
        (
            "CREATE UNIQUE INDEX one_of_13 ON crm.contacts ((f2 = 13)) WHERE f4 = 'secret' AND f2 = 13; \
          INSERT INTO crm.contacts (f1, f2, f4) VALUES ('theirs', 13, 'secret')",
            "another row already has this value: constraint one_of_13",
        ),
    ] {
        block_on(async {
            let database = Database::empty();
            let destination = prepared(&database, more).await;
            let mut batch = allowed(&destination).await;
            for number in 0..40_i64 {
                let value = if number % 20 == 7 { 13 } else { 20 + number };
                upsert(
                    &mut batch,
                    &format!("{number:02}"),
                    &[(2, Some(integer(value))), (4, Some(text("secret")))],
                );
            }
            assert_eq!(
                effects(&destination.commit(batch).await.unwrap()),
                "created 38, rejected 2",
                "{more}"
            );
            assert_eq!(reasons(&destination).await, [reason, reason], "{more}");
            assert_eq!(
                database.sql("SELECT count(*) FROM crm.contacts WHERE f1 <> 'theirs'"),
                "38",
                "{more}"
            );
            // What was written before and after the refused row stands as it should.
            let mut batch = allowed(&destination).await;
            upsert(&mut batch, "00", &[(2, Some(integer(50)))]);
            upsert(&mut batch, "07", &[(2, Some(integer(77)))]);
            upsert(&mut batch, "01", &[(2, Some(integer(51)))]);
            assert_eq!(effects(&destination.commit(batch).await.unwrap()), "created 1, updated 2", "{more}");
            assert_eq!(reasons(&destination).await.len(), 1, "a later success supersedes");
        });
    }
}

/// A trigger that returns nothing for some rows: they are rejects, and the others are written.
#[test]
fn what_a_trigger_keeps_as_it_is_is_a_reject() {
    let trigger = "CREATE FUNCTION crm.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF old.f1 IN ('07', '27') THEN \
                   RETURN NULL; END IF; IF TG_OP = 'DELETE' THEN RETURN old; END IF; RETURN new; END $$; \
                   CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON crm.contacts FOR EACH ROW EXECUTE FUNCTION crm.keep()";
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, trigger).await;
        let names: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
        for (value, expected) in [(1, "created 40"), (2, "updated 38, rejected 2")] {
            let mut batch = allowed(&destination).await;
            for name in &names {
                upsert(&mut batch, name, &[(2, Some(integer(value)))]);
            }
            assert_eq!(effects(&destination.commit(batch).await.unwrap()), expected);
        }
        let updated = "a trigger of the table leaves the row out";
        assert_eq!(reasons(&destination).await, [updated, updated]);
        assert_eq!(database.sql("SELECT string_agg(f1, ' ') FROM crm.contacts WHERE f2 = 1"), "07 27");
        let mut batch = allowed(&destination).await;
        for name in &names {
            let (intent, key) = (Intent::Delete, key(name));
            batch.changes.push(Change { intent, key: &key, patch: b"", version: b"", digest: None });
        }
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "deleted 38, rejected 2");
        assert_eq!(database.sql("SELECT string_agg(f1, ' ') FROM crm.contacts"), "07 27");
        let kept = |reason: &String| reason == "a trigger of the table keeps the row";
        assert_eq!(reasons(&destination).await.into_iter().filter(kept).count(), 2);
    });
}

#[test]
fn of_one_key_the_good_record_stays_when_a_later_one_is_refused() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, "ALTER TABLE crm.contacts ADD CHECK (f2 <> 13)").await;
        let mut batch = allowed(&destination).await;
        upsert(&mut batch, "a", &[(2, Some(integer(1)))]);
        upsert(&mut batch, "a", &[(2, Some(integer(13)))]);
        upsert(&mut batch, "b", &[(2, Some(integer(13)))]);
        upsert(&mut batch, "b", &[(2, Some(integer(2)))]);
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "created 2, updated 1, rejected 1");
        assert_eq!(database.sql("SELECT string_agg(f1 || f2, ' ' ORDER BY f1) FROM crm.contacts"), "a1 b2");
        assert_eq!(
            reasons(&destination).await.len(),
            1,
            "b was never to be 13 in the end: the database did not see it"
        );
    });
}

#[test]
fn a_unique_value_goes_from_row_to_row_in_one_batch_and_belongs_to_one() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, "").await;
        for (rows, expected, kept) in [
            (&[("a", "x"), ("b", "y"), ("c", "x")][..], "created 2, rejected 1", "ax by"),
            (&[("a", "z"), ("b", "x"), ("d", "y")], "created 1, updated 2", "az bx dy"),
            (&[("d", "w"), ("b", "y"), ("a", "x"), ("e", "z")], "created 1, updated 3", "ax by dw ez"),
        ] {
            let mut batch = allowed(&destination).await;
            batch.target.unique = vec![3];
            for (key, value) in rows {
                upsert(&mut batch, key, &[(3, Some(text(value)))]);
            }
            assert_eq!(effects(&destination.commit(batch).await.unwrap()), expected);
            assert_eq!(database.sql("SELECT string_agg(f1 || f3, ' ' ORDER BY f1) FROM crm.contacts"), kept);
        }
        // Other clients are held to it too.
        assert_eq!(
            database.sql("SELECT count(*) FROM pg_constraint WHERE contype = 'u' AND condeferrable"),
            "1"
        );
    });
}

#[test]
fn a_row_that_others_refer_to_is_not_deleted_and_the_record_is_a_reject() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, "").await;
        let mut batch = allowed(&destination).await;
        for key in ["a", "b", "c"] {
            upsert(&mut batch, key, &[]);
        }
        destination.commit(batch).await.unwrap();
        database.sql(
            "CREATE TABLE crm.orders (of text REFERENCES crm.contacts); INSERT INTO crm.orders VALUES ('b')",
        );
        let mut batch = allowed(&destination).await;
        for text in ["a", "b", "c"] {
            let key = key(text);
            batch.changes.push(Change {
                intent: Intent::Delete,
                key: &key,
                patch: b"",
                version: b"",
                digest: None,
            });
        }
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "deleted 2, rejected 1");
        assert_eq!(database.sql("SELECT string_agg(f1, ' ') FROM crm.contacts"), "b");
        assert_eq!(
            reasons(&destination).await,
            ["rows of the table orders refer to it: constraint orders_of_fkey"]
        );
    });
}

#[test]
fn of_a_batch_of_megabytes_the_first_row_may_be_bad() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, "ALTER TABLE crm.contacts ADD CHECK (f2 <> 13)").await;
        let mut batch = allowed(&destination).await;
        let long = "x".repeat(1_000);
        for number in 0..4_000_i64 {
            let value = if number % 1_999 == 0 { 13 } else { 20 + number };
            upsert(&mut batch, &format!("{number:05}"), &[(2, Some(integer(value))), (4, Some(text(&long)))]);
        }
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "created 3997, rejected 3");
        assert_eq!(database.sql("SELECT count(*) FROM crm.contacts"), "3997");
    });
}

#[test]
fn rows_that_stay_are_no_more_rejects_than_are_kept() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, "").await;
        let refer = || {
            database.sql(
                "CREATE TABLE crm.orders (of text REFERENCES crm.contacts (f1)); \
                 INSERT INTO crm.orders SELECT f1 FROM crm.contacts WHERE f1 <> '00'",
            );
        };
        rejects_of_rows_that_stay_leave_those_of_records(&destination, refer).await;
    });
}

#[test]
fn rows_that_refer_to_each_other_go_together() {
    block_on(async {
        let database = Database::empty();
        let more = "ALTER TABLE crm.contacts ADD FOREIGN KEY (f4) REFERENCES crm.contacts (f1)";
        rows_that_refer_to_each_other_are_swept_together(&prepared(&database, more).await).await;
    });
}

#[test]
fn rows_to_which_others_refer_stay_and_the_others_are_swept() {
    for when in ["", "DEFERRABLE INITIALLY DEFERRED"] {
        block_on(async {
            let database = Database::empty();
            let destination = prepared(&database, "").await;
            let refer = || {
                database.sql(&format!(
                    "CREATE TABLE crm.orders (of text REFERENCES crm.contacts (f1) {when}); \
                     INSERT INTO crm.orders VALUES ('07'), ('27')"
                ));
            };
            let release = || {
                database.sql("DELETE FROM crm.orders");
            };
            let reason = "rows of the table orders refer to it: constraint orders_of_fkey";
            rows_to_which_others_refer_stay(&destination, (refer, release), reason).await;
        });
    }
}

#[test]
fn a_table_that_was_dropped_is_told_with_what_to_do() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, "").await;
        let mut batch = allowed(&destination).await;
        upsert(&mut batch, "a", &[]);
        database.sql("DROP TABLE crm.contacts");
        let said = destination.commit(batch).await.unwrap_err().in_words();
        let cure = "if a table or column of an entity was dropped, `raccord apply` makes it again, and the next runs read everything";
        assert!(said.contains(cure) && !said.contains("resync"), "{said}");
    });
}

#[test]
fn rows_that_a_trigger_keeps_stay_and_the_others_are_swept() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database, "").await;
        let keep = || {
            database.sql(
                "CREATE FUNCTION crm.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF old.f1 IN ('07', '27') THEN \
                 RETURN NULL; END IF; RETURN old; END $$; \
                 CREATE TRIGGER keep BEFORE DELETE ON crm.contacts FOR EACH ROW EXECUTE FUNCTION crm.keep()",
            );
        };
        let release = || {
            database.sql("DROP TRIGGER keep ON crm.contacts");
        };
        let reason = "a trigger of the table keeps the row";
        rows_to_which_others_refer_stay(&destination, (keep, release), reason).await;
    });
}
