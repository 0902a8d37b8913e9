//! Where a delivery has something: its event, its id.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_path::FieldPath;
use crate::shorthand::{or_a, shorthand};

/// Where a delivery has something: a path in the body (the short form) or a header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct DeliveryPlace {
    /// The name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A path in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<FieldPath>,
}

shorthand!(DeliveryPlace, "a path, or a map with `header`", |text: &str| text
    .parse()
    .map(|path| DeliveryPlace { body: Some(path), ..DeliveryPlace::default() }));

/// Where a delivery names its event: a path in the body (the short form), a header, or several parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct EventPlace {
    /// The name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A path in the body, or several whose values are joined by dots.
    #[serde(default, skip_serializing_if = "EventParts::is_empty")]
    pub body: EventParts,
}

shorthand!(EventPlace, "a path, or a map with `header` and `body`", |text: &str| text
    .parse()
    .map(|path| EventPlace { body: EventParts(vec![path]), ..EventPlace::default() }));

/// The paths of the parts of an event's name. One alone is written as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(transform = or_a("FieldPath"))]
pub struct EventParts(pub Vec<FieldPath>);

impl EventParts {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for EventParts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = EventParts;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a list of paths")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EventParts, E> {
                text.parse().map(|path| EventParts(vec![path])).map_err(E::custom)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<EventParts, A::Error> {
                Deserialize::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(EventParts)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl Serialize for EventParts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [path] => path.serialize(serializer),
            paths => paths.serialize(serializer),
        }
    }
}
