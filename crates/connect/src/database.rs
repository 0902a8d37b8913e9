//! Reads where a database is and how we prove who we are to it. It connects to none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use raccord_model::language::authorization::Database;
use raccord_model::port::environment::Environment;
use raccord_model::secret::{SecretError, TextOrSecret};
use secrecy::SecretString;

use crate::secret::{SecretHost, SecretReader};

/// Where a database is, with the secrets.
#[derive(Debug, Clone)]
pub enum DatabaseServer {
    /// As one URL.
    Url(SecretString),
    /// In parts.
    Parts(DatabaseParts),
}

/// Where a database is, in parts. Each may be as good as a secret.
#[derive(Debug, Clone)]
pub struct DatabaseParts {
    /// The name or the address of the server, or the directory of its socket.
    pub host: SecretString,
    /// The port, unless it is the usual one.
    pub port: Option<u16>,
    /// The database.
    pub database: SecretString,
    /// The role.
    pub user: SecretString,
    /// Its password, where there is one.
    pub password: Option<SecretString>,
}

/// Reads the secrets of an authorization for a database, as they are now.
#[derive(Debug, Clone)]
pub struct DatabaseSecrets {
    secrets: SecretReader,
    root: PathBuf,
}

impl DatabaseSecrets {
    /// Files are relative to `root`.
    pub fn new(environment: &Arc<dyn Environment>, root: &Path) -> Self {
        Self { secrets: SecretReader::at(root, &SecretHost::new(environment)), root: root.to_owned() }
    }

    /// The same, where secrets are read already.
    pub(crate) fn of(secrets: &SecretReader, root: &Path) -> Self {
        Self { secrets: secrets.clone(), root: root.to_owned() }
    }

    /// The server of an authorization.
    ///
    /// # Errors
    /// When a secret is not there or of no use where this runs.
    pub async fn server(&self, database: &Database) -> Result<DatabaseServer, SecretError> {
        let secrets = &self.secrets;
        if let Some(url) = &database.url {
            return secrets.read(url).await.map(DatabaseServer::Url);
        }
        let password = match &database.password {
            Some(password) => Some(secrets.read(password).await?),
            None => None,
        };
        Ok(DatabaseServer::Parts(DatabaseParts {
            host: text(secrets, database.host.as_ref()).await?,
            port: database.port,
            database: text(secrets, database.database.as_ref()).await?,
            user: text(secrets, database.user.as_ref()).await?,
            password,
        }))
    }

    /// The file with the authorities that may have signed the server's certificate.
    pub fn authorities(&self, database: &Database) -> Option<PathBuf> {
        database.tls.ca.as_ref().map(|path| self.root.join(path))
    }
}

async fn text(secrets: &SecretReader, text: Option<&TextOrSecret>) -> Result<SecretString, SecretError> {
    match text {
        Some(text) => secrets.read_text(text).await,
        None => Ok(SecretString::default()),
    }
}
