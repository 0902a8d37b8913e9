//! One column, or a list of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shorthand::or;

/// The names of columns, in order; one alone is written as that name.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(transform = or(serde_json::json!({ "type": "string", "description": "One column." })))]
pub struct Columns(pub Vec<String>);

impl Serialize for Columns {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Columns;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a column or a list of columns")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Columns, E> {
                Ok(Columns(vec![text.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Columns, A::Error> {
                let mut columns = Vec::new();
                while let Some(column) = seq.next_element()? {
                    columns.push(column);
                }
                Ok(Columns(columns))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
