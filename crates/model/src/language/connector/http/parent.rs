//! The parent of a data type: whose records each lead to a request of their own, and which of them may be passed over.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::field_path::FieldPath;
use crate::name::DataTypeName;
use crate::shorthand::or_a;

/// The data type whose records each lead to a request of this one: its name, or a map that says more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("DataTypeName"))]
pub struct Parent {
    /// The data type.
    pub data_type: DataTypeName,
    /// What tells one parent record from another, when their pages are asked for by their position and may shift. Default:
    /// `id`, and for a record without one what the path takes from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<FieldPath>,
    /// The statuses (`[403, 404, 410]`) with which a parent's children may be refused: then that parent is passed over and
    /// counted, and the run succeeds all the same. Any other error of a parent's children makes the run end as failed,
    /// once the children of all other parents were read. Rows are deleted by a snapshot only when every parent that was
    /// passed over answered 404 or 410.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub skip: BTreeSet<u16>,
}

impl From<DataTypeName> for Parent {
    fn from(data_type: DataTypeName) -> Self {
        Self { data_type, key: None, skip: BTreeSet::new() }
    }
}

impl<'de> Deserialize<'de> for Parent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Parent;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a data type, or a map with `dataType`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Parent, E> {
                text.parse::<DataTypeName>().map(Parent::from).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Parent, A::Error> {
                Parent::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Parent {
    /// The name alone stays a name, whichever way it was written: it was the only form once, and digests depend on it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_bare = self.key.is_none() && self.skip.is_empty();
        if is_bare { self.data_type.serialize(serializer) } else { Self::serialize(self, serializer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_the_canonical_one_as_long_as_nothing_else_is_said() {
        for (written, canonical) in [
            (r#""orders""#, r#""orders""#),
            (r#"{"dataType":"orders"}"#, r#""orders""#),
            (r#"{"dataType":"orders","skip":[]}"#, r#""orders""#),
            (r#"{"dataType":"orders","key":"number"}"#, r#"{"dataType":"orders","key":"number"}"#),
            (r#"{"dataType":"orders","skip":[410,404,404]}"#, r#"{"dataType":"orders","skip":[404,410]}"#),
        ] {
            let parent: Parent = serde_json::from_str(written).unwrap();
            assert_eq!(serde_json::to_string(&parent).unwrap(), canonical, "{written}");
        }
        for wrong in
            [r#"{"skip":[404]}"#, r#"{"dataType":"a","other":1}"#, "7", r#"{"dataType":"a","skip":["x"]}"#]
        {
            assert!(serde_json::from_str::<Parent>(wrong).is_err(), "{wrong}");
        }
    }
}
