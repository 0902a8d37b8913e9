//! How a database is reached: its URL, or the same in parts, and whether the connection is encrypted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exclusive::exactly_one;
use crate::language::is_default;
use crate::secret::{SecretRef, TextOrSecret};

/// Access to a database. Give `url`, or `host` with `database` and `user`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("url host"))]
pub struct Database {
    /// Where `postgres://USER:PASSWORD@HOST:PORT/DATABASE` is read, or the same with `mysql://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretRef>,
    /// The name or the address of the server, or the directory of its socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<TextOrSecret>,
    /// The port, beside `host`. Default: 5432, of MySQL 3306.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database, beside `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<TextOrSecret>,
    /// The role, beside `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<TextOrSecret>,
    /// Where the password is read, beside `host`; empty when the server asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Whether the connection is encrypted, and with whom.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub tls: Tls,
}

/// How the connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// Whether it is, and whether the server has to prove its name. Default: verify.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub mode: TlsMode,
    /// A PEM file with the authorities that may have signed the server's certificate, relative to the directory of the stack.
    /// Default: those that the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// Whether a connection to a database is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TlsMode {
    /// It is, and the server has to prove its name.
    #[default]
    Verify,
    /// It is, whatever the server says it is: only for a network that is trusted.
    Require,
    /// It is not: only for a server on the same machine or in a network that is trusted.
    Disable,
}
