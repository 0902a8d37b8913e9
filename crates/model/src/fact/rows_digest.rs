//! A digest of a set of rows: equal sets have equal digests. It holds no key, but it is no secret either: of a set of one row, a
//! key that can be guessed can be confirmed.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A digest of the keys of rows, whatever their order: the sum of the digests of the keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowsDigest(u128);

impl RowsDigest {
    /// Takes one more row in, by its key's bytes. Each row is taken in once.
    pub fn add(&mut self, key: &[u8]) {
        let mut first = [0; size_of::<u128>()];
        blake3::Hasher::new().update(key).finalize_xof().fill(&mut first);
        self.0 = self.0.wrapping_add(u128::from_be_bytes(first));
    }

    /// The digest of these rows and of others, none of which is among them.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0.wrapping_add(others.0))
    }
}

impl<'a> FromIterator<&'a [u8]> for RowsDigest {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(keys: T) -> Self {
        let mut digest = Self::default();
        for key in keys {
            digest.add(key);
        }
        digest
    }
}

impl fmt::Display for RowsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for RowsDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RowsDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for RowsDigest {
    fn schema_name() -> Cow<'static, str> {
        "RowsDigest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A digest of the keys of rows: two sets of rows have the same when they are the same set."
        })
    }
}
