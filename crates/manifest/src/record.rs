//! A record: the JSON text it came as, or the value that transformations made of it. It never parses a text before
//! a caller asks for a value.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
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

    /// A member of it; none where it is absent or null. Nothing else of a text is parsed.
    pub fn member(&self, name: &str) -> Option<Value> {
        let member = match self {
            Self::Span(text) => {
                let mut text = serde_json::Deserializer::from_slice(text);
                Member(name).deserialize(&mut text).ok().flatten()
            }
            Self::Value(value) => value.get(name).cloned(),
        };
        member.filter(|value| !value.is_null())
    }
}

/// Finds one member of an object. Of members with the same name the last counts.
struct Member<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        text.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(Name(self.0))? {
            if is_it {
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a name is the one that is looked for; it is not copied.
struct Name<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<bool, D::Error> {
        text.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_found_without_the_rest() {
        let check = |text: &str, expected: Option<Value>| {
            assert_eq!(Record::Span(Bytes::copy_from_slice(text.as_bytes())).member("at"), expected);
            let value = serde_json::from_str(text).unwrap_or_default();
            assert_eq!(Record::Value(value).member("at"), expected);
        };
        check(r#"{"id": 1, "at": "2025", "more": {"at": 2}}"#, Some(json!("2025")));
        check(r#"{"a\u0074": [1, {}]}"#, Some(json!([1, {}])));
        check(r#"{"at": null}"#, None);
        check(r#"{"more": {"at": 2}}"#, None);
        check(r#"["at"]"#, None);
        check("no JSON", None);
    }
}
