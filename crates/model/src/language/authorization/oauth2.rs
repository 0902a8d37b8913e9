//! `type: oauth2`: where tokens are asked for, as whom, and what becomes of a refresh token. Tokens themselves are never
//! part of the language; they are in the vault.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientTls;
use crate::duration::Seconds;
use crate::language::is_default;
use crate::secret::{SecretRef, TextOrSecret};

/// Tokens of an OAuth 2.0 server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuth2 {
    /// What a token is given for.
    pub grant: Grant,
    /// The URL that issues tokens.
    pub token_url: String,
    /// authorizationCode: the page on which a person agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_url: Option<String>,
    /// authorizationCode: where the server sends the person afterwards, if it accepts one URL only. Without it `raccord authorize` listens on a free port of 127.0.0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// deviceCode: the URL that issues codes for a person to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_url: Option<String>,
    /// Who we are to the server, plain or by reference.
    pub client_id: TextOrSecret,
    /// Where the client's secret is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
    /// How the client proves itself. Default: body.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub client_auth: ClientAuth,
    /// refreshToken: where the first refresh token is read. Those that the server puts in its place are kept in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<SecretRef>,
    /// jwtBearer: what is signed in place of a password (RFC 7523).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
    /// What the token is to allow. The order does not matter.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
    /// Further parameters of the requests for tokens and for a person's agreement, such as `audience` or `access_type`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// What becomes of a refresh token for which the server has given a new one. Default: reuseKills.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub rotation: Rotation,
    /// The header that carries the token. Default: `Authorization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What stands before the token in the header, with its space. Default: `Bearer ` in `Authorization`, nothing elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How connections are made, those that ask for tokens and those that carry them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<ClientTls>>,
}

/// What a token is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Grant {
    /// The client's own secret.
    ClientCredentials,
    /// A person agrees in a browser: `raccord authorize NAME`. With PKCE and state.
    AuthorizationCode,
    /// A person types a code on another device: `raccord authorize NAME` (RFC 8628).
    DeviceCode,
    /// An assertion that is signed here (RFC 7523).
    JwtBearer,
    /// A refresh token that the service's own pages have shown.
    RefreshToken,
}

impl Grant {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "clientCredentials",
            Self::AuthorizationCode => "authorizationCode",
            Self::DeviceCode => "deviceCode",
            Self::JwtBearer => "jwtBearer",
            Self::RefreshToken => "refreshToken",
        }
    }

    /// Whether a person has to agree before there is a token.
    pub const fn needs_person(self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode)
    }
}

/// How a client proves itself to the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` among the parameters.
    #[default]
    Body,
    /// Both in the `Authorization` header (RFC 7617).
    Basic,
}

/// What becomes of a refresh token for which the server has given a new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rotation {
    /// It counts no more, and using it again takes everything back: a person has to authorize again. Safe for servers that never replace a refresh token, too.
    #[default]
    ReuseKills,
    /// It counts until the new one is used: a refusal is tried again with it, and never disables at once.
    OldUntilUsed,
}

/// What is signed in place of a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assertion {
    /// Where the private key is read: PEM, or the secret itself for HS256.
    pub key: SecretRef,
    /// How it is signed. Default: RS256.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub algorithm: SignatureAlgorithm,
    /// Which of several keys it is, for the header `kid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Who says so. Default: the client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// In whose name. Default: the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// To whom it is said. Default: the token URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// For how long an assertion counts. Default: 5m.
    #[serde(default = "default_lifetime", skip_serializing_if = "is_default_lifetime")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub lifetime: Seconds,
}

const fn default_lifetime() -> Seconds {
    Seconds(300)
}
fn is_default_lifetime(value: &Seconds) -> bool {
    *value == default_lifetime()
}

/// How an assertion is signed (RFC 7518).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "they are the names of the standard")]
pub enum SignatureAlgorithm {
    #[default]
    RS256,
    RS384,
    RS512,
    PS256,
    ES256,
    ES384,
    HS256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SignatureAlgorithm {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::HS256 => "HS256",
            Self::EdDsa => "EdDSA",
        }
    }
}
