//! `AddFields`: sets members of a record. A field whose value does not look at the record is computed once a page, and
//! a new member at the root is spliced into the record's text.

use serde_json::Value;

use super::{with_record, wrong};
use crate::Json;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::select::draft::{Draft, Member};
use crate::select::path::{Segment, set};
use crate::template::{Context, Literals, Template};

/// The fields that are added.
#[derive(Debug)]
pub(crate) struct AddFields {
    fields: Vec<Field>,
    condition: Option<Template>,
}

#[derive(Debug)]
struct Field {
    path: Vec<Segment>,
    shown: Json,
    value: Template,
    literals: Literals,
}

/// The fields for the records of one page.
#[derive(Debug)]
pub(crate) struct Ready<'t> {
    add: &'t AddFields,
    /// By field: the member at the root that it sets in every record.
    fixed: Vec<Option<Member>>,
}

impl AddFields {
    pub(super) fn new(component: &Component) -> Result<Self, Problem> {
        let condition = component.template("condition")?.filter(|condition| !condition.source().is_empty());
        let fields = component.children("fields").iter().map(Field::new).collect::<Result<_, _>>()?;
        Ok(Self { fields, condition })
    }

    pub(super) fn ready(&self, context: &Context) -> Ready<'_> {
        let fixed = |field: &Field| match field.path.as_slice() {
            // A template that cannot be evaluated without a record fails again, and is told, when there is one.
            [Segment::Name(name)]
                if self.condition.is_none() && field.value.variables().all(|name| name != "record") =>
            {
                field.value.typed(context, field.literals).ok().map(|value| Member::new(name, value))
            }
            _ => None,
        };
        Ready { add: self, fixed: self.fields.iter().map(fixed).collect() }
    }
}

impl Field {
    fn new(component: &Component) -> Result<Self, Problem> {
        let path = component.required("path", component.get("path").and_then(Value::as_array))?;
        if path.is_empty() {
            return Err(component.invalid("path", "it is empty"));
        }
        let literals = match component.str("value_type") {
            None => Literals::Any,
            Some("string") => Literals::Texts,
            Some("number") => Literals::Floats,
            Some("integer") => Literals::Integers,
            Some("boolean") => Literals::Booleans,
            Some(other) => return Err(component.invalid("value_type", format!("`{other}` is no type"))),
        };
        let value = component.required("value", component.template("value")?)?;
        let shown = Json::new(Value::Array(path.clone()));
        Ok(Self { path: path.iter().map(Segment::of).collect(), shown, value, literals })
    }
}

impl Ready<'_> {
    pub(super) fn apply(&self, draft: &mut Draft, context: &Context) -> Result<(), ReadError> {
        let mut together: Vec<&Member> = Vec::with_capacity(self.fixed.len());
        for (field, fixed) in self.add.fields.iter().zip(&self.fixed) {
            if let Some(member) = fixed {
                together.push(member);
                continue;
            }
            flush(draft, &mut together);
            self.set(field, draft, context)?;
        }
        flush(draft, &mut together);
        Ok(())
    }

    fn set(&self, field: &Field, draft: &mut Draft, context: &Context) -> Result<(), ReadError> {
        let context = with_record(draft, context);
        let value = field.value.typed(&context, field.literals)?;
        if let Some(condition) = &self.add.condition {
            let context = context.with("value", &Json::new(value.clone())).with("path", &field.shown);
            if !condition.is_true(&context)? {
                return Ok(());
            }
        }
        // The record's value is shared no longer, so that it can be changed where it is.
        drop(context);
        match field.path.as_slice() {
            [Segment::Name(name)] => {
                flush(draft, &mut vec![&Member::new(name, value)]);
                Ok(())
            }
            path => set(draft.value_mut(), path, value).map_err(|error| wrong(&error)),
        }
    }
}

fn flush(draft: &mut Draft, members: &mut Vec<&Member>) {
    if !members.is_empty() {
        draft.set_members(members);
        members.clear();
    }
}
