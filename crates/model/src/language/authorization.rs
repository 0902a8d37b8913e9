//! `Authorization`: how we prove who we are to a third-party service. Holds references to secrets only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::exclusive::{exactly_one, only_with};
use crate::language::is_default;
use crate::secret::{SecretRef, TextOrSecret};
use crate::tagged::{self, Tagged};

mod database;
mod oauth2;
mod signed;
mod storage;
mod tls;

pub use database::{Database, Tls, TlsMode};
pub use oauth2::{Assertion, ClientAuth, Grant, OAuth2, Rotation, SignatureAlgorithm};
pub use signed::{AwsSigV4, HmacSigning, RequestNonce, RequestTime, RequestTimeFormat};
pub use storage::{Azure, Gcs, S3, Sftp};
pub use tls::ClientTls;

/// What an Authorization says; `type` tells which form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum AuthorizationSpec {
    /// The service asks for nothing.
    None(NoAuthorization),
    /// A key in a header, in several headers, or in the query.
    ApiKey(ApiKey),
    /// A token in the `Authorization` header (RFC 6750).
    Bearer(Bearer),
    /// A user name and password (RFC 7617).
    Basic(Basic),
    /// Tokens that an OAuth 2.0 server issues, and that are renewed before they expire (RFC 6749).
    #[serde(rename = "oauth2")]
    OAuth2(Box<OAuth2>),
    /// A signature over each request (OAuth 1.0a, RFC 5849), as Adobe Commerce wants it.
    #[serde(rename = "oauth1a")]
    OAuth1(Box<OAuth1>),
    /// A signature over parts of each request (HMAC), put together as the service wants it.
    Hmac(Box<HmacSigning>),
    /// A signature over each request with keys of Amazon Web Services (Signature Version 4).
    AwsSigV4(Box<AwsSigV4>),
    /// Access to a database: one in which a Project keeps its records, or one that a Source reads.
    Database(Box<Database>),
    /// Access to S3, or to a service compatible with it.
    S3(Box<S3>),
    /// Access to Google Cloud Storage.
    Gcs(Box<Gcs>),
    /// Access to Azure Blob Storage.
    Azure(Box<Azure>),
    /// Access to a server of SFTP.
    Sftp(Box<Sftp>),
}

/// No credential at all, or a certificate alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoAuthorization {
    /// How connections are made: a certificate may be all that proves who we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}

/// A key that the service handed out. Give `value` with `header` or `query`, or `headers` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("header query headers"))]
#[schemars(transform = exactly_one("value headers"), transform = only_with("prefix", "header"))]
pub struct ApiKey {
    /// The header that carries the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What stands before the key in the header, with its space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The query parameter that carries the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Where the key is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<SecretRef>,
    /// Several headers, each with a reference of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretRef>,
    /// How connections are made, beside what is sent over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}

/// A bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bearer {
    /// Where the token is read.
    pub token: SecretRef,
    /// How connections are made, beside what is sent over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}

/// A user name and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basic {
    /// The user name, plain or by reference.
    pub username: TextOrSecret,
    /// Where the password is read; empty when the service takes the user name alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// How connections are made, beside what is sent over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}

/// The four parts of an access that signs each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuth1 {
    /// Who we are, plain or by reference.
    pub consumer_key: TextOrSecret,
    /// Where the consumer's secret is read.
    pub consumer_secret: SecretRef,
    /// Where the access token is read.
    pub token: SecretRef,
    /// Where the secret of the access token is read.
    pub token_secret: SecretRef,
    /// How requests are signed. Default: hmacSha256.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub signature: SignatureMethod,
    /// How connections are made, beside what is sent over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SignatureMethod {
    /// With SHA-256.
    #[default]
    HmacSha256,
    /// With SHA-1, for services that know no other.
    HmacSha1,
}

impl SignatureMethod {
    /// As a request names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HMAC-SHA256",
            Self::HmacSha1 => "HMAC-SHA1",
        }
    }
}

impl AuthorizationSpec {
    /// What stands in `type`.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::None(_) => "none",
            Self::ApiKey(_) => "apiKey",
            Self::Bearer(_) => "bearer",
            Self::Basic(_) => "basic",
            Self::OAuth2(_) => "oauth2",
            Self::OAuth1(_) => "oauth1a",
            Self::Database(_) => "database",
            Self::Hmac(_) => "hmac",
            Self::AwsSigV4(_) => "awsSigV4",
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
            Self::Sftp(_) => "sftp",
        }
    }

    /// How connections to the service are made; none where they are like all others.
    pub fn tls(&self) -> Option<&ClientTls> {
        match self {
            Self::None(none) => none.tls.as_deref(),
            Self::ApiKey(key) => key.tls.as_deref(),
            Self::Bearer(bearer) => bearer.tls.as_deref(),
            Self::Basic(basic) => basic.tls.as_deref(),
            Self::OAuth2(oauth) => oauth.tls.as_deref(),
            Self::OAuth1(oauth) => oauth.tls.as_deref(),
            Self::Hmac(signing) => signing.tls.as_deref(),
            Self::AwsSigV4(signing) => signing.tls.as_deref(),
            Self::Database(_) | Self::S3(_) | Self::Gcs(_) | Self::Azure(_) | Self::Sftp(_) => None,
        }
    }
}

impl Tagged for AuthorizationSpec {
    const MARKER: &'static str = "raccord::Tagged/type";

    fn variants() -> &'static [&'static str] {
        &[
            "none", "apiKey", "bearer", "basic", "oauth2", "oauth1a", "hmac", "awsSigV4", "database", "s3",
            "gcs", "azure", "sftp",
        ]
    }

    fn from_tag<'de, D: Deserializer<'de>>(tag: &str, rest: D) -> Result<Self, D::Error> {
        match tag {
            "none" => NoAuthorization::deserialize(rest).map(Self::None),
            "apiKey" => ApiKey::deserialize(rest).map(Self::ApiKey),
            "bearer" => Bearer::deserialize(rest).map(Self::Bearer),
            "basic" => Basic::deserialize(rest).map(Self::Basic),
            "oauth1a" => OAuth1::deserialize(rest).map(|oauth| Self::OAuth1(Box::new(oauth))),
            "hmac" => HmacSigning::deserialize(rest).map(|signing| Self::Hmac(Box::new(signing))),
            "awsSigV4" => AwsSigV4::deserialize(rest).map(|signing| Self::AwsSigV4(Box::new(signing))),
            "database" => Database::deserialize(rest).map(|database| Self::Database(Box::new(database))),
            "s3" => S3::deserialize(rest).map(|s3| Self::S3(Box::new(s3))),
            "gcs" => Gcs::deserialize(rest).map(|gcs| Self::Gcs(Box::new(gcs))),
            "azure" => Azure::deserialize(rest).map(|azure| Self::Azure(Box::new(azure))),
            "sftp" => Sftp::deserialize(rest).map(|sftp| Self::Sftp(Box::new(sftp))),
            "oauth2" => OAuth2::deserialize(rest).map(|oauth| Self::OAuth2(Box::new(oauth))),
            other => Err(D::Error::unknown_variant(other, Self::variants())),
        }
    }
}

impl<'de> Deserialize<'de> for AuthorizationSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize(deserializer)
    }
}
