//! Tables that Raccord must not alter: what it needs beside a row stands in a table of its own, and is written with the row.

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, effects, transfer};
use raccord_conformance::tables::{allowed, field, key, reasons, row_of, shape, upsert};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{
    Batch, Change, Destination, DestinationError, EntityShape, Intent, Ledger, RecordDigest, RowQuery,
};
use raccord_model::value::Value;
use raccord_postgres::PostgresDestination;

use crate::fixture::Database;

// The whole suite, on tables that are as another program made them.
raccord_conformance::conformance!(crate::conformance::InPostgres<false>);

fn contacts(manage: Manage) -> EntityShape {
    let fields = vec![field(1, FieldType::Text), field(2, FieldType::Integer)];
    EntityShape { manage, ..shape(INC, "contacts", fields) }
}

const TABLE: &str = "CREATE SCHEMA crm; CREATE TABLE crm.contacts (f1 varchar(20) PRIMARY KEY, f2 int, note text DEFAULT 'none', \
                     CHECK (f2 < 100))";

async fn prepared(database: &Database) -> PostgresDestination {
    database.sql(TABLE);
    let destination = database.destination();
    let found = destination.inspect(contacts(Manage::None)).await.unwrap();
    assert!(found.statements[0].starts_with("CREATE TABLE raccord.\"rows_7\" AS SELECT"), "{found:?}");
    destination.prepare(contacts(Manage::None)).await.unwrap();
    assert!(destination.inspect(contacts(Manage::None)).await.unwrap().statements.is_empty());
    destination
}

fn columns(database: &Database) -> String {
    let query = "SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY ordinal_position) FROM \
                 information_schema.columns WHERE table_schema = 'crm' AND table_name = 'contacts'";
    database.sql(query)
}

fn with(mut batch: Batch, rows: &[(&str, i64)]) -> Batch {
    for (key, value) in rows {
        upsert(&mut batch, key, &[(2, Some(Value::Integer(*value)))]);
    }
    batch
}

#[test]
fn rows_are_written_and_the_table_stays_as_it_is() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database).await;
        let before = columns(&database);
        assert_eq!(before, "f1 character varying, f2 integer, note text");
        database.sql("INSERT INTO crm.contacts VALUES ('own', 1, 'of another program')");
        let first = with(allowed(&destination).await, &[("a", 1), ("own", 1), ("b", 500)]);
        let tally = destination.commit(first).await.unwrap();
        assert_eq!(effects(&tally), "created 1, unchanged 1, rejected 1");
        assert!(reasons(&destination).await[0].contains("contacts_f2_check"));
        let second = with(batch('A'), &[("a", 2), ("own", 3)]);
        assert_eq!(effects(&destination.commit(second).await.unwrap()), "updated 2");
        let rows = "SELECT string_agg(f1 || f2 || note, ' ' ORDER BY f1) FROM crm.contacts";
        assert_eq!(database.sql(rows), "a2none own3of another program");
        assert_eq!(columns(&database), before);
        assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 2);
        let found =
            destination.rows(RowQuery { incarnation: INC, limit: 10, ..RowQuery::default() }).await.unwrap();
        assert_eq!(found.iter().map(|row| row.owner).collect::<Vec<_>>(), [transfer('A'); 2]);
        // What is known of a row goes with its entity, and the row stays.
        assert_eq!(destination.collect(INC).await.unwrap(), 2);
        assert_eq!(
            database.sql("SELECT to_regclass('raccord.rows_7') IS NULL, count(*) FROM crm.contacts"),
            "t|2"
        );
    });
}

/// A row that another program removes takes nothing with it that would be in the way later.
#[test]
fn what_is_known_of_a_row_that_is_gone_counts_for_nothing() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database).await;
        destination.commit(with(allowed(&destination).await, &[("a", 1), ("b", 1)])).await.unwrap();
        database.sql("DELETE FROM crm.contacts WHERE f1 = 'a'");
        assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 1);
        let tally = destination.commit(with(batch('A'), &[("a", 1), ("b", 1)])).await.unwrap();
        assert_eq!(effects(&tally), "created 1, unchanged 1");
    });
}

/// What was kept in one place is taken to the other: a transfer goes on with its rows.
#[test]
fn what_is_known_of_rows_moves_when_the_table_may_be_altered_or_no_longer() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database).await;
        let digest = Some(RecordDigest::from_bytes([7; 16]));
        let mut first = allowed(&destination).await;
        let patch = row_of(&[(1, Some(Value::Text("a".into()))), (2, Some(Value::Integer(1)))]);
        let (key, version) = (key("a"), b"");
        first.changes.push(Change { intent: Intent::Upsert, key: &key, patch: &patch, version, digest });
        destination.commit(first).await.unwrap();
        for (manage, is_beside) in [(Manage::Additive, "f"), (Manage::None, "t"), (Manage::None, "t")] {
            destination.prepare(contacts(manage)).await.unwrap();
            assert_eq!(database.sql("SELECT to_regclass('raccord.rows_7') IS NOT NULL"), is_beside);
            assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 1, "{manage:?}");
        }
        let kept = "SELECT count(*) FROM raccord.rows_7 WHERE _raccord_digest IS NOT NULL";
        assert_eq!(database.sql(kept), "1");
    });
}

#[test]
fn what_a_table_lacks_is_told_and_stays() {
    for (table, field_two, expected) in [
        ("", FieldType::Integer, "there is no table"),
        ("CREATE TABLE crm.contacts (f1 text PRIMARY KEY)", FieldType::Integer, "has no column \"f2\""),
        ("CREATE TABLE crm.contacts (f1 text, f2 int)", FieldType::Integer, "no primary key or unique index"),
        (
            "CREATE TABLE crm.contacts (f1 text PRIMARY KEY, f2 text)",
            FieldType::Integer,
            "keeps values of another type",
        ),
        (
            "CREATE TABLE crm.contacts (f1 text PRIMARY KEY, f2 int)",
            FieldType::Integer,
            "the field is unique, and no unique index",
        ),
    ] {
        let database = Database::empty();
        database.sql(&format!("CREATE SCHEMA crm; {table}"));
        let mut shape = contacts(Manage::None);
        shape.fields[1].field_type = field_two;
        shape.fields[1].unique = expected.contains("unique,");
        let destination = database.destination();
        let refused = block_on(destination.inspect(shape.clone())).unwrap();
        assert!(refused.statements.is_empty(), "{refused:?}");
        assert!(refused.refusals.iter().any(|it| it.message.contains(expected)), "{expected}: {refused:?}");
        let done = block_on(destination.prepare(shape));
        assert!(matches!(done, Err(DestinationError::Unfit(_))), "{done:?}");
    }
}

/// A column in the place of another one has none of its values: rows are not known any more as made of their records.
#[test]
fn a_column_that_another_program_adds_again_is_filled_again() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database).await;
        destination.commit(with(allowed(&destination).await, &[("a", 1)])).await.unwrap();
        database.sql(
            "UPDATE raccord.rows_7 SET _raccord_digest = 'the record'; ALTER TABLE crm.contacts DROP f2, ADD f2 int",
        );
        let found = destination.inspect(contacts(Manage::None)).await.unwrap();
        assert!(found.recreated && found.refusals.is_empty(), "{found:?}");
        destination.prepare(contacts(Manage::None)).await.unwrap();
        assert_eq!(database.sql("SELECT count(*), count(_raccord_digest) FROM raccord.rows_7"), "1|0");
        let found = destination.inspect(contacts(Manage::None)).await.unwrap();
        assert!(!found.recreated && found.statements.is_empty(), "{found:?}");
    });
}
