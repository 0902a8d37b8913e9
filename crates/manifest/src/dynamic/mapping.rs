//! `ComponentMappingDefinition`: which members of a stream's template get which values.

use serde_json::Value;

use crate::Json;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::load::read_yaml;
use crate::select::path::{Segment, Step, find, set};
use crate::template::{Context, Literals, Template};

/// A value and where it goes.
#[derive(Debug)]
pub(super) struct Mapping {
    path: Vec<Template>,
    value: Template,
    literals: Literals,
    condition: Option<Template>,
    creates: bool,
}

/// How a resolver treats the values of its mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As they are.
    Plain,
    /// A text is read as YAML where it is some.
    Yaml,
    /// The same, but a value that has to be a text stays one.
    YamlUnlessText,
}

impl Mapping {
    /// All mappings of a resolver.
    pub(super) fn all(resolver: &Component, conditional: bool) -> Result<Vec<Self>, Problem> {
        let mappings = resolver.children("components_mapping");
        mappings.iter().map(|mapping| Self::of(mapping, conditional)).collect()
    }

    fn of(component: &Component, conditional: bool) -> Result<Self, Problem> {
        let path = component.required("field_path", component.get("field_path").and_then(Value::as_array))?;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let path = path.iter().map(|part| component.template_of("field_path", &text(part)));
        let value = component.required("value", component.str("value"))?;
        let condition = component.template("condition")?.filter(|condition| !condition.source().is_empty());
        if condition.is_some() && !conditional {
            return Err(component.invalid("condition", "only a `ConfigComponentsResolver` has conditions"));
        }
        let literals = match component.str("value_type") {
            None => Literals::Any,
            Some("string") => Literals::Texts,
            Some("number") => Literals::Floats,
            Some("integer") => Literals::Integers,
            Some("boolean") => Literals::Booleans,
            Some(other) => return Err(component.invalid("value_type", format!("`{other}` is no type"))),
        };
        Ok(Self {
            path: path.collect::<Result<_, _>>()?,
            value: component.template_of("value", value)?,
            literals,
            condition,
            creates: component.bool("create_or_update").unwrap_or(false),
        })
    }

    /// Puts the value where it belongs.
    pub(super) fn apply(
        &self,
        stream: &mut Value,
        context: &Context,
        reading: Reading,
    ) -> Result<(), ReadError> {
        if let Some(condition) = &self.condition
            && !condition.is_true(context)?
        {
            return Ok(());
        }
        let value = self.read(self.value.typed(context, self.literals)?, reading);
        let names = self.path.iter().map(|name| name.value(context)).collect::<Result<Vec<_>, _>>()?;
        let path: Vec<_> = names.iter().map(Segment::of).collect();
        let places: Vec<_> = find(stream, &path).into_iter().map(|(steps, _)| steps).collect();
        for steps in &places {
            if let Some(place) = at(stream, steps) {
                *place = value.clone();
            }
        }
        if places.is_empty() && self.creates && is_something(&value) {
            return set(stream, &path, value).map_err(|error| ReadError::Settings(error.to_string()));
        }
        Ok(())
    }

    fn read(&self, value: Value, reading: Reading) -> Value {
        let as_is = match reading {
            Reading::Plain => true,
            Reading::Yaml => false,
            Reading::YamlUnlessText => self.literals == Literals::Texts,
        };
        match &value {
            Value::String(text) if !as_is => read_yaml(text).unwrap_or(value),
            _ => value,
        }
    }
}

/// Puts all values of all mappings into a copy of the template.
pub(super) fn filled(
    template: &Json,
    mappings: &[Mapping],
    context: &Context,
    reading: Reading,
) -> Result<Value, ReadError> {
    let context = context.with("stream_template_config", template);
    let mut stream = template.as_ref().clone();
    for mapping in mappings {
        mapping.apply(&mut stream, &context, reading)?;
    }
    Ok(stream)
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// The value that steps lead to.
fn at<'v>(value: &'v mut Value, steps: &[Step]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Element(at) => value.get_mut(*at),
    })
}
