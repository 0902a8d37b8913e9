//! The attributes and methods of dates and durations.

use super::super::evaluate::Given;
use super::super::value::{Evaluated, Value, fault, type_fault};
use super::super::write::{day_text, iso_text};
use super::{number_at, text_at};
use crate::time::{DateTime, Fields, float_of_micros, strftime, strptime};

/// The methods of a date with a time.
pub(super) const METHODS: [&str; 12] = [
    "strftime",
    "isoformat",
    "timestamp",
    "date",
    "weekday",
    "isoweekday",
    "replace",
    "astimezone",
    "strptime",
    "utcoffset",
    "toordinal",
    "tzname",
];
/// The methods of a day.
pub(super) const DAY: [&str; 6] = ["strftime", "isoformat", "weekday", "isoweekday", "replace", "toordinal"];

const MICROS_A_DAY: i64 = 86_400_000_000;

pub(super) fn property<'a>(object: &Value<'a>, name: &str) -> Option<Value<'a>> {
    let (Value::DateTime(date) | Value::Date(date)) = object else {
        let Value::Period(period) = object else { return None };
        let rest = period.rest();
        return match name {
            "days" => Some(Value::Int(rest.div_euclid(MICROS_A_DAY))),
            "seconds" => Some(Value::Int(rest.rem_euclid(MICROS_A_DAY) / 1_000_000)),
            "microseconds" => Some(Value::Int(rest.rem_euclid(1_000_000))),
            _ => None,
        };
    };
    let fields = date.fields();
    let timed = matches!(object, Value::DateTime(_));
    Some(Value::Int(match name {
        "year" => fields.year,
        "month" => fields.month,
        "day" => fields.day,
        "hour" if timed => fields.hour,
        "minute" if timed => fields.minute,
        "second" if timed => fields.second,
        "microsecond" if timed => fields.microsecond,
        _ => return None,
    }))
}

pub(super) fn call<'a>(object: &Value<'a>, name: &str, given: &Given<'a>) -> Evaluated<'a> {
    let (Value::DateTime(date) | Value::Date(date)) = object else {
        let Value::Period(period) = object else { return fault("calls a method that is not known here") };
        return Ok(Value::Float(float_of_micros(period.rest())));
    };
    let fields = date.fields();
    match name {
        "strftime" => Ok(Value::text(strftime(date, text_at(given, 0, "format")?))),
        "isoformat" if matches!(object, Value::Date(_)) => Ok(Value::text(day_text(date))),
        "isoformat" => {
            let between =
                given.get(0, "sep").map(Value::to_text).and_then(|text| text.chars().next()).unwrap_or('T');
            Ok(Value::text(iso_text(date, between)))
        }
        "timestamp" => Ok(Value::Float(date.timestamp())),
        "date" => {
            Ok(Value::Date(DateTime::new(Fields::midnight(fields.year, fields.month, fields.day), None)?))
        }
        "weekday" => Ok(Value::Int(fields.weekday())),
        "isoweekday" => Ok(Value::Int(fields.weekday() + 1)),
        "toordinal" => Ok(Value::Int(date.with_offset(None).micros().div_euclid(MICROS_A_DAY) + 719_163)),
        "replace" => replaced(object, *date, fields, given),
        "strptime" => {
            Ok(Value::DateTime(strptime(text_at(given, 0, "date_string")?, text_at(given, 1, "format")?)?))
        }
        "tzname" => Ok(Value::text(strftime(date, "%Z"))),
        "utcoffset" => Ok(date.offset().map_or(Value::None, |offset| {
            Value::Period(crate::time::Period::from_micros(i64::from(offset) * 1_000_000))
        })),
        _ if given.positional.is_empty() => Ok(Value::DateTime(date.or_utc().at_offset(0)?)),
        _ => fault("calls `astimezone` with a time zone, which is not known here"),
    }
}

fn replaced<'a>(object: &Value<'a>, date: DateTime, mut fields: Fields, given: &Given<'a>) -> Evaluated<'a> {
    let mut offset = date.offset();
    let members = [
        ("year", &mut fields.year),
        ("month", &mut fields.month),
        ("day", &mut fields.day),
        ("hour", &mut fields.hour),
        ("minute", &mut fields.minute),
        ("second", &mut fields.second),
        ("microsecond", &mut fields.microsecond),
    ];
    for (at, (name, field)) in members.into_iter().enumerate() {
        *field = number_at(given, at, name)?.unwrap_or(*field);
    }
    match given.get(7, "tzinfo") {
        None => {}
        Some(Value::None) => offset = None,
        Some(_) => return type_fault("replaces the time zone of a date"),
    }
    let date = DateTime::new(fields, offset)?;
    Ok(if matches!(object, Value::Date(_)) { Value::Date(date) } else { Value::DateTime(date) })
}
