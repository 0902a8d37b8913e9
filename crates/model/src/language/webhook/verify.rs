//! `verify` of a webhook: the ways in which a service proves that a delivery is its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Seconds;
use crate::language::is_default;
use crate::secret::{SecretRef, Secrets, TextOrSecret};

/// How a delivery proves that the service sent it. Exactly one of `hmac`, `stripe`, `standardWebhooks`, `bearer`, `basic`, `apiKey`, `query` stands here.
///
/// A secret may be a list of two while it is replaced: either is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["hmac"] }, { "required": ["stripe"] }, { "required": ["standardWebhooks"] }, { "required": ["bearer"] }, { "required": ["basic"] }, { "required": ["apiKey"] }, { "required": ["query"] }]))]
pub struct VerifySpec {
    /// A signature over the body in a header (RFC 2104).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<HmacSpec>,
    /// The header `Stripe-Signature`, `t=…,v1=…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe: Option<StripeSpec>,
    /// The headers of standardwebhooks.com: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_webhooks: Option<StandardWebhooksSpec>,
    /// A token in the header `Authorization` (RFC 6750).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<Secrets>,
    /// A user name and a password in the header `Authorization` (RFC 7617).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicSpec>,
    /// A key in a header of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<KeySpec>,
    /// A key in the query of the URL, for services that let one choose the URL alone. Proxies write URLs into their logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryKeySpec>,
}

/// The one scheme that a webhook is verified by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// A signature over the body in a header.
    Hmac(&'a HmacSpec),
    /// Stripe's signature.
    Stripe(&'a StripeSpec),
    /// Standard Webhooks.
    StandardWebhooks(&'a StandardWebhooksSpec),
    /// A bearer token.
    Bearer(&'a Secrets),
    /// A user name and a password.
    Basic(&'a BasicSpec),
    /// A key in a header.
    ApiKey(&'a KeySpec),
    /// A key in the query.
    Query(&'a QueryKeySpec),
}

impl VerifySpec {
    /// Each scheme by its name, and whether it stands here.
    pub const fn ways(&self) -> [(&'static str, bool); 7] {
        [
            ("hmac", self.hmac.is_some()),
            ("stripe", self.stripe.is_some()),
            ("standardWebhooks", self.standard_webhooks.is_some()),
            ("bearer", self.bearer.is_some()),
            ("basic", self.basic.is_some()),
            ("apiKey", self.api_key.is_some()),
            ("query", self.query.is_some()),
        ]
    }

    /// The scheme; `None` unless exactly one stands here.
    pub fn scheme(&self) -> Option<Scheme<'_>> {
        if self.ways().iter().filter(|(_, is_there)| *is_there).count() != 1 {
            return None;
        }
        let hmac = self.hmac.as_ref().map(Scheme::Hmac);
        hmac.or_else(|| self.stripe.as_ref().map(Scheme::Stripe))
            .or_else(|| self.standard_webhooks.as_ref().map(Scheme::StandardWebhooks))
            .or_else(|| self.bearer.as_ref().map(Scheme::Bearer))
            .or_else(|| self.basic.as_ref().map(Scheme::Basic))
            .or_else(|| self.api_key.as_ref().map(Scheme::ApiKey))
            .or_else(|| self.query.as_ref().map(Scheme::Query))
    }

    /// The secrets that prove a delivery; none unless exactly one scheme stands here.
    pub fn secrets(&self) -> Option<&Secrets> {
        self.scheme().map(|scheme| match scheme {
            Scheme::Hmac(hmac) => &hmac.secret,
            Scheme::Stripe(stripe) => &stripe.secret,
            Scheme::StandardWebhooks(standard) => &standard.secret,
            Scheme::Bearer(token) => token,
            Scheme::Basic(basic) => &basic.password,
            Scheme::ApiKey(key) => &key.value,
            Scheme::Query(key) => &key.value,
        })
    }

    /// Every reference that has to be read before a delivery can be proved: the secrets, and a user name that is one.
    pub fn references(&self) -> Vec<&SecretRef> {
        let username = self.basic.as_ref().and_then(|basic| match &basic.username {
            TextOrSecret::Secret(reference) => Some(reference),
            TextOrSecret::Text(_) => None,
        });
        self.secrets().into_iter().flat_map(|secrets| &secrets.0).chain(username).collect()
    }
}

/// A signature over the body in a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HmacSpec {
    /// Where the secret is read.
    pub secret: Secrets,
    /// How the secret is written. Default: text, its bytes as they are.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub secret_encoding: SecretEncoding,
    /// The header that carries the signature.
    pub header: String,
    /// What stands before the signature in the header, for example `sha256=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How the signature is written. Default: hex.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub encoding: SignatureEncoding,
    /// The hash function. Default: sha256.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub algorithm: HashAlgorithm,
    /// The time of the delivery, which must be part of what is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampSpec>,
    /// What is signed: text in which `{body}`, `{timestamp}`, `{url}` and `{header.NAME}` stand. Default: `{timestamp}.{body}` with a timestamp, else `{body}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
}

impl HmacSpec {
    /// What is signed, written out.
    pub fn signed(&self) -> &str {
        match (&self.signed, &self.timestamp) {
            (Some(signed), _) => signed,
            (None, Some(_)) => "{timestamp}.{body}",
            (None, None) => "{body}",
        }
    }
}

/// How the secret of a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretEncoding {
    /// Its bytes are the key.
    #[default]
    Text,
    /// Hexadecimal digits of the key.
    Hex,
    /// The key in base64.
    Base64,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SignatureEncoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64 (RFC 4648), with or without padding.
    Base64,
}

/// The hash function of a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HashAlgorithm {
    /// SHA-1, which HMAC does not break; for services that have nothing else.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// The time of a delivery in a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimestampSpec {
    /// The header that carries it.
    pub header: String,
    /// How it is written. Default: unix.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub format: TimestampFormat,
    /// How far it may be from our clock, before or after.
    #[serde(default = "default_tolerance", skip_serializing_if = "is_default_tolerance")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub tolerance: Seconds,
}

/// How the time of a delivery is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TimestampFormat {
    /// Seconds since 1970.
    #[default]
    Unix,
    /// Milliseconds since 1970.
    UnixMillis,
    /// An instant, RFC 3339.
    Rfc3339,
}

const fn default_tolerance() -> Seconds {
    Seconds(300)
}
fn is_default_tolerance(value: &Seconds) -> bool {
    *value == default_tolerance()
}

/// Stripe's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StripeSpec {
    /// Where the secret of the endpoint is read, `whsec_…`.
    pub secret: Secrets,
    /// How far the time of a delivery may be from our clock, before or after.
    #[serde(default = "default_tolerance", skip_serializing_if = "is_default_tolerance")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub tolerance: Seconds,
}

/// Standard Webhooks, symmetric signatures (`v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StandardWebhooksSpec {
    /// Where the secret is read, `whsec_…` and base64.
    pub secret: Secrets,
    /// How far the time of a delivery may be from our clock, before or after.
    #[serde(default = "default_tolerance", skip_serializing_if = "is_default_tolerance")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub tolerance: Seconds,
    /// What the three headers begin with; some services write `svix-`.
    #[serde(default = "default_header_prefix", skip_serializing_if = "is_default_header_prefix")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub header_prefix: String,
}

fn default_header_prefix() -> String {
    "webhook-".to_owned()
}
fn is_default_header_prefix(value: &str) -> bool {
    value == "webhook-"
}

/// A user name and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicSpec {
    /// The user name, plain or by reference.
    pub username: TextOrSecret,
    /// Where the password is read.
    pub password: Secrets,
}

/// A key in a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySpec {
    /// The header that carries the key.
    pub header: String,
    /// What stands before the key in the header, with its space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Where the key is read.
    pub value: Secrets,
}

/// A key in the query of the URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryKeySpec {
    /// The parameter that carries the key.
    pub name: String,
    /// Where the key is read.
    pub value: Secrets,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn exactly_one_scheme_is_one() {
        let verify = |value: Value| serde_json::from_value::<VerifySpec>(value).unwrap();
        assert!(verify(json!({})).scheme().is_none());
        let bearer = verify(json!({"bearer": "${env:T}"}));
        assert!(matches!(bearer.scheme(), Some(Scheme::Bearer(_))) && bearer.secrets().is_some());
        let both = json!({"bearer": "${env:T}", "stripe": {"secret": "${env:S}"}});
        assert!(verify(both).scheme().is_none());
    }
}
