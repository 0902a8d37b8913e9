//! From the body of an answer to the documents in it. A document stays a span of the body as long as it can; nothing
//! here knows where records stand in it.

mod json;

use bytes::Bytes;

use crate::component::{Component, Problem};
use crate::record::Record;
use crate::transport::Response;

/// How a body is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoder {
    /// JSON. What is no JSON is an empty object, as in the reference.
    Json,
}

/// A body that is not what the manifest says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is {0}")]
pub struct DecodeError(pub String);

impl Decoder {
    /// The decoder that a component describes; JSON where there is none.
    ///
    /// # Errors
    /// When it is wrong, or none that can be used here.
    pub fn new(component: Option<&Component>) -> Result<Self, Problem> {
        let Some(component) = component else { return Ok(Self::Json) };
        match component.kind() {
            "JsonDecoder" => Ok(Self::Json),
            _ => Err(component.unsupported()),
        }
    }

    /// The documents of a body, in their order. A list at the root is one document an element. A JSON document that
    /// is no list is not looked into: it may turn out to be no JSON, and is to be taken for `{}` then.
    ///
    /// # Errors
    /// When the body is not what this decoder reads.
    pub fn documents(&self, answer: &Response) -> Result<Vec<Record>, DecodeError> {
        match self {
            Self::Json => Ok(json::lenient(&answer.body)),
        }
    }
}

/// The part of a body that a slice of it is.
pub(crate) fn span(body: &Bytes, part: &str) -> Bytes {
    body.slice_ref(part.as_bytes())
}
