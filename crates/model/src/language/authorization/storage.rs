//! How buckets and servers of files are reached, and how a server is known to be the one that is meant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exclusive::exactly_one;
use crate::secret::{SecretRef, TextOrSecret};

/// Access to S3 or to a service compatible with it. Without keys, those of the environment (`AWS_ACCESS_KEY_ID` and the like)
/// or of the instance's role are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3 {
    /// The id of the access key, plain or by reference; beside `secretAccessKey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<TextOrSecret>,
    /// Where the secret of the access key is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<SecretRef>,
    /// Where the token of a session is read, for keys that end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretRef>,
    /// The region, such as `eu-west-1`. Default: us-east-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The URL of a compatible service. Default: that of Amazon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Access to Google Cloud Storage. Without a key, that of the environment (`GOOGLE_SERVICE_ACCOUNT` and the like) or of the
/// instance is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gcs {
    /// Where the key of a service account is read, which is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<SecretRef>,
}

/// Access to Azure Blob Storage. Without a key, what the environment says (`AZURE_STORAGE_ACCOUNT_KEY` and the like) is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Azure {
    /// The storage account, plain or by reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<TextOrSecret>,
    /// Where a key of the account is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<SecretRef>,
    /// The URL of a compatible service. Default: that of Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Access to a server of SFTP. Give `password` or `privateKey`, and say by which key the server is known: `hostKeys` or
/// `knownHosts`, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("password privateKey"))]
pub struct Sftp {
    /// The user, plain or by reference.
    pub user: TextOrSecret,
    /// Where the password is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Where the private key is read, in the form of OpenSSH or PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<SecretRef>,
    /// Where the passphrase of the private key is read, when it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretRef>,
    /// The fingerprints of the server's keys, as `ssh-keygen -lf` shows them: `SHA256:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_keys: Vec<String>,
    /// A file in the form of OpenSSH's `known_hosts`, relative to the directory of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<String>,
}
