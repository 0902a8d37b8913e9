//! References to secrets. The language holds where a secret is found, never the secret itself.
//!
//! A reference is compared and printed as it is written; only the connectors resolve it, where runs happen.

use std::fmt;
use std::str::FromStr;

mod reference;

pub use reference::{CommandRef, NotAReference, SecretRef, VaultRef, is_variable_name};

/// The name under which serde announces a secret field, so that the loader knows that `${env:…}` may stand there.
pub const SECRET_MARKER: &str = "raccord::Secret";

/// One reference, or a list of them of which each is as good: the new and the old secret while one replaces the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transform = crate::shorthand::or_a("SecretRef"))]
pub struct Secrets(pub Vec<SecretRef>);

impl<'de> serde::Deserialize<'de> for Secrets {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Secrets;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reference to a secret, ${env:NAME} or ${file:PATH}, or a list of them")
            }
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                self,
                inner: D,
            ) -> Result<Secrets, D::Error> {
                inner.deserialize_any(self)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secrets, E> {
                text.parse().map(|reference| Secrets(vec![reference])).map_err(E::custom)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Secrets, A::Error> {
                serde::Deserialize::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))
                    .map(Secrets)
            }
        }
        deserializer.deserialize_newtype_struct(SECRET_MARKER, OneOrMany)
    }
}

/// A value that need not be secret but may be: a user name, written as it is or as a reference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextOrSecret {
    /// The text itself.
    Text(String),
    /// Where to read it.
    Secret(SecretRef),
}

impl fmt::Debug for TextOrSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // It may be as good as a secret: the URL of a webhook.
            Self::Text(_) => f.write_str("Text(***)"),
            Self::Secret(reference) => reference.fmt(f),
        }
    }
}

impl FromStr for TextOrSecret {
    type Err = NotAReference;
    fn from_str(text: &str) -> Result<Self, NotAReference> {
        if text.starts_with("${") { text.parse().map(Self::Secret) } else { Ok(Self::Text(text.to_owned())) }
    }
}

impl fmt::Display for TextOrSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Secret(reference) => reference.fmt(f),
        }
    }
}

impl<'de> serde::Deserialize<'de> for TextOrSecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = TextOrSecret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a reference to a secret")
            }
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                self,
                inner: D,
            ) -> Result<TextOrSecret, D::Error> {
                inner.deserialize_str(self)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TextOrSecret, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_newtype_struct(SECRET_MARKER, Either)
    }
}

impl serde::Serialize for TextOrSecret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for TextOrSecret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TextOrSecret".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a text or a reference to a secret" })
    }
}

/// Names under which services take a credential, in headers and queries alike, without case and separators.
const CREDENTIAL_NAMES: [&str; 32] = [
    "accesskey",
    "accesskeyid",
    "accesstoken",
    "apikey",
    "apisecret",
    "apitoken",
    "appkey",
    "appsecret",
    "authkey",
    "authorization",
    "authtoken",
    "bearertoken",
    "clientsecret",
    "consumersecret",
    "jobtoken",
    "oauthtoken",
    "passwd",
    "password",
    "privatekey",
    "privatetoken",
    "proxyauthorization",
    "refreshtoken",
    "secretkey",
    "sessiontoken",
    "subscriptionkey",
    "ocpapimsubscriptionkey",
    "shopifyaccesstoken",
    "secretaccesskey",
    "securitytoken",
    "userkey",
    "usertoken",
    "vaulttoken",
];

/// Whether a header or parameter of this name carries a credential: `X-Api-Key`, `access_token`. A name that only may
/// do so (`key`, `token`) or says of what else it is a token (`page_token`) is not among them.
pub fn names_credential(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    let plain = plain.strip_prefix('x').filter(|_| name.starts_with(['x', 'X'])).unwrap_or(&plain);
    CREDENTIAL_NAMES.contains(&plain)
}

/// Why a secret that is referred to is of no use. It names the reference, never the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is not there, or not what it should be.
    #[error("{reference} {why}")]
    Unusable {
        /// The reference as it is written, or the setting that it belongs to.
        reference: String,
        /// What is wrong with it, to stand after the reference.
        why: String,
    },
    /// What holds it does not answer for the moment: a vault that is sealed or out of reach.
    #[error("{reference} cannot be read now: {message}")]
    Unavailable {
        /// The reference as it is written.
        reference: String,
        /// Why not, in words.
        message: String,
    },
    /// Something ran out on this machine while it was read: descriptors, disk, memory.
    #[error("this machine has run out of something: {reference}: {message}")]
    Exhausted {
        /// The reference as it is written.
        reference: String,
        /// What ran out.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_secret_is_a_list_of_one() {
        for (written, expected) in [
            ("\"${env:A}\"", "[\"${env:A}\"]"),
            ("[\"${env:A}\",\"${file:b}\"]", "[\"${env:A}\",\"${file:b}\"]"),
        ] {
            let secrets: Secrets = serde_json::from_str(written).unwrap();
            assert_eq!(serde_json::to_string(&secrets).unwrap(), expected);
        }
        for bad in ["\"hunter2\"", "[\"hunter2\"]", "{}"] {
            let error = serde_json::from_str::<Secrets>(bad).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn credentials_are_known_by_their_names() {
        for name in [
            "X-Api-Key",
            "x-api-key",
            "Authorization",
            "access_token",
            "accessToken",
            "api_key",
            "apikey",
            "PRIVATE-TOKEN",
            "X-Shopify-Access-Token",
            "client_secret",
            "password",
        ] {
            assert!(names_credential(name), "{name}");
        }
        for name in
            ["page_token", "key", "token", "sort_key", "X-Request-Id", "xapikeys", "next_token", "x", ""]
        {
            assert!(!names_credential(name), "{name}");
        }
    }
}
