//! A record while it is worked on: its text, its value, or both. It is parsed when a caller looks into it, and written
//! when more than a new member was changed; so a record that is not touched stays the span that it was.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::Json;
use crate::record::Record;
use crate::template::Template;

/// What templates look at in a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct View(Option<Vec<String>>);

impl View {
    /// What several templates look at together.
    pub(super) fn of<'t>(templates: impl IntoIterator<Item = &'t Template>) -> Self {
        let mut names = Vec::new();
        for template in templates {
            let Some(members) = template.members_of("record") else { return Self(None) };
            names.extend(members);
        }
        Self(Some(names))
    }
}

/// A record that is worked on. At least one of text and value is there; where both are, they agree.
#[derive(Debug)]
pub(super) struct Draft<'v> {
    text: Option<Bytes>,
    value: Option<Json>,
    view: &'v View,
    /// The members that are looked at, where the whole was not parsed yet.
    seen: Option<Json>,
}

/// The name of a member that is added.
#[derive(Debug, Clone)]
pub(super) struct Key {
    name: String,
    /// `"name"`.
    quoted: String,
    finder: memmem::Finder<'static>,
    /// Whether JSON can only write it in one way, but for `\\u`.
    is_plain: bool,
}

/// A member that is added.
#[derive(Debug, Clone)]
pub(super) struct Member<'k> {
    pub(super) key: &'k Key,
    pub(super) value: Value,
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        let quoted = Value::String(name.to_owned()).to_string();
        Self {
            name: name.to_owned(),
            finder: memmem::Finder::new(&quoted).into_owned(),
            quoted,
            is_plain: name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\"\\".contains(&byte)),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether an object's text has no such member at its root. A name can be written in several ways, so where it is
    /// not plain, or the text has escapes, the names are read.
    fn is_absent(&self, text: &[u8], has_escapes: bool) -> bool {
        if self.is_plain && !has_escapes && self.finder.find(text).is_none() {
            return true;
        }
        serde_json::Deserializer::from_slice(text).deserialize_map(Lacks(&self.name)).unwrap_or(false)
    }
}

impl<'v> Draft<'v> {
    pub(super) fn new(record: Record, view: &'v View) -> Self {
        match record {
            Record::Span(text) => Self { text: Some(text), value: None, view, seen: None },
            Record::Value(value) => Self { text: None, value: Some(Arc::new(value)), view, seen: None },
        }
    }

    pub(super) fn into_record(self) -> Record {
        match (self.text, self.value) {
            (Some(text), _) => Record::Span(text),
            (None, Some(value)) => Record::Value(Arc::unwrap_or_clone(value)),
            (None, None) => Record::Value(Value::Null),
        }
    }

    /// As much of it as templates look at.
    pub(super) fn seen(&mut self) -> &Json {
        if self.value.is_none() && self.seen.is_none() {
            let members = match (&self.view.0, &self.text) {
                (Some(names), Some(text)) => project(text, names),
                _ => None,
            };
            self.seen = members.map(|members| Arc::new(Value::Object(members)));
        }
        match (&self.value, &self.seen) {
            (None, Some(_)) => self.seen.get_or_insert_with(Json::default),
            _ => self.value(),
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
        (self.text, self.seen) = (None, None);
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
    pub(super) fn lacks(&self, key: &Key) -> bool {
        match (&self.value, &self.text) {
            (Some(value), _) => value.as_object().is_some_and(|members| !members.contains_key(&key.name)),
            (None, Some(text)) => key.is_absent(text, has_escapes(text)),
            (None, None) => false,
        }
    }

    /// Sets members at its root, where it is an object.
    pub(super) fn set_members(&mut self, new: &[Member<'_>]) {
        let put = |members: &mut Map<String, Value>| {
            members.extend(new.iter().map(|member| (member.key.name.clone(), member.value.clone())));
        };
        match self.text.as_ref().and_then(|text| splice(text, new)) {
            Some(text) => {
                self.text = Some(text);
                if let Some(known) = &mut self.value {
                    Arc::make_mut(known).as_object_mut().map(put).unwrap_or_default();
                }
                let is_seen = |member: &Member<'_>| {
                    self.view.0.as_ref().is_none_or(|seen| seen.contains(&member.key.name))
                };
                if let Some(known) = self.seen.as_mut().filter(|_| new.iter().any(is_seen)) {
                    Arc::make_mut(known).as_object_mut().map(put).unwrap_or_default();
                }
            }
            None => self.members_mut().map(put).unwrap_or_default(),
        }
    }
}

fn has_escapes(text: &[u8]) -> bool {
    memchr::memchr(b'\\', text).is_some() && memmem::find(text, b"\\u").is_some()
}

/// The text of an object with members added at its end; none where it is no object, or has one of them already.
fn splice(text: &Bytes, new: &[Member<'_>]) -> Option<Bytes> {
    let body = text.trim_ascii().strip_suffix(b"}")?;
    let has_escapes = has_escapes(text);
    if !body.starts_with(b"{") || !new.iter().all(|member| member.key.is_absent(text, has_escapes)) {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() + new.len() * 32);
    out.extend_from_slice(body.trim_ascii_end());
    let mut is_first = out.len() == 1;
    for (at, Member { key, value }) in new.iter().enumerate() {
        // Of two with the same name the last counts.
        if new.iter().skip(at + 1).any(|later| later.key.name == key.name) {
            continue;
        }
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        out.extend_from_slice(key.quoted.as_bytes());
        out.push(b':');
        serde_json::to_writer(&mut out, value).ok()?;
    }
    out.push(b'}');
    Some(Bytes::from(out))
}

/// These members of an object; none where the text is no object.
pub(super) fn project(text: &[u8], names: &[String]) -> Option<Map<String, Value>> {
    let mut text = serde_json::Deserializer::from_slice(text);
    let members = text.deserialize_map(Project(names)).ok()?;
    text.end().ok().map(|()| members)
}

/// Takes these members of an object, and skips the others.
struct Project<'n>(&'n [String]);

impl<'de> Visitor<'de> for Project<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if self.0.iter().any(|name| *name == key) {
                members.insert(key.into_owned(), map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(members)
    }
}

struct Lacks<'n>(&'n str);

impl<'de> Visitor<'de> for Lacks<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut lacks = true;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
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
            let view = View::default();
            let mut draft = Draft::new(Record::Span(Bytes::from_static(text.as_bytes())), &view);
            let (a, b) = (Key::new("a"), Key::new("b\""));
            draft.set_members(&[
                Member { key: &a, value: json!(1) },
                Member { key: &b, value: json!({"c": null}) },
            ]);
            let is_text = draft.text().is_some();
            let shown = String::from_utf8(draft.into_record().text().to_vec()).unwrap();
            assert_eq!(format!("{is_text} {shown}"), expected, "{text}");
        };
        check("{}", r#"true {"a":1,"b\"":{"c":null}}"#);
        check(r#" {"x": {"a": 2} } "#, r#"true {"x": {"a": 2},"a":1,"b\"":{"c":null}}"#);
        check(r#"{"a": 2, "z": 3}"#, r#"false {"a":1,"b\"":{"c":null},"z":3}"#);
        check(r#"{"\u0061": 2}"#, r#"false {"a":1,"b\"":{"c":null}}"#);
        check(r#"{"z": "\u00e9"}"#, r#"true {"z": "\u00e9","a":1,"b\"":{"c":null}}"#);
        check("[1]", "false [1]");
    }

    #[test]
    fn text_and_value_agree() {
        let view = View(Some(vec!["x".to_owned(), "a".to_owned()]));
        let mut draft = Draft::new(Record::Span(Bytes::from_static(b"{\"x\":1,\"y\":2}")), &view);
        assert_eq!(**draft.seen(), json!({"x": 1}));
        let a = Key::new("a");
        assert!(draft.lacks(&a) && !draft.lacks(&Key::new("x")));
        draft.set_members(&[Member { key: &a, value: json!(2) }, Member { key: &a, value: json!(3) }]);
        assert_eq!(**draft.seen(), json!({"x": 1, "a": 3}));
        assert_eq!(**draft.value(), json!({"x": 1, "y": 2, "a": 3}));
        assert_eq!(draft.text().map(|text| text.to_vec()), Some(b"{\"x\":1,\"y\":2,\"a\":3}".to_vec()));
        draft.value_mut();
        assert_eq!(**draft.seen(), json!({"x": 1, "y": 2, "a": 3}));
    }
}
