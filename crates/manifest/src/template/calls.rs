//! Calls of functions: those that the language adds to Jinja (the clock, dates, durations), and Jinja's own. The time
//! and randomness come from the context.

use super::evaluate::{Evaluation, Given};
use super::methods;
use super::value::{Evaluated, Fault, Value, fault, type_fault};
use crate::time::{self, DateTime, Fields, Period, strftime, strptime};

/// The functions that every template knows, and `self`: the template itself, which has nothing to ask for.
const FUNCTIONS: [&str; 16] = [
    "now_utc",
    "today_utc",
    "today_with_timezone",
    "timestamp",
    "str_to_datetime",
    "max",
    "min",
    "day_delta",
    "duration",
    "format_datetime",
    "sanitize_url",
    "camel_case_to_snake_case",
    "generate_uuid",
    "dict",
    "namespace",
    "self",
];

/// The format of `day_delta` where none is given.
const FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%f%z";

/// Whether there is a function of this name.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// What a function or a method gives.
pub(super) fn call<'a>(evaluation: &Evaluation<'a>, callee: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    match callee {
        Value::Method(object, name) => methods::call(evaluation, object, name, given),
        Value::Function(name) => function(evaluation, name, given),
        Value::Undefined(name) => Err(Value::missing(name)),
        other => type_fault(format!("calls a `{}`", other.kind())),
    }
}

fn function<'a>(evaluation: &Evaluation<'a>, name: &str, given: &Given<'a>) -> Evaluated<'a> {
    match name {
        "now_utc" => Ok(Value::DateTime(now(evaluation)?)),
        "today_utc" => today(now(evaluation)?),
        "today_with_timezone" => with_timezone(evaluation, text(given.required(0, "timezone")?)?),
        "timestamp" => timestamp(given.required(0, "dt")?),
        "str_to_datetime" => Ok(Value::DateTime(from_iso(given.required(0, "s")?)?)),
        "max" | "min" => extreme(evaluation, name == "max", given),
        "day_delta" => day_delta(now(evaluation)?, given),
        "duration" => Ok(Value::Period(Period::parse(text(given.required(0, "datestring")?)?)?)),
        "format_datetime" => format_datetime(given),
        "sanitize_url" => Ok(Value::text(quote_plus(text(given.required(0, "value")?)?))),
        "camel_case_to_snake_case" => Ok(Value::text(snake_case(text(given.required(0, "value")?)?))),
        "generate_uuid" => {
            let context = evaluation.scope.context();
            Ok(Value::text(uuid(context.next_random(), context.next_random())))
        }
        _ => {
            let mut members = given.positional.first().and_then(Value::members).unwrap_or_default();
            members.extend(given.named.iter().map(|(name, value)| (Value::text(name), value.clone())));
            Ok(Value::dict(members))
        }
    }
}

fn text<'v>(value: &'v Value<'_>) -> Result<&'v str, Fault> {
    methods::expect(value)
}

fn now(evaluation: &Evaluation<'_>) -> Result<DateTime, Fault> {
    match evaluation.scope.context().now() {
        Some(now) => Ok(DateTime::from_timestamp(now)),
        None => fault("asks for the time, which is not known here"),
    }
}

fn today<'a>(now: DateTime) -> Evaluated<'a> {
    let Fields { year, month, day, .. } = now.fields();
    Ok(Value::Date(DateTime::new(Fields::midnight(year, month, day), None)?))
}

fn with_timezone<'a>(evaluation: &Evaluation<'a>, zone: &str) -> Evaluated<'a> {
    let now = now(evaluation)?;
    let instant = jiff::Timestamp::from_microsecond(now.micros());
    match (jiff::tz::TimeZone::get(zone), instant) {
        (Ok(zone), Ok(instant)) => today(now.at_offset(zone.to_offset(instant).seconds())?),
        _ => fault("names a time zone that is not known"),
    }
}

/// The date of an ISO 8601 text, in UTC.
fn from_iso(value: &Value<'_>) -> Result<DateTime, Fault> {
    if let Value::Undefined(name) = value {
        return Err(Value::missing(name));
    }
    Ok(time::parse_iso(text(value)?)?.or_utc().at_offset(0)?)
}

fn timestamp<'a>(value: &Value<'a>) -> Evaluated<'a> {
    match value {
        Value::Float(number) => Ok(Value::Int(time::truncate(*number))),
        Value::Bool(_) | Value::Int(_) | Value::Big(_) => Ok(Value::big(value.integer().unwrap_or_default())),
        other => Ok(Value::Float(from_iso(other)?.timestamp())),
    }
}

/// The greatest or least argument, or item of the only one.
fn extreme<'a>(evaluation: &Evaluation<'a>, greatest: bool, given: &Given<'a>) -> Evaluated<'a> {
    let items = match given.positional.as_slice() {
        [one] => one.items(&evaluation.budget)?,
        several => several.to_vec(),
    };
    let mut items = items.into_iter();
    let Some(mut found) = items.next() else { return fault("asks for the greatest or least of nothing") };
    for item in items {
        let order = item.order(&found)?;
        let better = if greatest { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less };
        if order == Some(better) {
            found = item;
        }
    }
    Ok(found)
}

fn day_delta<'a>(now: DateTime, given: &Given<'a>) -> Evaluated<'a> {
    let day = 86_400_000_000_i64;
    let micros = match given.required(0, "num_days")? {
        Value::Float(days) => time::micros_of_float(days * 86_400.0),
        other => other.small().and_then(|days| days.checked_mul(day)),
    };
    let format = given.get(1, "format").map_or(Ok(FORMAT), text)?;
    match micros {
        Some(micros) => Ok(Value::text(strftime(&now.plus_micros(micros)?, format))),
        None => type_fault("counts days by what is no number"),
    }
}

fn format_datetime<'a>(given: &Given<'a>) -> Evaluated<'a> {
    let date = given.required(0, "dt")?;
    let format = text(given.required(1, "format")?)?;
    let input = match given.get(2, "input_format") {
        None | Some(Value::None) => None,
        Some(value) => Some(text(value)?).filter(|format| !format.is_empty()),
    };
    let date = match date {
        // As it is, `%s` included.
        Value::DateTime(date) => return Ok(Value::text(strftime(date, format))),
        Value::Int(number) => time::parse(&number.to_string(), input.unwrap_or("%s"))?,
        Value::Bool(truth) => time::parse(&i64::from(*truth).to_string(), input.unwrap_or("%s"))?,
        other => match input {
            Some(input) => strptime(text(other)?, input)?.or_utc(),
            None => from_iso(other)?,
        },
    };
    Ok(Value::text(time::format(&date, format)))
}

/// A text in a URL's query: blanks are `+`.
pub(super) fn quote_plus(text: &str) -> String {
    quoted(text, "_.-~ ").replace(' ', "+")
}

/// A text with everything percent-encoded but letters, digits and what is safe.
pub(super) fn quoted(text: &str, safe: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || (byte.is_ascii() && safe.contains(char::from(byte))) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn snake_case(text: &str) -> String {
    let mut out = String::new();
    for (at, letter) in text.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter);
    }
    out.to_lowercase()
}

fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xF000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let text = format!("{high:016x}{low:016x}");
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}
