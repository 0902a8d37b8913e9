//! The canonical form of a resource and its digest.
//!
//! The body is RFC 8785 JSON with defaults omitted; the digest is blake3 over the versions and the body.
//! Two spellings of the same meaning have one digest, and defaults are frozen within `raccord/v1`, so a new
//! version of Raccord never causes a plan.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use crate::language::API_VERSION;

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
    Ok(serde_json_canonicalizer::to_vec(value)?)
}
