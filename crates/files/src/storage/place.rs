//! Places that are not on this machine, with what is needed to reach them. Secrets show themselves to no `Debug`.

use std::path::PathBuf;

use secrecy::SecretString;

/// A place that is not on this machine.
#[derive(Debug, Clone)]
pub enum RemotePlace {
    /// A bucket of S3, or of a service compatible with it.
    S3 {
        /// The bucket.
        bucket: String,
        /// How it is reached.
        access: S3Access,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// The bucket.
        bucket: String,
        /// How it is reached.
        access: GcsAccess,
    },
    /// A container of Azure Blob Storage.
    Azure {
        /// The container.
        container: String,
        /// How it is reached.
        access: AzureAccess,
    },
    /// A server of SFTP.
    Sftp {
        /// Its name or its address.
        host: String,
        /// Its port.
        port: u16,
        /// Whether paths begin at the home of the user, and not at the root.
        from_home: bool,
        /// How it is reached.
        access: SftpAccess,
    },
}

/// Access to S3. What is absent is taken from the environment (`AWS_…`), and keys from the instance's own role.
#[derive(Debug, Clone, Default)]
pub struct S3Access {
    /// The id of an access key.
    pub access_key_id: Option<SecretString>,
    /// Its secret.
    pub secret_access_key: Option<SecretString>,
    /// The token of a session.
    pub session_token: Option<SecretString>,
    /// The region.
    pub region: Option<String>,
    /// The URL of a compatible service.
    pub endpoint: Option<String>,
}

/// Access to Google Cloud Storage. Without a key, that of the environment (`GOOGLE_…`) or of the instance.
#[derive(Debug, Clone, Default)]
pub struct GcsAccess {
    /// The key of a service account, as JSON.
    pub service_account: Option<SecretString>,
}

/// Access to Azure Blob Storage. What is absent is taken from the environment (`AZURE_…`).
#[derive(Debug, Clone, Default)]
pub struct AzureAccess {
    /// The storage account.
    pub account: Option<SecretString>,
    /// Its key.
    pub access_key: Option<SecretString>,
    /// The URL of a compatible service.
    pub endpoint: Option<String>,
}

/// Access to a server of SFTP.
#[derive(Debug, Clone)]
pub struct SftpAccess {
    /// The user.
    pub user: SecretString,
    /// What proves that it is the user.
    pub secret: SftpSecret,
    /// The fingerprints of keys by which the server is known: `SHA256:…`.
    pub host_keys: Vec<String>,
    /// A file in the form of `known_hosts` with them.
    pub known_hosts: Option<PathBuf>,
}

/// What proves who a user of SFTP is.
#[derive(Debug, Clone)]
pub enum SftpSecret {
    /// A password.
    Password(SecretString),
    /// A private key, in the form of OpenSSH or PEM, and what it is encrypted with.
    Key(SecretString, Option<SecretString>),
}
