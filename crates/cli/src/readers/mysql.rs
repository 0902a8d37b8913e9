//! MySQL and MariaDB as a source behind the port.

use std::sync::Arc;

use raccord_connect::{DatabaseParts, DatabaseSecrets, DatabaseServer, Opening, Stream};
use raccord_model::language::authorization::{Database, TlsMode};
use raccord_model::port::Cause;
use raccord_model::port::source::{Source, SourceError};
use raccord_model::secret::SecretError;
use raccord_mysql::{MysqlSettings, MysqlSource, Server, SettingsSource, Tls};
use secrecy::ExposeSecret;

use super::without_access;

/// Opens a stream.
#[expect(clippy::needless_pass_by_value, reason = "the form in which the registry asks")]
pub(super) fn open(stream: &Stream, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    let name = opening.database_name();
    let (Some(stream), Some((authorization, secrets))) = (stream.get(), opening.database()) else {
        return Err(without_access(name));
    };
    let settings = SettingsSource(Arc::new(move || {
        let (secrets, authorization) = (secrets.clone(), authorization.clone());
        Box::pin(async move { settings(&secrets, &authorization).await.map_err(Cause::from) })
    }));
    Ok(Box::new(MysqlSource::new(stream, settings, name)))
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
