//! The filters of expressions that read, round and gather numbers, exactly.
//!
//! `decimal` and `instant` are ours; the others do what they do in the engine, and take its place where it would go
//! through 64-bit floats or compare texts letter by letter.

use std::cmp::Ordering;

use minijinja::value::{ArgType, Kwargs, Rest, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, State, Value, filters, tests};
use raccord_model::decimal::{Decimal, Rounding};
use raccord_model::value::{Instant, Moment};

use super::exact::{Operand, Operator, apply, compare, number_text, value_of, wrong};
use super::json::to_json;

/// Gives an environment the filters, and the tests that must know what a number is.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("decimal", decimal);
    environment.add_filter("instant", instant);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("abs", abs);
    environment.add_filter("round", round);
    environment.add_filter("sum", sum);
    environment.add_filter("min", min);
    environment.add_filter("max", max);
    environment.add_filter("tojson", |value: &Value| to_json(value));
    environment.add_test("number", |value: &Value| number_text(value).is_some() || tests::is_number(value));
}

/// The filters after which a value is a number.
pub(super) const TO_NUMBER: [&str; 8] =
    ["decimal", "int", "float", "abs", "round", "sum", "length", "instant"];

/// The filters after which a value is a text.
pub(super) const TO_TEXT: [&str; 11] = [
    "string",
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "replace",
    "join",
    "format",
    "escape",
    "tojson",
];

/// The text of a number as that number, exactly; a number as it is; nothing of nothing.
fn decimal(value: Value, default: Option<Value>) -> Result<Value, Error> {
    match Operand::of(&value) {
        Operand::Whole(_) | Operand::Decimal(_) => Ok(value),
        Operand::Nothing => Ok(default.unwrap_or(value)),
        Operand::Text => match value.as_str().unwrap_or_default().parse::<Decimal>() {
            Ok(number) => Ok(value_of(number)),
            Err(error) => default.ok_or_else(|| wrong(format!("`decimal`: the text {error}"))),
        },
        Operand::Other => Err(wrong("`decimal` takes the text of a number")),
    }
}

/// A date, or a date and time, as the seconds since 1970, so that two of them compare. One without a zone is taken
/// as in UTC.
fn instant(value: Value) -> Result<Value, Error> {
    let not_a_date = || wrong("`instant`: the value is not a date or instant in ISO 8601");
    if matches!(Operand::of(&value), Operand::Nothing) {
        return Ok(value);
    }
    let utc = |shown| Instant::at(shown, jiff::tz::Offset::UTC);
    let instant = match Moment::parse(value.as_str().ok_or_else(not_a_date)?).map_err(|_| not_a_date())? {
        Moment::Instant(instant) => Some(instant),
        Moment::Local(shown) => utc(shown),
        Moment::Day(date) => utc(date.to_datetime(jiff::civil::Time::midnight())),
    };
    let instant = instant.ok_or_else(not_a_date)?;
    let whole = Decimal::from_integer(i128::from(instant.seconds));
    let fraction = format!("0.{:09}", instant.nanoseconds).parse().map_err(|_| not_a_date())?;
    whole.plus(&fraction).map(value_of).map_err(|_| not_a_date())
}

/// The part before the point; nothing of nothing.
fn int(value: Value, others: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let others = others.into_values();
    let (default, base, kwargs): (Option<Value>, Option<u32>, Kwargs) = from_args(&others)?;
    let default = named(default, "default", &kwargs)?;
    let base = named(base, "base", &kwargs)?;
    kwargs.assert_all_used()?;
    match Operand::of(&value) {
        Operand::Whole(_) => Ok(value),
        Operand::Decimal(number) => Ok(value_of(number.whole())),
        Operand::Nothing => Ok(default.unwrap_or(value)),
        Operand::Text => {
            let text = value.as_str().unwrap_or_default();
            let read = match base {
                Some(base) => in_base(text, base).map(Value::from),
                None => text.parse::<Decimal>().ok().map(|number| value_of(number.whole())),
            };
            read.or(default).ok_or_else(|| unreadable("int", text))
        }
        Operand::Other if value.kind() == ValueKind::Bool => Ok(Value::from(i64::from(value.is_true()))),
        Operand::Other => default.ok_or_else(|| wrong("`int` takes a number, the text of one or a boolean")),
    }
}

/// As a 64-bit float; nothing of nothing.
fn float(value: Value, others: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let others = others.into_values();
    let (default, kwargs): (Option<Value>, Kwargs) = from_args(&others)?;
    let default = named(default, "default", &kwargs)?;
    kwargs.assert_all_used()?;
    let of_text = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
    match Operand::of(&value) {
        Operand::Whole(_) => Ok(Value::from(f64::try_from(value)?)),
        Operand::Decimal(number) => of_text(number.as_str()).ok_or_else(|| wrong("`float` takes a number")),
        Operand::Nothing => Ok(default.unwrap_or(value)),
        Operand::Text => {
            let text = value.as_str().unwrap_or_default();
            of_text(text).or(default).ok_or_else(|| unreadable("float", text))
        }
        Operand::Other if value.kind() == ValueKind::Bool => Ok(Value::from(f64::from(value.is_true()))),
        Operand::Other => {
            default.ok_or_else(|| wrong("`float` takes a number, the text of one or a boolean"))
        }
    }
}

/// An argument that stands in its order or by its name.
fn named<'k, T: ArgType<'k, Output = T>>(
    given: Option<T>,
    name: &'k str,
    kwargs: &'k Kwargs,
) -> Result<Option<T>, Error> {
    given.map_or_else(|| kwargs.get::<Option<T>>(name), |given| Ok(Some(given)))
}

/// A text that is no number. It is not repeated: it may be long, or what a mapping drops.
fn unreadable(filter: &str, text: &str) -> Error {
    let what = if text.is_empty() { "an empty text" } else { "the text" };
    wrong(format!("`{filter}`: {what} is not a number; `{filter}(0)` gives a default"))
}

/// A whole number in another notation, whose prefix may stand before it: `0x1f` in base 16.
fn in_base(text: &str, base: u32) -> Option<i128> {
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        3..=36 => "",
        _ => return None,
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let has_prefix = digits.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let digits = if has_prefix { digits.get(prefix.len()..)? } else { digits };
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    if is_number { i128::from_str_radix(&format!("{sign}{digits}"), base).ok() } else { None }
}

fn abs(value: Value) -> Result<Value, Error> {
    match Operand::of(&value) {
        Operand::Decimal(number) if number.as_str().starts_with('-') => Ok(value_of(number.negated())),
        Operand::Decimal(number) => Ok(value_of(number)),
        Operand::Text => Err(wrong("`abs` takes a number: write `|decimal` before it")),
        Operand::Whole(_) | Operand::Nothing | Operand::Other => filters::abs(value),
    }
}

fn round(value: Value, precision: Option<i32>, method: Option<&str>, kwargs: Kwargs) -> Result<Value, Error> {
    let number = match Operand::of(&value) {
        Operand::Decimal(number) => number,
        Operand::Text => return Err(wrong("`round` takes a number: write `|decimal` before it")),
        Operand::Whole(_) | Operand::Nothing | Operand::Other => {
            return filters::round(value, precision, method, kwargs);
        }
    };
    let places =
        precision.map_or_else(|| kwargs.get::<Option<i32>>("precision"), |places| Ok(Some(places)))?;
    let method = method.map_or_else(|| kwargs.get::<Option<&str>>("method"), |method| Ok(Some(method)))?;
    kwargs.assert_all_used()?;
    let rounding = match method.unwrap_or("common") {
        "common" => Rounding::Nearest,
        "floor" => Rounding::Down,
        "ceil" => Rounding::Up,
        _ => return Err(wrong("`round` rounds by common, ceil or floor")),
    };
    let rounded = number.rounded(places.unwrap_or(0), rounding);
    rounded.map(value_of).map_err(|error| wrong(format!("the rounded number {error}")))
}

/// The sum of a list; `attribute` and `start` are left to the engine.
fn sum(
    state: &State<'_, '_>,
    values: Value,
    attribute: Option<&str>,
    start: Option<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    if attribute.is_some() || start.is_some() || kwargs.args().next().is_some() {
        return filters::sum(state, values, attribute, start, kwargs);
    }
    let mut total = Value::from(0);
    for value in values.try_iter()?.filter(|value| !value.is_undefined()) {
        if value.kind() == ValueKind::String {
            return Err(wrong(
                "`sum` takes numbers, and a text is among them: write `|map('decimal')` before it",
            ));
        }
        total = apply(Operator::Add, &total, &value)?;
    }
    Ok(total)
}

fn min(state: &State<'_, '_>, values: Value, kwargs: Kwargs) -> Result<Value, Error> {
    if kwargs.args().next().is_some() {
        filters::min(state, values, kwargs)
    } else {
        most(&values, Ordering::Less)
    }
}

fn max(state: &State<'_, '_>, values: Value, kwargs: Kwargs) -> Result<Value, Error> {
    if kwargs.args().next().is_some() {
        filters::max(state, values, kwargs)
    } else {
        most(&values, Ordering::Greater)
    }
}

/// The least or the greatest of a list.
fn most(values: &Value, wanted: Ordering) -> Result<Value, Error> {
    let mut found = Value::UNDEFINED;
    for value in values.try_iter()? {
        if value.kind() == ValueKind::String {
            return Err(wrong(
                "the greatest and the least are looked for among numbers, and a text is among them: write `|map('decimal')` before it, or `|sort` to order texts",
            ));
        }
        if found.is_undefined() || compare(Operator::Less, &value, &found)? == wanted {
            found = value;
        }
    }
    Ok(found)
}
