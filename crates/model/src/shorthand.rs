//! A value that may be written as one scalar or as a map: `text` for `{type: text}`.
//!
//! The macro keeps the derived (de)serialization of the map form and adds the scalar form in front of
//! it. The canonical form is the map, or the scalar where a type says so: both spellings have one digest.

/// Implements `Deserialize` and `Serialize` for a type that derives both with `#[serde(remote = "Self")]`.
///
/// `$from_str` is `fn(&str) -> Result<Self, impl Display>`.
macro_rules! shorthand {
    ($type:ty, $expecting:literal, $from_str:expr) => {
        crate::shorthand::shorthand!($type, $expecting, $from_str, known: &[]);
    };
    // Of which texts there are few, so that the one that was meant can be told.
    ($type:ty, $expecting:literal, $from_str:expr, known: $known:expr) => {
        crate::shorthand::shorthand!(@read $type, $expecting, $from_str, $known);
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$type>::serialize(self, serializer)
            }
        }
    };
    // The canonical form is the scalar where `$to_str` has one: for a field that was a scalar alone before.
    ($type:ty, $expecting:literal, $from_str:expr, $to_str:expr) => {
        crate::shorthand::shorthand!(@read $type, $expecting, $from_str, &[]);
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let short: Option<String> = ($to_str)(self);
                match short {
                    Some(text) => serializer.serialize_str(&text),
                    None => <$type>::serialize(self, serializer),
                }
            }
        }
    };
    (@read $type:ty, $expecting:literal, $from_str:expr, $known:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> serde::de::Visitor<'de> for Either {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        ($from_str)(text).map_err(|error| crate::shorthand::wrong(text, $known, &error))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<Self::Value, A::Error> {
                        <$type>::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    };
}

/// The error of a text that a type does not know: serde's own where one that it knows is near, for a reader can go on
/// with that one.
pub(crate) fn wrong<E: serde::de::Error>(
    text: &str,
    known: &'static [&'static str],
    error: &dyn std::fmt::Display,
) -> E {
    match crate::suggest::nearest(text, known.iter().copied()) {
        Some(_) => E::unknown_variant(text, known),
        None => E::custom(error),
    }
}

/// Implements the traits of a type written as one string: `FromStr` in, `Display` out.
macro_rules! string_type {
    ($type:ty, $expecting:literal, $schema:tt) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = schemars::json_schema!($schema);
                schema.insert("description".to_owned(), $expecting.into());
                schema
            }
        }
    };
}

/// Rewrites a schema so that a short form is allowed beside the full form, under one description.
pub(crate) fn or(short: serde_json::Value) -> impl FnMut(&mut schemars::Schema) {
    move |schema| {
        let mut full = std::mem::take(schema);
        let description = full.remove("description");
        *schema = schemars::json_schema!({ "anyOf": [short, full] });
        if let Some(description) = description {
            schema.insert("description".to_owned(), description);
        }
    }
}

/// The short form that is a value of another type, which the full form mentions too.
pub(crate) fn or_a(definition: &str) -> impl FnMut(&mut schemars::Schema) {
    or(serde_json::json!({ "$ref": format!("#/$defs/{definition}") }))
}

/// For `skip_serializing_if` of schemas alone: a default that the canonical form leaves out is shown in the schema.
pub(crate) const fn never<T>(_: &T) -> bool {
    false
}

pub(crate) use {shorthand, string_type};
