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

/// Why a URL does not say where a database is. It is not shown: a password may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Mostly what a file or a program has put behind it.
    #[error("blanks or a line break stand around the URL of the database")]
    Blanks,
    /// Another database, or a driver's own form.
    #[error("the URL of the database does not begin with `postgres://` or `postgresql://`")]
    Scheme,
    /// The client library finds no place in it.
    #[error("the URL of the database is not one such as `postgres://user@host:5432/database`")]
    Form,
    /// `sslmode` or `sslrootcert`, of which the library knows a part, and whose word would count for nothing.
    #[error(
        "the URL of the database says `{parameter}`, which counts for nothing: write `tls: {instead}` in the authorization, and leave it out"
    )]
    Encryption {
        /// What the URL says.
        parameter: &'static str,
        /// How the authorization says it.
        instead: &'static str,
    },
}

/// What a URL may say of encryption, and how the authorization says it.
const ENCRYPTION: [(&str, &str); 8] = [
    ("sslmode=disable", "{mode: disable}"),
    ("sslmode=allow", "{mode: disable}"),
    ("sslmode=prefer", "{mode: require}"),
    ("sslmode=require", "{mode: require}"),
    ("sslmode=verify-ca", "{mode: verify}"),
    ("sslmode=verify-full", "{mode: verify}"),
    ("sslmode=", "{mode: verify}"),
    ("sslrootcert=", "{ca: FILE}"),
];

/// What the library reads of a URL: without what it says of encryption, where that is what is done.
fn read(url: &str, tls: &Tls) -> Result<tokio_postgres::Config, UrlError> {
    if url.trim() != url {
        return Err(UrlError::Blanks);
    }
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(UrlError::Scheme);
    }
    let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
    let mut kept = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let said = ENCRYPTION
            .iter()
            .find(|(said, _)| parameter.starts_with(said) && (parameter == *said || said.ends_with('=')));
        match said {
            None => kept.push(parameter),
            Some((said, _)) if tls.is_as(said) => {}
            Some(&(parameter, instead)) => return Err(UrlError::Encryption { parameter, instead }),
        }
    }
    let url = if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join("&")) };
    url.parse().map_err(|_| UrlError::Form)
}

impl Tls {
    /// Whether what is done is at least what a URL says.
    fn is_as(&self, said: &str) -> bool {
        match said {
            "sslmode=disable" => *self == Self::Off,
            "sslmode=allow" | "sslmode=prefer" => true,
            "sslmode=require" => *self != Self::Off,
            "sslmode=verify-ca" | "sslmode=verify-full" => matches!(self, Self::Verify { .. }),
            _ => false,
        }
    }
}

impl PostgresSettings {
    /// In the form of the client library.
    pub(crate) fn config(&self) -> Result<tokio_postgres::Config, UrlError> {
        let mut config = match &self.server {
            Server::Url(url) => read(url.expose_secret(), &self.tls)?,
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

    #[test]
    fn what_a_url_says_of_encryption_is_done_or_refused() {
        let verify = || Tls::Verify { authorities: None };
        let refused = |parameter, instead| Err(UrlError::Encryption { parameter, instead });
        for (parameters, tls, expected) in [
            ("", verify(), Ok(())),
            ("?sslmode=disable", Tls::Off, Ok(())),
            ("?sslmode=disable", verify(), refused("sslmode=disable", "{mode: disable}")),
            ("?sslmode=require", Tls::Off, refused("sslmode=require", "{mode: require}")),
            ("?sslmode=require", Tls::Require, Ok(())),
            ("?sslmode=require&connect_timeout=5", verify(), Ok(())),
            ("?sslmode=prefer", Tls::Off, Ok(())),
            ("?sslmode=verify-full", Tls::Require, refused("sslmode=verify-full", "{mode: verify}")),
            ("?sslmode=verify-full", verify(), Ok(())),
            ("?sslmode=hunter2", verify(), refused("sslmode=", "{mode: verify}")),
            ("?sslrootcert=/ca.pem", verify(), refused("sslrootcert=", "{ca: FILE}")),
            ("?nonsense=1", verify(), Err(UrlError::Form)),
            ("\n", verify(), Err(UrlError::Blanks)),
        ] {
            let found = read(&format!("postgres://me@db.example/crm{parameters}"), &tls).map(drop);
            assert_eq!(found, expected, "{parameters}");
        }
        assert_eq!(read("jdbc:postgresql://db/crm", &Tls::Off).map(drop), Err(UrlError::Scheme));
    }
}
