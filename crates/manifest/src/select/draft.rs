//! A record while it is worked on: its text, its value, or both. It is parsed when more than single members are looked
//! at, and written when more than new members were added; so a record that is not touched stays the span that it was.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::members::{Found, Wanted};
use crate::Json;
use crate::record::Record;
use crate::template::{Looks, Member, Over, Template};

/// What transformations need to know of a record.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    wanted: Wanted,
    /// Whether a template looks at all of it.
    is_whole: bool,
}

impl View {
    /// What templates look at, and the members of which it matters whether they are there.
    pub(super) fn of<'t>(
        templates: impl IntoIterator<Item = &'t Template>,
        watched: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let mut looks = Looks::Members(Vec::new());
        for template in templates {
            looks.merge(&template.looks_at("record"));
        }
        let wanted = Wanted::of(&looks);
        Self { is_whole: wanted.is_none(), wanted: wanted.unwrap_or_default().watching(watched) }
    }
}

/// The name of a member that is added.
#[derive(Debug, Clone)]
pub(super) struct Key {
    name: String,
    /// It in quotes, as JSON writes it.
    quoted: String,
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), quoted: Value::String(name.to_owned()).to_string() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// A record that is worked on. At least one of text and value is there; where both are, they agree.
#[derive(Debug)]
pub(super) struct Draft<'r> {
    text: Option<&'r Bytes>,
    /// What was added to the text. None of it is in the text, and each name is there once.
    added: Vec<Added<'r>>,
    value: Option<Json>,
    view: &'r View,
    found: Lookup<'r>,
}

/// What was found in the text.
#[derive(Debug)]
enum Lookup<'r> {
    /// It was not looked at yet.
    NotYet,
    Found(Found<'r>),
    /// It is no object.
    NoObject,
}

/// A member that is added.
#[derive(Debug, Clone)]
struct Added<'r> {
    key: &'r Key,
    value: Cow<'r, Value>,
}

/// What a draft has become.
#[derive(Debug)]
pub(super) enum Made {
    Record(Record),
    /// A text that was written into a buffer.
    Written(Range<usize>),
}

impl<'r> Draft<'r> {
    /// A record that is JSON text.
    pub(super) fn of_text(text: &'r Bytes, view: &'r View) -> Self {
        Self { text: Some(text), ..Self::of_value(None, view) }
    }

    /// A record that is a value.
    pub(super) fn new(value: Value, view: &'r View) -> Self {
        Self::of_value(Some(Arc::new(value)), view)
    }

    fn of_value(value: Option<Json>, view: &'r View) -> Self {
        Self { text: None, added: Vec::new(), value, view, found: Lookup::NotYet }
    }

    /// What it has become. A text that is another than the one it came as is written into `buffer`, one behind the
    /// other: a page has as many as it has records.
    pub(super) fn finish(mut self, buffer: &mut Vec<u8>) -> Made {
        match self.text {
            Some(text) if self.added.is_empty() => return Made::Record(Record::Span(text.clone())),
            Some(text) => {
                let start = buffer.len();
                if splice(text, &self.added, buffer).is_some() {
                    return Made::Written(start..buffer.len());
                }
                buffer.truncate(start);
                self.value();
            }
            None => {}
        }
        Made::Record(Record::Value(self.value.map(Arc::unwrap_or_clone).unwrap_or_default()))
    }

    /// As much of it as templates look at.
    pub(super) fn seen(&mut self) -> Over<'_> {
        if self.value.is_none() && !self.view.is_whole && self.found().is_some() {
            return match &self.found {
                Lookup::Found(found) => Over::Members(&found.members),
                Lookup::NotYet | Lookup::NoObject => Over::Json(&Value::Null),
            };
        }
        Over::Json(self.value())
    }

    /// What is found in its text; none where it has no text, or is no object.
    fn found(&mut self) -> Option<&mut Found<'r>> {
        let text = self.text?;
        if matches!(self.found, Lookup::NotYet) {
            self.found = self.view.wanted.find(text).map_or(Lookup::NoObject, Lookup::Found);
        }
        match &mut self.found {
            Lookup::Found(found) => Some(found),
            Lookup::NotYet | Lookup::NoObject => None,
        }
    }

    /// Its value.
    pub(super) fn value(&mut self) -> &Json {
        let (text, added) = (self.text, &self.added);
        self.value.get_or_insert_with(|| {
            let value = text.and_then(|text| serde_json::from_slice(text).ok());
            let mut value: Value = value.unwrap_or_default();
            if let Some(members) = value.as_object_mut() {
                members.extend(added.iter().map(Added::entry));
            }
            Arc::new(value)
        })
    }

    /// Its value, to be changed.
    pub(super) fn value_mut(&mut self) -> &mut Value {
        self.value();
        (self.text, self.found) = (None, Lookup::NotYet);
        self.added.clear();
        Arc::make_mut(self.value.get_or_insert_with(Json::default))
    }

    /// Its members, to be changed; none where it is no object.
    pub(super) fn members_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.value_mut().as_object_mut()
    }

    /// Its text, where nothing but new members was changed since it came.
    pub(super) fn text(&self) -> Option<Cow<'r, [u8]>> {
        let text = self.text?;
        if self.added.is_empty() {
            return Some(Cow::Borrowed(text));
        }
        let mut whole = Vec::new();
        splice(text, &self.added, &mut whole)?;
        Some(Cow::Owned(whole))
    }

    /// Whether it surely has no member of this name at its root. `false` says nothing.
    pub(super) fn lacks(&mut self, name: &str) -> bool {
        if let Some(value) = &self.value {
            return value.as_object().is_some_and(|members| !members.contains_key(name));
        }
        let is_watched = self.view.wanted.has(name);
        let is_added = self.added.iter().any(|added| added.key.name == name);
        is_watched && !is_added && self.found().is_some_and(|found| !found.has(name))
    }

    /// Sets a member at its root, where it is an object.
    pub(super) fn set(&mut self, key: &'r Key, value: Cow<'r, Value>) {
        let known = self.added.iter().position(|added| added.key.name == key.name);
        if self.text.is_none() || (known.is_none() && !self.lacks(&key.name)) {
            self.members_mut().map(|members| members.insert(key.name.clone(), value.into_owned()));
            return;
        }
        if let Some(members) = self.value.as_mut().and_then(|known| Arc::make_mut(known).as_object_mut()) {
            members.insert(key.name.clone(), Value::clone(&value));
        }
        if self.view.wanted.looks_at(&key.name)
            && let Some(found) = self.found()
        {
            found.members.set(&key.name, Member::Json(Value::clone(&value)));
        }
        match known {
            Some(at) => self.added[at].value = value,
            None => self.added.push(Added { key, value }),
        }
    }
}

impl Added<'_> {
    fn entry(&self) -> (String, Value) {
        (self.key.name.clone(), Value::clone(&self.value))
    }
}

/// Writes the text of an object with members added at its end; none where it is no object.
fn splice(text: &[u8], new: &[Added<'_>], out: &mut Vec<u8>) -> Option<()> {
    let body = text.trim_ascii().strip_suffix(b"}")?.trim_ascii_end();
    out.reserve(body.len() + new.len() * 32);
    out.extend_from_slice(body);
    let mut is_first = body.len() == 1;
    for Added { key, value } in new {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        out.extend_from_slice(key.quoted.as_bytes());
        out.push(b':');
        serde_json::to_writer(&mut *out, value.as_ref()).ok()?;
    }
    out.push(b'}');
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(draft: Draft<'_>) -> String {
        let mut buffer = b"before".to_vec();
        let text = match draft.finish(&mut buffer) {
            Made::Record(record) => record.text().to_vec(),
            Made::Written(range) => buffer[range].to_vec(),
        };
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn members_are_spliced_into_the_text() {
        let check = |text: &'static str, expected: &str| {
            let (view, text) = (View::of([], ["a", "b\""]), Bytes::from_static(text.as_bytes()));
            let mut draft = Draft::of_text(&text, &view);
            let (a, b) = (Key::new("a"), Key::new("b\""));
            draft.set(&a, Cow::Owned(json!(1)));
            draft.set(&b, Cow::Owned(json!({"c": null})));
            let is_text = draft.text().is_some();
            assert_eq!(format!("{is_text} {}", written(draft)), expected, "{text:?}");
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
        let template = |text: &str| Template::compile(text, &Json::default()).unwrap();
        let view = View::of(&[template("{{ record.x ~ record.a }}")], ["a"]);
        let text = Bytes::from_static(b"{\"x\":1,\"y\":2}");
        let shown = |draft: &mut Draft<'_>| match draft.seen() {
            Over::Json(value) => value.to_string(),
            Over::Members(members) => format!("{members:?}"),
        };
        let mut draft = Draft::of_text(&text, &view);
        assert_eq!(shown(&mut draft), r#"Members([("x", Json(Number(1)))])"#);
        let a = Key::new("a");
        assert!(draft.lacks("a") && !draft.lacks("x"));
        draft.set(&a, Cow::Owned(json!(2)));
        draft.set(&a, Cow::Owned(json!(3)));
        assert!(!draft.lacks("a"));
        assert_eq!(shown(&mut draft), r#"Members([("x", Json(Number(1))), ("a", Json(Number(3)))])"#);
        assert_eq!(**draft.value(), json!({"x": 1, "y": 2, "a": 3}));
        assert_eq!(draft.text().as_deref(), Some(b"{\"x\":1,\"y\":2,\"a\":3}".as_ref()));
        draft.value_mut();
        assert_eq!(shown(&mut draft), r#"{"a":3,"x":1,"y":2}"#);
        assert_eq!(written(draft), r#"{"a":3,"x":1,"y":2}"#);
    }
}
