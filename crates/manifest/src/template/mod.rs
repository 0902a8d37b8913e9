//! Templates: text with Jinja in it, compiled once and evaluated against a [`Context`].
//!
//! As in the reference, the rendered text is read as a Python literal when a value is asked for. A template has no
//! clock of its own and never asks a service.

mod context;

use std::fmt;
use std::sync::LazyLock;

use minijinja::Environment;
use serde_json::Value;

pub use context::Context;

use crate::Json;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(Environment::new);

/// A template, compiled. Cloning it shares it.
#[derive(Clone)]
pub struct Template {
    text: std::sync::Arc<str>,
    parameters: Json,
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
    pub fn has(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::TextsAndLists => value.is_string() || value.is_array(),
            Self::Texts => value.is_string(),
            Self::Floats => value.is_f64(),
            Self::Integers => value.is_i64() || value.is_u64() || value.is_boolean(),
            Self::Booleans => value.is_boolean(),
        }
    }
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

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.text)
    }
}

impl Template {
    /// Compiles a text. `parameters` are what it knows as `parameters`.
    ///
    /// # Errors
    /// When it is no template.
    pub fn compile(text: &str, parameters: &Json) -> Result<Self, TemplateError> {
        Ok(Self { text: text.into(), parameters: parameters.clone() })
    }

    /// The text as it is written.
    pub fn source(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing to evaluate in it.
    pub fn is_constant(&self) -> bool {
        !self.text.contains("{{") && !self.text.contains("{%")
    }

    /// The value: the rendered text, read as a Python literal where it is one. It is what the reference's
    /// `InterpolatedString.eval` gives.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn value(&self, context: &Context) -> Result<Value, TemplateError> {
        let text = self.text(context)?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The value as Python's `str()` writes it.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn text(&self, context: &Context) -> Result<String, TemplateError> {
        let fail = |error: minijinja::Error| TemplateError {
            template: self.text.to_string(),
            message: error.to_string(),
        };
        ENVIRONMENT.render_str(&self.text, context.variables(&self.parameters)).map_err(fail)
    }

    /// The value as an entry of a mapping has it (request parameters, headers, bodies): it is what the reference's
    /// `JinjaInterpolation.eval` gives without a default. Where the rendered text is empty, or something undefined is
    /// looked into, it is null. Of the literals only those that `literals` names are read; others stay text.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn entry(&self, context: &Context, literals: Literals) -> Result<Value, TemplateError> {
        let text = self.text(context)?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        let literal = serde_json::from_str(&text).ok();
        Ok(literal.filter(|value: &Value| literals.has(value)).unwrap_or(Value::String(text)))
    }

    /// The value, where only some literals are read and others stay text: it is what the reference's
    /// `InterpolatedString.eval` gives with valid types.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn typed(&self, context: &Context, literals: Literals) -> Result<Value, TemplateError> {
        match self.entry(context, literals)? {
            Value::Null => self.value(context),
            value => Ok(value),
        }
    }

    /// Whether a condition holds, by the reference's rules for `InterpolatedBoolean`.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn is_true(&self, context: &Context) -> Result<bool, TemplateError> {
        Ok(!matches!(
            self.text(context)?.as_str(),
            "" | "0" | "False" | "false" | "None" | "{}" | "[]" | "()"
        ))
    }
}
