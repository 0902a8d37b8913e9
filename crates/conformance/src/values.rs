//! Values survive a table: rows of values of every type come back as they were written, when they are created and when they
//! are changed. What a database cannot hold is not among them; its own tests say what becomes of that.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use raccord_model::canonical::to_bytes;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Destination, FieldShape, Ledger, RowQuery};
use raccord_model::row::FieldId;
use raccord_model::value::{Instant, Value};

use crate::block_on;
use crate::fixture::{INC, effects};
use crate::tables::{allowed, field, reasons, row_of, shape, upsert};

/// What a table can hold.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The days that a date can be, counted from 1970-01-01.
    pub days: RangeInclusive<i32>,
    /// The seconds that an instant can be, counted from 1970-01-01T00:00:00Z.
    pub seconds: RangeInclusive<i64>,
    /// The smallest step of an instant, in nanoseconds; what is finer is cut off.
    pub step: i32,
}

type Fields = Vec<(FieldId, Option<Value<'static>>)>;

/// A field of each type; field 1 is the key.
pub fn fields() -> Vec<FieldShape> {
    FieldType::ALL.into_iter().zip(1..).map(|(of, id)| field(id, of)).collect()
}

/// The field of a type.
pub fn id_of(of: FieldType) -> FieldId {
    (1..).zip(FieldType::ALL).find(|(_, it)| *it == of).unwrap().0
}

fn text() -> impl Strategy<Value = String> {
    let any = any::<String>().prop_map(|text| text.replace('\0', ""));
    let special = prop::sample::select(vec![
        "",
        " ",
        "007",
        "+351936845354",
        "\\",
        "\"",
        "{}",
        "\\N",
        "NULL",
        "a\n\t\r",
    ]);
    prop_oneof![3 => any, 1 => special.prop_map(str::to_owned)]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn value(of: FieldType, reach: &Reach) -> BoxedStrategy<Value<'static>> {
    let integer = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(1_234_567_890_123_456_789)];
    match of {
        FieldType::Integer => integer.prop_map(Value::Integer).boxed(),
        FieldType::Decimal => "-?[0-9]{1,45}(\\.[0-9]{1,45})?"
            .prop_map(|text: String| Value::Decimal(text.parse().unwrap()))
            .boxed(),
        FieldType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        FieldType::Date => reach.days.clone().prop_map(Value::Date).boxed(),
        FieldType::Datetime => (reach.seconds.clone(), 0..1_000_000_000_i32)
            .prop_map(|(seconds, nanoseconds)| Value::Datetime(Instant { seconds, nanoseconds }))
            .boxed(),
        FieldType::Choices => prop::collection::btree_set(text(), 0..4)
            .prop_map(|set: BTreeSet<String>| Value::Choices(set.into_iter().map(Into::into).collect()))
            .boxed(),
        FieldType::Json => json()
            .prop_map(|json| Value::Json(String::from_utf8(to_bytes(&json).unwrap()).unwrap().into()))
            .boxed(),
        _ => text().prop_map(|text| Value::Text(text.into())).boxed(),
    }
}

/// All fields but the key, each of which may be empty.
fn row(reach: &Reach) -> impl Strategy<Value = Fields> + use<> {
    let one = |of: FieldType| {
        prop::option::weighted(0.8, value(of, reach)).prop_map(move |value| (id_of(of), value))
    };
    FieldType::ALL.into_iter().skip(1).map(one).collect::<Vec<_>>()
}

/// The row that is read back: instants are cut to the step, and what is empty is not there.
fn stored(key: &str, fields: &Fields, reach: &Reach) -> Vec<u8> {
    let cut = |value: Value<'static>| match value {
        Value::Datetime(Instant { seconds, nanoseconds }) => {
            Value::Datetime(Instant { seconds, nanoseconds: nanoseconds / reach.step * reach.step })
        }
        other => other,
    };
    let kept =
        |(id, value): &(FieldId, Option<Value<'static>>)| value.clone().map(|value| (*id, Some(cut(value))));
    let mut all = vec![(1, Some(Value::Text(key.to_owned().into())))];
    all.extend(fields.iter().filter_map(kept));
    row_of(&all)
}

async fn rows(destination: &impl Ledger) -> Vec<Vec<u8>> {
    let query = RowQuery { incarnation: INC, limit: 1_000, ..RowQuery::default() };
    destination.rows(query).await.unwrap().into_iter().map(|row| row.row).collect()
}

/// Writes rows of all that can be in them, changes all of them, writes the same once more, and reads them back each time.
///
/// `open` gives a database without tables, which lives as long as what it gives, and a destination on it.
pub fn every_value_comes_back<G, D: Destination + Ledger>(reach: &Reach, open: impl Fn() -> (G, D)) {
    let config = Config { failure_persistence: None, ..Config::with_cases(16) };
    let strategy = (prop::collection::vec(row(reach), 12), prop::collection::vec(row(reach), 12));
    let result = TestRunner::new(config).run(&strategy, |(first, second)| {
        block_on(async {
            let (_database, destination) = open();
            destination.prepare(shape(INC, "contacts", fields())).await.unwrap();
            for (rows_of, expected) in
                [(&first, "created 12"), (&second, "updated 12"), (&second, "unchanged 12")]
            {
                let mut batch = allowed(&destination).await;
                for (number, fields) in rows_of.iter().enumerate() {
                    // Field by field something differs, so that the second is a change.
                    upsert(&mut batch, &format!("{number:02}"), fields);
                }
                let done = effects(&destination.commit(batch).await.unwrap());
                let is_same = first == second || expected == done || done.contains("unchanged");
                prop_assert!(is_same, "{} instead of {}", done, expected);
                let keyed = rows_of.iter().enumerate();
                let expected: Vec<_> =
                    keyed.map(|(at, fields)| stored(&format!("{at:02}"), fields, reach)).collect();
                prop_assert_eq!(rows(&destination).await, expected);
            }
            prop_assert_eq!(reasons(&destination).await, Vec::<String>::new());
            Ok(())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
