//! What one evaluation sees: a context, and over it the variables of one record. It is made without a copy, and lives no
//! longer than the evaluation.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::context::Context;
use super::value::Value;

/// A context, and variables that are laid over it.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    context: &'a Context,
    over: &'a [(&'a str, Over<'a>)],
}

/// A variable that is laid over a context.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Over<'a> {
    /// A value.
    Json(&'a Json),
    /// An object of which the template looks at these members alone.
    Members(&'a Members<'a>),
}

/// Members of an object by their names, as they were found in its text. It has all those that a template looks at.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(Vec<(&'a str, Member<'a>)>);

/// A member of an object.
#[derive(Debug)]
pub(crate) enum Member<'a> {
    /// A text, as it stands in the object's.
    Text(&'a str),
    /// An object of which only these members are looked at.
    Members(Members<'a>),
    /// Anything else.
    Json(Json),
}

impl<'a> From<&'a Context> for Scope<'a> {
    fn from(context: &'a Context) -> Self {
        Self { context, over: &[] }
    }
}

impl<'a> Scope<'a> {
    /// A context with variables laid over it.
    pub(crate) fn new(context: &'a Context, over: &'a [(&'a str, Over<'a>)]) -> Self {
        Self { context, over }
    }

    pub(super) fn context(self) -> &'a Context {
        self.context
    }

    /// A variable's value; none where there is none of this name.
    pub(super) fn get(self, name: &str) -> Option<Value<'a>> {
        match self.over.iter().find(|(known, _)| *known == name) {
            Some((_, Over::Json(json))) => Some(Value::from(*json)),
            Some((_, Over::Members(members))) => Some(Value::Members(members)),
            None => self.context.get(name),
        }
    }
}

impl<'a> Members<'a> {
    pub(crate) fn with_capacity(members: usize) -> Self {
        Self(Vec::with_capacity(members))
    }

    /// Sets a member. Of those with the same name the last counts.
    pub(crate) fn set(&mut self, name: &'a str, member: Member<'a>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = member,
            None => self.0.push((name, member)),
        }
    }

    /// An object that has them and no others.
    pub(crate) fn into_object(self) -> Map<String, Json> {
        let value = |member| match member {
            Member::Text(text) => Json::from(text),
            Member::Members(members) => Json::Object(members.into_object()),
            Member::Json(value) => value,
        };
        crate::object(self.0.into_iter().map(|(name, member)| (name.to_owned(), value(member))))
    }

    pub(super) fn get(&self, name: &str) -> Option<Value<'_>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, member)| member.into())
    }

    /// Whether there is a member of a name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.0.iter().map(|(name, member)| (*name, member.into()))
    }
}

impl<'m> From<&'m Member<'_>> for Value<'m> {
    fn from(member: &'m Member<'_>) -> Self {
        match member {
            Member::Text(text) => Self::Text(Cow::Borrowed(text)),
            Member::Members(members) => Self::Members(members),
            Member::Json(json) => json.into(),
        }
    }
}
