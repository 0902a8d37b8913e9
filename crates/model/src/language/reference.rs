//! Inline or by name: an Authorization, Mapping, Subscription or Alert may stand in place of the
//! reference to it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::name::Name;

/// Either the name of a document or what such a document would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByNameOrInline<T> {
    /// A document of that name.
    ByName(Name),
    /// Here and now.
    Inline(T),
}

impl<T> ByNameOrInline<T> {
    /// What stands here, when it stands here.
    pub const fn inline(&self) -> Option<&T> {
        match self {
            Self::ByName(_) => None,
            Self::Inline(value) => Some(value),
        }
    }

    /// The name referred to.
    pub const fn name(&self) -> Option<&Name> {
        match self {
            Self::ByName(name) => Some(name),
            Self::Inline(_) => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByNameOrInline<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Either<T> {
            type Value = ByNameOrInline<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or what it would stand for")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(ByNameOrInline::ByName).map_err(E::custom)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(ByNameOrInline::Inline)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                T::deserialize(SeqAccessDeserializer::new(seq)).map(ByNameOrInline::Inline)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T: Serialize> Serialize for ByNameOrInline<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ByName(name) => name.serialize(serializer),
            Self::Inline(value) => value.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for ByNameOrInline<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("ByNameOrInline_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Name>();
        let inline = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [name, inline] })
    }
}
