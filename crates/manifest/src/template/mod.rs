//! Templates: text with Jinja in it, compiled once and evaluated against a [`Context`].
//!
//! As in the reference, the rendered text is read as a Python literal when a value is asked for. The grammar is Jinja's
//! and the values are Python's, which no engine in Rust has: what a comparison of a text with a number does, how a float
//! is written, which failure is an empty value and which is an error. A template has no clock of its own, never asks a
//! service, and works within a budget.

mod ast;
mod calls;
mod compare;
mod context;
mod escape;
mod evaluate;
mod expression;
mod filters;
mod format;
mod json;
mod lex;
mod literal;
mod member;
mod methods;
mod names;
mod operators;
mod parse;
mod scope;
#[cfg(test)]
mod tests;
mod tests_of_values;
mod value;
mod write;

use std::fmt;
use std::sync::Arc;

use serde_json::Value as JsonValue;

pub use context::Context;
pub(crate) use names::Looks;
pub use scope::Scope;
pub(crate) use scope::{Member, Members, Over};
pub(crate) use write::{float_text, iso_text};

use crate::Json;
use ast::Node;
use evaluate::Evaluation;
use literal::{Budget, literal};
use value::{Fault, Value};

/// A JSON value as Python's `str()` writes it: `None`, `True`, `1.0`, `['a', 1]`.
pub fn python_text(value: &JsonValue) -> String {
    Value::from(value).to_text()
}

/// What one evaluation may cost: steps, items gone over, and characters, of which many are as dear as one step.
const BUDGET: usize = 1_000_000;
/// How long a template may be, in bytes.
const LENGTH: usize = 1 << 20;

/// A template, compiled. Cloning it shares it.
#[derive(Clone)]
pub struct Template {
    compiled: Arc<Compiled>,
    parameters: Json,
}

struct Compiled {
    source: String,
    nodes: Vec<Node>,
    /// The variables that it takes from its context.
    free: Vec<String>,
    /// Whether it has a word that no template may have.
    is_forbidden: bool,
}

/// Why a template has no value, in words. It never holds a secret value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template `{template}` {message}")]
pub struct TemplateError {
    /// The template as it is written.
    pub template: String,
    /// What is wrong.
    pub message: String,
}

/// Which Python literals a rendered text is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literals {
    /// Every literal.
    Any,
    /// Texts and lists: numbers, booleans, `None` and objects stay the text that they are.
    TextsAndLists,
    /// Texts alone: quotes around a text go.
    Texts,
    /// Numbers that are no integers (Python's `float`).
    Floats,
    /// Integers and booleans (Python's `int`, of which `bool` is one).
    Integers,
    /// Booleans.
    Booleans,
}

impl Literals {
    /// Whether a value is one of these literals.
    fn has(self, value: &Value<'_>) -> bool {
        matches!(
            (self, value),
            (Self::Any, _)
                | (Self::TextsAndLists | Self::Texts, Value::Text(_))
                | (Self::TextsAndLists, Value::Array(_) | Value::List(_))
                | (Self::Floats, Value::Float(_))
                | (Self::Integers, Value::Int(_) | Value::Big(_))
                | (Self::Integers | Self::Booleans, Value::Bool(_))
        )
    }
}

/// What the text of a template means.
enum Meaning<'a> {
    Value(Value<'a>),
    /// It evaluates to nothing, or asks for what is not there.
    Nothing,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.compiled.source)
    }
}

impl Template {
    /// Compiles a text. `parameters` are what it knows as `parameters`.
    ///
    /// # Errors
    /// When it is no template.
    pub fn compile(text: &str, parameters: &Json) -> Result<Self, TemplateError> {
        let fail = |message: String| TemplateError { template: text.to_owned(), message };
        if text.len() > LENGTH {
            return Err(TemplateError { template: String::new(), message: "is too long".to_owned() });
        }
        let nodes = parse::parse(text).map_err(fail)?;
        let free = names::free(&nodes);
        let compiled =
            Compiled { source: text.to_owned(), nodes, free, is_forbidden: text.contains("stream_state") };
        Ok(Self { compiled: Arc::new(compiled), parameters: parameters.clone() })
    }

    /// The text as it is written.
    pub fn source(&self) -> &str {
        &self.compiled.source
    }

    /// Whether there is nothing to evaluate in it.
    pub fn is_constant(&self) -> bool {
        self.compiled.nodes.iter().all(|node| matches!(node, Node::Text(_)))
    }

    /// The variables that it takes from its context, but `parameters`.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.compiled.free.iter().map(String::as_str).filter(|name| *name != "parameters")
    }

    /// The members of a variable that it looks at: `["id"]` where it says `record.id` alone. None where it takes the
    /// variable as a whole.
    pub fn members_of(&self, variable: &str) -> Option<Vec<String>> {
        match names::looks(&self.compiled.nodes, variable) {
            Looks::Whole => None,
            Looks::Members(members) => Some(members.into_iter().map(|(name, _)| name).collect()),
        }
    }

    /// What it looks at in a variable.
    pub(crate) fn looks_at(&self, variable: &str) -> Looks {
        names::looks(&self.compiled.nodes, variable)
    }

    /// The value: the rendered text, read as a Python literal where it is one. It is what the reference's
    /// `InterpolatedString.eval` gives: nothing is the empty text, and what asks for more of what is not there fails.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn value<'a>(&'a self, scope: impl Into<Scope<'a>>) -> Result<JsonValue, TemplateError> {
        self.typed(scope, Literals::Any)
    }

    /// The value, where only some literals are read and others stay text: it is what the reference's
    /// `InterpolatedString.eval` gives with valid types.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn typed<'a>(
        &'a self,
        scope: impl Into<Scope<'a>>,
        literals: Literals,
    ) -> Result<JsonValue, TemplateError> {
        self.string(scope.into(), literals).map(json::into_json)
    }

    /// The value as an entry of a mapping has it (request parameters, headers, bodies): it is what the reference's
    /// `JinjaInterpolation.eval` gives without a default. Where the rendered text is empty, or something undefined is
    /// looked into, it is null. Of the literals only those that `literals` names are read; others stay text.
    ///
    /// # Errors
    /// When it cannot be evaluated otherwise.
    pub fn entry<'a>(
        &'a self,
        scope: impl Into<Scope<'a>>,
        literals: Literals,
    ) -> Result<JsonValue, TemplateError> {
        match self.meaning(scope.into(), literals).map_err(|fault| self.error(fault)) {
            Ok(Meaning::Value(value)) => Ok(json::into_json(value)),
            Ok(Meaning::Nothing) => Ok(JsonValue::Null),
            Err(error) => Err(error),
        }
    }

    /// The value as Python's `str()` writes it.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn text<'a>(&'a self, scope: impl Into<Scope<'a>>) -> Result<String, TemplateError> {
        self.string(scope.into(), Literals::Any).map(|value| match value {
            Value::Text(text) => text.into_owned(),
            other => other.to_text(),
        })
    }

    /// Whether a condition holds, by the reference's rules for `InterpolatedBoolean`. What asks for more of what is not
    /// there does not.
    ///
    /// # Errors
    /// When it cannot be evaluated otherwise.
    pub fn is_true<'a>(&'a self, scope: impl Into<Scope<'a>>) -> Result<bool, TemplateError> {
        match self.meaning(scope.into(), Literals::Any) {
            Ok(Meaning::Nothing) => Ok(false),
            Ok(Meaning::Value(value)) => Ok(match &value {
                Value::Text(text) => {
                    let none = ["False", "false", "{}", "[]", "()", "", "0", "0.0", "set()"];
                    !none.contains(&text.as_ref())
                }
                other => other.truth(),
            }),
            Err(fault) => Err(self.error(fault)),
        }
    }

    fn error(&self, fault: Fault) -> TemplateError {
        let (Fault::Undefined(message) | Fault::Type(message) | Fault::Other(message)) = fault;
        TemplateError { template: self.compiled.source.clone(), message }
    }

    /// As `InterpolatedString`: where there is nothing, it is evaluated once more, and then must not fail.
    fn string<'a>(&'a self, scope: Scope<'a>, literals: Literals) -> Result<Value<'a>, TemplateError> {
        match self.meaning_or_fault(scope, literals) {
            Ok(Meaning::Value(value)) => Ok(value),
            Ok(Meaning::Nothing) => Ok(Value::text("")),
            Err(fault) => Err(self.error(fault)),
        }
    }

    fn meaning<'a>(&'a self, scope: Scope<'a>, literals: Literals) -> Result<Meaning<'a>, Fault> {
        match self.meaning_or_fault(scope, literals) {
            Err(Fault::Undefined(_)) => Ok(Meaning::Nothing),
            other => other,
        }
    }

    fn meaning_or_fault<'a>(&'a self, scope: Scope<'a>, literals: Literals) -> Result<Meaning<'a>, Fault> {
        self.check(scope)?;
        let mut evaluation = Evaluation::new(scope, &self.parameters, Budget::new(BUDGET));
        let rendered = match self.compiled.nodes.as_slice() {
            // The commonest: one expression, whose value needs not be written and read again.
            [Node::Output(expression)] => evaluation.evaluate(expression),
            nodes => {
                let mut text = String::new();
                evaluation.render(nodes, &mut text).map(|()| Value::text(text))
            }
        };
        let rendered = match rendered {
            Ok(value) => value,
            // A failure about types leaves the template as it is written.
            Err(Fault::Type(_)) => Value::Text(self.compiled.source.as_str().into()),
            Err(fault) => return Err(fault),
        };
        Ok(read(rendered, literals))
    }

    fn check(&self, scope: Scope<'_>) -> Result<(), Fault> {
        if self.compiled.is_forbidden {
            return Err(Fault::Other("uses `stream_state`, which the language has no more".to_owned()));
        }
        let unknown = self.variables().find(|name| scope.get(name).is_none());
        match unknown {
            Some(name) => Err(Fault::Other(format!("uses `{name}`, which is not known where it stands"))),
            None => Ok(()),
        }
    }
}

/// What the text of a value means when it is read again.
fn read(value: Value<'_>, literals: Literals) -> Meaning<'_> {
    let again = match &value {
        Value::Undefined(_) => return Meaning::Nothing,
        // What JSON holds is written as a literal that means the same.
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.clone())
        }
        Value::Text(text) if text.is_empty() => return Meaning::Nothing,
        Value::Text(text) => literal(text),
        other => {
            let text = other.to_text();
            return match literal(&text).filter(|value| literals.has(value)) {
                Some(value) => Meaning::Value(value),
                None => Meaning::Value(Value::text(text)),
            };
        }
    };
    match again {
        Some(again) if literals.has(&again) => Meaning::Value(again),
        _ => Meaning::Value(match value {
            Value::Text(_) => value,
            other => Value::text(other.to_text()),
        }),
    }
}
