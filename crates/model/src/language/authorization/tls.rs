//! `tls` of an authorization: the certificate that we show a service, and the authority that its own has to come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exclusive::only_with;
use crate::secret::SecretRef;

/// How connections to the service are made, beside what is sent over them. A certificate and its key prove who we are (mutual TLS).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = only_with("certificate", "key"), transform = only_with("key", "certificate"))]
pub struct ClientTls {
    /// Where our certificate is read, in PEM, with those between it and its authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<SecretRef>,
    /// Where the key of the certificate is read, in PEM, not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// A file with the certificates of the authorities that are trusted, in PEM, instead of those of the system. Relative to the directory of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}
