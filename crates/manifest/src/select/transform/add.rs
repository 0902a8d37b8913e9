//! `AddFields`: sets members of a record. A field whose value does not look at the record is computed once a page, and
//! a new member at the root is spliced into the record's text.

use std::borrow::Cow;

use serde_json::Value;

use super::wrong;
use crate::Json;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::select::draft::{Draft, Key};
use crate::select::path::{Segment, set};
use crate::template::{Context, Literals, Over, Scope, Template};

/// The fields that are added, one after the other.
#[derive(Debug)]
pub(crate) struct AddFields {
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    place: Place,
    path: Json,
    value: Template,
    literals: Literals,
    condition: Option<Template>,
}

/// Where a field is set.
#[derive(Debug)]
enum Place {
    /// At the root of the record.
    Root(Box<Key>),
    /// Below it, and under which name of the root, if that is one.
    Below(Vec<Segment>, Option<Box<Key>>),
}

/// The fields for the records of one page: those that are the same in every record, and those that are not.
#[derive(Debug)]
pub(crate) struct Ready<'t> {
    steps: Vec<Step<'t>>,
}

#[derive(Debug)]
enum Step<'t> {
    Same(&'t Key, Value),
    Own(&'t Field),
}

impl AddFields {
    pub(super) fn new(component: &Component) -> Result<Self, Problem> {
        let condition = component.template("condition")?.filter(|condition| !condition.source().is_empty());
        let field = |field: &Component| Field::new(field, condition.clone());
        Ok(Self { fields: component.children("fields").iter().map(field).collect::<Result<_, _>>()? })
    }

    /// The same with the fields of another after its own.
    pub(super) fn then(&mut self, other: Self) {
        self.fields.extend(other.fields);
    }

    /// The templates that look at records.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.fields.iter().flat_map(|field| [Some(&field.value), field.condition.as_ref()]).flatten()
    }

    /// The names at the root of a record under which something is set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|field| match &field.place {
            Place::Root(key) | Place::Below(_, Some(key)) => Some(key.name()),
            Place::Below(_, None) => None,
        })
    }

    pub(super) fn ready(&self, context: &Context) -> Ready<'_> {
        let step = |field| Field::same(field, context).unwrap_or(Step::Own(field));
        Ready { steps: self.fields.iter().map(step).collect() }
    }
}

impl Field {
    fn new(component: &Component, condition: Option<Template>) -> Result<Self, Problem> {
        let path = component.required("path", component.get("path").and_then(Value::as_array))?;
        let segments: Vec<Segment> = path.iter().map(Segment::of).collect();
        let place = match segments.as_slice() {
            [] => return Err(component.invalid("path", "it is empty")),
            [Segment::Name(name)] => Place::Root(Box::new(Key::new(name))),
            [first, ..] => {
                let key = match first {
                    Segment::Name(name) => Some(Box::new(Key::new(name))),
                    _ => None,
                };
                Place::Below(segments, key)
            }
        };
        let literals = match component.str("value_type") {
            None => Literals::Any,
            Some("string") => Literals::Texts,
            Some("number") => Literals::Floats,
            Some("integer") => Literals::Integers,
            Some("boolean") => Literals::Booleans,
            Some(other) => return Err(component.invalid("value_type", format!("`{other}` is no type"))),
        };
        let value = component.required("value", component.template("value")?)?;
        Ok(Self { place, path: Json::new(Value::Array(path.clone())), value, literals, condition })
    }

    /// The member that it sets in every record; none where it depends on the record. A template that has no value
    /// without a record fails again, and is told, when there is one.
    fn same(&self, context: &Context) -> Option<Step<'_>> {
        let Place::Root(key) = &self.place else { return None };
        let is_same = self.condition.is_none() && self.value.variables().all(|name| name != "record");
        let value = is_same.then(|| self.value.typed(context, self.literals).ok())??;
        Some(Step::Same(key, value))
    }

    fn set<'r>(&'r self, draft: &mut Draft<'r>, context: &Context) -> Result<(), ReadError> {
        let record = ("record", draft.seen());
        let value = self.value.typed(Scope::new(context, &[record]), self.literals)?;
        if let Some(condition) = &self.condition {
            let over = [record, ("value", Over::Json(&value)), ("path", Over::Json(&self.path))];
            if !condition.is_true(Scope::new(context, &over))? {
                return Ok(());
            }
        }
        match &self.place {
            Place::Root(key) => {
                draft.set(key, Cow::Owned(value));
                Ok(())
            }
            // Where the root has no such name, all that is below it is new.
            Place::Below(path, Some(key)) if draft.lacks(key.name()) => {
                let mut root = Value::Object(serde_json::Map::new());
                set(&mut root, path, value).map_err(|error| wrong(&error))?;
                let value = root.get_mut(key.name()).map(Value::take).unwrap_or_default();
                draft.set(key, Cow::Owned(value));
                Ok(())
            }
            Place::Below(path, _) => set(draft.value_mut(), path, value).map_err(|error| wrong(&error)),
        }
    }
}

impl Ready<'_> {
    pub(super) fn apply<'r>(&'r self, draft: &mut Draft<'r>, context: &Context) -> Result<(), ReadError> {
        for step in &self.steps {
            match step {
                Step::Same(key, value) => draft.set(key, Cow::Borrowed(value)),
                Step::Own(field) => field.set(draft, context)?,
            }
        }
        Ok(())
    }
}
