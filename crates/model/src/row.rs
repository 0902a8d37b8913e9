//! The bytes of a row and of its key: our own, versioned, and canonical, so that equality is on bytes.
//!
//! A row is a version byte and then its fields in ascending order of their ids, each as id, type tag and
//! payload. A *patch* has the same form and may also hold empties. A key is a sequence of parts whose bytes
//! compare like the values do. Field ids are allotted by the state and never reused.

use std::borrow::Cow;

use crate::decimal::Decimal;
use crate::value::{Instant, Value};

/// The id of a field of an entity, for ever.
pub type FieldId = u32;

/// The longest key, in bytes as it is kept: a text takes three more than it has.
pub const MAX_KEY: usize = 1024;

/// The first byte of every row.
const VERSION: u8 = 1;

/// Bytes that are not a row of a version we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a row")]
pub struct NotARow;

mod tag {
    pub(super) const EMPTY: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const DECIMAL: u8 = 3;
    pub(super) const FALSE: u8 = 4;
    pub(super) const TRUE: u8 = 5;
    pub(super) const DATE: u8 = 6;
    pub(super) const DATETIME: u8 = 7;
    pub(super) const CHOICES: u8 = 8;
    pub(super) const JSON: u8 = 9;
}

/// Begins a row at the end of a buffer.
pub fn begin(out: &mut Vec<u8>) {
    out.push(VERSION);
}

/// Adds a field to the row at the end of a buffer. Ids must ascend; `None` is an explicit empty.
pub fn push(out: &mut Vec<u8>, id: FieldId, value: Option<&Value<'_>>) {
    write_varint(out, u64::from(id));
    let Some(value) = value else {
        out.push(tag::EMPTY);
        return;
    };
    match value {
        Value::Text(text) => write_tagged(out, tag::TEXT, text),
        Value::Integer(number) => {
            out.push(tag::INTEGER);
            write_varint(out, zigzag(*number));
        }
        Value::Decimal(decimal) => write_tagged(out, tag::DECIMAL, decimal.as_str()),
        Value::Boolean(value) => out.push(if *value { tag::TRUE } else { tag::FALSE }),
        Value::Date(days) => {
            out.push(tag::DATE);
            write_varint(out, zigzag(i64::from(*days)));
        }
        Value::Datetime(instant) => {
            out.push(tag::DATETIME);
            write_varint(out, zigzag(instant.seconds));
            write_varint(out, u64::try_from(instant.nanoseconds).unwrap_or(0));
        }
        Value::Choices(choices) => {
            out.push(tag::CHOICES);
            write_varint(out, length(choices.len()));
            for choice in choices {
                write_bytes(out, choice);
            }
        }
        Value::Json(text) => write_tagged(out, tag::JSON, text),
    }
}

/// One field of a row, still as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawField<'a> {
    /// Which field.
    pub id: FieldId,
    /// Id, tag and payload together, as they stand in the row.
    whole: &'a [u8],
    /// Tag and payload.
    tagged: &'a [u8],
}

impl<'a> RawField<'a> {
    /// Writes the field at the end of a row or a patch.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.whole);
    }

    /// Whether it is an explicit empty.
    pub fn is_empty(&self) -> bool {
        self.tagged.first() == Some(&tag::EMPTY)
    }

    /// Tag and payload: one byte form for one value, fit for an index.
    pub const fn bytes(&self) -> &'a [u8] {
        self.tagged
    }

    /// The instant; `None` of a value of another type.
    pub fn instant(&self) -> Result<Option<Instant>, NotARow> {
        Ok(match self.tagged.first() {
            Some(&tag::DATETIME) => match self.value()? {
                Some(Value::Datetime(instant)) => Some(instant),
                _ => None,
            },
            _ => None,
        })
    }

    /// The value; `None` for an explicit empty.
    pub fn value(&self) -> Result<Option<Value<'a>>, NotARow> {
        tagged_value(self.tagged)
    }
}

/// The value of the [`bytes`](RawField::bytes) of a field; `None` for an explicit empty.
pub fn tagged_value(tagged: &[u8]) -> Result<Option<Value<'_>>, NotARow> {
    let mut at = Reader(tagged);
    let tag = at.byte()?;
    Ok(Some(match tag {
        tag::EMPTY => return Ok(None),
        tag::TEXT => Value::Text(Cow::Borrowed(at.text()?)),
        tag::INTEGER => Value::Integer(unzigzag(at.varint()?)),
        tag::DECIMAL => Value::Decimal(Decimal::from_canonical(at.text()?.to_owned())),
        tag::FALSE => Value::Boolean(false),
        tag::TRUE => Value::Boolean(true),
        tag::DATE => Value::Date(i32::try_from(unzigzag(at.varint()?)).map_err(|_| NotARow)?),
        tag::DATETIME => Value::Datetime(Instant {
            seconds: unzigzag(at.varint()?),
            nanoseconds: i32::try_from(at.varint()?).map_err(|_| NotARow)?,
        }),
        tag::CHOICES => {
            let count = at.varint()?;
            Value::Choices((0..count).map(|_| at.text().map(Cow::Borrowed)).collect::<Result<_, _>>()?)
        }
        tag::JSON => Value::Json(Cow::Borrowed(at.text()?)),
        _ => return Err(NotARow),
    }))
}

/// The fields of a row, in ascending order of their ids.
pub fn fields(row: &[u8]) -> Result<Fields<'_>, NotARow> {
    match row.split_first() {
        Some((&VERSION, rest)) => Ok(Fields(rest)),
        _ => Err(NotARow),
    }
}

/// Iterates over the fields of a row.
#[derive(Debug, Clone)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<RawField<'a>, NotARow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let start = self.0;
        let mut at = Reader(start);
        let mut field = || -> Result<RawField<'a>, NotARow> {
            let id = FieldId::try_from(at.varint()?).map_err(|_| NotARow)?;
            let tagged = at.0;
            at.skip_value()?;
            let end = start.len() - at.0.len();
            let tag_at = start.len() - tagged.len();
            Ok(RawField { id, whole: &start[..end], tagged: &start[tag_at..end] })
        };
        let field = field();
        self.0 = if field.is_ok() { at.0 } else { &[] };
        Some(field)
    }
}

/// Writes into `out` what `base` becomes under `patch`: patched fields take the patch's value, an explicit
/// empty removes the field, all others stay.
pub fn apply_patch(base: &[u8], patch: &[u8], out: &mut Vec<u8>) -> Result<(), NotARow> {
    begin(out);
    // Most rows take about as much as the larger of the two.
    out.reserve(base.len().max(patch.len()));
    let mut old = fields(base)?;
    let mut kept = old.next().transpose()?;
    for new in fields(patch)? {
        let new = new?;
        while let Some(field) = kept.filter(|field| field.id < new.id) {
            out.extend_from_slice(field.whole);
            kept = old.next().transpose()?;
        }
        if kept.is_some_and(|field| field.id == new.id) {
            kept = old.next().transpose()?;
        }
        if !new.is_empty() {
            out.extend_from_slice(new.whole);
        }
    }
    while let Some(field) = kept {
        out.extend_from_slice(field.whole);
        kept = old.next().transpose()?;
    }
    Ok(())
}

/// The row that has no field.
pub const fn empty_row() -> &'static [u8] {
    &[VERSION]
}

/// Adds a part to a key; its bytes compare like the values do. Decimals, choices and JSON cannot be part of one.
pub fn push_key(out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), NotAKey> {
    match value {
        Value::Text(text) => {
            out.push(tag::TEXT);
            // A zero is escaped, so that the terminator is smaller than anything that may follow.
            for (at, part) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
                if at > 0 {
                    out.extend_from_slice(&[0, 0xFF]);
                }
                out.extend_from_slice(part);
            }
            out.extend_from_slice(&[0, 0]);
        }
        Value::Integer(number) => push_ordered(out, tag::INTEGER, *number),
        Value::Boolean(value) => out.push(if *value { tag::TRUE } else { tag::FALSE }),
        Value::Date(days) => push_ordered(out, tag::DATE, i64::from(*days)),
        Value::Datetime(instant) => {
            push_ordered(out, tag::DATETIME, instant.seconds);
            out.extend_from_slice(&instant.nanoseconds.to_be_bytes());
        }
        Value::Decimal(_) | Value::Choices(_) | Value::Json(_) => return Err(NotAKey::Type),
    }
    if out.len() > MAX_KEY { Err(NotAKey::TooLong(out.len())) } else { Ok(()) }
}

/// The values of a key, in order. They are what [`push_key`] was given.
pub fn key_values(key: &[u8]) -> Result<Vec<Value<'static>>, NotARow> {
    let mut at = Reader(key);
    let mut values = Vec::with_capacity(1);
    while !at.0.is_empty() {
        values.push(match at.byte()? {
            tag::TEXT => Value::Text(at.key_text()?.into()),
            tag::INTEGER => Value::Integer(at.ordered()?),
            tag::FALSE => Value::Boolean(false),
            tag::TRUE => Value::Boolean(true),
            tag::DATE => Value::Date(i32::try_from(at.ordered()?).map_err(|_| NotARow)?),
            tag::DATETIME => {
                let seconds = at.ordered()?;
                Value::Datetime(Instant { seconds, nanoseconds: i32::from_be_bytes(at.sized()?) })
            }
            _ => return Err(NotARow),
        });
    }
    Ok(values)
}

/// Why values are not a key; completes the sentence "the key …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// A type without a useful order.
    #[error("has a type that cannot be a key")]
    Type,
    /// So many bytes as far as it was written, more than [`MAX_KEY`].
    #[error("takes {0} bytes, and {MAX_KEY} is the most; a text takes 3 more than it has in UTF-8")]
    TooLong(usize),
}

fn push_ordered(out: &mut Vec<u8>, tag: u8, number: i64) {
    out.push(tag);
    // With the sign bit turned over, big-endian bytes compare like signed numbers.
    out.extend_from_slice(&(number ^ i64::MIN).to_be_bytes());
}

fn length(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn write_tagged(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    write_bytes(out, text);
}

fn write_bytes(out: &mut Vec<u8>, text: &str) {
    write_varint(out, length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7F);
            return;
        }
        out.push(low | 0x80);
    }
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Reads from the front of a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, NotARow> {
        let (&first, rest) = self.0.split_first().ok_or(NotARow)?;
        self.0 = rest;
        Ok(first)
    }

    fn varint(&mut self) -> Result<u64, NotARow> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(NotARow)
    }

    fn bytes(&mut self) -> Result<&'a [u8], NotARow> {
        let len = usize::try_from(self.varint()?).map_err(|_| NotARow)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(NotARow)?;
        self.0 = rest;
        Ok(taken)
    }

    fn sized<const N: usize>(&mut self) -> Result<[u8; N], NotARow> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(NotARow)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A number as a key holds it.
    fn ordered(&mut self) -> Result<i64, NotARow> {
        Ok(i64::from_be_bytes(self.sized()?) ^ i64::MIN)
    }

    /// A text as a key holds it, up to its terminator.
    fn key_text(&mut self) -> Result<String, NotARow> {
        let mut text = Vec::new();
        loop {
            match (self.byte()?, self.0) {
                (0, [0, ..]) => break,
                (0, _) => text.push(0),
                (byte, _) => {
                    text.push(byte);
                    continue;
                }
            }
            // The second byte of an escaped zero.
            self.byte()?;
        }
        self.byte()?;
        String::from_utf8(text).map_err(|_| NotARow)
    }

    fn text(&mut self) -> Result<&'a str, NotARow> {
        std::str::from_utf8(self.bytes()?).map_err(|_| NotARow)
    }

    fn skip_value(&mut self) -> Result<(), NotARow> {
        match self.byte()? {
            tag::EMPTY | tag::FALSE | tag::TRUE => {}
            tag::TEXT | tag::DECIMAL | tag::JSON => {
                self.bytes()?;
            }
            tag::INTEGER | tag::DATE => {
                self.varint()?;
            }
            tag::DATETIME => {
                self.varint()?;
                self.varint()?;
            }
            tag::CHOICES => {
                for _ in 0..self.varint()? {
                    self.bytes()?;
                }
            }
            _ => return Err(NotARow),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![
            ".*".prop_map(|text| Value::Text(text.into())),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            any::<i32>().prop_map(Value::Date),
            (any::<i64>(), 0..1_000_000_000i32)
                .prop_map(|(seconds, nanoseconds)| Value::Datetime(Instant { seconds, nanoseconds })),
            proptest::collection::vec(".*", 0..4)
                .prop_map(|list| Value::Choices(list.into_iter().map(Cow::Owned).collect())),
            "-?[1-9][0-9]{0,20}\\.[0-9]{0,5}[1-9]".prop_map(|text| Value::Decimal(text.parse().unwrap())),
        ]
    }

    fn row_of(values: &[(FieldId, Option<Value<'static>>)]) -> Vec<u8> {
        let mut out = Vec::new();
        begin(&mut out);
        for (id, value) in values {
            push(&mut out, *id, value.as_ref());
        }
        out
    }

    #[test]
    fn a_key_of_one_text_holds_three_bytes_less() {
        let text = |bytes: usize| Value::Text("x".repeat(bytes).into());
        assert_eq!(push_key(&mut Vec::new(), &text(MAX_KEY - 3)), Ok(()));
        let longer = push_key(&mut Vec::new(), &text(MAX_KEY - 2));
        assert_eq!(longer, Err(NotAKey::TooLong(MAX_KEY + 1)));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(values in proptest::collection::btree_map(0..50u32, proptest::option::of(value()), 0..10)) {
            let values: Vec<_> = values.into_iter().collect();
            let row = row_of(&values);
            let read: Vec<_> = fields(&row).unwrap().map(|field| { let field = field.unwrap(); (field.id, field.value().unwrap()) }).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(fields) = fields(&bytes) {
                for field in fields.flatten() { drop(field.value()); }
            }
            let mut out = Vec::new();
            let _ = apply_patch(empty_row(), &bytes, &mut out);
        }

        #[test]
        fn keys_compare_like_integers(a in any::<i64>(), b in any::<i64>()) {
            let key = |n| { let mut out = Vec::new(); push_key(&mut out, &Value::Integer(n)).unwrap(); out };
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn keys_compare_like_texts(a in "[\\x00-\\x05a-c]{0,6}", b in "[\\x00-\\x05a-c]{0,6}") {
            let key = |t: &str| { let mut out = Vec::new(); push_key(&mut out, &Value::Text(t.to_owned().into())).unwrap(); out };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn a_key_holds_its_values(values in proptest::collection::vec(value(), 0..4)) {
            let mut key = Vec::new();
            let values: Vec<_> = values.into_iter().filter(|value| push_key(&mut key, value).is_ok()).collect();
            prop_assert_eq!(key_values(&key).unwrap(), values);
        }

        #[test]
        fn a_patch_wins_and_the_rest_stays(base in proptest::collection::btree_map(0..20u32, value(), 0..8),
                                           patch in proptest::collection::btree_map(0..20u32, proptest::option::of(value()), 0..8)) {
            let mut expected = base.clone();
            for (id, value) in &patch {
                match value { Some(value) => { expected.insert(*id, value.clone()); } None => { expected.remove(id); } }
            }
            let base = row_of(&base.into_iter().map(|(id, v)| (id, Some(v))).collect::<Vec<_>>());
            let patch = row_of(&patch.into_iter().collect::<Vec<_>>());
            let mut out = Vec::new();
            apply_patch(&base, &patch, &mut out).unwrap();
            prop_assert_eq!(out, row_of(&expected.into_iter().map(|(id, v)| (id, Some(v))).collect::<Vec<_>>()));
        }
    }
}
