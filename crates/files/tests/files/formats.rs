//! Values survive each format: what is read back, by readers that share no code with what writes, is what was written.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, RowAccessor as _};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use raccord_files::format::{Column, ColumnKind, EncodeError, Format, encoder};
use raccord_model::value::{Instant, Value, parse_date, parse_datetime};

type Cell = Option<Value<'static>>;

const KINDS: [ColumnKind; 8] = [
    ColumnKind::Text,
    ColumnKind::Integer,
    ColumnKind::Decimal,
    ColumnKind::Boolean,
    ColumnKind::Date,
    ColumnKind::Datetime,
    ColumnKind::Choices,
    ColumnKind::Json,
];

fn columns() -> Arc<[Column]> {
    KINDS.into_iter().map(|kind| Column { name: format!("{kind:?}").to_lowercase(), kind }).collect()
}

fn file(format: Format, rows: &[Vec<Cell>]) -> Vec<u8> {
    let mut encoder = encoder(format, &columns()).unwrap();
    let mut bytes = Vec::new();
    for row in rows {
        encoder.row(row).unwrap();
        bytes.extend(encoder.take());
    }
    encoder.finish().unwrap();
    bytes.extend(encoder.take());
    bytes
}

fn value(kind: ColumnKind) -> BoxedStrategy<Value<'static>> {
    let special =
        ["", " ", "007", "+351936845354", "\"", ",", "a\r\nb", "NULL", "\\N", "=1+1", "\0", "\u{7f}"];
    let text = || {
        prop_oneof![any::<String>(), prop::sample::select(special.to_vec()).prop_map(str::to_owned)].boxed()
    };
    match kind {
        ColumnKind::Text => text().prop_map(|text| Value::Text(text.into())).boxed(),
        ColumnKind::Integer => {
            prop_oneof![any::<i64>(), Just(1_234_567_890_123_456_789)].prop_map(Value::Integer).boxed()
        }
        ColumnKind::Decimal => "-?[0-9]{1,20}(\\.[0-9]{1,18})?"
            .prop_map(|text: String| Value::Decimal(text.parse().unwrap()))
            .boxed(),
        ColumnKind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        ColumnKind::Date => (-719_162_i32..=2_932_896).prop_map(Value::Date).boxed(),
        ColumnKind::Datetime => (-62_135_596_800_i64..=253_402_207_200, 0..1_000_000_i32)
            .prop_map(|(seconds, micros)| Value::Datetime(Instant { seconds, nanoseconds: micros * 1_000 }))
            .boxed(),
        ColumnKind::Choices => prop::collection::btree_set(text(), 0..4)
            .prop_map(|choices| Value::Choices(choices.into_iter().map(Cow::Owned).collect()))
            .boxed(),
        ColumnKind::Json => prop::collection::btree_map(text(), any::<i32>(), 0..3)
            .prop_map(|map| Value::Json(serde_json::to_string(&map).unwrap().into()))
            .boxed(),
    }
}

fn rows() -> impl Strategy<Value = Vec<Vec<Cell>>> {
    let cells: Vec<_> = KINDS.iter().map(|kind| prop::option::of(value(*kind))).collect();
    prop::collection::vec(cells, 0..12)
}

fn check(format: Format, read: impl Fn(&[u8]) -> Vec<Vec<Cell>>) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(300) });
    let same = |rows: Vec<Vec<Cell>>| {
        prop_assert_eq!(read(&file(format, &rows)), rows);
        Ok(())
    };
    runner.run(&rows(), same).unwrap();
}

/// A cell as a reader takes it that knows the type of its column.
fn of_text(kind: ColumnKind, text: &str) -> Value<'static> {
    match kind {
        ColumnKind::Text => Value::Text(text.to_owned().into()),
        ColumnKind::Integer => Value::Integer(text.parse().unwrap()),
        ColumnKind::Decimal => Value::Decimal(text.parse().unwrap()),
        ColumnKind::Boolean => Value::Boolean(text.parse().unwrap()),
        ColumnKind::Date => Value::Date(parse_date(text).unwrap()),
        ColumnKind::Datetime => Value::Datetime(parse_datetime(text, None).unwrap()),
        ColumnKind::Choices => {
            let choices: Vec<String> = serde_json::from_str(text).unwrap();
            Value::Choices(choices.into_iter().map(Cow::Owned).collect())
        }
        ColumnKind::Json => Value::Json(text.to_owned().into()),
    }
}

#[test]
fn json_lines() {
    check(Format::Jsonl, |bytes| {
        let lines = std::str::from_utf8(bytes).unwrap().split_terminator('\n');
        let row = |line: &str| {
            let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            assert_eq!(row.len(), KINDS.len());
            let cell = |column: &Column| match &row[&column.name] {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(of_text(column.kind, text)),
                other => Some(of_text(column.kind, &other.to_string())),
            };
            columns().iter().map(cell).collect()
        };
        lines.map(row).collect()
    });
}

/// The cells of a file of CSV, and whether each stood in quotes.
fn csv_cells(text: &str) -> Vec<Vec<(String, bool)>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), (String::new(), false));
    let (mut is_quoted, mut characters) = (false, text.chars().peekable());
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => cell.0.push('"'),
            '"' => (is_quoted, cell.1) = (!is_quoted, true),
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.0.push(other),
        }
    }
    rows
}

#[test]
fn csv() {
    check(Format::Csv, |bytes| {
        let mut lines = csv_cells(std::str::from_utf8(bytes).unwrap()).into_iter();
        let header = lines.next().unwrap().into_iter().map(|(name, _)| name);
        assert!(header.eq(columns().iter().map(|column| column.name.clone())));
        let cell = |(kind, (text, is_quoted)): (ColumnKind, (String, bool))| {
            (is_quoted || !text.is_empty()).then(|| of_text(kind, &text))
        };
        lines.map(|line| KINDS.into_iter().zip(line).map(cell).collect()).collect()
    });
}

#[test]
fn parquet() {
    check(Format::Parquet, |bytes| {
        let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
        let row = |row: Result<parquet::record::Row, _>| {
            let row = row.unwrap();
            let cell = |(number, kind): (usize, &ColumnKind)| {
                let text = |number| row.get_string(number).unwrap().clone();
                let (_, field) = row.get_column_iter().nth(number).unwrap();
                Some(match (kind, field) {
                    (_, Field::Null) => return None,
                    (ColumnKind::Integer, Field::Long(number)) => Value::Integer(*number),
                    (ColumnKind::Boolean, Field::Bool(value)) => Value::Boolean(*value),
                    (ColumnKind::Date, Field::Date(days)) => Value::Date(*days),
                    (ColumnKind::Datetime, Field::TimestampMicros(micros)) => Value::Datetime(Instant {
                        seconds: micros.div_euclid(1_000_000),
                        nanoseconds: i32::try_from(micros.rem_euclid(1_000_000)).unwrap() * 1_000,
                    }),
                    (ColumnKind::Decimal, Field::Decimal(decimal)) => {
                        let units = i128::from_be_bytes(decimal.data().try_into().unwrap());
                        Value::Decimal(format!("{units}e-{}", decimal.scale()).parse().unwrap())
                    }
                    (kind, Field::Str(_)) => of_text(*kind, &text(number)),
                    (kind, other) => panic!("{kind:?} {other:?}"),
                })
            };
            KINDS.iter().enumerate().map(cell).collect()
        };
        reader.get_row_iter(None).unwrap().map(row).collect()
    });
}

#[test]
fn what_parquet_cannot_keep_is_refused_and_nothing_of_the_row_is_added() {
    let mut encoder = encoder(Format::Parquet, &columns()).unwrap();
    let mut row: Vec<Cell> = vec![None; KINDS.len()];
    row[0] = Some(Value::Text("kept".into()));
    row[2] = Some(Value::Decimal("0.0000000000000000001".parse().unwrap()));
    let refused = encoder.row(&row).unwrap_err();
    assert!(matches!(refused, EncodeError::Unkept { number: 2, .. }), "{refused}");
    assert!(refused.to_string().starts_with("the value of `decimal` has more digits"), "{refused}");
    row[2] = None;
    encoder.row(&row).unwrap();
    encoder.finish().unwrap();
    let reader = SerializedFileReader::new(Bytes::from(encoder.take())).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 1);
}
