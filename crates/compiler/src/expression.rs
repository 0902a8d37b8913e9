//! Expressions over a record's fields: minijinja, with no clock, no randomness and bounded work.
//!
//! A field that is absent or null is undefined, so that `first ~ ' ' ~ last` never writes "none".

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, Expression as Compiled, Value};
use raccord_model::field_path::FieldPath;

use crate::scalar::Scalar;

/// How many instructions one evaluation may take.
const FUEL: u64 = 10_000;

/// The name under which an expression finds the whole record, for fields whose names are not identifiers.
const WHOLE_RECORD: &str = "record";

/// The name under which an expression finds the parent record.
const PARENT: &str = "parent";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.remove_global("debug");
    environment
});

/// An expression, compiled.
#[derive(Debug)]
pub struct Expression {
    compiled: Compiled<'static, 'static>,
    /// The fields it needs, by the name it calls them.
    pub names: Vec<Name>,
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
            Some(detail) if is_unknown(error.kind()) => detail.to_owned(),
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        })
    }
}

impl Expression {
    /// Compiles an expression and evaluates it on made-up records, because unknown filters, tests and
    /// functions only show when they are met.
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        let compiled = ENVIRONMENT.compile_expression_owned(source.to_owned())?;
        let mut names: Vec<Name> =
            compiled.undeclared_variables(false).into_iter().map(field_behind).collect();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        names.retain(|name| !ENVIRONMENT.globals().any(|(global, _)| global == name.name));
        let expression = Self { compiled, names };
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
        Scalar::Array(raw) | Scalar::Object(raw) | Scalar::Broken(raw) => {
            let tree = serde_json::from_str::<serde_json::Value>(raw);
            // Too deep, or a text with half a character: no value would be an invention.
            let tree = tree.map_err(|error| ExpressionError(format!("a value cannot be read: {error}")))?;
            Value::from(minijinja::value::Serde(tree))
        }
    })
}

/// A number that the expression language can hold exactly, or else its text.
fn number(text: &str) -> Value {
    if let Ok(integer) = text.parse::<i64>() {
        return Value::from(integer);
    }
    match text.parse::<f64>() {
        Ok(float) if format!("{float}") == text => Value::from(float),
        _ => Value::from(text),
    }
}

fn from_value(value: &Value) -> Result<Scalar<'static>, ExpressionError> {
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Scalar::Empty,
        ValueKind::Bool => Scalar::Boolean(value.is_true()),
        ValueKind::Number => Scalar::Number(value.to_string().into()),
        ValueKind::String => Scalar::text(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Seq | ValueKind::Iterable => {
            Scalar::List(value.try_iter()?.map(|item| item.to_string().into()).collect())
        }
        ValueKind::Map => {
            let json = serde_json::to_string(value).map_err(|error| ExpressionError(error.to_string()))?;
            Scalar::Object(json.into())
        }
        _ => {
            return Err(ExpressionError(
                "the result is neither a text, a number, a boolean, a list nor a map".to_owned(),
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, record: &str, expected: &Scalar<'_>) {
        let expression = Expression::compile(source).unwrap();
        let paths: Vec<FieldPath> = expression.names.iter().map(|name| name.path.clone()).collect();
        let mut found = crate::select::Found::default();
        crate::select::Selector::new(&paths).select(record.as_bytes(), &mut found).unwrap();
        let values: Vec<_> =
            found.values.iter().map(|raw| raw.map_or(Scalar::Empty, Scalar::from_json)).collect();
        assert_eq!(&expression.evaluate(&values).unwrap(), expected, "{source}");
    }

    #[test]
    fn expressions_see_the_fields_of_the_record() {
        let record = r#"{"first":"Zoé","last":null,"n":2,"tags":["x","y"],"a":{"b":1},"Odd Name":"z","big":12345678901234567890}"#;
        check("first ~ ' ' ~ last", record, &Scalar::Text("Zoé ".into()));
        check("n * 2", record, &Scalar::Number("4".into()));
        check("a.b", record, &Scalar::Number("1".into()));
        check("tags | join('-')", record, &Scalar::Text("x-y".into()));
        check("tags | length > 1", record, &Scalar::Boolean(true));
        check("record['Odd Name']", record, &Scalar::Text("z".into()));
        check("missing", record, &Scalar::Empty);
        check("big", record, &Scalar::Text("12345678901234567890".into()));
        check("'x' if n == 2 else 'y'", record, &Scalar::Text("x".into()));
        check("range(3)|list", record, &Scalar::List(vec!["0".into(), "1".into(), "2".into()]));
    }

    #[test]
    fn what_can_never_work_is_refused_beforehand() {
        for source in [
            "first ~",
            "first | shout",
            "'a' if n > 5 else (first | shout)",
            "now()",
            "n is weird",
            "debug()",
        ] {
            assert!(Expression::compile(source).is_err(), "{source}");
        }
        for source in ["'|shout'", "first | upper | trim", "n + 1"] {
            assert!(Expression::compile(source).is_ok(), "{source}");
        }
    }

    #[test]
    fn work_is_bounded() {
        let expression = Expression::compile("range(9999)|map('string')|join('')|length if n else 1");
        // Either refused while rehearsing or out of fuel while evaluating: it never runs on.
        if let Ok(expression) = expression {
            drop(expression.evaluate(&[Scalar::Number("1".into())]));
        }
    }
}
