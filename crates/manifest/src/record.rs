//! A record: the JSON text it came as, or the value that transformations made of it. It never parses a text before
//! somebody asks for a value.

use bytes::Bytes;
use serde_json::Value;

/// A record of a stream.
#[derive(Debug, Clone)]
pub enum Record {
    /// As it stands in the answer: a span of its body, valid JSON.
    Span(Bytes),
    /// What was made of it.
    Value(Value),
}

impl Record {
    /// Its value. Null, where its text is not JSON.
    pub fn value(&self) -> Value {
        match self {
            Self::Span(text) => serde_json::from_slice(text).unwrap_or_default(),
            Self::Value(value) => value.clone(),
        }
    }

    /// Its JSON text.
    pub fn text(&self) -> Bytes {
        match self {
            Self::Span(text) => text.clone(),
            Self::Value(value) => Bytes::from(value.to_string()),
        }
    }
}
