//! Finds the records of a JSON document in one pass over its text, without building a tree. It follows plain paths
//! alone; those with wildcards need values.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::path::Segment;
use crate::decode::span;

/// What stands at the end of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A list, by the text of its elements.
    List(Vec<Bytes>),
    /// One value.
    One(Bytes),
}

/// What a plain path leads to in a JSON text. A text that is no JSON holds nothing.
pub(crate) fn seek(text: &Bytes, path: &[Segment]) -> Found {
    match walk::<Listed<'_>>(text, path) {
        Some(Listed::List(elements)) => {
            Found::List(elements.into_iter().map(|element| span(text, element.get())).collect())
        }
        Some(Listed::Other) => match walk::<&RawValue>(text, path) {
            Some(value) => Found::One(span(text, value.get())),
            None => Found::Nothing,
        },
        None => Found::Nothing,
    }
}

fn walk<'a, T: serde::Deserialize<'a>>(text: &'a Bytes, path: &[Segment]) -> Option<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut found = None;
    Step { path, found: &mut found }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    found
}

/// The elements of a list, or something else.
enum Listed<'a> {
    List(Vec<&'a RawValue>),
    Other,
}

impl<'de> serde::Deserialize<'de> for Listed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListedVisitor)
    }
}

struct ListedVisitor;

/// The visits of what is neither an object nor a list: all of them give the same.
macro_rules! scalars {
    ($value:expr) => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

impl<'de> Visitor<'de> for ListedVisitor {
    type Value = Listed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Listed::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Listed::Other)
    }

    scalars!(Listed::Other);
}

/// The rest of a path, and where what it leads to is put.
struct Step<'p, T> {
    path: &'p [Segment],
    found: &'p mut Option<T>,
}

impl<'de, T: serde::Deserialize<'de>> DeserializeSeed<'de> for Step<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            *self.found = Some(T::deserialize(deserializer)?);
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: serde::Deserialize<'de>> Visitor<'de> for Step<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Segment::Name(name), rest)) = self.path.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while let Some(matches) = map.next_key_seed(Is(name))? {
            if matches {
                // A member that comes again replaces the one before.
                *self.found = None;
                map.next_value_seed(Step { path: rest, found: self.found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let wanted = match self.path.first() {
            Some(Segment::Index(index)) => usize::try_from(*index).ok(),
            Some(Segment::Name(name)) => name.parse().ok(),
            _ => None,
        };
        let rest = self.path.get(1..).unwrap_or_default();
        let mut at = 0;
        loop {
            let more = if wanted == Some(at) {
                list.next_element_seed(Step { path: rest, found: self.found })?.is_some()
            } else {
                list.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            at += 1;
        }
    }

    scalars!(());
}

/// Whether a member has this name.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn plain_paths_lead_to_spans() {
        let check = |text: &'static str, path: Value, expected: &str| {
            let path: Vec<_> = path.as_array().unwrap().iter().map(Segment::of).collect();
            let shown = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            let found = match seek(&Bytes::from_static(text.as_bytes()), &path) {
                Found::Nothing => "nothing".to_owned(),
                Found::One(value) => shown(&value),
                Found::List(elements) => elements.iter().map(shown).collect::<Vec<_>>().join(" | "),
            };
            assert_eq!(found, expected, "{text} {path:?}");
        };
        check(r#"{"a": {"b": [ {"x": 1} , 2]}, "c": 3}"#, json!(["a", "b"]), r#"{"x": 1} | 2"#);
        check(r#"{"a": {"b": {"x": 1}}}"#, json!(["a", "b"]), r#"{"x": 1}"#);
        check(r#"{"a": [{"b": 1}, {"b": 2}]}"#, json!(["a", 1, "b"]), "2");
        check(r#"{"a": [{"b": 1}, {"b": 2}]}"#, json!(["a", "0", "b"]), "1");
        check(r#"{"a": {"1": 2}}"#, json!(["a", 1]), "nothing");
        check(r#"{"a": [1], "a": [2]}"#, json!(["a"]), "2");
        check(r#"{"a\u0062": [1]}"#, json!(["ab"]), "1");
        check(r" [1, [2]] ", json!([]), "1 | [2]");
        check(r#"{"a": "x"}"#, json!(["a", "b"]), "nothing");
        check(r#"{"a": [1]} x"#, json!(["a"]), "nothing");
        check(r#"{"a": [1], "b": }"#, json!(["a"]), "nothing");
        check("", json!(["a"]), "nothing");
    }
}
