//! The templates of a requester's parameters, headers and bodies: texts, maps and trees of them, compiled once. They say
//! what is set; they never merge it with what others set.

use serde_json::{Map, Value};

use super::text::python_text;
use crate::component::{Component, Problem};
use crate::template::{Context, Literals, Template, TemplateError};

/// A map of templates, or one template that gives the whole.
#[derive(Debug, Clone, Default)]
pub(super) enum Entries {
    #[default]
    None,
    Map(Vec<Entry>),
    Whole(Template),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    name: Template,
    value: Tree,
}

/// A value with templates in it.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Text(Template),
    Object(Vec<Entry>),
    List(Vec<Tree>),
    Other(Value),
}

/// What entries give: members, or a text that stands for the whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Members(Map<String, Value>),
    Text(String),
}

/// Which literals names and values are read as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) names: Literals,
    pub(super) values: Literals,
}

impl Entries {
    /// The entries of a member, whose values are texts. Numbers and booleans are taken as their text.
    pub(super) fn flat(component: &Component, member: &str, value: Option<&Value>) -> Result<Self, Problem> {
        let value = match value {
            Some(Value::Object(members)) => {
                let text = |(name, value): (&String, &Value)| match value {
                    Value::Null | Value::Array(_) | Value::Object(_) => {
                        Err(component.invalid(&format!("{member}.{name}"), "a text is expected"))
                    }
                    other => Ok((name.clone(), Value::String(python_text(other)))),
                };
                Some(Value::Object(crate::try_object(members.iter().map(text))?))
            }
            other => other.cloned(),
        };
        Self::nested(component, member, value.as_ref())
    }

    /// The entries of a member, whose values are anything.
    pub(super) fn nested(
        component: &Component,
        member: &str,
        value: Option<&Value>,
    ) -> Result<Self, Problem> {
        match value {
            None | Some(Value::Null) => Ok(Self::None),
            Some(Value::String(text)) if text.is_empty() => Ok(Self::None),
            Some(Value::Object(members)) if members.is_empty() => Ok(Self::None),
            Some(Value::String(text)) => Ok(Self::Whole(component.template_of(member, text)?)),
            Some(Value::Object(members)) => Ok(Self::Map(entries(component, member, members)?)),
            Some(_) => Err(component.invalid(member, "a map or a text is expected")),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// What they give. Null is left out of a map.
    pub(super) fn given(&self, context: &Context, reading: Reading) -> Result<Given, TemplateError> {
        match self {
            Self::None => Ok(Given::Members(Map::new())),
            Self::Map(entries) => members(entries, context, reading).map(Given::Members),
            Self::Whole(template) => Ok(match template.value(context)? {
                Value::Object(members) => Given::Members(members),
                Value::String(text) => Given::Text(text),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                    Given::Members(Map::new())
                }
            }),
        }
    }
}

fn entries(component: &Component, member: &str, map: &Map<String, Value>) -> Result<Vec<Entry>, Problem> {
    let entry = |(name, value): (&String, &Value)| {
        let place = format!("{member}.{name}");
        Ok(Entry { name: component.template_of(&place, name)?, value: Tree::new(component, &place, value)? })
    };
    map.iter().map(entry).collect()
}

fn members(
    entries: &[Entry],
    context: &Context,
    reading: Reading,
) -> Result<Map<String, Value>, TemplateError> {
    let mut members = Map::new();
    for entry in entries {
        let value = entry.value.value(context, reading)?;
        if !value.is_null() {
            members.insert(reading.name(&entry.name.entry(context, reading.names)?), value);
        }
    }
    Ok(members)
}

impl Reading {
    /// A name. In a JSON body, another kind of value than a text is written as in JSON, elsewhere as in Python.
    fn name(self, name: &Value) -> String {
        match name {
            Value::String(text) => text.clone(),
            other if self.names == Literals::Any => other.to_string(),
            other => python_text(other),
        }
    }
}

impl Tree {
    /// The value with templates in it that stands in a member.
    pub(super) fn new(component: &Component, member: &str, value: &Value) -> Result<Self, Problem> {
        Ok(match value {
            Value::String(text) => Self::Text(component.template_of(member, text)?),
            Value::Object(members) => Self::Object(entries(component, member, members)?),
            Value::Array(items) => Self::List(
                items.iter().map(|item| Self::new(component, member, item)).collect::<Result<_, _>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Other(value.clone()),
        })
    }

    fn value(&self, context: &Context, reading: Reading) -> Result<Value, TemplateError> {
        Ok(match self {
            Self::Text(template) => template.entry(context, reading.values)?,
            Self::Object(entries) => Value::Object(members(entries, context, reading)?),
            Self::List(items) => {
                Value::Array(items.iter().map(|item| item.value(context, reading)).collect::<Result<_, _>>()?)
            }
            Self::Other(value) => value.clone(),
        })
    }
}
