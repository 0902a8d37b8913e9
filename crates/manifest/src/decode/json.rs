//! JSON as one document, or one document an element where it is a list. It never builds a tree.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::span;
use crate::record::Record;

/// The documents of a body. Where it is no JSON, or an empty list, it is one empty object.
pub(super) fn lenient(body: &Bytes) -> Vec<Record> {
    let empty = || vec![Record::Span(Bytes::from_static(b"{}"))];
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => match elements(body) {
            Some(elements) if !elements.is_empty() => elements,
            _ => empty(),
        },
        Some(b'{') => vec![Record::Span(body.clone())],
        // A single value that is neither: only null is taken for no JSON.
        Some(_) => match serde_json::from_slice::<&RawValue>(body) {
            Ok(raw) if raw.get() != "null" => vec![Record::Span(span(body, raw.get()))],
            _ => empty(),
        },
        None => empty(),
    }
}

/// The elements of a list; none where the body is no JSON list.
fn elements(body: &Bytes) -> Option<Vec<Record>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    Some(elements.into_iter().map(|element| Record::Span(span(body, element.get()))).collect())
}
