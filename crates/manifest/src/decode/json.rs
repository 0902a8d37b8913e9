//! JSON as one document, or one document an element where it is a list; JSON a line; and the elements of a list in a
//! document. It never builds a tree.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{DecodeError, span};
use crate::record::Record;
use crate::select::path::{Segment, find};
use crate::select::{Found, seek};

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

/// The documents of a body that has to be JSON.
pub(super) fn strict(body: &Bytes) -> Result<Vec<Record>, DecodeError> {
    if let Some(elements) = elements(body) {
        return Ok(elements);
    }
    match serde_json::from_slice::<&RawValue>(body) {
        Ok(raw) if raw.get() != "null" => Ok(vec![Record::Span(span(body, raw.get()))]),
        _ => Err(DecodeError("no JSON".to_owned())),
    }
}

/// The elements of a list; none where the body is no JSON list.
fn elements(body: &Bytes) -> Option<Vec<Record>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    Some(elements.into_iter().map(|element| Record::Span(span(body, element.get()))).collect())
}

/// One document a line. A line that is no JSON is a mistake: it may be half of a record, or a page for people.
pub(super) fn lines(body: &Bytes) -> Result<Vec<Record>, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError("no UTF-8".to_owned()))?;
    let document = |(at, line): (usize, &str)| {
        let raw: &RawValue = serde_json::from_str(line)
            .map_err(|_| DecodeError(format!("no JSON Lines: line {} is no JSON", at + 1)))?;
        Ok(Record::Span(body.slice_ref(raw.get().as_bytes())))
    };
    text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty()).map(document).collect()
}

/// The elements of the list to which names lead, with dots between them. `item` is any element of a list on the way.
pub(super) fn items(body: &Bytes, path: &str) -> Result<Vec<Record>, DecodeError> {
    let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
    if !is_json {
        return Err(DecodeError("no JSON".to_owned()));
    }
    let names: Vec<&str> = path.split('.').collect();
    if names.contains(&"item") {
        let segment = |name: &&str| match *name {
            "item" => Segment::Pattern("*".to_owned()),
            name => Segment::Name(name.to_owned()),
        };
        let path: Vec<Segment> = names.iter().map(segment).collect();
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let lists = find(&value, &path).into_iter().filter_map(|(_, value)| value.as_array());
        return Ok(lists.flatten().cloned().map(Record::Value).collect());
    }
    let path: Vec<Segment> = names.into_iter().map(|name| Segment::Name(name.to_owned())).collect();
    match seek(body, &path) {
        Found::List(elements) => Ok(elements.into_iter().map(Record::Span).collect()),
        Found::One(_) | Found::Nothing => Ok(Vec::new()),
    }
}
