//! Partitions that a list names.

use serde_json::Value;

use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::Additions;
use crate::paginate::is_true;
use crate::request::RequestOption;
use crate::slice::Slice;
use crate::template::{Context, Template};

/// A manifest's `ListPartitionRouter`.
#[derive(Debug)]
pub struct List {
    values: Values,
    field: Template,
    option: Option<RequestOption>,
}

#[derive(Debug)]
enum Values {
    Given(Vec<Value>),
    Template(Template),
}

impl List {
    pub(super) fn build(component: &Component) -> Result<Self, Problem> {
        let values = match component.get("values") {
            Some(Value::Array(values)) => Values::Given(values.clone()),
            Some(Value::String(text)) => Values::Template(component.template_of("values", text)?),
            _ => return Err(component.invalid("values", "a list is expected")),
        };
        let option =
            component.child("request_option").map(|option| RequestOption::new(&option)).transpose()?;
        Ok(Self {
            values,
            field: component.required("cursor_field", component.template("cursor_field")?)?,
            option,
        })
    }

    pub(super) fn slices(&self, context: &Context) -> Result<Vec<Slice>, ReadError> {
        let field = self.field.text(context)?;
        let values = match &self.values {
            Values::Given(values) => values.clone(),
            Values::Template(template) => match template.value(context)? {
                Value::Array(values) => values,
                // As in the reference, a text is a list of its letters.
                Value::String(text) => text.chars().map(|letter| letter.to_string().into()).collect(),
                _ => {
                    let message = format!("the template `{}` gives no list", template.source());
                    return Err(ReadError::Settings(message));
                }
            },
        };
        let slice = |value| Slice { partition: crate::object([(field.clone(), value)]), ..Slice::default() };
        Ok(values.into_iter().map(slice).collect())
    }

    pub(super) fn additions(&self, slice: &Slice, context: &Context) -> Result<Additions, ReadError> {
        let mut additions = Additions::default();
        if let Some(option) = &self.option {
            let value = slice.get(&self.field.text(context)?);
            if let Some(value) = value.filter(|value| is_true(value)) {
                option.inject(&mut additions, value.clone(), context)?;
            }
        }
        Ok(additions)
    }
}
