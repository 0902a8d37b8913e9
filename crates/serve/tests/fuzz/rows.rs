//! Rows: any bytes are a row or are not, and a patch on a row gives a row.

use raccord_model::row::{NotARow, apply_patch, begin, fields, push};
use raccord_model::value::{Instant, Value};

use crate::harness::{Target, fuzz, outcome};

/// A row with a field of each type, and what stands before it in the input: its length.
fn sample() -> Vec<u8> {
    let mut row = Vec::new();
    begin(&mut row);
    let values = [
        Value::Text("é".into()),
        Value::Integer(i64::MIN),
        Value::Decimal("-12.50".parse().unwrap()),
        Value::Boolean(true),
        Value::Date(-719_528),
        Value::Datetime(Instant { seconds: 1_700_000_000, nanoseconds: 1 }),
        Value::Choices(vec!["a".into(), "b".into()]),
        Value::Json("{\"a\":[1]}".into()),
    ];
    for (id, value) in (1..).zip(&values) {
        push(&mut row, id, Some(value));
    }
    push(&mut row, 4_000_000_000, None);
    row
}

/// Reads every field; how many there are, and which have a value.
fn read(row: &[u8]) -> Result<Vec<bool>, NotARow> {
    let mut found = Vec::new();
    for field in fields(row)? {
        let value = field?.value()?;
        if let Some(value) = &value {
            assert!(value.to_text().len() <= row.len() * 8 + 64);
            drop(value.to_json());
        }
        found.push(value.is_some());
    }
    Ok(found)
}

/// The first byte tells where the row ends and the patch begins.
fn check(bytes: &[u8]) -> u64 {
    let (first, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    let (base, patch) = rest.split_at(first.min(rest.len()));
    let (base_read, patch_read) = (read(base), read(patch));
    let mut out = Vec::new();
    let applied = apply_patch(base, patch, &mut out);
    if base_read.is_ok() && patch_read.is_ok() {
        assert!(applied.is_ok(), "two rows that can be read do not fit together");
        let mut again = Vec::new();
        assert!(apply_patch(base, patch, &mut again).is_ok() && again == out);
    }
    // How many fields and how many values each has; more than a few are alike.
    let summary = |read: Result<Vec<bool>, NotARow>| {
        read.ok().map(|found| (found.len().min(12), found.iter().filter(|found| **found).count().min(12)))
    };
    outcome((summary(base_read), summary(patch_read), applied.is_ok()))
}

#[test]
fn rows() {
    let row = sample();
    let length = u8::try_from(row.len()).unwrap();
    let samples = vec![[&[length][..], &row, &row].concat(), [&[1][..], &[1], &row].concat()];
    fuzz(Target { name: "rows", samples, words: &["\0", "\u{1}", "\u{7f}"] }, || check);
}
