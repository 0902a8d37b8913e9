//! Where the database is and how it is reached. Settings are asked for anew for each connection, so that a password that was
//! changed is taken up; no text of theirs shows a secret.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use raccord_model::port::{Async, Cause};
use secrecy::{ExposeSecret, SecretString};

/// How long it may take to make a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What each connection is told first: times are shown in UTC, and a date of zeros is a value that rows are compared with.
const SETUP: &str = "SET time_zone = '+00:00', sql_mode = TRIM(BOTH ',' FROM REPLACE(REPLACE(REPLACE(REPLACE(@@sql_mode, \
                     'NO_ZERO_IN_DATE', ''), 'NO_ZERO_DATE', ''), 'TRADITIONAL', ''), ',,', ','))";

/// The server, as a user names it.
#[derive(Debug, Clone)]
pub enum Server {
    /// `mysql://user:password@host:port/database`.
    Url(SecretString),
    /// The same in parts.
    Parts {
        /// A name, an address, or the path of a socket.
        host: String,
        /// The port; 3306 without one.
        port: Option<u16>,
        /// The database.
        database: String,
        /// The user.
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

/// All that is needed to connect.
#[derive(Debug, Clone)]
pub struct MysqlSettings {
    /// The server.
    pub server: Server,
    /// Encryption.
    pub tls: Tls,
}

/// Yields the settings, secrets and all, each time that a connection is made.
#[derive(Clone)]
pub struct SettingsSource(pub Arc<dyn Fn() -> Async<'static, Result<MysqlSettings, Cause>> + Send + Sync>);

impl fmt::Debug for SettingsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingsSource")
    }
}

impl SettingsSource {
    /// Settings that stay.
    pub fn fixed(settings: MysqlSettings) -> Self {
        Self(Arc::new(move || Box::pin(std::future::ready(Ok(settings.clone())))))
    }
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The URL is not shown: a password may stand in it.
    #[error("the URL of the database is not one such as `mysql://user@host:3306/database`")]
    Url,
    /// No certificate is trusted.
    #[error("the system has no list of certificate authorities; name a file with `ca`")]
    NoAuthorities,
    /// It took too long.
    #[error("no connection was made within {} seconds", CONNECT.as_secs())]
    Late,
    /// The library, or the server, says so.
    #[error(transparent)]
    Library(#[from] mysql_async::Error),
}

impl MysqlSettings {
    fn options(&self) -> Result<OptsBuilder, ConnectError> {
        let options = match &self.server {
            Server::Url(url) => {
                let read = Opts::from_url(url.expose_secret()).map_err(|_| ConnectError::Url)?;
                OptsBuilder::from_opts(read)
            }
            Server::Parts { host, port, database, user, password } => {
                let password = password.as_ref().map(|password| password.expose_secret().to_owned());
                let options = OptsBuilder::default()
                    .user(Some(user.as_str()))
                    .pass(password)
                    .db_name(Some(database.as_str()));
                if host.starts_with('/') {
                    options.socket(Some(host.as_str()))
                } else {
                    options.ip_or_hostname(host.as_str()).tcp_port(port.unwrap_or(3306))
                }
            }
        };
        // A socket that the server names itself would be another way than the one that the user has named.
        Ok(options.prefer_socket(false).ssl_opts(self.tls.options()?))
    }
}

impl Tls {
    fn options(&self) -> Result<Option<SslOpts>, ConnectError> {
        Ok(match self {
            Self::Off => None,
            Self::Require => Some(
                SslOpts::default()
                    .with_danger_accept_invalid_certs(true)
                    .with_danger_skip_domain_validation(true),
            ),
            Self::Verify { authorities: Some(file) } => {
                let options = SslOpts::default().with_root_certs(vec![file.clone().into()]);
                Some(options.with_disable_built_in_roots(true))
            }
            Self::Verify { authorities: None } => {
                let found = rustls_native_certs::load_native_certs().certs;
                if found.is_empty() {
                    return Err(ConnectError::NoAuthorities);
                }
                let roots = found.into_iter().map(|certificate| certificate.to_vec().into()).collect();
                Some(SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true))
            }
        })
    }
}

/// Makes a connection.
pub(crate) async fn connect(settings: &MysqlSettings) -> Result<Conn, ConnectError> {
    // Another part of the program may have installed it already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let options = settings.options()?.setup(vec![SETUP]).stmt_cache_size(Some(8));
    Ok(tokio::time::timeout(CONNECT, Conn::new(options)).await.map_err(|_| ConnectError::Late)??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_never_shown() {
        let of = |url: &str| MysqlSettings { server: Server::Url(SecretString::from(url)), tls: Tls::Off };
        let good = of("mysql://me:hunter2@db.example:3307/crm");
        assert!(good.options().is_ok());
        assert!(!format!("{good:?}").contains("hunter2"));
        let error = of("postgres://me:hunter2@db.example/crm").options().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
