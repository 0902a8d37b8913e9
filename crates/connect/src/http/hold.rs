//! Records that continue on the next page: holds their parts, and puts them together by key.
//!
//! Works on raw JSON, so that a number stays what it is. Nothing is held beyond a stated number of bytes.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use raccord_compiler::connector::Completion;
use raccord_compiler::select::{Found, Selector};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep objects are put together; below that, the later one counts.
const MAX_DEPTH: usize = 32;

/// The parts of records that came so far.
#[derive(Debug)]
pub(crate) struct Held {
    key: Selector,
    name: String,
    parts: Vec<String>,
    by_key: HashMap<String, usize>,
    bytes: usize,
    most: usize,
}

/// Why parts cannot be held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HoldError {
    /// A record has no key; the text says which field it is.
    Keyless(String),
    /// There are more bytes than allowed.
    TooLarge,
}

impl Held {
    /// Holds nothing yet, and never more than `most` bytes.
    pub(crate) fn new(completion: &Completion, most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let (key, name) = (Selector::new([&completion.key]), completion.key.to_string());
        Self { key, name, parts: Vec::new(), by_key: HashMap::new(), bytes: 0, most }
    }

    /// Whether anything is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes the records of a page, each to the parts of the same key.
    pub(crate) fn take(&mut self, records: &[&str]) -> Result<(), HoldError> {
        for record in records {
            self.bytes = self.bytes.saturating_add(record.len());
            if self.bytes > self.most {
                return Err(HoldError::TooLarge);
            }
            // What is no record stays what it is, and is told later.
            if !record.starts_with('{') {
                self.parts.push((*record).to_owned());
                continue;
            }
            let key = self.key_of(record)?;
            if let Some(part) = self.by_key.get(&key).and_then(|at| self.parts.get_mut(*at)) {
                *part = together(part, record, 0);
            } else {
                self.by_key.insert(key, self.parts.len());
                self.parts.push((*record).to_owned());
            }
        }
        Ok(())
    }

    fn key_of(&self, record: &str) -> Result<String, HoldError> {
        let mut found = Found::default();
        let read = self.key.select(record.as_bytes(), &mut found);
        let raw = read.ok().and_then(|()| found.values.first().copied().flatten());
        let raw = raw.filter(|raw| !matches!(*raw, "null" | "\"\""));
        raw.map(str::to_owned).ok_or_else(|| HoldError::Keyless(self.name.clone()))
    }

    /// Gives the records out, in the order in which they began, as one JSON list and where each is in it.
    pub(crate) fn release(&mut self) -> (Bytes, Vec<Range<usize>>) {
        let (mut list, mut spans) = (String::from("["), Vec::with_capacity(self.parts.len()));
        for part in self.parts.drain(..) {
            if list.len() > 1 {
                list.push(',');
            }
            spans.push(list.len()..list.len() + part.len());
            list.push_str(&part);
        }
        list.push(']');
        self.by_key.clear();
        self.bytes = 0;
        (Bytes::from(list.into_bytes()), spans)
    }
}

/// Two parts of one value: members of objects are put together, lists follow each other, of anything else the later counts.
fn together(earlier: &str, later: &str, depth: usize) -> String {
    let (earlier, later) = (earlier.trim(), later.trim());
    match (earlier.as_bytes().first(), later.as_bytes().first()) {
        // A list that only came again is no continuation of itself.
        (Some(b'['), Some(b'[')) if earlier != later => lists(earlier, later),
        (Some(b'{'), Some(b'{')) if depth < MAX_DEPTH => {
            match (serde_json::from_str(earlier), serde_json::from_str(later)) {
                (Ok(earlier), Ok(later)) => objects(earlier, later, depth),
                _ => later.to_owned(),
            }
        }
        _ => later.to_owned(),
    }
}

fn lists(earlier: &str, later: &str) -> String {
    let inside = |list: &str| list.get(1..list.len().saturating_sub(1)).unwrap_or_default().trim().to_owned();
    match (inside(earlier), inside(later)) {
        (first, second) if first.is_empty() || second.is_empty() => format!("[{first}{second}]"),
        (first, second) => format!("[{first},{second}]"),
    }
}

fn objects(earlier: Members<'_>, later: Members<'_>, depth: usize) -> String {
    let mut members: Vec<(String, String)> =
        earlier.0.into_iter().map(|(name, raw)| (name, raw.get().to_owned())).collect();
    for (name, raw) in later.0 {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value = together(value, raw.get(), depth + 1),
            None => members.push((name, raw.get().to_owned())),
        }
    }
    let members =
        members.iter().map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The members of an object in their order, values as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(key: &str, most: u64) -> Held {
        Held::new(&Completion { path: "done".parse().unwrap(), key: key.parse().unwrap() }, most)
    }

    /// The list that pages of records come to.
    fn check(pages: &[&[&str]], expected: &str) {
        let mut held = held("id", 10_000);
        for page in pages {
            held.take(page).unwrap();
        }
        let (list, spans) = held.release();
        assert_eq!(std::str::from_utf8(&list).unwrap(), expected);
        let parts: Vec<serde_json::Value> = serde_json::from_slice(&list).unwrap();
        let spanned = spans.into_iter().map(|span| serde_json::from_slice(&list[span]).unwrap());
        assert_eq!(spanned.collect::<Vec<serde_json::Value>>(), parts);
        assert!(held.is_empty());
    }

    #[test]
    fn parts_are_put_together_by_key() {
        check(
            &[&[r#"{"id":1,"a":1.10}"#, r#"{"id":2}"#], &[r#"{"id":2,"b":[1]}"#]],
            r#"[{"id":1,"a":1.10},{"id":2,"b":[1]}]"#,
        );
        check(
            &[&[r#"{"id":1,"l":[1,2]}"#], &[r#"{"id":1,"l":[3]}"#], &[r#"{"id":1,"l":[]}"#]],
            r#"[{"id":1,"l":[1,2,3]}]"#,
        );
        check(&[&[r#"{"id":1,"l":[1]}"#], &[r#"{"id":1,"l":[1]}"#]], r#"[{"id":1,"l":[1]}]"#);
        check(
            &[&[r#"{"id":1,"o":{"a":1}}"#], &[r#"{"id":1,"o":{"b":2}}"#]],
            r#"[{"id":1,"o":{"a":1,"b":2}}]"#,
        );
        check(&[&[r#"{"id":1,"t":"old"}"#], &[r#"{"id":1,"t":"new"}"#]], r#"[{"id":1,"t":"new"}]"#);
        check(&[&["7", r#"{"id":"1"}"#], &[r#"{"id":1}"#, "7"]], r#"[7,{"id":"1"},{"id":1},7]"#);
        check(
            &[&[r#"{"id":1,"n":12345678901234567890.10}"#], &[r#"{"id":1,"\u0061":0}"#]],
            r#"[{"id":1,"n":12345678901234567890.10,"a":0}]"#,
        );
        check(&[], "[]");
    }

    #[test]
    fn what_cannot_be_held_is_told() {
        for record in [r#"{"a":1}"#, r#"{"id":null}"#, r#"{"id":""}"#] {
            assert_eq!(held("id", 100).take(&[record]), Err(HoldError::Keyless("id".to_owned())), "{record}");
        }
        let mut small = held("id", 20);
        assert_eq!(small.take(&[r#"{"id":1,"a":2}"#]), Ok(()));
        assert_eq!(small.take(&[r#"{"id":1,"a":2}"#]), Err(HoldError::TooLarge));
        let deep = |value: &str| format!("{}{value}{}", r#"{"id":1,"a":"#.repeat(100), "}".repeat(100));
        let (earlier, later) = (deep("1"), deep("2"));
        let mut held = held("id", 100_000);
        held.take(&[&earlier]).unwrap();
        held.take(&[&later]).unwrap();
        assert_eq!(held.release().1.len(), 1);
    }
}
