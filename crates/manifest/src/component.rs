//! A component of a manifest once it is loaded: an object with a `type`, references resolved, parameters handed down and
//! types inferred. It reads members and says where a wrong one stands; it never decides what a component does.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::Json;
use crate::template::Template;

/// A component, and where in the manifest it stands.
#[derive(Debug, Clone)]
pub struct Component {
    members: Arc<Map<String, Value>>,
    path: String,
    parameters: Json,
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Problem {
    /// Where it stands: `streams[2].retriever.paginator`.
    pub path: String,
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// What is wrong, in words.
    pub message: String,
}

/// What kind of problem a component has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// The reference would refuse it, too.
    Invalid,
    /// The language has it, and this crate has not.
    Unsupported,
    /// It is Python code beside the manifest, without a native equivalent here.
    Custom {
        /// What the manifest calls it.
        class_name: String,
    },
}

impl Component {
    /// The component that an object is. `$parameters` in it are what its templates know as `parameters`.
    pub fn new(members: Map<String, Value>, path: impl Into<String>) -> Self {
        let parameters = members.get("$parameters").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        Self { members: Arc::new(members), path: path.into(), parameters: Arc::new(parameters) }
    }

    /// Its `type`; empty where it has none.
    pub fn kind(&self) -> &str {
        self.str("type").unwrap_or_default()
    }

    /// Where it stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What its templates know as `parameters`.
    pub fn parameters(&self) -> &Json {
        &self.parameters
    }

    /// A member as it stands; none where it is absent or null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// All members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// A member that is a text.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A member that is true or false.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// Where a member stands.
    fn path_of(&self, name: &str) -> String {
        match (self.path.as_str(), name) {
            (path, "") => path.to_owned(),
            ("", name) => name.to_owned(),
            (path, name) => format!("{path}.{name}"),
        }
    }

    /// A member that is itself a component.
    pub fn child(&self, name: &str) -> Option<Self> {
        let Value::Object(members) = self.get(name)? else { return None };
        Some(Self::new(members.clone(), self.path_of(name)))
    }

    /// The components of a member that is a list of them. One that stands there without a list is a list of one.
    pub fn children(&self, name: &str) -> Vec<Self> {
        match self.get(name) {
            Some(Value::Array(items)) => {
                let object = |(at, item): (usize, &Value)| {
                    Some(Self::new(item.as_object()?.clone(), format!("{}[{at}]", self.path_of(name))))
                };
                items.iter().enumerate().filter_map(object).collect()
            }
            _ => self.child(name).into_iter().collect(),
        }
    }

    /// A member as a template. A number or a boolean is the template of its text.
    ///
    /// # Errors
    /// When it is no template.
    pub fn template(&self, name: &str) -> Result<Option<Template>, Problem> {
        let text = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
                return Err(self.invalid(name, "a text is expected"));
            }
        };
        self.template_of(name, &text).map(Some)
    }

    /// A text that stands somewhere in a member as a template.
    ///
    /// # Errors
    /// When it is no template.
    pub fn template_of(&self, name: &str, text: &str) -> Result<Template, Problem> {
        Template::compile(text, &self.parameters).map_err(|error| self.invalid(name, error))
    }

    /// A member that has to be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn required<T>(&self, name: &str, member: Option<T>) -> Result<T, Problem> {
        member.ok_or_else(|| self.invalid(name, "it is required and missing"))
    }

    /// The problem of a member that is wrong.
    pub fn invalid(&self, name: &str, message: impl fmt::Display) -> Problem {
        Problem { path: self.path_of(name), kind: ProblemKind::Invalid, message: message.to_string() }
    }

    /// The problem of a component that cannot be used here: custom code, or a kind that is not known.
    pub fn unsupported(&self) -> Problem {
        let (kind, message) = match self.str("class_name") {
            Some(class_name) => (
                ProblemKind::Custom { class_name: class_name.to_owned() },
                format!("`{class_name}` is Python code beside the manifest, and has no equivalent here"),
            ),
            None => {
                (ProblemKind::Unsupported, format!("the component `{}` cannot be used here", self.kind()))
            }
        };
        Problem { path: self.path.clone(), kind, message }
    }
}
