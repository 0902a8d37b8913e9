//! Maps in which one member says what the others mean: `type` of an Authorization, `connector` of a Source.
//!
//! Serde's internally tagged enums buffer the map and lose the places of errors. So a type announces itself
//! under a marker name; a deserializer that knows the marker (the YAML loader) answers with `visit_enum` and
//! keeps every place, any other one is read through a JSON value.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess, Visitor};

/// The prefix of every marker; the name of the tag member follows it.
pub const TAG_MARKER: &str = "raccord::Tagged/";

/// A type that is read by looking at one member first.
pub(crate) trait Tagged: Sized {
    /// [`TAG_MARKER`] and the name of the member.
    const MARKER: &'static str;
    /// The values that the member may have.
    fn variants() -> &'static [&'static str];
    /// Whether the member may have a value that is none of the variants.
    fn admits(_tag: &str) -> bool {
        false
    }
    /// Reads the rest of the map, without the tag.
    fn from_tag<'de, D: Deserializer<'de>>(tag: &str, rest: D) -> Result<Self, D::Error>;
}

/// The body of a `Deserialize` implementation for a tagged type.
pub(crate) fn deserialize<'de, T: Tagged, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(T::MARKER, TaggedVisitor(PhantomData))
}

struct TaggedVisitor<T>(PhantomData<T>);

impl<'de, T: Tagged> Visitor<'de> for TaggedVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map with `{}`", &T::MARKER[TAG_MARKER.len()..])
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<T, A::Error> {
        let (tag, rest) = data.variant_seed(TagSeed { variants: T::variants(), admits: T::admits })?;
        rest.newtype_variant_seed(RestSeed(tag, PhantomData))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<T, D::Error> {
        let mut map = serde_json::Map::deserialize(inner)?;
        let member = &T::MARKER[TAG_MARKER.len()..];
        let Some(serde_json::Value::String(tag)) = map.remove(member) else {
            return Err(D::Error::missing_field(member));
        };
        T::from_tag(&tag, serde_json::Value::Object(map)).map_err(D::Error::custom)
    }
}

struct TagSeed {
    variants: &'static [&'static str],
    admits: fn(&str) -> bool,
}

impl<'de> DeserializeSeed<'de> for TagSeed {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for TagSeed {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.variants.join(", "))
    }
    fn visit_str<E: Error>(self, tag: &str) -> Result<String, E> {
        let is_known = self.variants.contains(&tag) || (self.admits)(tag);
        if is_known { Ok(tag.to_owned()) } else { Err(E::unknown_variant(tag, self.variants)) }
    }
}

struct RestSeed<T>(String, PhantomData<T>);

impl<'de, T: Tagged> DeserializeSeed<'de> for RestSeed<T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, rest: D) -> Result<T, D::Error> {
        T::from_tag(&self.0, rest)
    }
}
