//! Numbers of expressions, exactly: what the operators mean, and the filters that read and round numbers.
//!
//! An operator that finds a text refuses it: the engine itself would join two texts with `+`, repeat one with `*` and
//! compare them letter by letter, and the cells of a CSV are texts alone. Whole numbers of 128 bits are computed as
//! they are, all others as decimals. Only `**` and what is no number is left to the engine.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::{DynObject, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use raccord_model::decimal::{Decimal, DecimalError};

/// The name of each operator, and of the function that stands for it.
const NAMES: [(Operator, &str, &str); 14] = [
    (Operator::Add, "+", "__add"),
    (Operator::Subtract, "-", "__subtract"),
    (Operator::Multiply, "*", "__multiply"),
    (Operator::Divide, "/", "__divide"),
    (Operator::FloorDivide, "//", "__floor_divide"),
    (Operator::Remainder, "%", "__remainder"),
    (Operator::Power, "**", "__power"),
    (Operator::Less, "<", "__less"),
    (Operator::LessOrEqual, "<=", "__less_or_equal"),
    (Operator::Greater, ">", "__greater"),
    (Operator::GreaterOrEqual, ">=", "__greater_or_equal"),
    (Operator::Equal, "==", "__equal"),
    (Operator::Unequal, "!=", "__unequal"),
    (Operator::In, "in", "__in"),
];

/// An operator with two operands that cares for what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
    In,
}

impl Operator {
    fn row(self) -> &'static (Self, &'static str, &'static str) {
        NAMES.iter().find(|(operator, ..)| *operator == self).unwrap_or(&NAMES[0])
    }

    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        self.row().1
    }

    /// The function that stands for it.
    pub(super) fn function(self) -> &'static str {
        self.row().2
    }

    /// The operator that is written so, or is the test of a name: `a is lt b`.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = match text {
            "lt" | "lessthan" => "<",
            "le" => "<=",
            "gt" | "greaterthan" => ">",
            "ge" => ">=",
            "eq" | "equalto" => "==",
            "ne" => "!=",
            other => other,
        };
        NAMES.iter().find(|(_, symbol, _)| *symbol == text).map(|(operator, ..)| *operator)
    }

    /// Why it takes no text, and what helps. Nothing when it takes them.
    pub(super) fn about_texts(self) -> Option<String> {
        let symbol = self.symbol();
        Some(match self {
            Self::Add => {
                "write `|decimal` (or `|int`) after each: `+` adds numbers, and a text stands beside it; texts are joined with `~`"
                    .to_owned()
            }
            Self::Subtract | Self::Multiply | Self::Divide | Self::FloorDivide | Self::Remainder | Self::Power => {
                format!("write `|decimal` (or `|int`) after it: `{symbol}` takes numbers, and a text stands beside it")
            }
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => format!(
                "write `|decimal` (or `|int`) after each, `|instant` after dates: `{symbol}` compares numbers, and a text stands beside it"
            ),
            Self::Equal | Self::Unequal | Self::In => return None,
        })
    }
}

/// A number that the engine has no type for. It is shown as it came, until something is computed.
#[derive(Debug)]
struct Exact {
    number: Decimal,
    written: Option<String>,
}

impl Object for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.number.as_str() != "0"
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|other| self.number.cmp(&other.number))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.written.as_deref().unwrap_or(self.number.as_str()))
    }
}

/// A number as it was written; none when it has too many digits for a decimal.
pub(super) fn as_written(text: &str) -> Option<Value> {
    let number = text.parse().ok()?;
    Some(Value::from_object(Exact { number, written: Some(text.to_owned()) }))
}

/// The text of a number; none of what is no number.
pub(super) fn number_text(value: &Value) -> Option<String> {
    let is_exact = value.downcast_object_ref::<Exact>().is_some();
    (is_exact || value.kind() == ValueKind::Number).then(|| value.to_string())
}

/// A decimal as a value: a whole number stays one for the engine.
pub(super) fn value_of(number: Decimal) -> Value {
    match number.as_str().parse::<i128>() {
        Ok(whole) => Value::from(whole),
        Err(_) => Value::from_object(Exact { number, written: None }),
    }
}

/// What an operand is to an operator.
pub(super) enum Operand {
    Whole(i128),
    Decimal(Decimal),
    Text,
    /// Undefined or none.
    Nothing,
    Other,
}

impl Operand {
    pub(super) fn of(value: &Value) -> Self {
        match value.kind() {
            ValueKind::String => Self::Text,
            ValueKind::Undefined | ValueKind::None => Self::Nothing,
            ValueKind::Number => match i128::try_from(value.clone()) {
                Ok(whole) if value.is_integer() => Self::Whole(whole),
                // Infinity is none.
                _ => value.to_string().parse().map_or(Self::Other, Self::Decimal),
            },
            _ => match value.downcast_object_ref::<Exact>() {
                Some(exact) => Self::Decimal(exact.number.clone()),
                None => Self::Other,
            },
        }
    }

    pub(super) fn into_decimal(self) -> Option<Decimal> {
        match self {
            Self::Whole(number) => Some(Decimal::from_integer(number)),
            Self::Decimal(number) => Some(number),
            Self::Text | Self::Nothing | Self::Other => None,
        }
    }
}

pub(super) fn wrong(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn failed(operator: Operator, error: &DecimalError) -> Error {
    let symbol = operator.symbol();
    wrong(match error {
        DecimalError::ByZero => format!("`{symbol}` divides by zero"),
        DecimalError::Syntax | DecimalError::TooLong => format!("the result of `{symbol}` {error}"),
    })
}

/// Applies an operator.
pub(super) fn apply(operator: Operator, a: &Value, b: &Value) -> Result<Value, Error> {
    match operator {
        Operator::Less => compare(operator, a, b).map(|order| Value::from(order.is_lt())),
        Operator::LessOrEqual => compare(operator, a, b).map(|order| Value::from(order.is_le())),
        Operator::Greater => compare(operator, a, b).map(|order| Value::from(order.is_gt())),
        Operator::GreaterOrEqual => compare(operator, a, b).map(|order| Value::from(order.is_ge())),
        Operator::Equal => equal(operator, a, b).map(Value::from),
        Operator::Unequal => equal(operator, a, b).map(|equal| Value::from(!equal)),
        Operator::In => contains(a, b),
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::FloorDivide
        | Operator::Remainder
        | Operator::Power => compute(operator, a, b),
    }
}

fn compute(operator: Operator, a: &Value, b: &Value) -> Result<Value, Error> {
    let (left, right) = match (Operand::of(a), Operand::of(b)) {
        (Operand::Text, _) | (_, Operand::Text) => {
            return Err(wrong(operator.about_texts().unwrap_or_default()));
        }
        (Operand::Nothing, right) if !matches!(right, Operand::Other) => return Err(without_value(operator)),
        (left, Operand::Nothing) if !matches!(left, Operand::Other) => return Err(without_value(operator)),
        operands => operands,
    };
    if let (Operand::Whole(left), Operand::Whole(right)) = (&left, &right)
        && let Some(whole) = on_whole(operator, *left, *right)
    {
        return Ok(Value::from(whole));
    }
    let (Some(left), Some(right)) = (left.into_decimal(), right.into_decimal()) else {
        return native(operator, a, b);
    };
    let computed = match operator {
        Operator::Add => left.plus(&right),
        Operator::Subtract => left.minus(&right),
        Operator::Multiply => left.times(&right),
        Operator::Divide => left.over(&right),
        Operator::FloorDivide => left.divided_down(&right).map(|(quotient, _)| quotient),
        Operator::Remainder => left.divided_down(&right).map(|(_, remainder)| remainder),
        _ => return native(operator, &for_engine(&left), &for_engine(&right)),
    };
    computed.map(value_of).map_err(|error| failed(operator, &error))
}

/// An operator beside which a value is absent, null or empty.
fn without_value(operator: Operator) -> Error {
    let symbol = operator.symbol();
    wrong(format!(
        "`{symbol}` takes numbers, and a value beside it is empty; `|decimal(0)` or `|int(0)` gives a default"
    ))
}

/// A decimal as the engine's own number.
fn for_engine(number: &Decimal) -> Value {
    let text = number.as_str();
    text.parse::<i128>().map_or_else(|_| Value::from(text.parse::<f64>().unwrap_or(f64::NAN)), Value::from)
}

/// On whole numbers; nothing when the result is none, or too large.
fn on_whole(operator: Operator, a: i128, b: i128) -> Option<i128> {
    match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        _ => None,
    }
}

/// How two values are ordered.
pub(super) fn compare(operator: Operator, a: &Value, b: &Value) -> Result<Ordering, Error> {
    match (Operand::of(a), Operand::of(b)) {
        // What is not there is less than all that is.
        (Operand::Nothing, _) | (_, Operand::Nothing) => Ok(a.cmp(b)),
        (Operand::Text, _) | (_, Operand::Text) => Err(wrong(operator.about_texts().unwrap_or_default())),
        (Operand::Whole(a), Operand::Whole(b)) => Ok(a.cmp(&b)),
        (left, right) => Ok(match (left.into_decimal(), right.into_decimal()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => a.cmp(b),
        }),
    }
}

fn equal(operator: Operator, a: &Value, b: &Value) -> Result<bool, Error> {
    let is_number = |value: &Value| value.as_str().is_some_and(|text| text.parse::<Decimal>().is_ok());
    match (Operand::of(a), Operand::of(b)) {
        (Operand::Whole(a), Operand::Whole(b)) => Ok(a == b),
        // A field that holds an empty text is undefined, as one that is absent or null.
        (Operand::Nothing, Operand::Nothing) => Ok(true),
        (Operand::Nothing, Operand::Text) => Ok(b.as_str() == Some("")),
        (Operand::Text, Operand::Nothing) => Ok(a.as_str() == Some("")),
        (Operand::Text, Operand::Whole(_) | Operand::Decimal(_)) if is_number(a) => Err(unlike(operator)),
        (Operand::Whole(_) | Operand::Decimal(_), Operand::Text) if is_number(b) => Err(unlike(operator)),
        (left, right) => Ok(match (left.into_decimal(), right.into_decimal()) {
            (Some(left), Some(right)) => left == right,
            _ => a == b,
        }),
    }
}

/// The text `3` and the number 3 are never equal, and who compares them means that they are.
fn unlike(operator: Operator) -> Error {
    let symbol = operator.symbol();
    wrong(format!(
        "write `|decimal` (or `|int`) after the text, or the number in quotes: `{symbol}` compares a number with the text of a number, which are never equal"
    ))
}

fn contains(item: &Value, container: &Value) -> Result<Value, Error> {
    if !matches!(container.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return native(Operator::In, item, container);
    }
    for other in container.try_iter()? {
        if equal(Operator::In, item, &other)? {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

/// The operators of the engine itself.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_fuel(Some(super::FUEL));
    environment
});

fn native(operator: Operator, a: &Value, b: &Value) -> Result<Value, Error> {
    let expression = ENGINE.compile_expression_owned(format!("a {} b", operator.symbol()))?;
    let operands = [("a", a.clone()), ("b", b.clone())];
    expression.eval(Value::from(BTreeMap::from(operands)))
}

/// The number with the other sign.
fn negate(value: &Value) -> Result<Value, Error> {
    match Operand::of(value) {
        Operand::Text => Err(wrong(
            "write `|decimal` (or `|int`) after it: `-` takes a number, and a text stands behind it",
        )),
        Operand::Whole(number) => Ok(value_of(Decimal::from_integer(number).negated())),
        Operand::Decimal(number) => Ok(value_of(number.negated())),
        Operand::Nothing | Operand::Other => native(Operator::Subtract, &Value::from(0), value),
    }
}

/// The function that stands for the sign.
pub(super) const NEGATE: &str = "__negate";

/// Gives an environment the functions that stand for the operators.
pub(super) fn add_operators(environment: &mut Environment<'static>) {
    for (operator, _, function) in NAMES {
        environment.add_function(function, move |a: Value, b: Value| apply(operator, &a, &b));
    }
    environment.add_function(NEGATE, negate);
}
