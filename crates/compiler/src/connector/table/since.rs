//! The value of a cursor as a column is compared with it. Instants lose the part of a second: a column may hold less of it,
//! and a reader of whole seconds that reads the last one again misses nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raccord_model::checkpoint::Cursor;
use raccord_model::language::connector::http::CursorFormat;

use super::dialect::Dialect;
use super::place::Value;
use super::shape::Sort;
use crate::connector::cursor::FieldCursor;

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
            civil(*seconds, TimeZone::UTC).map(|text| text.chars().take(10).collect()).map(Value::Text)
        }
        (Cursor::Instant(seconds, _), _) => {
            let zone = match sort {
                Sort::Zoned => TimeZone::UTC,
                _ => field.zone.clone().unwrap_or(TimeZone::UTC),
            };
            let text = civil(*seconds, zone)?;
            let end = match (dialect, sort) {
                (Dialect::Postgres, Sort::Zoned) => "+00",
                (Dialect::Sqlite, _) => ".000",
                _ => "",
            };
            Some(Value::Text(text + end))
        }
    }
}

fn civil(seconds: i64, zone: TimeZone) -> Option<String> {
    let shown = Timestamp::new(seconds, 0).ok()?.to_zoned_datetime(zone).datetime();
    Some(format!("{} {}", shown.date(), shown.time()))
}
