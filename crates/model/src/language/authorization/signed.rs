//! Authorizations that sign each request: `type: hmac`, by a text that is put together of its parts, and `type: awsSigV4`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientTls;
use crate::duration::Seconds;
use crate::exclusive::{at_most_one, exactly_one, only_with};
use crate::language::is_default;
use crate::language::webhook::{HashAlgorithm, SecretEncoding, SignatureEncoding};
use crate::secret::{SecretRef, TextOrSecret};

/// A signature over parts of each request. In `signed` and `prefix` stand `{method}`, `{host}`, `{path}`, `{query}`, `{sortedQuery}`, `{pathAndQuery}`, `{url}`, `{body}`, `{bodyHash}`, `{timestamp}`, `{nonce}`, `{key}`, `{secret}` and `{header.NAME}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("header query"), transform = only_with("prefix", "header"))]
pub struct HmacSigning {
    /// Who we are, plain or by reference: what `{key}` stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<TextOrSecret>,
    /// Where the secret is read that signs.
    pub secret: SecretRef,
    /// How the secret is written. Default: text, its bytes as they are.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub secret_encoding: SecretEncoding,
    /// The hash function. Default: sha256.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub algorithm: HashAlgorithm,
    /// What is signed: text in which parts of the request stand, such as `{timestamp}{method}{pathAndQuery}{body}`.
    pub signed: String,
    /// How the signature is written. Default: hex.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub encoding: SignatureEncoding,
    /// The header that carries the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The query parameter that carries the signature; the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What stands before the signature in the header; parts of the request may stand in it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// When the request is sent: how that is written, and where it is sent, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<RequestTime>,
    /// 32 hexadecimal digits that no other request has: where they are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<RequestNonce>,
    /// The header in which the hash of the body is sent, by the same function and written like the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hash: Option<String>,
    /// Further headers, each with a reference: the key, a passphrase. What is no secret stands in the `headers` of the source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretRef>,
    /// How connections are made, beside what is sent over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}

/// When a request is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = at_most_one("header query"))]
pub struct RequestTime {
    /// The header that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The query parameter that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How it is written. Default: seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub format: RequestTimeFormat,
    /// How far ahead of the clock it is, for services that are told when a request ends. Default: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<Seconds>,
}

/// How the time of a request is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RequestTimeFormat {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// As in `2026-12-01T09:30:00Z`.
    Rfc3339,
    /// As in `2026-12-01T09:30:00.000Z`.
    Rfc3339Milliseconds,
    /// As the header `Date` has it: `Tue, 01 Dec 2026 09:30:00 GMT`.
    Http,
}

/// Where the nonce of a request is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = at_most_one("header query"))]
pub struct RequestNonce {
    /// The header that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The query parameter that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

impl HmacSigning {
    /// The query parameters that signing adds to a request.
    pub fn parameters(&self) -> Vec<&str> {
        let time = self.timestamp.as_ref().and_then(|time| time.query.as_deref());
        let nonce = self.nonce.as_ref().and_then(|nonce| nonce.query.as_deref());
        time.into_iter().chain(nonce).chain(self.query.as_deref()).collect()
    }
}

/// The keys of an account of Amazon Web Services, which sign each request (Signature Version 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsSigV4 {
    /// The id of the access key, plain or by reference.
    pub access_key_id: TextOrSecret,
    /// Where the secret of the access key is read.
    pub secret_access_key: SecretRef,
    /// Where the token of a session is read, for keys that end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretRef>,
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// The name by which the service is signed for, such as `execute-api`.
    pub service: String,
    /// How connections are made, beside what is sent over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}
