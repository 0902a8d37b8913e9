//! Where the records stand in a document: `DpathExtractor` and `CombinedExtractor`.

use serde_json::Value;

use super::evaluated_path;
use super::expand::Expander;
use super::path::{Segment, find, get};
use super::seek::{Found, seek};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::record::Record;
use crate::template::Context;

/// An extractor, compiled.
#[derive(Debug)]
pub(super) enum Extractor {
    Dpath { path: Vec<Segment>, expander: Option<Expander> },
    Combined { extractors: Vec<Extractor>, first_match: bool, skip_empty: bool },
}

/// What an extractor found.
#[derive(Debug, Default)]
pub(super) struct Extracted {
    pub(super) records: Vec<Record>,
    /// How many empty records were left out, which count for the size of a page.
    pub(super) skipped: usize,
    /// Whether the documents were read to their end, and are JSON. `false` says nothing.
    pub(super) is_json: bool,
}

impl Extractor {
    /// The extractor that a component describes. `config` is what its paths are evaluated with.
    pub(super) fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        match component.kind() {
            // Its decoder finds rows, and each is a record.
            "ResponseToFileExtractor" => Ok(Self::Dpath { path: Vec::new(), expander: None }),
            "DpathExtractor" => Ok(Self::Dpath {
                path: evaluated_path(component, "field_path", config)?,
                expander: component
                    .child("record_expander")
                    .map(|expander| Expander::new(&expander, config))
                    .transpose()?,
            }),
            "CombinedExtractor" => {
                let extractors = component.children("extractors");
                if extractors.is_empty() {
                    return Err(component.invalid("extractors", "it is empty"));
                }
                let first_match = match component.str("mode") {
                    None | Some("union") => false,
                    Some("first_match") => true,
                    Some(other) => return Err(component.invalid("mode", format!("`{other}` is no mode"))),
                };
                Ok(Self::Combined {
                    extractors: extractors
                        .iter()
                        .map(|it| Self::new(it, config))
                        .collect::<Result<_, _>>()?,
                    first_match,
                    skip_empty: component.bool("skip_empty_records").unwrap_or(false),
                })
            }
            _ => Err(component.unsupported()),
        }
    }

    /// The records of the documents of an answer.
    pub(super) fn extract(&self, documents: &[Record]) -> Result<Extracted, ReadError> {
        match self {
            Self::Dpath { path, expander } => {
                let (mut records, mut is_json) = (Vec::new(), true);
                for document in documents {
                    is_json &= extract(document, path, &mut records)?;
                }
                if let Some(expander) = expander {
                    records = records.iter().flat_map(|record| expander.expand(record)).collect();
                }
                Ok(Extracted { records, skipped: 0, is_json })
            }
            Self::Combined { extractors, first_match, skip_empty } => {
                let mut all = Extracted::default();
                for extractor in extractors {
                    let mut found = extractor.extract(documents)?;
                    if *skip_empty {
                        let before = found.records.len();
                        found.records.retain(|record| !is_empty(record));
                        found.skipped += before - found.records.len();
                    }
                    if *first_match && found.records.is_empty() {
                        continue;
                    }
                    all.records.append(&mut found.records);
                    all.skipped += found.skipped;
                    if *first_match {
                        break;
                    }
                }
                Ok(all)
            }
        }
    }
}

/// Adds the records of a document, and says whether the whole of it was seen to be JSON.
fn extract(document: &Record, path: &[Segment], records: &mut Vec<Record>) -> Result<bool, ReadError> {
    if let Record::Span(text) = document
        && path.iter().all(Segment::is_plain)
    {
        match seek(text, path) {
            Found::Nothing => return Ok(false),
            Found::List(elements) => records.extend(elements.into_iter().map(Record::Span)),
            Found::One(one) => records.extend(Some(Record::Span(one)).filter(|record| !is_empty(record))),
        }
        return Ok(true);
    }
    let value = document.value();
    if path.contains(&Segment::Pattern("*".to_owned())) {
        records.extend(find(&value, path).into_iter().map(|(_, value)| Record::Value(value.clone())));
        return Ok(false);
    }
    let found = get(&value, path)
        .map_err(|error| ReadError::Answer { url: "the answer".to_owned(), message: error.to_string() })?;
    match found {
        Some(Value::Array(items)) => records.extend(items.iter().cloned().map(Record::Value)),
        Some(one) => records.extend(Some(Record::Value(one.clone())).filter(|record| !is_empty(record))),
        None => {}
    }
    Ok(false)
}

/// Whether a record is nothing: null, false, zero, or an empty text, list or object.
fn is_empty(record: &Record) -> bool {
    match record {
        // What is longer is no empty value, whatever white space stands in it.
        Record::Span(text) if text.len() > 32 => false,
        Record::Span(text) => serde_json::from_slice(text).is_ok_and(|value| is_nothing(&value)),
        Record::Value(value) => is_nothing(value),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn extracted(extractor: &Value, text: &'static str) -> String {
        let config = Context::new(&Arc::new(json!({"field": "data"})));
        let component = Component::new(extractor.as_object().unwrap().clone(), "extractor");
        let extractor = Extractor::new(&component, &config).unwrap();
        let found = extractor.extract(&[Record::Span(Bytes::from_static(text.as_bytes()))]).unwrap();
        let shown: Vec<_> =
            found.records.iter().map(|record| String::from_utf8(record.text().to_vec()).unwrap()).collect();
        format!("{} + {}", shown.join(" | "), found.skipped)
    }

    #[test]
    fn records_are_found() {
        let check = |path: Value, text: &'static str, expected: &str| {
            assert_eq!(
                extracted(&json!({"type": "DpathExtractor", "field_path": path}), text),
                expected,
                "{text}"
            );
        };
        check(
            json!(["{{ config.field }}", "items"]),
            r#"{"data": {"items": [{"a": 1}, 2]}}"#,
            r#"{"a": 1} | 2 + 0"#,
        );
        check(json!([]), r#"{"a": 1}"#, r#"{"a": 1} + 0"#);
        check(json!([]), "{ }", " + 0");
        check(json!(["a"]), r#"{"a": {}}"#, " + 0");
        check(json!(["a"]), r#"{"a": {"b": 1}}"#, r#"{"b": 1} + 0"#);
        check(json!(["a", "*", "b"]), r#"{"a": [{"b": 1}, {"b": [2]}, {}]}"#, "1 | [2] + 0");
        check(json!(["a", "-1"]), r#"{"a": [{"b": 1}, {"b": 2}]}"#, r#"{"b":2} + 0"#);
    }

    #[test]
    fn extractors_are_combined() {
        let check = |mode: &str, skip: bool, text: &'static str, expected: &str| {
            let paths = [json!(["a"]), json!(["b"])];
            let extractors = paths.map(|path| json!({"type": "DpathExtractor", "field_path": path}));
            let combined = json!({"type": "CombinedExtractor", "mode": mode, "skip_empty_records": skip,
                "extractors": extractors});
            assert_eq!(extracted(&combined, text), expected, "{mode} {text}");
        };
        check("union", false, r#"{"a": [1, null], "b": [2]}"#, "1 | null | 2 + 0");
        check("union", true, r#"{"a": [1, null], "b": [2]}"#, "1 | 2 + 1");
        check("first_match", false, r#"{"a": [null], "b": [2]}"#, "null + 0");
        check("first_match", true, r#"{"a": [null], "b": [2, {}]}"#, "2 + 1");
    }
}
