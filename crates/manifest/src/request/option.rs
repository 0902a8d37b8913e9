//! Where a `RequestOption` puts a value of the paginator, partition router, cursor or authenticator, and how what they
//! add to a request goes together. It sets values; it never decides which value.

use std::fmt;

use serde_json::{Map, Value};

use crate::component::{Component, Problem};
use crate::exchange::{Additions, Place};
use crate::template::{Context, Template, TemplateError};

/// Two parts put a value under the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is set twice in the {place} of a request")]
pub struct Twice {
    /// In which part of a request.
    pub place: Place,
    /// The name, with dots where it is nested.
    pub name: String,
}

/// Where a value goes: a `RequestOption`. (A `RequestPath` is none: its value is the path itself.)
#[derive(Debug, Clone)]
pub struct RequestOption {
    place: Place,
    names: Vec<Template>,
}

impl RequestOption {
    /// The option that a component describes.
    ///
    /// # Errors
    /// When it is a wrong one.
    pub fn new(component: &Component) -> Result<Self, Problem> {
        let place = match component.required("inject_into", component.str("inject_into"))? {
            "request_parameter" => Place::Parameter,
            "header" => Place::Header,
            "body_data" => Place::Form,
            "body_json" => Place::Json,
            other => {
                return Err(component.invalid("inject_into", format!("`{other}` is no part of a request")));
            }
        };
        let names = match (component.template("field_name")?, component.get("field_path")) {
            (Some(_), Some(_)) => {
                return Err(component.invalid("", "it has either `field_name` or `field_path`, not both"));
            }
            (Some(name), None) => vec![name],
            (None, Some(Value::Array(_))) if place != Place::Json => {
                return Err(component.invalid("field_path", "only a JSON body has nested fields"));
            }
            (None, Some(Value::Array(segments))) => segments
                .iter()
                .map(|segment| {
                    let text = segment
                        .as_str()
                        .ok_or_else(|| component.invalid("field_path", "texts are expected"))?;
                    component.template_of("field_path", text)
                })
                .collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        if names.is_empty() {
            return Err(component.invalid("", "it needs a `field_name` or a `field_path`"));
        }
        Ok(Self { place, names })
    }

    /// An option that sets one name, not a nested one.
    pub fn named(place: Place, name: Template) -> Self {
        Self { place, names: vec![name] }
    }

    /// The part of a request into which it puts a value.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Puts a value where this option says, over what stands there.
    ///
    /// # Errors
    /// When a name has no value.
    pub fn inject(&self, into: &mut Additions, value: Value, context: &Context) -> Result<(), TemplateError> {
        let target = match self.place {
            Place::Parameter => &mut into.parameters,
            Place::Header => &mut into.headers,
            Place::Form => &mut into.form,
            Place::Json => &mut into.json,
        };
        let names = self.names.iter().map(|name| name.text(context)).collect::<Result<Vec<_>, _>>()?;
        set(target, &names, value);
        Ok(())
    }
}

/// Sets a nested member. What stands in the way and is no object is replaced by one.
fn set(target: &mut Map<String, Value>, names: &[String], value: Value) {
    match names {
        [] => {}
        [name] => {
            target.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = target.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

impl Additions {
    /// Adds what another part puts into the request.
    ///
    /// # Errors
    /// When both set the same name. In a JSON body the same value may stand twice, and objects are merged.
    pub fn merge(&mut self, other: Self) -> Result<(), Twice> {
        merge(&mut self.parameters, other.parameters, Place::Parameter)?;
        merge(&mut self.headers, other.headers, Place::Header)?;
        merge(&mut self.form, other.form, Place::Form)?;
        merge(&mut self.json, other.json, Place::Json)?;
        Ok(())
    }

    /// Adds what another part puts into the request; its value wins where both set a name. So a cursor's options are
    /// laid over those of its partition.
    pub fn overlay(&mut self, other: Self) {
        self.parameters.extend(other.parameters);
        self.headers.extend(other.headers);
        self.form.extend(other.form);
        self.json.extend(other.json);
    }
}

pub(super) fn merge(
    target: &mut Map<String, Value>,
    source: Map<String, Value>,
    place: Place,
) -> Result<(), Twice> {
    for (name, value) in source {
        match target.get_mut(&name) {
            None => {
                target.insert(name, value);
            }
            Some(Value::Object(known)) if place == Place::Json && value.is_object() => {
                if let Value::Object(value) = value {
                    merge(known, value, place)
                        .map_err(|twice| Twice { place, name: format!("{name}.{}", twice.name) })?;
                }
            }
            Some(known) if place == Place::Json && *known == value => {}
            Some(_) => return Err(Twice { place, name }),
        }
    }
    Ok(())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parameter => "query",
            Self::Header => "headers",
            Self::Form => "form",
            Self::Json => "JSON body",
        })
    }
}
