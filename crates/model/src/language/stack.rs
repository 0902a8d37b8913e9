//! `Stack`: the one `raccord.yaml` of a directory. Without it everything has its default.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::integration::{EmailAddress, Language};
use super::is_default;
pub use crate::name::DEFAULT_STACK;
use crate::secret::{SecretRef, TextOrSecret};

/// What a Stack says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StackSpec {
    /// What `${var:NAME}` stands for, unless `--var` says otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The language of alerts. Default: en.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub language: Language,
    /// The server that mails are handed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailServer>,
    /// What may run at the same time.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub limits: Limits,
    /// Where services reach the daemon's webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<PublicAddress>,
}

/// Where services reach the daemon from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicAddress {
    /// The URL that `/hooks/…` continues, for example `https://raccord.example`.
    pub url: String,
}

/// The server that mails are handed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MailServer {
    /// Its host name.
    pub host: String,
    /// Its port. Default: 587 with STARTTLS, 465 with implicit TLS, 25 without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is protected. Default: STARTTLS.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub security: MailSecurity,
    /// The sender.
    pub from: EmailAddress,
    /// The user name, plain or by reference, when the server wants a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<TextOrSecret>,
    /// Where the password is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MailSecurity {
    /// Begins in the clear and changes to TLS before anything is said (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// In the clear; accepted on a loopback address only.
    None,
}

impl MailSecurity {
    /// The port where servers are usually spoken to in this way.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

/// What may run at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// How many transfers run at once; those that share a reading count once. Default: 4.
    #[serde(default = "default_transfers", skip_serializing_if = "is_default_transfers")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub parallel_transfers: u32,
    /// How many transfers of one source run at once; those that share a reading count once. Default: 2.
    #[serde(default = "default_per_source", skip_serializing_if = "is_default_per_source")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub per_source: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { parallel_transfers: default_transfers(), per_source: default_per_source() }
    }
}

const fn default_transfers() -> u32 {
    4
}
const fn is_default_transfers(value: &u32) -> bool {
    *value == default_transfers()
}
const fn default_per_source() -> u32 {
    2
}
const fn is_default_per_source(value: &u32) -> bool {
    *value == default_per_source()
}
