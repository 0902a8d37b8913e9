//! Credentials that stand in a header or in the query as they are: a token, a user name with a password, a key.
//!
//! Only digests are kept and compared, so that neither the memory nor the time it takes tells how long a secret
//! is.

use std::borrow::Cow;

use base64::Engine;
use raccord_model::language::webhook::{BasicSpec, KeySpec, QueryKeySpec};
use raccord_model::port::webhook::{Refused, single};
use raccord_model::secret::{SecretError, SecretRef, Secrets};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::signature::BASE64;
use crate::secret::SecretReader;

/// A credential in a header or in the query.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    /// The name of the header or of the parameter.
    name: String,
    form: Form,
    digests: Digests,
}

/// How the credential is written.
#[derive(Debug, Clone)]
enum Form {
    /// After a word of RFC 9110, which is written in any case.
    Scheme(&'static str),
    /// After a prefix, as it is written.
    Prefix(String),
    /// After `Basic`, in base64.
    Basic,
    /// As a parameter of the query.
    Parameter,
}

/// The digests of what is accepted. Its debug form shows none of them.
#[derive(Clone)]
struct Digests(Vec<[u8; 32]>);

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digests({})", self.0.len())
    }
}

impl Credential {
    /// A bearer token.
    pub(super) fn bearer(token: &Secrets, secrets: &SecretReader) -> Result<Self, SecretError> {
        let digests = Digests::of(token, secrets, "")?;
        Ok(Self { name: AUTHORIZATION.to_string(), form: Form::Scheme("bearer"), digests })
    }

    /// A user name and a password.
    pub(super) fn basic(basic: &BasicSpec, secrets: &SecretReader) -> Result<Self, SecretError> {
        let username = secrets.read_text_at_hand(&basic.username)?;
        let before = SecretString::from(format!("{}:", username.expose_secret()));
        let digests = Digests::of(&basic.password, secrets, before.expose_secret())?;
        Ok(Self { name: AUTHORIZATION.to_string(), form: Form::Basic, digests })
    }

    /// A key in a header of its own.
    pub(super) fn api_key(key: &KeySpec, secrets: &SecretReader) -> Result<Self, SecretError> {
        let form = Form::Prefix(key.prefix.clone().unwrap_or_default());
        Ok(Self { name: key.header.clone(), form, digests: Digests::of(&key.value, secrets, "")? })
    }

    /// A key in the query of the URL.
    pub(super) fn query(key: &QueryKeySpec, secrets: &SecretReader) -> Result<Self, SecretError> {
        let digests = Digests::of(&key.value, secrets, "")?;
        Ok(Self { name: key.name.clone(), form: Form::Parameter, digests })
    }

    /// Whether the header, or the query, holds what is accepted.
    pub(super) fn verify(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refused> {
        if matches!(self.form, Form::Parameter) {
            let value = parameter(query, &self.name)?;
            return if self.digests.has(value.as_bytes()) { Ok(()) } else { Err(Refused::Wrong) };
        }
        let value = single(headers, &self.name)?;
        let prefix = || Refused::Prefix(self.name.clone());
        let is_right = match &self.form {
            Form::Scheme(word) => self.digests.has(after_word(value, word).ok_or_else(prefix)?),
            Form::Prefix(text) => self.digests.has(value.strip_prefix(text.as_bytes()).ok_or_else(prefix)?),
            Form::Parameter => false,
            Form::Basic => {
                let encoded = after_word(value, "basic").ok_or_else(prefix)?;
                let decoded = BASE64.decode(encoded).map_err(|_| Refused::Encoding(self.name.clone()))?;
                self.digests.has(secrecy::SecretSlice::from(decoded).expose_secret())
            }
        };
        if is_right { Ok(()) } else { Err(Refused::Wrong) }
    }
}

impl Digests {
    /// Those of the secrets, with what stands before each.
    fn of(references: &Secrets, secrets: &SecretReader, before: &str) -> Result<Self, SecretError> {
        let digest = |reference: &SecretRef| {
            let secret = secrets.read_at_hand(reference)?;
            let digest = Sha256::new_with_prefix(before).chain_update(secret.expose_secret());
            Ok(digest.finalize().into())
        };
        references.0.iter().map(digest).collect::<Result<_, _>>().map(Self)
    }

    fn has(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.iter().fold(Choice::from(0), |found, digest| found | digest.ct_eq(&given)).into()
    }
}

/// What follows a word and the spaces after it.
fn after_word<'v>(value: &'v [u8], word: &str) -> Option<&'v [u8]> {
    let (first, rest) = value.split_at_checked(word.len())?;
    (first.eq_ignore_ascii_case(word.as_bytes()) && rest.first() == Some(&b' '))
        .then(|| rest.trim_ascii_start())
}

/// The value of a parameter, which stands in the query once.
fn parameter<'q>(query: Option<&'q str>, name: &str) -> Result<Cow<'q, str>, Refused> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(other, _)| other == name).map(|(_, value)| value);
    let value = values.next().ok_or_else(|| Refused::MissingParameter(name.to_owned()))?;
    if values.next().is_some() {
        return Err(Refused::DoubledParameter(name.to_owned()));
    }
    Ok(value)
}
