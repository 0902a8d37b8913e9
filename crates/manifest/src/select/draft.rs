//! A record while it is worked on: its text, its value, or both. It is parsed when somebody looks into it, and written
//! when somebody changed more than a new member; so a record that nobody touches stays the span that it was.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::Json;
use crate::record::Record;

/// A record that is worked on. At least one of text and value is there; where both are, they agree.
#[derive(Debug)]
pub(super) struct Draft {
    text: Option<Bytes>,
    value: Option<Json>,
}

/// A member that is added, in both forms.
#[derive(Debug, Clone)]
pub(super) struct Member {
    name: String,
    value: Value,
    /// `"name":value`.
    text: String,
    /// `"name"`.
    quoted: String,
}

impl Member {
    pub(super) fn new(name: &str, value: Value) -> Self {
        let quoted = Value::String(name.to_owned()).to_string();
        Self { name: name.to_owned(), text: format!("{quoted}:{value}"), value, quoted }
    }
}

impl Draft {
    pub(super) fn new(record: Record) -> Self {
        match record {
            Record::Span(text) => Self { text: Some(text), value: None },
            Record::Value(value) => Self { text: None, value: Some(Arc::new(value)) },
        }
    }

    pub(super) fn into_record(self) -> Record {
        match (self.text, self.value) {
            (Some(text), _) => Record::Span(text),
            (None, Some(value)) => Record::Value(Arc::unwrap_or_clone(value)),
            (None, None) => Record::Value(Value::Null),
        }
    }

    /// Its value.
    pub(super) fn value(&mut self) -> &Json {
        let text = self.text.as_ref();
        self.value.get_or_insert_with(|| {
            Arc::new(text.and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default())
        })
    }

    /// Its value, to be changed.
    pub(super) fn value_mut(&mut self) -> &mut Value {
        self.value();
        self.text = None;
        Arc::make_mut(self.value.get_or_insert_with(Json::default))
    }

    /// Its members, to be changed; none where it is no object.
    pub(super) fn members_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.value_mut().as_object_mut()
    }

    /// Its text as it came, where nothing was changed since.
    pub(super) fn text(&self) -> Option<&Bytes> {
        self.text.as_ref()
    }

    /// Whether it surely has no member of this name at its root. `false` says nothing.
    pub(super) fn lacks(&self, name: &str) -> bool {
        if let Some(value) = &self.value {
            return value.as_object().is_some_and(|members| !members.contains_key(name));
        }
        let quoted = Value::String(name.to_owned()).to_string();
        self.text.as_ref().is_some_and(|text| lacks(text, name, &quoted))
    }

    /// Sets members at its root. False where it is no object; then nothing is set.
    pub(super) fn set_members(&mut self, new: &[&Member]) -> bool {
        let spliced = self.text.as_ref().and_then(|text| splice(text, new));
        match spliced {
            Some(text) => {
                self.text = Some(text);
                if let Some(members) =
                    self.value.as_mut().and_then(|value| Arc::make_mut(value).as_object_mut())
                {
                    members.extend(new.iter().map(|member| (member.name.clone(), member.value.clone())));
                }
                true
            }
            None => match self.members_mut() {
                Some(members) => {
                    members.extend(new.iter().map(|member| (member.name.clone(), member.value.clone())));
                    true
                }
                None => false,
            },
        }
    }
}

/// The text of an object with members added at its end; none where it is no object, or has one of them already.
fn splice(text: &Bytes, new: &[&Member]) -> Option<Bytes> {
    let body = text.trim_ascii().strip_suffix(b"}")?;
    if !body.starts_with(b"{") || !new.iter().all(|member| lacks(text, &member.name, &member.quoted)) {
        return None;
    }
    let mut out =
        Vec::with_capacity(body.len() + new.iter().map(|member| member.text.len() + 1).sum::<usize>() + 1);
    out.extend_from_slice(body.trim_ascii_end());
    let mut first = out.len() == 1;
    for (at, member) in new.iter().enumerate() {
        // Of two with the same name the last counts.
        if new.iter().skip(at + 1).any(|later| later.name == member.name) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(member.text.as_bytes());
    }
    out.push(b'}');
    Some(Bytes::from(out))
}

/// Whether an object's text has no member of this name at its root. A name can be written in several ways, so where it
/// is not plain, or the text has escapes, the names are read.
fn lacks(text: &[u8], name: &str, quoted: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\"\\".contains(&byte));
    if plain && memmem::find(text, quoted.as_bytes()).is_none() && memmem::find(text, b"\\u").is_none() {
        return true;
    }
    serde_json::Deserializer::from_slice(text).deserialize_map(Lacks(name)).unwrap_or(false)
}

struct Lacks<'n>(&'n str);

impl<'de> Visitor<'de> for Lacks<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut lacks = true;
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            lacks &= key != self.0;
            map.next_value::<IgnoredAny>()?;
        }
        Ok(lacks)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_spliced_into_the_text() {
        let check = |text: &'static str, expected: &str| {
            let mut draft = Draft::new(Record::Span(Bytes::from_static(text.as_bytes())));
            let (a, b) = (Member::new("a", json!(1)), Member::new("b\"", json!({"c": null})));
            let set = draft.set_members(&[&a, &b]);
            let is_text = draft.text().is_some();
            let shown = String::from_utf8(draft.into_record().text().to_vec()).unwrap();
            assert_eq!(format!("{set} {is_text} {shown}"), expected, "{text}");
        };
        check("{}", r#"true true {"a":1,"b\"":{"c":null}}"#);
        check(r#" {"x": {"a": 2} } "#, r#"true true {"x": {"a": 2},"a":1,"b\"":{"c":null}}"#);
        check(r#"{"a": 2, "z": 3}"#, r#"true false {"a":1,"b\"":{"c":null},"z":3}"#);
        check(r#"{"\u0061": 2}"#, r#"true false {"a":1,"b\"":{"c":null}}"#);
        check(r#"{"z": "\u00e9"}"#, r#"true true {"z": "\u00e9","a":1,"b\"":{"c":null}}"#);
        check("[1]", "false false [1]");
    }

    #[test]
    fn text_and_value_agree() {
        let mut draft = Draft::new(Record::Span(Bytes::from_static(b"{\"x\":1}")));
        assert_eq!(**draft.value(), json!({"x": 1}));
        assert!(draft.lacks("a") && !draft.lacks("x"));
        draft.set_members(&[&Member::new("a", json!(2)), &Member::new("a", json!(3))]);
        assert_eq!(**draft.value(), json!({"x": 1, "a": 3}));
        assert_eq!(draft.text().map(|text| text.to_vec()), Some(b"{\"x\":1,\"a\":3}".to_vec()));
    }
}
