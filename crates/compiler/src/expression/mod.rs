//! Expressions over a record's fields: minijinja, with no clock, no randomness and bounded work.
//!
//! A field that is absent, null or an empty text is undefined, so that `first ~ ' ' ~ last` never writes "none". Numbers are computed
//! exactly, and an operator for numbers refuses a text instead of joining or spelling it. What becomes a text is written as a text
//! field holds it: `true`, and JSON for lists and objects.

mod exact;
mod filters;
mod json;
mod rewrite;
mod text;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, Expression as Compiled, Value};
use raccord_model::field_path::FieldPath;
use serde_json::value::RawValue;

use crate::scalar::Scalar;

/// How many instructions one evaluation may take.
const FUEL: u64 = 10_000;

/// How deep the objects and lists of a value may stand inside each other.
const MAX_DEPTH: usize = 127;

/// The name under which an expression finds the whole record, for fields whose names are not identifiers.
const WHOLE_RECORD: &str = "record";

/// The name under which an expression finds the parent record.
const PARENT: &str = "parent";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.remove_global("debug");
    exact::add_operators(&mut environment);
    filters::add(&mut environment);
    text::add(&mut environment);
    environment
});

/// Whether a name is one of the environment, and no field.
fn is_global(name: &str) -> bool {
    ENVIRONMENT.globals().any(|(global, _)| global == name)
}

/// An expression, compiled.
#[derive(Debug)]
pub struct Expression {
    compiled: Compiled<'static, 'static>,
    /// The fields it needs, by the name it calls them.
    pub names: Vec<Name>,
    /// What it computes with fields that are texts, in words: no record will have a value.
    pub doubts: Vec<String>,
}

/// A name that an expression uses, and the field behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What the expression calls it.
    pub name: String,
    /// Where the value is: in the record, or in its parent.
    pub path: FieldPath,
    /// Whether it is in the parent.
    pub in_parent: bool,
}

/// Why an expression cannot be evaluated, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(pub String);

impl From<minijinja::Error> for ExpressionError {
    fn from(error: minijinja::Error) -> Self {
        Self(match error.detail() {
            // These tell all of it in the detail: "filter lowercase is unknown".
            Some(detail) if is_unknown(error.kind()) || error.kind() == ErrorKind::InvalidOperation => {
                detail.to_owned()
            }
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        })
    }
}

impl Expression {
    /// Compiles an expression and evaluates it on made-up records, because unknown filters, tests and
    /// functions only show when they are met. `all_texts` says that every field of the records is a text, as in a CSV.
    pub fn compile(source: &str, all_texts: bool) -> Result<Self, ExpressionError> {
        let rewritten = rewrite::rewrite(source, all_texts)?;
        if let Some(why) = rewritten.never.into_iter().next() {
            return Err(ExpressionError(why));
        }
        let compiled = ENVIRONMENT.compile_expression_owned(rewritten.source)?;
        let names = rewritten.names.into_iter().filter(|name| !is_global(name)).map(field_behind).collect();
        let mut doubts = rewritten.with_texts;
        doubts.dedup();
        let expression = Self { compiled, names, doubts };
        expression.rehearse()?;
        rehearse_filters(source)?;
        Ok(expression)
    }

    /// Evaluates with the values in the order of [`Self::names`].
    pub fn evaluate(&self, values: &[Scalar<'_>]) -> Result<Scalar<'static>, ExpressionError> {
        let named = self.names.iter().map(|name| name.name.as_str()).zip(values);
        let context = named.map(|(name, value)| Ok((name, to_value(value)?)));
        let context: BTreeMap<&str, Value> = context.collect::<Result<_, ExpressionError>>()?;
        from_value(&self.compiled.eval(Value::from(context))?)
    }

    /// Evaluates on records that take the branches both ways.
    fn rehearse(&self) -> Result<(), ExpressionError> {
        let samples = [
            Value::UNDEFINED,
            Value::from("text"),
            Value::from(1),
            Value::from(0),
            Value::from(true),
            Value::from(vec!["a", "b"]),
        ];
        let filled = samples.iter().map(|sample| {
            let pairs = self.names.iter().map(|name| (name.name.as_str(), sample.clone()));
            Value::from(pairs.collect::<BTreeMap<&str, Value>>())
        });
        // Without any name, a call of something that does not exist shows as such.
        for context in filled.chain([Value::from(BTreeMap::<&str, Value>::new())]) {
            match self.compiled.eval(context) {
                Err(error) if is_unknown(error.kind()) => return Err(error.into()),
                // A sample of the wrong type proves nothing about the records to come.
                _ => {}
            }
        }
        Ok(())
    }
}

const fn is_unknown(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction)
}

/// Tries every `| name` of the source by itself, because a branch that no sample takes hides its filters.
fn rehearse_filters(source: &str) -> Result<(), ExpressionError> {
    for filter in filter_names(source) {
        let alone = ENVIRONMENT.compile_expression_owned(format!("'' | {filter}"))?;
        match alone.eval(()) {
            Err(error) if error.kind() == ErrorKind::UnknownFilter => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// The identifiers that follow a `|` outside of quotes.
fn filter_names(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut quote = None;
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '|') => {
                let name: String = source[at + 1..]
                    .trim_start()
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                if !name.is_empty() {
                    names.push(name);
                }
            }
            _ => {}
        }
    }
    names
}

fn field_behind(name: String) -> Name {
    let path =
        if name == WHOLE_RECORD || name == PARENT { FieldPath::default() } else { FieldPath::member(&name) };
    Name { in_parent: name == PARENT, path, name }
}

fn to_value(scalar: &Scalar<'_>) -> Result<Value, ExpressionError> {
    Ok(match scalar {
        Scalar::Empty => Value::UNDEFINED,
        Scalar::Text(text) => Value::from(text.as_ref()),
        Scalar::Boolean(value) => Value::from(*value),
        Scalar::Number(text) => number(text),
        Scalar::List(list) => list.iter().map(|item| Value::from(item.as_ref())).collect(),
        Scalar::Array(_) | Scalar::Object(_) | Scalar::Broken(_) => nested(scalar, 0)?,
    })
}

/// Objects and lists, with their numbers as exact as those beside them.
fn nested(scalar: &Scalar<'_>, depth: usize) -> Result<Value, ExpressionError> {
    let unreadable = |why: &dyn std::fmt::Display| ExpressionError(format!("a value cannot be read: {why}"));
    if depth > MAX_DEPTH {
        // No value would be an invention, as for a text with half a character.
        return Err(unreadable(&"it is nested too deeply"));
    }
    let inside = |raw: &RawValue| match Scalar::from_json(raw.get()) {
        Scalar::Empty if raw.get().starts_with('"') => Ok(Value::from("")),
        Scalar::Empty => Ok(Value::from(())),
        scalar @ (Scalar::Array(_) | Scalar::Object(_) | Scalar::Broken(_)) => nested(&scalar, depth + 1),
        scalar => to_value(&scalar),
    };
    match scalar {
        Scalar::Array(raw) => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(|error| unreadable(&error))?;
            Ok(Value::from(items.into_iter().map(inside).collect::<Result<Vec<_>, _>>()?))
        }
        Scalar::Object(raw) => {
            let members: BTreeMap<String, &RawValue> =
                serde_json::from_str(raw).map_err(|error| unreadable(&error))?;
            let members = members.into_iter().map(|(name, raw)| Ok((name, inside(raw)?)));
            Ok(Value::from(members.collect::<Result<BTreeMap<_, _>, ExpressionError>>()?))
        }
        other => Err(unreadable(&other.kind())),
    }
}

/// A number that the engine can hold exactly, or else one of ours; one with more digits than a decimal may have is a
/// text.
fn number(text: &str) -> Value {
    if let Ok(integer) = text.parse::<i64>() {
        return Value::from(integer);
    }
    match text.parse::<f64>() {
        Ok(float) if format!("{float}") == text => Value::from(float),
        _ => exact::as_written(text).unwrap_or_else(|| Value::from(text)),
    }
}

fn from_value(value: &Value) -> Result<Scalar<'static>, ExpressionError> {
    if let Some(number) = exact::number_text(value) {
        return Ok(Scalar::Number(number.into()));
    }
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Scalar::Empty,
        ValueKind::Bool => Scalar::Boolean(value.is_true()),
        ValueKind::String => Scalar::text(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Seq | ValueKind::Iterable => Scalar::Array(json::to_json(value)?.into()),
        ValueKind::Map => Scalar::Object(json::to_json(value)?.into()),
        _ => {
            return Err(ExpressionError(
                "the result is neither a text, a number, a boolean, a list nor a map".to_owned(),
            ));
        }
    })
}

#[cfg(test)]
mod tests;
