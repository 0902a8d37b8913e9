//! Inline or by name: an Authorization, Mapping, Subscription or Alert may stand in place of the
//! reference to it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, EnumAccess, Error, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::Name;

/// The name under which serde announces a reference. A deserializer that knows it (the YAML loader) answers
/// with `visit_enum`, the variant `byName` for a text and `inline` for anything else, and keeps every place.
pub const REFERENCE_MARKER: &str = "raccord::ByNameOrInline";

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

impl<'de, T: DeserializeOwned> Deserialize<'de> for ByNameOrInline<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(REFERENCE_MARKER, Either(PhantomData))
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Either<T> {
    type Value = ByNameOrInline<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or what it would stand for")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Self::Value, A::Error> {
        let (form, value): (Form, _) = data.variant()?;
        match form {
            Form::ByName => value.newtype_variant().map(ByNameOrInline::ByName),
            Form::Inline => value.newtype_variant().map(ByNameOrInline::Inline),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        let value = serde_json::Value::deserialize(inner)?;
        if let serde_json::Value::String(name) = &value {
            return name.parse().map(ByNameOrInline::ByName).map_err(D::Error::custom);
        }
        T::deserialize(value).map(ByNameOrInline::Inline).map_err(D::Error::custom)
    }
}

/// The variants under which a deserializer that knows [`REFERENCE_MARKER`] answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Form {
    ByName,
    Inline,
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
