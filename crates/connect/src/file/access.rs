//! Buckets and servers of files with the secrets that reach them. It connects to none.

use std::path::Path;
use std::sync::Arc;

use raccord_files::storage::{AzureAccess, GcsAccess, RemotePlace, S3Access, SftpAccess, SftpSecret};
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::{Azure, Gcs, S3, Sftp};
use raccord_model::language::connector::file::{RemotePath, Scheme};
use raccord_model::port::environment::Environment;
use raccord_model::port::source::SourceError;
use raccord_model::secret::{SecretError, SecretRef, TextOrSecret};
use secrecy::SecretString;

use crate::secret::{SecretHost, SecretReader};

/// The usual port of SFTP.
const SFTP_PORT: u16 = 22;

/// Reads the secrets of authorizations for buckets and servers of files, as they are now.
#[derive(Debug, Clone)]
pub struct StorageSecrets {
    secrets: SecretReader,
}

impl StorageSecrets {
    /// Files are relative to `root`.
    pub fn new(environment: &Arc<dyn Environment>, root: &Path) -> Self {
        Self { secrets: SecretReader::at(root, &SecretHost::new(environment)) }
    }

    /// The same, where secrets are read already.
    pub(crate) fn of(secrets: &SecretReader) -> Self {
        Self { secrets: secrets.clone() }
    }

    /// A place with what reaches it.
    ///
    /// # Errors
    /// When a secret is not there, or the authorization is of another type than the place wants.
    pub async fn place(
        &self,
        place: &RemotePath<'_>,
        authorization: Option<&AuthorizationSpec>,
    ) -> Result<RemotePlace, SourceError> {
        crate::crypto::install_crypto();
        access(place, authorization, &self.secrets).await
    }
}

async fn access(
    place: &RemotePath<'_>,
    authorization: Option<&AuthorizationSpec>,
    secrets: &SecretReader,
) -> Result<RemotePlace, SourceError> {
    let (bucket, host) = (place.host.to_owned(), place.host.to_owned());
    Ok(match (place.scheme, authorization) {
        (Scheme::S3, Some(AuthorizationSpec::S3(s3))) => {
            RemotePlace::S3 { bucket, access: of_s3(s3, secrets).await? }
        }
        (Scheme::S3, None | Some(AuthorizationSpec::None(_))) => {
            RemotePlace::S3 { bucket, access: S3Access::default() }
        }
        (Scheme::Gs, Some(AuthorizationSpec::Gcs(gcs))) => {
            let Gcs { service_account } = &**gcs;
            let access = GcsAccess { service_account: secret(service_account.as_ref(), secrets).await? };
            RemotePlace::Gcs { bucket, access }
        }
        (Scheme::Gs, None | Some(AuthorizationSpec::None(_))) => {
            RemotePlace::Gcs { bucket, access: GcsAccess::default() }
        }
        (Scheme::Az, Some(AuthorizationSpec::Azure(azure))) => {
            let Azure { account, access_key, endpoint } = &**azure;
            let access = AzureAccess {
                account: text(account.as_ref(), secrets).await?,
                access_key: secret(access_key.as_ref(), secrets).await?,
                endpoint: endpoint.clone(),
            };
            RemotePlace::Azure { container: bucket, access }
        }
        (Scheme::Az, None | Some(AuthorizationSpec::None(_))) => {
            RemotePlace::Azure { container: bucket, access: AzureAccess::default() }
        }
        (Scheme::Sftp, Some(AuthorizationSpec::Sftp(sftp))) => RemotePlace::Sftp {
            host,
            port: place.port.unwrap_or(SFTP_PORT),
            from_home: false,
            access: of_sftp(sftp, secrets).await?,
        },
        (scheme, _) => {
            return Err(SourceError::Settings {
                place: "authorization".to_owned(),
                message: format!("it has to be of type {}", scheme.authorization()),
            });
        }
    })
}

async fn of_s3(s3: &S3, secrets: &SecretReader) -> Result<S3Access, SecretError> {
    Ok(S3Access {
        access_key_id: text(s3.access_key_id.as_ref(), secrets).await?,
        secret_access_key: secret(s3.secret_access_key.as_ref(), secrets).await?,
        session_token: secret(s3.session_token.as_ref(), secrets).await?,
        region: s3.region.clone(),
        endpoint: s3.endpoint.clone(),
    })
}

async fn of_sftp(sftp: &Sftp, secrets: &SecretReader) -> Result<SftpAccess, SourceError> {
    let password = secret(sftp.password.as_ref(), secrets).await?;
    let key = secret(sftp.private_key.as_ref(), secrets).await?;
    let secret = match (password, key) {
        (Some(password), _) => SftpSecret::Password(password),
        (None, Some(key)) => SftpSecret::Key(key, secret(sftp.passphrase.as_ref(), secrets).await?),
        (None, None) => {
            let message = "`password` or `privateKey` is missing".to_owned();
            return Err(SourceError::Settings { place: "authorization".to_owned(), message });
        }
    };
    Ok(SftpAccess {
        user: secrets.read_text(&sftp.user).await?,
        secret,
        host_keys: sftp.host_keys.clone(),
        known_hosts: sftp.known_hosts.as_ref().map(|path| secrets.path(path)),
    })
}

async fn secret(
    reference: Option<&SecretRef>,
    secrets: &SecretReader,
) -> Result<Option<SecretString>, SecretError> {
    match reference {
        Some(reference) => secrets.read(reference).await.map(Some),
        None => Ok(None),
    }
}

async fn text(
    text: Option<&TextOrSecret>,
    secrets: &SecretReader,
) -> Result<Option<SecretString>, SecretError> {
    match text {
        Some(text) => secrets.read_text(text).await.map(Some),
        None => Ok(None),
    }
}
