//! Values of a Parquet file as JSON. Nothing is rounded: what has no form as it is, has a reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span};
use parquet::data_type::Decimal;
use parquet::record::{Field, Row};
use serde_json::Value;
use serde_json::value::RawValue;

use super::shape::{Kind, Shape, Unit};

/// The bytes of the largest decimal: 38 digits.
const DECIMAL: usize = 16;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// Appends a record; the error says why it is none.
pub(super) fn record(row: &Row, members: &[(String, Shape)], to: &mut Vec<u8>) -> Result<(), String> {
    to.push(b'{');
    for (at, ((name, shape), (_, field))) in members.iter().zip(row.get_column_iter()).enumerate() {
        if at > 0 {
            to.push(b',');
        }
        text(name, to);
        to.push(b':');
        value(field, shape, to).map_err(|why| format!("`{name}` {why}"))?;
    }
    to.push(b'}');
    Ok(())
}

fn value(field: &Field, shape: &Shape, to: &mut Vec<u8>) -> Result<(), String> {
    match (field, shape) {
        (Field::Null, _) => to.extend_from_slice(b"null"),
        (Field::Group(row), Shape::Group(members)) => record(row, members, to)?,
        (Field::ListInternal(list), Shape::List(element)) => {
            to.push(b'[');
            for (at, field) in list.elements().iter().enumerate() {
                if at > 0 {
                    to.push(b',');
                }
                value(field, element, to)?;
            }
            to.push(b']');
        }
        (Field::MapInternal(map), Shape::Map(key, of)) => pairs(map.entries(), (key, of), to)?,
        (field, Shape::Leaf(kind)) => leaf(field, *kind, to)?,
        _ => return Err("is not what the schema says".to_owned()),
    }
    Ok(())
}

/// A map as an object. A key that is no text is named by its JSON.
fn pairs(entries: &[(Field, Field)], (key, of): (&Shape, &Shape), to: &mut Vec<u8>) -> Result<(), String> {
    to.push(b'{');
    for (at, (name, field)) in entries.iter().enumerate() {
        if at > 0 {
            to.push(b',');
        }
        let mut written = Vec::new();
        value(name, key, &mut written)?;
        if written.first() == Some(&b'"') {
            to.extend_from_slice(&written);
        } else {
            text(&String::from_utf8_lossy(&written), to);
        }
        to.push(b':');
        value(field, of, to)?;
    }
    to.push(b'}');
    Ok(())
}

fn leaf(field: &Field, kind: Kind, to: &mut Vec<u8>) -> Result<(), String> {
    match kind {
        Kind::Plain => plain(field, to),
        Kind::Unsigned => {
            let number = match field {
                Field::Int(number) => u64::from(number.cast_unsigned()),
                Field::Long(number) => number.cast_unsigned(),
                _ => return plain(field, to),
            };
            to.extend_from_slice(number.to_string().as_bytes());
            Ok(())
        }
        Kind::Date => {
            let days = number(field)?;
            let span = Span::new().try_days(days).ok();
            let date = Date::new(1970, 1, 1).ok().and_then(|start| start.checked_add(span?).ok());
            said(date.ok_or_else(|| beyond(days))?.to_string(), to)
        }
        Kind::Time(unit) => {
            let count = number(field)?;
            let since = since(count, unit);
            let is_of_a_day = (0..DAY).contains(&since.as_secs());
            let time = is_of_a_day.then(|| Time::midnight().checked_add(since).ok()).flatten();
            said(time.ok_or_else(|| beyond(count))?.to_string(), to)
        }
        Kind::Timestamp { unit, is_utc } => {
            let count = number(field)?;
            said(moment(since(count, unit), is_utc).ok_or_else(|| beyond(count))?, to)
        }
        Kind::Text => said(text_of(field)?, to),
        Kind::Json => {
            let json = text_of(field)?;
            match serde_json::from_str::<&RawValue>(&json) {
                Ok(json) => to.extend_from_slice(json.get().as_bytes()),
                Err(_) => text(&json, to),
            }
            Ok(())
        }
        Kind::Uuid => match field {
            Field::Bytes(bytes) => {
                let uuid = uuid::Uuid::from_slice(bytes.data()).map_err(|_| "is no UUID".to_owned())?;
                said(uuid.to_string(), to)
            }
            _ => Err("is no UUID".to_owned()),
        },
    }
}

/// A value that says itself what it is.
fn plain(field: &Field, to: &mut Vec<u8>) -> Result<(), String> {
    let written = match field {
        Field::Bool(value) => value.to_string(),
        Field::Byte(number) => number.to_string(),
        Field::Short(number) => number.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::UByte(number) => number.to_string(),
        Field::UShort(number) => number.to_string(),
        Field::UInt(number) => number.to_string(),
        Field::ULong(number) => number.to_string(),
        Field::Float16(number) => return float(f64::from(*number), &number.to_string(), to),
        Field::Float(number) => return float(f64::from(*number), &number.to_string(), to),
        Field::Double(number) => return float(*number, &number.to_string(), to),
        Field::Decimal(decimal) => decimal_of(decimal)?,
        Field::Str(value) => return said(value.clone(), to),
        Field::Bytes(bytes) => return said(STANDARD.encode(bytes.data()), to),
        other => return Err(format!("is not what the schema says: {other}")),
    };
    to.extend_from_slice(written.as_bytes());
    Ok(())
}

/// A number with the digits that tell it from its neighbours. JSON has no word for infinity, and none for what is no
/// number: they are texts.
fn float(number: f64, shortest: &str, to: &mut Vec<u8>) -> Result<(), String> {
    if !number.is_finite() {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        return said(if number.is_nan() { "NaN".to_owned() } else { format!("{sign}Infinity") }, to);
    }
    to.extend_from_slice(shortest.as_bytes());
    Ok(())
}

/// All digits of a decimal.
fn decimal_of(decimal: &Decimal) -> Result<String, String> {
    let bytes = decimal.data();
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let filler = if is_negative { 0xff } else { 0 };
    let surplus = bytes.len().saturating_sub(DECIMAL);
    let (head, tail) = bytes.split_at(surplus);
    let mut whole = [filler; DECIMAL];
    whole[DECIMAL - tail.len()..].copy_from_slice(tail);
    let number = i128::from_be_bytes(whole);
    if head.iter().any(|byte| *byte != filler) || (number < 0) != is_negative {
        return Err("is a decimal of more than 38 digits, which is not read".to_owned());
    }
    let scale =
        usize::try_from(decimal.scale()).map_err(|_| "is a decimal with a negative scale".to_owned())?;
    let sign = if is_negative { "-" } else { "" };
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (before, after) = digits.split_at(digits.len() - scale);
    Ok(if scale == 0 { format!("{sign}{before}") } else { format!("{sign}{before}.{after}") })
}

/// The number that a date or a time is kept as.
fn number(field: &Field) -> Result<i64, String> {
    match field {
        Field::Int(number) | Field::Date(number) | Field::TimeMillis(number) => Ok(i64::from(*number)),
        Field::Long(number)
        | Field::TimeMicros(number)
        | Field::TimestampMillis(number)
        | Field::TimestampMicros(number) => Ok(*number),
        other => Err(format!("is not what the schema says: {other}")),
    }
}

fn text_of(field: &Field) -> Result<String, String> {
    match field {
        Field::Str(text) => Ok(text.clone()),
        Field::Bytes(bytes) => bytes.as_utf8().map(str::to_owned).map_err(|_| "is not UTF-8".to_owned()),
        other => Err(format!("is not what the schema says: {other}")),
    }
}

fn since(count: i64, unit: Unit) -> SignedDuration {
    let per_second = unit.per_second();
    let rest = count.rem_euclid(per_second) * (1_000_000_000 / per_second);
    SignedDuration::from_secs(count.div_euclid(per_second)) + SignedDuration::from_nanos(rest)
}

/// A moment in UTC says so; by a clock without a zone it does not. Years go to 9999, whose last day instants of the time library
/// do not have.
fn moment(since: SignedDuration, is_utc: bool) -> Option<String> {
    let shown = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since).ok()?;
    Some(if is_utc { format!("{shown}Z") } else { shown.to_string() })
}

fn beyond(count: i64) -> String {
    format!("holds {count}, which is beyond the days or the hours that a date or a time may have")
}

#[expect(clippy::unnecessary_wraps, reason = "it ends the arms of functions that can fail")]
fn said(said: impl AsRef<str>, to: &mut Vec<u8>) -> Result<(), String> {
    text(said.as_ref(), to);
    Ok(())
}

fn text(text: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(Value::from(text).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_to_the_last_day_of_9999() {
        let at = |millis, is_utc| moment(since(millis, Unit::Millis), is_utc);
        for (millis, expected) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (-1, Some("1969-12-31T23:59:59.999Z")),
            (253_402_214_400_000, Some("9999-12-31T00:00:00Z")),
            (253_402_300_799_999, Some("9999-12-31T23:59:59.999Z")),
            (253_402_300_800_000, None),
        ] {
            assert_eq!(at(millis, true).as_deref(), expected);
            assert_eq!(at(millis, false).as_deref(), expected.map(|utc| utc.trim_end_matches('Z')));
        }
    }
}
