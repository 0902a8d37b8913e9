//! The canonical form of a resource and its digest.
//!
//! The body is RFC 8785 JSON with defaults omitted; the digest is blake3 over the versions and the body.
//! Two spellings of the same meaning have one digest, and defaults are frozen within `raccord/v1`, so a new
//! version of Raccord never causes a plan.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::key::API_VERSION;

/// The version of the canonical form itself.
const CANON_VERSION: u8 = 1;

/// The digest of a canonical body.
///
/// ```
/// use raccord_model::Digest;
///
/// let digest = Digest::of(br#"{"name":"customers"}"#);
/// let written = digest.to_string();
/// assert_eq!((written.len(), written.parse()), (64, Ok(digest)));
/// assert_ne!(digest, Digest::of(br#"{"name":"orders"}"#));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of a canonical body.
    pub fn of(body: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(API_VERSION.as_bytes());
        hasher.update(&[0, CANON_VERSION]);
        hasher.update(body);
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|_| DigestError)
    }
}

crate::shorthand::string_type!(Digest, "a digest", { "type": "string", "pattern": "^[0-9a-f]{64}$" });

/// A value that has no canonical form: a number that is not finite, a key that is not a text.
#[derive(Debug, thiserror::Error)]
#[error("write the canonical form")]
pub struct CanonicalError(#[from] serde_json::Error);

/// The canonical bytes of a value (RFC 8785).
pub fn to_bytes<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let tree = serde_json::to_value(value)?;
    // The canonicalizer makes several buffers for each member, which is a quarter of a large plan. Most resources need
    // none of what it does beyond sorting.
    let bytes =
        if is_canonical(&tree) { serde_json::to_vec(&tree) } else { serde_json_canonicalizer::to_vec(value) };
    Ok(bytes?)
}

/// Whether the plain JSON of a tree is its canonical form. Names that are sorted by their bytes are sorted by their UTF-16
/// units where all are ASCII, and small whole numbers are written alike. A null may stand for a number that is not finite.
fn is_canonical(tree: &Value) -> bool {
    match tree {
        Value::Bool(_) | Value::String(_) => true,
        Value::Null => false,
        Value::Number(number) => number.as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
        Value::Array(items) => items.iter().all(is_canonical),
        Value::Object(members) => {
            members.keys().is_sorted()
                && members.iter().all(|(name, value)| name.is_ascii() && is_canonical(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Number, json};

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            (0..100_000_u64).prop_map(Value::from),
            any::<f64>().prop_filter_map("a number", |number| Number::from_f64(number).map(Value::Number)),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec(("[a-zA-Z_.\"\u{e9}\u{1f600}\u{fffd}]{0,4}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_rfc_8785(value in values()) {
            prop_assert_eq!(to_bytes(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        }
    }

    #[test]
    fn small_things_have_the_bytes_of_rfc_8785() {
        for (value, expected) in [
            (json!({ "b": 1, "a": [true, "\u{1f}\u{7f}/"] }), "{\"a\":[true,\"\\u001f\u{7f}/\"],\"b\":1}"),
            (json!({ "\u{fffd}": 2, "\u{1f600}": 1 }), "{\"\u{1f600}\":1,\"\u{fffd}\":2}"),
            (json!([1.0, 1e21, 0.1]), "[1,1e+21,0.1]"),
        ] {
            assert_eq!(String::from_utf8(to_bytes(&value).unwrap()).unwrap(), expected);
        }
        assert!(to_bytes(&f64::NAN).is_err());
    }
}
