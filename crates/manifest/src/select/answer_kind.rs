//! What stands where the records of an answer were looked for, where that is not a list of them. A list without records is
//! an answer; an error, a page for people, or nothing at all is none, and must not be taken for "there are no records".
//! Pure: what follows from it is the reading's.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::extract::Extractor;
use super::path::{Segment, get, shown};
use crate::decode::{Decoder, Format};
use crate::exchange::AnswerKind;
use crate::record::Record;
use crate::transport::Response;

/// What a path leads to in one document, the better the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Scalar,
    Absent,
    Null,
    /// An object without members.
    Hollow,
    /// An object, which is one record.
    One,
    List,
}

/// What stands in an answer where its records were looked for.
pub(super) fn of(
    answer: &Response,
    (decoder, extractor): (&Decoder, &Extractor),
    documents: &[Record],
) -> AnswerKind {
    if matches!(answer.status, 204 | 205) {
        return AnswerKind::Empty;
    }
    let is_blank = answer.body.trim_ascii().is_empty();
    match decoder {
        Decoder::Format(Format::JsonLines) if is_blank => return AnswerKind::Empty,
        _ if is_blank => return AnswerKind::Missing("the answer is empty".to_owned()),
        Decoder::Json | Decoder::Format(Format::Json) => {
            if let Some(answer_kind) = of_json(answer, documents) {
                return answer_kind;
            }
        }
        Decoder::Xml => return of_xml(extractor, documents),
        Decoder::Lines if begins_with(answer, b"<") => {
            return AnswerKind::Wrong("the answer is no list of lines".to_owned());
        }
        Decoder::Format(Format::JsonItems { path, .. }) if documents.is_empty() => {
            let path: Vec<Segment> = path.split('.').map(|name| Segment::of(&name.into())).collect();
            let document = Record::Span(answer.body.clone());
            return if path.contains(&Segment::Name("item".to_owned())) {
                AnswerKind::List
            } else {
                match place(&document, &path) {
                    Place::One => answer_kind(Place::Scalar, &path),
                    other => answer_kind(other, &path),
                }
            };
        }
        Decoder::Lines | Decoder::Format(_) | Decoder::Zip(_) | Decoder::Table(_) => {
            return AnswerKind::List;
        }
    }
    extractor.answer_kind(documents)
}

/// What a body that is to be JSON is, where that says enough.
fn of_json(answer: &Response, documents: &[Record]) -> Option<AnswerKind> {
    if serde_json::from_slice::<IgnoredAny>(&answer.body).is_err() {
        return Some(AnswerKind::Wrong("the answer is no JSON".to_owned()));
    }
    // A list is one document an element, and one without elements is taken for an empty object.
    let is_list = begins_with(answer, b"[");
    let is_empty =
        || serde_json::from_slice::<Vec<IgnoredAny>>(&answer.body).is_ok_and(|list| list.is_empty());
    (is_list && (documents.is_empty() || is_empty())).then_some(AnswerKind::List)
}

/// XML has no lists: an element without children is one that has none. Its root has to be there.
fn of_xml(extractor: &Extractor, documents: &[Record]) -> AnswerKind {
    let root = documents.first().map(Record::value).unwrap_or_default();
    match (root.as_object().filter(|root| !root.is_empty()), extractor.first_member()) {
        (None, _) => AnswerKind::Wrong("the answer is no XML".to_owned()),
        (Some(root), Some(name)) if !root.contains_key(name) => {
            AnswerKind::Wrong(format!("the answer is no XML of an element `{name}`"))
        }
        (Some(_), Some(_)) => AnswerKind::List,
        (Some(_), None) => AnswerKind::One,
    }
}

fn begins_with(answer: &Response, begin: &[u8]) -> bool {
    answer.body.trim_ascii_start().starts_with(begin)
}

impl Extractor {
    /// The best of what its paths lead to in the documents of an answer.
    fn answer_kind(&self, documents: &[Record]) -> AnswerKind {
        match self {
            Self::Dpath { path, .. } => {
                let best = documents.iter().map(|document| place(document, path)).max();
                best.map_or(AnswerKind::List, |place| answer_kind(place, path))
            }
            Self::Combined { extractors, .. } => {
                let all = extractors.iter().map(|extractor| extractor.answer_kind(documents));
                all.max_by_key(AnswerKind::rank).unwrap_or_default()
            }
        }
    }

    /// The name of the member in which it looks first; none where it looks at the whole.
    pub(super) fn first_member(&self) -> Option<&str> {
        match self {
            Self::Dpath { path, .. } => match path.first()? {
                Segment::Name(name) => Some(name),
                Segment::Index(_) | Segment::Pattern(_) | Segment::Deep => None,
            },
            Self::Combined { extractors, .. } => extractors.first()?.first_member(),
        }
    }
}

impl AnswerKind {
    /// The better, the more it is an answer.
    const fn rank(&self) -> u8 {
        match self {
            Self::Wrong(_) => 0,
            Self::Missing(_) => 1,
            Self::One => 2,
            Self::Empty | Self::List => 3,
        }
    }
}

fn answer_kind(place: Place, path: &[Segment]) -> AnswerKind {
    let names: Vec<String> = path.iter().map(|segment| shown(std::slice::from_ref(segment))).collect();
    let what = |what: &str| format!("`field_path: [{}]` leads to {what}", names.join(", "));
    match place {
        Place::List => AnswerKind::List,
        Place::One => AnswerKind::One,
        Place::Hollow => AnswerKind::Missing(what("an empty object")),
        Place::Null => AnswerKind::Missing(what("null")),
        Place::Absent => AnswerKind::Missing(what("nothing")),
        Place::Scalar => AnswerKind::Wrong(what("no list")),
    }
}

/// What a path leads to. Of one with wildcards, what stands before the first of them counts: any number of values may match.
fn place(document: &Record, path: &[Segment]) -> Place {
    let value = document.value();
    let is_sure = |segment: &Segment| matches!(segment, Segment::Name(_) | Segment::Index(_));
    let sure = path.iter().take_while(|segment| is_sure(segment)).count();
    let Ok(found) = get(&value, path.get(..sure).unwrap_or_default()) else {
        // Several values: some of them may well be records.
        return Place::List;
    };
    match found {
        None => Place::Absent,
        Some(Value::Null) => Place::Null,
        Some(Value::Object(_)) if sure < path.len() => Place::List,
        Some(Value::Object(members)) if members.is_empty() => Place::Hollow,
        Some(Value::Object(_)) => Place::One,
        Some(Value::Array(_)) => Place::List,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => Place::Scalar,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::component::Component;
    use crate::template::Context;

    #[track_caller]
    fn check_of(decoder: &Value, extractor: &Value, body: &str, expected: &str) {
        let component = |value: &Value| Component::new(value.as_object().unwrap().clone(), "part");
        let decoder = Decoder::new(Some(&component(decoder))).unwrap();
        let config = Context::new(&Arc::new(json!({})));
        let extractor = Extractor::new(&component(extractor), &config).unwrap();
        let answer = Response { status: 200, headers: Vec::new(), body: Bytes::from(body.to_owned()) };
        let documents = decoder.documents(&answer).unwrap();
        let shown = match of(&answer, (&decoder, &extractor), &documents) {
            AnswerKind::Missing(what) => format!("missing: {what}"),
            AnswerKind::Wrong(what) => format!("wrong: {what}"),
            other => format!("{other:?}"),
        };
        assert_eq!(shown, expected, "{body}");
    }

    #[track_caller]
    fn check(path: &Value, body: &str, expected: &str) {
        let extractor = json!({"type": "DpathExtractor", "field_path": path});
        check_of(&json!({"type": "JsonDecoder"}), &extractor, body, expected);
    }

    #[test]
    fn a_list_without_records_is_told_from_no_list() {
        let items = json!(["data", "items"]);
        check(&items, r#"{"data": {"items": []}}"#, "List");
        check(&items, r#"{"data": {"items": {"id": 1}}}"#, "One");
        check(&items, "[]", "List");
        let missing = |what: &str| format!("missing: `field_path: [data, items]` leads to {what}");
        check(&items, "{}", &missing("nothing"));
        check(&items, r#"{"data": {}}"#, &missing("nothing"));
        check(&items, r#"{"data": {"items": null}}"#, &missing("null"));
        check(&items, r#"{"data": {"items": {}}}"#, &missing("an empty object"));
        check(&items, r#"[{}, {"data": {}}]"#, &missing("nothing"));
        check(&items, r#"[{}, {"data": {"items": []}}]"#, "List");
        check(&items, r#"{"data": {"items": "x"}}"#, "wrong: `field_path: [data, items]` leads to no list");
        check(&items, "<html></html>", "wrong: the answer is no JSON");
        check(&items, r#"{"data": {"items": ["#, "wrong: the answer is no JSON");
        check(&items, "  ", "missing: the answer is empty");
    }

    #[test]
    fn the_whole_may_be_one_record_and_wildcards_may_match_nothing() {
        check(&json!([]), r#"{"id": 1}"#, "One");
        check(&json!([]), "[]", "List");
        check(&json!([]), "{}", "missing: `field_path: []` leads to an empty object");
        check(&json!([]), r#""ok""#, "wrong: `field_path: []` leads to no list");
        check(&json!(["*", "x"]), r#"[{"x": 1}]"#, "List");
        check(&json!(["*"]), "{}", "List");
        check(&json!(["a", "*", "b"]), r#"{"a": []}"#, "List");
        check(&json!(["a", "*", "b"]), r#"{"a": {}}"#, "List");
        check(&json!(["a", "*", "b"]), r#"{"b": 1}"#, "missing: `field_path: [a, *, b]` leads to nothing");
        check(&json!(["a", -1]), r#"{"a": []}"#, "missing: `field_path: [a, -1]` leads to nothing");
        let paths = [json!(["a"]), json!(["b"])];
        let extractors = paths.map(|path| json!({"type": "DpathExtractor", "field_path": path}));
        let combined = json!({"type": "CombinedExtractor", "extractors": extractors});
        check_of(&json!({"type": "JsonDecoder"}), &combined, r#"{"b": []}"#, "List");
    }

    #[test]
    fn other_formats_are_looked_at_as_well() {
        let whole = json!({"type": "DpathExtractor", "field_path": []});
        let xml = json!({"type": "DpathExtractor", "field_path": ["rss", "item"]});
        let of_xml = |body, expected| check_of(&json!({"type": "XmlDecoder"}), &xml, body, expected);
        of_xml("<rss></rss>", "List");
        of_xml("<html><body/></html>", "wrong: the answer is no XML of an element `rss`");
        of_xml("{}", "wrong: the answer is no XML");
        let lines = json!({"type": "JsonlDecoder"});
        check_of(&lines, &whole, "", "Empty");
        check_of(&lines, &whole, "{}\n", "List");
        check_of(&json!({"type": "CsvDecoder"}), &whole, "", "missing: the answer is empty");
        check_of(&json!({"type": "CsvDecoder"}), &whole, "a,b\n", "List");
        check_of(
            &json!({"type": "IterableDecoder"}),
            &whole,
            "<html>",
            "wrong: the answer is no list of lines",
        );
        let items = json!({"type": "JsonItemsDecoder", "items_path": "d.u"});
        check_of(&items, &whole, r#"{"d": {"u": []}}"#, "List");
        check_of(&items, &whole, r#"{"d": 1}"#, "missing: `field_path: [d, u]` leads to nothing");
        check_of(
            &items,
            &whole,
            r#"{"d": {"u": {}}}"#,
            "missing: `field_path: [d, u]` leads to an empty object",
        );
    }
}
