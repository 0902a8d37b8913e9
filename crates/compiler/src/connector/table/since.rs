//! The value of a cursor as a column is compared with it. Instants lose the part of a second: a column may hold less of it,
//! and a reader of whole seconds that reads the last one again misses nothing.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use raccord_model::checkpoint::Cursor;
use raccord_model::language::connector::http::CursorFormat;

use super::dialect::Dialect;
use super::place::Value;
use super::shape::Sort;
use crate::connector::cursor::FieldCursor;

/// The Julian day of 1970-01-01.
const JULIAN: i64 = 2_440_588;

/// The value from which on rows are wanted; none where a column of this sort cannot be compared with it.
pub(super) fn value(dialect: Dialect, field: &FieldCursor, sort: Sort, from: &Cursor) -> Option<Value> {
    match (from, field.format) {
        (Cursor::Integer(number), _) => Some(Value::Integer(*number)),
        (Cursor::Text(text), _) => Some(Value::Text(text.clone())),
        (Cursor::Token(_), _) => None,
        (Cursor::Instant(seconds, _), CursorFormat::Unix) => Some(Value::Integer(*seconds)),
        (Cursor::Instant(seconds, _), CursorFormat::UnixMillis) => {
            Some(Value::Integer(seconds.saturating_mul(1_000)))
        }
        (Cursor::Instant(seconds, _), CursorFormat::Date) => {
            let text = civil(dialect, *seconds, TimeZone::UTC)?;
            text.split(' ').next().map(|day| Value::Text(day.to_owned()))
        }
        (Cursor::Instant(seconds, _), _) => {
            let zone = match sort {
                Sort::Zoned => TimeZone::UTC,
                _ => field.zone.clone().unwrap_or(TimeZone::UTC),
            };
            let mut text = civil(dialect, *seconds, zone)?;
            if dialect == Dialect::Sqlite {
                // A text that names its offset is compared in UTC, and one that does not as it stands.
                text = text.min(civil(dialect, *seconds, TimeZone::UTC)?);
            }
            let end = match (dialect, sort) {
                (Dialect::Postgres, Sort::Zoned) => "+00",
                (Dialect::Sqlite, _) => ".000",
                _ => "",
            };
            Some(Value::Text(text + end))
        }
    }
}

/// A date and a time. PostgreSQL reads no ISO 8601 of years before the first, but any day that it has by its Julian number.
fn civil(dialect: Dialect, seconds: i64, zone: TimeZone) -> Option<String> {
    let shown = Timestamp::new(seconds, 0).ok()?.to_zoned_datetime(zone).datetime();
    if dialect == Dialect::Postgres && shown.year() < 1 {
        let days = shown.date().duration_since(date(1970, 1, 1)).as_hours() / 24;
        return Some(format!("J{} {}", (days + JULIAN).max(0), shown.time()));
    }
    Some(format!("{} {}", shown.date(), shown.time()))
}
