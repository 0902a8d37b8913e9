//! Pagination: from a page that was seen to the token of the next one, and where token and page size go in a request.
//! It asks nothing itself and keeps nothing between pages: a token and a page size are all that a reading remembers.

mod cursor;
mod headers;
mod increment;
mod reduction;
mod reset;
mod size;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use headers::header_variable;
pub use reduction::{PageSizeReduction, Reducer};
pub use reset::{PaginationReset, ResetAction};

use crate::Json;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::Additions;
use crate::request::RequestOption;
use crate::slice::Slice;
use crate::template::Context;

use cursor::CursorPagination;
use increment::{OffsetIncrement, PageIncrement};

/// How pages follow each other, and how a request says which one it wants.
#[derive(Debug, Clone)]
pub struct Paginator {
    strategy: Strategy,
    token: TokenPlace,
    size: Option<RequestOption>,
    context: Context,
}

/// How the token of the next page is found.
#[derive(Debug, Clone)]
enum Strategy {
    One,
    Page(PageIncrement),
    Offset(OffsetIncrement),
    Cursor(CursorPagination),
}

/// Where the token of a page goes.
#[derive(Debug, Clone)]
enum TokenPlace {
    Nowhere,
    Path,
    Option(RequestOption),
}

/// A page that was read.
pub struct PageSeen<'a> {
    /// The slice it belongs to.
    pub slice: &'a Slice,
    /// The token it was asked with.
    pub token: Option<&'a Value>,
    /// How many records the extractor found in it.
    pub extracted: usize,
    /// How many records were left of them.
    pub kept: usize,
    /// The last of those that were left.
    pub last_record: Option<&'a Value>,
    /// The page size it was asked with, where that is another than the manifest's.
    pub reduced: Option<u32>,
    /// What templates know as `response`, or these members of it.
    pub response: &'a dyn Fn(Option<&[String]>) -> Json,
    /// What templates know as `headers`.
    pub headers: &'a dyn Fn() -> Json,
}

impl Paginator {
    /// The paginator of a retriever; without one there is a single page.
    ///
    /// # Errors
    /// When a component in it is wrong or not known.
    pub fn build(component: Option<&Component>, config: &Json) -> Result<Self, Problem> {
        let context = Context::new(config);
        let single =
            |context| Self { strategy: Strategy::One, token: TokenPlace::Nowhere, size: None, context };
        let Some(component) = component else { return Ok(single(context)) };
        match component.kind() {
            "NoPagination" => Ok(single(context)),
            "DefaultPaginator" => Self::build_default(component, context),
            _ => Err(component.unsupported()),
        }
    }

    fn build_default(component: &Component, context: Context) -> Result<Self, Problem> {
        let strategy = component.child("pagination_strategy");
        let strategy = component.required("pagination_strategy", strategy)?;
        let strategy = match strategy.kind() {
            "PageIncrement" => Strategy::Page(PageIncrement::build(&strategy, &context)?),
            "OffsetIncrement" => Strategy::Offset(OffsetIncrement::build(&strategy)?),
            "CursorPagination" => Strategy::Cursor(CursorPagination::build(&strategy, &context)?),
            _ => return Err(strategy.unsupported()),
        };
        let token = match component.child("page_token_option") {
            None => TokenPlace::Nowhere,
            Some(option) if option.kind() == "RequestPath" => TokenPlace::Path,
            Some(option) => TokenPlace::Option(RequestOption::new(&option)?),
        };
        let size =
            component.child("page_size_option").map(|option| RequestOption::new(&option)).transpose()?;
        let paginator = Self { strategy, token, size, context };
        let has_size =
            paginator.page_size().map_err(|error| component.invalid("pagination_strategy", error))?;
        if paginator.size.is_some() && has_size.is_none_or(|size| size == 0) {
            return Err(component.invalid("page_size_option", "the pagination strategy has no `page_size`"));
        }
        Ok(paginator)
    }

    /// The token of the first page; most often none.
    pub fn first(&self) -> Option<Value> {
        match &self.strategy {
            Strategy::One | Strategy::Cursor(_) => None,
            Strategy::Page(pages) => pages.first(),
            Strategy::Offset(offset) => offset.first(),
        }
    }

    /// The token of the page that follows; none after the last one.
    ///
    /// # Errors
    /// When a template has no value, or the page size cannot be changed.
    pub fn next(&self, seen: &PageSeen<'_>) -> Result<Option<Value>, ReadError> {
        let token = match &self.strategy {
            Strategy::One => None,
            Strategy::Page(pages) => pages.next(seen)?,
            Strategy::Offset(offset) => offset.next(seen, &self.context)?,
            Strategy::Cursor(cursor) => cursor.next(seen, &self.context)?,
        };
        Ok(token.filter(is_true))
    }

    /// How many records a page is to have.
    ///
    /// # Errors
    /// When it is no number.
    pub fn page_size(&self) -> Result<Option<u32>, ReadError> {
        match &self.strategy {
            Strategy::One => Ok(None),
            Strategy::Page(pages) => Ok(pages.size),
            Strategy::Offset(offset) => offset.size(&self.context),
            Strategy::Cursor(cursor) => Ok(cursor.size),
        }
    }

    /// The path that a token is, where tokens go there.
    pub fn path(&self, token: Option<&Value>) -> Option<String> {
        match (&self.token, token?) {
            (TokenPlace::Path, Value::String(path)) if !path.is_empty() => Some(path.clone()),
            (TokenPlace::Path, token) if is_true(token) => Some(token.to_string()),
            _ => None,
        }
    }

    /// What the request for a page carries. `reduced` is the page size, where it is another than the manifest's.
    ///
    /// # Errors
    /// When a template has no value.
    pub fn additions(&self, token: Option<&Value>, reduced: Option<u32>) -> Result<Additions, ReadError> {
        let mut additions = Additions::default();
        if let (TokenPlace::Option(option), Some(token)) = (&self.token, token) {
            option.inject(&mut additions, token.clone(), &self.context)?;
        }
        if let Some(option) = &self.size {
            let size = if reduced.is_some() { reduced } else { self.page_size()? };
            if let Some(size) = size.filter(|size| *size > 0) {
                option.inject(&mut additions, Value::from(size), &self.context)?;
            }
        }
        Ok(additions)
    }
}

/// Whether Python takes a value for true.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}
