//! The text of a token: how it is made, recognised and kept.
//!
//! A token is shown once and then known by its hash alone. It is 32 random bytes, so it cannot be guessed and no slow
//! hash is needed; it never stands in a log, an error or a Debug output.

use data_encoding::HEXLOWER;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use raccord_model::fact::Token;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every token begins with, so that people and scanners recognise one.
pub const PREFIX: &str = "rcd_";

/// How many random bytes a token holds.
pub const RANDOM_BYTES: usize = 32;

/// How many characters 32 bytes have in base64 without padding.
const CHARACTERS: usize = 43;

/// How many tokens there may be at once.
pub const MAX_TOKENS: usize = 200;

/// The text of a token. It travels once, from the process that makes it to the caller on the same machine.
#[derive(Clone)]
pub struct TokenText(SecretString);

impl TokenText {
    /// The token that is made of random bytes.
    pub fn of(bytes: &[u8; RANDOM_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// A text that has the form of a token; every other text is no token, whatever is stored.
    pub fn read(text: &str) -> Option<Self> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let random = text.strip_prefix(PREFIX)?;
        (random.len() == CHARACTERS && random.bytes().all(is_ours)).then(|| Self(text.into()))
    }

    /// The token itself, to be shown or sent.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it: its SHA-256, as 64 hexadecimal digits.
    pub fn sha256(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.expose().as_bytes()))
    }

    /// The stored token that this is. Every stored one is compared, and each in constant time.
    pub fn find(&self, stored: Vec<Token>) -> Option<Token> {
        let own = self.sha256();
        let mut found = None;
        for token in stored {
            if bool::from(own.as_bytes().ct_eq(token.sha256.as_bytes())) {
                found = Some(token);
            }
        }
        found
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(…)")
    }
}

impl JsonSchema for TokenText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TokenText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^rcd_[A-Za-z0-9_-]{43}$" })
    }
}

impl Serialize for TokenText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for TokenText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_token_is_recognised_by_its_form() {
        let good = TokenText::of(&[0xfb; RANDOM_BYTES]);
        assert_eq!(good.expose(), format!("rcd_{}s", "-_v7".repeat(10) + "-_"));
        assert!(TokenText::read(good.expose()).is_some());
        let wrong = ["", "rcd_", "rcd_short", &good.expose()[1..], &format!("{}x", good.expose())];
        let wrong = wrong.into_iter().map(str::to_owned).chain([good.expose().replace('-', "+")]);
        for text in wrong {
            assert!(TokenText::read(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_token_is_found_by_its_hash_and_never_shown() {
        let token = |byte, name: &str| Token {
            name: name.parse().unwrap(),
            roles: BTreeSet::new(),
            sha256: TokenText::of(&[byte; RANDOM_BYTES]).sha256(),
            created: jiff::Timestamp::UNIX_EPOCH,
            expires: None,
        };
        let stored = vec![token(1, "one"), token(2, "two"), token(3, "three")];
        let name_of = |byte| {
            TokenText::of(&[byte; RANDOM_BYTES]).find(stored.clone()).map(|token| token.name.to_string())
        };
        assert_eq!(name_of(2).as_deref(), Some("two"));
        assert_eq!(name_of(4), None);
        let text = TokenText::of(&[7; RANDOM_BYTES]);
        assert!(!format!("{text:?}").contains(&text.expose()[4..]));
    }
}
