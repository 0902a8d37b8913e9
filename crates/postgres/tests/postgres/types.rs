//! Values survive the database: what is read back is what was written, to the microsecond; and what the database cannot hold
//! is a reject with its reason.

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, effects};
use raccord_conformance::tables::{allowed, field, reasons, row_of, shape, upsert};
use raccord_conformance::values::{Reach, every_value_comes_back, fields, id_of};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Change, Destination, FieldShape, Intent, Ledger, RowQuery};
use raccord_model::row::push_key;
use raccord_model::value::{Instant, Value};
use raccord_postgres::PostgresDestination;

use crate::fixture::Database;

/// What there is from the first day of PostgreSQL to the last year of four digits.
const REACH: Reach =
    Reach { days: -2_440_588..=2_932_896, seconds: -210_866_803_200..=253_402_300_799, step: 1_000 };

async fn prepared(database: &Database) -> PostgresDestination {
    let destination = database.destination();
    destination.prepare(shape(INC, "contacts", fields())).await.unwrap();
    destination
}

#[test]
fn every_value_comes_back_created_and_changed() {
    every_value_comes_back(&REACH, || {
        let database = Database::empty();
        let destination = database.destination();
        (database, destination)
    });
}

#[test]
fn people_see_what_was_written() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database).await;
        // (type, value, what SQL shows)
        for (of, value, shown) in [
            (FieldType::Phone, Value::Text("+351936845354".into()), "+351936845354"),
            (FieldType::Email, Value::Text("".into()), ""),
            (FieldType::Url, Value::Text("007".into()), "007"),
            (FieldType::Integer, Value::Integer(1_234_567_890_123_456_789), "1234567890123456789"),
            (
                FieldType::Decimal,
                Value::Decimal("12345678901234567890.0625".parse().unwrap()),
                "12345678901234567890.0625",
            ),
            (FieldType::Date, Value::Date(19_753), "2024-01-31"),
            (FieldType::Boolean, Value::Boolean(true), "t"),
            (FieldType::Choices, Value::Choices(vec!["a,b".into(), "c\"".into()]), r#"{"a,b","c\""}"#),
            (FieldType::Json, Value::Json(r#"{"a":[1,"\u0000"]}"#.into()), r#"{"a":[1,"\u0000"]}"#),
        ] {
            let mut batch = allowed(&destination).await;
            upsert(&mut batch, "k", &[(id_of(of), Some(value))]);
            destination.commit(batch).await.unwrap();
            let id = id_of(of);
            assert_eq!(database.sql(&format!("SELECT f{id} FROM crm.contacts")), shown);
            assert_eq!(database.sql(&format!("SELECT f{id} IS NULL FROM crm.contacts")), "f", "{of:?}");
        }
        let empty =
            database.sql(&format!("SELECT f{} IS NULL FROM crm.contacts", id_of(FieldType::Datetime)));
        assert_eq!(empty, "t");
    });
}

#[test]
fn what_postgresql_cannot_keep_is_refused_with_the_reason() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database).await;
        for (of, value, reason) in [
            (
                FieldType::Email,
                Value::Text("a\0b".into()),
                "the text holds a NUL character, which PostgreSQL cannot keep",
            ),
            (
                FieldType::Choices,
                Value::Choices(vec!["\0".into()]),
                "the text holds a NUL character, which PostgreSQL cannot keep",
            ),
            (FieldType::Date, Value::Date(-3_000_000), "PostgreSQL has no dates before 4714 BC"),
            (
                FieldType::Datetime,
                Value::Datetime(Instant { seconds: -300_000_000_000, nanoseconds: 0 }),
                "PostgreSQL has no dates before 4714 BC",
            ),
        ] {
            let mut batch = allowed(&destination).await;
            upsert(&mut batch, "good", &[]);
            upsert(&mut batch, "bad", &[(id_of(of), Some(value))]);
            let tally = destination.commit(batch).await.unwrap();
            assert_eq!((tally.created + tally.unchanged, tally.rejected), (1, 1), "{of:?}");
            assert!(reasons(&destination).await.contains(&reason.to_owned()), "{of:?}");
        }
        assert_eq!(database.sql("SELECT string_agg(f1, ' ') FROM crm.contacts"), "good");
    });
}

#[test]
fn a_key_may_have_parts_of_every_type_that_has_an_order() {
    block_on(async {
        let database = Database::empty();
        let destination = database.destination();
        let of =
            [FieldType::Text, FieldType::Integer, FieldType::Boolean, FieldType::Date, FieldType::Datetime];
        let fields: Vec<FieldShape> = of.into_iter().zip(1..).map(|(of, id)| field(id, of)).collect();
        let mut parts = shape(INC, "parts", fields);
        parts.key = vec![1, 2, 3, 4, 5];
        destination.prepare(parts).await.unwrap();
        let at = |seconds, nanoseconds| Value::Datetime(Instant { seconds, nanoseconds });
        let values = |text: &'static str, number, nanoseconds| {
            [
                Value::Text(text.into()),
                Value::Integer(number),
                Value::Boolean(true),
                Value::Date(-5),
                at(-1, nanoseconds),
            ]
        };
        let change = |batch: &mut Batch, intent, values: &[Value<'_>]| {
            let mut key = Vec::new();
            for value in values {
                push_key(&mut key, value).unwrap();
            }
            let fields: Vec<_> = (1..).zip(values.iter().cloned().map(Some)).collect();
            let patch = if intent == Intent::Delete { Vec::new() } else { row_of(&fields) };
            batch.changes.push(Change { intent, key: &key, patch: &patch, version: b"", digest: None });
        };
        let mut batch = allowed(&destination).await;
        for (text, number, nanoseconds) in
            [("a", i64::MIN, 1_000), ("a", -1, 0), ("a", i64::MAX, 0), ("b\u{1F600}", 0, 0), ("c", 0, 1)]
        {
            change(&mut batch, Intent::Upsert, &values(text, number, nanoseconds));
        }
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "created 4, rejected 1");
        assert!(reasons(&destination).await[0].contains("finer than a microsecond"));
        let all = RowQuery { incarnation: INC, limit: 10, ..RowQuery::default() };
        let keys: Vec<_> =
            destination.rows(all.clone()).await.unwrap().into_iter().map(|row| row.key).collect();
        assert!(keys.is_sorted() && keys.len() == 4);
        let after = RowQuery { after: Some(keys[1].clone()), ..all };
        assert_eq!(destination.rows(after).await.unwrap().len(), 2);
        let mut batch = allowed(&destination).await;
        change(&mut batch, Intent::Delete, &values("a", -1, 0));
        change(&mut batch, Intent::Upsert, &values("a", i64::MAX, 0));
        change(&mut batch, Intent::Delete, &values("z", 0, 0));
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "deleted 1, unchanged 1, skipped 1");
    });
}
