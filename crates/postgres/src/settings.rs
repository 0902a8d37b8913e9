//! Where the database is and how it is reached. Settings are asked for anew for each connection, so that a password that was
//! changed is taken up; no text of theirs shows a secret.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use raccord_model::port::{Async, Cause};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;

/// The server, as a user names it.
#[derive(Debug, Clone)]
pub enum Server {
    /// `postgres://user:password@host:port/database`.
    Url(SecretString),
    /// The same in parts.
    Parts {
        /// A name, an address, or the directory of a socket.
        host: String,
        /// The port; 5432 without one.
        port: Option<u16>,
        /// The database.
        database: String,
        /// The role.
        user: String,
        /// Its password.
        password: Option<SecretString>,
    },
}

/// Whether and how the connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Not at all. A socket of the same machine is never encrypted.
    Off,
    /// Encrypted, with any server that answers: nothing is known of the certificate.
    Require,
    /// Encrypted, with a certificate of the server's name that a known authority has signed.
    Verify {
        /// A PEM file with the authorities; without one, those that the system trusts.
        authorities: Option<PathBuf>,
    },
}

/// All that is needed to connect, and the schema in which tables stand.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// The server.
    pub server: Server,
    /// Encryption.
    pub tls: Tls,
    /// The schema of the tables.
    pub schema: String,
}

/// Yields the settings, secrets and all, each time that a connection is made.
#[derive(Clone)]
pub struct SettingsSource(pub Arc<dyn Fn() -> Async<'static, Result<PostgresSettings, Cause>> + Send + Sync>);

impl fmt::Debug for SettingsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingsSource")
    }
}

impl SettingsSource {
    /// Settings that stay.
    pub fn fixed(settings: PostgresSettings) -> Self {
        Self(Arc::new(move || Box::pin(std::future::ready(Ok(settings.clone())))))
    }
}

/// A URL that does not say where a database is. It is not shown: a password may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the URL of the database is not one such as `postgres://user@host:5432/database`")]
pub struct UrlError;

impl PostgresSettings {
    /// In the form of the client library.
    pub(crate) fn config(&self) -> Result<tokio_postgres::Config, UrlError> {
        let mut config = match &self.server {
            Server::Url(url) => url.expose_secret().parse().map_err(|_| UrlError)?,
            Server::Parts { host, port, database, user, password } => {
                let mut config = tokio_postgres::Config::new();
                config.host(host).port(port.unwrap_or(5432)).dbname(database).user(user);
                if let Some(password) = password {
                    config.password(password.expose_secret());
                }
                config
            }
        };
        config.ssl_mode(if self.tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
        // A socket has no name to prove and needs no encryption.
        let is_local =
            |host: &tokio_postgres::config::Host| !matches!(host, tokio_postgres::config::Host::Tcp(_));
        if !config.get_hosts().is_empty() && config.get_hosts().iter().all(is_local) {
            config.ssl_mode(SslMode::Disable);
        }
        config.application_name("raccord");
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_never_shown() {
        let of = |url: &str| PostgresSettings {
            server: Server::Url(SecretString::from(url)),
            tls: Tls::Off,
            schema: "crm".to_owned(),
        };
        let good = of("postgres://me:hunter2@db.example:5433/crm");
        let config = good.config().unwrap();
        assert_eq!((config.get_ports(), config.get_dbname()), (&[5433][..], Some("crm")));
        assert!(!format!("{good:?}").contains("hunter2"));
        let error = of("mysql://me:hunter2@db.example/crm").config().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
