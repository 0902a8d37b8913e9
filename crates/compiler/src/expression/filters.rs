//! The filters of expressions that read, round and gather numbers, exactly.
//!
//! `decimal` and `instant` are ours; the others do what they do in the engine, and take its place where it would go
//! through 64-bit floats or compare texts letter by letter.

use std::cmp::Ordering;

use minijinja::value::{Kwargs, ValueKind};
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

/// The part before the point.
fn int(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    base: Option<u32>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let number = match Operand::of(value) {
        Operand::Decimal(number) => Some(number),
        Operand::Text if base.is_none() && !kwargs.has("base") => {
            value.as_str().and_then(|text| text.parse().ok())
        }
        Operand::Whole(_) | Operand::Text | Operand::Nothing | Operand::Other => None,
    };
    match number {
        Some(number) => {
            // Named arguments that go unread would be an error of their own.
            drop(kwargs.get::<Option<Value>>("default")?);
            kwargs.assert_all_used()?;
            Ok(value_of(number.whole()))
        }
        None => filters::int(state, value, default, base, kwargs),
    }
}

fn float(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    match Operand::of(value) {
        Operand::Decimal(number) => {
            Ok(Value::from(number.as_str().parse::<f64>().map_err(|_| wrong("`float` takes a number"))?))
        }
        _ => filters::float(state, value, default, kwargs),
    }
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
