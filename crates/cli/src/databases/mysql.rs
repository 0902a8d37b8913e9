//! MySQL and MariaDB: what connections are made with.

use std::sync::Arc;

use raccord_connect::{DatabaseParts, DatabaseSecrets, DatabaseServer};
use raccord_model::language::authorization::{Database, TlsMode};
use raccord_model::port::Cause;
use raccord_model::secret::SecretError;
use raccord_mysql::{MysqlSettings, Server, SettingsSource, Tls};
use secrecy::ExposeSecret;

/// What each connection is made with.
pub(crate) fn settings_source(secrets: DatabaseSecrets, authorization: &Database) -> SettingsSource {
    let authorization = authorization.clone();
    SettingsSource(Arc::new(move || {
        let (secrets, authorization) = (secrets.clone(), authorization.clone());
        Box::pin(async move { settings(&secrets, &authorization).await.map_err(Cause::from) })
    }))
}

/// What a connection is made with. Secrets are read for each, so that one which was changed is taken up.
async fn settings(secrets: &DatabaseSecrets, authorization: &Database) -> Result<MysqlSettings, SecretError> {
    let server = match secrets.server(authorization).await? {
        DatabaseServer::Url(url) => Server::Url(url),
        DatabaseServer::Parts(DatabaseParts { host, port, database, user, password }) => Server::Parts {
            host: host.expose_secret().to_owned(),
            port,
            database: database.expose_secret().to_owned(),
            user: user.expose_secret().to_owned(),
            password,
        },
    };
    let tls = match authorization.tls.mode {
        TlsMode::Verify => Tls::Verify { authorities: secrets.authorities(authorization) },
        TlsMode::Require => Tls::Require,
        TlsMode::Disable => Tls::Off,
    };
    Ok(MysqlSettings { server, tls })
}
