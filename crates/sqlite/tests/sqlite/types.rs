//! Values survive the file: what is read back is what was written, to the nanosecond; and what SQLite cannot hold is a reject
//! with its reason.

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, effects};
use raccord_conformance::tables::{allowed, field, reasons, row_of, shape, upsert};
use raccord_conformance::values::{Reach, every_value_comes_back, fields, id_of};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Change, Destination, FieldShape, Intent, Ledger, RowQuery};
use raccord_model::row::push_key;
use raccord_model::value::{Instant, Value};
use raccord_sqlite::SqliteDestination;

use crate::fixture::Database;

/// What there is in the years -9999 to 9999.
const REACH: Reach =
    Reach { days: -4_371_587..=2_932_896, seconds: -377_705_116_800..=253_402_300_799, step: 1 };

async fn prepared(database: &Database) -> SqliteDestination {
    let destination = database.destination();
    destination.prepare(shape(INC, "contacts", fields())).await.unwrap();
    destination
}

#[test]
fn every_value_comes_back_created_and_changed() {
    every_value_comes_back(&REACH, || {
        let database = Database::none();
        let destination = database.destination();
        (database, destination)
    });
}

#[test]
fn people_see_what_was_written() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        let at = |nanoseconds| Value::Datetime(Instant { seconds: 1_706_693_400, nanoseconds });
        // (type, value, what SQL shows)
        for (of, value, shown) in [
            (FieldType::Phone, Value::Text("+351936845354".into()), "+351936845354"),
            (FieldType::Email, Value::Text("".into()), ""),
            (FieldType::Url, Value::Text("007".into()), "007"),
            (FieldType::Url, Value::Text("9007199254740993123".into()), "9007199254740993123"),
            (FieldType::Integer, Value::Integer(1_234_567_890_123_456_789), "1234567890123456789"),
            (
                FieldType::Decimal,
                Value::Decimal("12345678901234567890.0625".parse().unwrap()),
                "12345678901234567890.0625",
            ),
            (FieldType::Date, Value::Date(19_753), "2024-01-31"),
            (FieldType::Datetime, at(0), "2024-01-31 09:30:00"),
            (FieldType::Datetime, at(250_000_001), "2024-01-31 09:30:00.250000001"),
            (FieldType::Boolean, Value::Boolean(true), "1"),
            (FieldType::Choices, Value::Choices(vec!["a,b".into(), "c\"".into()]), r#"["a,b","c\""]"#),
            (FieldType::Json, Value::Json(r#"{"a":[1,"\u0000"]}"#.into()), r#"{"a":[1,"\u0000"]}"#),
        ] {
            let mut batch = allowed(&destination).await;
            upsert(&mut batch, "k", &[(id_of(of), Some(value))]);
            destination.commit(batch).await.unwrap();
            let id = id_of(of);
            let found: String = database.one(&format!("SELECT CAST(f{id} AS TEXT) FROM contacts"));
            assert_eq!(found, shown, "{of:?}");
        }
        // The functions of SQLite understand them, and texts compare as instants do.
        let of = id_of(FieldType::Datetime);
        assert_eq!(database.one::<i64>(&format!("SELECT unixepoch(f{of}) FROM contacts")), 1_706_693_400);
        assert!(database.one::<bool>(&format!("SELECT f{of} < datetime('now') FROM contacts")));
        assert_eq!(database.one::<i64>(&format!("SELECT count(*) FROM contacts WHERE f{of} IS NULL")), 0);
    });
}

#[test]
fn what_sqlite_cannot_keep_is_refused_with_the_reason() {
    const NUL: &str = "the text holds a NUL character, at which functions of SQLite end a text";
    const YEARS: &str = "the date is outside of the years -9999 to 9999";
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        for (of, value, reason) in [
            (FieldType::Email, Value::Text("a\0b".into()), NUL),
            (FieldType::Choices, Value::Choices(vec!["\0".into()]), NUL),
            (FieldType::Date, Value::Date(-5_000_000), YEARS),
            (
                FieldType::Datetime,
                Value::Datetime(Instant { seconds: -500_000_000_000, nanoseconds: 0 }),
                YEARS,
            ),
        ] {
            let mut batch = allowed(&destination).await;
            upsert(&mut batch, "good", &[]);
            upsert(&mut batch, "bad", &[(id_of(of), Some(value))]);
            let tally = destination.commit(batch).await.unwrap();
            assert_eq!((tally.created + tally.unchanged, tally.rejected), (1, 1), "{of:?}");
            assert!(reasons(&destination).await.contains(&reason.to_owned()), "{of:?}");
        }
        let mut batch = allowed(&destination).await;
        upsert(&mut batch, "a\0key", &[]);
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "rejected 1");
        assert_eq!(database.one::<String>("SELECT group_concat(f1) FROM contacts"), "good");
    });
}

#[test]
fn a_key_may_have_parts_of_every_type_that_has_an_order() {
    block_on(async {
        let database = Database::none();
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
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "created 5");
        let all = RowQuery { incarnation: INC, limit: 10, ..RowQuery::default() };
        let keys: Vec<_> =
            destination.rows(all.clone()).await.unwrap().into_iter().map(|row| row.key).collect();
        assert!(keys.is_sorted() && keys.len() == 5);
        let after = RowQuery { after: Some(keys[1].clone()), ..all };
        assert_eq!(destination.rows(after).await.unwrap().len(), 3);
        let mut batch = allowed(&destination).await;
        change(&mut batch, Intent::Delete, &values("a", -1, 0));
        change(&mut batch, Intent::Upsert, &values("a", i64::MAX, 0));
        change(&mut batch, Intent::Delete, &values("z", 0, 0));
        assert_eq!(effects(&destination.commit(batch).await.unwrap()), "deleted 1, unchanged 1, skipped 1");
    });
}
