//! The page size of a strategy: a number, or a template that gives one.

use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::template::{Context, Template};

/// The page size that a member is, evaluated once.
pub(super) fn fixed(component: &Component, context: &Context) -> Result<Option<u32>, Problem> {
    match component.template("page_size")? {
        None => Ok(None),
        Some(template) => {
            number(&template, context).map(Some).map_err(|error| component.invalid("page_size", error))
        }
    }
}

/// The number that a template gives.
pub(super) fn number(template: &Template, context: &Context) -> Result<u32, ReadError> {
    let value = template.value(context)?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| {
        ReadError::Settings(format!("the page size `{}` is no whole number", template.source()))
    })
}
