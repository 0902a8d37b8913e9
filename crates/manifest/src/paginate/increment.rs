//! Pages that are counted: by their number, or by the records before them. A page that is not full is the last one.

use serde_json::Value;

use super::{PageSeen, size};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::template::{Context, Template};

/// Pages by their number.
#[derive(Debug, Clone)]
pub(super) struct PageIncrement {
    pub(super) size: Option<u32>,
    start: i64,
    on_first: bool,
}

/// Pages by how many records stand before them.
#[derive(Debug, Clone)]
pub(super) struct OffsetIncrement {
    size: Option<Template>,
    on_first: bool,
}

impl PageIncrement {
    pub(super) fn build(component: &Component, context: &Context) -> Result<Self, Problem> {
        let start = match component.get("start_from_page") {
            None => 0,
            Some(start) => component.required("start_from_page", start.as_i64())?,
        };
        let on_first = component.bool("inject_on_first_request").unwrap_or(false);
        Ok(Self { size: size::fixed(component, context)?, start, on_first })
    }

    pub(super) fn first(&self) -> Option<Value> {
        self.on_first.then(|| self.start.into())
    }

    pub(super) fn next(&self, seen: &PageSeen<'_>) -> Result<Option<Value>, ReadError> {
        if seen.reduced.is_some() {
            let message = "pages that are counted by their number cannot be made smaller";
            return Err(ReadError::Settings(message.to_owned()));
        }
        if is_last(seen.extracted, self.size) {
            return Ok(None);
        }
        let current = counted(seen.token)?.unwrap_or(self.start);
        Ok(Some(current.saturating_add(1).into()))
    }
}

impl OffsetIncrement {
    pub(super) fn build(component: &Component) -> Result<Self, Problem> {
        let on_first = component.bool("inject_on_first_request").unwrap_or(false);
        Ok(Self { size: component.template("page_size")?.filter(|size| !size.source().is_empty()), on_first })
    }

    pub(super) fn size(&self, context: &Context) -> Result<Option<u32>, ReadError> {
        self.size.as_ref().map(|template| size::number(template, context)).transpose()
    }

    pub(super) fn first(&self) -> Option<Value> {
        self.on_first.then(|| 0.into())
    }

    pub(super) fn next(&self, seen: &PageSeen<'_>, context: &Context) -> Result<Option<Value>, ReadError> {
        let size = match (seen.reduced, &self.size) {
            (Some(reduced), _) => Some(reduced),
            (None, Some(template)) if !template.is_constant() => {
                Some(size::number(template, &context.with("response", &(seen.response)(None)))?)
            }
            (None, _) => self.size(context)?,
        };
        if is_last(seen.extracted, size) {
            return Ok(None);
        }
        let read = i64::try_from(seen.extracted).unwrap_or(i64::MAX);
        let before = counted(seen.token)?.unwrap_or(0);
        Ok(Some(before.saturating_add(read).into()))
    }
}

/// Whether no page follows one with so many records.
fn is_last(extracted: usize, size: Option<u32>) -> bool {
    extracted == 0
        || size.is_some_and(|size| u32::try_from(extracted).is_ok_and(|extracted| extracted < size))
}

/// The number that a token is.
fn counted(token: Option<&Value>) -> Result<Option<i64>, ReadError> {
    let Some(token) = token else { return Ok(None) };
    let number = token.as_i64();
    let fail = || ReadError::Settings("the token of a counted page is no whole number".to_owned());
    number.map(Some).ok_or_else(fail)
}
