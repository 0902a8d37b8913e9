//! Arithmetic as Python does it, over numbers, texts, lists, dates and durations. Sizes are bounded: a result that would
//! be too large is an error.

use std::rc::Rc;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::ast::Operator;
use super::format::percent;
use super::literal::Budget;
use super::value::{Evaluated, Fault, Value, fault, type_fault};
use crate::time::{Period, TimeError};

/// How many bits an integer may have.
const BITS: u64 = 1 << 16;

impl From<TimeError> for Fault {
    fn from(error: TimeError) -> Self {
        Self::Other(format!("has no date: {error}"))
    }
}

/// What two values give.
pub(super) fn binary<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &Budget,
) -> Evaluated<'a> {
    if let (Value::Text(_), Operator::Remainder) = (left, operator) {
        return percent(&left.to_text(), right).map(Value::text);
    }
    if let (Value::Undefined(name), _) | (_, Value::Undefined(name)) = (left, right) {
        return Err(Value::missing(name));
    }
    if let Some(value) = numbers(operator, left, right)? {
        return Ok(value);
    }
    let value = match operator {
        Operator::Add => joined(left, right, budget)?.or(moved(left, right)?),
        Operator::Subtract => difference(left, right)?,
        Operator::Multiply => repeated(left, right, budget)?.or(repeated(right, left, budget)?),
        _ => None,
    };
    match value {
        Some(value) => Ok(value),
        None => type_fault(format!("computes with a `{}` and a `{}`", left.kind(), right.kind())),
    }
}

/// Python's unary minus.
pub(super) fn negative<'a>(value: &Value<'a>) -> Evaluated<'a> {
    match value {
        Value::Undefined(name) => Err(Value::missing(name)),
        Value::Float(number) => Ok(Value::Float(-number)),
        Value::Period(period) => Ok(Value::Period(period.negated())),
        other => match other.integer() {
            Some(number) => Ok(Value::big(-number)),
            None => type_fault(format!("negates a `{}`", other.kind())),
        },
    }
}

/// Python's unary plus.
pub(super) fn positive<'a>(value: &Value<'a>) -> Evaluated<'a> {
    match value {
        Value::Undefined(name) => Err(Value::missing(name)),
        Value::Float(_) | Value::Period(_) => Ok(value.clone()),
        other => match other.integer() {
            Some(number) => Ok(Value::big(number)),
            None => type_fault(format!("signs a `{}`", other.kind())),
        },
    }
}

fn numbers<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Result<Option<Value<'a>>, Fault> {
    if let (Some(one), Some(two)) = (left.integer(), right.integer()) {
        return integers(operator, &one, &two).map(Some);
    }
    match (left.float(), right.float()) {
        (Some(one), Some(two)) => floats(operator, one, two).map(|number| Some(Value::Float(number))),
        _ => Ok(None),
    }
}

fn integers<'a>(operator: Operator, one: &BigInt, two: &BigInt) -> Evaluated<'a> {
    let divides = matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder);
    if divides && two.is_zero() {
        return fault("divides by zero");
    }
    Ok(Value::big(match operator {
        Operator::Add => one + two,
        Operator::Subtract => one - two,
        Operator::Multiply if one.bits() + two.bits() > BITS => {
            return fault("has a number that is too large");
        }
        Operator::Multiply => one * two,
        Operator::Divide => {
            let float = |number: &BigInt| number.to_f64().unwrap_or_default();
            return Ok(Value::Float(float(one) / float(two)));
        }
        Operator::FloorDivide => floor(one, two),
        Operator::Remainder => one - floor(one, two) * two,
        Operator::Power if two.is_negative() => {
            return floats(operator, one.to_f64().unwrap_or_default(), two.to_f64().unwrap_or_default())
                .map(Value::Float);
        }
        Operator::Power => {
            let exponent =
                two.to_u32().filter(|exponent| one.bits().saturating_mul(u64::from(*exponent)) <= BITS);
            match exponent {
                Some(exponent) => one.pow(exponent),
                None => return fault("has a number that is too large"),
            }
        }
    }))
}

fn floor(one: &BigInt, two: &BigInt) -> BigInt {
    let quotient = one / two;
    let inexact = &quotient * two != *one;
    if inexact && one.is_negative() != two.is_negative() { quotient - 1 } else { quotient }
}

fn floats(operator: Operator, one: f64, two: f64) -> Result<f64, Fault> {
    let divides = matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder);
    if divides && two == 0.0 {
        return fault("divides by zero");
    }
    Ok(match operator {
        Operator::Add => one + two,
        Operator::Subtract => one - two,
        Operator::Multiply => one * two,
        Operator::Divide => one / two,
        Operator::FloorDivide => (one / two).floor(),
        Operator::Remainder => {
            let rest = one % two;
            if rest != 0.0 && (rest < 0.0) != (two < 0.0) { rest + two } else { rest }
        }
        Operator::Power => one.powf(two),
    })
}

/// Takes what so many copies of a value cost.
fn size(value: &Value<'_>, times: usize, budget: &Budget) -> Result<(), Fault> {
    match value {
        Value::Text(text) => budget.take_text(text.len().saturating_mul(times)),
        other => budget.take(other.length().unwrap_or_default().saturating_mul(times)),
    }
}

/// Texts and lists one behind the other.
fn joined<'a>(left: &Value<'a>, right: &Value<'a>, budget: &Budget) -> Result<Option<Value<'a>>, Fault> {
    size(left, 1, budget)?;
    size(right, 1, budget)?;
    Ok(match (left, right) {
        (Value::Text(one), Value::Text(two)) => Some(Value::text(format!("{one}{two}"))),
        (Value::Tuple(one), Value::Tuple(two)) => {
            Some(Value::Tuple(one.iter().chain(two.iter()).cloned().collect::<Vec<_>>().into()))
        }
        (Value::Array(_) | Value::List(_), Value::Array(_) | Value::List(_)) => {
            let mut items = left.items(budget)?;
            items.extend(right.items(budget)?);
            Some(Value::list(items))
        }
        _ => None,
    })
}

/// Dates moved on, and sums of durations.
fn moved<'a>(left: &Value<'a>, right: &Value<'a>) -> Result<Option<Value<'a>>, Fault> {
    Ok(match (left, right) {
        (Value::Period(one), Value::Period(two)) => Some(Value::Period(sum(*one, *two)?)),
        (Value::DateTime(date), Value::Period(period)) | (Value::Period(period), Value::DateTime(date)) => {
            Some(Value::DateTime(date.plus(*period)?))
        }
        (Value::Date(date), Value::Period(period)) | (Value::Period(period), Value::Date(date)) => {
            Some(Value::Date(date.plus(whole_days(*period)?)?))
        }
        _ => None,
    })
}

fn difference<'a>(left: &Value<'a>, right: &Value<'a>) -> Result<Option<Value<'a>>, Fault> {
    Ok(match (left, right) {
        (Value::Period(one), Value::Period(two)) => Some(Value::Period(sum(*one, two.negated())?)),
        (Value::DateTime(one), Value::DateTime(two)) if one.offset().is_some() != two.offset().is_some() => {
            return type_fault("subtracts a date with an offset and one without");
        }
        (Value::DateTime(one), Value::DateTime(two)) | (Value::Date(one), Value::Date(two)) => {
            Some(Value::Period(Period::from_micros(one.micros() - two.micros())))
        }
        (Value::DateTime(date), Value::Period(period)) => Some(Value::DateTime(date.minus(*period)?)),
        (Value::Date(date), Value::Period(period)) => {
            Some(Value::Date(date.plus(whole_days(*period)?.negated())?))
        }
        _ => None,
    })
}

fn sum(one: Period, two: Period) -> Result<Period, Fault> {
    one.sum(two).ok_or(Fault::Other("has a duration that is too long".to_owned()))
}

/// A day moves by whole days: Python looks at the days of the duration alone.
fn whole_days(period: Period) -> Result<Period, Fault> {
    let day = 86_400_000_000;
    let days = Period::from_micros(period.rest().div_euclid(day) * day);
    sum(sum(period, Period::from_micros(-period.rest()))?, days)
}

/// A text, a list or a duration so many times.
fn repeated<'a>(value: &Value<'a>, count: &Value<'a>, budget: &Budget) -> Result<Option<Value<'a>>, Fault> {
    let Some(count) = count.small() else { return Ok(None) };
    if let Value::Period(period) = value {
        return Ok(period.times(count).map(Value::Period));
    }
    let times = usize::try_from(count).unwrap_or_default();
    size(value, times, budget)?;
    let many =
        |items: Vec<Value<'a>>| items.iter().cloned().cycle().take(items.len() * times).collect::<Vec<_>>();
    Ok(match value {
        Value::Text(text) => Some(Value::text(text.repeat(times))),
        Value::Array(_) | Value::List(_) => Some(Value::list(many(value.items(budget)?))),
        Value::Tuple(items) => Some(Value::Tuple(Rc::from(many(items.to_vec())))),
        _ => None,
    })
}
