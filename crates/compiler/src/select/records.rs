//! The records of an answer or of a document: the elements of a list, the members of an object with their names, or the
//! elements of lists that stand in other records. Nothing is copied but members, which get their name.

use std::ops::Range;

use bytes::Bytes;
use raccord_model::field_path::FieldPath;

use super::{Found, Selector, Standing, span_of};

/// The field of a record that is the member of an object: the member's name.
pub const MEMBER_NAME: &str = "$key";

/// The field of a record that is a member without fields of its own: the member's value.
pub const MEMBER_VALUE: &str = "$value";

/// How much of a member's name is told, in characters.
const MAX_NAME: usize = 80;

/// What the elements of a list are, compiled.
#[derive(Debug, Clone)]
pub struct RecordList {
    shape: Shape,
    /// How one gets from an element of the last list to the record in it, and what its path is called.
    within: Option<(Selector, FieldPath)>,
    /// Whether a record without an inner list has no records in it, instead of being wrong.
    may_be_missing: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    /// The records.
    Elements,
    /// The members of an object, which are the records.
    Members,
    /// Records with lists in them: how one gets to the next list, and what its path is called.
    Nested(Vec<(Selector, FieldPath)>),
}

/// The records that were found.
#[derive(Debug)]
pub struct Listed {
    /// The text that they stand in.
    pub body: Bytes,
    /// Where each is in it.
    pub spans: Vec<Range<usize>>,
    /// Where the record is that each stands in; empty when they stand in none.
    pub outers: Vec<Range<usize>>,
    /// What stood where a record was expected.
    pub others: Vec<Other>,
}

/// Something that stood where a record was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its number among the records, from 1.
    pub number: usize,
    /// Why it is none.
    pub reason: String,
    /// Where it is in the text that was split.
    pub span: Range<usize>,
}

impl<'a> Found<'a> {
    /// Whether records can stand where the list was looked for: in a list, or in an object that stands for one, because
    /// each of its members is an object. An envelope around the list, or a record by itself, has members that are none.
    pub fn has_records(&self) -> bool {
        self.standing == Standing::List || self.standing == Standing::Object && self.no_object().is_none()
    }

    /// The first element of the list, or member of the object, that is no object itself.
    fn no_object(&self) -> Option<&'a str> {
        self.list.iter().find(|raw| !raw.starts_with('{')).copied()
    }

    /// The name of the first member that is no object itself, of an object in this document that stands where the list was
    /// looked for. It is for messages, and cut where it is long.
    pub fn odd_member(&self, document: &[u8]) -> Option<String> {
        let name = name_before(document, span_of(document, self.no_object()?).start)?;
        let name: String = serde_json::from_slice(name).ok()?;
        Some(name.chars().take(MAX_NAME).collect())
    }
}

impl RecordList {
    /// Compiles what the elements of the outermost list are: records, unless there are paths to further lists in them.
    /// `members` says that the outermost list is an object whose members are the records.
    pub fn new(inner: &[FieldPath], members: bool, may_be_missing: bool) -> Self {
        let selector = |path: &FieldPath| (Selector::new([]).with_list(path), path.clone());
        let shape = match inner {
            [] if members => Shape::Members,
            [] => Shape::Elements,
            paths => Shape::Nested(paths.iter().map(selector).collect()),
        };
        Self { shape, within: None, may_be_missing }
    }

    /// The same, where the record is somewhere in each element.
    #[must_use]
    pub fn within(mut self, path: &FieldPath) -> Self {
        self.within = Some((Selector::new([path]), path.clone()));
        self
    }

    /// The records of a body, given where the elements of the outermost list are in it.
    pub fn list(&self, body: &Bytes, list: Vec<Range<usize>>) -> Listed {
        let listed = match &self.shape {
            Shape::Elements => elements(body.clone(), list),
            Shape::Members => members(body, &list),
            Shape::Nested(selectors) => self.nested(body, list, selectors),
        };
        match &self.within {
            Some((selector, path)) => inside(listed, selector, path),
            None => listed,
        }
    }

    fn nested(&self, body: &Bytes, list: Vec<Range<usize>>, selectors: &[(Selector, FieldPath)]) -> Listed {
        let mut others = Vec::new();
        let mut level: Vec<(Range<usize>, Range<usize>)> =
            list.into_iter().map(|span| (span.clone(), span)).collect();
        for (selector, path) in selectors {
            let mut next = Vec::new();
            for (_, outer) in level {
                let raw = body.get(outer.clone()).unwrap_or_default();
                let mut inner = Found::default();
                let is_read = raw.starts_with(b"{") && selector.select(raw, &mut inner).is_ok();
                let is_missing = matches!(inner.standing, Standing::Absent | Standing::Null);
                let is_there = inner.has_records() || is_missing && self.may_be_missing;
                let repeated = selector.repeated(&inner);
                if is_read && is_there && repeated.is_none() {
                    next.extend(inner.list.iter().map(|raw| (outer.clone(), span_of(body, raw))));
                    continue;
                }
                let reason = match repeated {
                    _ if !is_read => NO_OBJECT.to_owned(),
                    Some(name) => twice(name, "it"),
                    None => format!("`{path}` leads to no list in it"),
                };
                others.push(Other { number: next.len() + others.len() + 1, reason, span: outer });
            }
            level = next;
        }
        let (mut spans, mut outers) = (Vec::with_capacity(level.len()), Vec::with_capacity(level.len()));
        for (outer, span) in level {
            if is_object(body, &span) {
                spans.push(span);
                outers.push(outer);
            } else {
                let number = spans.len() + others.len() + 1;
                others.push(Other { number, reason: NO_OBJECT.to_owned(), span });
            }
        }
        Listed { body: body.clone(), spans, outers, others }
    }
}

/// Why a document, which `what` names, is not read that has a member twice on the way to its records. Two lists may have the
/// same elements: they are not compared.
pub fn twice(name: &str, what: &str) -> String {
    format!("the member `{name}` stands twice in {what}, so that which of them counts is not known")
}

/// Why what is no record is none.
const NO_OBJECT: &str = "it is not a JSON object";

fn is_object(body: &Bytes, span: &Range<usize>) -> bool {
    body.get(span.clone()).is_some_and(|raw| raw.starts_with(b"{"))
}

/// The records that stand in what was found.
fn inside(listed: Listed, selector: &Selector, path: &FieldPath) -> Listed {
    let Listed { body, spans, outers, mut others } = listed;
    let (mut inner, mut kept) = (Vec::with_capacity(spans.len()), Vec::with_capacity(outers.len()));
    for (at, span) in spans.into_iter().enumerate() {
        let mut found = Found::default();
        let read = selector.select(body.get(span.clone()).unwrap_or_default(), &mut found);
        let record = read.ok().and_then(|()| found.values.first().copied().flatten());
        if let Some(raw) = record.filter(|raw| raw.starts_with('{')) {
            inner.push(span_of(&body, raw));
            kept.extend(outers.get(at).cloned());
        } else {
            let number = inner.len() + others.len() + 1;
            others.push(Other { number, reason: format!("`{path}` leads to no object in it"), span });
        }
    }
    Listed { body, spans: inner, outers: kept, others }
}

fn elements(body: Bytes, mut list: Vec<Range<usize>>) -> Listed {
    let (mut others, mut number) = (Vec::new(), 0);
    list.retain(|span| {
        number += 1;
        let is_record = is_object(&body, span);
        if !is_record {
            others.push(Other { number, reason: NO_OBJECT.to_owned(), span: span.clone() });
        }
        is_record
    });
    Listed { body, spans: list, outers: Vec::new(), others }
}

/// The members of an object, each with its name beside its own fields; its name counts, whatever fields it has.
fn members(object: &Bytes, list: &[Range<usize>]) -> Listed {
    let (mut body, mut spans, mut others) = (Vec::new(), Vec::with_capacity(list.len()), Vec::new());
    for (at, span) in list.iter().enumerate() {
        let raw = object.get(span.clone()).unwrap_or_default();
        let Some(name) = name_before(object, span.start) else {
            let reason = "it has no name: it stands in a list, and `members` wants an object".to_owned();
            others.push(Other { number: at + 1, reason, span: span.clone() });
            continue;
        };
        let start = body.len();
        body.push(b'{');
        let inside = raw.strip_prefix(b"{").and_then(|inside| inside.strip_suffix(b"}"));
        if let Some(fields) = inside.map(<[u8]>::trim_ascii) {
            body.extend_from_slice(fields);
            body.extend_from_slice(if fields.is_empty() { b"" } else { b"," });
        } else {
            body.extend_from_slice(format!("\"{MEMBER_VALUE}\":").as_bytes());
            body.extend_from_slice(raw);
            body.push(b',');
        }
        body.extend_from_slice(format!("\"{MEMBER_NAME}\":").as_bytes());
        body.extend_from_slice(name);
        body.push(b'}');
        spans.push(start..body.len());
    }
    Listed { body: body.into(), spans, outers: Vec::new(), others }
}

/// The quoted name before the value of a member, of valid JSON; none before the element of a list.
fn name_before(json: &[u8], value: usize) -> Option<&[u8]> {
    let before = json.get(..value)?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let inside = before.strip_suffix(b"\"")?;
    let mut end = inside.len();
    loop {
        let quote = inside.get(..end)?.iter().rposition(|byte| *byte == b'"')?;
        // One that is escaped belongs to the name; a backslash may be escaped itself.
        let escapes = inside.get(..quote)?.iter().rev().take_while(|byte| **byte == b'\\').count();
        if escapes % 2 == 0 {
            return before.get(quote..);
        }
        end = quote;
    }
}

#[cfg(test)]
mod tests {
    use raccord_model::field_path::ManyPath;

    use super::*;

    /// The records of a text, each as `outer > record`, and what is none.
    fn check(path: &str, members: bool, json: &str, expected: &[&str]) {
        let path: ManyPath = path.parse().unwrap();
        let (outermost, inner) = path.lists();
        let body = Bytes::copy_from_slice(json.as_bytes());
        let mut found = Found::default();
        Selector::new([]).with_list(outermost).select(&body, &mut found).unwrap();
        let list = found.list.iter().map(|raw| span_of(&body, raw)).collect();
        let listed = RecordList::new(inner, members, false).list(&body, list);
        let text =
            |body: &Bytes, span: &Range<usize>| String::from_utf8_lossy(&body[span.clone()]).into_owned();
        let mut shown: Vec<String> = listed.spans.iter().map(|span| text(&listed.body, span)).collect();
        for (record, outer) in shown.iter_mut().zip(&listed.outers) {
            *record = format!("{} > {record}", text(&listed.body, outer));
        }
        let others = listed.others.iter();
        shown.extend(
            others.map(|other| format!("{}: {}: {}", other.number, other.reason, text(&body, &other.span))),
        );
        assert_eq!(shown, expected, "{path} {json}");
    }

    #[test]
    fn the_records_of_a_list() {
        let mixed = r#"{"data":[{"a":1},7,{"b":2}]}"#;
        check("data", false, mixed, &[r#"{"a":1}"#, r#"{"b":2}"#, "2: it is not a JSON object: 7"]);
        check("data", false, r#"{"data":{"x":{"a":1}}}"#, &[r#"{"a":1}"#]);
        check("results[*]", false, r#"{"results":[{"a":1}]}"#, &[r#"{"a":1}"#]);
        check("[*]", false, r#"[{"a":1}]"#, &[r#"{"a":1}"#]);
    }

    #[test]
    fn a_record_may_stand_in_an_element() {
        let json = r#"{"edges":[{"cursor":"a","node":{"n":1}},{"node":null},7,{"node":{"n":2}}]}"#;
        let body = Bytes::from_static(json.as_bytes());
        let mut found = Found::default();
        Selector::new([]).with_list(&FieldPath::member("edges")).select(&body, &mut found).unwrap();
        let list = found.list.iter().map(|raw| span_of(&body, raw)).collect();
        let list = RecordList::new(&[], false, false).within(&FieldPath::member("node")).list(&body, list);
        let records: Vec<&[u8]> = list.spans.iter().map(|span| &body[span.clone()]).collect();
        assert_eq!(records, [&br#"{"n":1}"#[..], br#"{"n":2}"#]);
        let others: Vec<&str> = list.others.iter().map(|other| other.reason.as_str()).collect();
        assert_eq!(others, ["it is not a JSON object", "`node` leads to no object in it"]);
    }

    #[test]
    fn members_have_their_names() {
        check(
            "$",
            true,
            r#"{"EUR" : {"rate":1, "$key": 9},"é \" \\":{ },"\\\"":{"a":":\"b\":"},"USD":1.08,"x":[1],"":null}"#,
            &[
                r#"{"rate":1, "$key": 9,"$key":"EUR"}"#,
                r#"{"$key":"é \" \\"}"#,
                r#"{"a":":\"b\":","$key":"\\\""}"#,
                r#"{"$value":1.08,"$key":"USD"}"#,
                r#"{"$value":[1],"$key":"x"}"#,
                r#"{"$value":null,"$key":""}"#,
            ],
        );
        check("a.rates", true, r#"{"a":{"rates":{"b":{"c":1}}}}"#, &[r#"{"c":1,"$key":"b"}"#]);
        let in_a_list = "1: it has no name: it stands in a list, and `members` wants an object: {}";
        check("rates", true, r#"{"rates":[{}]}"#, &[in_a_list]);
    }

    #[test]
    fn records_stand_in_others() {
        check(
            "orders[*].positions",
            false,
            r#"{"orders":[{"n":1,"positions":[{"p":1},{"p":2}]},{"n":2,"positions":[]},{"n":3,"positions":[{"p":3},null]}]}"#,
            &[
                r#"{"n":1,"positions":[{"p":1},{"p":2}]} > {"p":1}"#,
                r#"{"n":1,"positions":[{"p":1},{"p":2}]} > {"p":2}"#,
                r#"{"n":3,"positions":[{"p":3},null]} > {"p":3}"#,
                "4: it is not a JSON object: null",
            ],
        );
        let deep = r#"[{"a":[{"b":{"c":[{"d":1}]}}]}]"#;
        check("[*].a[*].b.c", false, deep, &[r#"{"b":{"c":[{"d":1}]}} > {"d":1}"#]);
        check(
            "[*].p[*]",
            false,
            r#"[{"n":1},{"p":null},7,{"p":[{"q":1}]}]"#,
            &[
                r#"{"p":[{"q":1}]} > {"q":1}"#,
                r#"1: `p` leads to no list in it: {"n":1}"#,
                r#"2: `p` leads to no list in it: {"p":null}"#,
                "3: it is not a JSON object: 7",
            ],
        );
        let twice = r#"[{"p":[{"q":1}],"p":[]}]"#;
        let told = r#"1: the member `p` stands twice in it, so that which of them counts is not known: {"p":[{"q":1}],"p":[]}"#;
        check("[*].p[*]", false, twice, &[told]);
        let envelope = r#"[{"p":{"meta":{"q":9},"items":[{"q":1}]}},{"p":{"x":{"q":2}}}]"#;
        let is_none = r#"1: `p` leads to no list in it: {"p":{"meta":{"q":9},"items":[{"q":1}]}}"#;
        check("[*].p[*]", false, envelope, &[r#"{"p":{"x":{"q":2}}} > {"q":2}"#, is_none]);
    }
}
